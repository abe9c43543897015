"""What most people take: the least that a recommender must beat, and all that it can say of a user without history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from isthmus.data.raw import Csr
from isthmus.tasks.recommending_parts.base import Holdout, Model, Settings


class Popularity(Model):
    """Score each item by how many users took it, whoever asks.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> taken = sparse.csr_matrix(np.array([[1, 1, 0], [0, 1, 1], [0, 1, 0]], np.float32))
    >>> Popularity().fit(taken, None, Settings(seed=0)).scores(taken[:1]).tolist()
    [[1.0, 3.0, 1.0]]
    """

    name = "popularity"

    def fit(self, interactions: Csr, holdout: Holdout | None, settings: Settings) -> Self:
        """Count the users of each item."""
        self.counts_ = np.bincount(interactions.indices, minlength=interactions.shape[1]).astype(np.float32)
        return self

    def scores(self, history: Csr) -> np.ndarray:
        """Score all items for each history."""
        return np.tile(self.counts_, (history.shape[0], 1))

    def codes(self, history: Csr) -> np.ndarray:
        """Describe each user by how popular what they took is: mean log count, float32 (m, 1); 0 without history."""
        sizes = np.maximum(np.diff(history.indptr), 1)[:, None]
        taken = history.copy()
        taken.data = np.log1p(self.counts_[taken.indices])
        return np.asarray(taken.sum(1) / sizes, np.float32)

    def similar(self, items: np.ndarray) -> np.ndarray:
        """Score others by how near in popularity they are, which is all that is known here: minus the log ratio."""
        logs = np.log1p(self.counts_)
        return -np.abs(logs[np.asarray(items)][:, None] - logs)

    def learnt(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Give what was learnt as JSON values and as arrays."""
        return {}, {"counts": self.counts_}

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """Take back what `learnt` gave."""
        self.counts_ = arrays["counts"]
        return self
