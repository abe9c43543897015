"""Contractive: the code moves little where the row moves, by a penalty on the encoder's Jacobian."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.exceptions import ParameterError
from isthmus.objectives.base import Batch, Objective, Terms
from isthmus.objectives.checks import check_weight, is_number, refuse

#: Slope of an elementwise activation, by its value.
SLOPES: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.Sigmoid: lambda h: h * (1 - h),
    nn.Tanh: lambda h: 1 - h.square(),
}
#: Rows over which the variance of the code is averaged: of a batch of a tenth as many it takes a tenth.
AVERAGED = 1000
#: Least share of the running variance that a batch's counts for in the gradient, which few rows would blow up.
LEAST = 0.2
#: A unit whose variance is less than this share of the mean of all does not vary: it has nothing to contract.
STILL = 1e-6


class Contractive(Objective):
    """Penalise the encoder's Jacobian, so that codes hardly move with what need not be told (Rifai et al., 2011).

    The penalty is the squared norm of the Jacobian's row of each unit, over the variance of the unit, as a mean over
    units and rows: the noise in a code over its signal, if noise of variance 1 were added to each prepared value.
    Because of the division nothing is won by codes on a smaller scale that the decoder would make up for.

    For an encoder of one linear layer, alone or with a sigmoid or tanh behind it, the norm is written out. For any
    other it is estimated without bias by Hutchinson's method, from `probes` random directions in the space of codes,
    each of which costs a pass back through the encoder; with as many probes as the code has units it is exact.

    Parameters
    ----------
    weight : float, default=0.1
        Of the penalty; the reconstruction loss is a mean over values.
    probes : int, default=1
        Random directions for each row, from 1 on.

    Raises
    ------
    ParameterError
        At `fit`, if a parameter cannot be used.

    References
    ----------
    S. Rifai, P. Vincent, X. Muller, X. Glorot, Y. Bengio, "Contractive auto-encoders", ICML 2011. M. F. Hutchinson, "A
    stochastic estimator of the trace of the influence matrix", 1990.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> ae = Autoencoder(2, objective=Contractive(0.1), max_epochs=2, random_state=0).fit(X)
    >>> len(ae.history_["contraction"])
    3
    """

    takes = ("numbers",)

    def __init__(self, weight: float = 0.1, probes: int = 1):
        self.weight = weight
        self.probes = probes

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        check_weight(self, "weight")
        if not (isinstance(self.probes, Integral) and is_number(self.probes, 1, 65_536)):
            raise refuse(self, "probes", "a whole number from 1 to 65,536")

    def make(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module | None:
        return RunningVariance(latent_dim)

    def start(self, x: Tensor, mask: Tensor | None) -> None:
        with torch.enable_grad():
            if not self.coded(x[:1].detach().requires_grad_(), None if mask is None else mask[:1]).requires_grad:
                raise ParameterError(
                    "Contractive: an objective before it in the list gives codes that jump, as a codebook's do, and so "
                    "have no slope to keep small; put Contractive first."
                )
        if len(x) > 1:
            self.own.variance.copy_(self.coded(x, mask).var(0))

    def terms(self, batch: Batch) -> Terms:
        layer = self._one_layer(batch)
        penalty = self._estimated(batch) if layer is None else self._written_out(batch, *layer)
        return {"contraction": self.weight * penalty}

    def _one_layer(self, batch: Batch) -> tuple[Tensor, Tensor] | None:
        """Weight (width, size) of the encoder's only layer and its slopes (n, width); None for other encoders."""
        network: Any = self.network
        encoder, linear = network.encoder, getattr(network, "linear", None)
        parts = list(encoder) if type(encoder) is nn.Sequential else [encoder]
        if not parts or type(parts[0]) is not nn.Linear or parts[0].in_features != batch.x[0].numel():
            return None
        behind = [part for part in (*parts[1:], getattr(network, "code_activation", None)) if part is not None]
        bends = len(behind) > 1 or (behind and (type(behind[0]) not in SLOPES or linear is not None))
        joined = batch.h.shape[1] != parts[0].out_features
        if bends or joined or batch.x.ndim != 2 or any(objective.overrides("encode") for objective in self.earlier):
            return None
        weight, h = parts[0].weight, batch.h.to(batch.x.dtype)
        if linear is not None:
            weight = weight + nn.functional.pad(
                linear.encoder.weight, (0, 0, 0, len(weight) - linear.encoder.out_features)
            )
        return weight, SLOPES[type(behind[0])](h) if behind else torch.ones_like(h)

    def _written_out(self, batch: Batch, weight: Tensor, slopes: Tensor) -> Tensor:
        scale = self._scale(batch.h.to(batch.x.dtype), torch.is_grad_enabled())
        return ((slopes * scale).square() @ weight.square().sum(1)).mean() / len(scale)

    def _estimated(self, batch: Batch) -> Tensor:
        learns = torch.is_grad_enabled()
        with torch.enable_grad(), _differentiable_twice(self.network):
            x = batch.seen.detach().requires_grad_()
            h = self.coded(x, batch.seen_mask)
            scale = self._scale(h, learns)
            total = h.new_zeros(())
            for direction in self._directions(h):
                (slope,) = torch.autograd.grad(
                    h, x, direction * scale, retain_graph=True, create_graph=learns, materialize_grads=True
                )
                total = total + slope.flatten(1).square().sum(1).mean()
        return total if learns else total.detach()

    def _directions(self, h: Tensor) -> Iterator[Tensor]:
        """Yield directions (n, width), over which the squared norms of the products add up to the mean over units."""
        width = h.shape[1]
        if self.probes >= width:
            for unit in torch.eye(width, dtype=h.dtype, device=h.device):
                yield unit.expand_as(h) / width**0.5
            return
        for _ in range(self.probes):
            yield (2 * torch.empty_like(h).bernoulli_() - 1) / (width * self.probes) ** 0.5

    def _scale(self, h: Tensor, learns: bool) -> Tensor:
        """One over the standard deviation of each unit, 0 for one that does not vary: (width,).

        The value goes by the running variance, which a small batch does not upset; the gradient by the batch's, and
        takes back what the rest of the penalty would win by a smaller scale.
        """
        variance = self.own.variance
        spread = h.var(0) if len(h) > 1 else None
        if spread is not None and learns and self.own.training:
            with torch.no_grad():
                variance.lerp_(spread.detach().to(variance), min(1.0, len(h) / AVERAGED))
        tiny = torch.finfo(variance.dtype).tiny
        scale = torch.where(variance > STILL * variance.mean(), variance.clamp(min=tiny).rsqrt(), 0.0)
        if spread is None:
            return scale
        change = (spread - spread.detach()) / torch.maximum(spread.detach(), LEAST * variance).clamp(min=tiny)
        return scale * (1 - 0.5 * change)


class RunningVariance(nn.Module):
    """Variance of each unit of the code over the batches seen lately.

    Parameters
    ----------
    width : int
    """

    def __init__(self, width: int):
        super().__init__()
        self.variance: Tensor
        self.register_buffer("variance", torch.ones(width))


def _differentiable_twice(network: Any) -> AbstractContextManager[None]:
    """Leave out cuDNN's recurrent layers, which cannot be differentiated twice."""
    recurrent = any(isinstance(module, nn.RNNBase) for module in network.encoder.modules())
    return torch.backends.cudnn.flags(enabled=False) if recurrent else nullcontext()
