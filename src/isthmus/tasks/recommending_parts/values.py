"""What people said of items: values to hold out, predictions of them, and how far these are off."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from isthmus.data.raw import Csr
from isthmus.tasks.recommending_parts.base import Holdout

#: Values of a block of scores, which is what predictions for pairs cost in memory.
BLOCK = 1 << 24


def keep(rows: Csr, wanted: np.ndarray) -> Csr:
    """Keep some entries of a csr_matrix, zeros among them, which are values here.

    Parameters
    ----------
    rows : csr_matrix of shape (m, n)
    wanted : bool ndarray of shape (nnz,)
    """
    ends = np.concatenate([[0], np.cumsum(wanted)])[rows.indptr]
    return sparse.csr_matrix((rows.data[wanted], rows.indices[wanted], ends), shape=rows.shape)


def hold_out_values(interactions: Csr, seed: int, share: float = 0.1) -> Holdout:
    """Hide a share of the values, drawn at random, as targets; the others are the history.

    Parameters
    ----------
    interactions : csr_matrix of shape (n, n_items)
    seed : int
    share : float, default=0.1
    """
    hidden = np.random.default_rng(seed).random(interactions.nnz) < share
    return Holdout(keep(interactions, ~hidden), keep(interactions, hidden))


def predictions(scores: Callable[[Csr], np.ndarray], history: Csr, targets: Csr) -> np.ndarray:
    """Predict the value of each target from the history in the same row: float64 ndarray of shape (nnz of targets,).

    Parameters
    ----------
    scores : callable
        `Model.scores`; it is given blocks of users.
    history, targets : csr_matrix of shape (m, n_items)
    """
    found = np.empty(targets.nnz)
    rows = max(1, BLOCK // history.shape[1])
    for start in range(0, history.shape[0], rows):
        wanted = targets[start : start + rows]
        at = np.repeat(np.arange(wanted.shape[0]), np.diff(wanted.indptr))
        block = scores(history[start : start + rows])[at, wanted.indices]
        found[targets.indptr[start] : targets.indptr[start] + wanted.nnz] = block
    return found


def rmse(predicted: np.ndarray, targets: Csr) -> float:
    """Root of the mean squared error of predicted values; NaN where there is no target."""
    return float(np.sqrt(np.square(predicted - targets.data).mean())) if targets.nnz else float("nan")
