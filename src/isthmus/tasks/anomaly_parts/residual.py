"""What a denoising network leaves over, whitened."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from torch import Tensor

from isthmus.autoencoder import Autoencoder
from isthmus.tasks.anomaly_parts.base import Part, Setting
from isthmus.tasks.anomaly_parts.denoiser import fit_denoiser, predicted_noise
from isthmus.tasks.anomaly_parts.views import Rows
from isthmus.tasks.anomaly_parts.whitening import Whitening


class WhitenedResidual(Part):
    """Length of what a network that denoises both views leaves over, under the covariance of the residuals.

    Columns that the network gives back well weigh more than those that it cannot, and residuals that go together count
    once: the Mahalanobis distance under the covariance of Ledoit and Wolf (2004).
    """

    name: ClassVar[str] = "residual"

    def __init__(self) -> None:
        self.denoiser: Autoencoder
        self.whitening = Whitening()

    def fit(self, rows: Rows, setting: Setting) -> Self:
        self.denoiser = fit_denoiser(rows.both, setting)
        self.whitening.fit(predicted_noise(self.denoiser, rows.both))
        return self

    def update(self, rows: Rows, new: Rows, setting: Setting) -> None:
        self.denoiser.partial_fit(new.both.float().numpy())
        self.whitening.fit(predicted_noise(self.denoiser, rows.both))

    def scores(self, rows: Rows) -> Tensor:
        return self._whitened(rows).norm(dim=1, keepdim=True)

    def shares(self, rows: Rows) -> Tensor:
        squares = self._whitened(rows).square()
        p = rows.plain.shape[1]
        return (squares[:, :p] + squares[:, p:])[:, None]

    def _whitened(self, rows: Rows) -> Tensor:
        return self.whitening.of(predicted_noise(self.denoiser, rows.both))

    def codes(self, rows: Rows) -> np.ndarray:
        return self.denoiser.transform(rows.both.numpy())

    def arrays(self) -> dict[str, np.ndarray]:
        return self.whitening.arrays()

    def autoencoders(self) -> dict[str, Autoencoder]:
        return {"denoiser": self.denoiser}

    @classmethod
    def restore(
        cls, arrays: dict[str, np.ndarray], autoencoders: dict[str, Autoencoder], references: Rows
    ) -> WhitenedResidual:
        part = cls()
        part.denoiser = autoencoders["denoiser"]
        part.whitening = Whitening.restore(arrays)
        return part
