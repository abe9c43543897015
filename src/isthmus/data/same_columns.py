"""Rows of a frame in the meaning that its columns had in fit."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from isthmus.data.checks import shorten
from isthmus.data.column import BOOLEAN, CATEGORY, DATE, Column
from isthmus.data.raw import Raw
from isthmus.exceptions import DataError

#: Containers whose columns have types.
FRAMES = ("pandas", "polars", "pyarrow")
#: Place of a category that was not there in fit.
UNSEEN = -1.0


def as_fitted(raw: Raw, fitted: Sequence[Column]) -> Raw:
    """Give rows whose columns mean what they meant in fit.

    Categories get the places that they had, those not seen in fit -1; truth values may come as 0 and 1.

    Parameters
    ----------
    raw : Raw
        Rows with as many columns.
    fitted : sequence of Column
        Columns of the rows fitted on.

    Raises
    ------
    DataError
        Where a column holds something else than in fit: the message names column, row and value.
    """
    if raw.columns is None and raw.container not in FRAMES:
        _refuse_array(raw, fitted)
    given = raw.columns or (None,) * len(fitted)
    if all(now is None or now == then for now, then in zip(given, fitted, strict=True)) and not any(
        now is None and then.type == CATEGORY for now, then in zip(given, fitted, strict=True)
    ):
        return raw
    values = np.array(raw.values, dtype=np.float64, order="F")
    for j, (now, then) in enumerate(zip(given, fitted, strict=True)):
        found = _column(values[:, j], now, then, raw.origin)
        if then.type == CATEGORY:
            _tell_unseen(values[:, j], found, now, then, raw.origin)
        values[:, j] = found
    return replace(raw, values=values, columns=tuple(fitted))


def _refuse_array(raw: Raw, fitted: Sequence[Column]) -> None:
    """Refuse an array where numbers cannot say what was fitted on: labels, dates."""
    odd = next((column for column in fitted if column.type in (CATEGORY, DATE)), None)
    if odd is not None:
        held = "dates" if odd.type == DATE else "categories"
        raise DataError(
            f"{raw.origin} has no column names, but column {odd.name!r} held {held} in fit: give a frame with the "
            "columns that the model was fitted on."
        )


def _column(values: np.ndarray, now: Column | None, then: Column, origin: str) -> np.ndarray:
    kind = None if now is None else now.type
    if then.type == CATEGORY:
        places = {_plain(label): float(i) for i, label in enumerate(then.categories or ())}
        if kind == CATEGORY:
            assert now is not None
            if now.categories == then.categories:
                return values
            moved = np.array([places.get(_plain(label), UNSEEN) for label in now.categories or ()] or [UNSEEN])
            out = np.full(len(values), np.nan)
            known = ~np.isnan(values)
            out[known] = moved[values[known].astype(np.intp)]
            return out
        if kind == DATE:
            raise _refusal(values, now, then, origin)
        return np.array([np.nan if np.isnan(v) else places.get(_plain(v), UNSEEN) for v in values.tolist()])
    if kind in (CATEGORY, DATE) and kind != then.type and not np.isnan(values).all():
        raise _refusal(values, now, then, origin)
    if then.type == DATE and kind not in (DATE, None) and not np.isnan(values).all():
        raise _refusal(values, now, then, origin)
    if then.type == BOOLEAN:
        odd = np.flatnonzero(~np.isnan(values) & (values != 0) & (values != 1))
        if len(odd):
            raise _refusal(values, now, then, origin, int(odd[0]))
    return values


def _tell_unseen(values: np.ndarray, found: np.ndarray, now: Column | None, then: Column, origin: str) -> None:
    """Warn of categories that were not there in fit."""
    unseen = np.flatnonzero(found == UNSEEN)
    if len(unseen):
        value = values[unseen[0]]
        shown = shorten(now.categories[int(value)]) if now is not None and now.categories else f"{value:g}"
        warnings.warn(
            f"Column {then.name!r} of {origin} holds {shown}, which was not there in fit (row {unseen[0]}, counted "
            "from 0): such values are taken for one of the rare categories, or as missing where none is rare.",
            stacklevel=2,
        )


def _plain(label: object) -> object:
    """Let 1, 1.0 and True be one label, as in a dict, but not the text "1"."""
    return float(label) if isinstance(label, (int, float)) else label


def _refusal(values: np.ndarray, now: Column | None, then: Column, origin: str, row: int | None = None) -> DataError:
    row = int(np.flatnonzero(~np.isnan(values))[0]) if row is None else row
    value = float(values[row])
    shown = shorten(now.categories[int(value)]) if now is not None and now.categories else f"{value:g}"
    names = {"whole": "whole numbers", "number": "numbers", "boolean": "true and false", "date": "dates"}
    held = names.get(then.type, "categories")
    found = "dates" if now is not None and now.type == DATE else shown
    return DataError(
        f"Column {then.name!r} of {origin} held {held} in fit, but now holds {found} at row {row} (counted from 0). "
        "Give the column as it was, or leave its cells empty where nothing is known."
    )
