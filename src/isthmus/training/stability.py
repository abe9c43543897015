"""How far several networks agree on the codes of the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

#: Fewer rows than this tell nothing.
FEWEST = 20


def stability(codes: Sequence[np.ndarray]) -> dict[str, Any] | None:
    """Compare the codes of the same rows by several networks: linear centred kernel alignment of each pair, unbiased.

    1 means that one network's codes are the other's, turned, mirrored and scaled as a whole; near 0, that they have
    nothing in common, however few the rows. The axes of a code are free to turn from network to network, so that a
    comparison axis by axis would say little.

    Parameters
    ----------
    codes : sequence of K ndarrays of shape (n, k)

    Returns
    -------
    dict or None
        "mean" and "least" over the pairs, "by_pair" (K lists of K numbers) and "rows"; None for under 20 rows.

    References
    ----------
    S. Kornblith, M. Norouzi, H. Lee, G. Hinton, "Similarity of neural network representations revisited", ICML 2019.
    L. Song et al., "Feature selection via dependence maximization", JMLR 13, 2012 (the unbiased estimator).

    Examples
    --------
    >>> import numpy as np
    >>> z = np.random.default_rng(0).normal(size=(50, 2))
    >>> turned = z @ np.array([[0.6, -0.8], [0.8, 0.6]])
    >>> round(stability([z, 3 * turned])["mean"], 6)
    1.0
    """
    n = len(codes[0])
    if n < FEWEST:
        return None
    kernels = [_kernel(z) for z in codes]
    alignment = np.eye(len(codes))
    for i in range(len(codes)):
        for j in range(i):
            scale = _dependence(kernels[i], kernels[i]) * _dependence(kernels[j], kernels[j])
            shared = _dependence(kernels[i], kernels[j])
            found = float(np.clip(shared / scale**0.5, 0.0, 1.0)) if scale > 0 else float(i == j)
            alignment[i, j] = alignment[j, i] = found
    pairs = alignment[np.tril_indices(len(codes), -1)]
    return {"rows": n, "mean": float(pairs.mean()), "least": float(pairs.min()), "by_pair": alignment.tolist()}


def _kernel(z: np.ndarray) -> np.ndarray:
    centred = z.astype(np.float64) - z.mean(0, dtype=np.float64)
    kernel = centred @ centred.T
    np.fill_diagonal(kernel, 0.0)
    return kernel


def _dependence(a: np.ndarray, b: np.ndarray) -> float:
    """Unbiased Hilbert-Schmidt independence criterion of two kernels with zero diagonals."""
    n = len(a)
    sums = a.sum(0), b.sum(0)
    total = (a * b).sum() + sums[0].sum() * sums[1].sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (sums[0] @ sums[1])
    return float(total / (n * (n - 3)))
