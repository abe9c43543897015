"""Variational: the code is a distribution, kept near the standard normal one."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from isthmus.objectives.base import Objective, Terms
from isthmus.objectives.checks import check_weight

#: Logarithms of the variance are held within these bounds, so that its exponential stays finite.
LEAST, MOST = -20.0, 10.0


class Variational(Objective):
    """Gaussian code with a standard normal prior (Kingma and Welling, 2014); `transform` gives its mean.

    The loss is the negative evidence lower bound per value: the reconstruction loss, which is a mean over values, plus
    `beta` times the divergence from the prior, summed over the units of the code and divided by the number of values in
    a row. With `loss="mse"` this is a Gaussian likelihood of variance one half in prepared units, with "bce" the
    Bernoulli one.

    Parameters
    ----------
    beta : float, default=1.0
        Weight of the divergence (Higgins et al., 2017).

    Raises
    ------
    ParameterError
        At `fit`, if beta is not a number from 0 on.

    References
    ----------
    D. P. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014. I. Higgins et al., "beta-VAE", ICLR 2017.

    Examples
    --------
    >>> import torch
    >>> Variational().encode(torch.tensor([[1.0, 2.0, 0.0, 0.0]])).tolist()
    [[1.0, 2.0]]
    """

    def __init__(self, beta: float = 1.0):
        self.beta = beta

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        check_weight(self, "beta")
        #: Weight of the divergence of one unit, beside a reconstruction loss that is a mean over values.
        self.per_unit = float(self.beta) / math.prod(shape)

    def code_dim(self, latent_dim: int) -> int:
        return 2 * latent_dim

    def code(self, h: Tensor) -> tuple[Tensor, Terms]:
        mean, log_variance = h.chunk(2, dim=1)
        log_variance = log_variance.clamp(LEAST, MOST)
        z = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        divergence = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1).mean()
        return z, {"divergence": self.per_unit * divergence}

    def encode(self, h: Tensor) -> Tensor:
        return h.chunk(2, dim=1)[0]
