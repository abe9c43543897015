"""A residual U-Net for pictures and signals of any size: for jobs that need no code.

An autoencoder's bottleneck throws away what does not fit into the code, fine texture first: for compression that is
the purpose, for cleaning and mending it is a blur. Here the encoder's stages hand what they have to the decoder's
stages of the same size, so that the deep, wide-seeing stages add to what is there and need not remember it.

The shape follows K. Zhang et al., "Plug-and-play image restoration with deep denoiser prior" (2021): residual blocks of
two convolutions, sums in place of joined channels, no normalisation, no biases (without them, S. Mohan et al., "Robust
and interpretable blind image denoising via bias-free convolutional neural networks", 2020, a network serves noise
levels that it was not trained on). The first stage works on cells of 2 x 2 pixels (W. Shi et al., "Real-time single
image and video super-resolution using an efficient sub-pixel convolutional neural network", 2016), which takes a
quarter of the time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from isthmus.networks.conv import CONV

#: Channels by stage, and residual blocks on each side of a stage.
WIDTHS, BLOCKS = (64, 128, 256), 2
#: Pixels along each side of a cell that the first stage takes as channels.
CELL = 2


def into_cells(x: Tensor, by: int) -> Tensor:
    """Take cells of `by` neighbours along each axis as channels: (n, c, *grid) to (n, c * by**axes, *(grid / by))."""
    axes = x.dim() - 2
    if axes == 2:
        return nn.functional.pixel_unshuffle(x, by)
    n, c, time = x.shape
    return x.reshape(n, c, time // by, by).transpose(2, 3).reshape(n, c * by, time // by)


def out_of_cells(x: Tensor, by: int) -> Tensor:
    """Undo `into_cells`."""
    if x.dim() == 4:
        return nn.functional.pixel_shuffle(x, by)
    n, c, time = x.shape
    return x.reshape(n, c // by, by, time).transpose(2, 3).reshape(n, c // by, time * by)


class Block(nn.Module):
    """Two convolutions whose result is added to what came in; it starts as nothing.

    Parameters
    ----------
    width : int
        Channels.
    axes : int
        1 for signals, 2 for pictures.
    """

    def __init__(self, width: int, axes: int):
        super().__init__()
        self.first = CONV[axes](width, width, 3, padding=1, bias=False)
        self.second = CONV[axes](width, width, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(self.first.weight)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(n, width, *grid) to the same."""
        return x + self.second(torch.relu_(self.first(x)))


class UNet(nn.Module):
    """A residual U-Net; what it gives starts at zero.

    Parameters
    ----------
    n_in, n_out : int
        Channels in and out.
    widths : sequence of int, default=(64, 128, 256)
        Channels by stage; each stage after the first has half the pixels along each axis.
    blocks : int, default=2
        Residual blocks on each side of a stage.
    axes : {2, 1}, default=2
        Pictures, or signals.
    cell : int, default=2
        Pixels along each side of the cells that the first stage works on.

    Examples
    --------
    >>> import torch
    >>> network = UNet(3, 3, widths=(8, 16))
    >>> network(torch.randn(2, 3, 32, 24)).shape, network.multiple
    (torch.Size([2, 3, 32, 24]), 4)
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        widths: Sequence[int] = WIDTHS,
        blocks: int = BLOCKS,
        axes: int = 2,
        cell: int = CELL,
    ):
        super().__init__()
        self.axes, self.cell = axes, cell
        conv = CONV[axes]
        pixels = cell**axes
        self.entry = conv(n_in * pixels, widths[0], 3, padding=1, bias=False)
        self.down, self.up, self.before, self.after = (nn.ModuleList() for _ in range(4))
        for width, wider in pairwise(widths):
            self.before.append(nn.Sequential(*(Block(width, axes) for _ in range(blocks))))
            self.down.append(conv(width, wider, 2, stride=2, bias=False))
            # A convolution of single cells whose channels are laid out again: no transposed convolution's overlaps.
            self.up.append(conv(wider, width * 2**axes, 1, bias=False))
            self.after.append(nn.Sequential(*(Block(width, axes) for _ in range(blocks))))
        self.deepest = nn.Sequential(*(Block(widths[-1], axes) for _ in range(blocks)))
        self.exit = conv(widths[0], n_out * pixels, 3, padding=1, bias=False)
        nn.init.zeros_(self.exit.weight)

    @property
    def multiple(self) -> int:
        """Sides of what is given must be multiples of this."""
        return self.cell * 2 ** len(self.down)

    @property
    def reach(self) -> int:
        """Pixels, along an axis, from the middle of which an output pixel still depends on an input pixel."""
        # Two convolutions of 3 a block on cells that double with each stage, and the entry's and exit's.
        stages = [*self.before, self.deepest]
        cells = sum(2 * len(block) * 2**i * (2 if i < len(self.down) else 1) for i, block in enumerate(stages))
        return self.cell * (cells + 2) + self.multiple

    def forward(self, x: Tensor) -> Tensor:
        """(n, n_in, *grid) to (n, n_out, *grid)."""
        x = self.entry(into_cells(x, self.cell) if self.cell > 1 else x)
        kept = []
        for blocks, down in zip(self.before, self.down, strict=True):
            x = blocks(x)
            kept.append(x)
            x = down(x)
        x = self.deepest(x)
        for up, blocks, beside in zip(reversed(self.up), reversed(self.after), reversed(kept), strict=True):
            x = blocks(out_of_cells(up(x), 2) + beside)
        x = self.exit(x)
        return out_of_cells(x, self.cell) if self.cell > 1 else x


def padded(x: Tensor, multiple: int) -> Tensor:
    """Make every side of (n, c, *grid) a multiple, by mirroring at the far ends, or repeating where too few are there.

    Examples
    --------
    >>> padded(torch.arange(5.0).reshape(1, 1, 5), 4)
    tensor([[[0., 1., 2., 3., 4., 3., 2., 1.]]])
    """
    for axis in range(2, x.dim()):
        missing = -x.shape[axis] % multiple
        while missing:
            take = min(missing, x.shape[axis] - 1)
            if take:
                mirrored = x.narrow(axis, x.shape[axis] - 1 - take, take).flip(axis)
            else:
                take, mirrored = missing, x.expand(*x.shape[:axis], missing, *x.shape[axis + 1 :])
            x, missing = torch.cat([x, mirrored], axis), missing - take
    return x


def count_products(network: UNet, shape: Sequence[int]) -> int:
    """Products of weights and values that one item of a shape (c, *grid) takes: a limit for its speed."""
    total, cells = 0, math.prod(shape[1:]) / network.cell**network.axes
    sides = [*zip(network.before, network.after, strict=True)]
    total += cells * (network.entry.weight.numel() + network.exit.weight.numel())
    for i, (before, after) in enumerate(sides):
        here = cells / 2 ** (i * network.axes)
        total += here * sum(p.numel() for p in (*before.parameters(), *after.parameters()))
        between = (*network.down[i].parameters(), *network.up[i].parameters())
        total += here / 2**network.axes * sum(p.numel() for p in between)
    total += cells / 2 ** (len(sides) * network.axes) * sum(p.numel() for p in network.deepest.parameters())
    return int(total)
