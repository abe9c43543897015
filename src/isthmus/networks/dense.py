"""Fully connected encoder and decoder, plain when shallow, residual and normalised when deep."""

from __future__ import annotations

import math
from collections import OrderedDict
from itertools import pairwise

import torch
from torch import Tensor, nn

from isthmus.networks.activations import activation, gain
from isthmus.networks.base import Layout

#: From this many hidden layers on, each is normalised and has a residual link around it.
DEEP = 4


def default_hidden(shape: tuple[int, ...], latent_dim: int, n_rows: int) -> tuple[int, ...]:
    """Choose the encoder's sizes: two layers, about four times as wide as the data, the second half the first.

    The first is between 128 and 512 units, both are at least as wide as the code, and few rows (under 128) bring
    fewer units.

    Examples
    --------
    >>> default_hidden((30,), 7, 10_000)
    (128, 64)
    >>> default_hidden((784,), 32, 60_000)
    (512, 256)
    """
    wide = 2 ** round(math.log2(4 * math.prod(shape)))
    first = min(512, max(128, wide), max(32, 2 ** math.ceil(math.log2(max(1, n_rows)))))
    return max(first, latent_dim), max(first // 2, latent_dim)


class Layer(nn.Module):
    """Linear map and activation: `activation(W x + b)`."""

    def __init__(self, n_in: int, n_out: int, act: str, dropout: float):
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        self.act = activation(act)
        self.dropout = nn.Dropout(dropout) if dropout else None
        _start(self.linear, gain(act))

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.linear(x))
        return x if self.dropout is None else self.dropout(x)


class ResidualLayer(nn.Module):
    """A layer that adds to its input: `skip(x) + W2 act(norm(x) W1)`, so that gradients pass any depth.

    Where the size changes, `skip` is a linear map (He et al., "Identity mappings in deep residual networks", 2016).
    """

    def __init__(self, n_in: int, n_out: int, act: str, dropout: float, depth: int):
        super().__init__()
        self.norm = nn.LayerNorm(n_in)
        self.linear = nn.Linear(n_in, n_out)
        self.act = activation(act)
        self.dropout = nn.Dropout(dropout) if dropout else None
        self.skip = nn.Linear(n_in, n_out, bias=False) if n_in != n_out else None
        # The sum of `depth` branches should have about the variance of one.
        _start(self.linear, gain(act) / depth**0.5)
        if self.skip is not None:
            _start(self.skip, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.linear(self.norm(x)))
        if self.dropout is not None:
            y = self.dropout(y)
        return y + (x if self.skip is None else self.skip(x))


def _start(linear: nn.Linear, std: float) -> None:
    nn.init.normal_(linear.weight, std=std / linear.in_features**0.5)
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)


def stack(sizes: list[int], act: str, dropout: float, *, zero_end: bool) -> nn.Sequential:
    """Hidden layers `sizes[0] -> ... -> sizes[-2]` and a linear last one, which starts at zero if `zero_end`."""
    depth = len(sizes) - 2
    layers: dict[str, nn.Module] = {}
    for i, (n_in, n_out) in enumerate(pairwise(sizes[:-1]), start=1):
        # The first layer is plain: it has nothing worth carrying past.
        deep = depth >= DEEP and i > 1
        layers[f"layer{i}"] = (
            ResidualLayer(n_in, n_out, act, dropout, depth) if deep else Layer(n_in, n_out, act, dropout)
        )
    if depth >= DEEP:
        layers["norm"] = nn.LayerNorm(sizes[-2])
    last = nn.Linear(sizes[-2], sizes[-1])
    _start(last, 1.0)
    if zero_end:
        with torch.no_grad():
            last.weight.zero_()
    layers["last"] = last
    return nn.Sequential(OrderedDict(layers))


class Flat(nn.Sequential):
    """Items of any shape as rows, then layers."""

    def __init__(self, layers: nn.Sequential):
        super().__init__(OrderedDict(layers.named_children()))

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.flatten(1))


class Shaped(nn.Sequential):
    """Layers, then rows as items of a shape."""

    def __init__(self, layers: nn.Sequential, shape: tuple[int, ...]):
        super().__init__(OrderedDict(layers.named_children()))
        self.shape = shape

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input).unflatten(1, self.shape)


def build(layout: Layout) -> tuple[nn.Module, nn.Module]:
    """Make a fully connected pair for items of any shape, which are flattened.

    Parameters
    ----------
    layout : Layout

    Returns
    -------
    encoder, decoder : nn.Module

    Examples
    --------
    >>> import torch
    >>> encoder, decoder = build(Layout((30,), latent_dim=4, code_dim=4, hidden=(16,)))
    >>> decoder(encoder(torch.zeros(5, 30))).shape
    torch.Size([5, 30])
    """
    n_in = layout.size * (2 if layout.mask_input else 1)
    hidden = list(layout.hidden)
    encoder = stack([n_in, *hidden, layout.code_dim], layout.activation, layout.dropout, zero_end=layout.zero_start)
    decoder = stack(
        [layout.latent_dim, *hidden[::-1], layout.size],
        layout.activation,
        layout.dropout,
        zero_end=layout.zero_start,
    )
    if len(layout.shape) > 1:
        return Flat(encoder), Shaped(decoder, layout.shape)
    return encoder, decoder
