"""Filling holes smoothly, whatever their size, in linear time: where the network starts."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

#: A pixel whose weight is at least this counts as known.
FULL = 1.0


def smooth(x: Tensor, known: Tensor) -> Tensor:
    """Fill what is missing by averages of what is known, near by where there is some, farther off elsewhere.

    The known pixels are averaged over cells of 2 x 2, these over cells of 2 x 2, and so on, each with the weight of
    what is known in it; on the way back each scale fills what the finer one lacks (S. J. Gortler et al., "The
    lumigraph", SIGGRAPH 1996: pull and push).

    Parameters
    ----------
    x : Tensor of shape (n, c, h, w)
        Missing values may be anything finite.
    known : Tensor of shape (n, 1, h, w)
        1 where known, 0 where missing; between 0 and 1 known in part.

    Returns
    -------
    Tensor of shape (n, c, h, w)
        Known pixels as they are; all 0 where nothing is known.

    Examples
    --------
    >>> x = torch.tensor([[[[2.0, 9.0, 4.0, 4.0]]]])
    >>> smooth(x, torch.tensor([[[[1.0, 0.0, 1.0, 1.0]]]])).round()
    tensor([[[[2., 3., 4., 4.]]]])
    """
    h, w = x.shape[2:]
    weight = known.clamp(max=FULL)
    if (h == 1 and w == 1) or bool((weight >= FULL).all()):
        return x * (weight > 0)
    sums = _halved(torch.cat([x * weight, weight], 1))
    total = sums[:, -1:]
    coarse = smooth(sums[:, :-1] / total.clamp(min=1e-6), 4 * total)
    fine = functional.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)[..., :h, :w]
    return weight * x + (1 - weight) * fine


def _halved(x: Tensor) -> Tensor:
    """Average over neighbours, a cell wider than 2 on either side so that no grid shows, at half the size."""
    x = functional.pad(x, (1, 1 + x.shape[3] % 2, 1, 1 + x.shape[2] % 2))
    kernel = torch.tensor([1.0, 3.0, 3.0, 1.0], device=x.device, dtype=x.dtype) / 8
    channels = x.shape[1]
    x = functional.conv2d(x, kernel.reshape(1, 1, 4, 1).expand(channels, 1, 4, 1), stride=(2, 1), groups=channels)
    return functional.conv2d(x, kernel.reshape(1, 1, 1, 4).expand(channels, 1, 1, 4), stride=(1, 2), groups=channels)
