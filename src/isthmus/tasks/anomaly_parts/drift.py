"""Whether two samples of codes come from one distribution: the energy distance, with a permutation test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

#: Rows of each sample that are compared at most: distances between all are held.
MOST = 500
PERMUTATIONS = 999


@dataclass(frozen=True)
class Drift:
    """What a drift check found.

    Parameters
    ----------
    p_value : float
        Small where the new rows are unlike those fitted on: share of random divisions of all rows at least as far
        apart. At least 1 / 1000.
    distance : float
        Energy distance between the codes, as a share of the mean distance between rows of the two samples: from 0
        (the same distribution) to 1.
    shifts : dict of str to float
        Mean of each column of the new rows less that of the rows fitted on, in standard deviations of the latter,
        the largest in absolute value first.
    rows : int
        New rows that were compared.
    """

    p_value: float
    distance: float
    shifts: dict[str, float]
    rows: int


def energy_test(old: np.ndarray, new: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Test whether two samples come from one distribution.

    The energy distance of Szekely and Rizzo (2013), 2 E|X - Y| - E|X - X'| - E|Y - Y'|, over 2 E|X - Y|; its
    distribution under the hypothesis is that over random divisions of the rows.

    Parameters
    ----------
    old, new : ndarray of shape (n, k), (m, k)
    rng : Generator

    Returns
    -------
    distance, p_value : float
    """
    rows = np.concatenate([old, new])
    n, total = len(old), len(rows)
    distances = cdist(rows, rows)
    whole = distances.sum()

    def energy(member: np.ndarray) -> np.ndarray:
        """Energy of divisions given as 0/1 columns: (total, divisions) to (divisions,)."""
        reached = distances @ member
        first = (member * reached).sum(0)
        across = reached.sum(0) - first
        second = whole - first - 2 * across
        m = total - n
        return 1 - (first / n**2 + second / m**2) * n * m / (2 * np.maximum(across, 1e-300))

    seen = float(energy((np.arange(total) < n).astype(np.float64)[:, None])[0])
    divisions = np.zeros((total, PERMUTATIONS))
    for column in divisions.T:
        column[rng.permutation(total)[:n]] = 1.0
    at_least = int((energy(divisions) >= seen - 1e-12).sum())
    return max(0.0, seen), (1 + at_least) / (PERMUTATIONS + 1)
