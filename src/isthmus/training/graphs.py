"""Steps on a GPU, captured once as a graph and replayed: nothing is launched from Python, operator by operator."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import groupby

import torch
from torch import Tensor

from isthmus.data import DenseRows, Prepared, Rows
from isthmus.training.eager import NORM, EagerSteps, add
from isthmus.training.split import resident

logger = logging.getLogger(__name__)

#: Steps by autograd before a capture: libraries choose their algorithms in the first ones.
WARM_UP = 3


class GraphSteps:
    """Steps by autograd, replayed from a CUDA graph for each size of batch.

    The order of the rows and the rates of an epoch are put on the device at once; each replay takes the next batch from
    there. What cannot be captured, rows that are not resident and models that read values back, is done step by step.

    Parameters
    ----------
    eager : EagerSteps
        Takes the steps that are captured, and those that cannot be.
    """

    def __init__(self, eager: EagerSteps):
        self.eager = eager
        self.weights = eager.weights
        self._replays: dict[tuple[int, int], Callable[[], object]] = {}
        self._sums: dict[str, Tensor] = {}
        self._failed = False

    def train(
        self,
        rows: Rows,
        batches: Sequence[Tensor],
        rates: Sequence[float],
        progress: Sequence[float],
        sample: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Take one step a batch."""
        base, chosen = resident(rows)
        if base is None or self._failed:
            return self.eager.train(rows, batches, rates, progress, sample)
        device = self.weights.values.device
        sums: dict[str, Tensor] = {}
        done = 0
        for each, group in groupby(batches, key=len):
            of_size = list(group)
            order = torch.cat(of_size)
            if chosen is not None:
                order = chosen.to(order.device)[order]
            where = torch.cat(of_size) if sample is not None else None
            now = slice(done, done + len(of_size))
            pace = torch.tensor([rates[now], progress[now]])
            done += len(of_size)
            try:
                replay = self._prepared(base, each, order.to(device), pace, sample, where)
            except RuntimeError as error:
                logger.info("This step cannot be captured as a CUDA graph and is taken operator by operator: %s", error)
                self._failed = True
                add(sums, self.eager.train(rows, of_size, rates[now], progress[now], sample))
                continue
            for _ in of_size:
                replay()
            add(sums, self._sums)
        return sums

    def evaluate(self, rows: Rows, index: Tensor) -> dict[str, Tensor]:
        """Mean total loss and its parts over some rows, without dropout, always with the same corruption."""
        return self.eager.evaluate(rows, index)

    def _prepared(
        self, base: DenseRows, each: int, order: Tensor, pace: Tensor, sample: Tensor | None, where: Tensor | None
    ) -> Callable[[], object]:
        """Lay the epoch out on the device, and give the replay of a step of this size of batch."""
        key = (id(base), each)
        if key not in self._replays:
            self._lay_out(base)
        device = order.device
        self._order[: len(order)] = order
        if where is not None:
            self._where[: len(order)] = where.to(device)
        self._pace[:, : pace.shape[1]] = pace.to(device)
        self._at.zero_()
        if key not in self._replays:
            self._replays[key] = self._capture(base, each, sample)
        for total in self._sums.values():
            total.zero_()
        self._at.zero_()
        return self._replays[key]

    def _lay_out(self, base: DenseRows) -> None:
        """Make room on the device for the order and the rates of an epoch."""
        if getattr(self, "_base", None) is base:
            return
        device = self.weights.values.device
        self._base = base
        self._replays.clear()
        self._order = torch.zeros(len(base), dtype=torch.int64, device=device)
        self._where = torch.zeros_like(self._order)
        self._pace = torch.zeros(2, len(base), device=device)
        self._at = torch.zeros(1, dtype=torch.int64, device=device)

    def _capture(self, base: DenseRows, each: int, sample: Tensor | None) -> Callable[[], object]:
        """Capture a step; the steps that this takes leave no trace."""
        weights = self.weights
        before = weights.snapshot()
        offsets = torch.arange(each, device=self._order.device)
        x = base.x.new_empty(each, *base.shape)
        mask = None if base.mask is None else base.mask.new_empty(each, *base.shape)

        def step() -> None:
            place = self._at * each + offsets
            batch = base.take(self._order[place], Prepared(x, mask))
            learnt = None if sample is None else sample[self._where[place]] > 0
            rate, progress = self._pace[:, self._at].squeeze(1)
            losses = self.eager.one_step(batch, rate, progress, learnt)
            for name, value in (losses | {NORM: weights.norm}).items():
                self._sums.setdefault(name, torch.zeros_like(value)).add_(value.detach())
            self._at.add_(1)

        noise = self.eager.generator.get_state()
        try:
            return step if weights.values.device.type != "cuda" else self._graph_of(step)
        finally:
            weights.roll_back(before)
            self.eager.generator.set_state(noise)

    def _graph_of(self, step: Callable[[], None]) -> Callable[[], object]:
        graph = torch.cuda.CUDAGraph()
        if self.eager.generator.device.type == "cuda":
            graph.register_generator_state(self.eager.generator)
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(WARM_UP):
                self._at.zero_()
                step()
        torch.cuda.current_stream().wait_stream(beside)
        with torch.cuda.graph(graph):
            step()
        return graph.replay
