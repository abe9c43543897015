"""Missing cells filled by what a Gaussian expects of them, given the observed cells of their row."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

#: Values of the matrices that are solved at once, and multiply-adds of one pass of `start` over d.
AT_ONCE, PASS = 1 << 22, 1 << 24
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
        flat, seen = x.flatten(1), mask.flatten(1)
        size = flat.shape[1]
        parts = [
            self._expected(rows, known)
            for rows, known in zip(
                flat.split(max(1, AT_ONCE // size**2)), seen.split(max(1, AT_ONCE // size**2)), strict=True
            )
        ]
        return torch.where(mask, x, torch.cat(parts).to(x).view_as(x))

    def _expected(self, x: Tensor, mask: Tensor) -> Tensor:
        mean, covariance = self._moments(x)
        known = mask.to(mean)
        weights = _solve(covariance, (x.to(mean) - mean) * known, known)[0]
        return mean + weights @ covariance

    def spread(self, mask: Tensor) -> Tensor:
        """Covariance of the missing cells of each row, given its observed ones: (n, size, size), 0 elsewhere."""
        mean, covariance = self._moments(self.mean)
        known = mask.flatten(1).to(mean)
        factor = _factor(covariance, known)
        explained = torch.linalg.solve_triangular(factor, covariance * known[:, :, None], upper=False)
        hidden = 1 - known
        return (covariance - explained.mT @ explained) * hidden[:, :, None] * hidden[:, None, :]

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
        known = torch.ones_like(x) if mask is None else mask.flatten(1).to(x)
        count = known.sum(0).clamp(min=1)
        mean = (x * known).sum(0) / count
        covariance = (((x - mean) * known).square().sum(0) / count + LEAST).diag()
        for _ in range(PASSES):
            mean, new = _maximised(x, known, mean, covariance)
            change = (new - covariance).abs().max()
            covariance = new
            if change < SETTLED:
                break
        self.mean.copy_(mean)
        self.covariance.copy_(covariance)


def _factor(covariance: Tensor, known: Tensor) -> Tensor:
    """Cholesky factors of the covariances of the known cells of each row, with ones for those missing."""
    system = covariance * known[:, :, None] * known[:, None, :]
    system.diagonal(dim1=1, dim2=2).add_(1 - known)
    return torch.linalg.cholesky(system)


def _solve(covariance: Tensor, deviations: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of the covariances that give the expected deviations, and the factors used."""
    factor = _factor(covariance, known)
    return torch.cholesky_solve(deviations[:, :, None], factor)[:, :, 0], factor


def _maximised(x: Tensor, known: Tensor, mean: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
    """One pass of EM: mean and covariance of the rows as they are expected to be."""
    n, size = x.shape
    filled, doubt = torch.empty_like(x), torch.zeros_like(covariance)
    for rows in torch.arange(n, device=x.device).split(max(1, AT_ONCE // size**2)):
        seen = known[rows]
        weights, factor = _solve(covariance, (x[rows] - mean) * seen, seen)
        filled[rows] = torch.where(seen > 0, x[rows], mean + weights @ covariance)
        explained = torch.linalg.solve_triangular(factor, covariance * seen[:, :, None], upper=False).flatten(0, 1)
        doubt += len(rows) * covariance - explained.T @ explained
    mean = filled.mean(0)
    centred = filled - mean
    new = (centred.T @ centred + doubt) / n
    return mean, new + (RIDGE * new.diagonal() + LEAST).diag()
