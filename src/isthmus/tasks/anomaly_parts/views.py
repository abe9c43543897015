"""Two views of the same rows: standardised, and with their tails drawn in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

#: Spreads below this are rounding: such a column is left in its own units.
FLAT = 1e-6


@dataclass(frozen=True)
class Rows:
    """Some rows in both views.

    Parameters
    ----------
    plain : Tensor of shape (n, p)
        Standardised slots; missing cells are 0.
    drawn_in : Tensor of shape (n, p)
        arcsinh of the same, standardised again: linear in the middle, logarithmic in the tails.
    """

    plain: Tensor
    drawn_in: Tensor

    @property
    def both(self) -> Tensor:
        """Both views side by side: (n, 2 p)."""
        return torch.cat([self.plain, self.drawn_in], dim=1)

    def __len__(self) -> int:
        return len(self.plain)

    def take(self, index: Tensor | slice) -> Rows:
        """Give some of the rows."""
        return Rows(self.plain[index], self.drawn_in[index])


class Views:
    """From prepared slots to both views, by the means and spreads of the rows fitted on.

    A slot that never varied keeps its unit, so that a new value in it counts.
    """

    def __init__(self) -> None:
        self.center = torch.zeros(0)
        self.scale = torch.ones(0)
        self.center_in = torch.zeros(0)
        self.scale_in = torch.ones(0)

    def fit(self, x: Tensor) -> Self:
        """Learn from prepared rows of shape (n, p)."""
        self.center, self.scale = _moments(x)
        self.center_in, self.scale_in = _moments(torch.arcsinh((x - self.center) / self.scale))
        return self

    def of(self, x: Tensor) -> Rows:
        """Give both views of prepared rows."""
        plain = (x - self.center) / self.scale
        return Rows(plain, (torch.arcsinh(plain) - self.center_in) / self.scale_in)

    def arrays(self) -> dict[str, np.ndarray]:
        """Give what was learnt."""
        return {name: getattr(self, name).numpy() for name in ("center", "scale", "center_in", "scale_in")}

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> Views:
        """Rebuild from `arrays`."""
        views = cls()
        for name in ("center", "scale", "center_in", "scale_in"):
            setattr(views, name, torch.from_numpy(arrays[name]))
        return views


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    mean, spread = x.mean(0), x.std(0, correction=0)
    return mean, torch.where(spread > FLAT, spread, 1.0)
