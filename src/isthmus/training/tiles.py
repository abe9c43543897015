"""A network on a picture or signal of any size, tile by tile where it is large, without seams."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from isthmus.networks.unet import UNet, padded

#: Cells along each axis of a tile, by axes, margins apart; what is no larger than one and a half is taken whole.
TILE = {1: 2**18, 2: 768}


def by_tiles(
    network: UNet, x: Tensor, apply: Callable[[Tensor], Tensor] | None = None, tile: int | None = None
) -> Tensor:
    """Apply a network to one item of any size.

    Each tile is given with as much of its surroundings as the network's outputs depend on, and its place in the cells
    of the network's stages is kept: what comes out is what the whole would have given, so that there are no seams.

    Parameters
    ----------
    network : UNet
    x : Tensor of shape (c, *grid)
    apply : callable, optional
        What to call in place of the network itself: (1, c, *grid) to (1, c_out, *grid).
    tile : int, optional
        Cells along each axis.

    Returns
    -------
    Tensor of shape (c_out, *grid)
    """
    apply = network if apply is None else apply
    multiple = network.multiple
    side = tile or TILE[network.axes]
    side, margin = -(-side // multiple) * multiple, -(-network.reach // multiple) * multiple
    grid = x.shape[1:]
    x = padded(x[None], multiple)
    spans = [_spans(length, side, margin) for length in x.shape[2:]]
    if all(len(span) == 1 for span in spans):
        return _cut(apply(x), [(0, length) for length in grid])[0]
    out: Tensor | None = None
    for place in itertools.product(*spans):
        part = _cut(x, [(start, stop) for start, stop, _, _ in place])
        found = _cut(apply(part), [(low - start, high - start) for start, _, low, high in place])
        if out is None:
            out = found.new_empty((1, found.shape[1], *x.shape[2:]))
        _cut(out, [(low, high) for _, _, low, high in place]).copy_(found)
    assert out is not None
    return _cut(out, [(0, length) for length in grid])[0]


def _cut(x: Tensor, spans: Sequence[tuple[int, int]]) -> Tensor:
    """Part of (n, c, *grid), a view: from where to where along each axis of the grid."""
    for axis, (start, stop) in enumerate(spans, start=2):
        x = x.narrow(axis, start, stop - start)
    return x


def _spans(length: int, side: int, margin: int) -> list[tuple[int, int, int, int]]:
    """Tiles along an axis: where each begins and ends with its margins, and without."""
    if length <= side + side // 2:
        return [(0, length, 0, length)]
    lows = range(0, length, side)
    return [(max(0, low - margin), min(length, low + side + margin), low, min(length, low + side)) for low in lows]


def in_precision(network: torch.nn.Module, x: Tensor, precision: str) -> Tensor:
    """Apply a network to a batch, its products in a precision; what it gives is of the dtype of x."""
    if x.dim() == 4:
        x = x.contiguous(memory_format=torch.channels_last)
    with torch.autocast(x.device.type, torch.bfloat16, enabled=precision == "bf16"):
        return network(x).to(x.dtype)
