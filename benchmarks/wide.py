"""Wide sparse codes: `Sparse("topk")` beside a plain TopK loop, at equal k, width, rows, batches and steps.

    python benchmarks/wide.py
    python benchmarks/wide.py --epochs 10 --k 16 32

Fashion-MNIST: 64 principal components of the 60,000 training pictures, divided by one number so that values have unit
variance on average; codes of 2,048 units, 32 times as wide. Measured on the 10,000 test pictures: the fraction of
variance unexplained (FVU), units active for a row (L0), and the share of units that are never active. Beside them PCA
with k components, and matching pursuit with k atoms of a random dictionary of the same width. Data are looked for in
../shared/data (see --data).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sklearn.decomposition import PCA
from torch import Tensor, nn

from isthmus import Autoencoder, Sparse, read
#SP


class PlainTopK(nn.Module):
    """The usual wide autoencoder: a bias taken off first, the top k of a ReLU, decoder directions of unit norm."""

    def __init__(self, size: int, width: int, k: int):
        super().__init__()
        self.k = k
        self.decoder = nn.Parameter(nn.functional.normalize(torch.randn(width, size), dim=1))
        self.encoder = nn.Parameter(self.decoder.detach().T.clone())
        self.encoder_bias = nn.Parameter(torch.zeros(width))
        self.bias = nn.Parameter(torch.zeros(size))
        self.idle = torch.zeros(width)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """All activities, and the code."""
        every = ((x - self.bias) @ self.encoder + self.encoder_bias).relu()
        values, places = every.topk(self.k, dim=1)
        return every, torch.zeros_like(every).scatter(1, places, values)

    def loss(self, x: Tensor, dead_after: int) -> Tensor:
        """Squared error, and that of dead units on what is left."""
        every, z = self.encode(x)
        rest = x - (z @ self.decoder + self.bias)
        self.idle = torch.where((z > 0).any(0), 0, self.idle + 1)
        dead = self.idle > dead_after
        loss = rest.square().mean()
        if dead.any():
            helpers = min(x.shape[1] // 2, int(dead.sum()))
            values, places = every.where(dead, -torch.inf).topk(helpers, dim=1)
            made = torch.zeros_like(every).scatter(1, places, values) @ self.decoder
            loss = loss + helpers / (x.shape[1] // 2) * (made - rest.detach()).square().mean()
        return loss


def plain(x: Tensor, width: int, k: int, epochs: int, batch: int, rate: float, dead_after: int, seed: int) -> PlainTopK:
    """Train the plain loop: Adam, a warm-up, and a linear fall over the last fifth of the steps."""
    torch.manual_seed(seed)
    model = PlainTopK(x.shape[1], width, k)
    with torch.no_grad():
        model.bias.copy_(x.median(0).values)
    optimiser = torch.optim.Adam(model.parameters(), lr=rate, betas=(0.9, 0.999))
    steps = epochs * len(x) // batch
    fall = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / 100, (steps - step) / (0.2 * steps))
    )
    for _ in range(epochs):
        for index in torch.randperm(len(x)).split(batch):
            optimiser.zero_grad()
            model.loss(x[index], dead_after).backward()
            with torch.no_grad():
                grad, directions = model.decoder.grad, model.decoder
                grad -= (grad * directions).sum(1, keepdim=True) * directions
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            fall.step()
            with torch.no_grad():
                model.decoder /= model.decoder.norm(dim=1, keepdim=True)
    return model
