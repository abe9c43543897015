"""Learning to denoise from noisy pictures or signals alone: by what the neighbours tell of a pixel.

The noise of a pixel tells nothing of its neighbours' noise. A network that never sees the pixel that it is to find can
therefore learn on noisy data: all that it can find is what is clean (A. Krull et al., "Noise2Void - Learning denoising
from single noisy images", CVPR 2019; J. Batson, L. Royer, "Noise2Self", ICML 2019). It gives a mean and a covariance,
and the pixel's own noisy value is brought in afterwards, by Bayes' rule (S. Laine et al., "High-quality self-supervised
deep image denoising", NeurIPS 2019).

Where pixels are hidden here and there, those that were hidden and those that were not come out differently: a
checkerboard. Here none is treated apart: of each cell of 2 x 2 the network is given all but the first pixel and finds
that one; the three others are found in the same way, after the picture is moved by one pixel. The network works on
cells from its first layer on, so nothing is lost by it, and it never has a value to copy.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from isthmus.networks.unet import CELL, into_cells, padded

#: Largest number of channels whose covariance is found, and not only their variances.
MOST_FULL = 4
#: Standard deviation that the network is uncertain by at first, and at least, as a share of the range of the data.
START, LEAST = 0.1, 1e-3
#: Largest entry of the covariance's factor off its diagonal, over `START`.
MOST = 20.0


def n_outputs(channels: int) -> int:
    """Values that the network gives for a pixel: means, and the entries of a factor of their covariance."""
    return channels + (channels * (channels + 1) // 2 if channels <= MOST_FULL else channels)


def n_inputs(channels: int, axes: int, context: int = 0) -> int:
    """Values that the network is given of a cell, and of those at its place in the frames before and after."""
    pixels = CELL**axes
    return channels * (pixels - 1 + 2 * context * pixels)


def without_first(x: Tensor, context: int = 0) -> Tensor:
    """Take all but the first pixel of each cell: (n, c, *grid) to (n, c * 3, *(grid / 2)) for pictures.

    Of (2 context + 1) frames side by side in the channels, those before and after are taken whole, behind the rest:
    their noise is their own.
    """
    pixels, channels = CELL ** (x.dim() - 2), x.shape[1] // (2 * context + 1)
    cells = into_cells(x, CELL).unflatten(1, (x.shape[1], pixels))
    middle = slice(context * channels, (context + 1) * channels)
    given = cells[:, middle, 1:].flatten(1, 2)
    if not context:
        return given
    others = [cells[:, : middle.start].flatten(1, 2), cells[:, middle.stop :].flatten(1, 2)]
    return torch.cat([given, *others], 1)


def first(x: Tensor) -> Tensor:
    """Take the first pixel of each cell: (n, c, *grid) to (n, c, *(grid / 2))."""
    return x[(slice(None), slice(None), *(slice(None, None, CELL),) * (x.dim() - 2))]


def expected(given: Tensor, found: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    """Give mean and covariance of the clean first pixels.

    Parameters
    ----------
    given : Tensor of shape (n, c * 3 or more, *grid)
        What the network was given, its own frame first.
    found : Tensor of shape (n, outputs, *grid)
        What it gave.
    channels : int

    Returns
    -------
    mean : Tensor of shape (n, *grid, c)
    covariance : Tensor of shape (n, *grid, c, c)
    """
    found = found.float()
    others = CELL ** (given.dim() - 2) - 1
    near = given[:, : channels * others].unflatten(1, (channels, others)).mean(2)
    mean = (near + found[:, :channels]).movedim(1, -1)
    entries = found[:, channels:].movedim(1, -1)
    spread = START * entries[..., :channels].clamp(-8, 4).exp()
    factor = torch.diag_embed(spread)
    if channels <= MOST_FULL:
        rows, columns = torch.tril_indices(channels, channels, -1, device=entries.device)
        factor = factor.clone()
        factor[..., rows, columns] = START * entries[..., channels:].clamp(-MOST, MOST)
    return mean, factor @ factor.mT + LEAST**2 * torch.eye(channels, device=entries.device)


def surprise(noisy: Tensor, mean: Tensor, covariance: Tensor, spread: Tensor) -> Tensor:
    """Mean negative log-likelihood of noisy pixels, up to a constant.

    Parameters
    ----------
    noisy : Tensor of shape (n, c, *grid)
    mean, covariance
        As of `expected`.
    spread : Tensor of shape (n, 1, *grid)
        Standard deviation of the noise.
    """
    own = torch.eye(mean.shape[-1], device=mean.device) * spread.movedim(1, -1).square()[..., None]
    # In 64 bits, as a channel may be all but told by the others; where it fails the loss is not finite, and seen to.
    factor, _ = torch.linalg.cholesky_ex((covariance + own).double())
    error = (noisy.movedim(1, -1) - mean)[..., None].double()
    scaled = torch.linalg.solve_triangular(factor, error, upper=False)[..., 0]
    logs = factor.diagonal(dim1=-2, dim2=-1).log()
    return (scaled.square() / 2 + logs).sum(-1).mean().to(noisy.dtype)


def posterior(noisy: Tensor, mean: Tensor, covariance: Tensor, spread: float) -> Tensor:
    """Mean of the clean pixels given their neighbours and their own noisy values: (n, c, *grid)."""
    own = torch.eye(mean.shape[-1], device=mean.device) * spread**2
    error = (noisy.movedim(1, -1) - mean)[..., None]
    gain = covariance.double() @ torch.linalg.solve((covariance + own).double(), error.double())
    return (mean + gain[..., 0]).movedim(-1, 1).to(noisy.dtype)


def denoised(x: Tensor, find: Callable[[Tensor], Tensor], spread: float, context: int = 0) -> Tensor:
    """Denoise one picture or signal.

    Parameters
    ----------
    x : Tensor of shape (c, *grid), or ((2 context + 1) c, *grid)
    find : callable
        Applies the network to (c * 3, *(grid / 2)), of any size.
    spread : float
        Standard deviation of the noise.

    Returns
    -------
    Tensor of shape (c, *grid)
    """
    channels, grid = x.shape[0] // (2 * context + 1), x.shape[1:]
    middle = slice(context * channels, (context + 1) * channels)
    out = torch.empty_like(x[middle])
    for shift in itertools.product(range(CELL), repeat=len(grid)):
        moved = x[(slice(None), *(slice(by, None) for by in shift))]
        if 0 in moved.shape:
            continue
        even = padded(moved[None], CELL)
        given = without_first(even, context)
        mean, covariance = expected(given, find(given[0])[None], channels)
        clean = posterior(first(even[:, middle]), mean, covariance, spread)[0]
        place = out[(slice(None), *(slice(by, None, CELL) for by in shift))]
        place.copy_(clean[(slice(None), *(slice(0, side) for side in place.shape[1:]))])
    return out
