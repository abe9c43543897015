"""Variational: the code is a distribution, kept near a prior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.exceptions import ParameterError
from isthmus.objectives import conditions
from isthmus.objectives.base import Batch, Objective, Terms
from isthmus.objectives.checks import check_number, check_weight, check_word, is_number, refuse
from isthmus.objectives.mixtures import (
    LEAST,
    LOG_TWO_PI,
    MIXTURES,
    MOST,
    gaussian_log_density,
    random_rows,
    split,
    standard_log_density,
)
from isthmus.objectives.ppca import LEAST_START, start_at_probabilistic_pca
from isthmus.objectives.reconstruction import Loss, SquaredError

__all__ = ["LEAST", "MOST", "Variational"]

NORMAL, LEARNED, DREG, AUTO = "normal", "learned", "dreg", "auto"
GRADIENTS = ("standard", DREG)
#: Samples, cycles and components at most: a file may ask for any number.
LARGEST_COUNT = 10_000
#: Steps of the decoder's log-variance are as many times those of the other weights: it has further to go.
SPEED = 10.0
#: Least share of values observed that the divergence is divided by; rows of which given values are kept, to draw from.
LEAST_OBSERVED, KEPT = 1e-6, 1000
#: Variance that the squared error, as it is, stands for, and the constants that the losses leave out of a value's
#: negative log-likelihood: of Gaussians of that variance, Laplace distributions of scale 1, and Huber's density.
PLAIN_VARIANCE = 0.5
CONSTANTS = {"mse": 0.5 * math.log(math.pi), "mae": math.log(2.0), "huber": 1.0730585907}
CONSTANTS |= {"bce": 0.0, "poisson": 0.0, "tokens": 0.0, "multinomial": 0.0}


class _Own(nn.Module):
    """What is learnt beside the network: the prior, the decoder's variance, given values, and how much is observed."""

    def __init__(self, prior: nn.Module | None, learns_variance: bool, given: Tensor | None):
        super().__init__()
        self.prior = prior
        self.slow_log_variance = nn.Parameter(torch.zeros(())) if learns_variance else None
        self.register_buffer("given", given)
        self.observed: Tensor
        self.register_buffer("observed", torch.ones(()))

    @property
    def log_variance(self) -> Tensor:
        """Logarithm of the decoder's variance, where it is learnt."""
        assert self.slow_log_variance is not None
        return SPEED * self.slow_log_variance


