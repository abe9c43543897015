"""Models whose scores are a history times item-item weights, dense or sparse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from scipy import sparse

from isthmus.data.raw import Csr, Values
from isthmus.tasks.recommending_parts.base import Model
from isthmus.training.threads import threads_for

#: Width of a user's code, at most: leading singular vectors of the weights.
CODE_DIM = 64
#: Further random directions, and passes over the weights, of the search for singular vectors.
OVERSAMPLING = 10
PASSES = 4


def leading_vectors(weights: Values, k: int = CODE_DIM) -> np.ndarray:
    """Leading left singular vectors times their singular values, by a randomised range finder.

    Parameters
    ----------
    weights : ndarray or csr_matrix of shape (n_items, n_items)
    k : int, default=64

    Returns
    -------
    float32 ndarray of shape (n_items, min(k, n_items))
        The largest entry of each column is positive.

    References
    ----------
    Halko, Martinsson, Tropp, "Finding Structure with Randomness", SIAM Review, 2011, algorithm 4.4.
    """
    n = weights.shape[0]
    width = min(n, k + OVERSAMPLING)
    turned = weights.T
    basis = np.random.default_rng(0).standard_normal((n, width), dtype=np.float32)
    # QR and SVD of a tall matrix are small work, and on one thread always the same.
    with threads_for(0):
        for _ in range(PASSES):
            basis = torch.linalg.qr(torch.from_numpy(weights @ basis))[0].numpy()
            basis = torch.linalg.qr(torch.from_numpy(np.ascontiguousarray(turned @ basis)))[0].numpy()
        left, values, _ = torch.linalg.svd(torch.from_numpy(weights @ basis), full_matrices=False)
    scaled = (left * values)[:, : min(k, n)].numpy()
    strongest = scaled[np.abs(scaled).argmax(0), np.arange(scaled.shape[1])]
    return scaled * np.where(strongest < 0, -1, 1).astype(np.float32)


class ItemWeights(Model):
    """Scores are history @ weights; what is learnt are the weights, float32 of shape (n_items, n_items)."""

    #: ndarray or csr_matrix.
    weights_: Any
    _directions: np.ndarray | None = None
    _chosen: Mapping[str, Any] = {}

    def scores(self, history: Csr) -> np.ndarray:
        """Score all items for each history."""
        out = history @ self.weights_
        return out.toarray() if sparse.issparse(out) else np.asarray(out)

    def codes(self, history: Csr) -> np.ndarray:
        """Leading singular vectors of the weights times the history: float32 (m, at most 64)."""
        if self._directions is None:
            self._directions = leading_vectors(self.weights_)
        return np.asarray(history @ self._directions)

    def similar(self, items: np.ndarray) -> np.ndarray:
        """Geometric mean of the weights there and back, which is symmetric; 0 where they differ in sign.

        For weights -P_ij / P_jj of an inverse Gram matrix P this is the partial correlation of the two items.
        """
        chosen = np.asarray(items)
        there, back = self.weights_[chosen], self.weights_[:, chosen].T
        if sparse.issparse(there):
            there, back = there.toarray(), back.toarray()
        product = there * back
        return np.sign(there) * np.sqrt(np.maximum(product, 0, out=product))

    def contributions(self, history: Csr, item: int) -> np.ndarray:
        """How much the score of an item falls without each entry of one history: its value times its weight."""
        weights = self.weights_[history.indices, item]
        dense = weights.toarray() if sparse.issparse(weights) else np.asarray(weights)
        return history.data * dense.ravel()

    @property
    def chosen(self) -> dict[str, Any]:
        """What was chosen in place of "auto"."""
        return dict(self._chosen)

    def learnt(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Give what was learnt as JSON values and as arrays."""
        values = {"chosen": self.chosen}
        if not sparse.issparse(self.weights_):
            return values, {"weights": self.weights_}
        parts: Csr = self.weights_
        return values, {"data": parts.data, "indices": parts.indices, "indptr": parts.indptr}

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """Take back what `learnt` gave."""
        if "weights" in arrays:
            self.weights_ = arrays["weights"]
        else:
            n = len(arrays["indptr"]) - 1
            self.weights_ = sparse.csr_matrix((arrays["data"], arrays["indices"], arrays["indptr"]), shape=(n, n))
        self._chosen, self._directions = dict(values["chosen"]), None
        return self
