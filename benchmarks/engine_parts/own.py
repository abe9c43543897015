"""Ours, in the ways in which it takes part.

Each takes a job, does one whole fit, and gives the number of rows that passed through training.
"""

from __future__ import annotations

import inspect
import warnings
from typing import Any

from engine_parts.jobs import BATCH, RATE, Job

from isthmus import Autoencoder

#: Members of the ensemble that is fitted at once.
MEMBERS = 8


class Missing(Exception):
    """A contender that is not there, and why."""


def ours(job: Job, **params: Any) -> int:
    """The same network as the others': no linear path, no preparation, no rows held out of the fit."""
    if "members" in params and "members" not in inspect.signature(Autoencoder).parameters:
        raise Missing("this version of Isthmus has no parameter `members`")
    same: dict[str, Any] = {
        "hidden": job.network.hidden,
        "activation": "relu",
        "linear_path": False,
        "loss": "mse",
        "scaling": "none",
        "max_epochs": job.epochs,
        "batch_size": BATCH,
        "learning_rate": RATE,
        "weight_decay": 0.0,
        "patience": None,
        "validation_fraction": 0.0,
    }
    _fit_ours(job, job.network.code, **same | params)
    return job.rows * params.get("members", 1)


def ours_members(job: Job) -> int:
    """Several networks at once; each sees every row, so that the rows count once for each."""
    return ours(job, members=MEMBERS)


def ours_own_rate(job: Job) -> int:
    """The same network, at the rate that Isthmus chooses for its warm-up and decay."""
    return ours(job, learning_rate="auto")


def ours_default(job: Job) -> int:
    """All that is not asked for left at its default: network, rate, batch, epochs, PCA as the start."""
    return _fit_ours(job, job.network.code)


def ours_growing(job: Job) -> int:
    """As a person would fit it, with the network, the batch and the epochs fixed so that sizes compare."""
    params = {"hidden": job.network.hidden, "batch_size": BATCH, "max_epochs": job.epochs, "patience": None}
    return _fit_ours(job, job.network.code, kind="vector", **params)


def _fit_ours(job: Job, code: int, **params: Any) -> int:
    watch = job.watch
    callbacks = None if watch is None else [lambda record: watch(record["validation_loss"])]
    held = {} if watch is None else {"validation": watch.held}
    ae = Autoencoder(code, random_state=0, device="cpu", callbacks=callbacks, **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ae.fit(job.X, **held)
    return job.rows
