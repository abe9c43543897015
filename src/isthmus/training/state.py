"""Everything that a run of training consists of, so that it can be stepped back, written down and taken up again."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW

from isthmus.training.plan import Plan

Weights = dict[str, Tensor]


def make_optimizer(network: nn.Module, plan: Plan) -> AdamW:
    """Fused AdamW; only matrices of the non-linear path decay."""
    decayed, free = [], []
    for name, parameter in network.named_parameters():
        (decayed if parameter.ndim > 1 and not name.startswith("linear.") else free).append(parameter)
    groups = [{"params": decayed, "weight_decay": plan.weight_decay}, {"params": free, "weight_decay": 0.0}]
    fused = all(p.device.type in ("cpu", "cuda", "mps") for p in network.parameters())
    return AdamW([g for g in groups if g["params"]], lr=plan.learning_rate, fused=fused)


@dataclass
class TrainingState:
    """What changes while training goes on.

    Parameters
    ----------
    network : nn.Module
    optimizer : AdamW
    generator : torch.Generator
        On the CPU: shuffling and corruption draw from it.
    """

    network: nn.Module
    optimizer: AdamW
    generator: torch.Generator
    epoch: int = 0
    step: int = 0
    rate_factor: float = 1.0
    rollbacks: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")
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
        "best_epoch",
        "best_loss",
        "records",
        "gradients",
        "seconds",
        "finished",
    )

    def keep_best(self, loss: float) -> None:
        """Remember the weights as the best so far."""
        self.best_loss, self.best_epoch = loss, self.epoch
        self.best = weights_of(self.network)

    def snapshot(self) -> tuple[Weights, dict[str, Any]]:
        """Copy of the weights and the optimiser's state."""
        return weights_of(self.network), copy.deepcopy(self.optimizer.state_dict())

    def roll_back(self, snapshot: tuple[Weights, dict[str, Any]]) -> None:
        """Return to a snapshot."""
        weights, optimizer = snapshot
        self.network.load_state_dict(weights)
        self.optimizer.load_state_dict(copy.deepcopy(optimizer))

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of the state by name: weights, the best weights, the optimiser, the random generators."""
        moments = self.optimizer.state_dict()["state"]
        out = {f"network/{k}": v for k, v in weights_of(self.network).items()}
        out |= {f"best/{k}": v for k, v in self.best.items()}
        out |= {f"start/{k}": v for k, v in self.start.items()}
        out |= {f"optimizer/{i}/{k}": torch.as_tensor(v) for i, s in moments.items() for k, v in s.items()}
        out["random/generator"] = self.generator.get_state()
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
        self.network.load_state_dict(groups["network"])
        device = next(self.network.parameters()).device
        self.best = {k: v.to(device) for k, v in groups["best"].items()}
        self.start = {k: v.to(device) for k, v in groups["start"].items()}
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in groups.get("optimizer", {}).items():
            index, _, key = name.partition("/")
            moments.setdefault(int(index), {})[key] = tensor
        state = self.optimizer.state_dict()
        self.optimizer.load_state_dict({"state": moments, "param_groups": state["param_groups"]})
        self.generator.set_state(groups["random"]["generator"])
        torch.set_rng_state(groups["random"]["torch"])
        on_gpu = [s for name, s in groups["random"].items() if name.startswith("cuda")]
        if on_gpu and len(on_gpu) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(on_gpu)
        for name in self.COUNTERS:
            setattr(self, name, counters[name])


def weights_of(network: nn.Module) -> Weights:
    """Copy of a network's weights and buffers."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
