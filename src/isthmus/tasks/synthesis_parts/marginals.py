"""Numbers corrected by their ranks: the distribution of each column of made rows becomes that of the real ones."""

from __future__ import annotations

import numpy as np

#: Quantiles that a distribution is kept by.
KEPT = 1001
#: Share of the rows from which a value is given back as it is, with nothing between it and the next one.
ATOM = 0.02


class Marginal:
    """Quantiles of one column, real and as made.

    A value that a share of the rows has takes up as much of the ranks; a made one is given a rank at random within
    those that it takes up, and becomes the real value of that rank.

    Parameters
    ----------
    real, made : ndarray of shape (q,)
        At even ranks, ascending.
    """

    def __init__(self, real: np.ndarray, made: np.ndarray):
        self.real, self.made = real, made
        self._ranks = (np.linspace(0, 1, len(real)), np.linspace(0, 1, len(made)))
        values, counts = np.unique(real, return_counts=True)
        self._atoms = values[counts > max(1, ATOM * len(real))]

    @classmethod
    def learn(cls, real: np.ndarray, made: np.ndarray) -> Marginal:
        """Learn from values, NaN where missing; at least one of each is there."""
        ranks = np.linspace(0, 1, KEPT)
        real, made = real[~np.isnan(real)], made[~np.isnan(made)]
        return cls(np.quantile(real, ranks), np.quantile(made, ranks))

    def ranks(self, values: np.ndarray) -> np.ndarray:
        """Give the ranks of real values, from 0 to 1: the middle of those that a value takes up."""
        return (_rank(values, self.real, "left") + _rank(values, self.real, "right")) / 2

    def corrected(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Give made values the distribution of the real ones; NaN stays."""
        known = ~np.isnan(values)
        low, high = (_rank(values[known], self.made, side) for side in ("left", "right"))
        rank = low + (high - low) * rng.random(len(low))
        place = rank * (len(self.real) - 1)
        below = np.floor(place).astype(np.intp).clip(0, len(self.real) - 1)
        above = np.minimum(below + 1, len(self.real) - 1)
        share = place - below
        sides = self.real[below], self.real[above]
        whole = np.isin(sides[0], self._atoms) | np.isin(sides[1], self._atoms)
        share = np.where(whole, np.rint(share), share)
        out = values.copy()
        out[known] = sides[0] + share * (sides[1] - sides[0])
        return out


def _rank(values: np.ndarray, quantiles: np.ndarray, side: str) -> np.ndarray:
    """Share of the distribution below values: of those that it holds more than once, the lowest or highest rank."""
    last = len(quantiles) - 1
    left = np.searchsorted(quantiles, values, side="left")
    right = np.searchsorted(quantiles, values, side="right")
    held = right > left
    lower, upper = quantiles[(left - 1).clip(0)], quantiles[left.clip(0, last)]
    gap = np.where(upper > lower, upper - lower, 1.0)
    between = (left - 1 + (values - lower) / gap).clip(0, last)
    at = left if side == "left" else right - 1
    return np.where(held, at, between) / max(1, last)
