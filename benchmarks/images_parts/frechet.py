"""Frechet distance in the features of a small classifier, which learns the labels of the pictures here."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

#: Units of the layer that the distance is measured in.
FEATURES = 64
BATCH, RATE = 256, 2e-3


class Classifier:
    """Two convolutions and two dense layers, trained on labelled pictures of bytes.

    Parameters
    ----------
    X : uint8 ndarray of shape (n, 28, 28)
    y : ndarray of int, of shape (n,)
    epochs : int
    """

    def __init__(self, X: np.ndarray, y: np.ndarray, epochs: int):
        torch.manual_seed(0)
        self.body = nn.Sequential(
            *(nn.Conv2d(1, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(64 * 49, FEATURES), nn.ReLU()),
        )
        self.head = nn.Linear(FEATURES, int(y.max()) + 1)
        weights = [*self.body.parameters(), *self.head.parameters()]
        optimizer = torch.optim.Adam(weights, RATE, fused=True)
        targets = torch.from_numpy(y.astype(np.int64))
        steps = epochs * -(-len(X) // BATCH)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(epochs):
            for rows in torch.randperm(len(X)).split(BATCH):
                loss = nn.functional.cross_entropy(self.head(self.body(self._prepared(X[rows]))), targets[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()

    def _prepared(self, X: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(X)).float().div(255)[:, None]

    @torch.no_grad()
    def features(self, X: np.ndarray) -> np.ndarray:
        """Give the features of pictures: (n, FEATURES)."""
        return np.concatenate([self.body(self._prepared(X[i : i + 1000])).numpy() for i in range(0, len(X), 1000)])

    @torch.no_grad()
    def accuracy(self, X: np.ndarray, y: np.ndarray) -> float:
        """Share of pictures whose label it finds."""
        return float((self.head(torch.from_numpy(self.features(X))).argmax(1).numpy() == y).mean())


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Frechet distance of two normal distributions with the means and covariances of two sets of features.

    Dowson and Landau (1982), as Heusel et al. (2017) use it: squared distance of the means, and
    trace(A + B - 2 (A B)^(1/2)) of the covariances.
    """
    first, second = (np.cov(part, rowvar=False, dtype=np.float64) for part in (a, b))
    apart = a.mean(0, dtype=np.float64) - b.mean(0, dtype=np.float64)
    values, vectors = np.linalg.eigh(first)
    half = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    # The same trace by a symmetric matrix, which stays exact where a feature never moves.
    root = np.sqrt(np.linalg.eigvalsh(half @ second @ half).clip(0)).sum()
    return float(apart @ apart + np.trace(first) + np.trace(second) - 2 * root)
