"""Columns of categories: few as indicators, many as embeddings that are learnt from the other columns; truth values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np

from isthmus.data.column import Column
from isthmus.data.columns.base import BINARY, CATEGORIES, NUMBERS, Coder, Head

#: Categories seen less often than this are rare: they share one place, with those not seen in training.
RARE = 5
#: More categories than this are embedded.
MOST_INDICATORS = 64
#: Rows whose shares of the other columns count as much as the mean of all, for one category's place.
SHRINK = 5.0
#: Largest size of an embedding.
LARGEST_EMBEDDING = 16
#: Categories that values are given back from, the most frequent ones.
MOST_GIVEN_BACK = 10_000
#: Share of a place's variance that a reconstruction can explain at most.
SUREST = 0.98
#: Distances that are held at once.
AT_ONCE = 4_000_000


class Truth(Coder):
    """True or false: one indicator."""

    name = "truth"

    def __init__(self, column: Column):
        super().__init__(column)
        self.share = 0.5

    def fit(self, values: np.ndarray) -> Self:
        self.share = float(np.nanmean(values))
        return self

    def heads(self) -> list[Head]:
        spread = float(np.sqrt(self.share * (1 - self.share)))
        return [Head(0, 0, 1, BINARY, 1.0, np.array([self.share]), spread or 1.0)]

    def encode(self, values: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        head = self.heads()[0]
        return ((values - head.center[0]) / head.scale)[:, None]

    def decode(self, slots: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        head = self.heads()[0]
        chance = slots[:, 0].astype(np.float64) * head.scale + head.center[0]
        return (chance >= (0.5 if rng is None else rng.random(len(chance)))).astype(np.float64)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"share": np.array([self.share])}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Self:
        self.share = float(arrays["share"][0])
        return self


class Indicators(Coder):
    """One indicator a category, in units in which the whole column has variance 1; the rare ones share one."""

    name = "indicators"

    def __init__(self, column: Column):
        super().__init__(column)
        self.counts = np.zeros(len(column.categories or ()))

    def fit(self, values: np.ndarray) -> Self:
        seen = values[~np.isnan(values)].astype(np.intp)
        self.counts = np.bincount(seen, minlength=len(self.counts)).astype(np.float64)
        return self

    @property
    def kept(self) -> np.ndarray:
        """Places of the categories that have an indicator of their own."""
        return np.flatnonzero(common(self.counts))

    def _shares(self) -> np.ndarray:
        """Share of each indicator: those kept, then the rare ones together, where there are any."""
        few = self.counts[~common(self.counts)].sum()
        counts = np.append(self.counts[self.kept], few) if few else self.counts[self.kept]
        return counts / counts.sum()

    def heads(self) -> list[Head]:
        shares = self._shares()
        spread = float(np.sqrt(max(0.0, 1 - (shares**2).sum())))
        return [Head(0, 0, len(shares), CATEGORIES, 1.0, shares, spread or 1.0)]

    def encode(self, values: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        head, kept = self.heads()[0], self.kept
        width = head.stop
        # Where nothing is rare there is no place for what was never seen: it is missing.
        other = width - 1 if width > len(kept) else -1
        place = np.full(len(self.counts) + 1, other)
        place[kept] = np.arange(len(kept))
        missing = np.isnan(values)
        known = np.where(missing | (values < 0), len(self.counts), values).astype(np.intp)
        at = place[known]
        out = np.tile(-head.center / head.scale, (len(values), 1))
        out[np.arange(len(values)), at] += 1 / head.scale
        out[missing | (at < 0)] = np.nan
        return out

    def decode(self, slots: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        head, kept = self.heads()[0], self.kept
        chances = slots.astype(np.float64) * head.scale + head.center
        if rng is None:
            at = chances.argmax(axis=1)
        else:
            at = (chances.clip(min=0).cumsum(axis=1) < rng.random(len(chances))[:, None] * _sums(chances)).sum(axis=1)
            at = at.clip(max=chances.shape[1] - 1)
        few = np.flatnonzero(~common(self.counts) & (self.counts > 0))
        if len(few) == 0:
            return kept[at].astype(np.float64)
        out = np.append(kept, few[self.counts[few].argmax()])[at].astype(np.float64)
        if rng is not None:
            other = at == len(kept)
            out[other] = rng.choice(few, int(other.sum()), p=self.counts[few] / self.counts[few].sum())
        return out

    def arrays(self) -> dict[str, np.ndarray]:
        return {"counts": self.counts}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Self:
        self.counts = np.asarray(arrays["counts"], dtype=np.float64)
        return self


class Embedding(Coder):
    """A place among few numbers for each of many categories, near those with which the other columns are alike.

    The places are the principal components of the categories' means in the other columns, each mean drawn towards that
    of all rows as if it had five rows more, so that rare categories lie near the middle. Those seen less than five
    times share one place.

    A reconstruction is taken for the mean of the places of the categories that it may be. Each has the chance that a
    normal distribution about that mean gives its place, over that of one about the middle, times how often it is seen.
    """

    name = "embedding"

    def __init__(self, column: Column):
        super().__init__(column)
        self.counts = np.zeros(len(column.categories or ()))
        self.table = np.zeros((len(self.counts) + 1, 1))

    def fit(self, values: np.ndarray) -> Self:
        return self.fit_beside(values, np.zeros((len(values), 0)))

    def fit_beside(self, values: np.ndarray, others: np.ndarray) -> Self:
        """Learn from values (n,) and the prepared slots (n, q) of the other columns, 0 where missing."""
        known = ~np.isnan(values)
        codes, others = values[known].astype(np.intp), np.asarray(others[known], dtype=np.float64)
        self.counts = np.bincount(codes, minlength=len(self.counts)).astype(np.float64)
        size = min(LARGEST_EMBEDDING, max(2, int(np.ceil(len(self.counts) ** 0.25 * 2))))
        few = ~common(self.counts)
        joined = np.where(few[codes], len(self.counts), codes)
        counts = np.bincount(joined, minlength=len(self.counts) + 1).astype(np.float64)
        sums = np.zeros((len(counts), others.shape[1]))
        np.add.at(sums, joined, others - (others.mean(axis=0) if len(others) else 0.0))
        means = sums / (counts + SHRINK)[:, None]
        weights = np.sqrt(counts / max(1.0, counts.sum()))[:, None]
        found = np.zeros((len(counts), size))
        if others.shape[1]:
            _, _, right = np.linalg.svd(weights * means, full_matrices=False)
            right = right[:size]
            found[:, : len(right)] = means @ right.T
        # A column that nothing else tells of has places all the same, or its categories could not be told apart.
        noise = np.random.default_rng(0).standard_normal(found.shape)
        spread = np.sqrt(((weights * found) ** 2).sum(axis=0))
        found = np.where(spread > 1e-6, found / np.maximum(spread, 1e-6), noise)
        found -= (weights**2 * found).sum(axis=0)
        found /= np.sqrt(((weights * found) ** 2).sum(axis=0)).clip(min=1e-6) * np.sqrt(size)
        found[np.flatnonzero(few)] = found[-1]
        self.table = found
        return self

    def heads(self) -> list[Head]:
        return [Head(0, 0, self.table.shape[1], NUMBERS)]

    def encode(self, values: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        missing = np.isnan(values)
        out = self.table[np.where(missing | (values < 0), len(self.counts), values).astype(np.intp)]
        out[missing] = np.nan
        return out

    def decode(self, slots: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        order = np.argsort(-self.counts, kind="stable")[:MOST_GIVEN_BACK]
        order = order[self.counts[order] > 0]
        places, prior = self.table[order], np.log(self.counts[order])
        size = self.table.shape[1]
        lengths = (places**2).sum(1)
        out = np.empty(len(slots))
        step = max(1, AT_ONCE // len(order))
        for start in range(0, len(slots), step):
            x = slots[start : start + step].astype(np.float64)
            # A mean place as long as a place of its own is sure; one near the middle says no more than the counts do.
            sure = (x**2).sum(1, keepdims=True).clip(0.0, SUREST)
            far = (x**2).sum(1, keepdims=True) - 2 * x @ places.T + lengths
            score = prior - size / 2 * (far / (1 - sure) - lengths)
            if rng is not None:
                score += rng.gumbel(size=score.shape)
            out[start : start + step] = order[score.argmax(axis=1)]
        return out

    def arrays(self) -> dict[str, np.ndarray]:
        return {"counts": self.counts, "table": self.table}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Self:
        self.counts = np.asarray(arrays["counts"], dtype=np.float64)
        self.table = np.asarray(arrays["table"], dtype=np.float64)
        return self


def common(counts: np.ndarray) -> np.ndarray:
    """Say which categories are not rare: seen at least five times, or in one row of a hundred where there are few."""
    enough = counts >= min(float(RARE), max(1.0, counts.sum() / 100))
    # Something must be told apart.
    return enough if enough.any() else counts > 0


def _sums(chances: np.ndarray) -> np.ndarray:
    return chances.clip(min=0).sum(axis=1, keepdims=True)
