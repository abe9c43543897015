"""Columns of categories: few as indicators, many as embeddings that are learnt from the other columns; truth values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Self

import numpy as np
from scipy.special import logsumexp

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
#: Directions of the other columns that the places are found in.
MOST_DIRECTIONS = 64
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
        return self._set(np.bincount(seen, minlength=len(self.counts)).astype(np.float64))

    def _set(self, counts: np.ndarray) -> Self:
        self.counts = counts
        #: Places of the categories that have an indicator of their own.
        self.kept = np.flatnonzero(common(counts))
        few = counts[~common(counts)].sum()
        shares = (np.append(counts[self.kept], few) if few else counts[self.kept]) / counts.sum()
        spread = float(np.sqrt(max(0.0, 1 - (shares**2).sum()))) or 1.0
        self._head = Head(0, 0, len(shares), CATEGORIES, 1.0, shares, spread)
        # Where nothing is rare there is no place for what was never seen: it is missing, the last line of these.
        width = len(shares)
        self._slots = np.full((width + 1, width), np.nan)
        self._slots[:width] = (np.eye(width) - shares) / spread
        self._line = np.full(len(counts) + 2, width - 1 if few else width)
        self._line[self.kept] = np.arange(len(self.kept))
        self._line[-1] = width
        return self

    def heads(self) -> list[Head]:
        return [self._head]

    def encode(self, values: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        place = np.where(values < 0, len(self.counts), values)
        return self._slots[self._line[np.where(np.isnan(values), len(self.counts) + 1, place).astype(np.intp)]]

    def decode(self, slots: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        head, kept = self._head, self.kept
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
        return self._set(np.asarray(arrays["counts"], dtype=np.float64))


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
        return self.fit_beside(values, np.zeros((len(values), 1)))

    def fit_beside(self, values: np.ndarray, others: np.ndarray) -> Self:
        """Learn from values (n,) and what `directions` makes of the other columns' slots, (n, q)."""
        known = ~np.isnan(values)
        codes, others = values[known].astype(np.intp), others[known]
        self.counts = np.bincount(codes, minlength=len(self.counts)).astype(np.float64)
        size = min(LARGEST_EMBEDDING, max(2, int(np.ceil(len(self.counts) ** 0.25 * 2))))
        few = ~common(self.counts)
        joined = np.where(few[codes], len(self.counts), codes)
        counts = np.bincount(joined, minlength=len(self.counts) + 1).astype(np.float64)
        sums = np.stack([np.bincount(joined, column, len(counts)) for column in others.T], axis=1)
        means = sums / (counts + SHRINK)[:, None]
        weights = np.sqrt(counts / max(1.0, counts.sum()))[:, None]
        found = np.zeros((len(counts), size))
        turned = means @ np.linalg.eigh((weights * means).T @ (weights * means))[1][:, ::-1][:, :size]
        found[:, : turned.shape[1]] = turned
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
        out = np.empty(len(slots))
        for rows, order, score in self._scores(slots):
            if rng is not None:
                score = score + rng.gumbel(size=score.shape)
            out[rows] = order[score.argmax(axis=1)]
        return out

    def chance(self, slots: np.ndarray) -> np.ndarray:
        """Chance (n,) of the likeliest category of slots (n, width) in prepared units."""
        out = np.empty(len(slots))
        for rows, _, score in self._scores(slots):
            out[rows] = np.exp(score.max(axis=1) - logsumexp(score, axis=1))
        return out

    def _scores(self, slots: np.ndarray) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Logarithms of the chances of categories, but for a constant, some rows at a time, with their places."""
        order = np.argsort(-self.counts, kind="stable")[:MOST_GIVEN_BACK]
        order = order[self.counts[order] > 0]
        places, prior = self.table[order], np.log(self.counts[order])
        size = self.table.shape[1]
        lengths = (places**2).sum(1)
        step = max(1, AT_ONCE // len(order))
        for start in range(0, len(slots), step):
            x = slots[start : start + step].astype(np.float64)
            # A mean place as long as a place of its own is sure; one near the middle says no more than the counts do.
            sure = (x**2).sum(1, keepdims=True).clip(0.0, SUREST)
            far = (x**2).sum(1, keepdims=True) - 2 * x @ places.T + lengths
            yield slice(start, start + step), order, prior - size / 2 * (far / (1 - sure) - lengths)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"counts": self.counts, "table": self.table}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Self:
        self.counts = np.asarray(arrays["counts"], dtype=np.float64)
        self.table = np.asarray(arrays["table"], dtype=np.float64)
        return self


def directions(rows: np.ndarray) -> np.ndarray:
    """Turn rows into the directions in which they vary most, centred: (n, at most 64)."""
    if not rows.shape[1]:
        return np.zeros((len(rows), 1))
    centred = rows - rows.mean(axis=0)
    return centred @ np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :MOST_DIRECTIONS]


def common(counts: np.ndarray) -> np.ndarray:
    """Say which categories are not rare: seen at least five times, or in one row of a hundred where there are few."""
    enough = counts >= min(float(RARE), max(1.0, counts.sum() / 100))
    # Something must be told apart.
    return enough if enough.any() else counts > 0


def _sums(chances: np.ndarray) -> np.ndarray:
    return chances.clip(min=0).sum(axis=1, keepdims=True)
