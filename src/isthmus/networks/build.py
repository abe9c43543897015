"""The families of networks by name, and how to put one together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from isthmus.exceptions import ParameterError
from isthmus.networks import conv, dense, recurrent, text, text_recurrent
from isthmus.networks.activations import activation
from isthmus.networks.base import Layout, LinearPath, Network

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
    """

    build: Callable[[Layout], Pair]
    default_hidden: Callable[[Shape, int, int], Shape]
    learning_rate: float
    steps: float = 1.0


_DENSE = Family(dense.build, dense.default_hidden, 3e-3)

#: What stands for the number of axes where items are rows of tokens.
TOKENS = 0
#: By name, then by the number of axes of one item: 1 for rows, 2 for sequences (time, channels), 3 for pictures.
FAMILIES: dict[str, dict[int, Family]] = {
    "dense": {1: _DENSE, 2: _DENSE, 3: _DENSE},
    "conv": {
        TOKENS: Family(text.build_text, text.default_hidden, 4e-3, 0.25),
        2: Family(conv.build_sequence, conv.default_hidden_sequence, 4e-3, 0.5),
        3: Family(conv.build_image, conv.default_hidden_image, 4e-3, 0.5),
    },
    "lstm": {
        TOKENS: Family(text_recurrent.build_lstm, text_recurrent.default_hidden, 3e-3),
        2: Family(recurrent.build_lstm, recurrent.default_hidden, 3e-3),
    },
    "gru": {
        TOKENS: Family(text_recurrent.build_gru, text_recurrent.default_hidden, 3e-3),
        2: Family(recurrent.build_gru, recurrent.default_hidden, 3e-3),
    },
}

#: What `network="auto"` means.
DEFAULTS = {TOKENS: "conv", 1: "dense", 2: "conv", 3: "conv"}


def find_family(network: str, shape: Shape, vocabulary: int = 0) -> tuple[str, Family]:
    """Find the family called `network` for items of a shape, or rows of tokens; "auto" goes by what they are.

    Raises
    ------
    ParameterError
        If there is no such network, or it does not take such items.
    """
    axes = TOKENS if vocabulary else len(shape)
    name = DEFAULTS[axes] if network == "auto" else network
    if name not in FAMILIES:
        raise ParameterError(
            f"network={network!r} is not known; choose one of 'auto', {', '.join(map(repr, FAMILIES))}, or give a pair "
            "(encoder, decoder) of nn.Modules."
        )
    if axes not in FAMILIES[name]:
        fitting = [repr(other) for other, by_axes in FAMILIES.items() if axes in by_axes]
        what = {TOKENS: "rows of tokens", 1: "rows of numbers", 2: "sequences", 3: "pictures"}[axes]
        raise ParameterError(f"network={network!r} does not take {what}; for these choose {' or '.join(fitting)}.")
    return name, FAMILIES[name][axes]


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
    )
