"""Reconstruction losses: how far the output is from the prepared input, over observed cells."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.exceptions import ParameterError

#: Logarithm of the largest mean of a count, so that its exponential stays finite.
LARGEST_LOG = 30.0


class Loss(ABC):
    """A loss of each cell, and the link from the network's output to a value in prepared units."""

    name: str
    #: Column that each value belongs to, a Tensor of shape (p,); None where each is a column of its own.
    columns: Tensor | None = None
    #: Columns for each value of a row: what the sum of a column's cells is to be multiplied by.
    per_value = 1.0
    #: Whether the prepared values must be counts, or other values from 0 on, as they are.
    counts = False
    #: Number of ids that a value can be; 0 where values are numbers.
    vocabulary = 0
    #: Whether rows are packed: their entries alone (`isthmus.packed`).
    packed = False

    @property
    def told(self) -> bool:
        """Whether a decoder is shown the rows whenever their loss is asked for, not in training alone."""
        return bool(self.vocabulary) or self.packed

    @abstractmethod
    def cells(self, output: Tensor, x: Tensor) -> Tensor:
        """Loss of each cell, of the shape of `x`."""

    def link(self, output: Tensor) -> Tensor:
        """Value in prepared units that the network's output stands for."""
        return output

    def distance(self, value: Tensor, x: Tensor) -> Tensor:
        """How far off values in prepared units are: what `score` and the comparison with PCA add up."""
        return (value - x).square()

    def spread(self, x: Tensor, mean: Tensor) -> Tensor:
        """How far off the mean row is: what a score of 0 stands for."""
        return self.distance(mean.to(x).reshape(x.shape[1:]).expand_as(x), x)

    def linear_start(self, mean: Tensor) -> tuple[Tensor | float, Tensor]:
        """Slope of the inverse of the link where the linear path starts, and the output for the mean row."""
        return 1.0, mean

    def __call__(self, output: Tensor, x: Tensor, mask: Tensor | None) -> Tensor:
        """Mean over the observed cells of a batch: a scalar."""
        cells = self.cells(output, x)
        if mask is None:
            return cells.mean()
        return (cells * mask).sum() / mask.sum().clamp(min=1)


class SquaredError(Loss):
    """Mean squared error: the log-likelihood of a Gaussian with one variance, up to constants."""

    name = "mse"

    def cells(self, output: Tensor, x: Tensor) -> Tensor:
        return (output - x).square()


class AbsoluteError(Loss):
    """Mean absolute error: fits medians, and minds outliers less."""

    name = "mae"

    def cells(self, output: Tensor, x: Tensor) -> Tensor:
        return (output - x).abs()


class Huber(Loss):
    """Squared up to one prepared unit, absolute beyond (Huber, 1964)."""

    name = "huber"

    def cells(self, output: Tensor, x: Tensor) -> Tensor:
        return F.huber_loss(output, x, reduction="none")


class BinaryCrossEntropy(Loss):
    """Cross entropy of Bernoulli cells; the network's output is a logit."""

    name = "bce"

    def cells(self, output: Tensor, x: Tensor) -> Tensor:
        inside = x.clamp(0, 1)
        # Values outside, which training rows do not have, cost more than any inside, not less than nothing.
        return F.binary_cross_entropy_with_logits(output, inside, reduction="none") + (x - inside).square()

    def link(self, output: Tensor) -> Tensor:
        return output.sigmoid()

    def linear_start(self, mean: Tensor) -> tuple[Tensor | float, Tensor]:
        return 4.0, mean.clamp(0.02, 0.98).logit()


class Poisson(Loss):
    """Negative log-likelihood of Poisson cells, in nats; the network's output is the logarithm of the mean."""

    name = "poisson"
    counts = True

    def cells(self, output: Tensor, x: Tensor) -> Tensor:
        counts = x.clamp(min=0)
        rate = output.clamp(max=LARGEST_LOG)
        return rate.exp() - counts * rate + torch.lgamma(counts + 1)

    def link(self, output: Tensor) -> Tensor:
        return output.clamp(max=LARGEST_LOG).exp()


LOSSES: dict[str, type[Loss]] = {
    loss.name: loss for loss in (SquaredError, AbsoluteError, Huber, BinaryCrossEntropy, Poisson)
}


def make_loss(name: str) -> Loss:
    """Make the loss called `name`.

    Raises
    ------
    ParameterError
        If no loss has that name.
    """
    if name not in LOSSES:
        raise ParameterError(f"loss={name!r} is not known; choose one of 'auto', {', '.join(map(repr, LOSSES))}.")
    return LOSSES[name]()
