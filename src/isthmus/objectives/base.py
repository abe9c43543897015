"""What a kind of autoencoder may change in one training step, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import torch
from sklearn.base import BaseEstimator
from torch import Tensor

from isthmus.objectives.checks import refuse

Terms = dict[str, Tensor]


class Objective(BaseEstimator):
    """One idea added to the plain autoencoder; a subclass overrides the places that it needs.

    The training step calls, in this order, `corrupt` on the prepared batch, the encoder, `code` on what the encoder
    gave, and the decoder; the loss is the reconstruction loss against the clean batch plus the sum of the named terms
    that `code` returned. After training only `encode` is called, and it must be deterministic.

    Parameters are stored as scikit-learn's estimators store them: the constructor only assigns.

    Examples
    --------
    A small code, by its mean absolute value:

    >>> class SmallCode(Objective):
    ...     def __init__(self, weight=0.1):
    ...         self.weight = weight
    ...
    ...     def code(self, h):
    ...         return h, {"small_code": self.weight * h.abs().mean()}
    >>> SmallCode(0.5).get_params()
    {'weight': 0.5}
    """

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        """Look at the shape of one prepared item and the size of the code, once, before any training.

        Called on the model's own copy, before `code` and `encode`; refuse here what cannot be used.
        """

    def code_dim(self, latent_dim: int) -> int:
        """Width that the encoder must give for a code of `latent_dim`."""
        return latent_dim

    def corrupt(self, x: Tensor, mask: Tensor | None, generator: torch.Generator) -> Tensor:
        """Change what the encoder sees; the target stays clean.

        Draw from `generator` alone: `torch.randn(x.shape, generator=generator, device=generator.device).to(x)`.
        """
        return x

    def code(self, h: Tensor) -> tuple[Tensor, Terms]:
        """Turn what the encoder gave into the code that is decoded, in training, with terms to add to the loss."""
        return self.encode(h), {}

    def encode(self, h: Tensor) -> Tensor:
        """Turn what the encoder gave into the deterministic code."""
        return h

    def corrupts(self) -> bool:
        """Whether `corrupt` changes anything."""
        return type(self).corrupt is not Objective.corrupt

    def is_plain(self) -> bool:
        """Whether nothing is added: only then is PCA, the starting point, a candidate for the best weights."""
        places = ("code_dim", "corrupt", "code", "encode")
        return all(getattr(type(self), place) is getattr(Objective, place) for place in places)


class Chain(Objective):
    """Several objectives, one after another; the first one's code is the next one's input.

    Parameters
    ----------
    objectives : sequence of Objective
    """

    def __init__(self, objectives: Sequence[Objective] = ()):
        self.objectives = objectives

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        if not isinstance(self.objectives, Sequence) or not all(isinstance(o, Objective) for o in self.objectives):
            raise refuse(self, "objectives", "a list of objectives")
        for objective in reversed(self.objectives):
            objective.begin(shape, latent_dim)
            latent_dim = objective.code_dim(latent_dim)

    def code_dim(self, latent_dim: int) -> int:
        for objective in reversed(self.objectives):
            latent_dim = objective.code_dim(latent_dim)
        return latent_dim

    def corrupt(self, x: Tensor, mask: Tensor | None, generator: torch.Generator) -> Tensor:
        for objective in self.objectives:
            x = objective.corrupt(x, mask, generator)
        return x

    def code(self, h: Tensor) -> tuple[Tensor, Terms]:
        terms: Terms = {}
        for objective in self.objectives:
            h, new = objective.code(h)
            for name, term in new.items():
                terms[self.numbered(name, terms)] = term
        return h, terms

    @staticmethod
    def numbered(name: str, terms: Mapping[str, Any]) -> str:
        """Name of a new term: the second of a name gets a number."""
        names = (f"{name}_{number}" for number in count(2))
        return name if name not in terms else next(other for other in names if other not in terms)

    def encode(self, h: Tensor) -> Tensor:
        for objective in self.objectives:
            h = objective.encode(h)
        return h

    def corrupts(self) -> bool:
        own = type(self).corrupt is not Chain.corrupt
        return own or any(objective.corrupts() for objective in self.objectives)

    def is_plain(self) -> bool:
        return all(objective.is_plain() for objective in self.objectives)
