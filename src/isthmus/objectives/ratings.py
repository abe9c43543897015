"""Losses of ratings: what is said of the entries of a row, and of nothing else."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.objectives.reconstruction import Loss
from isthmus.packed import places, there


class Ratings(Loss):
    """Base: a decoder that is told packed rows (n, entries, 2) gives an output for each entry, else for each item."""

    packed = True


class Multinomial(Ratings):
    """Log-likelihood of the items of a row, drawn one after another from one distribution (Liang et al., 2018).

    Told the rows, the decoder gives logarithms of probabilities; else logits of all items. Values weigh the entries.
    """

    name = "multinomial"

    def cells(self, output: Tensor, x: Tensor) -> Tensor:
        """Loss of each entry, in nats: (..., entries), 0 where there is none."""
        return -x[..., 1] * output * there(x)

    def link(self, output: Tensor) -> Tensor:
        """Probability of each item to be the next."""
        return output.softmax(-1)

    def distance(self, value: Tensor, x: Tensor) -> Tensor:
        """Give 1 where an entry is not among the first items, of as many as its row has entries."""
        found = there(x)
        wanted = found.sum(1)
        best = value.topk(int(wanted.max().clamp(min=1)), dim=1).values
        least = best.gather(1, (wanted - 1).clamp(min=0)[:, None])
        return ((value.gather(1, places(x)) < least) & found).to(x.dtype)

    def spread(self, x: Tensor, mean: Tensor) -> Tensor:
        """Give the same for items by how often they are taken."""
        return self.distance(mean.to(x).expand(len(x), -1), x)


class SquaredOfEntries(Ratings):
    """Squared error of the entries of a row; what is not known is no part of it (Sedhain et al., 2015)."""

    name = "mse"

    def cells(self, output: Tensor, x: Tensor) -> Tensor:
        """Loss of each entry: (..., entries), 0 where there is none."""
        return (output - x[..., 1]).square() * there(x)

    def distance(self, value: Tensor, x: Tensor) -> Tensor:
        """Squared differences of the entries."""
        return (value.gather(1, places(x)) - x[..., 1]).square() * there(x)

    def spread(self, x: Tensor, mean: Tensor) -> Tensor:
        """Squared differences from the items' means."""
        return self.distance(mean.to(x).expand(len(x), -1), x)


#: By the name that `loss=` takes.
OF_RATINGS: dict[str, type[Ratings]] = {loss.name: loss for loss in (Multinomial, SquaredOfEntries)}


def stays(x: Tensor, level: float | Tensor, generator: torch.Generator) -> Tensor:
    """Draw which entries of packed rows stay, where a share `level` is taken away: bool (n, entries)."""
    drawn = torch.rand(x.shape[:-1], generator=generator, dtype=x.dtype, device=generator.device)
    return drawn.to(x.device) >= level
