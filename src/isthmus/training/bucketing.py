"""Batches of sequences that are about as long, so that little of what a step computes is padding."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.data import DenseRows, Rows
from isthmus.training.split import SubsetRows

#: Batches whose sequences are put in order of length together: more leave less padding, and less to chance.
POOLS = (1, 4, 16, 64)
#: Share of a batch that may be padding where a smaller pool would do.
PADDING = 0.12
#: Batches below which nothing is put in order: each would be of one length, epoch after epoch.
FEWEST = 8


def lengths_of(rows: Rows) -> Tensor | None:
    """Steps of each sequence, int64 Tensor of shape (n,) on the CPU; None where all are as long.

    Parameters
    ----------
    rows : Rows
    """
    if isinstance(rows, SubsetRows):
        whole = lengths_of(rows.rows)
        return None if whole is None else whole[rows.index]
    return rows.lengths if isinstance(rows, DenseRows) else None


class Dealer:
    """Deals shuffled rows into batches, of sizes that differ by one at most.

    Where rows have lengths, pools of some batches are put in order of length (of equal ones, by chance) before they are
    dealt, and the batches shuffled; the smallest pool that leaves little padding is taken.

    Parameters
    ----------
    n_batches : int
    lengths : int64 Tensor of shape (n,) or None
        Steps of each row.

    Examples
    --------
    >>> import torch
    >>> lengths = torch.arange(64)
    >>> dealt = Dealer(16, lengths)(torch.randperm(64), torch.Generator().manual_seed(0))
    >>> len(dealt), max(int(lengths[batch].max() - lengths[batch].min()) for batch in dealt) < 30
    (16, True)
    """

    def __init__(self, n_batches: int, lengths: Tensor | None):
        self.n_batches = n_batches
        self.lengths = None if n_batches < FEWEST else lengths
        self.pool = POOLS[0]
        if self.lengths is not None:
            order = torch.randperm(len(self.lengths), generator=torch.Generator().manual_seed(0))
            for self.pool in POOLS:
                if padding(self._batches(order), self.lengths) < PADDING:
                    break

    def __call__(self, order: Tensor, generator: torch.Generator) -> list[Tensor]:
        """Give the batches of some rows in the order that they were shuffled to; nothing is drawn without lengths."""
        if self.lengths is None:
            return list(order.tensor_split(self.n_batches))
        batches = self._batches(order)
        return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]

    def _batches(self, order: Tensor) -> list[Tensor]:
        assert self.lengths is not None
        sizes = [len(part) for part in order.tensor_split(self.n_batches)]
        if self.pool > 1:
            pools = order.split(self.pool * max(sizes))
            order = torch.cat(
                [pool[torch.argsort(self.lengths[pool.cpu()], stable=True).to(pool.device)] for pool in pools]
            )
        return list(order.split(sizes))


def padding(batches: list[Tensor], lengths: Tensor) -> float:
    """Share of the steps of batches, each padded to its longest sequence, that are padding.

    Examples
    --------
    >>> import torch
    >>> padding([torch.tensor([0, 1])], torch.tensor([1, 3])) == 2 / 6
    True
    """
    whole = sum(len(batch) * int(lengths[batch].max()) for batch in batches)
    return (whole - sum(int(lengths[batch].sum()) for batch in batches)) / whole
