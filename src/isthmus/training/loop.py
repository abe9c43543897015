"""The training loop: epochs over resident rows, best weights kept, interrupts and non-finite losses survived."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from isthmus.data import Rows
from isthmus.exceptions import TrainingError
from isthmus.training.bucketing import Dealer, lengths_of
from isthmus.training.callbacks import Callback
from isthmus.training.checkpoints import Checkpoints
from isthmus.training.drawing import seeded
from isthmus.training.eager import NORM, TOTAL, Steps, add
from isthmus.training.gradients import layer_norms
from isthmus.training.plan import Plan
from isthmus.training.split import evenly
from isthmus.training.state import TrainingState
from isthmus.training.step import RECONSTRUCTION, Step

#: Steps between two looks at whether the losses are finite; on an accelerator, which they would keep waiting, once an
#: epoch.
CHECK_EVERY = 100
#: Share of the training rows that each of several networks learns from.
SHARE = 0.9
#: Training rows, spread evenly, on which a loss is read where all of them would take long: one in 64, within bounds.
FEWEST, MOST, ONE_IN = 1024, 4096, 64
#: Standard errors by which the best weights must beat the starting point.
CLEARLY = 2.0
#: The same for the number of rows that it makes better, where a few extreme ones blur the mean.
MOST_ROWS = 4.0
#: Times that training steps back before it gives up, and what the rate is multiplied by each time.
MOST_ROLLBACKS, ROLLBACK_RATE = 3, 0.3


class Loop:
    """One run of training.

    Parameters
    ----------
    steps : Steps
        Takes the steps, of all networks at once.
    single : sequence of Step
        The step of each network alone.
    train : Rows
    validation : Rows or None
        The best weights are those with the least validation loss; without it, the least training loss.
    plan : Plan
    state : TrainingState
    callbacks : sequence of Callback
    checkpoints : Checkpoints, optional
    about : mapping, optional
        Parameters and what was chosen, for the callbacks.
    draws : bool, default=True
        Whether training may draw from torch's own generator, as dropout does.
    """

    def __init__(
        self,
        steps: Steps,
        single: Sequence[Step],
        train: Rows,
        validation: Rows | None,
        plan: Plan,
        state: TrainingState,
        callbacks: Sequence[Callback] = (),
        checkpoints: Checkpoints | None = None,
        about: Mapping[str, Any] | None = None,
        draws: bool = True,
    ):
        self.steps = steps
        self.single = list(single)
        self.train = train
        self.validation = validation
        self.plan = plan
        self.state = state
        self.callbacks = callbacks
        self.checkpoints = checkpoints
        self.about = about or {}
        # A checkpoint brings the state of torch's own generator with it.
        self.draws = draws or checkpoints is not None
        on_cpu = state.weights.values.device.type == "cpu"
        self.block = CHECK_EVERY if on_cpu else plan.steps_per_epoch
        self.deal = Dealer(plan.steps_per_epoch, lengths_of(train))
        self.sample = draw_sample(len(train), len(self.single), plan.seed, state.weights.values)

    @property
    def _is_plain(self) -> bool:
        return self.single[0].objective.is_plain()

    def _mode(self, training: bool) -> None:
        for network in self.state.weights.networks:
            network.train(training)

    def run(self, begin: bool = True, choose: bool = True) -> TrainingState:
        """Train to the end, to patience, or to an interrupt; the network then holds the best weights.

        Without `begin` the starting point is not looked at: the state is that of training under way. Without `choose`
        it is no candidate.
        """
        state = self.state
        with seeded(self.plan.seed) if self.draws else nullcontext():
            resumed = self.checkpoints is not None and self.checkpoints.resume(state)
            context = {**self.about, "max_epochs": self.plan.max_epochs, "epoch": state.epoch}
            for callback in self.callbacks:
                callback.on_fit_start(context)
            try:
                if begin and not resumed:
                    self._begin()
                self._good = state.weights.snapshot()
                if state.epoch >= self.plan.max_epochs and not state.finished:
                    state.finished = "max_epochs"
                while not state.finished:
                    self._one_epoch()
            except KeyboardInterrupt:
                if not state.best:
                    raise
                state.finished = "interrupted"
                _warn(f"Training was interrupted in epoch {state.epoch + 1}; the best weights so far are kept.")
            finally:
                for callback in self.callbacks:
                    callback.on_fit_end({"epoch": state.epoch, "stopped": state.finished})
        self._mode(training=False)
        state.weights.load(state.best)
        if choose and self._is_plain:
            self._choose()
            state.weights.load(state.best)
        return state

    @torch.no_grad()
    def _choose(self) -> None:
        """Return to the starting point if the best weights do not beat it clearly."""
        state = self.state
        if self.validation is None or not any(state.best_epochs):
            return
        ours = self._row_losses(self.validation)
        state.weights.load(state.start)
        gains = self._row_losses(self.validation) - ours
        state.return_to_start([not _is_clear(gain) for gain in gains])

    def _row_losses(self, rows: Rows) -> Tensor:
        """Losses of each row by each network: (K, n)."""
        blocks = []
        for index in torch.arange(len(rows)).split(1024):
            batch = rows.take(index)
            blocks.append(torch.stack([step.row_losses(batch.x, batch.mask) for step in self.single]))
        return torch.cat(blocks, 1)

    def _begin(self) -> None:
        """Look at the starting point: it is a candidate for the best weights."""
        start = time.perf_counter()
        self._mode(training=False)
        validation = self._validate()
        parts = self._evaluate(self.train, limit=some(len(self.train)))
        if not torch.isfinite(parts[TOTAL]).all():
            raise TrainingError(
                "The loss is not finite before the first step: the network, or an objective, gives NaN or inf on "
                "these data. Check an own network or objective, or set scaling='standard'."
            )
        first = self.train.take(torch.arange(min(2, len(self.train))))
        for step in self.single:
            step.check_encode(first.x, first.mask)
        losses = (parts[TOTAL] if self.validation is None else validation).tolist()
        self.state.start_losses = losses
        self.state.keep_best(losses, [True] * len(losses))
        self.state.start = self.state.best
        if not self._is_plain:
            self.state.best_losses = [math.inf] * len(losses)
        self._record(parts, validation, start)

    def _one_epoch(self) -> None:
        state, plan = self.state, self.plan
        start = time.perf_counter()
        if self._is_boundary():
            self._good = state.weights.snapshot()
        self._mode(training=True)
        parts = self._steps()
        self._mode(training=False)
        state.epoch += 1
        state.gradients.append(self._norms)
        validation = self._validate()
        if self.plan.constant_rate:
            state.keep_best(parts[TOTAL].tolist(), [True] * len(self.single))
        else:
            judged = self._judge(validation).tolist()
            better = [new + 1e-6 * abs(new) + 1e-12 < old for new, old in zip(judged, state.best_losses, strict=True)]
            if any(better):
                state.keep_best(judged, better)
        record = self._record(parts, validation, start)
        asked = [callback.on_epoch_end(record) is True for callback in self.callbacks]
        settled = math.ceil(self.single[0].objective.settles * plan.max_epochs)
        waited = state.epoch - max(settled, *state.best_epochs)
        if any(asked):
            state.finished = "callback"
        elif state.epoch >= plan.max_epochs:
            state.finished = "max_epochs"
        elif plan.patience is not None and self.validation is not None and waited >= plan.patience:
            state.finished = "patience"
        if self.checkpoints is not None and (state.finished or self._is_boundary()):
            self.checkpoints.write_if_due(state)

    def _is_boundary(self) -> bool:
        """Whether training may step back to the end of this epoch, and be taken up from there.

        The epochs are the same in every run, so that one that was taken up steps back as one that never stopped.
        """
        if self.checkpoints is not None and self.checkpoints.every_seconds is None:
            return self.state.epoch % self.checkpoints.every_epochs == 0
        return self.state.epoch % math.ceil(CHECK_EVERY / self.plan.steps_per_epoch) == 0

    def _steps(self) -> dict[str, Tensor]:
        """One pass over the training rows; losses are read back from the device after each block of steps alone.

        Gives the mean of the total loss, and of its parts, for each network.
        """
        plan, state = self.plan, self.state
        order = torch.randperm(len(self.train), generator=state.generator).to(state.weights.values.device)
        batches = self.deal(order, state.generator)
        totals: dict[str, Tensor] = {}
        kept = 0
        self._norms: dict[str, float] = {}
        for first in range(0, len(batches), self.block):
            block = batches[first : first + self.block]
            last = first + len(block) == len(batches)
            rates = [plan.rate(state.step + i) * state.rate_factor for i in range(len(block))]
            progress = [plan.progress(state.step + i) for i in range(len(block))]
            sums = self.steps.train(self.train, block, rates, progress, self.sample)
            state.step += len(block)
            if last:
                self._norms = layer_norms(state.weights)
            read = dict(zip(sums, torch.stack(list(sums.values())).double().cpu(), strict=True))
            if all(bool(value.isfinite().all()) for value in read.values()):
                totals = {name: totals.get(name, 0.0) + value for name, value in read.items() if name != NORM}
                kept += len(block)
                if not last:
                    self._good = state.weights.snapshot()
            else:
                self._step_back()
        if not kept:
            nothing = torch.full((len(self.single),), math.nan, dtype=torch.float64)
            return {TOTAL: nothing, RECONSTRUCTION: nothing}
        return {name: value / kept for name, value in totals.items()}

    def _step_back(self) -> None:
        state = self.state
        state.rollbacks += 1
        where = f"epoch {state.epoch + 1}, by step {state.step}"
        if state.rollbacks > MOST_ROLLBACKS:
            raise TrainingError(
                f"The loss was not finite in {where}, for the {state.rollbacks}th time, although the learning rate "
                f"was lowered to {self.plan.learning_rate * state.rate_factor:.2g}. Give a smaller learning_rate "
                f"(it began at {self.plan.learning_rate:.2g}), scaling='standard' or 'quantile', or look for "
                "extreme values in the data."
            )
        state.weights.roll_back(self._good)
        state.rate_factor *= ROLLBACK_RATE
        _warn(
            f"The loss was not finite in {where}: went back to the last good step and lowered the learning rate "
            f"to {self.plan.learning_rate * state.rate_factor:.2g}."
        )

    def _judge(self, validation: Tensor) -> Tensor:
        """Loss by which the weights as they are now are judged: without held-out rows, that of training rows."""
        return self._evaluate(self.train, limit=some(len(self.train)))[TOTAL] if self.validation is None else validation

    def _validate(self) -> Tensor:
        return torch.tensor(math.nan) if self.validation is None else self._evaluate(self.validation)[TOTAL]

    def _evaluate(self, rows: Rows, limit: int | None = None) -> dict[str, Tensor]:
        """Mean losses of each network over rows, without dropout, always with the same corruption."""
        chosen = evenly(len(rows), limit)
        block = min(len(chosen), max(1024, self.plan.batch_size))
        sums: dict[str, Tensor] = {}
        for index in chosen.split(block):
            add(sums, self.steps.evaluate(rows, index), len(index) / len(chosen))
        return {name: value.double().cpu() for name, value in sums.items()}

    def _record(self, parts: dict[str, Tensor], validation: Tensor, start: float) -> dict[str, float]:
        state = self.state
        state.seconds += time.perf_counter() - start
        means = {name: float(value.mean()) for name, value in parts.items() if name != NORM}
        terms = {name: value for name, value in means.items() if name != TOTAL}
        record = {
            "epoch": state.epoch,
            "train_loss": means[TOTAL],
            "validation_loss": float(validation.mean()),
            "learning_rate": self.plan.rate(state.step - 1) * state.rate_factor if state.step else 0.0,
            "seconds": state.seconds,
            # Alone, the reconstruction is the training loss itself.
            **(terms if len(terms) > 1 else {}),
        }
        state.records.append(record)
        return record


def _is_clear(gain: Tensor) -> bool:
    """Whether rows gain on average, and by more than chance: in their mean, or, with heavy tails, in their number."""
    n = len(gain)
    error = float(gain.std()) / n**0.5 if n > 1 else 0.0
    more_than_half = float((gain > 0).sum()) - n / 2
    mean = float(gain.mean())
    return mean > 0 and (mean > CLEARLY * error or more_than_half > MOST_ROWS * n**0.5 / 2)


def some(n: int) -> int:
    """Count the rows that stand for n in a glance at the training loss."""
    return min(MOST, max(FEWEST, n // ONE_IN))


def draw_sample(n: int, members: int, seed: int, like: Tensor) -> Tensor | None:
    """Draw the rows that each of several networks learns from: (n, K) of ones and zeros; None for a single network."""
    if members == 1:
        return None
    generator = torch.Generator().manual_seed(seed)
    sample = torch.zeros(n, members)
    for j in range(members):
        sample[torch.randperm(n, generator=generator)[: math.ceil(SHARE * n)], j] = 1.0
    return sample.to(like)


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=4)
