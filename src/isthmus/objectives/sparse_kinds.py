"""What makes a code sparse: one class a kind, each with its code in training, its code afterwards and its buffers."""

from __future__ import annotations

import math
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from isthmus.objectives.base import Terms

#: Units this close to 0 or 1 on average count as this close, so that the logarithm stays finite.
EDGE = 1e-6
#: Rows over which running figures are taken: a batch of as many, or more, speaks for itself.
MEMORY = 2048
#: Where the thresholds of "jumprelu" start, and the width around them in which they feel a gradient.
FIRST_THRESHOLD, BANDWIDTH = 0.1, 0.1
#: Share of the usual rate where k are kept: at all of it dictionaries explain more, and a sixth of their units die.
PACE = 1 / 2
#: What it costs "jumprelu" to have twice as many units active as asked for, times `weight`.
TARGET = 10.0


class Owner(Protocol):
    """The objective, as its kind sees it."""

    weight: float
    rate: float
    k: int | None
    wide: bool
    own: Any

    def active(self, width: int) -> int:
        """Units that stay active of a code of a width."""
        ...

    def is_training(self) -> bool:
        """Whether the network learns, and is not measured or put to use."""
        ...


class Kind:
    """One way to a sparse code; here, the code as it is."""

    #: A unit is active where its size is above this.
    least = 0.0
    #: Share of the usual learning rate that suits a dictionary.
    pace = 1.0

    def fill(self, own: nn.Module, width: int) -> None:
        """Give `own` the weights and buffers of the kind."""

    def start(self, sparse: Owner, h: Tensor) -> None:
        """Start the buffers by what the encoder gives for some rows, before training."""

    def code(self, sparse: Owner, h: Tensor) -> tuple[Tensor, Terms]:
        """Code in training, with its penalty."""
        return self.encode(sparse, h), {}

    def encode(self, sparse: Owner, h: Tensor) -> Tensor:
        """Code afterwards."""
        return h


class Absolute(Kind):
    """Mean absolute value as penalty."""

    def code(self, sparse: Owner, h: Tensor) -> tuple[Tensor, Terms]:
        return h, {"sparsity": sparse.weight * h.abs().mean()}


class Rate(Kind):
    """Divergence of each sigmoid unit's mean from a rate.

    The mean of a small batch strays from that of all rows, and the divergence, being convex, would take that for a
    fault. So the divergence is that of a running mean; its gradient goes to the batch as if it were the batch's own.
    """

    least = 0.5

    def fill(self, own: nn.Module, width: int) -> None:
        own.register_buffer("mean", torch.full((width,), 0.5))

    def start(self, sparse: Owner, h: Tensor) -> None:
        sparse.own.mean.copy_(self.encode(sparse, h).mean(0))

    def code(self, sparse: Owner, h: Tensor) -> tuple[Tensor, Terms]:
        z = self.encode(sparse, h)
        mean = z.mean(0)
        if sparse.own is not None and sparse.is_training():
            running: Tensor = sparse.own.mean
            now = mean.detach().to(running.dtype)
            running.copy_(running.lerp(now, share(len(z))))
            mean = mean + (running - mean).detach()
        mean = mean.clamp(EDGE, 1 - EDGE)
        on = sparse.rate * torch.log(sparse.rate / mean)
        off = (1 - sparse.rate) * torch.log((1 - sparse.rate) / (1 - mean))
        return z, {"sparsity": sparse.weight * (on + off).sum()}

    def encode(self, sparse: Owner, h: Tensor) -> Tensor:
        return h.sigmoid()


class LargestOfRow(Kind):
    """The k largest of each row."""

    pace = PACE

    def encode(self, sparse: Owner, h: Tensor) -> Tensor:
        values = h.relu() if sparse.wide else h
        places = (values if sparse.wide else h.abs()).topk(sparse.active(h.shape[-1]), dim=-1).indices
        return torch.zeros_like(h).scatter(-1, places, values.gather(-1, places))


