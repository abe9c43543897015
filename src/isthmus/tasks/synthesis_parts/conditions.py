"""What a person wants of some columns: checked, and as values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from isthmus.data import Column
from isthmus.data.checks import near, shorten
from isthmus.data.column import BOOLEAN, CATEGORY, DATE, WHOLE
from isthmus.exceptions import DataError, ParameterError

#: Labels that a message lists.
SHOWN = 12


def wanted(
    conditions: Mapping[Any, Any], n: int, columns: Sequence[Column], gaps: Sequence[bool], seen: np.ndarray
) -> np.ndarray:
    """Take conditions as values of n rows, NaN where a column is free; what is to be missing is infinite.

    Parameters
    ----------
    conditions : mapping
        By column, one value or one for each row; None and NaN mean missing.
    n : int
    columns : sequence of Column
    gaps : sequence of bool
        Whether each column had missing cells in fit.
    seen : ndarray of shape (2, d)
        Least and largest value of each column in fit.

    Returns
    -------
    ndarray of shape (n, d)

    Raises
    ------
    ParameterError
        If it is no mapping.
    DataError
        For unknown columns, values that the column cannot have, and another number of them than rows.
    """
    if not isinstance(conditions, Mapping):
        raise ParameterError(
            f"conditions={shorten(conditions)} cannot be used; expected a mapping such as "
            f"{{{columns[0].name!r}: value}}, or None."
        )
    names = [column.name for column in columns]
    out = np.full((n, len(columns)), np.nan)
    for name, value in conditions.items():
        # A frame's labels may be numbers; an array has none but places.
        place = name if type(name) is int and -1 < name < len(names) else None
        j = names.index(str(name)) if str(name) in names else place
        if j is None:
            raise DataError(f"conditions has the column {name!r}, which was not there in fit. {near(str(name), names)}")
        column = columns[j]
        out[:, j] = [_value(each, column, bool(gaps[j]), seen[:, j]) for each in _each(value, n, column)]
    return out


def _each(value: Any, n: int, column: Column) -> Sequence[Any]:
    """Give one value a row, of one for all or of one for each."""
    if isinstance(value, (str, bytes)) or np.ndim(value) == 0:
        return [value] * n
    each = value.tolist() if isinstance(value, np.ndarray) and value.dtype.kind != "M" else list(value)
    if len(each) != n:
        raise DataError(
            f"conditions[{column.name!r}] has {len(each)} values, but {n} rows are asked for; give one value, or one "
            "for each row."
        )
    return each


def _value(value: Any, column: Column, gaps: bool, seen: np.ndarray) -> float:
    if value is None or type(value).__name__ in ("NAType", "NaTType") or value != value:
        if gaps:
            return math.inf
        raise _refusal(value, column, "a value: no cell of it was missing in fit")
    return _READ[column.type](value, column, seen)


def _category(value: Any, column: Column, seen: np.ndarray) -> float:
    labels = column.categories or ()
    try:
        return float(labels.index(_plain(value)))
    except ValueError:
        listed = ", ".join(shorten(label) for label in labels[:SHOWN])
        more = f" and {len(labels) - SHOWN} others" if len(labels) > SHOWN else ""
        raise _refusal(value, column, f"one of those seen in fit: {listed}{more}") from None


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _truth(value: Any, column: Column, seen: np.ndarray) -> float:
    value = _plain(value)
    words = {"true": 1.0, "false": 0.0}
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    if isinstance(value, (bool, int, float)) and value in (0, 1):
        return float(value)
    raise _refusal(value, column, "True or False")


def _number(value: Any, column: Column, seen: np.ndarray) -> float:
    value = _plain(value)
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise _refusal(value, column, "a number") from None
    if not math.isfinite(found):
        raise _refusal(value, column, "a finite number")
    if column.type == WHOLE and found != round(found):
        raise _refusal(value, column, "a whole number")
    low = seen[0] if column.low is None else max(seen[0], column.low)
    high = seen[1] if column.high is None else min(seen[1], column.high)
    if not low <= found <= high:
        raise _refusal(value, column, f"a number from {low:g} to {high:g}, the range seen in fit or that of the schema")
    return found


def _date(value: Any, column: Column, seen: np.ndarray) -> float:
    try:
        if isinstance(value, (datetime, date)):
            when = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
        elif isinstance(value, str):
            when = datetime.fromisoformat(value)
        else:
            when = np.datetime64(value, "us").astype(datetime)
        found = when.replace(tzinfo=when.tzinfo or UTC).timestamp()
    except (TypeError, ValueError, AttributeError):
        raise _refusal(value, column, "a date, such as '2024-05-31' or a datetime") from None
    if not seen[0] <= found <= seen[1]:
        raise _refusal(value, column, f"a date from {column.shown(seen[0])} to {column.shown(seen[1])}, as seen in fit")
    return found


_READ = {CATEGORY: _category, BOOLEAN: _truth, DATE: _date, WHOLE: _number, "number": _number}


def _refusal(value: Any, column: Column, expected: str) -> DataError:
    return DataError(f"conditions[{column.name!r}]={shorten(value)} cannot be used; expected {expected}.")
