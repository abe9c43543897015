"""Distances to the nearest of some reference rows."""

from __future__ import annotations

import torch
from torch import Tensor

#: Distances that are held at once.
BLOCK = 1 << 23
#: Two rows are the same where they differ by less than this share of their length: rounding.
SAME = 1e-6


def nearest(rows: Tensor, references: Tensor, k: int, squares: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Find the k nearest references of each row, leaving out one that is the row itself.

    A reference at no distance at all is taken for the row: so the rows that references were chosen from are scored as
    if they were new. Of several equal ones, one is left out.

    Parameters
    ----------
    rows : Tensor of shape (n, p)
    references : Tensor of shape (m, p)
    k : int
        At most m - 1 are given, and at least one.
    squares : Tensor of shape (m,), optional
        Squared lengths of the references, where they are at hand.

    Returns
    -------
    distances : Tensor of shape (n, k)
        Ascending.
    index : int64 Tensor of shape (n, k)
        Of the references.

    Examples
    --------
    >>> import torch
    >>> line = torch.tensor([[0.0], [1.0], [3.0]])
    >>> nearest(torch.tensor([[0.0], [2.5]]), line, 1)[0].tolist()
    [[1.0], [0.5]]
    """
    k = max(1, min(k, len(references) - 1))
    asked = min(k + 1, len(references))
    distances, index = [], []
    if squares is None:
        squares = references.square().sum(1)
    for part in rows.split(max(1, BLOCK // len(references))):
        own = part.square().sum(1, keepdim=True)
        squared = torch.addmm(squares, part, references.T, alpha=-2).add_(own)
        found, where = squared.topk(asked, largest=False)
        # The product of matrices rounds: which one is the row itself is asked of the first ones exactly.
        first = min(asked, 3)
        exact = (part[:, None] - references[where[:, :first]]).square().sum(2)
        found = torch.cat([exact, found[:, first:].clamp(min=0)], dim=1)
        twin = exact <= SAME**2 * own
        is_there = twin.any(1)
        left_out = torch.where(is_there, twin.int().argmax(1), asked - 1)
        if asked > k:
            keep = torch.ones_like(found, dtype=torch.bool).scatter_(1, left_out[:, None], False)
            found, where = found[keep].view(-1, k), where[keep].view(-1, k)
        found, order = found.sqrt().sort(1)
        distances.append(found)
        index.append(where.gather(1, order))
    return torch.cat(distances), torch.cat(index)


def distance_shares(rows: Tensor, references: Tensor, distances: Tensor, index: Tensor) -> Tensor:
    """Share the mean distance to neighbours out among the columns: (n, p), whose rows sum to the mean distance.

    The distance to one neighbour is the sum of (x_j - y_j)^2 / distance over the columns.
    """
    out = torch.empty_like(rows)
    for i in range(len(rows)):
        squares = (rows[i] - references[index[i]]).square()
        out[i] = (squares / distances[i, :, None].clamp(min=1e-12)).mean(0)
    return out
