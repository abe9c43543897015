"""Rows held out, by which an imputer is chosen and judged, and the pace at which the others are learnt from."""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus.data import Raw
from isthmus.training.plan import make_plan
from isthmus.training.split import held_out

#: Share of the rows held out, and how many there are at most.
HELD, MOST_HELD = 0.15, 2000
#: Rows from which on steps are taken on larger batches, and their size.
MANY, LARGE_BATCH = 8000, 512


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


def pace(n_rows: int, max_epochs: int | str) -> dict[str, Any]:
    """Batch and epochs: of many rows larger batches, for the passes that small ones would make; the rest "auto".

    Examples
    --------
    >>> pace(1000, "auto"), pace(17_000, "auto")
    ({'batch_size': 'auto', 'max_epochs': 'auto'}, {'batch_size': 512, 'max_epochs': 41})
    """
    if n_rows < MANY:
        return {"batch_size": "auto", "max_epochs": max_epochs}
    usual = make_plan(
        n_rows,
        batch_size="auto",
        max_epochs=max_epochs,
        learning_rate="auto",
        weight_decay="auto",
        patience=None,
        seed=0,
        default_rate=1.0,
    )
    return {"batch_size": max(LARGE_BATCH, usual.batch_size), "max_epochs": usual.max_epochs}
