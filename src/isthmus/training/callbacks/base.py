"""What a callback is, and a plain function as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from isthmus.exceptions import ParameterError


class Callback:
    """Watches a fit; a subclass overrides what it needs.

    Outside a fit a callback holds plain values only, so that an estimator that has it can be cloned and
    pickled.

    Examples
    --------
    Stop at the first epoch whose training loss is small enough:

    >>> class GoodEnough(Callback):
    ...     def __init__(self, loss):
    ...         self.loss = loss
    ...
    ...     def on_epoch_end(self, record):
    ...         return record["train_loss"] < self.loss
    >>> GoodEnough(0.1).on_epoch_end({"epoch": 1, "train_loss": 0.05})
    True
    """

    def on_fit_start(self, context: Mapping[str, Any]) -> None:
        """Look at what is about to be fitted, before the first epoch.

        Parameters
        ----------
        context : mapping
            ``max_epochs`` and ``epoch`` (epochs done already: more than 0 where a fit is taken up again);
            and, where known, ``parameters`` and ``chosen`` (dicts).
        """

    def on_epoch_end(self, record: Mapping[str, Any]) -> bool | None:
        """Look at an epoch that is over; True asks training to stop.

        Parameters
        ----------
        record : mapping
            ``epoch``, ``train_loss``, ``validation_loss`` (NaN without validation rows), ``learning_rate``,
            ``seconds``, and one entry for each named term of the objective.
        """

    def on_fit_end(self, context: Mapping[str, Any]) -> None:
        """Finish, after the last epoch and after an error or an interrupt too.

        Parameters
        ----------
        context : mapping
            ``epoch`` (epochs done) and ``stopped`` (why; empty where an error ended the fit).
        """


class FunctionCallback(Callback):
    """A plain function as a callback: called with the record of each epoch; it may return True to stop.

    Parameters
    ----------
    function : callable
        Of one argument, the record. Anything that it returns but True is disregarded.
    """

    def __init__(self, function: Callable[[Mapping[str, Any]], Any]):
        self.function = function

    def on_epoch_end(self, record: Mapping[str, Any]) -> bool:
        """Call the function."""
        answer = self.function(record)
        return isinstance(answer, bool | np.bool_) and bool(answer)


def as_callback(given: Any) -> Callback:
    """Take a callback as it is, and a plain function as one that is called after each epoch.

    Parameters
    ----------
    given : Callback or callable

    Returns
    -------
    Callback

    Raises
    ------
    ParameterError
        It is neither, or it is a class where one of its instances was meant.

    Examples
    --------
    >>> losses = []
    >>> callback = as_callback(lambda record: losses.append(record["train_loss"]))
    >>> callback.on_epoch_end({"epoch": 1, "train_loss": 0.5})
    False
    >>> losses
    [0.5]
    """
    if isinstance(given, Callback):
        return given
    if isinstance(given, type) and issubclass(given, Callback):
        raise ParameterError(f"callbacks: {given.__name__} is a class; give {given.__name__}(...).")
    if callable(given):
        return FunctionCallback(given)
    raise ParameterError(
        f"callbacks: {given!r:.80} is neither an isthmus.training.callbacks.Callback nor a function of "
        "one argument "
        "(the record of an epoch)."
    )
