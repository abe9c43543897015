"""Generated data with few true coordinates, and the shortest training loop that fits a pair to them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from isthmus.networks.base import LinearPath, Network


def bumps(n: int, size: int = 14) -> Tensor:
    """Images of one bright spot: place (2) and width (1) differ, which PCA needs many components for."""
    at, width = 2 + (size - 5) * torch.rand(n, 2, 1, 1), 1 + torch.rand(n, 1, 1)
    axis = torch.arange(size, dtype=torch.float32)
    squared = (axis[:, None] - at[:, 0]) ** 2 + (axis[None, :] - at[:, 1]) ** 2
    x = torch.exp(-squared / (2 * width**2))[:, None]
    return 4 * (x - 0.1)


def waves(n: int, time: int = 40) -> Tensor:
    """Sequences of two channels: frequency, phase and height differ."""
    t = torch.linspace(0, 1, time)
    frequency, phase, height = 1 + 2 * torch.rand(n, 1), 6.28 * torch.rand(n, 1), 0.5 + torch.rand(n, 1)
    angle = 6.28 * frequency * t + phase
    return torch.stack([height * angle.sin(), height * angle.cos() * torch.exp(-t)], dim=2)


def fit(
    encoder: nn.Module,
    decoder: nn.Module,
    x: Tensor,
    *,
    epochs: int,
    linear: LinearPath | None = None,
    batch=32,
):
    """Train in place; the loss of each epoch."""
    network = Network(encoder, decoder, linear=linear).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=4e-3)
    per_epoch = max(1, len(x) // batch)
    steps, step, history = epochs * per_epoch, 0, []
    for _ in range(epochs):
        losses = []
        for rows in torch.randperm(len(x)).split(batch)[:per_epoch]:
            share = min(1.0, (step + 1) / (0.05 * steps)) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
            optimiser.param_groups[0]["lr"] = 4e-3 * share
            optimiser.zero_grad()
            loss = (network.decode(network.encode(x[rows])) - x[rows]).square().mean()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            losses.append(loss.item())
            step += 1
        history.append(sum(losses) / len(losses))
    return history


def held_out_over_pca(
    encoder: nn.Module, decoder: nn.Module, train: Tensor, test: Tensor, k: int, *, linear: bool, epochs: int
) -> float:
    """MSE on `test` after training, over that of PCA with as many numbers a row."""
    mean = train.flatten(1).mean(dim=0)
    _, values, vectors = torch.linalg.svd(train.flatten(1) - mean, full_matrices=False)
    centred = test.flatten(1) - mean
    of_pca = (centred - centred @ vectors[:k].T @ vectors[:k]).square().mean().item()
    path = None
    if linear:
        path = LinearPath(tuple(train.shape[1:]), k)
        path.start(mean, vectors[:k], values[:k] / len(train) ** 0.5)
    fit(encoder, decoder, train, epochs=epochs, linear=path)
    network = Network(encoder, decoder, linear=path).eval()
    with torch.no_grad():
        return (network.decode(network.encode(test)) - test).square().mean().item() / of_pca


@pytest.fixture(name="bumps")
def _bumps():
    return bumps


@pytest.fixture(name="waves")
def _waves():
    return waves


@pytest.fixture(name="fit")
def _fit():
    return fit


@pytest.fixture(name="held_out_over_pca")
def _held_out_over_pca():
    return held_out_over_pca
