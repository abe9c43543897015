"""Statistics of columns, gathered a piece of rows at a time: dense or sparse, NaN left out, safe at 1e300."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from isthmus.data.raw import Csr, Values

#: Values worked on at a time: 2 MiB of float64, which stays in a core's cache.
PIECE = 1 << 18


@dataclass(frozen=True)
class Moments:
    """Statistics of each of d columns over the observed cells; NaN where a column has none.

    Parameters
    ----------
    count, low, high, mean, std : ndarray of shape (d,)
        Observed cells, smallest and largest value, mean and (population) standard deviation.
    """

    count: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    std: np.ndarray

    def rounding(self, dtype: np.dtype) -> np.ndarray:
        """Columns whose values differ by the rounding of their dtype alone: constant, for all that they say."""
        eps = np.finfo(dtype).eps if dtype.kind == "f" else np.finfo(np.float64).eps
        largest = np.maximum(np.abs(self.low), np.abs(self.high))
        # Halves: the two ends of float64 are further apart than its largest number.
        return self.high / 2 - self.low / 2 <= 4 * eps * largest


def spans(n: int, row_size: int, piece: int = PIECE) -> Iterator[slice]:
    """Slices of n rows of `row_size` values each, about `piece` values a slice."""
    step = max(1, piece // max(1, row_size))
    for start in range(0, n, step):
        yield slice(start, min(n, start + step))


def dense(values: Values) -> np.ndarray:
    """Give a piece of rows as an ordinary array."""
    return values if isinstance(values, np.ndarray) else np.asarray(values.toarray())


def pieces(values: np.ndarray, width: int) -> Iterator[np.ndarray]:
    """Rows as float64 pieces (m, width), column after column in memory: the sums are fastest so."""
    for span in spans(len(values), math.prod(values.shape[1:])):
        yield np.array(values[span].reshape(-1, width), dtype=np.float64, order="F")


def column_moments(values: Values, width: int) -> Moments:
    """Statistics of the columns of values seen as (-1, width).

    Parameters
    ----------
    values : ndarray of shape (n, ...) or scipy csr of shape (n, width)
        Any real dtype; NaN is left out.
    width : int
        Number of columns: the last axes of `values` are folded to it.

    Returns
    -------
    Moments
    """
    low, high, count = _range(values, width) if isinstance(values, np.ndarray) else _sparse_range(values)
    if not np.isfinite(low[count > 0]).all() or not np.isfinite(high[count > 0]).all():
        nothing = np.full(width, np.nan)  # infinities: the caller names the cell
        return Moments(count, low, high, nothing, nothing)
    constant = low == high
    # In units of half the range about its middle nothing overflows, and the variance of what is there cannot
    # cancel: with both ends of the range among the values it is at least 2 / n.
    middle = low / 2 + high / 2
    half = np.where(constant, 1.0, high / 2 - low / 2)
    # A range below the smallest normal number cannot be divided by.
    half = np.where(half < np.finfo(np.float64).tiny, 1.0, half)
    if isinstance(values, np.ndarray):
        sums = _sums(values, width, middle, half)
    else:
        sums = _sparse_sums(values, width, middle, half)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_y, square_y = (total / count for total in sums)
        mean = np.where(constant, low, middle + half * mean_y)
        std = np.where(constant, 0.0, half * np.sqrt(np.maximum(square_y - mean_y**2, 0.0)))
    return Moments(count, low, high, np.where(count > 0, mean, np.nan), np.where(count > 0, std, np.nan))


def seen_columns(values: Values, width: int) -> np.ndarray:
    """Whether each column has an observed value: bool array of shape (width,)."""
    if not isinstance(values, np.ndarray):
        return _sparse_range(values)[2] > 0
    seen = np.full(width, values.dtype.kind != "f" and len(values) > 0)
    for span in spans(len(values), math.prod(values.shape[1:])):
        if seen.all():
            break
        seen |= ~np.isnan(values[span].reshape(-1, width)).all(axis=0)
    return seen


def _range(values: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Smallest, largest and number of observed values of each column."""
    low, high, count = np.full(width, np.inf), np.full(width, -np.inf), np.zeros(width, dtype=np.int64)
    for piece in pieces(values, width):
        low = np.fmin(low, np.fmin.reduce(piece, axis=0))
        high = np.fmax(high, np.fmax.reduce(piece, axis=0))
        count += len(piece)
        if values.dtype.kind == "f" and np.isnan(piece.min(axis=0)).any():
            count -= np.isnan(piece).sum(axis=0)
    seen = count > 0
    return np.where(seen, low, np.nan), np.where(seen, high, np.nan), count


def _sums(values: np.ndarray, width: int, middle: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum and sum of squares of (value - middle) / half over the observed cells."""
    total, square = np.zeros(width), np.zeros(width)
    may_miss = values.dtype.kind == "f"
    for piece in pieces(values, width):
        piece -= middle
        piece /= half
        if may_miss:
            np.nan_to_num(piece, copy=False, nan=0.0)
        total += piece.sum(axis=0)
        np.square(piece, out=piece)
        square += piece.sum(axis=0)
    return total, square


def _sparse_range(values: Csr) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `_range`, with the zeros that are not stored counted in."""
    n, width = values.shape
    data = np.asarray(values.data, dtype=np.float64)
    stored = np.bincount(values.indices, minlength=width)
    missing = np.bincount(values.indices, weights=np.isnan(data), minlength=width).astype(np.int64)
    zeros = n - stored
    low = np.where(zeros > 0, 0.0, np.inf)
    high = np.where(zeros > 0, 0.0, -np.inf)
    np.fmin.at(low, values.indices, data)
    np.fmax.at(high, values.indices, data)
    count = n - missing
    return np.where(count > 0, low, np.nan), np.where(count > 0, high, np.nan), count


def _sparse_sums(values: Csr, width: int, middle: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `_sums`, without making the matrix dense."""
    at = values.indices
    y = np.nan_to_num((np.asarray(values.data, dtype=np.float64) - middle[at]) / half[at], nan=0.0)
    zeros = values.shape[0] - np.bincount(at, minlength=width)
    zero = np.nan_to_num(-middle / half, nan=0.0)
    total = np.bincount(at, weights=y, minlength=width) + zeros * zero
    return total, np.bincount(at, weights=y**2, minlength=width) + zeros * zero**2


def only_zeros_and_ones(values: Values) -> bool:
    """Whether every observed value is 0 or 1, and at least one is observed."""
    flat = values if isinstance(values, np.ndarray) else values.data[:, None]
    if flat.dtype.kind == "b":
        return True
    seen = not isinstance(values, np.ndarray)
    for span in spans(len(flat), math.prod(flat.shape[1:])):
        piece = flat[span]
        either = (piece == 0) | (piece == 1)
        seen = seen or bool(either.any())
        if not (either | np.isnan(piece) if piece.dtype.kind == "f" else either).all():
            return False
    return seen