class Variational(Objective):
    """Gaussian code kept near a prior (Kingma and Welling, 2014); `transform` gives its mean.

    The loss is the negative evidence lower bound per value: the reconstruction loss, which is a mean over values, plus
    `beta` times the divergence of the posterior from the prior, summed over the units of the code and divided by the
    number of values observed in a row, a mean over training rows. With `loss="bce"` the decoder is a Bernoulli
    likelihood, with "poisson" one of counts, with "mse" a Gaussian one.

    Parameters
    ----------
    beta : float, default=1.0
        Weight of the divergence (Higgins et al., 2017).
    samples : int, default=1
        Codes drawn for each row. Two or more: the importance-weighted bound (Burda et al., 2016), which is nearer to
        the likelihood, per observed value. `history_` splits it into the divergence and the rest; `beta` weights the
        prior over the posterior within it.
    gradient : {"standard", "dreg"}, default="standard"
        "dreg": the encoder's gradient of the importance-weighted bound is reparametrised doubly, with less variance
        (Tucker et al., 2019).
    warmup : float, default=0.0
        Share of the training, or of each cycle, over which the weight of the divergence rises from 0 to `beta`. Epochs
        are judged by the whole of it.
    cycles : int, default=1
        Times that the weight starts again at 0 (Fu et al., 2019); `warmup=0.5` is theirs.
    free_bits : float, default=0.0
        Divergence of each unit, in nats, as a mean over the batch, up to which it costs nothing more to use the unit
        (Kingma et al., 2016). For the normal prior and one sample.
    prior : {"normal", "vamp", "mixture"}, default="normal"
        The standard normal distribution, the mixture of the posteriors of trained pseudo-inputs (Tomczak and Welling,
        2018), or a trained mixture of Gaussians.
    components : int, default=50
        Of the prior, where it is a mixture.
    variance : {"auto", "learned"}, float or None, default="auto"
        Of the Gaussian decoder, in prepared units, for `loss="mse"`: learned (Rybkin et al., 2021), or given; the loss
        is then in nats per value. None: the squared error as it is, which is a variance of one half without its
        constant. "auto" is "learned" for `loss="mse"`, and None for any other.
    condition : str, int or list of these, default=None
        Columns of a table, or of rows of numbers, that are given: the posterior and the decoder see them, and the prior
        is that of what remains to be told (Sohn et al., 2015). Their prepared values are the last units of the code,
        and count in its size; `sample(n, condition={"size": 40})` makes rows of which they are known. Likelihoods are
        those of the other columns. In a list, only what leaves the code alone may stand beside: `Denoising`, which
        then does not change them, and `Contractive`.

    Raises
    ------
    ParameterError
        At `fit`, if a parameter cannot be used, or not with the others or the loss.

    References
    ----------
    D. P. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014. Y. Burda, R. Grosse, R. Salakhutdinov,
    "Importance weighted autoencoders", ICLR 2016. D. P. Kingma et al., "Improved variational inference with inverse
    autoregressive flow", NeurIPS 2016. K. Sohn, H. Lee, X. Yan, "Learning structured output representation using deep
    conditional generative models", NeurIPS 2015. I. Higgins et al., "beta-VAE", ICLR 2017. J. M. Tomczak, M. Welling,
    "VAE with a VampPrior", AISTATS 2018. H. Fu et al., "Cyclical annealing schedule", NAACL 2019. G. Tucker et al.,
    "Doubly reparameterized gradient estimators for Monte Carlo objectives", ICLR 2019. O. Rybkin, K. Daniilidis, S.
    Levine, "Simple and effective VAE training with calibrated decoders", ICML 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> ae = Autoencoder(2, objective=Variational(beta=0.5), max_epochs=2, random_state=0).fit(X)
    >>> ae.sample(3, random_state=0).shape, ae.elbo(X).shape
    ((3, 4), (60,))
    """

    #: What `prior` may be.
    priors: Sequence[str] = (NORMAL, *MIXTURES)
    _loss: str | None = None
    _names: Sequence[str] | None = None

    def __init__(
        self,
        beta: float = 1.0,
        samples: int = 1,
        *,
        gradient: str = "standard",
        warmup: float = 0.0,
        cycles: int = 1,
        free_bits: float = 0.0,
        prior: str = NORMAL,
        components: int = 50,
        variance: float | str | None = AUTO,
        condition: str | int | Sequence[str | int] | None = None,
    ):
        self.beta = beta
        self.samples = samples
        self.gradient = gradient
        self.warmup = warmup
        self.cycles = cycles
        self.free_bits = free_bits
        self.prior = prior
        self.components = components
        self.variance = variance
        self.condition = condition

    # Before training --------------------------------------------------------------------------------------------------

    def meet(self, loss: Loss, names: Sequence[str] | None) -> None:
        self._loss, self._names = "ratings" if loss.packed else loss.name, names  # no Gaussian of a variance learnt

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        check_weight(self, "beta")
        check_weight(self, "free_bits")
        check_number(self, "warmup", 0, 1, "a share from 0 to 1")
        check_word(self, "gradient", GRADIENTS)
        check_word(self, "prior", self.priors)
        for name in ("samples", "cycles", "components"):
            if not isinstance(getattr(self, name), Integral) or not is_number(getattr(self, name), 1, LARGEST_COUNT):
                raise refuse(self, name, f"a whole number from 1 to {LARGEST_COUNT}")
        is_word = isinstance(self.variance, str) and self.variance in (AUTO, LEARNED)
        if not (self.variance is None or is_word or is_number(self.variance, 1e-8, 1e8)):
            raise refuse(self, "variance", "'auto', 'learned', None, or a number from 1e-8 to 1e8")
        #: What it comes to: None, "learned", or a number.
        self.spread: Any = self.variance
        if is_word and self.variance == AUTO:
            self.spread = LEARNED if self._loss == "mse" else None
        if self.spread is not None and self._loss not in ("mse", None):
            raise ParameterError(
                f"Variational: variance={self.variance!r} is that of a Gaussian decoder and cannot be used with "
                f"loss={self._loss!r}; set loss='mse', or leave variance='auto'."
            )
        if self.gradient == DREG and self.samples == 1:
            raise refuse(self, "gradient", "'standard' with samples=1; set samples=2 or more for 'dreg'")
        if self.free_bits and (self.samples > 1 or self.prior in MIXTURES):
            raise refuse(self, "free_bits", "0 unless samples=1 and prior='normal'")
        # The last cycle's rise ends here.
        self.settles = 1 - (1 - float(self.warmup)) / int(self.cycles) if self.warmup else 0.0
        columns = conditions.listed(self.condition)
        self.given = conditions.places(columns, shape, self._names)
        self.linear_path, self.learns_prior = not self.given, self.prior in MIXTURES or bool(self.given)
        #: Units of the code that are not given.
        self.free = latent_dim - len(self.given)
        if self.free < 1:
            raise refuse(
                self, "condition", f"fewer columns than the code has units, {latent_dim}, since they count in its size"
            )
        #: Values of a row that are to be told, and weight of a unit's divergence beside a loss that is their mean.
        self.size = max(1, math.prod(shape) - len(self.given))
        self.per_unit = float(self.beta) / self.size
        self._drawn: Any = None

    @property
    def is_written_out(self) -> bool:
        """Whether the loss is the analytic one, with nothing to it beyond `beta`: what the fused step covers."""
        plain = self.samples == 1 and not self.warmup and not self.free_bits and not self.given
        return plain and self.prior not in MIXTURES

    def code_dim(self, latent_dim: int) -> int:
        return 2 * latent_dim - len(self.given)

    def make(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module | None:
        prior = MIXTURES[self.prior](shape, self.free, int(self.components)) if self.prior in MIXTURES else None
        return _Own(prior, self.spread == LEARNED, torch.zeros(KEPT, len(self.given)) if self.given else None)

    def start(self, x: Tensor, mask: Tensor | None) -> None:
        untold = self._untold(x, mask)
        if mask is not None and untold is not None:
            self.own.observed.fill_(float(untold.sum()) / (len(x) * self.size)).clamp_(min=LEAST_OBSERVED)
        if self.spread is not None:
            self._start_gaussian(x, mask)
        if self.prior in MIXTURES:
            self.own.prior.start(self._encoded, x, mask)
        if self.given:
            self.own.given.copy_(self._told(self.coded(x, mask))[random_rows(len(x), KEPT).to(x.device)])

    @torch.no_grad()
    def _start_gaussian(self, x: Tensor, mask: Tensor | None) -> None:
        """Start the variance at that of the residuals, and a linear path at probabilistic PCA, which is the optimum."""
        if self.spread == LEARNED:
            output = self.network.decode(self.encode(self.coded(x, mask)))
            variance = SquaredError()(output, x, self._untold(x, mask)).clamp(LEAST_START, 1)
            self.own.slow_log_variance.copy_(variance.log() / SPEED)
        else:
            variance = torch.tensor(float(self.spread))
        if not any(objective.overrides("code", "encode") for objective in self.earlier):
            start_at_probabilistic_pca(self.network, variance)

    def _encoded(self, x: Tensor, mask: Tensor | None) -> Tensor:
        return self.coded(x, mask)[:, : 2 * self.free]

    def _untold(self, x: Tensor, mask: Tensor | None) -> Tensor | None:
        """Mask of what is observed and not given; None where that is all."""
        if not self.given:
            return mask
        untold = torch.ones_like(x, dtype=torch.bool) if mask is None else mask.clone()
        untold[:, self.given] = False
        return untold

    def posterior(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log-variances (n, free) of what is not given."""
        return split(h[:, : 2 * self.free])

    def _told(self, h: Tensor) -> Tensor:
        return h[:, 2 * self.free :]

    def joined(self, z: Tensor, h: Tensor) -> Tensor:
        """Codes: what is not given, (S n, free), with what is given of n rows."""
        if not self.given:
            return z
        told = self._told(h)
        return torch.cat([z, told.repeat(len(z) // len(told), 1).to(z)], 1)

    # In a step --------------------------------------------------------------------------------------------------------

    def code(self, h: Tensor) -> tuple[Tensor, Terms]:
        mean, log_variance = self.posterior(h)
        deviation = (log_variance / 2).exp()
        if self.samples == 1:
            z = mean + torch.randn_like(mean) * deviation
            return self.joined(z, h), {"divergence": self._weight() * self._batch_divergence(mean, log_variance, z)}
        z = mean + torch.randn(int(self.samples), *mean.shape, dtype=mean.dtype, device=mean.device) * deviation
        # Told here, and part of the bound that `reconstruction` gives.
        divergence = self._weight() * self.divergence(mean, log_variance, z).mean().detach()
        self._drawn = mean, log_variance, z, divergence
        return self.joined(z.flatten(0, 1), h), {"divergence": divergence}

    def _ramp(self) -> Tensor | float:
        """Share of `beta` that counts at this point of the training."""
        if not self.warmup:
            return 1.0
        of_cycle = torch.where(self.progress < 1, (self.progress * self.cycles) % 1, self.progress)
        return (of_cycle / self.warmup).clamp(max=1)

    def _weight(self) -> Tensor | float:
        observed = 1.0 if self.own is None else self.own.observed
        return self.per_unit * self._ramp() / observed

    def _batch_divergence(self, mean: Tensor, log_variance: Tensor, z: Tensor) -> Tensor:
        if self.free_bits:
            return self.unit_divergences(mean, log_variance).mean(0).clamp(min=self.free_bits).sum()
        return self.divergence(mean, log_variance, z).mean()

    @staticmethod
    def unit_divergences(mean: Tensor, log_variance: Tensor) -> Tensor:
        """Divergence of each row's each unit from the standard normal distribution, in nats: (n, latent_dim)."""
        return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1)

    def divergence(self, mean: Tensor, log_variance: Tensor, z: Tensor) -> Tensor:
        """Divergence of each row's posterior from the prior, in nats: by a formula, or estimated by the codes `z`."""
        if self.prior not in MIXTURES:
            return self.unit_divergences(mean, log_variance).sum(-1)
        entropy = 0.5 * (log_variance + LOG_TWO_PI + 1).sum(-1)
        return -entropy - self.prior_log_density(z)

    def prior_log_density(self, z: Tensor) -> Tensor:
        """Log-density of codes under the prior: (..., latent_dim) to (...)."""
        return standard_log_density(z) if self.prior not in MIXTURES else self.own.prior.log_density(self._encoded, z)

    def reconstruction(self, batch: Batch) -> Tensor:
        if self.samples > 1:
            return self._importance_weighted(batch)
        loss = batch.loss(batch.output, batch.x, self._untold(batch.x, batch.mask))
        return loss if self.spread is None else self._in_nats(loss)

    def _importance_weighted(self, batch: Batch) -> Tensor:
        """Negative bound per observed value, less the divergence, which `code` gave as a term."""
        mean, log_variance, z, divergence = self._drawn
        self._drawn = None
        doubly = self.gradient == DREG
        # With this the posterior's parameters act through the codes alone.
        about = (mean.detach(), log_variance.detach()) if doubly else (mean, log_variance)
        ratio = self.prior_log_density(z) - gaussian_log_density(z, *about)
        beta = float(self.beta) * self._ramp()
        weights = beta * ratio - self.row_costs(batch.output, batch.x, batch.mask, batch.loss)
        if doubly and z.requires_grad:
            shares = weights.detach().softmax(0).unsqueeze(-1)
            z.register_hook(lambda grad: grad * (1 - beta * (1 - shares)))
        bound = torch.logsumexp(weights, 0) - math.log(self.samples)
        learnt = self._untold(batch.x, batch.mask)
        if learnt is None:
            return -bound.sum() / batch.x.numel() - divergence
        # A row of which nothing is learnt is no part of the bound.
        return -(bound * learnt.flatten(1).any(1)).sum() / learnt.sum().clamp(min=1) - divergence

    def terms(self, batch: Batch) -> Terms:
        if not self.given:
            return {}
        # What is given is no part of the likelihood: it is learnt by its loss as it is.
        copies = (len(batch.output) // len(batch.x), 1)
        mask = None if batch.mask is None else batch.mask[:, self.given].repeat(copies)
        return {"given": batch.loss(batch.output[:, self.given], batch.x[:, self.given].repeat(copies), mask)}

    # Likelihood -------------------------------------------------------------------------------------------------------

    def row_costs(self, output: Tensor, x: Tensor, mask: Tensor | None, loss: Loss) -> Tensor:
        """Loss of each row, summed over what is observed and not given: outputs of S n rows, in blocks of n, to (S, n).

        In nats, but for constants where `spread` is None.
        """
        outputs = output.unflatten(0, (-1, len(x)))
        cells = loss.cells(outputs, x.expand(len(outputs), *x.shape))
        if self.spread is not None:
            cells = self._in_nats(cells)
        seen = self._untold(x, mask)
        return (cells if seen is None else cells * seen).flatten(2).sum(2)

    def values(self, x: Tensor, mask: Tensor | None) -> Tensor | int:
        """Values of each row that `row_costs` adds up."""
        seen = self._untold(x, mask)
        return x[0].numel() if seen is None else seen.flatten(1).sum(1)

    def constant(self, loss: Loss) -> float:
        """What `row_costs` leaves out of each value's negative log-likelihood, in nats."""
        if loss.name not in CONSTANTS:
            raise ParameterError(
                f"loss={loss.name!r} is no likelihood that Variational knows; it knows {', '.join(CONSTANTS)}."
            )
        return CONSTANTS[loss.name] if self.spread is None else 0.0

    def _in_nats(self, squares: Tensor) -> Tensor:
        """Squared errors as negative log-likelihoods of the decoder's variance."""
        if self.spread == LEARNED:
            held = self.own.log_variance.clamp(LEAST, MOST)
            return 0.5 * (squares * (-held).exp() + held + LOG_TWO_PI)
        given = float(self.spread)
        return 0.5 * (squares / given + math.log(given) + LOG_TWO_PI)

    # After training ---------------------------------------------------------------------------------------------------

    def encode(self, h: Tensor) -> Tensor:
        return self.joined(h[:, : self.free], h)

    def draw(self, n: int, generator: torch.Generator) -> Tensor | None:
        if not self.given:
            return self.draw_free(n, generator)
        told = self.own.given.cpu()
        return torch.cat([self.draw_free(n, generator), told[torch.randint(len(told), (n,), generator=generator)]], 1)

    def draw_free(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw from the prior of what is not given, on the CPU: (n, free)."""
        if self.prior not in MIXTURES:
            return torch.randn(n, self.free, generator=generator)
        return self.own.prior.draw(self._encoded, n, generator)
