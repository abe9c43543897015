"""Distance to the nearest rows fitted on, in both views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from isthmus.autoencoder import Autoencoder
from isthmus.tasks.anomaly_parts.base import Part, Setting
from isthmus.tasks.anomaly_parts.neighbours import distance_shares, nearest
from isthmus.tasks.anomaly_parts.views import Rows

#: Share of the logarithm of the local scale that is taken off, and the share of the usual scale below which no local
#: one goes: rows that are there several times would have none.
LOCAL, LEAST_SCALE = 0.5, 0.3


@dataclass(frozen=True)
class Look:
    """Views in which distances are taken, and whether they are also taken beside the local scale."""

    views: tuple[str, ...]
    local: bool = False


#: By what is known of the rows. A few strange ones that were not left out stretch the standardised view most.
LOOKS = {
    "clean": Look(("plain", "drawn_in"), local=True),
    "first": Look(("plain",)),
    "second": Look(("drawn_in",)),
}


class NeighbourDistance(Part):
    """Mean distance to the nearest neighbours in each view of the rows, as it is and beside theirs to their own.

    The mean distance to neighbours is that of Angiulli and Pizzuti (2002). Beside the distances that the neighbours
    have to theirs it is nearly the local outlier factor of Breunig et al. (2000): a row at the edge of a dense region
    is strange at a distance that is usual in a thin one. Here its square root alone is taken off: half way.
    Where rows may be contaminated, strange ones are neighbours of one another, and the local scale would hide them.
    """

    name: ClassVar[str] = "knn"

    def __init__(self) -> None:
        self.neighbours = 5
        self.references = Rows(torch.zeros(0, 0), torch.zeros(0, 0))
        self.look = "clean"
        self.scales: dict[str, Tensor] = {}
        self.squares: dict[str, Tensor] = {}

    def fit(self, rows: Rows, setting: Setting) -> Self:
        self.neighbours, self.look = setting.neighbours, setting.look
        self._set_references(rows.take(torch.from_numpy(setting.references)))
        self.scales = {}
        if LOOKS[self.look].local:
            self.scales = {name: _scales(getattr(self.references, name), self.neighbours) for name in self._views}
        return self

    def _set_references(self, references: Rows) -> None:
        """Keep references with their squared lengths, which take longer than all else for a single row."""
        self.references = references
        self.squares = {name: getattr(references, name).square().sum(1) for name in self._views}

    def update(self, rows: Rows, new: Rows, setting: Setting) -> None:
        self.fit(rows, setting)

    @property
    def _views(self) -> tuple[str, ...]:
        return LOOKS[self.look].views

    def scores(self, rows: Rows) -> Tensor:
        plain, local = [], []
        for name in self._views:
            distances, index = nearest(
                getattr(rows, name), getattr(self.references, name), self.neighbours, self.squares[name]
            )
            plain.append(distances.mean(1))
            if self.scales:
                local.append(plain[-1] / self.scales[name][index].log().mean(1).mul(LOCAL).exp())
        return torch.stack(plain + local, dim=1)

    def shares(self, rows: Rows) -> Tensor:
        parts = []
        for name in self._views:
            view, references = getattr(rows, name), getattr(self.references, name)
            parts.append(distance_shares(view, references, *nearest(view, references, self.neighbours)))
        return torch.stack(parts + parts if self.scales else parts, dim=1)

    def arrays(self) -> dict[str, np.ndarray]:
        numbers = {"neighbours": np.array([self.neighbours]), "look": np.array([list(LOOKS).index(self.look)])}
        return numbers | {f"scales.{name}": scales.numpy() for name, scales in self.scales.items()}

    @classmethod
    def restore(
        cls, arrays: dict[str, np.ndarray], autoencoders: dict[str, Autoencoder], references: Rows
    ) -> NeighbourDistance:
        part = cls()
        part.neighbours, part.look = int(arrays["neighbours"][0]), list(LOOKS)[int(arrays["look"][0])]
        part._set_references(references)
        found = {name: f"scales.{name}" for name in part._views}
        part.scales = {name: torch.from_numpy(arrays[key]) for name, key in found.items() if key in arrays}
        return part


def _scales(references: Tensor, k: int) -> Tensor:
    """Mean distance of each reference to its own neighbours; never nought."""
    distances = nearest(references, references, k)[0].mean(1)
    usual = float(distances.median())
    return (distances + LEAST_SCALE * usual).clamp(min=torch.finfo(distances.dtype).tiny)
