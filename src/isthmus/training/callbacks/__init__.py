"""What may watch a fit, epoch by epoch, and stop it: own functions, a progress bar, TensorBoard, MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.training.callbacks.base import Callback, FunctionCallback, as_callback
from isthmus.training.callbacks.progress import ProgressBar
from isthmus.training.callbacks.tracking import MLflow, TensorBoard

__all__ = [
    "Callback",
    "FunctionCallback",
    "MLflow",
    "ProgressBar",
    "TensorBoard",
    "as_callback",
    "as_callbacks",
]


def as_callbacks(given: Any, verbose: int = 0) -> list[Callback]:
    """Make a list of callbacks of what a person gave, the progress bar that `verbose` asks for last.

    Parameters
    ----------
    given : None, Callback, callable, or a sequence of these
    verbose : {0, 1, 2}, default=0
        1 adds a progress bar, 2 a line for each epoch, unless one was given.

    Returns
    -------
    list of Callback

    Raises
    ------
    ParameterError
        As `as_callback`.
    """
    if given is None:
        given = []
    elif not isinstance(given, Sequence) or isinstance(given, str):
        given = [given]
    callbacks = [as_callback(item) for item in given]
    if verbose and not any(isinstance(callback, ProgressBar) for callback in callbacks):
        callbacks.append(ProgressBar(verbose))
    return callbacks
