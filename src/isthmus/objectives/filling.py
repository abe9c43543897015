"""Missing cells filled by what a Gaussian expects of them, given the observed cells of their row."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

#: Values of the matrices that are solved at once, and rows times columns squared of one pass of `start`.
AT_ONCE, PASS = 1 << 22, 1 << 26
#: Rows are grouped by how much is missing of them, since a system is as large as the largest of its group: columns a
#: group, and groups at most.
PER_GROUP, MOST_GROUPS = 20, 6
#: Passes of `start` at most, and the change of the covariance under which it ends.
PASSES, SETTLED = 30, 1e-3
#: Share of each variance that is added to it, so that columns that depend on one another can be solved for.
RIDGE = 1e-3
#: Least variance, so that constant columns can be solved for.
LEAST = 1e-6


class GaussianFill(nn.Module):
    """Fill missing cells with their mean given the observed ones, under a Gaussian fitted by EM.

    Parameters
    ----------
    shape : tuple of int
        Shape of one prepared item; all its cells are variables of the Gaussian.

    References
    ----------
    R. J. A. Little, D. B. Rubin, "Statistical Analysis with Missing Data", 2nd edition, 2002, section 11.2.

    Examples
    --------
    Two columns that are the same but for noise:

    >>> import torch
    >>> fill = GaussianFill((2,))
    >>> a = torch.randn(200, 1, generator=torch.Generator().manual_seed(0))
    >>> fill.start(torch.cat([a, a], 1), None)
    >>> row = torch.tensor([[1.5, 0.0]])
    >>> [round(float(value), 1) for value in fill(row, torch.tensor([[True, False]]))[0]]
    [1.5, 1.5]
    """

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        size = math.prod(shape)
        self.mean: Tensor
        self.covariance: Tensor
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("covariance", torch.eye(size))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Rows (n, *shape), of which `mask` is True where observed, with the missing cells filled."""
        mean, covariance = self._moments(x)
        flat, known = x.flatten(1).to(mean), mask.flatten(1)
        precision = _inverse(covariance)
        filled = torch.where(known, flat, mean)
        for group in _groups(known):
            filled = group.fill(filled, mean, precision, group.factor(precision))
        return torch.where(mask, x, filled.to(x).view_as(x))

    def spread(self, mask: Tensor) -> Tensor:
        """Covariance of the missing cells of each row, given its observed ones: (n, size, size), 0 elsewhere."""
        known = mask.flatten(1)
        _, covariance = self._moments(self.mean)
        precision = _inverse(covariance)
        spread = covariance.new_zeros(len(known), *covariance.shape)
        for group in _groups(known):
            at = group.rows[:, None, None], group.places[:, :, None], group.places[:, None, :]
            spread[at] = group.spread(group.factor(precision))
        return spread

    def _moments(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and covariance in float64, where the device has it: near-dependent columns lose float32's digits."""
        dtype = torch.float32 if like.device.type == "mps" else torch.float64
        return self.mean.to(dtype), self.covariance.to(dtype)

    @torch.no_grad()
    def start(self, x: Tensor, mask: Tensor | None) -> None:
        """Fit mean and covariance to some rows (n, *shape) by EM; cells that are False in `mask` are missing."""
        x = x.flatten(1).to(self._moments(x)[0].dtype)
        most = max(2 * x.shape[1], PASS // x.shape[1] ** 2)
        if len(x) > most:
            chosen = torch.linspace(0, len(x) - 1, most).round().long()
            x, mask = x[chosen], None if mask is None else mask[chosen]
        known = torch.ones_like(x, dtype=torch.bool) if mask is None else mask.flatten(1)
        count = known.sum(0).clamp(min=1)
        mean = (x * known).sum(0) / count
        covariance = (((x - mean) * known).square().sum(0) / count + LEAST).diag()
        groups = list(_groups(known))
        for _ in range(PASSES):
            mean, new = _maximised(x, known, groups, mean, covariance)
            change = (new - covariance).abs().max()
            covariance = new
            if change < SETTLED:
                break
        self.mean.copy_(mean)
        self.covariance.copy_(covariance)


@dataclass
class _Group:
    """Rows of which about as much is missing.

    Parameters
    ----------
    rows : int Tensor of shape (m,)
    places : int Tensor of shape (m, h)
        Places of the missing cells of each row, and of some observed ones where fewer than h are missing.
    gone : bool Tensor of shape (m, h)
        Whether the cell there is missing.
    """

    rows: Tensor
    places: Tensor
    gone: Tensor

    def factor(self, precision: Tensor) -> Tensor:
        """Cholesky factors of the precisions of the missing cells (m, h, h), with ones for what is not missing."""
        gone = self.gone.to(precision)
        system = precision[self.places[:, :, None], self.places[:, None, :]] * gone[:, :, None] * gone[:, None, :]
        system.diagonal(dim1=1, dim2=2).add_(1 - gone)
        return torch.linalg.cholesky(system)

    def fill(self, filled: Tensor, mean: Tensor, precision: Tensor, factor: Tensor) -> Tensor:
        """Put what is expected of the missing cells into rows (n, size), which hold the mean there."""
        # The mean has no deviation, so that only observed cells pull.
        pull = ((filled[self.rows] - mean) @ precision).gather(1, self.places) * self.gone
        moved = torch.cholesky_solve(pull[:, :, None], factor)[:, :, 0] * self.gone
        at = self.rows[:, None], self.places
        return filled.index_put(at, filled[at] - moved)

    def spread(self, factor: Tensor) -> Tensor:
        """Covariance of the missing cells given the observed ones: (m, h, h), 0 where a cell is not missing."""
        gone = self.gone.to(factor)
        return torch.cholesky_inverse(factor) * gone[:, :, None] * gone[:, None, :]


def _groups(known: Tensor) -> Iterator[_Group]:
    """Group rows by how much is missing of them; those of which nothing is are left out."""
    missing = (~known).sum(1)
    order = missing.argsort()
    order = order[int((missing == 0).sum()) :]
    size = known.shape[1]
    step = math.ceil(len(order) / max(1, min(MOST_GROUPS, size // PER_GROUP)))
    step = max(1, min(step, AT_ONCE // size**2))
    for rows in order.split(step) if len(order) else ():
        most = int(missing[rows[-1]])
        places = known[rows].to(torch.uint8).argsort(dim=1, stable=True)[:, :most]
        yield _Group(rows, places, ~known[rows].gather(1, places))


def _inverse(covariance: Tensor) -> Tensor:
    return torch.cholesky_inverse(torch.linalg.cholesky(covariance))


def _maximised(
    x: Tensor, known: Tensor, groups: list[_Group], mean: Tensor, covariance: Tensor
) -> tuple[Tensor, Tensor]:
    """One pass of EM: mean and covariance of the rows as they are expected to be."""
    precision = _inverse(covariance)
    filled, doubt = torch.where(known, x, mean), torch.zeros_like(covariance)
    for group in groups:
        factor = group.factor(precision)
        filled = group.fill(filled, mean, precision, factor)
        at = group.places[:, :, None] * len(mean) + group.places[:, None, :]
        doubt.view(-1).index_add_(0, at.flatten(), group.spread(factor).flatten())
    mean = filled.mean(0)
    centred = filled - mean
    new = (centred.T @ centred + doubt) / len(x)
    return mean, new + (RIDGE * new.diagonal() + LEAST).diag()
