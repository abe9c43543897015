"""Distributions that codes may be brought to, and how far a sample of codes is from one of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: From standard normal numbers to draws from each prior: of unit scale, independent by unit.
PRIORS: dict[str, Callable[[Tensor], Tensor]] = {
    "normal": lambda normal: normal,
    # The distribution function of normal numbers is uniform on [0, 1].
    "uniform": lambda normal: 2 * torch.special.ndtr(normal) - 1,
}
#: Mean square of a unit under each prior.
SQUARE = {"normal": 1.0, "uniform": 1.0 / 3.0}
#: Widths of the kernels, as multiples of the mean squared distance between two draws from the prior.
SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def draw_like(z: Tensor, prior: str) -> Tensor:
    """Draw as many codes as there are in z (n, latent_dim), from torch's own generator."""
    return PRIORS[prior](torch.randn_like(z))


def discrepancy(z: Tensor, drawn: Tensor, prior: str) -> Tensor:
    """Squared maximum mean discrepancy of codes from draws of a prior, without bias: it may be less than 0.

    The kernel is the mean of inverse multiquadratic ones over `SCALES`: their tails are heavy, so that codes far out
    are still drawn in (Tolstikhin et al., 2018).

    Parameters
    ----------
    z, drawn : Tensor of shape (n, latent_dim)
    prior : str
        Name from `PRIORS`, which gives the scale.

    Returns
    -------
    Tensor of shape ()
        0 for a single code, which says nothing of a distribution.
    """
    n = len(z)
    if n < 2:
        return z.sum() * 0
    wide = 2 * z.shape[1] * SQUARE[prior]
    within = _kernel(z, z, wide) + _kernel(drawn, drawn, wide)
    across = _kernel(z, drawn, wide)
    # A code is at no distance from itself: the kernel is 1 there.
    return (within.sum() - 2 * n) / (n * (n - 1)) - 2 * across.mean()


def _kernel(a: Tensor, b: Tensor, wide: float) -> Tensor:
    squares = a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T
    # Rounding may leave less than 0, and not quite 0 on the diagonal.
    squares = squares.clamp(min=0) if a is not b else squares.clamp(min=0).fill_diagonal_(0)
    kernel = torch.zeros_like(squares)
    for scale in SCALES:
        kernel = kernel + scale * wide / (scale * wide + squares)
    return kernel / len(SCALES)
