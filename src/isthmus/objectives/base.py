"""What a kind of autoencoder may change in one training step, and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol, Self

import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from isthmus.exceptions import ParameterError
from isthmus.objectives.checks import check_code, check_terms, refuse
from isthmus.objectives.reconstruction import Loss

Terms = dict[str, Tensor]


class Coder(Protocol):
    """The network that an objective works on."""

    encoder: nn.Module
    decoder: nn.Module

    def encode(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Rows (n, *shape) to (n, code_dim)."""
        ...

    def decode(self, z: Tensor) -> Tensor:
        """Codes (n, latent_dim) to outputs (n, *shape), before the loss's link."""
        ...


@dataclass
class Batch:
    """One batch after its way through the network.

    Parameters
    ----------
    x : Tensor of shape (n, *shape)
        The clean rows.
    mask : bool Tensor of shape (n, *shape), optional
        True where a value was observed and is learnt from; None where all are.
    seen : Tensor of shape (n, *shape)
        The rows as the encoder saw them.
    seen_mask : bool Tensor of shape (n, *shape), optional
        The mask that the encoder was given.
    h : Tensor of shape (n, code_dim)
        What the encoder gave.
    z : Tensor of shape (m, latent_dim)
        What was decoded: m is n, or S times n where `code` gave S codes of each row, one block of n after another.
    output : Tensor of shape (m, *shape)
        What the decoder gave, before the loss's link.
    loss : Loss
    """

    x: Tensor
    mask: Tensor | None
    seen: Tensor
    seen_mask: Tensor | None
    h: Tensor
    z: Tensor
    output: Tensor
    loss: Loss


