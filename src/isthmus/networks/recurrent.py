"""Recurrent encoder and decoder (LSTM, GRU) for sequences, of one length or of unequal ones."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.exceptions import ParameterError
from isthmus.networks.base import Layout
from isthmus.networks.dense import Layer as DenseLayer
from isthmus.networks.recurrent_decoder import Decoder
from isthmus.networks.recurrent_layer import Layer, last_layer, lengths_of, longest_of

#: Units of the layer that `hidden="auto"` means: the smallest and the largest.
SMALLEST, LARGEST = 64, 256


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


#: Options by name: default, check, and what is expected in words.
OPTIONS: Mapping[str, tuple[Any, Any, str]] = {
    "bidirectional": (False, lambda v: isinstance(v, bool), "true or false"),
    "teacher_forcing": (0.0, _is_share, "a share from 0 to 1"),
}


def default_hidden(shape: tuple[int, ...], latent_dim: int, n_rows: int) -> tuple[int, ...]:
    """Choose the encoder's sizes from the channels and the width of the code: one layer.

    Parameters
    ----------
    shape : tuple of int
        (time, channels).
    latent_dim : int
        Width of the code.
    n_rows : int
        Not used: the number of sequences.

    Returns
    -------
    tuple of int
        Four times the larger of channels and code, between 64 and 256.

    Examples
    --------
    >>> default_hidden((50, 3), 8, 1_000)
    (64,)
    """
    return (min(max(4 * max(shape[1], latent_dim), SMALLEST), LARGEST),)


class Encoder(nn.Module):
    """Recurrent layers, the last state beside the mean of all, a dense layer, the code: (n, time, n_in) to (n, code).

    Steps after the end of a sequence are left out: a sequence has one code, alone or padded beside longer ones.

    Parameters
    ----------
    cell : {"lstm", "gru"}
    layout : Layout
    bidirectional : bool
        Whether each layer is read backwards as well.
    """

    def __init__(self, cell: str, layout: Layout, bidirectional: bool):
        super().__init__()
        self.end = layout.shape[1] - 1 if layout.ends else None
        sides = 2 if bidirectional else 1
        widths = [layout.shape[1] * (2 if layout.mask_input else 1), *(sides * width for width in layout.hidden)]
        self.layers: list[Layer] = []
        for i, (n_in, n_out) in enumerate(pairwise(widths), start=1):
            layer = Layer(cell, n_in, n_out // sides, layout.dropout, bidirectional)
            self.add_module(f"layer{i}", layer)
            self.layers.append(layer)
        self.sides = sides
        self.dense = DenseLayer(2 * widths[-1], layout.hidden[-1], layout.activation, layout.dropout)
        self.last = last_layer(layout.hidden[-1], layout.code_dim, layout.zero_start)

    def forward(self, x: Tensor) -> Tensor:
        """Give the code of each sequence."""
        lengths = None if self.end is None else lengths_of(x[..., self.end])
        if lengths is not None:
            x = x[:, : longest_of(lengths)]
        for layer in self.layers:
            x = layer(x, lengths)
        return self.last(self.dense(summary(x, lengths, self.sides)))


def summary(x: Tensor, lengths: Tensor | None, sides: int = 1) -> Tensor:
    """Outputs of every step to one vector, the last one beside the mean of all: (n, time, width) to (n, 2 * width).

    Of layers of two `sides`, the last output of the second is that of the first step.
    """
    if lengths is None:
        final, mean = x[:, -1], x.mean(dim=1)
    else:
        there = (torch.arange(x.shape[1], device=x.device) < lengths[:, None])[..., None]
        final = x[torch.arange(len(x), device=x.device), (lengths - 1).clamp(min=0)]
        mean = (x * there).sum(dim=1) / lengths.clamp(min=1)[:, None].to(x.dtype)
    if sides == 2:
        forward = x.shape[2] // 2
        final = torch.cat([final[:, :forward], x[:, 0, forward:]], dim=1)
    return torch.cat([final, mean], dim=1)


def _build(cell: str, layout: Layout) -> tuple[nn.Module, nn.Module]:
    if not layout.hidden:
        raise ParameterError(
            "hidden=() gives a recurrent network no layer; give the units of at least one, such as "
            'hidden=(64,), or leave hidden="auto".'
        )
    options = {name: default for name, (default, _, _) in OPTIONS.items()} | dict(layout.options)
    encoder = Encoder(cell, layout, bool(options["bidirectional"]))
    return encoder, Decoder(cell, layout, float(options["teacher_forcing"]))


def build_lstm(layout: Layout) -> tuple[nn.Module, nn.Module]:
    """Make an LSTM pair for sequences.

    The encoder's last output beside the mean of all of them goes through a dense layer to the code; the
    decoder is given, at each step, a dense layer of the code and a description of the step, and its
    outputs are projected to the channels. Hochreiter and Schmidhuber, "Long short-term memory" (1997);
    Srivastava et al., "Unsupervised learning of video representations using LSTMs" (2015).

    Parameters
    ----------
    layout : Layout
        `shape` is (time, channels); `hidden` the units of the stacked layers. `activation` is that of the
        dense layers: the recurrent cells have their own. With `mask_input` the encoder takes (n, time, 2 *
        channels). With `ends` the last channel says which steps there are. `options`: "bidirectional", and
        "teacher_forcing", the share of steps at which the decoder is given the true step before at the start of
        training; it falls to 0 towards the end.

    Returns
    -------
    encoder, decoder : nn.Module

    Raises
    ------
    ParameterError
        If `hidden` is empty.

    Examples
    --------
    >>> import torch
    >>> encoder, decoder = build_lstm(Layout((50, 3), latent_dim=4, code_dim=4, hidden=(32,)))
    >>> decoder(encoder(torch.zeros(5, 50, 3))).shape
    torch.Size([5, 50, 3])
    """
    return _build("lstm", layout)


def build_gru(layout: Layout) -> tuple[nn.Module, nn.Module]:
    """Make a GRU pair for sequences; all else is as in `build_lstm`.

    Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014).

    Parameters
    ----------
    layout : Layout
        `shape` is (time, channels); `hidden` the units of the stacked layers.

    Returns
    -------
    encoder, decoder : nn.Module

    Raises
    ------
    ParameterError
        If `hidden` is empty.

    Examples
    --------
    >>> import torch
    >>> encoder, decoder = build_gru(Layout((50, 3), latent_dim=4, code_dim=4, hidden=(64, 32)))
    >>> decoder(encoder(torch.zeros(5, 50, 3))).shape
    torch.Size([5, 50, 3])
    """
    return _build("gru", layout)
