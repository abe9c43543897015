"""Convolutional encoder and decoder for rows of tokens, whose code is local: each piece of it tells a piece of the row.

Neighbouring tokens are taken together, and what follows is the same wherever in a row it is done: a pattern that was
learnt at one place is known at all of them, and few rows are enough. The decoder gives all tokens at once.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.exceptions import ParameterError
from isthmus.networks.activations import activation
from isthmus.networks.base import Layout

#: Tokens that the first stage takes together; each further stage takes two of its neighbours.
BLOCK = 4
#: Units of the code that each piece must have, or there are fewer, longer ones.
LEAST_UNITS = 8
#: Channels of a stage that `hidden="auto"` means.
WIDTH = 128
#: Width of the description of a token, by the number of tokens that there are.
FEW_TOKENS, NARROW, WIDE = 1024, 32, 96


def default_hidden(shape: tuple[int, ...], latent_dim: int, n_rows: int) -> tuple[int, ...]:
    """Choose the channels by stage: as many stages as leave each piece of the row 8 units of the code.

    Examples
    --------
    >>> default_hidden((200,), 400, 10_000), default_hidden((200,), 32, 10_000)
    ((128,), (128, 128, 128, 128, 128))
    """
    stages, pieces = 1, -(-shape[0] // BLOCK)
    while pieces > 1 and latent_dim // pieces < LEAST_UNITS:
        stages, pieces = stages + 1, -(-pieces // 2)
    return (WIDTH,) * stages


def token_width(vocabulary: int) -> int:
    """Width of the description of a token."""
    return NARROW if vocabulary <= FEW_TOKENS else WIDE


def longest(x: Tensor) -> int:
    """Tokens of the longest row, at least one; on an accelerator, which would have to be waited for, all places."""
    if x.device.type != "cpu":
        return x.shape[1]
    places = (x != 0).any(0).nonzero()
    return int(places[-1]) + 1 if len(places) else 1


def to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Fill up the second axis with zeros to a multiple of a length."""
    lacking = -x.shape[1] % multiple
    return F.pad(x, (0, 0) * (x.ndim - 2) + (0, lacking)) if lacking else x


class Mix(nn.Module):
    """What a place learns from its neighbours, added to it: (n, places, width) to the same.

    A convolution over three places, written as a product, which takes half the time here.
    """

    def __init__(self, width: int, act: str, dropout: float):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.near = nn.Linear(3 * width, width)
        self.act = activation(act)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, width)

    def forward(self, h: Tensor, there: Tensor | None = None) -> Tensor:
        """Mix; places where `there` (n, places, 1) is 0 are as those beyond the ends."""
        normed = self.norm(h)
        around = F.pad(normed if there is None else normed * there, (0, 0, 1, 1))
        near = self.near(torch.cat([around[:, :-2], around[:, 1:-1], around[:, 2:]], 2))
        return h + self.out(self.dropout(self.act(near)))


class Split:
    """How a code is laid out: some units of each piece of the row, then units that tell of the whole.

    Parameters
    ----------
    units : int
        Units of the code.
    pieces : int
    """

    def __init__(self, units: int, pieces: int):
        self.pieces = pieces
        self.each = units // pieces
        self.rest = units - self.each * pieces


