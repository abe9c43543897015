"""Words with parameters, as "denoising(mask, 0.3)" or "gru(bidirectional=true)": read, never evaluated."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

#: Bare words that are values, in any case; all others are text.
VALUES = {"none": None, "true": True, "false": False}

_CALL = re.compile(r"\s*(?P<name>[^\W\d][\w -]*?)\s*(?P<arguments>\(.*\))?\s*", re.DOTALL)


class Call(NamedTuple):
    """A word and what stands in parentheses behind it.

    Parameters
    ----------
    name : str
    arguments : str or None
        With the parentheses; None where there are none.
    """

    name: str
    arguments: str | None


def split(text: str) -> Call | None:
    """Split a word from its parameters; None if the text is no such thing.

    Examples
    --------
    >>> split("gru(bidirectional=true)")
    Call(name='gru', arguments='(bidirectional=true)')
    """
    match = _CALL.fullmatch(text)
    return None if match is None else Call(match["name"], match["arguments"])


def read_arguments(arguments: str) -> tuple[list[Any], dict[str, Any]]:
    """Read parameters within parentheses: those without a name, and the others by name.

    Values are numbers, text with or without quotes, True, False, None, and lists or tuples of such.

    Raises
    ------
    ValueError
        If they cannot be read.

    Examples
    --------
    >>> read_arguments("(mask, 0.3, sizes=(1, 2))")
    (['mask', 0.3], {'sizes': (1, 2)})
    """
    try:
        call = ast.parse(f"_{arguments.strip()}", mode="eval").body
        # "(1)(2)" is a call of a call.
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError("not one pair of parentheses")
        given = [_value(node) for node in call.args]
        named = {str(keyword.arg): _value(keyword.value) for keyword in call.keywords if keyword.arg is not None}
    except (SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(str(error)) from error
    if len(named) < len(call.keywords):
        raise ValueError("not a name and a value")
    return given, named


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggest the known name that looks most like one that is not known."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _value(node: ast.expr) -> Any:
    """Read a literal, or a bare word as text."""
    if isinstance(node, ast.Name):
        return VALUES.get(node.id.lower(), node.id)
    if isinstance(node, (ast.Tuple, ast.List)):
        return tuple(_value(part) for part in node.elts)
    return ast.literal_eval(node)