class LargestOfBatch(Kind):
    """The n k largest of a batch of n rows; afterwards, all that reach the threshold that this came to on average."""

    pace = PACE

    def fill(self, own: nn.Module, width: int) -> None:
        own.register_buffer("threshold", torch.zeros(()))

    def start(self, sparse: Owner, h: Tensor) -> None:
        sparse.own.threshold.copy_(self._kept(sparse, h)[1])

    def code(self, sparse: Owner, h: Tensor) -> tuple[Tensor, Terms]:
        if not sparse.is_training():
            return self.encode(sparse, h), {}
        z, least = self._kept(sparse, h)
        if sparse.own is not None:
            threshold: Tensor = sparse.own.threshold
            threshold.copy_(threshold.lerp(least.to(threshold.dtype), share(len(h))))
        return z, {}

    def encode(self, sparse: Owner, h: Tensor) -> Tensor:
        if sparse.own is None:
            return self._kept(sparse, h)[0]
        sizes = h.relu() if sparse.wide else h.abs()
        return h * ((sizes >= sparse.own.threshold) & (sizes > 0))

    def _kept(self, sparse: Owner, h: Tensor) -> tuple[Tensor, Tensor]:
        """Code of a batch, and the least size that was kept."""
        flat = (h.relu() if sparse.wide else h).flatten()
        largest = flat.abs().topk(len(h) * sparse.active(h.shape[-1]))
        places = largest.indices
        z = torch.zeros_like(flat).scatter(0, places, flat.gather(0, places))
        return z.view_as(h), largest.values[-1].detach()


class Jump(Kind):
    """What lies above a threshold that each unit learns; the number of units above it is the penalty."""

    def fill(self, own: nn.Module, width: int) -> None:
        own.log_threshold = nn.Parameter(torch.full((width,), math.log(FIRST_THRESHOLD)))

    def start(self, sparse: Owner, h: Tensor) -> None:
        if sparse.k is not None:
            # From where as many as asked for are active the way is short.
            least = h.flatten().topk(min(h.numel(), len(h) * sparse.k)).values[-1]
            sparse.own.log_threshold.fill_(float(least.clamp(min=FIRST_THRESHOLD).log()))

    def code(self, sparse: Owner, h: Tensor) -> tuple[Tensor, Terms]:
        threshold = self._threshold(sparse, h)
        active = _Step.apply(h, threshold)
        assert isinstance(active, Tensor)
        z = _Jump.apply(h, threshold)
        assert isinstance(z, Tensor)
        if sparse.k is None:
            return z, {"sparsity": sparse.weight * active.mean()}
        return z, {"sparsity": sparse.weight * TARGET * (active.sum(-1).mean() / sparse.k - 1).square()}

    def encode(self, sparse: Owner, h: Tensor) -> Tensor:
        return h * (h > self._threshold(sparse, h))

    def _threshold(self, sparse: Owner, h: Tensor) -> Tensor:
        if sparse.own is None:
            return h.new_full(h.shape[-1:], FIRST_THRESHOLD)
        return sparse.own.log_threshold.exp().to(h.dtype)


class Winners(Kind):
    """In training, each unit keeps the rows of the batch in which it is largest; afterwards, all positive values."""

    def code(self, sparse: Owner, h: Tensor) -> tuple[Tensor, Terms]:
        values = h.relu()
        if not sparse.is_training():
            return values, {}
        places = values.topk(math.ceil(sparse.rate * len(h)), dim=0).indices
        return torch.zeros_like(h).scatter(0, places, values.gather(0, places)), {}

    def encode(self, sparse: Owner, h: Tensor) -> Tensor:
        return h.relu()


KINDS: dict[str, Kind] = {
    "l1": Absolute(),
    "kl": Rate(),
    "topk": LargestOfRow(),
    "batch_topk": LargestOfBatch(),
    "jumprelu": Jump(),
    "winner_take_all": Winners(),
}


def share(rows: int) -> float:
    """Share of a batch in a running figure."""
    return min(1.0, rows / MEMORY)


def _near(h: Tensor, threshold: Tensor) -> Tensor:
    return ((h - threshold).abs() < BANDWIDTH / 2).to(h.dtype) / BANDWIDTH


class _Step(torch.autograd.Function):
    """1 above the threshold, else 0; the jump counts as a slope over the bandwidth for the threshold alone."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, threshold: Tensor) -> Tensor:
        ctx.save_for_backward(h, threshold)
        return (h > threshold).to(h.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        h, threshold = ctx.saved_tensors
        return None, (-_near(h, threshold) * grads[0]).sum(0)


class _Jump(torch.autograd.Function):
    """The value above the threshold, else 0."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, threshold: Tensor) -> Tensor:
        ctx.save_for_backward(h, threshold)
        return h * (h > threshold)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        h, threshold = ctx.saved_tensors
        return grads[0] * (h > threshold), (-threshold * _near(h, threshold) * grads[0]).sum(0)
