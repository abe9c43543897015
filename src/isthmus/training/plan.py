"""What training does when a person does not say: batch, epochs, rate, patience, from the size of the data."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Steps that 4,000 rows get; the number grows as the rows to the power 0.4, within bounds.
STEPS, ROWS, POWER = 3000, 4000, 0.4
FEWEST_STEPS, MOST_STEPS = 300, 20_000


@dataclass(frozen=True)
class Plan:
    """Everything that one run of training needs to know.

    Parameters
    ----------
    batch_size : int
        Rows a step.
    max_epochs : int
        Passes over the training rows.
    learning_rate : float
        Peak rate, reached after the warm-up.
    weight_decay : float
        Decoupled decay of the weights (not of biases, normalisation or the linear path).
    patience : int or None
        Epochs without improvement of the validation loss after which training stops; None: never.
    warmup_steps : int
        Steps over which the rate rises linearly.
    clip_norm : float
        Largest norm of the gradient.
    seed : int
        Of the shuffling, the corruption and the dropout.
    steps_per_epoch : int
        Batches that the training rows are dealt into, of sizes that differ by one at most.
    constant_rate : bool, default=False
        Whether the rate stays at its peak instead of falling.
    """

    batch_size: int
    max_epochs: int
    learning_rate: float
    weight_decay: float
    patience: int | None
    warmup_steps: int
    clip_norm: float
    seed: int
    steps_per_epoch: int
    constant_rate: bool = False

    @property
    def total_steps(self) -> int:
        """Steps of a run that is not stopped early."""
        return self.max_epochs * self.steps_per_epoch

    def progress(self, step: int) -> float:
        """Share of the run that is over at a step; 1 where the run has no end."""
        return 1.0 if self.constant_rate else step / max(1, self.total_steps)

    def rate(self, step: int) -> float:
        """Learning rate at a step, counted from 0: linear warm-up, then a cosine down to 1 % of the peak."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        if self.constant_rate:
            return self.learning_rate
        rest = max(1, self.total_steps - self.warmup_steps)
        progress = min(1.0, (step - self.warmup_steps) / rest)
        return self.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def default_batch_size(n_rows: int) -> int:
    """Power of two that grows slowly with the rows: 128 up to 50,000, 1,024 from about 5 million."""
    doublings = math.log2(max(1.0, n_rows / 50_000)) / 2
    return int(min(1024, 128 * 2 ** round(doublings)))


def default_weight_decay(n_rows: int) -> float:
    """More decay for fewer rows: 0.01 from 10,000 rows on, 1 up to 100."""
    return 0.01 * max(1.0, min(100.0, 10_000 / n_rows))


def make_plan(
    n_rows: int,
    *,
    batch_size: int | str,
    max_epochs: int | str,
    learning_rate: float | str,
    weight_decay: float | str,
    patience: int | str | None,
    seed: int,
    default_rate: float,
    share_of_steps: float = 1.0,
) -> Plan:
    """Fill in what is "auto".

    Parameters
    ----------
    n_rows : int
        Training rows, those held out not counted.
    default_rate : float
        Rate that suits the network at a batch of 128; larger batches raise it by the square root.
    share_of_steps : float, default=1.0
        Share of the usual number of steps that the network needs.
    """
    batch = default_batch_size(n_rows) if batch_size == "auto" else int(batch_size)
    batch = min(batch, n_rows)
    per_epoch = math.ceil(n_rows / batch)
    if max_epochs == "auto":
        steps = share_of_steps * min(MOST_STEPS, max(FEWEST_STEPS, STEPS * (n_rows / ROWS) ** POWER))
        epochs = max(2, math.ceil(steps / per_epoch))
    else:
        epochs = int(max_epochs)
    rate = default_rate * max(1.0, (batch / 128) ** 0.5) if learning_rate == "auto" else float(learning_rate)
    if patience == "auto":
        patience = max(10, math.ceil(0.15 * epochs))
    return Plan(
        batch_size=batch,
        max_epochs=epochs,
        learning_rate=rate,
        weight_decay=default_weight_decay(n_rows) if weight_decay == "auto" else float(weight_decay),
        patience=None if patience is None else int(patience),
        warmup_steps=max(1, min(100, epochs * per_epoch // 4)),
        clip_norm=1.0,
        seed=seed,
        steps_per_epoch=per_epoch,
    )
