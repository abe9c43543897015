"""Batches of sequences that are about as long, so that little of what a step computes is padding."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.data import DenseRows, Rows
from isthmus.training.split import SubsetRows

#: Batches whose sequences are put in order of length together: more leave less padding, and less to chance.
POOLED = 64


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


def deal(order: Tensor, n_batches: int, lengths: Tensor | None, generator: torch.Generator) -> list[Tensor]:
    """Deal shuffled rows into batches, of sizes that differ by one at most.

    Where rows have lengths, pools of 64 batches are put in order of length (of equal ones, by chance) before they are
    dealt, and the batches shuffled.

    Parameters
    ----------
    order : int64 Tensor of shape (n,)
        Rows, shuffled.
    n_batches : int
    lengths : int64 Tensor of shape (n,) or None
    generator : torch.Generator
        Shuffles the batches; not drawn from without lengths.

    Returns
    -------
    list of int64 Tensor

    Examples
    --------
    >>> import torch
    >>> lengths = torch.tensor([9, 1, 8, 2])
    >>> dealt = deal(torch.arange(4), 2, lengths, torch.Generator().manual_seed(0))
    >>> sorted(sorted(lengths[batch].tolist()) for batch in dealt)
    [[1, 2], [8, 9]]
    """
    if lengths is None:
        return list(order.tensor_split(n_batches))
    sizes = [len(part) for part in order.tensor_split(n_batches)]
    pooled = []
    for pool in order.split(POOLED * max(sizes)):
        pooled.append(pool[torch.argsort(lengths[pool.cpu()], stable=True).to(pool.device)])
    batches = torch.cat(pooled).split(sizes)
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


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
