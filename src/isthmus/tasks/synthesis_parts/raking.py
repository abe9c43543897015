"""Weights of made rows under which categories and gaps have the shares that they have in the real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np

#: Rounds over the columns, and the largest weight of one value, as of its inverse.
ROUNDS, MOST = 40, 4.0
#: Share of the made rows whose weights are above those that are always kept.
ABOVE = 0.01


class Raking:
    """A weight for each category of each column, whose product is a row's weight (iterative proportional fitting).

    W. E. Deming, F. F. Stephan, "On a least squares adjustment of a sampled frequency table when the expected marginal
    totals are known", Annals of Mathematical Statistics (1940). Made rows are kept with a probability in proportion to
    their weights.

    Parameters
    ----------
    weights : sequence of ndarray
        Of the categories of each column of a table without gaps; empty for numbers and dates.
    ceiling : float
        Weight from which a row is always kept.
    """

    def __init__(self, weights: Sequence[np.ndarray], ceiling: float):
        self.weights, self.ceiling = list(weights), float(ceiling)

    @classmethod
    def learn(cls, real: np.ndarray, made: np.ndarray, sizes: Sequence[int]) -> Self:
        """Learn from values (n, d) and (m, d) without gaps, and how many categories columns have (0: numbers)."""
        found = cls([np.ones(size) for size in sizes], 1.0)
        told = [j for j, size in enumerate(sizes) if size]
        wanted = {j: np.bincount(real[:, j].astype(np.intp), minlength=sizes[j]) / len(real) for j in told}
        places = {j: made[:, j].astype(np.intp) for j in told}
        rows = np.ones(len(made))
        for _ in range(ROUNDS):
            for j, place in places.items():
                now = np.bincount(place, rows, minlength=sizes[j]) / rows.sum()
                before, share = found.weights[j], wanted[j]
                ratio = np.where((now > 0) & (share > 0), share / np.where(now > 0, now, 1.0), 1.0)
                found.weights[j] = np.clip(before * ratio, 1 / MOST, MOST)
                rows *= (found.weights[j] / before)[place]
        found.ceiling = float(np.quantile(rows, 1 - ABOVE))
        return found

    def keeps(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Say which of some made rows (n, d) are kept: bools of shape (n,)."""
        weights = np.ones(len(values))
        for j, held in enumerate(self.weights):
            if len(held):
                weights *= held[values[:, j].astype(np.intp)]
        return rng.random(len(values)) < weights / self.ceiling

    def arrays(self) -> dict[str, np.ndarray]:
        """Give what was learnt, by name."""
        weights = {f"raking/{j}": weights for j, weights in enumerate(self.weights)}
        return weights | {"raking/ceiling": np.array([self.ceiling])}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Make it again."""
        count = sum(name.startswith("raking/") for name in arrays) - 1
        return cls([arrays[f"raking/{j}"] for j in range(count)], float(arrays["raking/ceiling"][0]))
