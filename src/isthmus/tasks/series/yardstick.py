"""What figures of windows are usual: as in training, and as they have become since."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

#: Windows, in lengths of one, after which a figure is taken for part of what is usual.
DELAY = 4
#: Standard deviations that a figure is cut to before it is learnt from, and share of the mean that is no spread.
CUT, LEAST = 10.0, 0.05
#: What a residual and a distance weigh, and T of the soft limit at nought.
WEIGHTS, TEMPERATURE = np.array([2.0, 1.0]) / 3, 2.0


@dataclass
class Yardstick:
    """Running means and spreads of the figures of windows.

    They start as those of the windows fitted on, which count as so many windows as there were. A window is learnt from
    four lengths of a window after it came: what lasts is no news after a while, and what came just now is not usual
    yet. A figure counts as ten standard deviations at most.

    Parameters
    ----------
    mean, spread : ndarray of shape (2,)
    count : float
        Windows that they stand for.
    delay : int
        Windows that are waited for.
    waiting : list of ndarray of shape (2,)
        Figures that are not learnt from yet.
    """

    mean: np.ndarray
    spread: np.ndarray
    count: float
    delay: int
    waiting: list[np.ndarray] = field(default_factory=list)

    @classmethod
    def of(cls, raw: np.ndarray, length: int) -> Yardstick:
        """Learn from the figures (n, 2) of windows that were held out."""
        return cls(raw.mean(0), raw.std(0), len(raw), DELAY * length)

    @classmethod
    def by_quartiles(cls, raw: np.ndarray, length: int) -> Yardstick:
        """Learn from figures of which some may be strange."""
        low, middle, high = np.quantile(raw, [0.25, 0.5, 0.75], axis=0)
        return cls(middle, (high - low) / 1.349, len(raw), DELAY * length)

    def copy(self) -> Yardstick:
        """Give another one, to learn by itself."""
        return Yardstick(self.mean.copy(), self.spread.copy(), self.count, self.delay, list(self.waiting))

    def standard(self, raw: np.ndarray) -> np.ndarray:
        """Give figures in spreads from the mean, as they are known now: (n, 2)."""
        return (raw - self.mean) / (self.spread + LEAST * self.mean + 1e-9)

    def follow(self, raw: np.ndarray) -> np.ndarray:
        """Give the figures of windows in order in spreads from the mean, and learn on the way: (n, 2)."""
        out = np.empty_like(raw)
        for i, row in enumerate(raw):
            self.waiting.append(row)
            if len(self.waiting) > self.delay + 1:
                self._learn(self.waiting.pop(0))
            out[i] = self.standard(row)
        return out

    def _learn(self, row: np.ndarray) -> None:
        if np.isnan(row).any():
            return
        away = np.clip(self.standard(row), -CUT, CUT) * (self.spread + LEAST * self.mean + 1e-9)
        self.count += 1
        self.mean = self.mean + away / self.count
        # The mean moved: of the square of the step, the share that is spread about the new one.
        variance = self.spread**2
        self.spread = np.sqrt(variance + ((1 - 1 / self.count) * away**2 - variance) / self.count)


def joined(standard: np.ndarray) -> np.ndarray:
    """Give one score, at least 0, from figures in spreads: (n, 2) to (n,); nothing known counts as usual.

    T log(1 + exp(z / T)) of the weighted mean z: nearly z where it is large, nearly 0 where it is far below 0.
    """
    z = np.nan_to_num(standard, nan=0.0) @ WEIGHTS
    return TEMPERATURE * np.logaddexp(0, z / TEMPERATURE)
