"""Noise that a network sees in a clean row."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from torch import Tensor

from isthmus.autoencoder import Autoencoder
from isthmus.tasks.anomaly_parts.base import Part, Setting
from isthmus.tasks.anomaly_parts.denoiser import fit_denoiser, predicted_noise
from isthmus.tasks.anomaly_parts.views import Rows


class PredictedNoise(Part):
    """Squared length of the noise that a denoising network predicts at the row as it is.

    Where rows are dense, moving away from them is noise and is undone; a strange row is moved far.
    """

    name: ClassVar[str] = "noise"

    def __init__(self) -> None:
        self.denoiser: Autoencoder

    def fit(self, rows: Rows, setting: Setting) -> Self:
        self.denoiser = fit_denoiser(rows.plain, setting)
        return self

    def update(self, rows: Rows, new: Rows, setting: Setting) -> None:
        self.denoiser.partial_fit(new.plain.float().numpy())

    def scores(self, rows: Rows) -> Tensor:
        return self.shares(rows).sum(2)

    def shares(self, rows: Rows) -> Tensor:
        return predicted_noise(self.denoiser, rows.plain).square()[:, None]

    def codes(self, rows: Rows) -> np.ndarray:
        return self.denoiser.transform(rows.plain.numpy())

    def arrays(self) -> dict[str, np.ndarray]:
        return {}

    def autoencoders(self) -> dict[str, Autoencoder]:
        return {"denoiser": self.denoiser}

    @classmethod
    def restore(
        cls, arrays: dict[str, np.ndarray], autoencoders: dict[str, Autoencoder], references: Rows
    ) -> PredictedNoise:
        part = cls()
        part.denoiser = autoencoders["denoiser"]
        return part
