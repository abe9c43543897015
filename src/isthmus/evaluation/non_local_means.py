"""Non-local means: what a person would otherwise clean a picture with, so what a denoiser is held against."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

#: Side of the patches compared, how far those looked at are, and the filter's strength over the noise's deviation.
PATCH, DISTANCE, STRENGTH = 5, 6, 0.8


def non_local_means(noisy: np.ndarray, level: float) -> np.ndarray:
    """Average each pixel with those about it whose surroundings look alike.

    Parameters
    ----------
    noisy : ndarray of shape (h, w, c)
    level : float
        Standard deviation of the noise, in the units of the values.

    Returns
    -------
    ndarray of shape (h, w, c)
        float32.

    References
    ----------
    A. Buades, B. Coll, J.-M. Morel, "A non-local algorithm for image denoising", CVPR 2005; with the noise's part
    taken off the distances, as in "Non-local means denoising", IPOL 1, 2011.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> noisy = 100 + rng.normal(0, 10, (32, 32, 1))
    >>> bool(np.abs(non_local_means(noisy, 10.0) - 100).mean() < 0.4 * np.abs(noisy - 100).mean())
    True
    """
    if level <= 0:
        return noisy.astype(np.float32)
    x = torch.from_numpy(np.moveaxis(noisy.astype(np.float32) / np.float32(level), -1, 0)[None])
    reach = DISTANCE + PATCH // 2
    around = _framed(x, reach)
    total, weights = torch.zeros_like(x), torch.zeros_like(x[:, :1])
    h, w = x.shape[2:]
    wide = PATCH // 2
    here = around[..., DISTANCE : DISTANCE + h + 2 * wide, DISTANCE : DISTANCE + w + 2 * wide]
    for dy, dx in itertools.product(range(2 * DISTANCE + 1), repeat=2):
        there = around[..., dy : dy + h + 2 * wide, dx : dx + w + 2 * wide]
        distance = functional.avg_pool2d((there - here).square().mean(1, keepdim=True), PATCH, 1)
        weight = torch.exp(-(distance - 2).clamp(min=0) / STRENGTH**2)
        total += weight * there[..., wide : wide + h, wide : wide + w]
        weights += weight
    return np.moveaxis((total / weights)[0].numpy(), 0, -1) * np.float32(level)


def _framed(x: Tensor, by: int) -> Tensor:
    """Enlarge (1, c, h, w) on all sides by its own border."""
    return functional.pad(x, (by, by, by, by), mode="replicate")
