"""One column of what is known of items: numbers, or labels of which an item may have several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from typing import Any

import narwhals as nw
import numpy as np
from scipy import sparse

from isthmus.data.raw import Csr
from isthmus.exceptions import DataError

#: What stands between the labels of one item.
BETWEEN = "|"
#: Standard deviations at which a number is cut off: one odd price is not to rule the regression.
FARTHEST = 5.0


class FeatureColumn:
    """How a column becomes features: a number standardised, labels as 0 and 1 in rows of length 1.

    So every column counts alike in what two items have in common.

    Parameters
    ----------
    name : str
    labels : mapping of str to int
        In how many items each is; empty for a number.
    mean, scale : float
        Of a number.
    """

    def __init__(self, name: str, labels: Mapping[str, int] | None = None, mean: float = 0.0, scale: float = 1.0):
        self.name, self.labels, self.mean, self.scale = name, dict(labels or {}), mean, scale
        self._place = {label: at for at, label in enumerate(self.labels)}

    def only(self, labels: Set[str]) -> FeatureColumn | None:
        """Give the column with some of its labels; a number as it is, None where nothing is left."""
        left = {label: times for label, times in self.labels.items() if label in labels}
        return None if self.labels and not left else FeatureColumn(self.name, left, self.mean, self.scale)

    def encode(self, series: nw.Series[Any]) -> Csr:
        """Give the features of each row: csr_matrix float32 of shape (rows, 1 or labels)."""
        if not self.labels:
            if not _is_numeric(series):
                raise DataError(f"items: column {self.name!r} held numbers in fit; now it is of type {series.dtype}.")
            standard = (_numbers(series) - self.mean) / self.scale
            return sparse.csr_matrix(np.nan_to_num(standard.clip(-FARTHEST, FARTHEST)).astype(np.float32)[:, None])
        found = [[self._place[label] for label in labels if label in self._place] for labels in _labels(series)]
        counts = np.array([len(places) for places in found], dtype=np.int64)
        data = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts).astype(np.float32)
        places = np.array([place for places in found for place in sorted(places)], dtype=np.int32)
        return sparse.csr_matrix((data, places, np.append(0, counts.cumsum())), shape=(len(found), len(self.labels)))

    def to_config(self) -> dict[str, Any]:
        """Give the fields as JSON values."""
        return {"name": self.name, "labels": self.labels, "mean": self.mean, "scale": self.scale}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> FeatureColumn:
        """Rebuild the column from what `to_config` gave."""
        return cls(**config)


def learn_column(series: nw.Series[Any], rows: np.ndarray) -> FeatureColumn | None:
    """Learn a column from some rows; None where it tells them not apart.

    Raises
    ------
    DataError
        If a number is infinite.
    """
    name = str(series.name)
    if not _is_numeric(series):
        found = _labels(series)
        counts = Counter(label for row in rows for label in found[row])
        # What one item alone has says nothing of another.
        shared = {label: times for label, times in sorted(counts.items()) if 2 <= times < len(rows)}
        return FeatureColumn(name, shared) if shared else None
    values = _numbers(series)
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        raise DataError(f"items: row {row} of column {name!r} is {values[row]}. Give a number, or leave it out.")
    there = values[rows][~np.isnan(values[rows])]
    scale = float(there.std()) if len(there) else 0.0
    return FeatureColumn(name, mean=float(there.mean()), scale=scale) if np.isfinite(scale) and scale > 0 else None


def _is_numeric(series: nw.Series[Any]) -> bool:
    return series.dtype.is_numeric() or series.dtype in (nw.Boolean, nw.Date, nw.Datetime)


def _numbers(series: nw.Series[Any]) -> np.ndarray:
    """Give a column of numbers, truth values or dates as float64, NaN where there is none."""
    if series.dtype in (nw.Date, nw.Datetime):
        series = series.dt.timestamp("ms")
    return np.array([np.nan if value is None else float(value) for value in series.to_list()])


def _labels(series: nw.Series[Any]) -> list[list[str]]:
    """Give the labels of each row, none of them twice."""
    return [_labels_of(value) for value in series.to_list()]


def _labels_of(value: Any) -> list[str]:
    if isinstance(value, (list, tuple, np.ndarray)):
        parts = [str(part) for part in value]
    elif value is None or value != value:
        return []
    else:
        parts = str(value).split(BETWEEN)
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))
