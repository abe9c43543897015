"""The families of networks by name, and how to put one together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from isthmus.exceptions import ParameterError
from isthmus.networks import conv, dense, ratings, recurrent, text, text_recurrent
from isthmus.networks.activations import activation
from isthmus.networks.base import Layout, LinearPath, Network
from isthmus.words import nearest, read_arguments, split

Pair = tuple[nn.Module, nn.Module]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Family:
    """One family of networks, for items of one number of axes.

    Parameters
    ----------
    build : callable
        `Layout` to (encoder, decoder).
    default_hidden : callable
        (shape, latent_dim, n_rows) to the sizes that `hidden="auto"` means.
    learning_rate : float
        Rate that suits it at a batch of 128.
    steps : float, default=1.0
        Share of the usual number of steps that it needs.
    options : mapping, default={}
        What it leaves open, by name: the default, a check and what is expected in words.
    """

    build: Callable[[Layout], Pair]
    default_hidden: Callable[[Shape, int, int], Shape]
    learning_rate: float
    steps: float = 1.0
    options: Mapping[str, tuple[Any, Callable[[Any], bool], str]] = field(default_factory=dict)


_DENSE = Family(dense.build, dense.default_hidden, 3e-3)

#: What stands for the number of axes where items are rows of tokens.
TOKENS = 0
#: And where they are ratings.
RATINGS = -1
#: By name, then by the number of axes of one item: 1 for rows, 2 for sequences (time, channels), 3 for pictures.
FAMILIES: dict[str, dict[int, Family]] = {
    "dense": {
        RATINGS: Family(ratings.build, ratings.default_hidden, 1e-3, options=ratings.OPTIONS),
        **{1: _DENSE, 2: _DENSE, 3: _DENSE},
    },
    "conv": {
        TOKENS: Family(text.build_text, text.default_hidden, 4e-3, 0.25),
        2: Family(conv.build_sequence, conv.default_hidden_sequence, 4e-3, 0.5),
        3: Family(conv.build_image, conv.default_hidden_image, 4e-3, 0.5),
    },
    "lstm": {
        TOKENS: Family(text_recurrent.build_lstm, text_recurrent.default_hidden, 3e-3),
        2: Family(recurrent.build_lstm, recurrent.default_hidden, 3e-3, options=recurrent.OPTIONS),
    },
    "gru": {
        TOKENS: Family(text_recurrent.build_gru, text_recurrent.default_hidden, 3e-3),
        2: Family(recurrent.build_gru, recurrent.default_hidden, 3e-3, options=recurrent.OPTIONS),
    },
}

#: What `network="auto"` means.
DEFAULTS = {RATINGS: "dense", TOKENS: "conv", 1: "dense", 2: "conv", 3: "conv"}


def axes_of(shape: Shape, vocabulary: int = 0, ratings: str = "") -> int:
    """Count the axes of an item; `TOKENS` or `RATINGS` where it is no array of numbers."""
    return TOKENS if vocabulary else RATINGS if ratings else len(shape)


def find_family(network: str, axes: int) -> tuple[str, Family]:
    """Find the family called `network` for items of so many axes, see `axes_of`; "auto" goes by what they are.

    Raises
    ------
    ParameterError
        If there is no such network, or it does not take such items.
    """
    name = DEFAULTS[axes] if network == "auto" else network
    if name not in FAMILIES:
        raise ParameterError(
            f"network={network!r} is not known; choose one of 'auto', {', '.join(map(repr, FAMILIES))}, or give a pair "
            "(encoder, decoder) of nn.Modules."
        )
    if axes not in FAMILIES[name]:
        fitting = [repr(other) for other, by_axes in FAMILIES.items() if axes in by_axes]
        what = {RATINGS: "ratings", TOKENS: "rows of tokens", 1: "rows of numbers", 2: "sequences", 3: "pictures"}[axes]
        raise ParameterError(f"network={network!r} does not take {what}; for these choose {' or '.join(fitting)}.")
    return name, FAMILIES[name][axes]


def choose_family(network: str, axes: int) -> tuple[str, Family, dict[str, Any]]:
    """Find the family that a word names, and read the options behind it: "gru(bidirectional=true)".

    Raises
    ------
    ParameterError
        If the text cannot be read, there is no such network, it does not take such items, or has no such option.

    Examples
    --------
    >>> name, _, options = choose_family("gru(bidirectional=true)", 2)
    >>> name, options
    ('gru', {'bidirectional': True})
    """
    call = split(network)
    try:
        if call is None:
            raise ValueError("no name")
        given, options = read_arguments(call.arguments or "()")
        if given:
            raise ValueError(f"{given[0]!r} has no name")
    except ValueError as error:
        raise ParameterError(
            f"network={network!r:.80} cannot be read ({error}); expected a name, such as 'gru', or one with options, "
            "such as 'gru(bidirectional=true)'."
        ) from error
    name, family = find_family(call.name, axes)
    for option, value in options.items():
        if option not in family.options:
            known = f"it has {', '.join(family.options)}" if family.options else "it has none"
            raise ParameterError(
                f"network={network!r:.80}: there is no option {option!r}{nearest(option, family.options)}; {known}."
            )
        _, is_fine, expected = family.options[option]
        if not is_fine(value):
            raise ParameterError(f"network={network!r:.80}: {option}={value!r} cannot be used; expected {expected}.")
    return name, family, options


def assemble(
    pair: Pair,
    layout: Layout,
    *,
    linear_path: bool,
    code_activation: str = "linear",
    output_activation: str = "linear",
    guard_input: bool = False,
) -> Network:
    """Join an encoder and a decoder into a `Network`, with a linear path where one is wanted.

    The mask of observed cells joins the values along the channels: the last axis of rows and sequences, the first axis
    of pictures.
    """
    encoder, decoder = pair
    mask_axis = (1 if len(layout.shape) == 3 else -1) if layout.mask_input else None
    return Network(
        encoder,
        decoder,
        linear=LinearPath(layout.shape, layout.latent_dim) if linear_path else None,
        mask_axis=mask_axis,
        code_activation=None if code_activation == "linear" else activation(code_activation),
        output_activation=None if output_activation == "linear" else activation(output_activation),
        guard_input=guard_input,
        ends=layout.ends,
    )
