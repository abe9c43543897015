"""Priors of a variational code, and the densities of Gaussians."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

#: Logarithms of the variance are held within these bounds, so that its exponential stays finite.
LEAST, MOST = -20.0, 10.0
LOG_TWO_PI = math.log(2 * math.pi)

#: What encodes rows (n, *shape) and their mask: to means and logarithms of variances, (n, 2 latent_dim).
Encode = Callable[[Tensor, Tensor | None], Tensor]


def split(h: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and held logarithm of the variance from what the encoder gave: (..., 2 k) to twice (..., k)."""
    mean, log_variance = h.chunk(2, dim=-1)
    return mean, log_variance.clamp(LEAST, MOST)


def gaussian_log_density(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Log-density of codes under Gaussians of independent units: (..., k) to (...)."""
    squares = (z - mean).square() * (-log_variance).exp()
    return -0.5 * (squares + log_variance + LOG_TWO_PI).sum(-1)


def standard_log_density(z: Tensor) -> Tensor:
    """Log-density of codes under the standard normal distribution: (..., k) to (...)."""
    return -0.5 * (z.square() + LOG_TWO_PI).sum(-1)


def mixture_log_density(z: Tensor, mean: Tensor, log_variance: Tensor, log_weight: Tensor) -> Tensor:
    """Log-density of codes (..., k) under a mixture of C Gaussians of means (C, k), variances and weights: (...)."""
    return torch.logsumexp(gaussian_log_density(z.unsqueeze(-2), mean, log_variance) + log_weight, -1)


def draw_mixture(mean: Tensor, log_variance: Tensor, log_weight: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Draw n codes from a mixture of Gaussians, on the CPU: (n, k)."""
    mean, deviation = mean.detach().cpu().float(), (log_variance.detach().cpu().float() / 2).exp()
    which = torch.multinomial(log_weight.detach().cpu().float().exp(), n, replacement=True, generator=generator)
    return mean[which] + torch.randn(n, mean.shape[1], generator=generator) * deviation[which]


class VampPrior(nn.Module):
    """Mixture, in equal parts, of the posteriors of trained pseudo-inputs (Tomczak and Welling, 2018).

    Parameters
    ----------
    shape : tuple of int
    latent_dim, components : int
    """

    def __init__(self, shape: tuple[int, ...], latent_dim: int, components: int):
        super().__init__()
        self.inputs = nn.Parameter(torch.randn(components, *shape))

    def start(self, encode: Encode, x: Tensor, mask: Tensor | None) -> None:
        """Start the pseudo-inputs at rows drawn at random, again and again where there are few."""
        order = torch.randperm(len(x), device=x.device)
        self.inputs.copy_(x[order[torch.arange(len(self.inputs), device=x.device) % len(x)]])

    def _posteriors(self, encode: Encode) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = split(encode(self.inputs, None))
        return mean, log_variance, mean.new_full((len(mean),), -math.log(len(mean)))

    def log_density(self, encode: Encode, z: Tensor) -> Tensor:
        """Log-density of codes: (..., k) to (...)."""
        return mixture_log_density(z, *self._posteriors(encode))

    @torch.no_grad()
    def draw(self, encode: Encode, n: int, generator: torch.Generator) -> Tensor:
        """Draw n codes, on the CPU: (n, k)."""
        return draw_mixture(*self._posteriors(encode), n, generator)


class MixturePrior(nn.Module):
    """A trained mixture of Gaussians of independent units.

    Parameters
    ----------
    shape : tuple of int
    latent_dim, components : int
    """

    def __init__(self, shape: tuple[int, ...], latent_dim: int, components: int):
        super().__init__()
        self.mean = nn.Parameter(torch.randn(components, latent_dim))
        self.log_variance = nn.Parameter(torch.zeros(components, latent_dim))
        self.logits = nn.Parameter(torch.zeros(components))

    def start(self, encode: Encode, x: Tensor, mask: Tensor | None) -> None:
        """Start the means at codes of rows drawn at random."""
        codes, _ = split(encode(x, mask))
        order = torch.randperm(len(x), device=x.device)
        self.mean.copy_(codes[order[torch.arange(len(self.mean), device=x.device) % len(x)]])

    def _parts(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.mean, self.log_variance.clamp(LEAST, MOST), self.logits.log_softmax(0)

    def log_density(self, encode: Encode, z: Tensor) -> Tensor:
        """Log-density of codes: (..., k) to (...)."""
        return mixture_log_density(z, *self._parts())

    @torch.no_grad()
    def draw(self, encode: Encode, n: int, generator: torch.Generator) -> Tensor:
        """Draw n codes, on the CPU: (n, k)."""
        return draw_mixture(*self._parts(), n, generator)


PRIORS: dict[str, Callable[[tuple[int, ...], int, int], VampPrior | MixturePrior]] = {
    "vamp": VampPrior,
    "mixture": MixturePrior,
}
