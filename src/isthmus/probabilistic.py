"""What a variational autoencoder knows beside codes: posteriors, likelihoods, and which units it uses."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from isthmus import parameters as check
from isthmus.data import Raw
from isthmus.exceptions import ParameterError
from isthmus.objectives import Objective, Variational, each_objective
from isthmus.objectives.conditions import given_values, listed
from isthmus.objectives.mixtures import gaussian_log_density

if TYPE_CHECKING:
    from isthmus.data import Preparation, Prepared
    from isthmus.training.inference import Inference

#: Variance of a unit's posterior means over rows from which it counts as active (Burda et al., 2016), and the share of
#: active units under which a fit is told to have collapsed.
ACTIVE, FEW = 0.01, 0.1


class Probabilistic:
    """What a variational autoencoder knows beside codes: posteriors, likelihoods, and which units it uses.

    Every method needs `Variational` as the objective, or in its list.
    """

    preparation_: Preparation
    _inference: Inference
    _codes: np.ndarray

    if TYPE_CHECKING:

        def _given(self, X: Any) -> Raw: ...

    @torch.no_grad()
    def sample_posterior(self, X: Any, n: int = 1, random_state: Any = None) -> np.ndarray:
        """Draw codes of rows from their posteriors.

        Parameters
        ----------
        X : same as in fit
        n : int, default=1
            Codes for each row.
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        ndarray of shape (n, n_rows, latent_dim_)
            Codes that `inverse_transform` decodes; the first axis is there for n=1 as well.

        Raises
        ------
        ParameterError
            If the objective is not variational.
        """
        drawn = []
        generator = _generator("n", n, random_state)
        for posterior in self._posteriors("sample_posterior", X):
            drawn.append(torch.stack([posterior.finished(posterior.draw(1, generator)[0]) for _ in range(n)]).cpu())
        return torch.cat(drawn, 1).numpy()

    @torch.no_grad()
    def log_likelihood(self, X: Any, samples: int = 100, random_state: Any = 0) -> np.ndarray:
        """Estimate the log-likelihood of rows by importance sampling from the posterior (Burda et al., 2016).

        The estimate is a lower bound on average, which rises towards the likelihood with the samples.

        Parameters
        ----------
        X : same as in fit
        samples : int, default=100
        random_state : int, RandomState instance or None, default=0

        Returns
        -------
        ndarray of shape (n,)
            Nats, of the observed values of each row in prepared units, with all constants; for `loss="bce"` the
            Bernoulli likelihood. With `members`, that of the best one.

        Raises
        ------
        ParameterError
            If the objective is not variational, or the loss is no likelihood.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from isthmus import Autoencoder, Variational
        >>> X = load_iris().data
        >>> ae = Autoencoder(2, objective=Variational(variance="learned"), max_epochs=5, random_state=0).fit(X)
        >>> bool((ae.log_likelihood(X, samples=50).mean() > ae.elbo(X, samples=50).mean()))
        True
        """
        rows = []
        generator = _generator("samples", samples, random_state)
        for posterior in self._posteriors("log_likelihood", X):
            parts = [torch.logsumexp(posterior.log_weights(s, generator), 0) for s in posterior.groups(samples)]
            rows.append(torch.logsumexp(torch.stack(parts), 0).cpu() - math.log(samples))
        return torch.cat(rows).numpy()

    @torch.no_grad()
    def elbo(self, X: Any, samples: int = 1, random_state: Any = 0) -> np.ndarray:
        """Evidence lower bound of rows, whatever `beta` was trained with.

        Parameters
        ----------
        X : same as in fit
        samples : int, default=1
            Codes over which the reconstruction is averaged.
        random_state : int, RandomState instance or None, default=0

        Returns
        -------
        ndarray of shape (n,)
            Nats, as `log_likelihood` gives them.

        Raises
        ------
        ParameterError
            If the objective is not variational, or the loss is no likelihood.
        """
        rows = []
        generator = _generator("samples", samples, random_state)
        for posterior in self._posteriors("elbo", X):
            bounds = [posterior.bounds(s, generator).sum(0) for s in posterior.groups(samples)]
            rows.append(torch.stack(bounds).sum(0).cpu() / samples)
        return torch.cat(rows).numpy()

    @torch.no_grad()
    def kl_by_unit(self, X: Any) -> np.ndarray:
        """Divergence of the posterior from the standard normal prior, by unit of the code.

        Parameters
        ----------
        X : same as in fit

        Returns
        -------
        ndarray of shape (latent_dim_,)
            Nats, as means over rows; near 0 where a unit is not used. Without units that a condition gives.

        Raises
        ------
        ParameterError
            If the objective is not variational, or its prior another one, which has no divergence by unit.
        """
        sums, n = [], 0
        for posterior in self._posteriors("kl_by_unit", X):
            if posterior.objective.prior != "normal":
                raise ParameterError(
                    f"kl_by_unit needs the prior 'normal', but this is {posterior.objective!r}; active_units and elbo "
                    "work for every prior."
                )
            sums.append(posterior.objective.unit_divergences(posterior.mean, posterior.log_variance).sum(0).cpu())
            n += len(posterior.mean)
        return (torch.stack(sums).sum(0) / n).numpy()

    @torch.no_grad()
    def active_units(self, X: Any, threshold: float = ACTIVE) -> np.ndarray:
        """Say which units of the code are used: those whose posterior mean varies over rows (Burda et al., 2016).

        Parameters
        ----------
        X : same as in fit
        threshold : float, default=0.01
            Variance above which a unit is active.

        Returns
        -------
        ndarray of bool of shape (latent_dim_,)
            Without units that a condition gives.

        Raises
        ------
        ParameterError
            If the objective is not variational.
        """
        if not check.number(0)(threshold):
            raise ParameterError(f"threshold={threshold!r} cannot be used; expected a number from 0 on.")
        means = [posterior.mean.cpu() for posterior in self._posteriors("active_units", X)]
        return (torch.cat(means).double().var(0, correction=0) > threshold).numpy()

    @torch.no_grad()
    def _sample_given(self, n: int, condition: Any, seed: int) -> np.ndarray:
        """Make rows of which some columns are known: (n, d), in the person's units."""
        if not self._inference.objective.given:
            raise ParameterError(
                "condition= needs a model that was fitted with labels, fit(X, y), or with "
                f"Variational(condition=[columns]), but this one has {self._inference.objective!r}."
            )
        # Nothing beside it in a list works on the code, so that what is drawn is the code.
        bound, _ = _variational(self._inference, torch.float32)
        values = given_values(condition, listed(bound.condition), n)
        rows = np.full((n, *self.preparation_.shape_), np.nan)
        rows[:, bound.given] = values
        raw = Raw(rows, self.preparation_.kind, self.preparation_.feature_names_)
        known = self.preparation_.transform(raw).x[:, list(bound.given)]
        z = torch.cat([bound.draw_free(n, torch.Generator().manual_seed(seed)), known], 1)
        made = self._inference.values(z.numpy())
        made[:, bound.given] = values
        return made

    @torch.no_grad()
    def _spreads(self, raw: Raw) -> np.ndarray | None:
        """Deviation of each unit of the code about the posterior's mean, over rows: (latent_dim,).

        None for an objective whose code is no distribution.
        """
        if not _is_variational(self._inference.objective):
            return None
        squares, generator = [], torch.Generator().manual_seed(0)
        for posterior in self._posteriors("sample", raw):
            drawn = posterior.finished(posterior.draw(1, generator)[0]) - posterior.finished(posterior.mean)
            squares.append(drawn.square().cpu())
        return torch.cat(squares).mean(0).sqrt().float().numpy()

    def _posteriors(self, verb: str, X: Any) -> Iterator[Posterior]:
        """Give the posteriors of rows, block by block."""
        check_is_fitted(self)  # pyright: ignore[reportArgumentType]
        if not _is_variational(self._inference.objective):
            raise ParameterError(
                f"{verb} needs objective=Variational(...), alone or in a list, but this model was fitted with "
                f"{self._inference.objective!r}."
            )
        for _, prepared in self._inference.blocks(self._given(X)):
            yield Posterior.of(self._inference, prepared)

    def _advise(self) -> None:
        """Warn of posterior collapse, by the training codes that are kept."""
        n, size = self._codes.shape
        if n < 2 or not _is_variational(self._inference.objective):
            return
        size -= len(self._inference.objective.given)
        active = int((self._codes[:, :size].astype(np.float64).var(0) > ACTIVE).sum())
        if active < max(1.0, FEW * size):
            warnings.warn(
                f"Posterior collapse: {active} of {size} units of the code are active, the others say nothing about "
                "the rows. Try Variational with a smaller beta, warmup=0.25 or free_bits=0.1; or a smaller latent_dim.",
                RuntimeWarning,
                stacklevel=5,
            )


