"""How far several networks agree on the codes of the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def stability(codes: Sequence[np.ndarray]) -> dict[str, Any]:
    """Compare the codes of the same rows by several networks: linear centred kernel alignment of each pair.

    1 means that one network's codes are the other's, turned, mirrored and scaled as a whole; near 0, that they have
    nothing in common. The axes of a code are free to turn from network to network, so that a comparison axis by axis
    would say little.

    Parameters
    ----------
    codes : sequence of K ndarrays of shape (n, k)

    Returns
    -------
    dict
        "mean" and "least" over the pairs, "by_pair" (K lists of K numbers) and "rows".

    References
    ----------
    S. Kornblith, M. Norouzi, H. Lee, G. Hinton, "Similarity of neural network representations revisited", ICML 2019.

    Examples
    --------
    >>> import numpy as np
    >>> z = np.random.default_rng(0).normal(size=(50, 2))
    >>> turned = z @ np.array([[0.6, -0.8], [0.8, 0.6]])
    >>> round(stability([z, 3 * turned])["mean"], 6)
    1.0
    """
    centred = [z.astype(np.float64) - z.mean(0, dtype=np.float64) for z in codes]
    own = [np.linalg.norm(z.T @ z) for z in centred]
    alignment = np.eye(len(codes))
    for i in range(len(codes)):
        for j in range(i):
            scale = own[i] * own[j]
            shared = np.linalg.norm(centred[i].T @ centred[j]) ** 2
            alignment[i, j] = alignment[j, i] = shared / scale if scale > 0 else float(own[i] == own[j])
    pairs = alignment[np.tril_indices(len(codes), -1)]
    return {
        "rows": len(codes[0]),
        "mean": float(pairs.mean()),
        "least": float(pairs.min()),
        "by_pair": alignment.tolist(),
    }
