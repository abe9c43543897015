"""Running a written step: its text compiled, its buffers made for each size of batch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from isthmus.data import Prepared, Rows
from isthmus.networks import Network
from isthmus.objectives import Loss, Objective
from isthmus.training.drawing import fixed_draws
from isthmus.training.eager import NORM, TOTAL
from isthmus.training.fused.dense import CLEAN, NORMS, SAMPLE, Written, write_step
from isthmus.training.fused.tape import Unsupported
from isthmus.training.program import compile_function
from isthmus.training.split import resident
from isthmus.training.weights import UPDATE_SIGNATURE, FlatWeights

SIGNATURE = (
    "tensors: List[Tensor], factors: List[float], gather: bool, data: Tensor, mask: Tensor, table: Tensor, "
    "index: List[Tensor], rates: List[float], " + UPDATE_SIGNATURE
)
#: Sizes of batches whose buffers are kept.
SIZES = 6


class Program:
    """A written step, compiled, with its buffers.

    Parameters
    ----------
    written : Written
    like : Tensor
        Of the dtype and device of the rows.
    """

    def __init__(self, written: Written, like: Tensor):
        self.written = written
        self.tape = tape = written.tape
        self._like = like
        self._tensors = [*tape.fixed, *tape.buffers, "rows"]
        self._tensors += [SAMPLE] if tape.members > 1 else []
        self._tensors += [name for name in tape.views if name not in self._tensors]
        lines = [f"{name} = tensors[{i}]" for i, name in enumerate(self._tensors)]
        lines += [f"{name} = factors[{i}]" for i, name in enumerate(tape.factors)]
        body = ["rate = rates[i]", "if gather:", "    torch.index_select(data, 0, index[i], out=rows)"]
        if written.seen is not None:
            body += [f"    {written.seen}.view(rows.shape).copy_(torch.index_select(mask, 0, index[i]))"]
        if written.sample is not None:
            body += [f"torch.index_select(table, 0, index[i], out={SAMPLE})"]
        lines += ["for i in range(len(rates)):", *("    " + line for line in [*body, *tape.forward])]
        self._run = compile_function("run", SIGNATURE, "\n".join(lines))
        self._bound: dict[int, tuple[dict[str, Tensor], list[Tensor], list[float]]] = {}

    def bind(self, rows: int) -> tuple[dict[str, Tensor], list[Tensor], list[float]]:
        """Give buffers for batches of some rows: by name, and as the program takes them."""
        if rows not in self._bound:
            if len(self._bound) >= SIZES:
                self._bound.clear()
            tape = self.tape
            named = dict(tape.fixed)
            for name, (width, layout) in tape.buffers.items():
                named[name] = self._like.new_zeros(layout.shape(tape.members, rows, width))
            named["rows"] = named[CLEAN][0]
            named[SAMPLE] = self._like.new_zeros(rows, tape.members)
            for name, (of, make) in tape.views.items():
                named[name] = make(named[of])
            factors = [factor(rows) for factor in tape.factors.values()]
            self._bound[rows] = (named, [named[name] for name in self._tensors], factors)
        return self._bound[rows]

    def run(self, rows: int, gather: bool, data: Tensor, mask: Tensor, table: Tensor, index: list[Tensor],
            rates: list[float], update: tuple[Any, ...]) -> None:  # fmt: skip
        """Run the statements once for each rate."""
        _, tensors, factors = self.bind(rows)
        self._run(tensors, factors, gather, data, mask, table, index, rates, *update)


class FusedSteps:
    """Steps of dense networks, forward and backward written out into buffers that are made once.

    The numbers are those of autograd up to rounding, and the random ones those that it would draw, but for dropout and
    for what the codes of several networks draw.

    Parameters
    ----------
    networks : sequence of Network
        K networks of one architecture.
    weights : FlatWeights
        Of these networks.
    objective : Objective
    loss : Loss
    rows : Rows
        As many axes and masks as the rows to come have.
    generator : torch.Generator
        Corruption draws from it.
    weight_decay, clip_norm : float

    Raises
    ------
    Unsupported
        If a part of the step is of a type not covered.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        weights: FlatWeights,
        objective: Objective,
        loss: Loss,
        rows: Rows,
        generator: torch.Generator,
        weight_decay: float,
        clip_norm: float,
    ):
        if len(rows.shape) > 1 and networks[0].mask_axis is not None:
            raise Unsupported
        if objective.hides() or networks[0].fill is not None:
            raise Unsupported
        self.weights = weights
        self.objective = objective
        self.generator = generator
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self._parts = (networks, weights, objective, loss, tuple(rows.shape))
        self._training = self._program(rows.has_mask, training=True)
        self._measuring: dict[bool, Program] = {}

    def _program(self, masked: bool, training: bool) -> Program:
        sampled = training and len(self.weights) > 1
        written = write_step(*self._parts, masked, training, sampled, decays=self.weight_decay > 0)
        return Program(written, self.weights.values)

    @torch.no_grad()
    def train(
        self,
        rows: Rows,
        batches: Sequence[Tensor],
        rates: Sequence[float],
        progress: Sequence[float],
        sample: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Take one step a batch; no objective that is written out changes with the progress."""
        program = self._training
        sums = {name: program.tape.fixed[buffer] for name, buffer in program.written.sums.items()}
        sums[NORM] = program.tape.fixed[NORMS]
        for total in sums.values():
            total.zero_()
        if sample is None and len(self.weights) > 1:
            sample = torch.ones(len(rows), len(self.weights)).to(self.weights.values)
        done = 0
        for each, group in groupby(batches, key=len):
            index = list(group)
            self._run(program, rows, each, index, list(rates[done : done + len(index)]), self.generator, sample)
            done += len(index)
        return self._with_total(sums)

    @torch.no_grad()
    def evaluate(self, rows: Rows, index: Tensor) -> dict[str, Tensor]:
        """Mean total loss and its parts over some rows, without dropout, always with the same corruption."""
        if rows.has_mask not in self._measuring:
            self._measuring[rows.has_mask] = self._program(rows.has_mask, training=False)
        program = self._measuring[rows.has_mask]
        sums = {name: program.tape.fixed[buffer] for name, buffer in program.written.sums.items()}
        for total in sums.values():
            total.zero_()
        with fixed_draws(self.generator, index, not self.objective.is_plain()) as generator:
            self._run(program, rows, len(index), [index], [0.0], generator)
        return self._with_total(sums)

    def _with_total(self, sums: dict[str, Tensor]) -> dict[str, Tensor]:
        parts = [sum_ for name, sum_ in sums.items() if name != NORM]
        return {TOTAL: torch.stack(parts).sum(0), **{name: sum_.clone() for name, sum_ in sums.items()}}

    def _run(self, program: Program, rows: Rows, each: int, index: list[Tensor], rates: list[float],
             generator: torch.Generator, sample: Tensor | None = None) -> None:  # fmt: skip
        base, chosen = resident(rows)
        unused = self.weights.values
        table = unused if sample is None else sample
        corrupts = program.written.given != CLEAN
        update = self.weights.update_arguments(self.weight_decay, self.clip_norm)
        if base is not None and not corrupts and (chosen is None or sample is None):
            if chosen is not None:
                index = [chosen[i] for i in index]
            data = base.x.view(len(base.x), -1)
            mask = unused if base.mask is None else base.mask.view(len(base.x), -1)
            program.run(each, True, data, mask, table, index, rates, update)
            return
        for i, rate in zip(index, rates, strict=True):
            self._fill(program, rows, each, i, generator if corrupts else None)
            program.run(each, False, unused, unused, table, [i], [rate], update)

    def _fill(self, program: Program, rows: Rows, each: int, index: Tensor, generator: torch.Generator | None) -> None:
        """Bring a batch in from outside, corrupted where the objective does so."""
        named = program.bind(each)[0]
        x = named["rows"].view(-1, *rows.shape)
        mask = torch.empty(x.shape, dtype=torch.bool, device=x.device) if rows.has_mask else None
        batch = rows.take(index, Prepared(x, mask))
        if program.written.seen is not None and batch.mask is not None:
            seen = named[program.written.seen]
            seen.copy_(batch.mask.view(seen.shape))
        if generator is not None:
            # While they are measured, all networks see the same.
            buffers = named[program.written.given]
            for given in buffers if program is self._training else [buffers]:
                corrupted = self.objective.corrupt(batch.x.clone(), batch.mask, generator)
                given.copy_(corrupted.reshape(each, -1))
