"""Rows without their noise: a linear filter, started at the best there is, and a network beside it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from isthmus.networks.activations import activation


class Shrinking(nn.Module):
    """A linear map of rows to rows, and hidden layers beside it that start as nothing.

    Parameters
    ----------
    size : int
        Values in a row.
    hidden : sequence of int
        Units by layer.

    References
    ----------
    N. Wiener, "Extrapolation, Interpolation, and Smoothing of Stationary Time Series", 1949: the filter that it starts
    at shrinks each principal component by the share that signal has in its variance.

    Examples
    --------
    >>> import torch
    >>> network = Shrinking(2, (8,))
    >>> network.start(torch.zeros(2), torch.diag(torch.tensor([3.0, 0.0])), 1.0)
    >>> network(torch.tensor([[4.0, 4.0]]))  # the second value was never anything but noise
    tensor([[3., 0.]], grad_fn=<AddBackward0>)
    """

    def __init__(self, size: int, hidden: Sequence[int]):
        super().__init__()
        self.center: Tensor
        self.register_buffer("center", torch.zeros(size))
        self.filter = nn.Linear(size, size)
        widths = [size, *hidden]
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(widths):
            layers += [nn.Linear(n_in, n_out), activation("silu")]
        last = nn.Linear(widths[-1], size)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.beside = nn.Sequential(*layers, last)

    @torch.no_grad()
    def start(self, mean: Tensor, covariance: Tensor, variance: float) -> None:
        """Set the filter by what is clean: its mean (size,), its covariance (size, size), and the noise's variance."""
        self.center.copy_(mean)
        own = variance * torch.eye(len(mean), dtype=covariance.dtype, device=covariance.device)
        # Where there is neither signal nor noise, nothing is left to shrink.
        gain = covariance.double() @ torch.linalg.pinv((covariance + own).double(), hermitian=True)
        self.filter.weight.copy_(gain)
        self.filter.bias.copy_(mean)

    def forward(self, x: Tensor) -> Tensor:
        """(n, size) to (n, size)."""
        x = x - self.center
        return self.filter(x) + self.beside(x)
