"""Checks of an estimator's parameters, made in `fit`, before any work."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from isthmus.exceptions import ParameterError

Check = Callable[[Any], bool]


def whole(least: int) -> Check:
    """Make a check for whole numbers from `least` on."""
    return lambda v: isinstance(v, numbers.Integral) and not isinstance(v, bool) and v >= least


def number(least: float, below: float = float("inf"), *, open_left: bool = False) -> Check:
    """Make a check for numbers in [least, below), or (least, below)."""

    def check(v: Any) -> bool:
        if not isinstance(v, numbers.Real) or isinstance(v, bool):
            return False
        return (v > least if open_left else v >= least) and v < below

    return check


def word(*words: str) -> Check:
    """Make a check for one of some words."""
    return lambda v: isinstance(v, str) and v in words


def either(*checks: Check) -> Check:
    """Make a check that any of several passes."""
    return lambda v: any(check(v) for check in checks)


def flag(v: Any) -> bool:
    """Check for True or False."""
    return isinstance(v, bool) or type(v).__name__ == "bool_"


def nothing(v: Any) -> bool:
    """Check for None."""
    return v is None


def sizes(v: Any) -> bool:
    """Check for a sequence of whole numbers from 1 on, perhaps empty."""
    return isinstance(v, Sequence) and not isinstance(v, str) and all(map(whole(1), v))


def modules(v: Any) -> bool:
    """Check for a pair of nn.Modules."""
    return isinstance(v, (tuple, list)) and len(v) == 2 and all(isinstance(m, nn.Module) for m in v)


AUTO = word("auto")


def check_parameters(estimator: str, given: Mapping[str, Any], expected: Mapping[str, tuple[Check, str]]) -> None:
    """Check each parameter that `expected` names.

    Parameters
    ----------
    estimator : str
        Name for the message.
    given : mapping
    expected : mapping of str to (check, words)

    Raises
    ------
    ParameterError
        Names the parameter, the value given and what was expected.
    """
    for name, (check, words) in expected.items():
        if not check(given[name]):
            raise ParameterError(f"{estimator}: {name}={given[name]!r} cannot be used; expected {words}.")
