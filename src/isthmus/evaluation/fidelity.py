"""How near made rows are to real ones: column by column, and pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.data import Column

#: Intervals of the range of a real column of numbers, where it stands beside categories.
INTERVALS = 10


@dataclass(frozen=True)
class Fidelity:
    """Errors of made rows, each from 0 (as the real ones) to 1.

    Parameters
    ----------
    columns : ndarray of shape (d,)
        Of each column: the largest difference of the cumulative distributions (Kolmogorov and Smirnov) for numbers and
        dates, half the sum of the differences of the shares (total variation) for categories and truth values. Missing
        cells count as a value of their own.
    pairs : ndarray of shape (d, d)
        Of each pair of columns: half the difference of the correlations, where both are numbers or dates; else the
        total variation between the tables of shares of both together, numbers cut into ten intervals of equal length.
        Symmetric; NaN on the diagonal, and where a correlation is not defined.

    References
    ----------
    The column pair trends and column shapes of the SDMetrics library are 1 less these errors, up to missing cells.
    """

    columns: np.ndarray
    pairs: np.ndarray

    @property
    def column_error(self) -> float:
        """Mean over the columns."""
        return float(self.columns.mean())

    @property
    def pair_error(self) -> float:
        """Mean over the pairs; NaN with one column."""
        above = self.pairs[np.triu_indices(len(self.pairs), 1)]
        return float(np.nanmean(above)) if np.isfinite(above).any() else float("nan")


def fidelity(real: np.ndarray, made: np.ndarray, columns: Sequence[Column]) -> Fidelity:
    """Compare made rows with real ones.

    Parameters
    ----------
    real, made : ndarray of shape (n, d) and (m, d)
        Values as `Raw` has them: NaN where missing, categories by their places.
    columns : sequence of Column
        What each column is.

    Returns
    -------
    Fidelity

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus.data import Column
    >>> columns = [Column("size"), Column("member", "boolean")]
    >>> real = np.array([[1.0, 0], [2.0, 1], [3.0, 1], [4.0, 0]])
    >>> found = fidelity(real, np.array([[1.0, 1], [2.0, 1], [3.0, 1], [4.0, 0]]), columns)
    >>> found.columns.tolist(), found.pairs[0, 1].tolist()
    ([0.0, 0.25], 0.25)
    """
    numeric = [column.is_numeric or column.type == "date" for column in columns]
    errors = [
        _distance(real[:, j], made[:, j]) if numeric[j] else _variation(real[:, j], made[:, j])
        for j in range(len(columns))
    ]
    codes = [
        _cut(real[:, j], made[:, j]) if numeric[j] else (_known(real[:, j]), _known(made[:, j]))
        for j in range(len(columns))
    ]
    pairs = np.full((len(columns), len(columns)), np.nan)
    for i in range(len(columns)):
        for j in range(i):
            if numeric[i] and numeric[j]:
                # A made column that does not vary goes with none.
                copied = np.nan_to_num(_correlation(made[:, i], made[:, j]))
                pair = abs(_correlation(real[:, i], real[:, j]) - copied) / 2
            else:
                both = [_joined(codes[i][k], codes[j][k]) for k in (0, 1)]
                pair = _variation(*both)
            pairs[i, j] = pairs[j, i] = pair
    return Fidelity(np.array(errors), pairs)


def _distance(real: np.ndarray, made: np.ndarray) -> float:
    """Largest difference of two cumulative distributions; what is missing stands below all values."""
    real, made = (np.sort(np.where(np.isnan(v), -np.inf, v)) for v in (real, made))
    places = np.concatenate([real, made])
    below = [np.searchsorted(v, places, side="right") / len(v) for v in (real, made)]
    return float(np.abs(below[0] - below[1]).max())


def _variation(real: np.ndarray, made: np.ndarray) -> float:
    """Half the sum of the differences of the shares of values, NaN a value like others."""
    kinds, place = np.unique(np.concatenate([real, made]), return_inverse=True)
    shares = [np.bincount(part, minlength=len(kinds)) / len(part) for part in np.split(place, [len(real)])]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    both = ~(np.isnan(a) | np.isnan(b))
    a, b = a[both], b[both]
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _cut(real: np.ndarray, made: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the intervals of the real range that values lie in; what is missing has the number -1."""
    seen = real[~np.isnan(real)]
    edges = np.linspace(seen.min(), seen.max(), INTERVALS + 1)[1:-1] if len(seen) else np.zeros(0)
    real, made = (np.where(np.isnan(v), -1, np.searchsorted(edges, v, side="right")) for v in (real, made))
    return real, made


def _known(values: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(values), -1, values)


def _joined(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """One number for each pair of numbers."""
    return (a + 1) * 1e7 + b + 1