class TextEncoder(nn.Module):
    """Ids (n, time), 0 after the end, to (n, code_dim); a row gets the same code whatever stands beside it."""

    def __init__(self, layout: Layout, size: int, pieces: int):
        super().__init__()
        # An objective that needs more values of the encoder gets several codes of the same layout, end to end.
        self.copies = layout.code_dim // layout.latent_dim if layout.code_dim % layout.latent_dim == 0 else 1
        self.split = Split(layout.code_dim // self.copies, pieces)
        self.size = size
        token = token_width(layout.vocabulary)
        self.tokens = nn.Embedding(layout.vocabulary, token)
        widths = [BLOCK * token, *layout.hidden]
        self.enter = nn.ModuleList(nn.Linear(a * (1 if i == 0 else 2), b) for i, (a, b) in enumerate(pairwise(widths)))
        self.mix = nn.ModuleList(Mix(width, layout.activation, layout.dropout) for width in layout.hidden)
        self.norm = nn.LayerNorm(widths[-1])
        self.local = nn.Linear(widths[-1], self.copies * self.split.each) if self.split.each else None
        self.whole = nn.Linear(widths[-1], self.copies * self.split.rest) if self.split.rest else None

    def forward(self, x: Tensor) -> Tensor:
        """Encode rows."""
        ids = to_multiple(x[:, : longest(x)].long(), self.size)
        there = (ids != 0).unflatten(1, (-1, BLOCK)).any(2)
        h = self.tokens(ids).unflatten(1, (-1, BLOCK)).flatten(2)
        known = there.unsqueeze(2).to(h.dtype)
        for i, (enter, mix) in enumerate(zip(self.enter, self.mix, strict=True)):
            if i:
                there = there.unflatten(1, (-1, 2)).any(2)
                h = h.unflatten(1, (-1, 2)).flatten(2)
                known = there.unsqueeze(2).to(h.dtype)
            h = mix(enter(h) * known, known) * known
        h = self.norm(h) * known
        parts = []
        if self.local is not None:
            local = self.local(h) * known
            local = F.pad(local, (0, 0, 0, self.split.pieces - local.shape[1]))
            parts.append(local.unflatten(2, (self.copies, self.split.each)).transpose(1, 2).flatten(2))
        if self.whole is not None:
            mean = h.sum(1) / known.sum(1).clamp(min=1)
            parts.append(self.whole(mean).unflatten(1, (self.copies, self.split.rest)))
        return torch.cat(parts, 2).flatten(1)


class TextDecoder(nn.Module):
    """Codes (n, latent_dim) to logits (n, time, vocabulary)."""

    #: Told the rows, it gives the logits up to the end of the longest alone; they do not depend on the rows.
    looks = True

    def __init__(self, layout: Layout, size: int, pieces: int):
        super().__init__()
        self.split = Split(layout.latent_dim, pieces)
        self.size, self.time = size, layout.shape[0]
        token = 2 * token_width(layout.vocabulary)
        widths = [*layout.hidden[::-1], BLOCK * token]
        self.local = nn.Linear(self.split.each, widths[0]) if self.split.each else None
        self.whole = nn.Linear(self.split.rest, widths[0]) if self.split.rest else None
        # Where nothing tells the pieces apart, their places have to.
        self.place = None if self.split.each else nn.Parameter(torch.randn(pieces, widths[0]))
        self.mix = nn.ModuleList(Mix(width, layout.activation, layout.dropout) for width in widths[:-1])
        self.leave = nn.ModuleList(
            nn.Linear(a, b if i == len(layout.hidden) - 1 else 2 * b) for i, (a, b) in enumerate(pairwise(widths))
        )
        self.norm = nn.LayerNorm(widths[-2])
        self.act = activation(layout.activation)
        self.out = nn.Linear(token, layout.vocabulary)
        self.out.bias.data.zero_()

    def forward(self, z: Tensor, x: Tensor | None = None, progress: Tensor | None = None) -> Tensor:
        """Decode codes."""
        time = self.time if x is None else longest(x)
        # Two pieces more than asked for: so far each stage, and those after it, look ahead.
        pieces = min(self.split.pieces, -(-time // self.size) + 2)
        h = z.new_zeros(())
        if self.local is not None:
            local, each = z[:, : self.split.pieces * self.split.each], self.split.each
            h = h + self.local(local.unflatten(1, (-1, each))[:, :pieces])
        if self.whole is not None:
            h = h + self.whole(z[:, self.split.pieces * self.split.each :]).unsqueeze(1)
        if self.place is not None:
            h = h + self.place[:pieces].to(z.dtype)
        for i, (mix, leave) in enumerate(zip(self.mix, self.leave, strict=True)):
            last = i == len(self.leave) - 1
            h = mix(h)
            h = leave(self.norm(h) if last else h)
            h = h.unflatten(2, (BLOCK if last else 2, -1)).flatten(1, 2)
        return self.out(self.act(h[:, :time]))


def build_text(layout: Layout) -> tuple[nn.Module, nn.Module]:
    """Make a convolutional pair for rows of tokens.

    The first stage takes 4 neighbouring tokens together, each further one two neighbours of the stage before; every
    stage mixes three neighbours. The code is laid out piece by piece: `latent_dim` over the number of pieces to each,
    what is left over to a mean over all of them.

    Parameters
    ----------
    layout : Layout
        `shape` is (time,), `hidden` the channels by stage.

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
    >>> encoder, decoder = build_text(Layout((40,), latent_dim=20, code_dim=20, hidden=(32,), vocabulary=259))
    >>> decoder(encoder(torch.ones(5, 40))).shape
    torch.Size([5, 40, 259])
    """
    if not layout.hidden:
        raise ParameterError(
            "hidden=() gives a convolutional network no stage; give the channels of at least one, such as "
            'hidden=(128,), or leave hidden="auto".'
        )
    size = BLOCK * 2 ** (len(layout.hidden) - 1)
    pieces = -(-layout.shape[0] // size)
    return TextEncoder(layout, size, pieces), TextDecoder(layout, size, pieces)
