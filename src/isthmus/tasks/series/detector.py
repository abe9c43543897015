"""Scores of the steps of recordings, from those of all windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from isthmus.exceptions import DataError
from isthmus.tasks.series.parts import WindowParts
from isthmus.tasks.series.recordings import interpolated
from isthmus.tasks.series.windows import averaged, windows
from isthmus.tasks.series.yardstick import WEIGHTS, Yardstick, joined

#: Windows fitted on at most: those that follow one another are all but the same.
MOST_WINDOWS = 4000
#: Pieces that the windows are cut into: each is scored by what was fitted on the others.
PIECES = 3
#: Windows fitted on that may be strange: those beyond the outer fence of Tukey are left out, this share at most.
OUTER, LEFT_OUT = 3.0, 0.25
#: A recording as it is worked on: prepared values (time, channels), and what was observed of them.
Steps = tuple[Tensor, Tensor | None]


@dataclass(frozen=True)
class How:
    """How windows are fitted on: their length, whether all are usual ones, and what networks are given."""

    length: int
    clean: bool
    seed: int
    device: str
    verbose: int = 0


class WindowDetector:
    """Says of each step how strange the windows are that hold it."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.parts = WindowParts()
        self.yardstick = Yardstick(np.zeros(2), np.ones(2), 1.0, 0)

    def fit(self, recordings: Sequence[Steps], how: How) -> Self:
        """Learn what is usual; `calibration` is then the scores of the steps by what was fitted on others."""
        numbers = [len(x) - self.length + 1 for x, _ in recordings]
        starts = np.concatenate([[0], np.cumsum(numbers)])
        raw = np.concatenate([self._held_out(recordings, starts, piece, how) for piece in range(PIECES)])
        known = raw[~np.isnan(raw).any(1)]
        if len(known) == 0:
            raise DataError("Every value of the recording is missing: there is nothing to learn from.")
        left_out = np.zeros(len(raw), dtype=bool)
        if not how.clean:
            left_out = _outer(joined(Yardstick.by_quartiles(known, self.length).standard(raw)))
        self.yardstick = Yardstick.of(known, self.length)
        scores = joined(self.yardstick.standard(raw))
        self.parts = self._fitted(recordings, starts, np.flatnonzero(~left_out), how)
        self.calibration = np.concatenate([averaged(part, self.length) for part in np.split(scores, starts[1:-1])])
        return self

    def _held_out(self, recordings: Sequence[Steps], starts: np.ndarray, piece: int, how: How) -> np.ndarray:
        """Give the figures of one piece of all windows, by parts fitted on the windows that share few steps with it."""
        total = int(starts[-1])
        low, high = (total * piece // PIECES, total * (piece + 1) // PIECES)
        places = np.arange(total)
        others = np.flatnonzero((places < low - self.length // 2) | (places >= high + self.length // 2))
        parts = self._fitted(recordings, starts, others if len(others) > 1 else places, how)
        found = []
        for i, (x, seen) in enumerate(recordings):
            first, last = max(low, starts[i]) - starts[i], min(high, starts[i + 1]) - starts[i]
            if first < last:
                cut = slice(int(first), int(last) + self.length - 1)
                found.append(self.raw((x[cut], None if seen is None else seen[cut]), parts))
        return np.concatenate(found) if found else np.zeros((0, 2))

    def _fitted(self, recordings: Sequence[Steps], starts: np.ndarray, places: np.ndarray, how: How) -> WindowParts:
        """Fit parts on windows by their places among all, as many as are needed."""
        chosen = places[np.linspace(0, len(places) - 1, min(len(places), MOST_WINDOWS)).round().astype(int)]
        found = []
        for i, one in enumerate(recordings):
            own = chosen[(chosen >= starts[i]) & (chosen < starts[i + 1])] - starts[i]
            found.append(windows(interpolated(*one), self.length, torch.from_numpy(own)))
        return WindowParts().fit(torch.cat(found), how.seed, how.device, how.verbose)

    # --- Scores

    def _windows(self, steps: Steps, parts: WindowParts) -> Iterator[tuple[int, Tensor, Tensor | None]]:
        """Give the windows block by block: the place of the first one, values, and what was observed."""
        x, seen = steps
        at_once = parts.rows_at_once()
        for start in range(0, len(x) - self.length + 1, at_once):
            some = slice(start, start + at_once)
            yield start, windows(x, self.length, some), None if seen is None else windows(seen, self.length, some)

    def raw(self, steps: Steps, parts: WindowParts | None = None) -> np.ndarray:
        """Give what the parts say of each window: (n, 2); NaN where nothing of it was observed."""
        parts, found = self.parts if parts is None else parts, []
        for _, block, mask in self._windows(steps, parts):
            count = torch.full((len(block),), block.shape[1]) if mask is None else mask.sum(1)
            found.append((parts.squares(block, mask).sum(2) / count[:, None]).sqrt())
        return torch.cat(found).numpy()

    def of_windows(self, steps: Steps, yardstick: Yardstick) -> np.ndarray:
        """Give the score of each window; the yardstick learns on the way."""
        return joined(yardstick.follow(self.raw(steps)))

    def scores(self, steps: Steps) -> np.ndarray:
        """Give the score of each step: (time,), higher for stranger ones."""
        return averaged(self.of_windows(steps, self.yardstick.copy()), self.length)

    def cells(self, steps: Steps) -> np.ndarray:
        """Give the score of each cell: (time, channels).

        The score of a window is shared out among its cells by what they add to each part, and each cell has the mean
        over the windows that hold it, times the length of a window: so the sum over the channels is a score of a step.
        """
        seen = steps[1]
        scores = self.of_windows(steps, self.yardstick.copy())
        figures = _Cells(steps[0], self.length)
        for start, block, mask in self._windows(steps, self.parts):
            squares = self.parts.squares(block, mask)
            sums = squares.sum(2, keepdim=True)
            shares = torch.where(sums > 0, squares / sums.where(sums > 0, 1.0), 1 / squares.shape[2])
            shares = (shares * torch.from_numpy(WEIGHTS)[:, None]).sum(1).numpy()
            figures.add(start, scores[start : start + len(shares), None] * shares * self.length)
        return figures.means() if seen is None else np.where(seen.numpy(), figures.means(), 0.0)

    def expected(self, steps: Steps) -> np.ndarray:
        """Give the prepared values that the autoencoder gives back, the mean over windows: (time, channels)."""
        figures = _Cells(steps[0], self.length)
        for start, block, mask in self._windows(steps, self.parts):
            figures.add(start, self.parts.expected(block, mask).numpy())
        return figures.means()

    # --- To a folder and back

    def arrays(self) -> dict[str, np.ndarray]:
        """Give what was learnt but the autoencoder."""
        own = {"mean": self.yardstick.mean, "spread": self.yardstick.spread, "calibration": self.calibration}
        return (
            own
            | {"count": np.array([self.yardstick.count]), "delay": np.array([self.yardstick.delay])}
            | self.parts.arrays()
        )

    @classmethod
    def restore(cls, length: int, arrays: Mapping[str, np.ndarray], autoencoders: Mapping[str, Any]) -> WindowDetector:
        """Rebuild from `arrays` and the autoencoder."""
        detector = cls(length)
        detector.parts = WindowParts.restore(arrays, autoencoders)
        count, delay = float(arrays["count"][0]), int(arrays["delay"][0])
        detector.yardstick = Yardstick(arrays["mean"], arrays["spread"], count, delay)
        detector.calibration = arrays["calibration"]
        return detector


class _Cells:
    """Figures of the cells of windows, block by block, as means over the windows that hold a cell."""

    def __init__(self, x: Tensor, length: int) -> None:
        self.length = length
        self.total, self.times = np.zeros(tuple(x.shape)), np.zeros((len(x), 1))

    def add(self, start: int, figures: np.ndarray) -> None:
        """Add those of the windows (n, length * channels) from the one that starts at a step."""
        n = len(figures)
        figures = figures.reshape(n, self.length, -1)
        for j in range(self.length):
            self.total[start + j : start + j + n] += figures[:, j]
            self.times[start + j : start + j + n] += 1

    def means(self) -> np.ndarray:
        """Give the means: (time, channels)."""
        return self.total / self.times


def _outer(scores: np.ndarray) -> np.ndarray:
    """Say which windows lie beyond the outer fence, a quarter of them at most."""
    low, high, most = np.quantile(scores, [0.25, 0.75, 1 - LEFT_OUT])
    return scores > max(high + OUTER * (high - low), most)
