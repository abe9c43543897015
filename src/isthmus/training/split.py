"""Holding some of the rows out, to see when training should stop."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from torch import Tensor

from isthmus.data import DenseRows, Prepared, Rows

#: With fewer rows than this nothing is held out: a handful of rows tells nothing.
FEWEST_TO_SPLIT = 20


def held_out(n_rows: int, fraction: float, seed: int | np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw the rows to train on and those to hold out, both in ascending order; none held out of under 20 rows.

    At least 10 rows are left to train on.
    """
    n_out = min(round(n_rows * fraction), n_rows - FEWEST_TO_SPLIT // 2)
    if n_rows < FEWEST_TO_SPLIT or n_out == 0:
        return np.arange(n_rows), np.arange(0)
    order = np.random.default_rng(seed).permutation(n_rows)
    return np.sort(order[n_out:]), np.sort(order[:n_out])


class SubsetRows:
    """Some of the rows of another source.

    Parameters
    ----------
    rows : Rows
    index : int ndarray of shape (m,)
    """

    def __init__(self, rows: Rows, index: np.ndarray):
        self.rows = rows
        self.index = torch.from_numpy(index)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one prepared item."""
        return self.rows.shape

    @property
    def has_mask(self) -> bool:
        """Whether `take` gives a mask."""
        return self.rows.has_mask

    @property
    def whole(self) -> Rows:
        """The source of all rows, however many subsets lie between."""
        return self.rows.whole if isinstance(self.rows, SubsetRows) else self.rows

    def take(self, index: Tensor, out: Prepared | None = None) -> Prepared:
        """Give the rows at places `index` of the subset."""
        return self.rows.take(self.index.to(index.device)[index], out)

    def to(self, device: torch.device | str) -> Self:
        """Give the same rows with their batches on another device."""
        return type(self)(self.rows.to(device), self.index.numpy())


def resident(rows: Rows) -> tuple[DenseRows | None, Tensor | None]:
    """Find the tensor that rows are taken from, and the numbers that they have in it."""
    if isinstance(rows, DenseRows):
        return rows, None
    if isinstance(rows, SubsetRows):
        base, chosen = resident(rows.rows)
        return base, rows.index if chosen is None else chosen[rows.index]
    return None, None


def evenly(n: int, limit: int | None) -> Tensor:
    """Numbers of all of n rows, or of `limit` of them spread evenly: rows often come sorted."""
    if limit is None or n <= limit:
        return torch.arange(n)
    return torch.linspace(0, n - 1, limit, dtype=torch.float64).round().long()
