"""Checks of an objective's parameters, made in `begin`, before any training, and of what its places give."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from torch import Tensor

from isthmus.exceptions import ParameterError

#: Largest weight or standard deviation that is taken: its square stays finite in float32, with room for sums.
LARGEST = 1e9


def refuse(objective: object, name: str, expected: str) -> ParameterError:
    """Make the error that names an objective, its parameter, the value given and what was expected."""
    given = repr(getattr(objective, name))
    shown = given if len(given) <= 80 else given[:77] + "..."
    return ParameterError(f"{type(objective).__name__}: {name}={shown} cannot be used; expected {expected}.")


def refuse_given(objective: object, place: str, given: Any, expected: str) -> ParameterError:
    """Make the error that names a place of an objective, what it gave and what was expected."""
    return ParameterError(f"{place} of {objective!r} gave {shown(given)}; expected {expected}.")


def check_code(objective: object, given: Any) -> None:
    """Raise `ParameterError` unless an objective's `code` gave a pair: it may be a person's own."""
    if not isinstance(given, (tuple, list)) or len(given) != 2 or not isinstance(given[1], dict):
        pair = "a pair: the code that is decoded, and a dict of names and scalar tensors to add to the loss"
        raise refuse_given(objective, "code", given, pair)


def check_terms(objective: object, given: Any) -> None:
    """Raise `ParameterError` unless an objective's `terms` gave a dict."""
    if not isinstance(given, dict):
        raise refuse_given(objective, "terms", given, "a dict of names and scalar tensors, perhaps empty")


def shown(value: Any) -> str:
    """Say in a few words what an objective gave."""
    if isinstance(value, (Tensor, np.ndarray)):
        return f"a {type(value).__name__} of shape {tuple(value.shape)}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {', '.join(map(shown, value)) or 'nothing'}"
    return f"{value!r:.80}"


def is_number(value: Any, least: float, most: float) -> bool:
    """Whether a value is a number in [least, most]; True and NaN are none."""
    numeric = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    # Compared as it is: an int may be too large for a float.
    return numeric and bool(least <= value <= most)


def check_number(objective: object, name: str, least: float, most: float, expected: str) -> None:
    """Raise `ParameterError` unless a parameter is a number in [least, most]."""
    if not is_number(getattr(objective, name), least, most):
        raise refuse(objective, name, expected)


def check_weight(objective: object, name: str) -> None:
    """Raise `ParameterError` unless a parameter is a number from 0 to `LARGEST`."""
    check_number(objective, name, 0, LARGEST, f"a number from 0 to {LARGEST:g}")


def check_word(objective: object, name: str, words: Iterable[str]) -> None:
    """Raise `ParameterError` unless a parameter is one of some words."""
    words = tuple(words)
    value = getattr(objective, name)
    if not isinstance(value, str) or value not in words:
        raise refuse(objective, name, f"one of {', '.join(map(repr, words))}")
