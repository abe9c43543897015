"""Adversarial: the codes of all rows together follow a prior, by a discriminator that learns to tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from isthmus.objectives.base import Objective, Rival, Terms
from isthmus.objectives.checks import check_number, check_weight, check_word, is_number, refuse
from isthmus.objectives.matching import PRIORS, discrepancy, draw_like


class Adversarial(Objective):
    """Bring the distribution of the codes to a prior by a discriminator, as a GAN does (Makhzani et al., 2015).

    The discriminator learns to tell codes of rows from draws of the prior, with an optimiser of its own in the same
    loop; the encoder learns to fool it. Each row keeps one code: only all of them together look like the prior.
    `sample` draws from it. `Wasserstein` does the same without a discriminator.

    In training, the terms are those of the game: "adversary", what the encoder pays for codes that are told from
    draws, and "discriminator", what the discriminator pays for its mistakes and for its slope; neither says how close
    codes and prior are, because each depends on how good the other is. Where the loss is measured, which is by what
    epochs are judged, "adversary" is therefore the maximum mean discrepancy (see `Wasserstein`) and "discriminator" 0.

    Parameters
    ----------
    weight : float, default=0.03
        Of what the encoder pays; the reconstruction loss is a mean over values. Where "reconstruction" rises in the
        first epochs, or training ends after a few, it is too much; where samples look unlike rows, too little.
    prior : {"normal", "uniform"}, default="normal"
        Standard normal, or uniform between -1 and 1, independent by unit.
    hidden : tuple of int, default=(128, 128)
        Sizes of the discriminator's hidden layers.
    rate : float, default=1.0
        Learning rate of the discriminator over that of the autoencoder, above 0, at most 100.
    penalty : float, default=0.1
        Of the discriminator's squared slope at draws from the prior, which keeps the game from turning in circles
        (Mescheder et al., 2018).

    Raises
    ------
    ParameterError
        At `fit`, if a parameter cannot be used.

    References
    ----------
    A. Makhzani, J. Shlens, N. Jaitly, I. Goodfellow, B. Frey, "Adversarial autoencoders", 2015. I. Goodfellow et al.,
    "Generative adversarial nets", NeurIPS 2014. L. Mescheder, A. Geiger, S. Nowozin, "Which training methods for GANs
    do actually converge?", ICML 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).uniform(size=(60, 4))
    >>> ae = Autoencoder(2, objective=Adversarial(hidden=(16,)), max_epochs=2, random_state=0).fit(X)
    >>> sorted({"adversary", "discriminator"} & set(ae.history_)), ae.sample(3, random_state=0).shape
    (['adversary', 'discriminator'], (3, 4))
    """

    def __init__(
        self,
        weight: float = 0.03,
        prior: str = "normal",
        hidden: Sequence[int] = (128, 128),
        rate: float = 1.0,
        penalty: float = 0.1,
    ):
        self.weight = weight
        self.prior = prior
        self.hidden = hidden
        self.rate = rate
        self.penalty = penalty

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        check_weight(self, "weight")
        check_word(self, "prior", PRIORS)
        check_number(self, "rate", 1e-6, 100, "a number above 0, at most 100")
        check_weight(self, "penalty")
        sizes = self.hidden
        if not isinstance(sizes, (tuple, list)) or not all(
            isinstance(size, Integral) and is_number(size, 1, 65_536) for size in sizes
        ):
            raise refuse(self, "hidden", "a tuple of whole numbers from 1 on, such as (128, 128)")
        self.latent_dim = latent_dim

    def make(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module | None:
        layers = nn.Sequential()
        sizes = [latent_dim, *map(int, self.hidden)]
        for n_in, n_out in pairwise(sizes):
            layers.append(nn.Linear(n_in, n_out))
            layers.append(nn.SiLU())
        layers.append(nn.Linear(sizes[-1], 1))
        return Rival(layers, rate=float(self.rate))

    def code(self, h: Tensor) -> tuple[Tensor, Terms]:
        with torch.autocast(h.device.type, enabled=False):
            z = h if h.dtype == torch.float64 else h.float()
            drawn = draw_like(z, self.prior)
            if not torch.is_grad_enabled():
                return h, {
                    "adversary": self.weight * discrepancy(z, drawn, self.prior),
                    "discriminator": z.new_zeros(()),
                }
            return h, {"adversary": self.weight * self._fooled(z), "discriminator": self._told_apart(z, drawn)}

    def _fooled(self, z: Tensor) -> Tensor:
        """What the encoder pays: the discriminator's weights get no gradient of it."""
        frozen = {name: parameter.detach() for name, parameter in self.own.named_parameters()}
        return F.softplus(-functional_call(self.own, frozen, (z,))).mean()

    def _told_apart(self, z: Tensor, drawn: Tensor) -> Tensor:
        """What the discriminator pays: the encoder gets no gradient of it."""
        drawn = drawn.requires_grad_()
        said = self.own(drawn)
        (slope,) = torch.autograd.grad(said.sum(), drawn, create_graph=True)
        mistakes = F.softplus(-said).mean() + F.softplus(self.own(z.detach())).mean()
        return mistakes + 0.5 * self.penalty * slope.square().sum(1).mean()

    def draw(self, n: int, generator: torch.Generator) -> Tensor | None:
        return PRIORS[self.prior](torch.randn(n, self.latent_dim, generator=generator))
