"""Rows held out, by which an imputer is chosen and judged."""

from __future__ import annotations

import numpy as np

from isthmus.data import Raw
from isthmus.training.split import held_out

#: Share of the rows held out, and how many there are at most.
HELD, MOST_HELD = 0.15, 2000


def split(raw: Raw, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from and rows held out; a column keeps some of its values among the first."""
    learnt, out = held_out(len(raw), min(HELD, MOST_HELD / len(raw)), seed)
    seen = ~np.isnan(raw.values).reshape(len(raw), -1)
    lost = seen[out].any(0) & ~seen[learnt].any(0)
    needed = seen[out][:, lost].any(1)
    return np.sort(np.concatenate([learnt, out[needed]])), out[~needed]


def again(rows: np.ndarray, least: int) -> np.ndarray:
    """Some rows, again and again until there are enough: other cells of them are hidden each time."""
    return np.tile(rows, -(-least // len(rows)))
