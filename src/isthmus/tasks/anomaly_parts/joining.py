"""Scores of several parts as one: each on the scale of its own usual spread, then a soft maximum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from torch import Tensor

#: A raw score below this share of the usual one counts as this share: nought has no logarithm.
LEAST = 1e-3
#: Quantile that the spread is taken from, and how many standard deviations of a normal distribution it lies above.
HIGH, HIGH_Z = 0.95, 1.6449
#: Spreads of the logarithm below this are rounding.
NO_SPREAD = 1e-5
#: T of the soft maximum.
TEMPERATURE = 2.0


class Joining:
    """Raw scores to a scale that those of all parts have in common.

    The logarithm of each raw score less its median, in units of the distance from there to the 95th percentile: how far
    the upper tail reaches is what strange rows are to be measured by.
    """

    def __init__(self) -> None:
        self.usual = torch.zeros(0)
        self.median = torch.zeros(0)
        self.spread = torch.zeros(0)

    def fit(self, raw: Tensor) -> Self:
        """Learn from raw scores of usual rows, of shape (n, channels)."""
        self.usual = raw.median(0).values.clamp(min=torch.finfo(raw.dtype).tiny)
        logs = self._logs(raw)
        self.median = logs.median(0).values
        high = torch.from_numpy(np.quantile(logs.numpy(), HIGH, axis=0)).to(raw)
        self.spread = (high - self.median) / HIGH_Z
        return self

    def _logs(self, raw: Tensor) -> Tensor:
        return raw.maximum(LEAST * self.usual).log()

    def standard(self, raw: Tensor) -> Tensor:
        """Give each raw score on its own scale: (n, channels); one that never varied stays at 0 unless it grows."""
        away = self._logs(raw) - self.median
        flat = self.spread < NO_SPREAD
        return torch.where(flat, away.clamp(min=0), away / self.spread.where(~flat, 1.0))

    def only(self, channels: Sequence[int]) -> Joining:
        """Give the scale of some of the raw scores."""
        some = Joining()
        for name in ("usual", "median", "spread"):
            setattr(some, name, getattr(self, name)[list(channels)])
        return some

    def arrays(self) -> dict[str, np.ndarray]:
        """Give what was learnt."""
        return {name: getattr(self, name).numpy() for name in ("usual", "median", "spread")}

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> Joining:
        """Rebuild from `arrays`."""
        joining = cls()
        for name in ("usual", "median", "spread"):
            setattr(joining, name, torch.from_numpy(arrays[name]))
        return joining


def join(standard: Tensor) -> Tensor:
    """Give one score a row, at least 0, from scores on their own scales: (n, channels) to (n,).

    T log(1 + sum of exp(z / T)), a soft maximum: scores that are all usual are added up, and one that is far above the
    others counts alone.
    """
    nought = torch.zeros(len(standard), 1, dtype=standard.dtype)
    return TEMPERATURE * torch.logsumexp(torch.cat([nought, standard / TEMPERATURE], dim=1), dim=1)


def weights(standard: Tensor) -> Tensor:
    """Share of each score in the joined one: (n, channels), rows sum to 1."""
    return (standard / TEMPERATURE).softmax(dim=1)
