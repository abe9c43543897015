"""Training in pieces: one pass at a time, the optimiser's memory kept between them."""

from __future__ import annotations

import math
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
    """What one call of `partial_fit` leaves for the next.

    Parameters
    ----------
    plan : Plan
        Batch, rate and decay; the rate stays at its peak after the warm-up.
    """

    def __init__(self, plan: Plan):
        self.plan = replace(plan, patience=None, constant_rate=True)
        self._tensors: dict[str, torch.Tensor] = {}
        self._counters: dict[str, Any] = {}

    def one_pass(self, model: Model, rows: Rows) -> TrainingState:
        """Train on the rows once; the network then holds the weights of the end of the pass."""
        batch = min(self.plan.batch_size, len(rows))
        plan = replace(self.plan, batch_size=batch, steps_per_epoch=max(1, len(rows) // batch))
        generator = torch.Generator().manual_seed(plan.seed)
        state = TrainingState(model.network, make_optimizer(model.network, plan), generator)
        if self._tensors:
            state.restore(self._tensors, self._counters)
        plan = replace(plan, max_epochs=state.epoch + 1)
        state.finished, state.best_loss = "", math.inf
        step = Step(model.network, model.objective, model.loss, model.precision)
        with threads_for(3 * batch * work_per_row(model.network, model.architecture.shape)):
            Loop(step, rows, None, plan, state).run(begin=not self._tensors)
        self._tensors, self._counters = state.tensors(), state.counters()
        return state
