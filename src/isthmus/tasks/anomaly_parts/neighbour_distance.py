"""Distance to the nearest rows fitted on, in both views."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from isthmus.autoencoder import Autoencoder
from isthmus.tasks.anomaly_parts.base import Part, Setting
from isthmus.tasks.anomaly_parts.neighbours import distance_shares, nearest
from isthmus.tasks.anomaly_parts.views import Rows


class NeighbourDistance(Part):
    """Mean distance to the nearest neighbours, once in each view of the rows.

    Ramaswamy, Rastogi and Shim, "Efficient algorithms for mining outliers from large data sets" (2000); the mean in
    place of the last distance is that of Angiulli and Pizzuti (2002).
    """

    name: ClassVar[str] = "knn"
    channels: ClassVar[int] = 2

    def __init__(self) -> None:
        self.neighbours = 5
        self.references = Rows(torch.zeros(0, 0), torch.zeros(0, 0))

    def fit(self, rows: Rows, setting: Setting) -> Self:
        self.neighbours = setting.neighbours
        self.references = rows.take(torch.from_numpy(setting.references))
        return self

    def update(self, rows: Rows, new: Rows, setting: Setting) -> None:
        self.fit(rows, setting)

    def _pairs(self, rows: Rows) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        references = self.references
        return (rows.plain, references.plain), (rows.drawn_in, references.drawn_in)

    def scores(self, rows: Rows) -> Tensor:
        found = [nearest(view, references, self.neighbours)[0].mean(1) for view, references in self._pairs(rows)]
        return torch.stack(found, dim=1)

    def shares(self, rows: Rows) -> Tensor:
        parts = []
        for view, references in self._pairs(rows):
            parts.append(distance_shares(view, references, *nearest(view, references, self.neighbours)))
        return torch.stack(parts, dim=1)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"neighbours": np.array([self.neighbours])}

    @classmethod
    def restore(
        cls, arrays: dict[str, np.ndarray], autoencoders: dict[str, Autoencoder], references: Rows
    ) -> NeighbourDistance:
        part = cls()
        part.neighbours = int(arrays["neighbours"][0])
        part.references = references
        return part
