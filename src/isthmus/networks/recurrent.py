"""Recurrent encoder and decoder (LSTM, GRU) for sequences of one length."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from isthmus.exceptions import ParameterError
from isthmus.networks.base import Layout
from isthmus.networks.dense import Layer as DenseLayer

CELLS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}
#: Gates of each cell: the blocks of its weight matrices, each of which is initialised by itself.
GATES = {"lstm": 4, "gru": 3}
#: Width of the learned description of each time step that the decoder is given beside the code.
POSITION_WIDTH = 16
#: Units of the layer that `hidden="auto"` means: the smallest and the largest.
SMALLEST, LARGEST = 64, 256


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


class Layer(nn.Module):
    """One recurrent layer and dropout: (n, time, n_in) to (n, time, n_out)."""

    def __init__(self, cell: str, n_in: int, n_out: int, dropout: float):
        super().__init__()
        self.rnn = CELLS[cell](n_in, n_out, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self._start(cell)

    @torch.no_grad()
    def _start(self, cell: str) -> None:
        """Make recurrent weights orthogonal, gate by gate, and let LSTM cells begin by remembering.

        The first keeps gradients from vanishing over time (Saxe et al., 2014); so does, for LSTM, a bias of
        one at the forget gate (Jozefowicz et al., "An empirical exploration of recurrent network
        architectures", 2015).
        """
        for name, weight in self.rnn.named_parameters():
            gates = weight.chunk(GATES[cell])
            for gate in gates:
                if name.startswith("weight_hh"):
                    nn.init.orthogonal_(gate)
                elif name.startswith("weight_ih"):
                    nn.init.xavier_uniform_(gate)
                else:
                    gate.zero_()
            if cell == "lstm" and name.startswith("bias_ih"):
                gates[1].fill_(1.0)  # torch's order: input, forget, cell, output

    def forward(self, x: Tensor) -> Tensor:
        """Give the outputs of every step."""
        return self.dropout(self.rnn(x)[0])


def _last(n_in: int, n_out: int, zero: bool) -> nn.Linear:
    linear = nn.Linear(n_in, n_out)
    nn.init.zeros_(linear.weight) if zero else nn.init.normal_(linear.weight, std=n_in**-0.5)
    nn.init.zeros_(linear.bias)
    return linear


class Summary(nn.Module):
    """Outputs of every step to one vector: the last one beside the mean of all."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, time, width) to (n, 2 * width)."""
        return torch.cat([x[:, -1], x.mean(dim=1)], dim=1)


class Unroll(nn.Module):
    """The decoder's input: at each step the code and a learned description of the step.

    Without the second, every step is given the same, and the layer must count steps by itself.
    """

    def __init__(self, time: int, latent_dim: int):
        super().__init__()
        self.position = nn.Parameter(torch.empty(time, POSITION_WIDTH))
        nn.init.normal_(self.position)

    def forward(self, z: Tensor) -> Tensor:
        """(n, latent_dim) to (n, time, latent_dim + POSITION_WIDTH)."""
        time = self.position.shape[0]
        code = z[:, None].expand(-1, time, -1)
        position = self.position[None].expand(z.shape[0], -1, -1)
        return torch.cat([code, position.to(z.dtype)], dim=2)


def _build(cell: str, layout: Layout) -> tuple[nn.Module, nn.Module]:
    if not layout.hidden:
        raise ParameterError(
            "hidden=() gives a recurrent network no layer; give the units of at least one, such as "
            'hidden=(64,), or leave hidden="auto".'
        )
    time, channels = layout.shape
    n_in = channels * (2 if layout.mask_input else 1)
    hidden, act, dropout = layout.hidden, layout.activation, layout.dropout

    encoder = nn.Sequential()
    for i, sizes in enumerate(pairwise([n_in, *hidden]), start=1):
        encoder.add_module(f"layer{i}", Layer(cell, *sizes, dropout))
    encoder.add_module("summary", Summary())
    encoder.add_module("dense", DenseLayer(2 * hidden[-1], hidden[-1], act, dropout))
    encoder.add_module("last", _last(hidden[-1], layout.code_dim, layout.zero_start))

    decoder = nn.Sequential()
    decoder.add_module("dense", DenseLayer(layout.latent_dim, hidden[-1], act, dropout))
    decoder.add_module("unroll", Unroll(time, hidden[-1]))
    back = [hidden[-1] + POSITION_WIDTH, *hidden[::-1]]
    for i, sizes in enumerate(pairwise(back), start=1):
        decoder.add_module(f"layer{i}", Layer(cell, *sizes, dropout))
    decoder.add_module("last", _last(hidden[0], channels, layout.zero_start))
    return encoder, decoder


def build_lstm(layout: Layout) -> tuple[nn.Module, nn.Module]:
    """Make an LSTM pair for sequences of one length.

    The encoder's last output beside the mean of all of them goes through a dense layer to the code; the
    decoder is given, at each step, a dense layer of the code and a learned description of the step, and its
    outputs are projected to the channels. Hochreiter and Schmidhuber, "Long short-term memory" (1997);
    Srivastava et al., "Unsupervised learning of video representations using LSTMs" (2015).

    Parameters
    ----------
    layout : Layout
        `shape` is (time, channels); `hidden` the units of the stacked layers. `activation` is that of the
        dense layers: the recurrent cells have their own. With `mask_input` the encoder takes (n, time, 2 *
        channels).

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
    """Make a GRU pair for sequences of one length; all else is as in `build_lstm`.

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
