"""Several objectives as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Self

import torch
from torch import Tensor, nn

from isthmus.exceptions import ParameterError
from isthmus.objectives.base import Batch, Objective, Terms
from isthmus.objectives.checks import check_code, check_terms, refuse
from isthmus.objectives.reconstruction import Loss


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
        self.learns_prior = any(objective.learns_prior for objective in self.objectives)
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

    def filling(self, shape: tuple[int, ...]) -> nn.Module | None:
        made = (objective.filling(shape) for objective in self.objectives)
        return next((module for module in made if module is not None), None)

    def hide(self, x: Tensor, mask: Tensor | None, generator: torch.Generator) -> Tensor | None:
        seen = mask
        for objective in self.objectives:
            seen = objective.hide(x, seen, generator)
        if self.given and seen is not None:
            seen = seen.clone()
            seen[:, self.given] = True if mask is None else mask[:, self.given]
        return seen

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

    def feed(self, x: Tensor, z: Tensor, generator: torch.Generator) -> Tensor:
        for objective in self.objectives:
            x = objective.feed(x, z, generator)
        return x

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

    def hides(self) -> bool:
        return any(objective.hides() for objective in self.objectives)

    def is_plain(self) -> bool:
        return all(objective.is_plain() for objective in self.objectives)


def each_objective(objective: Objective) -> list[Objective]:
    """List an objective, or those of a list, however deep."""
    if not isinstance(objective, Chain):
        return [objective]
    return [part for inner in objective.objectives for part in each_objective(inner)]
