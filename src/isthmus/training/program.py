"""Straight-line tensor code, written as text at run time and run without Python between its operators.

A training step of a small network is a hundred operators of a microsecond each; Python between them costs more than
they do. The text is both Python and TorchScript: the interpreter that comes inside torch runs loops over it in C++,
with no compiler on a person's machine and no binding to one build of torch. Where a torch has no TorchScript, or
refuses the text, Python runs it, to the same numbers.
"""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Optional

import torch


@lru_cache(maxsize=64)
def compile_function(name: str, signature: str, body: str) -> Callable[..., Any]:
    r"""Make a function of a text that is valid as Python and as TorchScript.

    Parameters
    ----------
    name : str
    signature : str
        Annotated parameters, "a: Tensor, rate: float"; the function returns nothing.
    body : str
        Statements that name `torch` and the parameters alone.

    Examples
    --------
    >>> double = compile_function("double", "x: Tensor, times: int", "for i in range(times):\n    x.mul_(2.0)")
    >>> x = torch.ones(2)
    >>> double(x=x, times=3)
    >>> x.tolist()
    [8.0, 8.0]
    """
    text = f"def {name}({signature}) -> None:\n{textwrap.indent(body, '    ')}\n"
    return _scripted(name, text) or _plain(name, text)


def _scripted(name: str, text: str) -> Callable[..., Any] | None:
    unit: Any = getattr(torch.jit, "CompilationUnit", None)
    if unit is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(unit(text), name)
    except (RuntimeError, AttributeError, TypeError):
        return None


def _plain(name: str, text: str) -> Callable[..., Any]:
    """Let Python run the text: it is made by this package alone, never of what a person or a file says."""
    names: dict[str, Any] = {
        "torch": torch,
        "Tensor": torch.Tensor,
        "List": list,
        "Optional": Optional,
        "Generator": torch.Generator,
    }
    exec(text, names)
    return names[name]
