"""Wasserstein: the codes of all rows together follow a prior, by their discrepancy from draws of it."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.objectives.base import Objective, Terms
from isthmus.objectives.checks import check_weight, check_word
from isthmus.objectives.matching import PRIORS, discrepancy, draw_like


class Wasserstein(Objective):
    """Bring the distribution of the codes to a prior, without a discriminator (Tolstikhin et al., 2018).

    The maximum mean discrepancy between the codes of a batch and as many draws from the prior, by inverse
    multiquadratic kernels of several widths, is added to the loss. Unlike in a variational autoencoder each row keeps
    one code: only all of them together look like the prior. `sample` draws from it.

    The discrepancy of a batch of m rows is known to about 1 / m: batches under some 64 rows say little.

    Parameters
    ----------
    weight : float, default=1.0
        Of the discrepancy, which is 0 for equal distributions and at most 2; the reconstruction loss is a mean over
        values.
    prior : {"normal", "uniform"}, default="normal"
        Standard normal, or uniform between -1 and 1, independent by unit.

    Raises
    ------
    ParameterError
        At `fit`, if a parameter cannot be used.

    References
    ----------
    I. Tolstikhin, O. Bousquet, S. Gelly, B. Schoelkopf, "Wasserstein auto-encoders", ICLR 2018. A. Gretton et al., "A
    kernel two-sample test", JMLR 2012.

    Examples
    --------
    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> near, far = (Wasserstein().code(torch.randn(500, 2) + shift)[1]["discrepancy"] for shift in (0, 3))
    >>> bool(near.abs() < 0.01), bool(far > 0.3)
    (True, True)
    """

    def __init__(self, weight: float = 1.0, prior: str = "normal"):
        self.weight = weight
        self.prior = prior

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        check_weight(self, "weight")
        check_word(self, "prior", PRIORS)
        self.latent_dim = latent_dim

    def code(self, h: Tensor) -> tuple[Tensor, Terms]:
        with torch.autocast(h.device.type, enabled=False):
            z = h if h.dtype == torch.float64 else h.float()
            return h, {"discrepancy": self.weight * discrepancy(z, draw_like(z, self.prior), self.prior)}

    def draw(self, n: int, generator: torch.Generator) -> Tensor | None:
        return PRIORS[self.prior](torch.randn(n, self.latent_dim, generator=generator))
