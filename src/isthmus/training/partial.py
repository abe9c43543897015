"""Training in pieces: one pass at a time, the optimiser's memory kept between them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from isthmus.data import Rows
from isthmus.training.drawing import seeded
from isthmus.training.engine import make_loop, prepared_processor, state_of
from isthmus.training.fit import Model
from isthmus.training.plan import Plan
from isthmus.training.state import TrainingState


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
        with (
            seeded(plan.seed),
            state_of(model, plan.seed) as state,
            prepared_processor(model, plan),
        ):
            if self._tensors:
                state.restore(self._tensors, self._counters)
            plan = replace(
                plan, patience=None, constant_rate=True, max_epochs=state.epoch + 1, seed=plan.seed + state.epoch
            )
            state.finished = ""
            make_loop(model, plan, rows, None, state).run(begin=not self._tensors, choose=False)
            self._tensors, self._counters = state.tensors(), state.counters()
        return state
