"""Training a network that restores: what comes out has the shape of what goes in, and there is no code.

The loop of `isthmus.training.loop` is for networks of an encoder and a decoder on rows of one shape, all in memory.
This one is for crops of pictures and signals of any sizes; what is learnt is a loss that the job gives.
"""

from __future__ import annotations

import copy
import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from isthmus.exceptions import ModelFileError, TrainingError
from isthmus.storage import read_checkpoint, write_checkpoint
from isthmus.training.callbacks import Callback
from isthmus.training.crops import Planes
from isthmus.training.tiles import in_precision

#: Crops in a batch, the largest learning rate, and the steps in which it is reached: a tenth of them at most.
BATCH, RATE, WARM_UP = 16, 2.5e-3, 100
#: Norm that the gradient is clipped to.
CLIP = 1.0
#: Decay of the running average of the weights, which is what is kept.
AVERAGE = 0.995
#: Steps between two looks at the loss on held-out crops, how many looks at most, and batches at each.
LOOK_EVERY, MOST_LOOKS, BATCHES_JUDGED = 50, 40, 4
#: Training goes on from its last look with half the rate, so often at most, after a loss that is not finite or that is
#: worse than that of the first stretch by so many times its size.
MOST_RETURNS, WORSE = 6, 1.0
#: Loss that is none: there is nothing to be learnt.
LEAST = 1e-6

#: Mean loss of a batch: the network, its products in the precision of training; planes and a generator on the device.
LossOf = Callable[[Callable[[Tensor], Tensor], Planes, torch.Generator], Tensor]


class Batches(Protocol):
    """What draws batches: `isthmus.training.crops.Crops` does."""

    generator: torch.Generator

    def draw(self, n: int) -> Planes:
        """Draw n items."""
        ...


