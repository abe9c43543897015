"""Training a model: what takes its steps, on how many threads, and the run from start to end."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from isthmus.data import Rows
from isthmus.networks import Members, each_of
from isthmus.training.callbacks import Callback
from isthmus.training.checkpoints import Checkpoints
from isthmus.training.eager import EagerSteps, Steps
from isthmus.training.fit import Model
from isthmus.training.fused import FusedSteps, Unsupported
from isthmus.training.graphs import GraphSteps
from isthmus.training.loop import Loop
from isthmus.training.plan import Plan
from isthmus.training.setup import OWN
from isthmus.training.state import TrainingState
from isthmus.training.step import Step
from isthmus.training.threads import threads_for, work_per_row
from isthmus.training.weights import FlatWeights

logger = logging.getLogger(__name__)


def run(
    model: Model,
    plan: Plan,
    train: Rows,
    validation: Rows | None,
    callbacks: Sequence[Callback] = (),
    checkpoints: Checkpoints | None = None,
    about: Mapping[str, Any] | None = None,
) -> TrainingState:
    """Train a model to the end of its plan; callbacks are told what it is `about`."""
    with state_of(model, plan.seed) as state, prepared_processor(model, plan):
        loop = make_loop(model, plan, train, validation, state, callbacks, checkpoints, about)
        loop.run()
    return state


@contextmanager
def state_of(model: Model, seed: int) -> Iterator[TrainingState]:
    """Begin the state of a run; at its end the networks have weights of their own again."""
    weights = FlatWeights(each_of(model.network))
    state = TrainingState(weights, torch.Generator().manual_seed(seed))
    try:
        yield state
    finally:
        weights.release()
        if isinstance(model.network, Members):
            model.network.best = state.best_member


@contextmanager
def prepared_processor(model: Model, plan: Plan) -> Iterator[None]:
    """Choose the threads by the work of a step, and take numbers too small for full speed as 0."""
    members = model.architecture.members
    work = 3 * plan.batch_size * members * work_per_row(model.network, model.architecture.shape).products
    # A subnormal number that is doubled stays one, and is lost where they are flushed already.
    flushed = float(torch.tensor(1e-310, dtype=torch.float64) * 2) == 0.0
    with threads_for(work):
        torch.set_flush_denormal(True)
        try:
            yield
        finally:
            torch.set_flush_denormal(flushed)


def make_loop(
    model: Model,
    plan: Plan,
    train: Rows,
    validation: Rows | None,
    state: TrainingState,
    callbacks: Sequence[Callback] = (),
    checkpoints: Checkpoints | None = None,
    about: Mapping[str, Any] | None = None,
) -> Loop:
    """Put the loop over a model's steps together."""
    architecture = model.architecture
    how = (model.objective, model.loss, model.precision, architecture.latent_dim)
    single = [Step(network, *how) for network in each_of(model.network)]
    steps = make_steps(model, single, plan, state, train)
    draws = (
        architecture.network == OWN
        or bool(architecture.dropout or architecture.options)
        or not model.objective.is_plain()
    )
    return Loop(steps, single, train, validation, plan, state, callbacks, checkpoints, about, draws)


def make_steps(model: Model, single: Sequence[Step], plan: Plan, state: TrainingState, rows: Rows) -> Steps:
    """Choose what takes the steps: written out where that covers the model, else by autograd, captured on a GPU."""
    how = (state.noise, plan.weight_decay, plan.clip_norm)
    if model.precision != "bf16" and model.device.type == "cpu":
        try:
            return FusedSteps(each_of(model.network), state.weights, model.objective, model.loss, rows, *how)
        except Unsupported as why:
            logger.debug("Trained by autograd: %s", why or "a part of the step is not written out")
    steps = EagerSteps(single, state.weights, *how)
    return GraphSteps(steps) if model.device.type == "cuda" else steps
