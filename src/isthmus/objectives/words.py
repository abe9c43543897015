"""Objectives by word: "variational", "denoising(mask, 0.3)", "sparse('kl', rate=0.05)"; nothing is evaluated."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

from isthmus.exceptions import ParameterError
from isthmus.objectives.base import Objective
from isthmus.words import nearest, read_arguments, split

#: Words for the plain autoencoder.
PLAIN = ("none", "plain")


def word(kind: type[Objective]) -> str:
    """Give the word for a kind of objective: its name in snake case.

    Examples
    --------
    >>> class VectorQuantised(Objective): ...
    >>> word(VectorQuantised)
    'vector_quantised'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()


def find(name: str, kinds: Iterable[type[Objective]]) -> type[Objective] | None:
    """Find the kind that a word names, in any case, with dashes or spaces for underscores; None if there is none."""
    return {_letters(kind.__name__): kind for kind in kinds}.get(_letters(name))


def parse(text: str, kinds: Iterable[type[Objective]]) -> Objective | None:
    """Make the objective that a text asks for.

    Parameters
    ----------
    text : str
        A word, alone or with parameters in parentheses, as in a call. Values are numbers, text with or without quotes,
        True, False, None, and lists or tuples of such.
    kinds : iterable of type
        Those that are known.

    Returns
    -------
    Objective or None
        None for "none" and "plain".

    Raises
    ------
    ParameterError
        If the text makes no sense, or names a kind or a parameter that there is not. Whether a value can be used is
        checked by the objective, at `fit`.

    Examples
    --------
    >>> from isthmus.objectives.sparse import Sparse
    >>> parse("sparse(kl, rate=0.1)", [Sparse])
    Sparse(kind='kl', rate=0.1)
    """
    known = list(kinds)
    call = split(text)
    if call is None:
        raise ParameterError(
            f"objective={text!r:.80} cannot be read; expected a word, as 'denoising', or one with parameters, as "
            "'denoising(mask, 0.3)'. Several objectives are a list."
        )
    name, arguments = call
    kind = find(name, known)
    if kind is not None:
        return kind(**_parameters(text, kind, arguments or "()"))
    if _letters(name) in PLAIN and arguments is None:
        return None
    words = [word(each) for each in known]
    raise ParameterError(
        f"objective={text!r:.80} is not known{nearest(name.lower(), [*words, *PLAIN])}; choose one of "
        f"{', '.join(words)}, or none for the plain autoencoder."
    )


def _parameters(text: str, kind: type[Objective], arguments: str) -> dict[str, Any]:
    """Read the parameters within parentheses, and give them by name."""
    try:
        given, named = read_arguments(arguments)
    except ValueError as error:
        raise ParameterError(
            f"objective={text!r:.80}: the parameters {arguments!r:.80} cannot be read; expected numbers, words and "
            f"names with values, as in '{word(kind)}(0.3)' or '{word(kind)}(name=0.3)'."
        ) from error
    signature = inspect.signature(kind)
    known = signature.parameters
    for name in named:
        if name not in known:
            raise ParameterError(
                f"objective={text!r:.80}: {word(kind)} has no parameter {name!r}{nearest(name, known)}; "
                f"it has {', '.join(known) or 'none'}."
            )
    try:
        return dict(signature.bind(*given, **named).arguments)
    except TypeError as error:
        raise ParameterError(
            f"objective={text!r:.80}: {error}; expected {word(kind)}({', '.join(_shown(signature))})."
        ) from error


def _shown(signature: inspect.Signature) -> list[str]:
    """Show parameters with their defaults, without the types."""
    return [f"{parameter.name}={parameter.default!r}" for parameter in signature.parameters.values()]


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()
