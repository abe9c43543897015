"""Training steps by autograd: any network, any objective."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from isthmus.data import Prepared, Rows
from isthmus.data.ratings import PackedRows
from isthmus.training.drawing import fixed_draws
from isthmus.training.split import SubsetRows
from isthmus.training.step import Step
from isthmus.training.weights import FlatWeights

#: Sum of the parts, and the norm of the gradient, beside the parts by their own names.
TOTAL, NORM = "total", "gradient_norm"


class Steps(Protocol):
    """Training steps over batches, and losses without them; what takes them differs, the numbers do not."""

    weights: FlatWeights

    def train(
        self,
        rows: Rows,
        batches: Sequence[Tensor],
        rates: Sequence[float],
        progress: Sequence[float],
        sample: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Take one step a batch, of all K networks on the same rows.

        Parameters
        ----------
        rows : Rows
        batches : sequence of int64 Tensor of shape (m,)
            Rows of each batch.
        rates : sequence of float
            Learning rate of each step.
        progress : sequence of float
            Share of the training that is over at each step, for objectives that change on the way.
        sample : Tensor of shape (n, K), optional
            1 where a network learns from a row, 0 where it leaves the row out of its reconstruction loss.

        Returns
        -------
        dict of str to Tensor of shape (K,)
            Sums over the batches of the total loss, its parts and the gradient's norm; on the device.
        """
        ...

    def evaluate(self, rows: Rows, index: Tensor) -> dict[str, Tensor]:
        """Mean total loss and its parts over some rows: Tensors of shape (K,).

        Nothing is dropped out. What the objective corrupts is corrupted, and what it draws is drawn, in the same way at
        every call and for every network, so that they are judged by what they are trained for, not by their luck.
        """
        ...


class Buffers:
    """Memory for batches that is used again and again.

    Parameters
    ----------
    like : Tensor
        The dtype and device of the rows.
    """

    def __init__(self, like: Tensor):
        self._like = like
        self._held: dict[tuple[int, bool], Prepared] = {}

    def take(self, rows: Rows, index: Tensor) -> Prepared:
        """Give the rows of an index in memory that the next call with as many rows writes over.

        What is packed, of no size known beforehand, is given in memory of its own.
        """
        if isinstance(rows.whole if isinstance(rows, SubsetRows) else rows, PackedRows):
            return rows.take(index)
        key = (len(index), rows.has_mask)
        if key not in self._held:
            if len(self._held) >= 4:
                self._held.clear()
            x = self._like.new_empty(len(index), *rows.shape)
            mask = torch.empty(x.shape, dtype=torch.bool, device=x.device) if rows.has_mask else None
            self._held[key] = Prepared(x, mask)
        return rows.take(index, self._held[key])


class EagerSteps:
    """Steps by autograd.

    Parameters
    ----------
    steps : sequence of Step
        One for each network.
    weights : FlatWeights
        Of these networks.
    generator : torch.Generator
        Corruption draws from it.
    weight_decay, clip_norm : float
    """

    def __init__(
        self,
        steps: Sequence[Step],
        weights: FlatWeights,
        generator: torch.Generator,
        weight_decay: float,
        clip_norm: float,
    ):
        self.steps = list(steps)
        self.weights = weights
        self.generator = generator
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self._buffers = Buffers(weights.values)

    def train(
        self,
        rows: Rows,
        batches: Sequence[Tensor],
        rates: Sequence[float],
        progress: Sequence[float],
        sample: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Take one step a batch."""
        sums: dict[str, Tensor] = {}
        for index, rate, share in zip(batches, rates, progress, strict=True):
            batch = self._buffers.take(rows, index)
            learnt = None if sample is None else sample[index.to(sample.device)] > 0
            losses = self.one_step(batch, rate, share, learnt)
            add(sums, losses | {NORM: self.weights.norm})
        return sums

    def one_step(
        self, batch: Prepared, rate: float | Tensor, progress: float | Tensor, learnt: Tensor | None
    ) -> dict[str, Tensor]:
        """Take a step on a batch; `learnt` of shape (m, K) says which network learns from which row.

        Rate and progress are tensors of one value where steps are captured, to be replayed with others.
        """
        self.weights.forget_gradients()
        self._set_progress(progress)
        losses = self._losses(batch, learnt)
        losses[TOTAL].sum().backward()
        with torch.no_grad():
            for step in self.steps:
                step.objective.before_update()
            self.weights.gather_gradients()
            self.weights.step(rate, self.weight_decay, self.clip_norm)
            for step in self.steps:
                step.objective.after_update()
        return losses

    def _set_progress(self, progress: float | Tensor) -> None:
        for step in self.steps:
            step.progress.copy_(progress) if isinstance(progress, Tensor) else step.progress.fill_(progress)

    def _losses(self, batch: Prepared, sample: Tensor | None) -> dict[str, Tensor]:
        parts: list[dict[str, Tensor]] = []
        for j, step in enumerate(self.steps):
            total, named = step(batch.x, batch.mask, self.generator, learnt=None if sample is None else sample[:, j])
            parts.append({TOTAL: total, **named})
        return {name: torch.stack([part[name] for part in parts]) for name in parts[0]}

    @torch.no_grad()
    def evaluate(self, rows: Rows, index: Tensor) -> dict[str, Tensor]:
        """Mean total loss and its parts over some rows, without dropout, always with the same corruption."""
        batch = self._buffers.take(rows, index)
        self._set_progress(1.0)
        parts = []
        for step in self.steps:
            with fixed_draws(self.generator, index, not step.objective.is_plain()) as generator:
                total, named = step(batch.x, batch.mask, generator)
            parts.append({TOTAL: total, **named})
        return {name: torch.stack([part[name] for part in parts]) for name in parts[0]}


def add(sums: dict[str, Tensor], values: dict[str, Tensor], weight: float = 1.0) -> None:
    """Add values, times a weight, to their sums, on the device."""
    for name, value in values.items():
        value = value.detach()
        if name in sums:
            sums[name].add_(value, alpha=weight)
        else:
            sums[name] = value * weight
