"""Principal components of prepared rows: the start of the linear path, the baseline, and the size of a code."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from isthmus.data import Rows

#: Up to this many columns, or rows, the decomposition is exact (eigenvalues of the covariance or Gram matrix).
EXACT = 2048
#: Multiply-adds that the covariance may take; more rows than that allow are thinned at random.
BUDGET = 4e11
#: Values of the dense sample on which a randomised decomposition works, and the most that it may have where many
#: components are wanted.
SAMPLE, LARGEST_SAMPLE = 6e7, 5e8
#: Columns up to which the covariance is made in float64 throughout.
FEW_COLUMNS = 256
#: Values up to which a Gram matrix is made in float64.
GRAM = 2e8


@dataclass
class PrincipalComponents:
    """Principal component analysis in prepared space.

    Parameters
    ----------
    mean : Tensor of shape (size,)
    components : Tensor of shape (k, size)
        Orthonormal rows, largest variance first.
    variances : Tensor of shape (k,)
        Variance along each component.
    spectrum : Tensor of shape (m,), m >= k
        The variances known, of which the first k belong to `components`.
    total : Tensor of shape ()
        Sum of the variances of all columns.
    """

    mean: Tensor
    components: Tensor
    variances: Tensor
    spectrum: Tensor
    total: Tensor

    def encode(self, x: Tensor) -> Tensor:
        """Scores of each row: (n, *shape) to (n, k)."""
        return (x.flatten(1) - self.mean.to(x)) @ self.components.to(x).T

    def decode(self, scores: Tensor) -> Tensor:
        """Rows of the flat width from their scores: (n, k) to (n, size)."""
        return scores @ self.components.to(scores) + self.mean.to(scores)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Project rows onto the components and back: (n, *shape) to (n, *shape)."""
        return self.decode(self.encode(x)).reshape(x.shape)

    def first(self, k: int) -> PrincipalComponents:
        """Keep the first `k` components."""
        return PrincipalComponents(
            self.mean, self.components[:k].clone(), self.variances[:k].clone(), self.spectrum, self.total
        )

    def smallest_size(self, share: float) -> int:
        """Smallest number of components that explain `share` of the variance (all those known if none does)."""
        if float(self.total) <= 0:
            return 1
        explained = torch.cumsum(self.spectrum, 0) / self.total
        reached = torch.nonzero(explained >= share - 1e-9)
        return int(reached[0]) + 1 if len(reached) else max(1, len(explained))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the numbers as arrays, by field."""
        return {f.name: np.atleast_1d(getattr(self, f.name).cpu().numpy()) for f in fields(self)}

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> PrincipalComponents:
        """Rebuild from `arrays()`."""
        tensors = {f.name: torch.from_numpy(np.ascontiguousarray(arrays[f.name])) for f in fields(cls)}
        tensors["total"] = tensors["total"].reshape(())
        return cls(**tensors)


def principal_components(
    rows: Rows, most: int, generator: torch.Generator, budget: float = BUDGET
) -> PrincipalComponents:
    """Find up to `most` principal components of prepared rows.

    Exact up to 2,048 columns or rows; beyond, randomised subspace iteration (Halko, Martinsson and Tropp, 2011) on a
    random sample of rows.

    Parameters
    ----------
    rows : Rows
    most : int
    generator : torch.Generator
        On the CPU.
    budget : float
        Multiply-adds that the covariance may take; 8 rows a column are taken whatever it says.
    """
    n, size = len(rows), math.prod(rows.shape)
    most = max(1, min(most, n, size, int(LARGEST_SAMPLE / 2 / size)))
    by_covariance = size <= n and size <= EXACT
    by_gram = not by_covariance and n <= EXACT and n * size <= GRAM
    if by_covariance:
        limit = max(8 * size, int(budget / size**2))
        mean, values, vectors = _by_covariance(rows, _some_rows(n, limit, generator))
    else:
        wanted = n if by_gram else max(2 * most, int(SAMPLE / size))
        x = _flat(rows, _some_rows(n, wanted, generator)).float()
        mean, values, vectors = _by_gram(x, most) if by_gram else _randomised(x, most, generator)
    all_known = by_covariance or by_gram
    total = values.clamp(min=0).sum() if all_known else _total_variance(rows, mean, generator)
    values = values.clamp(min=0)
    keep = vectors[:most]
    return PrincipalComponents(
        mean.float(), keep.float().contiguous(), values[: len(keep)].float(), values.float(), total.float()
    )


def _some_rows(n: int, limit: int, generator: torch.Generator) -> Tensor:
    if n <= limit:
        return torch.arange(n)
    return torch.randperm(n, generator=generator)[:limit].sort().values


def _flat(rows: Rows, index: Tensor) -> Tensor:
    return rows.take(index).x.flatten(1)


def _blocks(index: Tensor, size: int) -> list[Tensor]:
    return list(index.split(max(1, int(4e6 / size))))


def _by_covariance(rows: Rows, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Eigenvectors of the covariance, gathered block by block in float64."""
    blocks = _blocks(index, math.prod(rows.shape))
    mean = torch.stack([_flat(rows, b).sum(0, dtype=torch.float64) for b in blocks]).sum(0).cpu() / len(index)
    covariance = torch.zeros(len(mean), len(mean), dtype=torch.float64)
    # Rounding of float32 is far below what many columns leave unexplained, and the products cost half.
    dtype = torch.float64 if len(mean) <= FEW_COLUMNS else torch.float32
    parts = torch.arange(len(mean)).tensor_split(min(8, math.ceil(len(mean) / 64)))
    near = mean.to(dtype)
    for block in blocks:
        centred = _flat(rows, block).cpu().to(dtype) - near
        for part in parts:
            first, stop = int(part[0]), int(part[-1]) + 1
            # The upper triangle alone: the lower is its mirror image.
            covariance[first:stop, first:] += centred[:, first:stop].T @ centred[:, first:]
    covariance = covariance.triu() + covariance.triu(1).T
    slip = mean - near
    covariance -= len(index) * slip.outer(slip)
    values, vectors = torch.linalg.eigh(covariance / len(index))
    return mean, values.flip(0), vectors.T.flip(0)


def _by_gram(x: Tensor, most: int) -> tuple[Tensor, Tensor, Tensor]:
    """Fewer rows than columns: eigenvectors of the Gram matrix; all variances, and the first components."""
    x = x.double().cpu()
    mean = x.mean(0)
    x = x - mean
    values, vectors = torch.linalg.eigh(x @ x.T)
    values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
    known = values > values.max() * 1e-12
    values, vectors = values[known], vectors[:, known]
    components = (vectors[:, :most] / values[:most].sqrt()).T @ x
    return mean, values / len(x), components


def _randomised(x: Tensor, most: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Subspace iteration with a few spare directions."""
    mean = x.mean(0)
    x = x - mean
    basis = torch.randn(x.shape[1], most + 16, generator=generator, dtype=x.dtype).to(x.device)
    for _ in range(6):
        basis = torch.linalg.qr(x.T @ (x @ basis)).Q
    _, singular, right = torch.linalg.svd(x @ basis, full_matrices=False)
    values = (singular**2 / len(x))[:most]
    return mean.cpu(), values.double().cpu(), (right @ basis.T)[:most].cpu()


def _total_variance(rows: Rows, mean: Tensor, generator: torch.Generator) -> Tensor:
    index = _some_rows(len(rows), max(64, int(SAMPLE / len(mean))), generator)
    parts = [
        (_flat(rows, b).cpu() - mean.float()).double().square().sum() for b in _blocks(index, math.prod(rows.shape))
    ]
    return torch.stack(parts).sum() / len(index)
