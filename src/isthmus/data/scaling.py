"""Scalings of columns: fitted on float64, invertible, NaN in and NaN out, one class each in `SCALERS`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np
from scipy.stats import norm

from isthmus.data.moments import column_moments, dense, seen_columns
from isthmus.data.raw import Values


class Scaler(ABC):
    """Base of the scalings: values seen as (-1, d) columns, each column scaled by itself.

    A column that was never observed in training is NaN either way: nothing is known of it.

    Attributes
    ----------
    name : str
        Name that `scaling=` takes.
    """

    name: ClassVar[str]

    @abstractmethod
    def fit(self, values: Values, width: int, bounds: tuple[float, float] | None = None) -> Self:
        """Learn from training rows.

        Parameters
        ----------
        values : ndarray of shape (n, ...) or scipy csr of shape (n, width)
            Training rows; NaN is missing.
        width : int
            Number of columns; the axes of `values` are folded to (-1, width).
        bounds : tuple of float, optional
            Range that the values can have at all, such as (0, 255); used where a scaling is about the range.
        """

    def as_it_is(self) -> bool:
        """Whether `transform` changes nothing at all."""
        return False

    @abstractmethod
    def transform(self, x: np.ndarray) -> np.ndarray:
        """Scale x of shape (n, d), float64 in and a new float64 array out."""

    @abstractmethod
    def inverse(self, y: np.ndarray) -> np.ndarray:
        """Undo `transform`."""

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """Give what was learnt, by name; `restore` takes it back."""

    @classmethod
    @abstractmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> Self:
        """Rebuild a fitted scaler from its arrays."""


class Affine(Scaler):
    """Base of the scalings (x - center) / scale."""

    def __init__(self) -> None:
        self.center_ = np.zeros(0)
        self.scale_ = np.ones(0)

    def transform(self, x: np.ndarray) -> np.ndarray:
        """Scale x of shape (n, d)."""
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused by name later
            y = np.subtract(x, self.center_, dtype=np.float64)
            y /= self.scale_
        return y

    def inverse(self, y: np.ndarray) -> np.ndarray:
        """Undo `transform`."""
        x = np.multiply(y, self.scale_, dtype=np.float64)
        x += self.center_
        return x

    def arrays(self) -> dict[str, np.ndarray]:
        """Center and scale of each column."""
        return {"center": self.center_, "scale": self.scale_}

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> Self:
        """Rebuild from center and scale."""
        scaler = cls()
        scaler.center_ = np.asarray(arrays["center"], dtype=np.float64)
        scaler.scale_ = np.asarray(arrays["scale"], dtype=np.float64)
        return scaler

    def _set(self, center: np.ndarray, scale: np.ndarray) -> Self:
        """Take center and scale; a column without spread keeps its units, to be given back exactly."""
        tiny = np.finfo(np.float64).tiny
        self.center_ = np.asarray(center, dtype=np.float64)
        largest = np.finfo(np.float64).max  # a range of both ends of float64 is beyond it
        self.scale_ = np.where(scale >= tiny, np.minimum(scale, largest), 1.0)  # also 1 where NaN
        return self


class Standard(Affine):
    """Mean 0 and standard deviation 1 for each column."""

    name = "standard"

    def fit(self, values: Values, width: int, bounds: tuple[float, float] | None = None) -> Self:
        """Learn mean and standard deviation."""
        moments = column_moments(values, width)
        return self._set(moments.mean, np.where(moments.rounding(values.dtype), 0.0, moments.std))


class MinMax(Affine):
    """Each column's range to 0..1: the range possible where it is known, else the one seen in training."""

    name = "minmax"

    def fit(self, values: Values, width: int, bounds: tuple[float, float] | None = None) -> Self:
        """Learn the range."""
        if bounds is not None:
            return self._set(np.full(width, float(bounds[0])), np.full(width, float(bounds[1] - bounds[0])))
        moments = column_moments(values, width)
        with np.errstate(over="ignore"):
            reach = moments.high - moments.low
        return self._set(moments.low, np.where(moments.rounding(values.dtype), 0.0, reach))


class NoScaling(Affine):
    """The values as they are."""

    name = "none"

    def fit(self, values: Values, width: int, bounds: tuple[float, float] | None = None) -> Self:
        """Learn only which columns have values at all."""
        return self._set(np.where(seen_columns(values, width), 0.0, np.nan), np.ones(width))

    def as_it_is(self) -> bool:
        """Whether `transform` changes nothing at all."""
        return not np.isnan(self.center_).any()


