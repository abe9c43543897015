"""Training in pieces: one pass at a time, the optimiser's memory kept between them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from isthmus.data import Rows
from isthmus.training.fit import Model
from isthmus.training.loop import Loop
from isthmus.training.plan import Plan
from isthmus.training.state import TrainingState, make_optimizer
from isthmus.training.step import Step
from isthmus.training.threads import threads_for, work_per_row


class PartialFit:
    """What one call of `partial_fit` leaves for the next: the optimiser's memory and the record."""

    def __init__(self) -> None:
        self._tensors: dict[str, torch.Tensor] = {}
        self._counters: dict[str, Any] = {}

    def one_pass(self, model: Model, rows: Rows, plan: Plan) -> TrainingState:
        """Train on the rows once; the network then holds the weights of the end of the pass.

        Parameters
        ----------
        model : Model
        rows : Rows
        plan : Plan
            Batch, rate and decay; the rate stays at its peak after the warm-up.
        """
        with torch.random.fork_rng(devices=[]):
            state = TrainingState(
                model.network, make_optimizer(model.network, plan), torch.Generator().manual_seed(plan.seed)
            )
            if self._tensors:
                state.restore(self._tensors, self._counters)
            plan = replace(
                plan, patience=None, constant_rate=True, max_epochs=state.epoch + 1, seed=plan.seed + state.epoch
            )
            step = Step(model.network, model.objective, model.loss, model.precision)
            loop = Loop(step, rows, None, plan, state)
            state.finished = ""
            with threads_for(3 * plan.batch_size * work_per_row(model.network, model.architecture.shape).products):
                loop.run(begin=not self._tensors, choose=False)
            self._tensors, self._counters = state.tensors(), state.counters()
        return state
