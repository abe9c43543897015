"""Checks of an estimator's parameters, made in `fit`, before any work."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any

import numpy as np
from torch import nn

from isthmus.exceptions import ParameterError
from isthmus.networks import ACTIVATIONS
from isthmus.objectives import Objective
from isthmus.training.checkpoints import seconds_of
from isthmus.training.devices import PRECISIONS

Check = Callable[[Any], bool]


def whole(least: int) -> Check:
    """Make a check for whole numbers from `least` on."""
    return lambda v: isinstance(v, numbers.Integral) and not isinstance(v, bool) and int(v) >= least


def number(least: float, below: float = float("inf"), *, open_left: bool = False) -> Check:
    """Make a check for numbers in [least, below), or (least, below)."""

    def check(v: Any) -> bool:
        if not isinstance(v, numbers.Real) or isinstance(v, bool):
            return False
        v = float(v)
        return (v > least if open_left else v >= least) and v < below

    return check


def word(*words: str) -> Check:
    """Make a check for one of some words."""
    return lambda v: isinstance(v, str) and v in words


def either(*checks: Check) -> Check:
    """Make a check that any of several passes."""
    return lambda v: any(check(v) for check in checks)


def flag(v: Any) -> bool:
    """Check for True or False."""
    return isinstance(v, (bool, np.bool_))


def nothing(v: Any) -> bool:
    """Check for None."""
    return v is None


def sizes(v: Any) -> bool:
    """Check for a tuple or list of whole numbers from 1 on, perhaps empty."""
    return isinstance(v, (tuple, list)) and all(map(whole(1), v))


def modules(v: Any) -> bool:
    """Check for a pair of nn.Modules."""
    return isinstance(v, (tuple, list)) and len(v) == 2 and all(isinstance(m, nn.Module) for m in v)


AUTO = word("auto")


def check_parameters(estimator: str, given: Mapping[str, Any], expected: Mapping[str, tuple[Check, str]]) -> None:
    """Check each parameter that `expected` names.

    Parameters
    ----------
    estimator : str
        Name for the message.
    given : mapping
    expected : mapping of str to (check, words)

    Raises
    ------
    ParameterError
        Names the parameter, the value given and what was expected.
    """
    for name, (check, words) in expected.items():
        if not check(given[name]):
            raise ParameterError(f"{estimator}: {name}={given[name]!r} cannot be used; expected {words}.")


RANDOM = either(nothing, lambda v: whole(0)(v) and v < 2**32, lambda v: isinstance(v, np.random.RandomState))
RANDOM_WORDS = "a whole number from 0 to below 2**32, a numpy RandomState or None"
_ACTIVATION = (word(*ACTIVATIONS), f"one of {', '.join(map(repr, ACTIVATIONS))}")
#: What each parameter of `Autoencoder` may be.
AUTOENCODER: dict[str, tuple[Check, str]] = {
    "latent_dim": (either(whole(1), AUTO), "a whole number from 1 on, or 'auto'"),
    "kind": (lambda v: isinstance(v, str), "the name of a kind of data, or 'auto'"),
    "network": (
        lambda v: isinstance(v, str) or modules(v),
        "'auto', 'dense', 'conv', 'lstm', 'gru', or a pair (encoder, decoder) of nn.Modules",
    ),
    "hidden": (either(sizes, AUTO), "'auto' or a tuple of whole numbers, such as (256, 64)"),
    "activation": _ACTIVATION,
    "code_activation": _ACTIVATION,
    "output_activation": _ACTIVATION,
    "dropout": (number(0, 1), "a number from 0 to below 1"),
    "members": (whole(1), "a whole number from 1 on"),
    "linear_path": (either(flag, AUTO), "'auto', True or False"),
    "loss": (
        word("auto", "mse", "mae", "huber", "bce", "poisson", "multinomial"),
        "'auto', 'mse', 'mae', 'huber', 'bce', 'poisson' or 'multinomial'",
    ),
    "scaling": (
        word("auto", "standard", "minmax", "quantile", "none"),
        "'auto', 'standard', 'minmax', 'quantile' or 'none'",
    ),
    "tokenizer": (lambda v: isinstance(v, str), "'auto', 'bytes', 'words' or 'bpe'"),
    "max_epochs": (either(whole(0), AUTO), "a whole number from 0 on, or 'auto'"),
    "batch_size": (either(whole(1), AUTO), "a whole number from 1 on, or 'auto'"),
    "learning_rate": (either(number(0, open_left=True), AUTO), "a number above 0, or 'auto'"),
    "weight_decay": (either(number(0), AUTO), "a number from 0 on, or 'auto'"),
    "patience": (either(whole(1), nothing, AUTO), "a whole number from 1 on, None or 'auto'"),
    "validation_fraction": (number(0, 1), "a number from 0 to below 1"),
    "random_state": (RANDOM, RANDOM_WORDS),
    "device": (lambda v: isinstance(v, str), "'auto', 'cpu', 'cuda', 'cuda:1' or 'mps'"),
    "precision": (word(*PRECISIONS), f"one of {', '.join(map(repr, PRECISIONS))}"),
    "warm_start": (flag, "True or False"),
    "checkpoint": (either(nothing, lambda v: isinstance(v, (str, PathLike)) and str(v) != ""), "None or a folder"),
    "checkpoint_every": (
        either(whole(1), lambda v: seconds_of(v) is not None),
        "a whole number of epochs from 1 on, or seconds such as '30s'",
    ),
    "verbose": (either(whole(0), flag), "0, 1 or 2"),
}

#: What a fit with warm_start cannot change.
FIXED = (
    *("latent_dim", "objective", "network", "hidden", "activation", "code_activation", "output_activation"),
    *("dropout", "linear_path", "members", "loss", "scaling", "tokenizer", "precision"),
)


def refuse_changes(given: Mapping[str, Any], fitted: Mapping[str, Any]) -> None:
    """Refuse parameters that a fit going on from the last one cannot change.

    Raises
    ------
    ParameterError
        Names those that differ.
    """
    changed = [name for name in FIXED if not _same(given[name], fitted[name])]
    if changed:
        shown = ", ".join(f"{name}={given[name]!r} (was {fitted[name]!r})" for name in changed)
        raise ParameterError(
            f"warm_start=True goes on with the network of the last fit, which cannot change {shown}. Set them "
            "back, or set warm_start=False to begin anew."
        )


def _same(a: Any, b: Any) -> bool:
    """Whether two values of a parameter are the same; objectives by what they say of themselves."""
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(_same, a, b))
    return a is b or (repr(a) == repr(b) if isinstance(a, Objective) else a == b)