class Quantile(Scaler):
    """Each column to a normal distribution by the ranks of its values, linear between at most 1000 knots.

    Tied values share the middle of their ranks, so the map is strictly increasing and has an exact inverse;
    beyond the training range it goes on as a straight line.
    """

    name = "quantile"
    max_knots = 1000
    #: Values a column is sorted from; more would not move the knots visibly.
    max_rows = 100_000

    def __init__(self) -> None:
        self.knots_: list[tuple[np.ndarray, np.ndarray]] = []

    def fit(self, values: Values, width: int, bounds: tuple[float, float] | None = None) -> Self:
        """Learn the knots of each column."""
        sample = self._sample(values, width)
        moments = column_moments(values, width)
        self.knots_ = [
            normal_knots(sample[:, j], moments.low[j], moments.high[j], self.max_knots) for j in range(width)
        ]
        return self

    def _sample(self, values: Values, width: int) -> np.ndarray:
        """At most `max_rows` values of each column, drawn without regard to their order, always the same."""
        n = values.shape[0]
        per_row = math.prod(values.shape[1:]) // width
        most = max(1, self.max_rows // per_row)
        if n > most:
            values = values[np.sort(np.random.default_rng(0).choice(n, most, replace=False))]
        return dense(values).reshape(-1, width)

    def transform(self, x: np.ndarray) -> np.ndarray:
        """Scale x of shape (n, d)."""
        return self._map(x, forward=True)

    def inverse(self, y: np.ndarray) -> np.ndarray:
        """Undo `transform`."""
        return self._map(y, forward=False)

    def _map(self, x: np.ndarray, forward: bool) -> np.ndarray:
        """Follow the knots of each column, one way or the other."""
        out = np.empty(x.shape, dtype=np.float64)
        for j, knots in enumerate(self.knots_):
            start, goal = knots if forward else knots[::-1]
            out[:, j] = follow(np.asarray(x[:, j], dtype=np.float64), start, goal)
        return out

    def arrays(self) -> dict[str, np.ndarray]:
        """Knots of all columns end to end, and how many each has."""
        return {
            "knots": np.concatenate([value for value, _ in self.knots_]),
            "normal": np.concatenate([normal for _, normal in self.knots_]),
            "counts": np.array([len(value) for value, _ in self.knots_], dtype=np.int64),
        }

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> Self:
        """Rebuild from the knots."""
        scaler = cls()
        ends = np.cumsum(arrays["counts"])[:-1]
        parts = (np.split(np.asarray(arrays[key], dtype=np.float64), ends) for key in ("knots", "normal"))
        scaler.knots_ = list(zip(*parts, strict=True))
        return scaler


def normal_knots(column: np.ndarray, low: float, high: float, most: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """Give values of a column, and where on the normal scale their ranks lie: at most about `most` knots.

    Parameters
    ----------
    column : ndarray of shape (n,)
        NaN is left out.
    low, high : float
        Ends of the whole column, where `column` is a sample of it.
    most : int, default=1000
    """
    column = np.asarray(column, dtype=np.float64)
    column = column[~np.isnan(column)]
    if np.isnan(low):
        return np.zeros(0), np.zeros(0)
    column = np.concatenate([column, [low, high]])  # the ends of the whole column, sampled or not
    distinct, counts = np.unique(column, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / counts.sum()
    if len(distinct) > most:
        keep = np.searchsorted(middle, np.linspace(0, 1, most)).clip(0, len(distinct) - 1)
        keep = np.unique(np.concatenate([[0], keep, [len(distinct) - 1]]))
        distinct, middle = distinct[keep], middle[keep]
    return distinct, np.asarray(norm.ppf(middle))


def follow(x: np.ndarray, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Map x along the straight lines from knots `start` to `goal`, going on straight beyond both ends."""
    if len(start) == 0:
        return np.full_like(x, np.nan)
    if len(start) == 1:
        return x - start[0] + goal[0]
    # One slope beyond the ends, that of the whole: the last stretch alone may be nearly flat or nearly
    # upright.
    unit = max(abs(start[0]), abs(start[-1]))  # so that a range of 1e308 does not overflow
    slope = (goal[-1] / 2 - goal[0] / 2) / ((start[-1] / 2 / unit - start[0] / 2 / unit) or 1.0) / unit
    y = np.interp(x, start, goal)
    below, above = x < start[0], x > start[-1]
    y[below] = goal[0] + (x[below] - start[0]) * slope
    y[above] = goal[-1] + (x[above] - start[-1]) * slope
    return y


#: The scalings by the names that `scaling=` takes.
SCALERS: dict[str, type[Scaler]] = {s.name: s for s in (Standard, MinMax, Quantile, NoScaling)}
