"""Generated rows of which it is known what PCA can do with them."""

from __future__ import annotations

import numpy as np


def bent(n: int, seed: int = 0) -> np.ndarray:
    """Rows on a curve in eight dimensions, which one straight line cannot follow."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(-2, 2, (n, 1))
    curve = np.concatenate([t, t**2, np.sin(3 * t), np.cos(3 * t), t**3, np.abs(t), np.sin(t), np.cos(2 * t)], 1)
    return curve + 0.01 * rng.normal(size=curve.shape)


def straight(n: int, d: int = 8, rank: int = 3, noise: float = 0.3, seed: int = 0) -> np.ndarray:
    """Rows in a plane of `rank` dimensions, with noise: PCA is the best that there is."""
    rng = np.random.default_rng(seed)
    basis = np.random.default_rng(100).normal(size=(rank, d))
    return rng.normal(size=(n, rank)) @ basis + noise * rng.normal(size=(n, d))
