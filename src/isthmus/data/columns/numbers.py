"""Columns of numbers: standard scores, or normal scores of ranks with an indicator for a value that stands out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from scipy.stats import norm

from isthmus.data.column import WHOLE, Column
from isthmus.data.columns.base import BINARY, NUMBERS, Coder, Head
from isthmus.data.moments import column_moments
from isthmus.data.scaling import follow, normal_knots

#: Share of the rows from which one value has an indicator of its own, if there are others enough.
SPIKE = 0.2
FEWEST_OTHERS = 10
#: Up to so many different values, each many times, a column's values are given back as those seen.
MOST_STEPS, FEWEST_TIES = 300, 3.0
#: Values that knots are learnt from; more would not move them visibly.
MOST_ROWS = 100_000


class Standard(Coder):
    """Standard scores: mean 0, standard deviation 1."""

    name = "standard"

    def __init__(self, column: Column):
        super().__init__(column)
        self.center, self.scale = 0.0, 1.0
        self.low, self.high = -np.inf, np.inf

    def fit(self, values: np.ndarray) -> Self:
        moments = column_moments(values[:, None], 1)
        spread = float(moments.std[0])
        still = bool(moments.rounding(values.dtype)[0]) or not spread >= np.finfo(np.float64).tiny
        self.center, self.scale = float(moments.mean[0]), 1.0 if still else spread
        self.low, self.high = float(moments.low[0]), float(moments.high[0])
        return self

    def heads(self) -> list[Head]:
        return [Head(0, 0, 1, NUMBERS)]

    def encode(self, values: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        with np.errstate(over="ignore"):
            return ((values - self.center) / self.scale)[:, None]

    def decode(self, slots: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        return self._finished(slots[:, 0].astype(np.float64) * self.scale + self.center)

    def _finished(self, values: np.ndarray) -> np.ndarray:
        """Whole numbers come back whole, and within the range seen."""
        if self.column.type == WHOLE:
            values = np.clip(np.rint(values), self.low, self.high)
        return self.bounded(values)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"standard": np.array([self.center, self.scale, self.low, self.high])}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Self:
        self.center, self.scale, self.low, self.high = map(float, arrays["standard"])
        return self


class RankGauss(Standard):
    """Normal scores of ranks, straight lines beyond the range seen; a value that stands out has an indicator.

    Tied values share the middle of their ranks; in training they are spread over them at random, so that what the
    network learns is normal. A column of few different values is given back as these: each has the stretch of the
    normal scale that its ranks take.
    """

    name = "rank_gauss"

    def __init__(self, column: Column):
        super().__init__(column)
        self.knots, self.scores, self.edges = np.zeros(0), np.zeros(0), np.zeros(0)
        self.spike, self.share = np.nan, 0.0

    def fit(self, values: np.ndarray) -> Self:
        super().fit(values)
        seen = _some(values[~np.isnan(values)])
        self.spike, self.share = _spike(seen)
        if self.share:
            seen = seen[seen != self.spike]
        low, high = (float(seen.min()), float(seen.max())) if self.share else (self.low, self.high)
        self.knots, self.scores = normal_knots(seen, low, high)
        distinct, counts = np.unique(seen, return_counts=True)
        if len(distinct) <= MOST_STEPS and len(seen) >= FEWEST_TIES * len(distinct):
            self.knots, total = distinct, counts.sum()
            self.scores = np.asarray(norm.ppf((np.cumsum(counts) - counts / 2) / total))
            # The outer edges are no knowledge: half a step beyond the last one.
            self.edges = np.concatenate([[0.0], np.cumsum(counts) / total])
        return self

    def heads(self) -> list[Head]:
        if not self.share:
            return [Head(0, 0, 1, NUMBERS)]
        spread = float(np.sqrt(self.share * (1 - self.share)))
        return [
            Head(0, 0, 1, BINARY, 0.5, np.array([self.share]), spread),
            Head(0, 1, 2, NUMBERS, 0.5),
        ]

    def encode(self, values: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        scores = follow(np.asarray(values, dtype=np.float64), self.knots, self.scores)
        if rng is not None and len(self.edges):
            scores = self._spread_ties(values, scores, rng)
        if not self.share:
            return scores[:, None]
        at = (values == self.spike).astype(np.float64)
        at[np.isnan(values)] = np.nan
        scores[values == self.spike] = np.nan
        head = self.heads()[0]
        return np.stack([(at - head.center[0]) / head.scale, scores], axis=1)

    def _spread_ties(self, values: np.ndarray, scores: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        place = np.searchsorted(self.knots, values).clip(0, len(self.knots) - 1)
        known = self.knots[place] == values
        low, high = self.edges[place], self.edges[place + 1]
        rank = low + (high - low) * rng.uniform(0.02, 0.98, len(values))
        return np.where(known, np.asarray(norm.ppf(rank)), scores)

    def decode(self, slots: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        scores = slots[:, -1].astype(np.float64)
        if len(self.edges):
            place = np.searchsorted(norm.ppf(self.edges[1:-1]), scores)
            values = self.knots[place]
        else:
            values = follow(scores, self.scores, self.knots)
            # Beyond the ends the line goes on, but not for ever.
            reach = self.high - self.low
            values = self._finished(np.clip(values, self.low - reach, self.high + reach))
        if self.share:
            head = self.heads()[0]
            chance = slots[:, 0].astype(np.float64) * head.scale + head.center[0]
            at = chance >= (0.5 if rng is None else rng.random(len(chance)))
            values = np.where(at, self.spike, values)
        return self.bounded(values)

    def arrays(self) -> dict[str, np.ndarray]:
        return super().arrays() | {
            "knots": self.knots,
            "scores": self.scores,
            "edges": self.edges,
            "spike": np.array([self.spike, self.share]),
        }

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Self:
        super().restore(arrays)
        self.knots, self.scores, self.edges = (
            np.asarray(arrays[key], dtype=np.float64) for key in ("knots", "scores", "edges")
        )
        self.spike, self.share = map(float, arrays["spike"])
        return self


def _some(values: np.ndarray) -> np.ndarray:
    """Values drawn without regard to their order, always the same, where there are more than need be looked at."""
    return values if len(values) <= MOST_ROWS else np.random.default_rng(0).choice(values, MOST_ROWS, replace=False)


def _spike(seen: np.ndarray) -> tuple[float, float]:
    """Value that stands out and its share of the rows; share 0 where there is none."""
    distinct, counts = np.unique(seen, return_counts=True)
    most = int(counts.argmax())
    share = float(counts[most] / len(seen))
    if share < SPIKE or len(distinct) <= FEWEST_OTHERS:
        return np.nan, 0.0
    return float(distinct[most]), share


def heavy_tailed(values: np.ndarray) -> bool:
    """Whether standard scores would leave a column to its few largest values, or to one value that stands out.

    That is where the kurtosis is above 30 (a normal distribution has 3, an exponential one 9, a log-normal one of
    spread 1 about 114), or where one value has a fifth of the rows.
    """
    seen = _some(values[~np.isnan(values)]).astype(np.float64)
    if len(seen) < FEWEST_OTHERS or not seen.std():
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        about = (seen - seen.mean()) / seen.std()
        kurtosis = float(np.mean(about**4))
    return not kurtosis <= 30 or _spike(seen)[1] > 0
