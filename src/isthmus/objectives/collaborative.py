"""Variational for ratings: a prior that holds on to what was learnt, a divergence weighted by a row's entries."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call

from isthmus.objectives.base import Batch, Terms
from isthmus.objectives.checks import check_word
from isthmus.objectives.mixtures import LOG_TWO_PI, VAMP, gaussian_log_density, split, standard_log_density
from isthmus.objectives.variational import NORMAL, Variational
from isthmus.packed import there

ROW, PROFILE = "row", "profile"
COMPOSITE = "composite"
#: Shares of the parts of the composite prior: the standard normal, the posterior as it was, and a wide normal, of the
#: log-variance that follows.
SHARES, WIDE = (3 / 20, 3 / 4, 1 / 10), 10.0
#: Share of the training after which the posterior as it was is taken anew.
RENEWED = 0.02


class Collaborative(Variational):
    """Gaussian code of a user's ratings: Mult-VAE (Liang et al., 2018) and RecVAE (Shenbin et al., 2020) by parameters.

    As `Variational` with one sample; the entries of a row are its values. Mult-VAE is `Collaborative(0.2, warmup=0.5)`
    behind `Denoising("mask", 0.5)`; RecVAE is `Collaborative(0.005, scale="profile", prior="composite")` behind the
    same, with `network="dense(encoder=skip, decoder=linear)"` (encoder and decoder are trained together here, not in
    turns).

    Parameters
    ----------
    beta : float, default=0.2
        Weight of the divergence of a row from the prior.
    scale : {"row", "profile"}, default="row"
        What the divergence of a row is weighted by: 1, or the number of its entries.
    warmup : float, default=0.0
        Share of the training over which the weight rises from 0 to `beta`.
    prior : {"normal", "composite", "vamp"}, default="normal"
        The standard normal distribution; a mixture of it, of the posterior as it was a fiftieth of the training before,
        and of a wide normal; or the mixture of the posteriors of trained pseudo-inputs (Tomczak and Welling, 2018, for
        ratings Kim and Suh, 2019).
    components : int, default=50
        Pseudo-inputs of "vamp".

    Raises
    ------
    ParameterError
        At `fit`, if a parameter cannot be used, or rows are no ratings.

    References
    ----------
    D. Liang, R. G. Krishnan, M. D. Hoffman, T. Jebara, "Variational autoencoders for collaborative filtering", WWW
    2018. I. Shenbin, A. Alekseev, E. Tutubalina, V. Malykh, S. I. Nikolenko, "RecVAE: a new variational autoencoder for
    top-N recommendations with implicit feedback", WSDM 2020. D. Kim, B. Suh, "Enhancing VAEs for collaborative
    filtering: flexible priors and gating mechanisms", RecSys 2019.

    Examples
    --------
    >>> from scipy.sparse import random
    >>> from isthmus import Autoencoder
    >>> X = random(60, 30, density=0.2, random_state=0, format="csr")
    >>> ae = Autoencoder(4, kind="ratings", objective=Collaborative(0.1), max_epochs=2, random_state=0).fit(X)
    >>> ae.transform(X).shape
    (60, 4)
    """

    takes = ("ratings",)
    priors = (NORMAL, COMPOSITE, VAMP)

    def __init__(
        self,
        beta: float = 0.2,
        *,
        scale: str = ROW,
        warmup: float = 0.0,
        prior: str = NORMAL,
        components: int = 50,
    ):
        super().__init__(beta, warmup=warmup, prior=prior, components=components)
        self.scale = scale

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        check_word(self, "scale", (ROW, PROFILE))
        super().begin(shape, latent_dim)

    def code(self, h: Tensor) -> tuple[Tensor, Terms]:
        mean, log_variance = self.posterior(h)
        return mean + torch.randn_like(mean) * (log_variance / 2).exp(), {}

    def terms(self, batch: Batch) -> Terms:
        mean, log_variance = self.posterior(batch.h)
        divergence = self.divergence(mean, log_variance, batch.z)
        if self.prior == COMPOSITE:
            divergence = -0.5 * (log_variance + LOG_TWO_PI + 1).sum(-1) - self._composite(batch)
        if self.scale == PROFILE:
            divergence = divergence * there(batch.x).sum(1)
        return {"divergence": self._weight() * divergence.mean()}

    def _composite(self, batch: Batch) -> Tensor:
        """Log-density of the codes of a batch under the composite prior: (n,)."""
        with torch.no_grad():
            mean, log_variance = split(functional_call(self.network.encoder, self._earlier_weights(), (batch.x,)))
        wide = torch.full_like(log_variance, WIDE)
        parts = [
            standard_log_density(batch.z),
            gaussian_log_density(batch.z, mean, log_variance),
            gaussian_log_density(batch.z, torch.zeros_like(mean), wide),
        ]
        return torch.logsumexp(torch.stack(parts) + batch.z.new_tensor(SHARES).log()[:, None], 0)

    def _earlier_weights(self) -> dict[str, Tensor]:
        """Weights of the encoder as they were a while ago; they are no part of the model."""
        held = vars(self.own).setdefault("earlier", {})
        now = float(self.progress)
        if not held or not 0 <= now - held["progress"] < RENEWED:
            state = self.network.encoder.state_dict()
            held |= {"progress": now, "weights": {name: value.clone() for name, value in state.items()}}
        return held["weights"]
