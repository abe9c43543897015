"""What each column adds to the score of each row, and which value was expected of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from isthmus.data import Column, Preparation, Raw


@dataclass(frozen=True)
class Explanation:
    """Why rows have the scores that they have.

    Parameters
    ----------
    columns : tuple of str
        Names of the d columns; of pictures and sequences, of the values of an item.
    scores : ndarray of shape (n,)
        Anomaly score of each row: minus `score_samples`.
    contributions : ndarray of shape (n, d)
        What each column adds: the rows sum to `scores`.
    values, expected : ndarray of shape (n, d)
        Values of the rows, and the mean over the nearest rows fitted on, in the person's units; NaN where missing.
    described : tuple of Column, optional
        What the columns are, where not all are numbers: categories are told by their labels, dates as dates.

    Examples
    --------
    >>> import numpy as np
    >>> two = np.array([[0.5, 2.0]])
    >>> Explanation(("age", "pay"), np.array([2.5]), two, two, two).reasons(0)
    [('pay', 2.0, 2.0, 2.0), ('age', 0.5, 0.5, 0.5)]
    """

    columns: tuple[str, ...]
    scores: np.ndarray
    contributions: np.ndarray
    values: np.ndarray
    expected: np.ndarray
    described: tuple[Column, ...] = ()

    def reasons(self, row: int, most: int = 3) -> list[tuple[str, float | str, float | str, float]]:
        """Give the columns that add most to the score of a row: (column, value, expected, contribution) each."""
        order = np.argsort(-self.contributions[row], kind="stable")[:most]
        return [
            (
                self.columns[j],
                self._told(j, float(self.values[row, j])),
                self._told(j, float(self.expected[row, j])),
                float(self.contributions[row, j]),
            )
            for j in order.tolist()
        ]

    def _told(self, j: int, value: float) -> float | str:
        """Give a value as a person has it: a number, a label, a date."""
        if not self.described or np.isnan(value):
            return value
        told = self.described[j].shown(value)
        return value if told is None else told

    def to_table(self) -> Any:
        """Give a pyarrow.Table, one line for each row and column: row, column, value, expected, contribution, score.

        Where not all columns are numbers, value and expected are text.

        `.to_pandas()` and `polars.from_arrow` make a frame of it.
        """
        n, d = self.contributions.shape
        return pa.table(
            {
                "row": np.repeat(np.arange(n), d),
                "column": pa.array(list(self.columns) * n, type=pa.string()),
                "value": self._all_told(self.values),
                "expected": self._all_told(self.expected),
                "contribution": self.contributions.ravel(),
                "score": np.repeat(self.scores, d),
            }
        )

    def _all_told(self, values: np.ndarray) -> Any:
        """Give all values, row by row: numbers, or text where not all columns are numbers."""
        if not self.described:
            return values.ravel()
        told = (self._told(j, float(value)) for row in values for j, value in enumerate(row))
        return pa.array([None if value != value else str(value) for value in told], type=pa.string())


def described(preparation: Preparation) -> tuple[Column, ...]:
    """Say what the columns are, where not all are numbers."""
    return preparation.schema_.columns or () if preparation.heads_ else ()


def by_column(preparation: Preparation, slots: np.ndarray) -> np.ndarray:
    """Give figures of prepared slots (n, p) by the columns that a person brought: (n, d)."""
    return preparation.by_column(slots.reshape(len(slots), *preparation.shape_)).reshape(len(slots), -1)


def in_units(preparation: Preparation, slots: np.ndarray) -> np.ndarray:
    """Give prepared slots (n, p) in the units that a person brought: (n, d)."""
    return preparation.inverse(slots.reshape(len(slots), *preparation.shape_)).reshape(len(slots), -1)


def values_of(preparation: Preparation, raw: Raw) -> np.ndarray:
    """Give the values of rows with the meaning that they had in fit: (n, d)."""
    values: Any = preparation.values(raw)
    return np.asarray(values.toarray() if raw.is_sparse else values, dtype=np.float64).reshape(len(raw), -1)


def column_names(preparation: Preparation) -> tuple[str, ...]:
    """Name each column; of data without names, by its place: "0", or "3,5" in an item of two axes."""
    if preparation.feature_names_ is not None:
        return preparation.feature_names_
    return tuple(",".join(map(str, place)) for place in np.ndindex(preparation.schema_.item_shape))


def shared_out(contributions: np.ndarray, scores: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Share out scores of sequences among the steps that there are: what their lengths add, and steps after the end.

    Parameters
    ----------
    contributions : ndarray of shape (n, columns)
    scores : ndarray of shape (n,)
        What they are to sum to.
    values : ndarray of shape (n, columns)
        NaN where there is no step, or no value.
    """
    kept = np.where(np.isnan(np.asarray(values, dtype=np.float64)), 0.0, contributions)
    sums = kept.sum(1, keepdims=True)
    return np.divide(kept * scores[:, None], sums, out=np.zeros_like(kept), where=sums != 0)
