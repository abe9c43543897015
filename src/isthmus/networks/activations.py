"""Activation functions by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from isthmus.exceptions import ParameterError


class LogOfCounts(nn.Module):
    """log(1 + x): counts over several magnitudes as an encoder takes them; what is below 0 counts as 0."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(min=0).log1p()


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
    "linear": nn.Identity,
}


def activation(name: str) -> nn.Module:
    """Make the activation module called `name`.

    Raises
    ------
    ParameterError
        If no activation has that name.
    """
    if name not in ACTIVATIONS:
        raise ParameterError(f"activation={name!r} is not known; choose one of {', '.join(map(repr, ACTIVATIONS))}.")
    return ACTIVATIONS[name]()


#: One over the mean square of the activation of a standard normal number (for sigmoid and softplus: over about its
#: variance, since their mean carries no signal).
_GAINS = {
    "relu": 2.0,
    "leaky_relu": 2.0,
    "elu": 1.55,
    "gelu": 2.35,
    "silu": 2.8,
    "tanh": 2.5,
    "sigmoid": 16.0,
    "softplus": 3.0,
}


def gain(name: str) -> float:
    """Standard deviation that keeps the variance of a signal through the activation (times 1/sqrt(fan in))."""
    return _GAINS.get(name, 1.0) ** 0.5
