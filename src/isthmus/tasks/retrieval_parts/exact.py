"""Exact search for the nearest codes: blocks of matrix products, of which only the nearest are kept."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

#: Queries and items whose distances are worked out at once: 2**24 values, 64 MiB.
QUERIES, ITEMS = 256, 65_536
#: Candidates beyond k that are measured again by their differences.
SPARE = 16
#: Values of candidates that are measured again at once.
MEASURED = 1 << 24


def search_exact(codes: np.ndarray, queries: np.ndarray, k: int, device: torch.device) -> tuple[np.ndarray, np.ndarray]:
    """Find the k nearest codes of each query, by the Euclidean distance.

    Matrix products find candidates, and all that could be among the nearest within their rounding are measured again by
    differences, in float64: distances are exact, a code's distance to itself is 0, and ties are broken by position.

    Parameters
    ----------
    codes : ndarray of float32 of shape (n, d)
    queries : ndarray of float32 of shape (m, d)
    k : int
        From 1 to n.
    device : torch.device

    Returns
    -------
    positions : ndarray of int of shape (m, k)
        The nearest first.
    distances : ndarray of float64 of shape (m, k)

    Examples
    --------
    >>> codes = np.array([[0.0], [3.0], [1.0], [1.0]], dtype=np.float32)
    >>> positions, distances = search_exact(codes, codes[3:], 3, torch.device("cpu"))
    >>> positions.tolist(), distances.tolist()
    ([[2, 3, 0]], [[0.0, 0.0, 1.0]])
    """
    # About their mean, so that little is lost to rounding where codes lie far from 0.
    mean = codes.mean(0, dtype=np.float64)
    items = torch.as_tensor((codes - mean).astype(np.float32), device=device)
    asked = torch.as_tensor((queries - mean).astype(np.float32), device=device)
    norms = items.square().sum(1)
    found = []
    for some in asked.split(at_once(k + SPARE, items.shape[1])):
        positions = torch.empty((len(some), 0), dtype=torch.int64, device=device)
        distances = torch.empty((len(some), 0), dtype=_double(device), device=device)
        for start in range(0, len(items), ITEMS):
            block, lengths = items[start : start + ITEMS], norms[start : start + ITEMS]
            new, away = _nearest(some, block, lengths, min(k, len(block)))
            positions, distances = torch.cat([positions, new + start], 1), torch.cat([distances, away], 1)
            order = distances.argsort(dim=1, stable=True)[:, :k]
            positions, distances = positions.gather(1, order), distances.gather(1, order)
        found.append((positions.cpu().numpy(), distances.double().sqrt().cpu().numpy()))
    return np.concatenate([p for p, _ in found]), np.concatenate([d for _, d in found])


def at_once(candidates: int, d: int) -> int:
    """Count the queries that are worked on at once, each with so many candidates of d values."""
    return max(1, min(QUERIES, MEASURED // (candidates * d)))


def measure(codes: np.ndarray, queries: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Give the Euclidean distances of queries (m, d) to the codes at some positions (m, j): (m, j)."""
    differences = codes[positions].astype(np.float64) - queries[:, None]
    return np.sqrt(np.square(differences).sum(2))


def _nearest(queries: Tensor, items: Tensor, norms: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Positions and squared distances of the k nearest of a block, by distance and then position: (m, k) each."""
    # The square of the query itself changes no order.
    rough = torch.addmm(norms, queries, items.T, alpha=-2)
    wide = min(k + SPARE, len(items))
    values, positions = rough.topk(wide, 1, largest=False)
    lengths = queries.square().sum(1)
    rounding = (8 + 2 * items.shape[1] ** 0.5) * torch.finfo(rough.dtype).eps * (lengths + norms.max())
    bound = values[:, k - 1] + rounding
    # A crowd at one distance does not fit among the candidates: those rows are looked at as a whole.
    crowded = (values[:, -1] <= bound) if wide < len(items) else torch.zeros_like(bound, dtype=torch.bool)
    positions = positions.sort(1).values
    positions, squares = _ordered(queries, items, positions, k)
    for row in crowded.nonzero()[:, 0].tolist():
        near = (rough[row] <= bound[row]).nonzero().T
        positions[row : row + 1], squares[row : row + 1] = _ordered(queries[row : row + 1], items, near, k)
    return positions, squares


def _ordered(queries: Tensor, items: Tensor, positions: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Measure candidates (m, j), in the order of their positions, and keep the k nearest: (m, k) each."""
    double = _double(queries.device)
    squares = (items[positions].to(double) - queries[:, None].to(double)).square().sum(2)
    order = squares.argsort(dim=1, stable=True)[:, :k]
    return positions.gather(1, order), squares.gather(1, order)


def _double(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64