@dataclass
class Posterior:
    """Posteriors of some prepared rows, and what follows from them.

    Parameters
    ----------
    inference : Inference
    prepared : Prepared
    objective : Variational
        Bound to the network.
    following : list of Objective
        Those after it in a list, bound as well.
    h : Tensor of shape (n, code_dim)
        What the objective was given.
    mean, log_variance : Tensor of shape (n, latent_dim)
        Of the units that are not given by a condition.
    """

    inference: Inference
    prepared: Prepared
    objective: Variational
    following: list[Objective]
    h: Tensor
    mean: Tensor
    log_variance: Tensor

    @classmethod
    def of(cls, inference: Inference, prepared: Prepared) -> Posterior:
        """Encode rows as far as the first variational objective."""
        objective, following = _variational(inference, prepared.x.dtype)
        h = objective.coded(prepared.x, prepared.mask)
        return cls(inference, prepared, objective, following, h, *objective.posterior(h))

    def groups(self, samples: int) -> list[int]:
        """Split samples into numbers that fit into a block each."""
        at_once = max(1, self.inference.rows_at_once // len(self.mean))
        return [min(at_once, samples - start) for start in range(0, samples, at_once)]

    def draw(self, samples: int, generator: torch.Generator) -> Tensor:
        """Draw what is not given of codes: (S, n, free)."""
        noise = torch.randn(samples, *self.mean.shape, generator=generator, dtype=self.mean.dtype)
        return self.mean + (self.log_variance / 2).exp() * noise.to(self.mean.device)

    def finished(self, z: Tensor) -> Tensor:
        """Codes as they are decoded, with what is given, and after the objectives that follow: (m, latent_dim)."""
        z = self.objective.joined(z, self.h)
        for objective in self.following:
            z = objective.encode(z)
        return z

    def log_weights(self, samples: int, generator: torch.Generator) -> Tensor:
        """Log-density of rows and codes, over that of the codes in the posterior: (S, n), in nats."""
        z = self.draw(samples, generator)
        ratio = self.objective.prior_log_density(z) - gaussian_log_density(z, self.mean, self.log_variance)
        return self._likelihoods(z) + ratio

    def bounds(self, samples: int, generator: torch.Generator) -> Tensor:
        """Evidence lower bounds of rows by each of some codes: (S, n), in nats."""
        z = self.draw(samples, generator)
        return self._likelihoods(z) - self.objective.divergence(self.mean, self.log_variance, z)

    def _likelihoods(self, z: Tensor) -> Tensor:
        """Log-likelihood of the observed values of each row, given its codes: (S, n)."""
        x, mask, loss = self.prepared.x, self.prepared.mask, self.inference.loss
        output = self.inference.outputs_of(self.finished(z.flatten(0, 1)), x)
        constants = self.objective.constant(loss) * self.objective.values(x, mask)
        return -self.objective.row_costs(output, x, mask, loss) - constants


def _variational(inference: Inference, dtype: torch.dtype) -> tuple[Variational, list[Objective]]:
    """Give the first variational objective, and those after it, bound to the network."""
    parts = each_objective(inference.objective.bind(inference.network(dtype)))
    place = next(i for i, part in enumerate(parts) if isinstance(part, Variational))
    objective = parts[place]
    assert isinstance(objective, Variational)
    return objective, parts[place + 1 :]


def _is_variational(objective: Objective) -> bool:
    return any(isinstance(part, Variational) for part in each_objective(objective))


def _generator(name: str, count: Any, random_state: Any) -> torch.Generator:
    """Check how much is to be drawn, and from what."""
    if not check.whole(1)(count):
        raise ParameterError(f"{name}={count!r} cannot be used; expected a whole number from 1 on.")
    if not check.RANDOM(random_state):
        raise ParameterError(f"random_state={random_state!r} cannot be used; expected {check.RANDOM_WORDS}.")
    return torch.Generator().manual_seed(check_random_state(random_state).randint(2**31 - 1))
