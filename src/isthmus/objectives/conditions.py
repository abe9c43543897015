"""Columns that a model is told: which places of a prepared row they are, and what they are to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from isthmus.exceptions import DataError, ParameterError

Column = str | int


def listed(condition: Any) -> list[Column]:
    """List the columns of a condition: one, several or none.

    Raises
    ------
    ParameterError
        For what is no column, or for a column that is named twice.
    """
    if condition is None:
        return []
    one = isinstance(condition, (str, Integral))
    columns = [condition] if one else list(condition) if isinstance(condition, Sequence) else None
    if columns is None or not all(isinstance(c, (str, Integral)) and not isinstance(c, bool) for c in columns):
        raise ParameterError(
            f"Variational: condition={condition!r} cannot be used; expected a column's name or number, or a "
            "list of these."
        )
    if len(set(columns)) < len(columns):
        raise ParameterError(f"Variational: condition={condition!r} names a column twice; name each once.")
    return [c if isinstance(c, str) else int(c) for c in columns]


def places(columns: Sequence[Column], shape: tuple[int, ...], names: Sequence[str] | None) -> tuple[int, ...]:
    """Find the columns in rows of a shape.

    Raises
    ------
    ParameterError
        Where there is no such column, or items are no rows of columns.
    """
    if columns and len(shape) != 1:
        raise ParameterError(
            f"Variational: condition={list(columns)!r} needs rows of columns, but items have shape {shape}; leave "
            "condition=None."
        )
    found = []
    for column in columns:
        if isinstance(column, int) and -shape[0] <= column < shape[0]:
            found.append(column % shape[0])
        elif names is not None and column in names:
            found.append(list(names).index(str(column)))
        else:
            known = f"the columns are {', '.join(map(repr, names[:20]))}" if names else f"there are {shape[0]} columns"
            raise ParameterError(f"Variational: condition has the column {column!r}, which is not there; {known}.")
    if len(set(found)) < len(found):
        raise ParameterError(f"Variational: condition={list(columns)!r} names a column twice; name each once.")
    return tuple(found)


def given_values(condition: Any, columns: Sequence[Column], n: int) -> np.ndarray:
    """Take what the columns are to be, by column, each one value or one for each of n rows: (n, columns).

    Raises
    ------
    DataError
        Where a column lacks, is not one of them, or has other values than numbers, or another number of them.
    """
    if not isinstance(condition, Mapping):
        raise DataError(
            f"condition={condition!r} cannot be used; expected a mapping such as {{{columns[0]!r}: value}}, in which a "
            "value is a number, or a list of one number a row."
        )
    if set(condition) != set(columns):
        raise DataError(
            f"condition has the columns {sorted(map(str, condition))}, but the model was fitted with "
            f"condition={list(columns)!r}; give a value for each of these, and for no other."
        )
    out = np.empty((n, len(columns)))
    for j, column in enumerate(columns):
        try:
            out[:, j] = np.asarray(condition[column], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"condition[{column!r}]={condition[column]!r} cannot be used; expected a number, or {n}."
            ) from error
    if not np.isfinite(out).all():
        raise DataError("condition has a value that is missing or infinite; give numbers.")
    return out
