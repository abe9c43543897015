"""What people said of items: values to hold out, predictions of them, and how far these are off."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from isthmus.data.entries import with_entries
from isthmus.data.raw import Csr
from isthmus.tasks.recommending_parts.base import Holdout
from isthmus.tasks.recommending_parts.ranking import blocks


def hold_out_values(interactions: Csr, seed: int, share: float = 0.1) -> Holdout:
    """Hide a share of the values, drawn at random, as targets; the others are the history.

    Parameters
    ----------
    interactions : csr_matrix of shape (n, n_items)
    seed : int
    share : float, default=0.1
    """
    hidden = np.random.default_rng(seed).random(interactions.nnz) < share
    return Holdout(with_entries(interactions, ~hidden), with_entries(interactions, hidden))


def predictions(scores: Callable[[Csr], np.ndarray], history: Csr, targets: Csr) -> np.ndarray:
    """Predict the value of each target from the history in the same row: float64 ndarray of shape (nnz of targets,).

    Parameters
    ----------
    scores : callable
        `Model.scores`; it is given blocks of users.
    history, targets : csr_matrix of shape (m, n_items)
    """
    found = np.empty(targets.nnz)
    for span in blocks(history):
        wanted = targets[span]
        at = np.repeat(np.arange(wanted.shape[0]), np.diff(wanted.indptr))
        start = targets.indptr[span.start]
        found[start : start + wanted.nnz] = scores(history[span])[at, wanted.indices]
    return found


def rmse(predicted: np.ndarray, targets: Csr) -> float:
    """Root of the mean squared error of predicted values; NaN where there is no target."""
    return float(np.sqrt(np.square(predicted - targets.data).mean())) if targets.nnz else float("nan")
