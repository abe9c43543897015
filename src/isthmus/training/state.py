"""Everything that a run of training consists of, so that it can be stepped back, written down and taken up again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from isthmus.training.weights import FlatWeights

Weights = dict[str, Tensor]


@dataclass
class TrainingState:
    """What changes while training goes on.

    Parameters
    ----------
    weights : FlatWeights
        Of K networks, with the optimiser's memory.
    generator : torch.Generator
        On the CPU: the order of the rows is drawn from it.

    Attributes
    ----------
    noise : torch.Generator
        On the device: corruption draws from it. On a CPU it is `generator` itself.
    """

    weights: FlatWeights
    generator: torch.Generator
    epoch: int = 0
    step: int = 0
    rate_factor: float = 1.0
    rollbacks: int = 0
    best_epochs: list[int] = field(default_factory=list)
    best_losses: list[float] = field(default_factory=list)
    start_losses: list[float] = field(default_factory=list)
    best: Weights = field(default_factory=dict)
    start: Weights = field(default_factory=dict)
    records: list[dict[str, float]] = field(default_factory=list)
    gradients: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    finished: str = ""

    COUNTERS = (
        "epoch",
        "step",
        "rate_factor",
        "rollbacks",
        "best_epochs",
        "best_losses",
        "start_losses",
        "records",
        "gradients",
        "seconds",
        "finished",
    )

    def __post_init__(self) -> None:
        device = self.weights.values.device
        self.noise = self.generator
        if device.type == "cuda":
            self.noise = torch.Generator(device).manual_seed(self.generator.initial_seed())
        self.best_epochs = [0] * len(self.weights)
        self.best_losses = [float("inf")] * len(self.weights)
        self.start_losses = [float("inf")] * len(self.weights)

    @property
    def best_member(self) -> int:
        """Number of the network with the least loss."""
        return self.best_losses.index(min(self.best_losses))

    def keep_best(self, losses: list[float], better: list[bool]) -> None:
        """Remember the weights of those networks that are better than before."""
        now = self.weights.copy()
        self.best = now if all(better) else _mixed(now, self.best, better)
        for j, yes in enumerate(better):
            if yes:
                self.best_losses[j], self.best_epochs[j] = losses[j], self.epoch

    def return_to_start(self, members: list[bool]) -> None:
        """Take the starting point as the best weights of some of the networks."""
        self.best = _mixed(self.start, self.best, members)
        for j, back in enumerate(members):
            if back:
                self.best_epochs[j], self.best_losses[j] = 0, self.start_losses[j]

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of the state by name: weights, the best weights, the optimiser, the random generators."""
        out = {f"network/{k}": v for k, v in self.weights.copy().items()}
        out |= {f"best/{k}": v for k, v in self.best.items()}
        out |= {f"start/{k}": v for k, v in self.start.items()}
        out |= {f"optimizer/{k}": v.clone() for k, v in self.weights.moments().items()}
        out["random/generator"] = self.generator.get_state()
        out["random/noise"] = self.noise.get_state()
        out["random/torch"] = torch.get_rng_state()
        if torch.cuda.is_available():
            out |= {f"random/cuda{i}": s for i, s in enumerate(torch.cuda.get_rng_state_all())}
        return out

    def counters(self) -> dict[str, Any]:
        """Return what is not a tensor, as JSON can hold it."""
        return {name: getattr(self, name) for name in self.COUNTERS}

    def restore(self, tensors: dict[str, Tensor], counters: dict[str, Any]) -> None:
        """Take up the state that `tensors` and `counters` hold."""
        groups: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            group, _, rest = name.partition("/")
            groups.setdefault(group, {})[rest] = tensor
        self.weights.roll_back((groups["network"], groups["optimizer"]))
        device = self.weights.values.device
        self.best = {k: v.to(device) for k, v in groups.get("best", {}).items()}
        self.start = {k: v.to(device) for k, v in groups.get("start", {}).items()}
        self.generator.set_state(groups["random"]["generator"])
        self.noise.set_state(groups["random"]["noise"])
        torch.set_rng_state(groups["random"]["torch"])
        on_gpu = [s for name, s in groups["random"].items() if name.startswith("cuda")]
        if on_gpu and len(on_gpu) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(on_gpu)
        for name in self.COUNTERS:
            setattr(self, name, counters[name])


def _mixed(new: Weights, old: Weights, members: list[bool]) -> Weights:
    """Take the new weights of some members and the old ones of the others: each tensor has one row a member."""
    return {name: torch.stack([new[name][j] if yes else old[name][j] for j, yes in enumerate(members)]) for name in new}
