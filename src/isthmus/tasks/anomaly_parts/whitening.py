"""Whitening of residuals under a shrunk covariance, column by column."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from sklearn.covariance import ledoit_wolf_shrinkage
from torch import Tensor

#: Rows that a covariance of many columns is learnt from at most: beyond, its decomposition would take too long.
MOST_WIDE = 2048


class Whitening:
    """Multiplication by the inverse square root of the covariance of Ledoit and Wolf (2004).

    The symmetric root, so that each whitened column still belongs to the column that it came from. The covariance is
    (1 - s) S + s m I, with m the mean variance, so that outside the span of the rows one factor serves for all.
    """

    def __init__(self) -> None:
        self.mean = torch.zeros(0)
        self.directions = torch.zeros(0, 0)
        self.factors = torch.zeros(0)
        self.outside = torch.ones(())

    def fit(self, rows: Tensor) -> Self:
        """Learn from rows of shape (n, p)."""
        n, p = rows.shape
        if p > MOST_WIDE and n > MOST_WIDE:
            rows = rows[torch.linspace(0, n - 1, MOST_WIDE).long()]
            n = MOST_WIDE
        self.mean = rows.mean(0)
        centred = rows - self.mean
        total = float(centred.square().sum() / n / p)
        if n < 2 or total <= 0:  # nothing varies: distances stay as they are
            self.directions, self.factors, self.outside = rows.new_zeros(p, 0), rows.new_zeros(0), rows.new_ones(())
            return self
        shrinkage = float(ledoit_wolf_shrinkage(centred.numpy(), assume_centered=True))
        if p <= n:
            variances, directions = torch.linalg.eigh(centred.T @ centred / n)
        else:
            _, singular, directions = torch.linalg.svd(centred, full_matrices=False)
            variances, directions = singular.square() / n, directions.T
        floor = max(shrinkage * total, 1e-6 * total)
        variances = ((1 - shrinkage) * variances.clamp(min=0) + shrinkage * total).clamp(min=floor)
        self.outside = rows.new_tensor(floor**-0.5)
        self.factors = variances.rsqrt() - self.outside
        self.directions = directions.contiguous()
        self.mean = self.mean
        return self

    def of(self, rows: Tensor) -> Tensor:
        """Whiten rows: (n, p)."""
        rows = rows - self.mean
        return rows * self.outside + ((rows @ self.directions) * self.factors) @ self.directions.T

    def arrays(self) -> dict[str, np.ndarray]:
        """Give what was learnt."""
        return {name: getattr(self, name).numpy() for name in ("mean", "directions", "factors", "outside")}

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> Whitening:
        """Rebuild from `arrays`."""
        whitening = cls()
        for name in ("mean", "directions", "factors", "outside"):
            setattr(whitening, name, torch.from_numpy(arrays[name]))
        return whitening
