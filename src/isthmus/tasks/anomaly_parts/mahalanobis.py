"""Mahalanobis distance under a covariance that strange rows have little say in."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from isthmus.autoencoder import Autoencoder
from isthmus.tasks.anomaly_parts.base import Part, Setting
from isthmus.tasks.anomaly_parts.rows_kept import most_usual
from isthmus.tasks.anomaly_parts.views import Rows
from isthmus.tasks.anomaly_parts.whitening import Whitening

#: Share of the rows that the covariance is learnt from, and how often they are chosen anew.
CORE, ROUNDS = 0.75, 3


class RobustMahalanobis(Part):
    """Mahalanobis distance from the mean of the most central three quarters of the rows.

    These are found by concentration steps, as in the fast minimum covariance determinant of Rousseeuw and Van Driessen
    (1999), from the start at all rows and with the shrunk covariance of Ledoit and Wolf.
    """

    name: ClassVar[str] = "mahalanobis"

    def __init__(self) -> None:
        self.whitening = Whitening()

    def fit(self, rows: Rows, setting: Setting) -> Self:
        self.whitening.fit(rows.plain)
        for _ in range(ROUNDS):
            closest = most_usual(self.scores(rows)[:, 0].numpy(), rows.plain, CORE)
            self.whitening.fit(rows.plain[torch.from_numpy(closest)])
        return self

    def update(self, rows: Rows, new: Rows, setting: Setting) -> None:
        self.fit(rows, setting)

    def scores(self, rows: Rows) -> Tensor:
        return self.whitening.of(rows.plain).norm(dim=1, keepdim=True)

    def shares(self, rows: Rows) -> Tensor:
        return self.whitening.of(rows.plain).square()[:, None]

    def arrays(self) -> dict[str, np.ndarray]:
        return self.whitening.arrays()

    @classmethod
    def restore(
        cls, arrays: dict[str, np.ndarray], autoencoders: dict[str, Autoencoder], references: Rows
    ) -> RobustMahalanobis:
        part = cls()
        part.whitening = Whitening.restore(arrays)
        return part
