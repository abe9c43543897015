"""How long and how a job trains that learns from crops."""

from __future__ import annotations

import math
from typing import Any

from isthmus.training.callbacks import ProgressBar
from isthmus.training.restoring import Schedule

#: Steps where the time is what ends training.
MOST_STEPS = 10**9


def schedule_for(steps: int, max_steps: Any, max_minutes: float | None, **others: Any) -> Schedule:
    """Say how long to train.

    Parameters
    ----------
    steps : int
        Where neither steps nor minutes are given.
    max_steps : int or "auto"
    max_minutes : float or None
        With it, "auto" is no limit.
    **others
        As of `Schedule`.
    """
    limited = max_minutes is not None
    auto = MOST_STEPS if limited else steps
    seconds = math.inf if max_minutes is None else 60.0 * max_minutes
    return Schedule(auto if max_steps == "auto" else int(max_steps), seconds, **others)


def shown(verbose: int) -> tuple[ProgressBar, ...]:
    """Progress, where it is to be shown."""
    return (ProgressBar(verbose),) if verbose else ()
