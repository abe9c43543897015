"""Known factors behind rows, and codes, checked for the figures of disentanglement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import torch
from scipy.stats import rankdata

from isthmus.exceptions import DataError

#: Numbers of at most so many different values, with at least so many rows to each on average, are taken as they are.
MOST_LEVELS, ROWS_A_LEVEL = 50, 5


@dataclass(frozen=True)
class Factor:
    """One factor: a number or a category for each row.

    Attributes
    ----------
    name : str
    values : ndarray of shape (n,)
        Numbers; of categories, from 0 on.
    discrete : bool
        Whether the values are categories: words, or numbers of few different values.
    """

    name: str
    values: np.ndarray
    discrete: bool

    def levels(self, bins: int) -> np.ndarray:
        """Category of each row, or its bin."""
        return self.values if self.discrete else binned(self.values, bins)


def binned(values: np.ndarray, bins: int) -> np.ndarray:
    """Number of the bin of each value: bins of equal counts as far as ties, which stay together, allow.

    Values go by the middle of their ranks, so that one that fills a bin is alone in its own, and the bins of `-values`
    are those of `values` turned round.

    Examples
    --------
    >>> binned(np.array([0.0, 0.0, 0.0, 1.0, 2.0, 3.0]), 3).tolist()
    [0, 0, 0, 1, 2, 2]
    """
    middle = rankdata(values) - (len(values) + 1) / 2
    from_centre = middle * bins / len(values)
    # What is at an edge goes to the inner bin: to either side alike. An even number of bins has an edge at the centre.
    numbers = np.sign(from_centre) * np.ceil(np.abs(from_centre) - bins % 2 / 2)
    return np.unique(numbers, return_inverse=True)[1]


def checked_codes(codes: Any, *, rows: int | None = None, fewest: int = 2) -> np.ndarray:
    """Take codes as float64 of shape (n, latent_dim), or refuse them (DataError)."""
    codes = codes.detach().cpu().numpy() if isinstance(codes, torch.Tensor) else codes
    try:
        Z = np.asarray(codes, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"codes must be numbers of shape (n, latent_dim), as transform gives them: {error}") from error
    if Z.ndim != 2 or Z.shape[1] == 0:
        raise DataError(f"codes has shape {Z.shape}, but (n, latent_dim) is expected, as transform gives it.")
    if len(Z) < fewest:
        raise DataError(f"codes has {len(Z)} rows, but at least {fewest} are needed to measure anything.")
    if rows is not None and len(Z) != rows:
        raise DataError(f"codes has {len(Z):,} rows, but X has {rows:,}: give the codes of the rows of X.")
    if not np.isfinite(Z).all():
        row, unit = np.argwhere(~np.isfinite(Z))[0]
        raise DataError(f"codes holds {Z[row, unit]} at row {row}, unit {unit}; every code must be finite.")
    return Z


def as_factors(factors: Any, n: int) -> list[Factor]:
    """Take factors of n rows: one Factor a column.

    Parameters
    ----------
    factors : array, frame or list of shape (n,) or (n, n_factors)
    n : int
        Rows expected.

    Raises
    ------
    DataError
        If there are not as many rows, or a factor has missing values, or a single value.

    Examples
    --------
    >>> [(f.name, f.discrete) for f in as_factors([["a", "b"], ["a", "c"]] * 5 + [["d", "b"]], 11)]
    [('factor 0', True), ('factor 1', True)]
    """
    columns = _columns(factors)
    if not columns:
        raise DataError("factors holds no factor; give one column for each, of shape (n, n_factors).")
    found = []
    for name, column in columns.items():
        if len(column) != n:
            raise DataError(f"factors has {len(column):,} rows, but there are {n:,} codes: give one row for each.")
        found.append(_factor(name, column))
    return found


def _columns(factors: Any) -> dict[str, np.ndarray]:
    """Columns by name."""
    frame = nw.from_native(factors, pass_through=True, allow_series=True)
    if isinstance(frame, nw.Series):
        return {str(frame.name or "factor 0"): frame.to_numpy()}
    if isinstance(frame, nw.DataFrame):
        return {str(name): frame[name].to_numpy() for name in frame.columns}
    factors = factors.detach().cpu().numpy() if isinstance(factors, torch.Tensor) else factors
    try:
        array = np.asarray(factors)
    except ValueError as error:
        raise DataError(f"factors holds rows of unequal lengths: {error}") from error
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise DataError(f"factors has shape {array.shape}, but (n, n_factors) or (n,) is expected.")
    return {f"factor {i}": array[:, i] for i in range(array.shape[1])}


def _factor(name: str, column: np.ndarray) -> Factor:
    """Check one column, and tell numbers from categories."""
    try:
        values: np.ndarray = np.asarray(column, dtype=np.float64)
        words = column.dtype.kind in "USb"
        wrong = ~np.isfinite(values)
    except (TypeError, ValueError):
        values, words = column.astype(str), True
        wrong = np.array([v is None or v != v for v in column.tolist()], dtype=bool)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{name!r} of the factors holds {column[row]} at row {row}; every factor must be known. Leave out such "
            "rows, of the codes too."
        )
    distinct, levels = np.unique(values, return_inverse=True)
    if len(distinct) < 2:
        raise DataError(f"{name!r} of the factors has one value alone, so nothing can be told of it. Leave it out.")
    few = len(distinct) <= min(MOST_LEVELS, len(column) / ROWS_A_LEVEL)
    return Factor(name, levels, True) if words or few else Factor(name, values, False)
