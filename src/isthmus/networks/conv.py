"""Convolutional encoder and decoder for images of any size and sequences of any length.

One code serves both: `build_image` and `build_sequence` differ in the number of axes only. A stage is a
strided convolution and an activation. The decoder mirrors the encoder with transposed convolutions whose
kernel is twice their stride: every output cell is then reached by equally many inputs, and no checkerboard
arises (Odena, Dumoulin and Olah, "Deconvolution and checkerboard artifacts", Distill, 2016). There is no
normalisation: on images, group normalisation trained no better and took longer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from isthmus.exceptions import ParameterError
from isthmus.networks.activations import activation, gain
from isthmus.networks.base import Layout
from isthmus.networks.dense import Layer as DenseLayer

CONV = {1: nn.Conv1d, 2: nn.Conv2d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d}
DROPOUT = {1: nn.Dropout1d, 2: nn.Dropout2d}

#: Cells along an axis after the last stage, by number of axes: halving stops here ...
GRID = {1: 8, 2: 4}
#: ... and with fewer stages than that takes, the first one strides wider so that no more than these are left:
#: the dense layer behind them then has a bounded number of weights, whatever the size of the image.
LARGEST_GRID = {1: 64, 2: 8}
#: Cells along an axis after the first stage: larger images are taken in wider strides, which bounds the work.
LARGEST_FIRST = {1: 256, 2: 64}
#: Channels of the first stage (they double with each one) and of the widest.
FIRST_WIDTH, LARGEST_WIDTH = 32, 128
#: Units of the dense layer before the code: the least, and the least as a multiple of the last stage's
#: channels.
LEAST_DENSE, DENSE_BY_WIDTH = 128, 2


# ------------------------------------------------------------------------------------------------ sizes


def _halvings(size: int, most: int) -> int:
    """How often `size` must be halved (rounding up) to be at most `most`."""
    return max(0, math.ceil(math.log2(size / most)))


def _axis_strides(size: int, n_stages: int, n_axes: int) -> list[int]:
    """Stride of each stage along one axis of `size` cells."""
    total = _halvings(size, GRID[n_axes])
    first = max(
        min(1, total),
        _halvings(size, LARGEST_FIRST[n_axes]),
        _halvings(size, LARGEST_GRID[n_axes]) - (n_stages - 1),
    )
    others = min(n_stages - 1, max(0, total - first))
    return [2**first] + [2] * others + [1] * (n_stages - 1 - others)


def _n_stages(size: int, n_axes: int) -> int:
    """Stages after which an axis of `size` cells has at most `GRID` of them."""
    total = _halvings(size, GRID[n_axes])
    return 1 + total - max(min(1, total), _halvings(size, LARGEST_FIRST[n_axes]))


def _default_hidden(grid: Sequence[int]) -> tuple[int, ...]:
    n_stages = max(_n_stages(size, len(grid)) for size in grid)
    return tuple(min(FIRST_WIDTH * 2**i, LARGEST_WIDTH) for i in range(n_stages))


def default_hidden_image(shape: tuple[int, ...], latent_dim: int, n_rows: int) -> tuple[int, ...]:
    """Choose the encoder's channels by stage from the size of the images.

    Parameters
    ----------
    shape : tuple of int
        (channels, height, width).
    latent_dim, n_rows : int
        Not used: the width of the code and the number of images.

    Returns
    -------
    tuple of int
        32, 64, 128, 128, ...: as many as bring the image to at most 4 x 4 cells.

    Examples
    --------
    >>> default_hidden_image((1, 28, 28), 32, 60_000)
    (32, 64, 128)
    """
    return _default_hidden(shape[1:])


def default_hidden_sequence(shape: tuple[int, ...], latent_dim: int, n_rows: int) -> tuple[int, ...]:
    """Choose the encoder's channels by stage from the length of the sequences.

    Parameters
    ----------
    shape : tuple of int
        (time, channels).
    latent_dim, n_rows : int
        Not used: the width of the code and the number of sequences.

    Returns
    -------
    tuple of int
        32, 64, 128, 128, ...: as many as bring the sequence to at most 8 cells.

    Examples
    --------
    >>> default_hidden_sequence((100, 3), 8, 1_000)
    (32, 64, 128, 128)
    """
    return _default_hidden(shape[:1])


@dataclass(frozen=True)
class _Plan:
    """Sizes of every stage: `grids[i]` cells and `widths[i]` channels go into stage i, with `strides[i]`."""

    grids: list[tuple[int, ...]]
    widths: list[int]
    strides: list[tuple[int, ...]]
    dense: int

    @classmethod
    def make(cls, grid: tuple[int, ...], channels: int, layout: Layout) -> _Plan:
        if not layout.hidden:
            raise ParameterError(
                "hidden=() gives a convolutional network no stage; give the channels of at least one, "
                'such as hidden=(32,), or leave hidden="auto".'
            )
        strides = list(zip(*(_axis_strides(s, len(layout.hidden), len(grid)) for s in grid), strict=True))
        grids = [grid]
        for stride in strides:
            grids.append(tuple(-(-s // by) for s, by in zip(grids[-1], stride, strict=True)))
        dense = max(LEAST_DENSE, DENSE_BY_WIDTH * layout.hidden[-1], layout.code_dim)
        return cls(grids, [channels, *layout.hidden], strides, dense)

    @property
    def flat(self) -> int:
        """Values after the last stage."""
        return math.prod(self.grids[-1]) * self.widths[-1]


# ----------------------------------------------------------------------------------------------- layers


def _kernel(grid: tuple[int, ...], stride: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Kernel and padding that take n cells to n / stride exactly, and back."""
    sizes = [2 * by if by > 1 else min(3, 2 * n - 1) for n, by in zip(grid, stride, strict=True)]
    padding = [(size - by) // 2 for size, by in zip(sizes, stride, strict=True)]
    return {"kernel_size": tuple(sizes), "stride": stride, "padding": tuple(padding)}


@torch.no_grad()
def _start(layer: nn.Module, fan_in: float, std: float) -> None:
    """Weights that keep the variance of a signal; zero where `std` is."""
    weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
    weight.normal_(std=std / fan_in**0.5) if std else weight.zero_()
    bias.zero_()


class DownStage(nn.Module):
    """Strided convolution, activation and dropout of whole channels: `grid` to ceil(grid / stride) cells.

    A grid that the stride does not divide is padded at its far end with zeros.
    """

    def __init__(self, n_in: int, n_out: int, grid: tuple[int, ...], stride: tuple[int, ...], act: str, dropout: float):
        super().__init__()
        n_axes = len(grid)
        self.conv = CONV[n_axes](n_in, n_out, **_kernel(grid, stride))
        self.act = activation(act)
        self.dropout = DROPOUT[n_axes](dropout)
        missing = [-size % by for size, by in zip(grid, stride, strict=True)]
        self.padding = [p for m in reversed(missing) for p in (0, m)] if any(missing) else None
        _start(self.conv, self.conv.weight[0].numel(), gain(act))

    def forward(self, x: Tensor) -> Tensor:
        """(n, n_in, *grid) to (n, n_out, *smaller grid)."""
        if self.padding is not None:
            x = nn.functional.pad(x, self.padding)
        return self.dropout(self.act(self.conv(x)))


class UpConv(nn.Module):
    """Transposed convolution that undoes a `DownStage`'s sizes: the far end is cut back to `grid` cells."""

    def __init__(self, n_in: int, n_out: int, grid: tuple[int, ...], stride: tuple[int, ...], std: float):
        super().__init__()
        self.grid = grid
        self.conv = TRANSPOSED[len(grid)](n_in, n_out, **_kernel(grid, stride))
        # Of its kernel, an output cell meets one tap in `stride` along each axis.
        _start(self.conv, n_in * math.prod(self.conv.kernel_size) / math.prod(stride), std)

    def forward(self, x: Tensor) -> Tensor:
        """(n, n_in, *smaller grid) to (n, n_out, *grid)."""
        x = self.conv(x)
        for axis, size in enumerate(self.grid, start=2):
            if x.shape[axis] != size:
                x = x.narrow(axis, 0, size)
        return x


class UpStage(UpConv):
    """`UpConv`, activation and dropout of whole channels."""

    def __init__(self, n_in: int, n_out: int, grid: tuple[int, ...], stride: tuple[int, ...], act: str, dropout: float):
        super().__init__(n_in, n_out, grid, stride, gain(act))
        self.act = activation(act)
        self.dropout = DROPOUT[len(grid)](dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(n, n_in, *smaller grid) to (n, n_out, *grid)."""
        return self.dropout(self.act(super().forward(x)))


class ChannelsFirst(nn.Module):
    """(n, *grid, channels) to (n, channels, *grid), a view: in memory the channels stay last."""

    def forward(self, x: Tensor) -> Tensor:
        """Move the last axis to the second place."""
        return x.movedim(-1, 1)


class ChannelsLast(nn.Module):
    """(n, channels, *grid) to (n, *grid, channels), a view."""

    def forward(self, x: Tensor) -> Tensor:
        """Move the second axis to the last place."""
        return x.movedim(1, -1)


class ChannelsLastMemory(nn.Module):
    """Lay the channels of images last in memory, which makes convolutions faster; the shape is kept."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to (n, c, h, w)."""
        return x.contiguous(memory_format=torch.channels_last)


# ------------------------------------------------------------------------------------------- the pairs


def _encoder(plan: _Plan, layout: Layout, entry: nn.Module) -> nn.Sequential:
    """Make the stages, one dense layer and the code; `entry` lays the input out for them."""
    encoder = nn.Sequential()
    encoder.add_module("entry", entry)
    for i, ((n_in, n_out), grid, stride) in enumerate(
        zip(pairwise(plan.widths), plan.grids, plan.strides, strict=False), start=1
    ):
        n_in *= 2 if i == 1 and layout.mask_input else 1
        stage = DownStage(n_in, n_out, grid, stride, layout.activation, layout.dropout)
        encoder.add_module(f"stage{i}", stage)
    # The channels are last in memory: flattening in that order copies nothing.
    encoder.add_module("channels_last", ChannelsLast())
    encoder.add_module("flatten", nn.Flatten())
    encoder.add_module("dense", DenseLayer(plan.flat, plan.dense, layout.activation, layout.dropout))
    last = nn.Linear(plan.dense, layout.code_dim)
    _start(last, plan.dense, 0.0 if layout.zero_start else 1.0)
    encoder.add_module("last", last)
    return encoder


def _decoder(plan: _Plan, layout: Layout) -> nn.Sequential:
    """Make the encoder's mirror image."""
    act, dropout = layout.activation, layout.dropout
    decoder = nn.Sequential()
    decoder.add_module("dense", DenseLayer(layout.latent_dim, plan.dense, act, dropout))
    decoder.add_module("grid", DenseLayer(plan.dense, plan.flat, act, dropout))
    decoder.add_module("unflatten", nn.Unflatten(1, (*plan.grids[-1], plan.widths[-1])))
    decoder.add_module("channels_first", ChannelsFirst())
    sizes = list(zip(plan.widths[1:], plan.widths, plan.grids, plan.strides, strict=False))[::-1]
    for i, (n_in, n_out, grid, stride) in enumerate(sizes[:-1], start=1):
        decoder.add_module(f"stage{i}", UpStage(n_in, n_out, grid, stride, act, dropout))
    decoder.add_module("last", UpConv(*sizes[-1], 0.0 if layout.zero_start else 1.0))
    return decoder


def build_image(layout: Layout) -> tuple[nn.Module, nn.Module]:
    """Make a convolutional pair for images.

    Parameters
    ----------
    layout : Layout
        `shape` is (channels, height, width), each at least 1; `hidden` the channels by stage. With
        `mask_input` the encoder takes (n, 2 * channels, height, width).

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
    >>> encoder, decoder = build_image(Layout((3, 97, 64), latent_dim=8, code_dim=8, hidden=(16, 32)))
    >>> decoder(encoder(torch.zeros(5, 3, 97, 64))).shape
    torch.Size([5, 3, 97, 64])
    """
    channels, *grid = layout.shape
    plan = _Plan.make(tuple(grid), channels, layout)
    return _encoder(plan, layout, ChannelsLastMemory()), _decoder(plan, layout)


def build_sequence(layout: Layout) -> tuple[nn.Module, nn.Module]:
    """Make a convolutional pair for sequences of one length.

    Parameters
    ----------
    layout : Layout
        `shape` is (time, channels), each at least 1; `hidden` the channels by stage. With `mask_input` the
        encoder takes (n, time, 2 * channels).

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
    >>> encoder, decoder = build_sequence(Layout((100, 3), latent_dim=8, code_dim=8, hidden=(16, 32)))
    >>> decoder(encoder(torch.zeros(5, 100, 3))).shape
    torch.Size([5, 100, 3])
    """
    time, channels = layout.shape
    plan = _Plan.make((time,), channels, layout)
    encoder, decoder = _encoder(plan, layout, ChannelsFirst()), _decoder(plan, layout)
    decoder.add_module("channels_last", ChannelsLast())
    return encoder, decoder
