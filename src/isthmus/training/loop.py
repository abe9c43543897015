"""The training loop: epochs over resident rows, best weights kept, interrupts and non-finite losses survived."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from isthmus.data import Rows
from isthmus.exceptions import TrainingError
from isthmus.training.callbacks import Callback
from isthmus.training.checkpoints import Checkpoints
from isthmus.training.gradients import layer_norms
from isthmus.training.plan import Plan
from isthmus.training.state import TrainingState
from isthmus.training.step import RECONSTRUCTION, Step

TOTAL = "total"
#: Steps between two looks at whether the losses are finite.
CHECK_EVERY = 100
#: Training rows, spread evenly, on which a loss is read where all of them would take long.
SOME = 4096
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
    step : Step
    train : Rows
    validation : Rows or None
        The best weights are those with the least validation loss; without it, the least training loss.
    plan : Plan
    state : TrainingState
    callbacks : sequence of Callback
    checkpoints : Checkpoints, optional
    about : mapping, optional
        Parameters and what was chosen, for the callbacks.
    """

    def __init__(
        self,
        step: Step,
        train: Rows,
        validation: Rows | None,
        plan: Plan,
        state: TrainingState,
        callbacks: Sequence[Callback] = (),
        checkpoints: Checkpoints | None = None,
        about: Mapping[str, Any] | None = None,
    ):
        self.step = step
        self.train = train
        self.validation = validation
        self.plan = plan
        self.state = state
        self.callbacks = callbacks
        self.checkpoints = checkpoints
        self.about = about or {}
        self.parameters = [p for p in step.network.parameters() if p.requires_grad]

    def run(self, begin: bool = True, choose: bool = True) -> TrainingState:
        """Train to the end, to patience, or to an interrupt; the network then holds the best weights.

        Without `begin` the starting point is not looked at: the state is that of training under way. Without `choose`
        it is no candidate.
        """
        state = self.state
        with _seeded(self.plan.seed):
            resumed = self.checkpoints is not None and self.checkpoints.resume(state)
            context = {**self.about, "max_epochs": self.plan.max_epochs, "epoch": state.epoch}
            for callback in self.callbacks:
                callback.on_fit_start(context)
            try:
                if begin and not resumed:
                    self._begin()
                self._good = state.snapshot()
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
        state.network.load_state_dict(state.best)
        if choose and self.step.objective.is_plain():
            self._choose()
        state.network.eval()
        return state

    @torch.no_grad()
    def _choose(self) -> None:
        """Return to the starting point if the best weights do not beat it clearly."""
        state = self.state
        if self.validation is None or state.best_epoch == 0:
            return
        state.network.eval()
        ours = self._row_losses(self.validation)
        state.network.load_state_dict(state.start)
        gain = self._row_losses(self.validation) - ours
        if _is_clear(gain):
            state.network.load_state_dict(state.best)
        else:
            state.best, state.best_epoch = state.start, 0

    def _row_losses(self, rows: Rows) -> Tensor:
        batches = (rows.take(index) for index in torch.arange(len(rows)).split(1024))
        return torch.cat([self.step.row_losses(batch.x, batch.mask) for batch in batches])

    def _begin(self) -> None:
        """Look at the starting point: it is a candidate for the best weights."""
        start = time.perf_counter()
        validation = self._validate()
        parts = self._evaluate(self.train, limit=SOME)
        if not math.isfinite(parts[TOTAL]):
            raise TrainingError(
                "The loss is not finite before the first step: the network, or an objective, gives NaN or inf on "
                "these data. Check an own network or objective, or set scaling='standard'."
            )
        self.state.keep_best(self._judge(validation))
        self.state.start = self.state.best
        if not self.step.objective.is_plain():
            self.state.best_loss = math.inf
        self._record(parts, validation, start)

    def _one_epoch(self) -> None:
        state, plan = self.state, self.plan
        start = time.perf_counter()
        if self._is_boundary():
            self._good = state.snapshot()
        state.network.train()
        parts = self._steps()
        state.network.eval()
        state.epoch += 1
        state.gradients.append(self._norms)
        validation = self._validate()
        if self.plan.constant_rate:
            state.keep_best(parts[TOTAL])
        elif (judged := self._judge(validation)) < state.best_loss * (1 - 1e-6) - 1e-12:
            state.keep_best(judged)
        record = self._record(parts, validation, start)
        asked = [callback.on_epoch_end(record) is True for callback in self.callbacks]
        waited = state.epoch - state.best_epoch
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

    def _steps(self) -> dict[str, float]:
        """One pass over the training rows; losses are read back from the device every CHECK_EVERY steps alone."""
        plan, state = self.plan, self.state
        order = torch.randperm(len(self.train), generator=state.generator)
        batches = order.tensor_split(plan.steps_per_epoch)
        totals: dict[str, float] = {}
        kept = 0
        sums: dict[str, Tensor] = {}
        since = 0
        for i, batch in enumerate(batches):
            last = i == plan.steps_per_epoch - 1
            self._one_step(batch, sums, record_norms=last)
            since += 1
            if since < CHECK_EVERY and not last:
                continue
            read = {name: float(value) for name, value in sums.items()}
            if all(map(math.isfinite, read.values())):
                totals = {name: totals.get(name, 0.0) + value for name, value in read.items()}
                kept += since
                if not last:
                    self._good = state.snapshot()
            else:
                self._step_back()
            sums, since = {}, 0
        if not kept:
            return {TOTAL: math.nan, RECONSTRUCTION: math.nan}
        return {name: value / kept for name, value in totals.items() if name != "gradient_norm"}

    def _one_step(self, index: Tensor, sums: dict[str, Tensor], record_norms: bool) -> None:
        plan, state = self.plan, self.state
        batch = self.train.take(index)
        rate = plan.rate(state.step) * state.rate_factor
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        state.optimizer.zero_grad(set_to_none=True)
        total, parts = self.step(batch.x, batch.mask, state.generator)
        total.backward()
        if record_norms:
            self._norms = layer_norms(state.network)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, plan.clip_norm)
        state.optimizer.step()
        state.step += 1
        _add(sums, {TOTAL: total, "gradient_norm": norm, **parts})

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
        state.roll_back(self._good)
        state.rate_factor *= ROLLBACK_RATE
        _warn(
            f"The loss was not finite in {where}: went back to the last good step and lowered the learning rate "
            f"to {self.plan.learning_rate * state.rate_factor:.2g}."
        )

    def _judge(self, validation: float) -> float:
        """Loss by which the weights as they are now are judged: without held-out rows, that of training rows."""
        return self._evaluate(self.train, limit=SOME)[TOTAL] if self.validation is None else validation

    def _validate(self) -> float:
        return math.nan if self.validation is None else self._evaluate(self.validation)[TOTAL]

    @torch.no_grad()
    def _evaluate(self, rows: Rows, limit: int | None = None) -> dict[str, float]:
        """Mean losses over rows, as at inference: no corruption, no dropout."""
        chosen = evenly(len(rows), limit)
        n = len(chosen)
        block = min(n, max(1024, self.plan.batch_size))
        sums: dict[str, Tensor] = {}
        for index in chosen.split(block):
            batch = rows.take(index)
            total, parts = self.step(batch.x, batch.mask)
            _add(sums, {TOTAL: total, **parts}, len(index))
        return {name: float(value) / n for name, value in sums.items()}

    def _record(self, parts: dict[str, float], validation: float, start: float) -> dict[str, float]:
        state = self.state
        state.seconds += time.perf_counter() - start
        terms = {name: value for name, value in parts.items() if name != TOTAL}
        record = {
            "epoch": state.epoch,
            "train_loss": parts[TOTAL],
            "validation_loss": validation,
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


def evenly(n: int, limit: int | None) -> Tensor:
    """Numbers of all of n rows, or of `limit` of them spread evenly: rows often come sorted."""
    if limit is None or n <= limit:
        return torch.arange(n)
    return torch.linspace(0, n - 1, limit, dtype=torch.float64).round().long()


def _add(sums: dict[str, Tensor], values: dict[str, Tensor], weight: int = 1) -> None:
    """Add values to their sums, on the device."""
    for name, value in values.items():
        value = value.detach() * weight
        sums[name] = sums[name] + value if name in sums else value


@contextmanager
def _seeded(seed: int):
    """Seed torch's own generator (dropout draws from it) and give the caller's back afterwards."""
    before = torch.get_rng_state()
    on_gpu = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    torch.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before)
        if on_gpu:
            torch.cuda.set_rng_state_all(on_gpu)


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=4)
