"""The decoder of recurrent pairs: all steps at once from the code, or each from the one before as well."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.networks.base import Layout
from isthmus.networks.dense import Layer as DenseLayer
from isthmus.networks.recurrent_layer import Layer, last_layer, lengths_of, longest_of

#: Width of the description of each time step that the decoder is given beside the code.
POSITION_WIDTH = 16


class Unroll(nn.Module):
    """The decoder's input: at each step the code and a description of the step.

    Without the second, every step is given the same, and the layer must count steps by itself. It is learned; for
    sequences of unequal lengths it is made of sines instead (Vaswani et al., 2017), which go on beyond the longest one
    seen.
    """

    def __init__(self, time: int, ends: bool):
        super().__init__()
        if ends:
            rates = time ** (-torch.arange(POSITION_WIDTH // 2) / (POSITION_WIDTH / 2))
            angles = math.pi * torch.arange(time)[:, None] * rates
            self.register_buffer("position", torch.cat([angles.sin(), angles.cos()], dim=1), persistent=False)
        else:
            self.position = nn.Parameter(torch.empty(time, POSITION_WIDTH))
            nn.init.normal_(self.position)

    def forward(self, z: Tensor, time: int) -> Tensor:
        """(n, width) to (n, time, width + POSITION_WIDTH)."""
        code = z[:, None].expand(-1, time, -1)
        position = self.position[None, :time].expand(z.shape[0], -1, -1)
        return torch.cat([code, position.to(z.dtype)], dim=2)


class Decoder(nn.Module):
    """Codes to sequences: (n, latent_dim) to (n, time, channels).

    Parameters
    ----------
    cell : {"lstm", "gru"}
    layout : Layout
    forcing : float
        Share of the steps at which, when training begins, the true step before is given, and at all others the one that
        the decoder made; it falls to 0 towards the end (scheduled sampling, Bengio et al., 2015). 0: steps are not told
        of one another.

    Attributes
    ----------
    looks : bool
        Whether training is to show it the sequences that it makes: where they end, and the steps before.
    """

    def __init__(self, cell: str, layout: Layout, forcing: float):
        super().__init__()
        self.time, self.channels = layout.shape
        self.end = self.channels - 1 if layout.ends else None
        self.forcing = forcing
        self.looks = layout.ends or forcing > 0
        hidden = layout.hidden
        self.dense = DenseLayer(layout.latent_dim, hidden[-1], layout.activation, layout.dropout)
        self.unroll = Unroll(self.time, layout.ends)
        before = self.channels if forcing else 0
        self.layers: list[Layer] = []
        for i, sizes in enumerate(pairwise([hidden[-1] + POSITION_WIDTH + before, *hidden[::-1]]), start=1):
            layer = Layer(cell, *sizes, layout.dropout)
            self.add_module(f"layer{i}", layer)
            self.layers.append(layer)
        self.last = last_layer(hidden[0], self.channels, layout.zero_start)

    def forward(self, z: Tensor, x: Tensor | None = None, progress: Tensor | None = None) -> Tensor:
        """Make the sequences of codes; x, (n, time, channels), are those that they were made of, in training alone."""
        time = self.time if x is None or self.end is None else longest_of(lengths_of(x[..., self.end]))
        told = self.unroll(self.dense(z), time)
        if not self.forcing:
            made = self._run(told)
        elif x is None:
            made = self._one_by_one(told)
        else:
            made = self._forced(told, x[:, :time], progress)
        # What comes after all have ended is zero, as is padding.
        return made if time == self.time else nn.functional.pad(made, (0, 0, 0, self.time - time))

    def _run(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.last(x)

    def _forced(self, told: Tensor, x: Tensor, progress: Tensor | None) -> Tensor:
        """Make all steps at once, each told of the one before: the true one, or that of a first pass.

        So scheduled sampling takes two passes, not one a step (Duckworth et al., "Parallel scheduled sampling", 2019).
        """
        before = _late(x)
        share = self.forcing * (1.0 if progress is None else 1.0 - progress)
        with torch.no_grad():
            made = _late(self._run(torch.cat([told, before.to(told.dtype)], dim=2)))
        true = torch.rand(before.shape[:2], device=x.device)[..., None] < share
        return self._run(torch.cat([told, torch.where(true, before, made.to(before.dtype)).to(told.dtype)], dim=2))

    def _one_by_one(self, told: Tensor) -> Tensor:
        """Make each step from the one made before."""
        states: list[Any] = [None] * len(self.layers)
        made = [told.new_zeros(len(told), 1, self.channels)]
        for step in told.split(1, dim=1):
            out = torch.cat([step, made[-1]], dim=2)
            for i, layer in enumerate(self.layers):
                out, states[i] = layer.step(out, states[i])
            made.append(self.last(out).to(told.dtype))
        return torch.cat(made[1:], dim=1)


def _late(x: Tensor) -> Tensor:
    """Give sequences one step late: zeros come first."""
    return nn.functional.pad(x, (0, 0, 1, 0))[:, :-1]
