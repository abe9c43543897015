"""Item-item nearest neighbours: the baseline that needs no fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
from scipy import sparse

from isthmus.data.raw import Csr
from isthmus.parameters import Check, number, whole
from isthmus.tasks.recommending_parts.base import Holdout, Settings
from isthmus.tasks.recommending_parts.weights import ItemWeights

#: Items whose neighbours are found at once.
BLOCK = 1024


def strongest(block: Csr, k: int) -> Csr:
    """Keep the k largest values of each row; of equal ones those that come first."""
    block = block.tocsr()
    rows = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
    order = np.lexsort((block.indices, -block.data, rows))
    place = np.arange(block.nnz) - block.indptr[rows]
    keep = order[place < k]
    kept = sparse.csr_matrix((block.data[keep], (rows[keep], block.indices[keep])), shape=block.shape)
    kept.sort_indices()
    return kept


class ItemKNN(ItemWeights):
    """Score an item by how like those of the history it is: cosine of their users, of the nearest neighbours only.

    Parameters
    ----------
    neighbours : int, default=200
        Neighbours that each item keeps.
    shrinkage : float, default=10.0
        Added to the product of norms, so that a few common users do not make items alike.

    References
    ----------
    Deshpande, Karypis, "Item-Based Top-N Recommendation Algorithms", ACM TOIS, 2004.
    """

    name = "knn"
    PARAMETERS: ClassVar[Mapping[str, tuple[Check, str]]] = {
        "neighbours": (whole(1), "a whole number from 1 on"),
        "shrinkage": (number(0), "a number from 0 on"),
    }

    def __init__(self, neighbours: int = 200, shrinkage: float = 10.0) -> None:
        self.neighbours = neighbours
        self.shrinkage = shrinkage

    def fit(self, interactions: Csr, holdout: Holdout | None, settings: Settings) -> Self:
        """Find the neighbours of each item."""
        n_items = interactions.shape[1]
        turned = interactions.T.tocsr()
        norms = np.sqrt(np.asarray(turned.multiply(turned).sum(1), np.float32).ravel())
        blocks = []
        for start in range(0, n_items, BLOCK):
            stop = min(n_items, start + BLOCK)
            near = (turned[start:stop] @ interactions).tocoo()
            rows = near.row + start
            cosine = near.data / (norms[rows] * norms[near.col] + self.shrinkage)
            cosine[rows == near.col] = 0
            block = sparse.csr_matrix((cosine.astype(np.float32), (near.row, near.col)), shape=near.shape)
            block.eliminate_zeros()
            blocks.append(strongest(block, self.neighbours))
        # A column of the weights is the neighbourhood of the item that is scored.
        self.weights_, self._directions = sparse.vstack(blocks).T.tocsr(), None
        return self