@dataclass(frozen=True)
class Schedule:
    """How long and how to train.

    Parameters
    ----------
    steps : int
    seconds : float, default=inf
        Training ends at this time if the steps are not over; the learning rate goes by whichever comes first.
    batch : int, default=16
    rate : float, default=2.5e-3
    precision : {"float32", "bf16"}, default="float32"
        Of the products in convolutions; weights and losses are of 32 bits.
    seed : int, default=0
    checkpoint : str or path, optional
        Folder for the state of training, written at each look, which a fit with the same `fingerprint` goes on from.
    fingerprint : dict
        What is trained on what: a checkpoint of something else is refused.
    """

    steps: int
    seconds: float = math.inf
    batch: int = BATCH
    rate: float = RATE
    precision: str = "float32"
    seed: int = 0
    checkpoint: str | PathLike[str] | None = None
    fingerprint: dict[str, Any] = field(default_factory=dict)

    @property
    def look_every(self) -> int:
        """Steps between two looks at the loss on held-out crops."""
        return max(LOOK_EVERY, -(-self.steps // MOST_LOOKS))


class Restoring:
    """One run of training, in place: the network ends with the running average of its weights.

    Parameters
    ----------
    network : nn.Module
        On its device.
    crops : Crops, or anything else that draws batches
    held : the same, or None
        Of items held out, drawn from once; without them the loss is not judged.
    loss : callable
    schedule : Schedule
    callbacks : sequence of Callback
        Told of each look as of an epoch.
    """

    def __init__(
        self,
        network: nn.Module,
        crops: Batches,
        held: Batches | None,
        loss: LossOf,
        schedule: Schedule,
        callbacks: Sequence[Callback] = (),
    ):
        self.network, self.crops, self.loss, self.schedule, self.callbacks = network, crops, loss, schedule, callbacks
        self.device = next(network.parameters()).device
        self.average = copy.deepcopy(network)
        self.optimizer = torch.optim.AdamW(
            network.parameters(), lr=schedule.rate, weight_decay=0.0, fused=self.device.type != "mps"
        )
        self.noise = torch.Generator(self.device).manual_seed(schedule.seed)
        self.judged = [] if held is None else [held.draw(schedule.batch) for _ in range(BATCHES_JUDGED)]
        self.history: dict[str, list[float]] = {}
        self.step, self.seconds, self.factor, self.returns = 0, 0.0, 1.0, 0

    def run(self) -> dict[str, list[float]]:
        """Train; give "epoch" (the look), "step", "train_loss", "validation_loss", "learning_rate" and "seconds"."""
        schedule = self.schedule
        self._resume()
        self._kept = self._state()
        stopped, looks = "", -(-schedule.steps // schedule.look_every)
        for callback in self.callbacks:
            callback.on_fit_start({"max_epochs": looks, "epoch": self.step // schedule.look_every})
        try:
            while not stopped:
                if self.step >= schedule.steps:
                    stopped = "max_steps"
                elif self.seconds >= schedule.seconds:
                    stopped = "max_minutes"
                elif self._stretch():
                    stopped = "callback"
        except KeyboardInterrupt:
            if not self.history:
                raise
            stopped = "interrupted"
            warnings.warn(
                f"Training was interrupted at step {self.step} of {schedule.steps}; what was learnt so far is kept.",
                RuntimeWarning,
                stacklevel=2,
            )
        finally:
            for callback in self.callbacks:
                callback.on_fit_end({"epoch": len(self.history.get("epoch", ())), "stopped": stopped})
        self.network.load_state_dict(self.average.state_dict())
        self.network.eval()
        return self.history

    # --- Parts

    def _stretch(self) -> bool:
        """Train up to the next look, and look; True where a callback asks to stop."""
        schedule, began, before = self.schedule, time.perf_counter(), self.seconds
        # Nothing is read back from the device inside a stretch.
        self.network.train()
        losses = []
        while len(losses) < schedule.look_every and self.step < schedule.steps:
            losses.append(self._one_step())
            self.seconds = before + time.perf_counter() - began
            if self.seconds >= min(schedule.seconds, before + schedule.seconds / MOST_LOOKS):
                break
        total = float(torch.stack(losses).mean())
        start = self.history["train_loss"][0] if self.history else math.inf
        if not total <= start + WORSE * abs(start) + LEAST:
            self._return()
            return False
        record = {
            "epoch": len(self.history.get("epoch", ())) + 1,
            "step": self.step,
            "train_loss": total,
            "validation_loss": self._judge(),
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "seconds": self.seconds,
        }
        for name, value in record.items():
            self.history.setdefault(name, []).append(value)
        self._kept = self._state()
        self._write()
        told = [callback.on_epoch_end(record) for callback in self.callbacks]
        return any(told)

    def _one_step(self) -> Tensor:
        schedule = self.schedule
        # The rate goes down with the time as well, so that a fit that is cut short by it has come to rest too.
        over = min(1.0, max(self.step / schedule.steps, self.seconds / schedule.seconds))
        warm = min(1.0, (self.step + 1) / min(WARM_UP, schedule.steps // 10 + 1))
        rate = schedule.rate * self.factor * warm * (1 + math.cos(math.pi * over)) / 2
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self._loss(self.network, self._on_device(self.crops.draw(schedule.batch)), self.noise)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimizer.step()
        self.step += 1
        share = min(AVERAGE, self.step / (self.step + 10))
        with torch.no_grad():
            for mean, now in zip(self.average.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(now, 1 - share)
        return loss.detach()

    def _loss(self, network: nn.Module, planes: Planes, generator: torch.Generator) -> Tensor:
        return self.loss(lambda x: in_precision(network, x, self.schedule.precision), planes, generator)

    def _on_device(self, planes: Planes) -> Planes:
        return tuple(plane.to(self.device, non_blocking=True) for plane in planes)

    @torch.no_grad()
    def _judge(self) -> float:
        """Loss of the running average on held-out crops, always the same ones with the same noise."""
        if not self.judged:
            return math.nan
        generator = torch.Generator(self.device).manual_seed(self.schedule.seed + 1)
        self.average.eval()
        losses = [self._loss(self.average, self._on_device(planes), generator) for planes in self.judged]
        return float(torch.stack(losses).mean())

    # --- The state, to return to and to go on from

    def _state(self) -> dict[str, Tensor]:
        state = {f"network/{k}": v.clone() for k, v in self.network.state_dict().items()}
        state |= {f"average/{k}": v.clone() for k, v in self.average.state_dict().items()}
        for i, moments in self.optimizer.state_dict()["state"].items():
            state |= {f"optimizer/{i}/{k}": v.clone() for k, v in moments.items()}
        state["random/noise"] = self.noise.get_state()
        state["random/crops"] = self.crops.generator.get_state()
        return state

    def _restore(self, state: dict[str, Tensor]) -> None:
        parts: dict[str, dict[str, Tensor]] = {}
        for name, tensor in state.items():
            part, _, rest = name.partition("/")
            parts.setdefault(part, {})[rest] = tensor.clone()
        self.network.load_state_dict(parts["network"])
        self.average.load_state_dict(parts["average"])
        own = self.optimizer.state_dict()
        own["state"] = {}
        for name, tensor in parts.get("optimizer", {}).items():
            i, _, moment = name.partition("/")
            own["state"].setdefault(int(i), {})[moment] = tensor
        self.optimizer.load_state_dict(own)
        self.noise.set_state(parts["random"]["noise"])
        self.crops.generator.set_state(parts["random"]["crops"])

    def _return(self) -> None:
        """Go back to the last look, with half the rate."""
        self.returns += 1
        if self.returns > MOST_RETURNS:
            raise TrainingError(
                f"Training went astray at step {self.step}, and again each time with half the learning rate. Give a "
                "smaller learning_rate, and look for values far from all others in the data."
            )
        self._restore(self._kept)
        self.step = int(self.history["step"][-1]) if self.history else 0
        self.factor /= 2

    def _resume(self) -> None:
        place, own = self.schedule.checkpoint, self.schedule.fingerprint
        found = None if place is None else read_checkpoint(place)
        if found is None:
            return
        state, meta = found
        other = sorted(k for k in own if meta["fingerprint"].get(k) != own[k])
        if other:
            raise ModelFileError(
                f"checkpoint={str(place)!r} belongs to another fit: {', '.join(other)} "
                f"{'differs' if len(other) == 1 else 'differ'}. Give another folder, or delete that one if its fit is "
                "no longer wanted."
            )
        self._restore(state)
        self.history = {name: list(values) for name, values in meta["history"].items()}
        self.step, self.seconds, self.factor = int(meta["step"]), float(meta["seconds"]), float(meta["factor"])

    def _write(self) -> None:
        """Write the state down; where that fails, warn and go on: the model is worth more than its checkpoint."""
        if self.schedule.checkpoint is None:
            return
        meta = {"fingerprint": self.schedule.fingerprint, "history": self.history, "step": self.step}
        meta |= {"seconds": self.seconds, "factor": self.factor}
        try:
            write_checkpoint(self.schedule.checkpoint, self._kept, meta)
        except ModelFileError as error:
            warnings.warn(
                f"The checkpoint in '{self.schedule.checkpoint}' could not be written, and training goes on without "
                f"it: {error}",
                RuntimeWarning,
                stacklevel=2,
            )
