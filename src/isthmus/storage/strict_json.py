"""JSON that every reader accepts and that gives back what was written.

JSON has no NaN and no infinity. Here a float that is not finite is written as an object with the single key
``"__float__"`` and the value ``"nan"``, ``"inf"`` or ``"-inf"``; a key of the data that would be taken for
that one (``"__float__"`` after any number of underscores) gets one underscore more, which reading takes off
again. Tuples come back as lists and numpy scalars as Python's own numbers; every other float comes back to
the last bit.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np

from isthmus.exceptions import ModelFileError

_KEY = "__float__"
_RESERVED = re.compile(r"_*__float__")
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def dumps(value: Any, where: str = "the value") -> bytes:
    """Write a value as indented ASCII JSON.

    Parameters
    ----------
    value : JSON value
        None, booleans, numbers (numpy's too), strings, and lists, tuples and dicts with string keys of these.
    where : str, default="the value"
        What it is called in an error.

    Returns
    -------
    bytes

    Raises
    ------
    ModelFileError
        Something in it has no JSON form; the message says where it stands.

    Examples
    --------
    >>> print(dumps({"loss": float("nan")}).decode())
    {
      "loss": {
        "__float__": "nan"
      }
    }
    <BLANKLINE>
    >>> loads(dumps([1, -0.0, float("inf"), "x"]))
    [1, -0.0, inf, 'x']
    """
    return (json.dumps(_encode(value, where), indent=2, allow_nan=False) + "\n").encode("ascii")


def loads(data: bytes | str) -> Any:
    """Read what `dumps` wrote.

    Parameters
    ----------
    data : bytes or str
        Strict JSON: the bare words NaN and Infinity are refused.

    Returns
    -------
    The value.

    Raises
    ------
    ValueError
        It is not JSON.
    """
    try:
        return json.loads(data, object_hook=_decode, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _encode(value: Any, where: str) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {_KEY: repr(float(value))}
    if isinstance(value, list | tuple):
        return [_encode(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise ModelFileError(
                    f"Cannot write {where} as JSON: its key {key!r} is not a string. Use strings as keys."
                )
        return {_escape(key): _encode(item, f"{where}[{key!r}]") for key, item in value.items()}
    raise ModelFileError(
        f"Cannot write {where} as JSON: it is {value!r:.80}, of type {type(value).__name__}. "
        "A model's configuration holds None, booleans, numbers, strings, lists and dicts of these only."
    )


def _escape(key: str) -> str:
    return f"_{key}" if _RESERVED.fullmatch(key) else key


def _decode(found: dict[str, Any]) -> Any:
    if set(found) == {_KEY}:
        word = found[_KEY]
        if not isinstance(word, str) or word not in _NOT_FINITE:
            raise ValueError(f"{word!r} stands for no float")
        return _NOT_FINITE[word]
    return {key[1:] if key != _KEY and _RESERVED.fullmatch(key) else key: item for key, item in found.items()}


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")
