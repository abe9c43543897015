"""A plain TopK loop, as Gao et al. (2024) describe it and dictionary_learning writes it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Weight of the loss of dead units, and steps without activity after which a unit is one.
AUXILIARY, WINDOW = 1 / 32, 1000
WARM_UP = 100


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
        values, places = every.topk(self.k, dim=1, sorted=False)
        return every, torch.zeros_like(every).scatter(1, places, values)

    def loss(self, x: Tensor) -> Tensor:
        """Squared error summed over a row, and the share of it that dead units leave when they make up for it."""
        every, z = self.encode(x)
        rest = x - (z @ self.decoder + self.bias)
        loss = rest.square().sum(1).mean()
        self.idle = torch.where((z > 0).any(0), 0, self.idle + 1)
        dead = self.idle > WINDOW
        if dead.any():
            helpers = min(x.shape[1] // 2, int(dead.sum()))
            values, places = every.where(dead, -torch.inf).topk(helpers, dim=1, sorted=False)
            made = torch.zeros_like(every).scatter(1, places, values) @ self.decoder
            rest = rest.detach()
            left = (made - rest).square().sum(1).mean() / (rest - rest.mean(0)).square().sum(1).mean()
            loss = loss + AUXILIARY * left
        return loss


def geometric_median(x: Tensor) -> Tensor:
    """Weiszfeld's algorithm."""
    center = x.mean(0)
    for _ in range(100):
        near = 1 / (x - center).norm(dim=1, keepdim=True)
        center = (x * near).sum(0) / near.sum()
    return center


def train(x: Tensor, width: int, k: int, epochs: int, batch: int, rate: float, seed: int) -> PlainTopK:
    """Adam with a warm-up and a linear fall over the last fifth; gradients are projected, then clipped to norm 1."""
    torch.manual_seed(seed)
    model = PlainTopK(x.shape[1], width, k)
    with torch.no_grad():
        model.bias.copy_(geometric_median(x))
    optimiser = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    steps = epochs * -(-len(x) // batch)
    fall = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / WARM_UP, (steps - step) / (0.2 * steps))
    )
    for _ in range(epochs):
        for index in torch.randperm(len(x)).split(batch):
            optimiser.zero_grad()
            model.loss(x[index]).backward()
            with torch.no_grad():
                grad, directions = model.decoder.grad, model.decoder
                grad -= (grad * directions).sum(1, keepdim=True) * directions
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            fall.step()
            with torch.no_grad():
                model.decoder /= model.decoder.norm(dim=1, keepdim=True)
    return model
