"""Filled values put into a person's rows: within bounds, in the categories that the rows know, as frames or arrays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from isthmus.data import Preparation, Raw
from isthmus.data.column import CATEGORY, DATE, DAY, Column
from isthmus.data.giving_back import give_back
from isthmus.data.moments import column_moments
from isthmus.data.table import columns_of


class Bounds:
    """What filled values may be: within the range seen, and whole where all values seen were.

    Parameters
    ----------
    low, high : ndarray of shape (width,)
        Of each column (of each channel, for pictures and sequences); NaN where nothing was seen.
    whole : bool ndarray of shape (width,)
    """

    def __init__(self, low: np.ndarray, high: np.ndarray, whole: np.ndarray):
        self.low, self.high, self.whole = low, high, whole

    @classmethod
    def of(cls, values: np.ndarray, width: int) -> Bounds:
        """Look at values (n, *item_shape), NaN where missing."""
        moments = column_moments(values, width)
        columns = values.reshape(-1, width)
        if columns.dtype.kind != "f":
            return cls(moments.low, moments.high, np.ones(width, dtype=bool))
        whole = ((columns == np.rint(columns)) | np.isnan(columns)).all(0)
        return cls(moments.low, moments.high, whole)

    def keep(self, values: np.ndarray) -> np.ndarray:
        """Give the nearest values (n, *item_shape) that may be."""
        columns = values.reshape(-1, len(self.whole))
        columns = np.where(self.whole, np.rint(columns), columns)
        return np.clip(columns, self.low, self.high).reshape(values.shape)


def kinds_of(preparation: Preparation) -> np.ndarray | None:
    """Type of the column of each prepared value; None where all are numbers."""
    slots = preparation.slot_columns_
    if slots is None or not preparation.heads_:
        return None
    return np.array([column.type for column in columns_of(preparation.schema_)])[slots]


def completed(raw: Raw, filled: np.ndarray, fitted: Preparation) -> Any:
    """Give rows with their missing values filled, in the form that they came in.

    Parameters
    ----------
    raw : Raw
        Rows as they came.
    filled : ndarray of shape (n, *item_shape)
        Values for those missing, with the meaning that they had in fit.
    fitted : Preparation
    """
    missing = np.isnan(raw.values)
    values = raw.values.copy()
    if raw.columns is None or fitted.schema_.columns is None:
        values[missing] = filled[missing]
        return fitted.give_back(values, raw)
    columns = []
    for j, (now, then) in enumerate(zip(raw.columns, fitted.schema_.columns, strict=True)):
        gaps = missing[:, j]
        column = then if now.type != then.type else now
        if column.type == CATEGORY:
            column, own, places = _joined(now, then)
            known = gaps & ~np.isnan(filled[:, j])
            values[~gaps, j] = own[values[~gaps, j].astype(np.intp)]
            values[known, j] = places[filled[known, j].astype(np.intp)]
        else:
            values[gaps, j] = filled[gaps, j]
        columns.append(column)
    return give_back(values, replace(raw, columns=tuple(columns)).schema, raw.index)


def _joined(now: Column, then: Column) -> tuple[Column, np.ndarray, np.ndarray]:
    """Categories of the rows and of the fit in one column, and the places in it of the rows' own and of the fit's.

    In the order of the fit where these have one and know all; else the rows' own come first.
    """
    own, known = now.categories or (), then.categories or ()
    if now.ordered and set(own) <= set(known):
        labels = known
    else:
        there = set(own)
        labels = (*own, *(label for label in known if label not in there))
    at = {label: place for place, label in enumerate(labels)}
    places = (np.array([at[label] for label in part], dtype=np.float64) for part in (own, known))
    first, second = places
    return replace(now, type=CATEGORY, categories=tuple(labels)), first, second


def doubts(raw: Raw, found: np.ndarray, fitted: Preparation) -> Any:
    """Give a figure for each value of rows, as floats in the form that the rows came in; dates in days."""
    if fitted.schema_.columns is not None:
        dates = [j for j, column in enumerate(fitted.schema_.columns) if column.type == DATE]
        found[:, dates] /= DAY
    floats = None if raw.column_dtypes is None else (_FLOATS.get(raw.container, "float64"),) * raw.item_shape[0]
    schema = replace(raw, values=found, column_dtypes=floats, columns=None).schema
    return give_back(found, schema, raw.index)


#: What frames call floats of 64 bits.
_FLOATS = {"pyarrow": "double", "polars": "Float64"}
