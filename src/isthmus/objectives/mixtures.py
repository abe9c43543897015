"""Densities of Gaussian codes, and the priors that are mixtures of Gaussians, with weights of their own."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from isthmus.packed import unpack

#: Logarithms of a variance are held within these bounds, so that its exponential stays finite.
LEAST, MOST = -20.0, 10.0
LOG_TWO_PI = math.log(2 * math.pi)
#: Noise, in units of the code, that keeps components apart which begin at the same row.
APART = 0.01

#: What the encoder gives for rows and their mask.
Coder = Callable[[Tensor, Tensor | None], Tensor]


def gaussian_log_density(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Log-density of independent Gaussians, summed over the last axis."""
    squares = (z - mean).square() * (-log_variance).exp()
    return -0.5 * (squares + log_variance + LOG_TWO_PI).sum(-1)


def standard_log_density(z: Tensor) -> Tensor:
    """Log-density under the standard normal distribution, summed over the last axis."""
    return -0.5 * (z.square() + LOG_TWO_PI).sum(-1)


def split(h: Tensor) -> tuple[Tensor, Tensor]:
    """Means and log-variances, in float32 at least, from what the encoder gave."""
    mean, log_variance = (h if h.dtype == torch.float64 else h.float()).chunk(2, dim=-1)
    return mean, log_variance.clamp(LEAST, MOST)


class MixturePrior(nn.Module):
    """Mixture of Gaussians with independent units, whose weights, means and variances are trained.

    Parameters
    ----------
    shape : tuple of int
        Of a prepared row; the mixture does not need it.
    latent_dim, components : int
    """

    def __init__(self, shape: tuple[int, ...], latent_dim: int, components: int):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(components))
        self.means = nn.Parameter(torch.randn(components, latent_dim))
        self.log_variances = nn.Parameter(torch.zeros(components, latent_dim))

    @torch.no_grad()
    def start(self, coded: Coder, x: Tensor, mask: Tensor | None) -> None:
        """Put the components at the codes of random rows."""
        chosen = random_rows(len(x), len(self.means)).to(x.device)
        means, _ = split(coded(x[chosen], None if mask is None else mask[chosen]))
        self.means.copy_(means + APART * torch.randn_like(means))

    def parts(self, coded: Coder) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (C,), means and log-variances (C, latent_dim) of the components."""
        return self.logits, self.means, self.log_variances.clamp(LEAST, MOST)

    def log_density(self, coded: Coder, z: Tensor) -> Tensor:
        """Log-density of codes: (..., latent_dim) to (...)."""
        logits, means, log_variances = self.parts(coded)
        components = gaussian_log_density(z.unsqueeze(-2), means, log_variances)
        return torch.logsumexp(components + logits.log_softmax(0), -1)

    def draw(self, coded: Coder, n: int, generator: torch.Generator) -> Tensor:
        """Draw n codes on the CPU: (n, latent_dim)."""
        logits, means, log_variances = (part.detach().cpu() for part in self.parts(coded))
        chosen = torch.multinomial(logits.softmax(0), n, replacement=True, generator=generator)
        noise = torch.randn(n, means.shape[1], generator=generator, dtype=means.dtype)
        return means[chosen] + (log_variances[chosen] / 2).exp() * noise


class VampPrior(MixturePrior):
    """Mixture of the posteriors of pseudo-inputs, which are trained (Tomczak and Welling, 2018).

    Parameters
    ----------
    shape : tuple of int
        Of a prepared row.
    latent_dim : int
        The mixture is in the encoder's own code: it is not needed.
    components : int
    """

    def __init__(self, shape: tuple[int, ...], latent_dim: int, components: int):
        nn.Module.__init__(self)
        self.inputs = nn.Parameter(torch.randn(components, *shape))

    @torch.no_grad()
    def start(self, coded: Coder, x: Tensor, mask: Tensor | None) -> None:
        """Make random rows the pseudo-inputs."""
        chosen = x[random_rows(len(x), len(self.inputs)).to(x.device)]
        self.inputs.copy_(unpack(chosen, self.inputs.shape[1]) if chosen.ndim > self.inputs.ndim else chosen)
        self.inputs.add_(APART * torch.randn_like(self.inputs))

    def parts(self, coded: Coder) -> tuple[Tensor, Tensor, Tensor]:
        means, log_variances = split(coded(self.inputs, None))
        return means.new_zeros(len(means)), means, log_variances


VAMP = "vamp"
#: Those that have weights of their own, by name.
MIXTURES: dict[str, type[MixturePrior]] = {VAMP: VampPrior, "mixture": MixturePrior}


def random_rows(n: int, wanted: int) -> Tensor:
    """Rows to begin at: each once, as long as there are enough."""
    return torch.randperm(n).repeat(math.ceil(wanted / n))[:wanted]
