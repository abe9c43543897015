"""Rows that a detector keeps: those fitted on, and those that it is judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from isthmus.data import Preparation, Raw
from isthmus.data.columns.base import BINARY, NUMBERS

#: Of clean rows: share that is held out to judge by, and the most of them.
HELD_OUT, MOST_HELD_OUT = 0.1, 2000
#: Rows, and share of them, from which those of the rarer of two values are a group of their own, not strange ones.
FEWEST_RARER, LEAST_RARER = 20, 0.02
#: Prepared values are cut to this, so that their squares stay finite.
LARGEST = 1e12


@dataclass(frozen=True)
class RowsKept:
    """A sample of the rows seen, prepared.

    Parameters
    ----------
    x : Tensor of shape (n, p)
    kept : int ndarray
        Rows that were fitted on.
    judged : int ndarray
        Rows that p-values and lines are taken from: held out of clean rows, else all.
    seen : int
        Rows that the sample was drawn from.
    """

    x: Tensor
    kept: np.ndarray
    judged: np.ndarray
    seen: int

    @property
    def kept_rows(self) -> Tensor:
        """Rows fitted on."""
        return self.x[torch.from_numpy(self.kept)]

    @property
    def judged_rows(self) -> Tensor:
        """Rows judged by."""
        return self.x[torch.from_numpy(self.judged)]

    def joined(self, x: Tensor, kept: np.ndarray, judged: np.ndarray, most: int, rng: np.random.Generator) -> RowsKept:
        """Give a sample of these and new rows, each row seen as likely to be in it, of at most `most` rows."""
        n, m = len(self.x), len(x)
        chosen = np.arange(n + m)
        if n + m > most:
            new = int(rng.hypergeometric(m, self.seen, most))
            old = min(n, most - new)
            chosen = np.concatenate([some(n, old, rng), n + some(m, most - old, rng)])
        roles = np.zeros((2, n + m), dtype=bool)
        for role, first, second in ((0, self.kept, kept), (1, self.judged, judged)):
            roles[role, first] = roles[role, n + second] = True
        both = torch.cat([self.x, x])[torch.from_numpy(chosen)]
        kept_now, judged_now = (np.flatnonzero(role[chosen]) for role in roles)
        return RowsKept(both, kept_now, judged_now, self.seen + m)

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the rows and what they are for."""
        return {"rows.x": self.x.numpy(), "rows.kept": self.kept, "rows.judged": self.judged}

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray], seen: int) -> RowsKept:
        """Rebuild from `arrays`."""
        return cls(torch.from_numpy(arrays["rows.x"]), arrays["rows.kept"], arrays["rows.judged"], seen)


def roles(n: int, clean: bool, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Divide rows into those fitted on and those judged by; rows that may be strange are all judged by."""
    if not clean:
        return np.arange(n), np.arange(n)
    held = some(n, min(MOST_HELD_OUT, max(1, round(HELD_OUT * n))), rng)
    return np.setdiff1d(np.arange(n), held), held


def most_usual(scores: np.ndarray, x: Tensor, share: float) -> np.ndarray:
    """Give the least strange rows, ascending; of each value of a slot that has two, as large a share.

    Else rows of the rarer value, which are strange for that alone, would all be left out, and the value not be known.

    Parameters
    ----------
    scores : ndarray of shape (n,)
    x : Tensor of shape (n, p)
    share : float
        Of the rows.
    """
    kept = np.zeros(len(scores), dtype=bool)
    kept[_least(scores, np.arange(len(scores)), share)] = True
    for j in range(x.shape[1]):
        column = x[:, j].numpy()
        low, high = column.min(), column.max()
        first, second = column == low, column == high
        if low == high or not (first | second).all():
            continue
        rarer = np.flatnonzero(first if first.sum() < second.sum() else second)
        if len(rarer) >= max(FEWEST_RARER, LEAST_RARER * len(scores)):
            kept[_least(scores, rarer, share)] = True
    return np.flatnonzero(kept)


def _least(scores: np.ndarray, rows: np.ndarray, share: float) -> np.ndarray:
    order = np.argsort(scores[rows], kind="stable")
    return rows[order[: max(1, round(share * len(rows)))]]


def some(n: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """Draw rows without replacement, in ascending order; all where there are no more."""
    return np.arange(n) if n <= most else np.sort(rng.choice(n, most, replace=False))


def flat(preparation: Preparation, raw: Raw, name: str = "AnomalyDetector") -> Tensor:
    """Prepare rows as (n, p); what is missing becomes the mean of its slot, which is 0, or the commonest category."""
    prepared = preparation.transform(raw, torch.float64, name=name)
    x = prepared.x.flatten(1).clamp(-LARGEST, LARGEST)
    if prepared.mask is None or not preparation.heads_:
        return x
    return torch.where(prepared.mask.flatten(1), x, torch.from_numpy(_commonest(preparation)))


def _commonest(preparation: Preparation) -> np.ndarray:
    """Prepared slots of the commonest truth values and categories, and of the means of numbers: (p,)."""
    usual = np.zeros(preparation.shape_)
    for head in preparation.heads_:
        if head.kind != NUMBERS:
            shares = head.center
            told = (shares >= 0.5) if head.kind == BINARY else np.arange(len(shares)) == shares.argmax()
            usual[head.start : head.stop] = (told - shares) / head.scale
    return usual
