"""What a denoising network leaves over, whitened."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from isthmus.autoencoder import Autoencoder
from isthmus.tasks.anomaly_parts.base import Part, Setting, folded
from isthmus.tasks.anomaly_parts.denoiser import fit_denoiser, predicted_noise
from isthmus.tasks.anomaly_parts.neighbours import distance_shares, nearest
from isthmus.tasks.anomaly_parts.views import Rows
from isthmus.tasks.anomaly_parts.whitening import Whitening


class WhitenedResidual(Part):
    """Distance between residuals of a network that denoises both views, under the covariance of the residuals.

    Columns that the network gives back well weigh more than those that it cannot, and residuals that go together count
    once. Two scores: the mean distance to the nearest residuals of rows fitted on, and the Mahalanobis distance from
    their mean, under the covariance of Ledoit and Wolf (2004).
    """

    name: ClassVar[str] = "residual"

    def __init__(self) -> None:
        self.neighbours = 5
        self.denoiser: Autoencoder
        self.whitening = Whitening()
        self.references = torch.zeros(0, 0)

    def fit(self, rows: Rows, setting: Setting) -> Self:
        self.denoiser = fit_denoiser(rows.both, setting)
        return self._compare(rows, setting)

    def update(self, rows: Rows, new: Rows, setting: Setting) -> None:
        self.denoiser.partial_fit(new.both.float().numpy())
        self._compare(rows, setting)

    def _compare(self, rows: Rows, setting: Setting) -> Self:
        self.neighbours = setting.neighbours
        residuals = predicted_noise(self.denoiser, rows.both)
        self.whitening.fit(residuals)
        self.references = self.whitening.of(residuals[torch.from_numpy(setting.references)])
        return self

    def _whitened(self, rows: Rows) -> Tensor:
        return self.whitening.of(predicted_noise(self.denoiser, rows.both))

    def scores(self, rows: Rows) -> Tensor:
        whitened = self._whitened(rows)
        return torch.stack([nearest(whitened, self.references, self.neighbours)[0].mean(1), whitened.norm(dim=1)], 1)

    def shares(self, rows: Rows) -> Tensor:
        whitened = self._whitened(rows)
        found = nearest(whitened, self.references, self.neighbours)
        distances = distance_shares(whitened, self.references, *found)
        return torch.stack([folded(distances), folded(whitened.square())], dim=1)

    def codes(self, rows: Rows) -> np.ndarray:
        return self.denoiser.transform(rows.both.numpy())

    def arrays(self) -> dict[str, np.ndarray]:
        return {"neighbours": np.array([self.neighbours]), "references": self.references.numpy()} | {
            f"whitening.{name}": array for name, array in self.whitening.arrays().items()
        }

    def autoencoders(self) -> dict[str, Autoencoder]:
        return {"denoiser": self.denoiser}

    @classmethod
    def restore(
        cls, arrays: dict[str, np.ndarray], autoencoders: dict[str, Autoencoder], references: Rows
    ) -> WhitenedResidual:
        part = cls()
        part.neighbours = int(arrays["neighbours"][0])
        part.denoiser = autoencoders["denoiser"]
        part.references = torch.from_numpy(arrays["references"])
        names = {name.removeprefix("whitening."): array for name, array in arrays.items() if "." in name}
        part.whitening = Whitening.restore(names)
        return part