class Objective(BaseEstimator):
    """One idea added to the plain autoencoder; a subclass overrides the places that it needs.

    The training step calls, in this order, `corrupt` on the prepared batch, the encoder, `code` on what the encoder
    gave, the decoder, and `reconstruction` and `terms` on the batch as it then is; the loss is the reconstruction plus
    the sum of the named terms that `code` and `terms` returned. After training only `encode` is called, and it must be
    deterministic.

    Weights and buffers of an objective's own are one module that `make` gives: it becomes part of the network, is
    trained, kept and saved with it, and is there as `self.own`. What pulls against the network is marked as `Rival`.

    Parameters are stored as scikit-learn's estimators store them: the constructor only assigns.

    Attributes
    ----------
    network : Coder
        The network that is worked on; in every place but `begin`, `code_dim` and `make`.
    own : nn.Module or None
        What `make` gave.
    progress : Tensor of shape ()
        Share of the training that is over, from 0 to 1; 1 where the loss is measured, and after training.

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

    network: Coder
    own: Any = None
    progress: Tensor = torch.ones(())
    #: Objectives of the same list that the code has passed when it comes to this one.
    earlier: Sequence[Objective] = ()

    #: Whether a linear path started at PCA suits the codes; without, `linear_path="auto"` means none.
    linear_path = True
    #: Places of values in a prepared row that are not encoded but follow the code as they are.
    given: Sequence[int] = ()
    #: Share of the training after which the loss asks for the same to the end: patience is counted from there.
    settles = 0.0
    #: Share of the network's usual learning rate that suits the codes; `learning_rate="auto"` goes by it.
    pace = 1.0

    # Before training --------------------------------------------------------------------------------------------------

    def meet(self, loss: Loss, names: Sequence[str] | None) -> None:
        """Take the loss, and the names of the columns where they have any; called before `begin`."""

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        """Look at the shape of one prepared item and the size of the code, once, before any training.

        Called on the model's own copy, before `code` and `encode`; refuse here what cannot be used.
        """

    def code_dim(self, latent_dim: int) -> int:
        """Width that must come from the encoder, with what is `given`, for a code of `latent_dim`."""
        return latent_dim

    def make(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module | None:
        """Make the weights and buffers that the objective has of its own; torch's generator is seeded."""
        return None

    def start(self, x: Tensor, mask: Tensor | None) -> None:
        """Start `own`, or the network, by up to 4,096 prepared training rows (n, *shape), before the first step."""

    def bind(self, network: Any, progress: Tensor | None = None) -> Self:
        """Give a copy that works on a network, whose attribute `own` is what `make` gave."""
        return self._bound(network, network.own, progress)

    def _bound(self, network: Any, own: Any, progress: Tensor | None) -> Self:
        bound = copy.copy(self)
        bound.network, bound.own = network, own
        if progress is not None:
            bound.progress = progress
        return bound

    def follow(self, earlier: Sequence[Objective]) -> None:
        """Take the bound objectives that come before this one in a list."""
        self.earlier = tuple(earlier)

    def coded(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Encode rows as far as this objective: the deterministic code of the objectives before it in a list."""
        h = self.network.encode(x, mask)
        for objective in self.earlier:
            h = objective.encode(h)
        return h

    # In a step --------------------------------------------------------------------------------------------------------

    def corrupt(self, x: Tensor, mask: Tensor | None, generator: torch.Generator) -> Tensor:
        """Change what the encoder sees; the target stays clean.

        Draw from `generator` alone: `torch.randn(x.shape, generator=generator, device=generator.device).to(x)`.
        """
        return x

    def code(self, h: Tensor) -> tuple[Tensor, Terms]:
        """Turn what the encoder gave into the code that is decoded, in training, with terms to add to the loss.

        S codes of each row may be given, (S n, latent_dim): then `reconstruction` must bring their losses together.
        """
        return self.encode(h), {}

    def reconstruction(self, batch: Batch) -> Tensor:
        """Reconstruction loss of the batch: a scalar. In a list, that of the first objective that overrides it."""
        return batch.loss(batch.output, batch.x, batch.mask)

    def terms(self, batch: Batch) -> Terms:
        """Terms of the loss that need the decoder's output, or the rows."""
        return {}

    def before_update(self) -> None:
        """Change gradients, which are there as each parameter's `grad`, before the optimiser takes its step."""

    def after_update(self) -> None:
        """Change weights after the optimiser's step, without gradients."""

    # After training ---------------------------------------------------------------------------------------------------

    def encode(self, h: Tensor) -> Tensor:
        """Turn what the encoder gave into the deterministic code."""
        return h

    def draw(self, n: int, generator: torch.Generator) -> Tensor | None:
        """Draw n codes from the prior, on the CPU: (n, latent_dim); None where the objective has no prior."""
        return None

    # What it changes --------------------------------------------------------------------------------------------------

    def overrides(self, *places: str) -> bool:
        """Whether any of some places is not the plain autoencoder's."""
        return any(getattr(type(self), place) is not getattr(Objective, place) for place in places)

    def corrupts(self) -> bool:
        """Whether `corrupt` changes anything."""
        return self.overrides("corrupt")

    def is_plain(self) -> bool:
        """Whether nothing is added: only then is PCA, the starting point, a candidate for the best weights."""
        return not self.overrides("code_dim", "make", "corrupt", "code", "reconstruction", "terms", "encode")


class Rival(nn.Module):
    """Weights that pull against the network's, such as a discriminator's: they get an optimiser step of their own.

    Parameters
    ----------
    module : nn.Module
    rate : float, default=1.0
        Their learning rate over that of the network.
    """

    def __init__(self, module: nn.Module, rate: float = 1.0):
        super().__init__()
        self.module = module
        self.rate = rate

    def forward(self, *inputs: Tensor) -> Tensor:
        """Call the module."""
        return self.module(*inputs)


class Chain(Objective):
    """Several objectives, one after another; the first one's code is the next one's input.

    Parameters
    ----------
    objectives : sequence of Objective
    """

    def __init__(self, objectives: Sequence[Objective] = ()):
        self.objectives = objectives

    def meet(self, loss: Loss, names: Sequence[str] | None) -> None:
        for objective in self.objectives:
            objective.meet(loss, names)

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        self.check()
        for objective, width in self._widths(latent_dim):
            objective.begin(shape, width)
        self.linear_path = all(objective.linear_path for objective in self.objectives)
        told = [i for i, objective in enumerate(self.objectives) if objective.given]
        if told:
            others = [o for i, o in enumerate(self.objectives) if i != told[0] and o.overrides("code", "encode")]
            if others:
                raise ParameterError(
                    f"{self.objectives[told[0]]!r}: what is given goes from the row to the decoder as it is, but "
                    f"{others[0]!r} beside it in the list works on the code; leave one of the two out."
                )
            self.given = self.objectives[told[0]].given
        self.settles = max((objective.settles for objective in self.objectives), default=0.0)
        self.pace = min((objective.pace for objective in self.objectives), default=1.0)

    def check(self) -> None:
        """Refuse what is no list of objectives (ParameterError)."""
        if not isinstance(self.objectives, Sequence) or not all(isinstance(o, Objective) for o in self.objectives):
            raise refuse(self, "objectives", "a list of objectives")

    def _widths(self, latent_dim: int) -> list[tuple[Objective, int]]:
        """Each objective with the width of the code that it gives."""
        pairs = []
        for objective in reversed(self.objectives):
            pairs.append((objective, latent_dim))
            latent_dim = objective.code_dim(latent_dim)
        return pairs[::-1]

    def code_dim(self, latent_dim: int) -> int:
        for objective in reversed(self.objectives):
            latent_dim = objective.code_dim(latent_dim)
        return latent_dim

    def make(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module | None:
        made = {str(i): objective.make(shape, width) for i, (objective, width) in enumerate(self._widths(latent_dim))}
        kept = {name: module for name, module in made.items() if module is not None}
        return nn.ModuleDict(kept) if kept else None

    def _bound(self, network: Any, own: Any, progress: Tensor | None) -> Self:
        bound = super()._bound(network, own, progress)
        bound.objectives = parts = []
        for i, objective in enumerate(self.objectives):
            part = objective._bound(network, own[str(i)] if own is not None and str(i) in own else None, progress)
            part.follow((*self.earlier, *parts))
            parts.append(part)
        return bound

    def follow(self, earlier: Sequence[Objective]) -> None:
        super().follow(earlier)
        for i, objective in enumerate(self.objectives):
            objective.follow((*earlier, *self.objectives[:i]))

    def start(self, x: Tensor, mask: Tensor | None) -> None:
        for objective in self.objectives:
            objective.start(x, mask)

    def corrupt(self, x: Tensor, mask: Tensor | None, generator: torch.Generator) -> Tensor:
        given = x[:, self.given].clone() if self.given else None
        for objective in self.objectives:
            x = objective.corrupt(x, mask, generator)
        if given is not None:
            x[:, self.given] = given
        return x

    def code(self, h: Tensor) -> tuple[Tensor, Terms]:
        terms: Terms = {}
        for objective in self.objectives:
            given = objective.code(h)
            check_code(objective, given)
            h = given[0]
            self._join(terms, given[1])
        return h, terms

    def reconstruction(self, batch: Batch) -> Tensor:
        own = [objective for objective in self.objectives if objective.overrides("reconstruction")]
        return own[0].reconstruction(batch) if own else super().reconstruction(batch)

    def terms(self, batch: Batch) -> Terms:
        terms: Terms = {}
        for objective in self.objectives:
            new = objective.terms(batch)
            check_terms(objective, new)
            self._join(terms, new)
        return terms

    def _join(self, terms: Terms, new: Terms) -> None:
        for name, term in new.items():
            terms[self.numbered(name, terms)] = term

    @staticmethod
    def numbered(name: str, terms: Mapping[str, Any]) -> str:
        """Name of a new term: the second of a name gets a number."""
        names = (f"{name}_{number}" for number in count(2))
        return name if name not in terms else next(other for other in names if other not in terms)

    def before_update(self) -> None:
        for objective in self.objectives:
            objective.before_update()

    def after_update(self) -> None:
        for objective in self.objectives:
            objective.after_update()

    def encode(self, h: Tensor) -> Tensor:
        for objective in self.objectives:
            h = objective.encode(h)
        return h

    def draw(self, n: int, generator: torch.Generator) -> Tensor | None:
        for i, objective in enumerate(self.objectives):
            drawn = objective.draw(n, generator)
            if drawn is not None:
                # What follows turns codes into codes as it does with those of rows.
                for later in self.objectives[i + 1 :]:
                    drawn = later.encode(drawn)
                return drawn
        return None

    def overrides(self, *places: str) -> bool:
        return any(objective.overrides(*places) for objective in self.objectives)

    def corrupts(self) -> bool:
        own = type(self).corrupt is not Chain.corrupt
        return own or any(objective.corrupts() for objective in self.objectives)

    def is_plain(self) -> bool:
        return all(objective.is_plain() for objective in self.objectives)


def each_objective(objective: Objective) -> list[Objective]:
    """List an objective, or those of a list, however deep."""
    if not isinstance(objective, Chain):
        return [objective]
    return [part for inner in objective.objectives for part in each_objective(inner)]
