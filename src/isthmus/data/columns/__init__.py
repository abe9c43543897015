"""Coders of columns, one idea a file: from a column of a table to slots of a prepared row, and back."""

from __future__ import annotations

import numpy as np

from isthmus.data.column import BOOLEAN, CATEGORY, DATE, Column
from isthmus.data.columns.base import Coder, Head
from isthmus.data.columns.categories import MOST_INDICATORS, Embedding, Indicators, Truth, common
from isthmus.data.columns.dates import Date
from isthmus.data.columns.numbers import RankGauss, Standard, heavy_tailed

__all__ = ["CODERS", "Coder", "Head", "choose"]

#: All coders by name.
CODERS: dict[str, type[Coder]] = {c.name: c for c in (Standard, RankGauss, Truth, Indicators, Embedding, Date)}


def choose(column: Column, values: np.ndarray, scaling: str) -> type[Coder]:
    """Choose how a column is prepared.

    Parameters
    ----------
    column : Column
    values : ndarray of shape (n,)
        Of the training rows.
    scaling : {"auto", "standard", "quantile"}
        Of numbers; "auto" is "standard" but for columns that it does not suit.
    """
    if np.isnan(values).all():
        return Standard  # of nothing: missing either way
    if column.type == BOOLEAN:
        return Truth
    if column.type == DATE:
        return Date
    if column.type == CATEGORY:
        counts = np.bincount(values[~np.isnan(values)].astype(np.intp), minlength=len(column.categories or ()))
        return Embedding if int(common(counts).sum()) > MOST_INDICATORS else Indicators
    ranks = scaling == "quantile" or (scaling == "auto" and heavy_tailed(values))
    return RankGauss if ranks else Standard
