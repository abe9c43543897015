"""Rows as they come: the same scores as of the whole recording, once the windows that hold a step are there."""

from __future__ import annotations

import numpy as np
import torch

from isthmus.tasks.series.detector import Steps, WindowDetector
from isthmus.tasks.series.windows import averaged


class Stream:
    """Scores of a recording that goes on.

    Parameters
    ----------
    detector : WindowDetector
        Fitted.
    """

    def __init__(self, detector: WindowDetector) -> None:
        self._detector = detector
        self._yardstick = detector.yardstick.copy()
        self._x = torch.zeros(0, 0, dtype=torch.float64)
        self._seen = torch.zeros(0, 0, dtype=torch.bool)
        self._scores = np.zeros(0)

    def update(self, steps: Steps) -> np.ndarray:
        """Take the next steps; give the scores of those, in order, whose last window came with them."""
        x, seen = steps
        seen = torch.ones_like(x, dtype=torch.bool) if seen is None else seen
        if len(self._x):
            x, seen = torch.cat([self._x, x]), torch.cat([self._seen, seen])
        length = self._detector.length
        kept = max(0, len(x) - length + 1)
        self._x, self._seen = x[kept:], seen[kept:]
        if kept == 0:
            return np.zeros(0)
        new = self._detector.of_windows((x, None if bool(seen.all()) else seen), self._yardstick)
        known = np.concatenate([self._scores, new])
        self._scores = known[max(0, len(known) - length + 1) :]
        # Step t is in no window after the one that starts with it: as many are settled as windows came.
        return averaged(known, length)[len(known) - len(new) : len(known)]

    def pending(self) -> np.ndarray:
        """Give the scores of the steps after those, by the windows that have come; NaN before the first window."""
        if len(self._scores) == 0:
            return np.full(len(self._x), np.nan)
        return averaged(self._scores, self._detector.length)[len(self._scores) :]
