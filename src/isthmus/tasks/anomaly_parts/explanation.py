"""What each column adds to the score of each row, and which value was expected of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from isthmus.data import Preparation, Raw


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

    def reasons(self, row: int, most: int = 3) -> list[tuple[str, float, float, float]]:
        """Give the columns that add most to the score of a row: (column, value, expected, contribution) each."""
        order = np.argsort(-self.contributions[row], kind="stable")[:most]
        return [
            (
                self.columns[j],
                float(self.values[row, j]),
                float(self.expected[row, j]),
                float(self.contributions[row, j]),
            )
            for j in order.tolist()
        ]

    def to_table(self) -> Any:
        """Give a pyarrow.Table, one line for each row and column: row, column, value, expected, contribution, score.

        `.to_pandas()` and `polars.from_arrow` make a frame of it.
        """
        n, d = self.contributions.shape
        return pa.table(
            {
                "row": np.repeat(np.arange(n), d),
                "column": pa.array(list(self.columns) * n, type=pa.string()),
                "value": self.values.ravel(),
                "expected": self.expected.ravel(),
                "contribution": self.contributions.ravel(),
                "score": np.repeat(self.scores, d),
            }
        )


def by_column(preparation: Preparation, slots: np.ndarray) -> np.ndarray:
    """Give figures of prepared slots (n, p) by the columns that a person brought: (n, d)."""
    items = slots.reshape(len(slots), *preparation.shape_)
    return preparation.backward(items, preparation.schema_.item_shape).reshape(len(slots), -1)


def in_units(preparation: Preparation, slots: np.ndarray) -> np.ndarray:
    """Give prepared slots (n, p) in the units that a person brought: (n, d)."""
    return preparation.inverse(slots.reshape(len(slots), *preparation.shape_)).reshape(len(slots), -1)


def values_of(raw: Raw) -> np.ndarray:
    """Give the values of rows as they were brought: (n, d)."""
    values: Any = raw.values
    return np.asarray(values.toarray() if raw.is_sparse else values, dtype=np.float64).reshape(len(raw), -1)


def column_names(preparation: Preparation) -> tuple[str, ...]:
    """Name each column; of data without names, by its place: "0", or "3,5" in an item of two axes."""
    if preparation.feature_names_ is not None:
        return preparation.feature_names_
    return tuple(",".join(map(str, place)) for place in np.ndindex(preparation.schema_.item_shape))
