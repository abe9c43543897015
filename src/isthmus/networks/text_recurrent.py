"""Recurrent encoder and decoder (LSTM, GRU) for rows of tokens: the decoder writes a row token by token."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from isthmus.exceptions import ParameterError
from isthmus.networks.base import Layout
from isthmus.networks.dense import Layer as DenseLayer
from isthmus.networks.recurrent import Layer
from isthmus.networks.text import longest, token_width

#: Units of the layer that `hidden="auto"` means.
WIDTH = 256
#: Ids that begin and end a row in the decoder, and the first one that it may write.
BEGIN, END, FIRST = 0, 2, 1

State = Any


def default_hidden(shape: tuple[int, ...], latent_dim: int, n_rows: int) -> tuple[int, ...]:
    """Choose the encoder's sizes: one layer of 256 units each way."""
    return (WIDTH,)


def reversed_rows(x: Tensor, lengths: Tensor) -> Tensor:
    """Turn each row (n, time, ...) round, up to its length; what comes after it is of no matter."""
    time = torch.arange(x.shape[1], device=x.device)
    order = (lengths[:, None] - 1 - time).clamp(min=0)
    return x.gather(1, order.unflatten(1, (-1, *[1] * (x.ndim - 2))).expand_as(x))


class RecurrentTextEncoder(nn.Module):
    """Ids (n, time), 0 after the end, to (n, code_dim), read from both ends.

    Rows are as long as they are, not as the longest of their batch: what is read after an end is left out of the
    summary, and the second reading begins at the end, so that a row gets the same code whatever stands beside it.
    """

    def __init__(self, cell: str, layout: Layout):
        super().__init__()
        token, act, dropout = token_width(layout.vocabulary), layout.activation, layout.dropout
        self.tokens = nn.Embedding(layout.vocabulary, token)
        sizes = list(zip([token, *(2 * width for width in layout.hidden)], layout.hidden, strict=False))
        self.onwards = nn.ModuleList(Layer(cell, *size, dropout) for size in sizes)
        self.backwards = nn.ModuleList(Layer(cell, *size, dropout) for size in sizes)
        self.dense = DenseLayer(4 * layout.hidden[-1], layout.hidden[-1], act, dropout)
        self.last = nn.Linear(layout.hidden[-1], layout.code_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Encode rows."""
        ids = x[:, : longest(x)].long()
        # A token may have been taken out of the middle.
        places = torch.arange(1, ids.shape[1] + 1, device=ids.device)
        lengths = ((ids != 0) * places).amax(1).clamp(min=1)
        there = (places <= lengths[:, None]).unsqueeze(2)
        h = self.tokens(ids)
        both = h
        for onwards, backwards in zip(self.onwards, self.backwards, strict=True):
            back = reversed_rows(backwards(reversed_rows(both, lengths)), lengths)
            both = torch.cat([onwards(both), back], 2) * there
        half = both.shape[2] // 2
        last = both[:, :, :half].gather(1, (lengths - 1)[:, None, None].expand(-1, 1, half))[:, 0]
        mean = both.sum(1) / lengths.unsqueeze(1)
        return self.last(self.dense(torch.cat([last, both[:, 0, half:], mean], 1)))


class RecurrentTextDecoder(nn.Module):
    """Codes (n, latent_dim) to logits (n, time, vocabulary): at each step it is given the code and the last token.

    In training these are the tokens of the rows themselves; else its own, the likeliest at each step.
    """

    forced = True

    def __init__(self, cell: str, layout: Layout):
        super().__init__()
        self.time, self.cell = layout.shape[0], cell
        token = token_width(layout.vocabulary)
        hidden = layout.hidden[::-1]
        self.tokens = nn.Embedding(layout.vocabulary, token)
        self.dense = DenseLayer(layout.latent_dim, hidden[0], layout.activation, layout.dropout)
        sizes = zip([token + hidden[0], *hidden], hidden, strict=False)
        self.layers = nn.ModuleList(Layer(cell, *size, layout.dropout) for size in sizes)
        self.last = nn.Linear(hidden[-1], layout.vocabulary)
        nn.init.zeros_(self.last.bias)

    def forward(self, z: Tensor, x: Tensor | None = None) -> Tensor:
        """Decode codes, told the rows or free."""
        return self._free(z) if x is None else self._told(z, x)

    def _told(self, z: Tensor, x: Tensor) -> Tensor:
        ids = nn.functional.pad(x[:, : longest(x) - 1].long(), (1, 0), value=BEGIN)
        code = self.dense(z)
        h = torch.cat([self.tokens(ids), code.unsqueeze(1).expand(-1, ids.shape[1], -1)], 2)
        for layer in self.layers:
            h = layer(h)
        return self.last(h)

    def _free(self, z: Tensor) -> Tensor:
        state, ids = self.begin(z)
        out = []
        over = torch.zeros(len(z), dtype=torch.bool, device=z.device)
        for _ in range(self.time):
            logits, state = self.step(ids, state)
            out.append(logits)
            ids = logits[:, FIRST:].argmax(1) + FIRST
            over |= ids == END
            if z.device.type == "cpu" and bool(over.all()):
                break
        logits = torch.stack(out, 1)
        return nn.functional.pad(logits, (0, 0, 0, self.time - logits.shape[1]))

    def begin(self, z: Tensor) -> tuple[State, Tensor]:
        """Give the state before the first step, and the ids (n,) that it is given."""
        return (self.dense(z), *[None] * len(self.layers)), torch.full((len(z),), BEGIN, device=z.device)

    def step(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Write one token: the last ids (n,) to logits (n, vocabulary), and the next state."""
        code, *states = state
        h, now = torch.cat([self.tokens(ids), code], 1).unsqueeze(1), []
        for layer, before in zip(self.layers, states, strict=True):
            assert isinstance(layer, Layer)
            h, after = layer.rnn(h, before)
            now.append(after)
        return self.last(h[:, 0]), (code, *now)

    @staticmethod
    def chosen(state: State, rows: Tensor) -> State:
        """Give the state of some of the rows."""
        code, *states = state
        take = [tuple(part[:, rows] for part in s) if isinstance(s, tuple) else s[:, rows] for s in states]
        return (code[rows], *take)


def _build(cell: str, layout: Layout) -> tuple[nn.Module, nn.Module]:
    if not layout.hidden:
        raise ParameterError(
            "hidden=() gives a recurrent network no layer; give the units of at least one, such as hidden=(256,), or "
            'leave hidden="auto".'
        )
    return RecurrentTextEncoder(cell, layout), RecurrentTextDecoder(cell, layout)


def build_gru(layout: Layout) -> tuple[nn.Module, nn.Module]:
    """Make a GRU pair for rows of tokens (Sutskever, Vinyals and Le, 2014; Bowman et al., 2016).

    The encoder reads from both ends; its last outputs and the mean of all go through a dense layer to the code. The
    decoder is given a dense layer of the code, and the token before, at each step.

    Parameters
    ----------
    layout : Layout
        `shape` is (time,), `hidden` the units of the stacked layers, each way.

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
    >>> encoder, decoder = build_gru(Layout((40,), latent_dim=8, code_dim=8, hidden=(32,), vocabulary=259))
    >>> decoder(encoder(torch.ones(5, 40))).shape
    torch.Size([5, 40, 259])
    """
    return _build("gru", layout)


def build_lstm(layout: Layout) -> tuple[nn.Module, nn.Module]:
    """Make an LSTM pair for rows of tokens; all else is as in `build_gru`.

    Parameters
    ----------
    layout : Layout

    Returns
    -------
    encoder, decoder : nn.Module

    Raises
    ------
    ParameterError
        If `hidden` is empty.
    """
    return _build("lstm", layout)
