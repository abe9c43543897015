"""Norm of the gradient in each layer, so that vanishing ones can be seen."""

from __future__ import annotations

import torch
from torch import nn


def layer_norms(module: nn.Module) -> dict[str, float]:
    """Euclidean norm of the gradient of each layer, by its name, in the order of the layers.

    Parameters
    ----------
    module : nn.Module
        After a backward pass.
    """
    named = [(name, p.grad) for name, p in module.named_parameters() if p.grad is not None]
    if not named:
        return {}
    squares = torch.stack([grad.norm() for _, grad in named]).double().square().tolist()
    layers: dict[str, float] = {}
    for (name, _), square in zip(named, squares, strict=True):
        layer = name.rpartition(".")[0] or name
        layers[layer] = layers.get(layer, 0.0) + square
    return {layer: square**0.5 for layer, square in layers.items()}
