"""Linear autoencoder for many items: each item's weights are solved among its neighbours only, and kept sparse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import torch
from scipy import sparse

from isthmus.data.raw import Csr
from isthmus.parameters import Check, whole
from isthmus.tasks.recommending_parts.base import Holdout, Settings
from isthmus.tasks.recommending_parts.closed import L2, STARTS, climb
from isthmus.tasks.recommending_parts.gram import require_bytes
from isthmus.tasks.recommending_parts.ranking import BLOCK_VALUES, mean_ndcg, top_k
from isthmus.tasks.recommending_parts.weights import ItemWeights
from isthmus.training.threads import threads_for

#: Entries of each row of the Gram matrix that are kept, those of the largest cosine; what is lost counts as 0.
KEPT = 512
#: Values of scores of held-out users at one look, at most.
LOOK = 2**28


def sparse_gram(interactions: Csr, kept: int = KEPT) -> tuple[Csr, np.ndarray]:
    """Largest entries of the Gram matrix, by cosine, made for some items at a time.

    Parameters
    ----------
    interactions : csr_matrix of shape (n, n_items)
    kept : int
        Entries of each row, the diagonal apart.

    Returns
    -------
    csr_matrix of shape (n_items, n_items)
        Symmetric: what either of two items keeps, with the diagonal.
    int64 ndarray of shape (n_items, min(kept, n_items - 1))
        Most alike items of each, best first; -1 where no other shares a user.
    """
    rows = interactions.astype(np.float32)
    turned = rows.T.tocsr()
    n = rows.shape[1]
    squares = np.asarray(turned.multiply(turned).sum(1), np.float32).ravel()
    norms = np.sqrt(np.maximum(squares, np.finfo(np.float32).tiny))
    step = max(1, BLOCK_VALUES // n)
    near, values = [], []
    for start in range(0, n, step):
        block = (turned[start : start + step] @ rows).toarray()
        own = np.arange(len(block))
        block /= norms
        block[own, start + own] = 0
        block[block <= 0] = -np.inf
        items, cosine = top_k(block, min(kept, n - 1))
        near.append(items)
        values.append(np.where(items < 0, 0, cosine * norms[items]))
    items, counts = np.concatenate(near), np.concatenate(values).astype(np.float32)
    there = items >= 0
    at = np.repeat(np.arange(n), there.sum(1))
    half = sparse.csr_matrix((counts[there], (at, items[there])), shape=(n, n))
    return (half.maximum(half.T) + sparse.diags(squares)).tocsr().astype(np.float32), items


class SparseInverse(ItemWeights):
    """EASE in which an item is predicted from its nearest neighbours alone: weights of n_items * neighbours values.

    A column of EASE is a ridge regression of one item on all others; here it is one on the items whose users are most
    like its own (cosine). With all items as neighbours it is EASE; items that share
    no user are never neighbours.

    Parameters
    ----------
    neighbours : int, default=64
    l2 : float or "auto", default="auto"
        As of EASE; chosen on users held out.

    References
    ----------
    Steck, "Markov Random Fields for Collaborative Filtering", NeurIPS 2019: the inverse restricted to a sparse pattern.
    Spisak, Bartyzal, Hoskovec, Peska, Tuma, "Scalable Approximate NonSymmetric Autoencoder for Collaborative
    Filtering", RecSys 2023: the same aim, by a sparse Cholesky factor.
    """

    name = "sparse_inverse"
    PARAMETERS: ClassVar[Mapping[str, tuple[Check, str]]] = {
        "neighbours": (whole(1), "a whole number from 1 on"),
        "l2": L2,
    }

    def __init__(self, neighbours: int = 64, l2: float | str = "auto") -> None:
        self.neighbours = neighbours
        self.l2 = l2

    def fit(self, interactions: Csr, holdout: Holdout | None, settings: Settings) -> Self:
        """Find the neighbours of each item, then solve the ridge regressions, many at a time."""
        self._directions = None
        self._require_memory(interactions.shape[1])
        counts, near = sparse_gram(interactions, max(KEPT, self.neighbours))
        near = near[:, : self.neighbours]
        local, targets = _local(counts, near)
        if isinstance(self.l2, str) and holdout is not None and holdout.targets.nnz:
            n = max(1, LOOK // interactions.shape[1])
            shown, wanted = holdout.history[:n], holdout.targets[:n]

            def figure(place: dict[str, float]) -> float:
                self.weights_ = _solved(local, targets, near, place["l2"])
                return mean_ndcg(self.scores, shown, wanted)

            self._chosen = climb(figure, ["l2"])
        elif isinstance(self.l2, str):
            self._chosen = {"l2": STARTS["l2"]}
        else:
            self._chosen = {}
        self.weights_ = _solved(local, targets, near, self._chosen.get("l2") or float(self.l2))
        return self

    def _require_memory(self, n: int) -> None:
        """Refuse more neighbours than memory holds the matrices of, before anything is allocated."""
        kept, m = min(max(KEPT, self.neighbours), n - 1), min(self.neighbours, n - 1)
        # Index and value of what is kept, twice as many when made symmetric; the matrices among neighbours.
        needed = n * (3 * 12 * kept + 4 * m * m)
        shape = f"{n:,} matrices of {m:,} x {m:,} float32, and {kept:,} entries of each row of the Gram matrix"
        require_bytes(f"model={self.name!r} on {n:,} items", needed, shape, "Take fewer neighbours, or model='elsa'.")


def _local(counts: Csr, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gram matrices among the neighbours of each item (n, m, m), and of these with the item itself (n, m)."""
    n, m = near.shape
    local, targets = np.zeros((n, m, m), np.float32), np.zeros((n, m), np.float32)
    for item in range(n):
        items = near[item][near[item] >= 0]
        rows = counts[items]
        many = len(items)
        local[item, :many, :many] = rows[:, items].toarray()
        targets[item, :many] = rows[:, [item]].toarray().ravel()
    return local, targets


def _solved(local: np.ndarray, targets: np.ndarray, near: np.ndarray, l2: float) -> Csr:
    """Solve (G + l2) b = g for each item; where what was lost of G leaves it indefinite, with a larger l2."""
    n, m = near.shape
    weights = np.zeros((n, m), np.float32)
    step = max(1, BLOCK_VALUES // max(1, m * m))
    unit = torch.eye(m)
    with threads_for(0):
        for start in range(0, n, step):
            rows = slice(start, start + step)
            block, wanted = torch.from_numpy(local[rows]), torch.from_numpy(targets[rows])
            penalty = torch.full((len(block), 1, 1), float(l2))
            factor, failed = torch.linalg.cholesky_ex(block + penalty * unit)
            while bool(failed.any()):
                penalty[failed > 0] *= 2
                factor, failed = torch.linalg.cholesky_ex(block + penalty * unit)
            weights[rows] = torch.cholesky_solve(wanted[:, :, None], factor)[:, :, 0].numpy()
    there = near >= 0
    columns = np.repeat(np.arange(n), there.sum(1))
    return sparse.csr_matrix((weights[there], (near[there], columns)), shape=(n, n))
