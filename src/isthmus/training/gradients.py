"""Norm of the gradient in each layer, so that vanishing ones can be seen."""

from __future__ import annotations

import torch

from isthmus.training.weights import FlatWeights


def layer_norms(weights: FlatWeights) -> dict[str, float]:
    """Euclidean norm of the gradient of each layer of the first network, by its name, in the order of the layers.

    Parameters
    ----------
    weights : FlatWeights
        After a step, which may have scaled the gradients to the norm that was allowed; the norms are those before.
    """
    squares = torch.stack([weights.grads[0, place].norm() for place in weights.places.values()]).double().square()
    total = squares.sum()
    before = weights.norm[0].double().square() / total if total > 0 else total
    by_name = dict(zip(weights.places, (squares * before).tolist(), strict=True))
    layers: dict[str, float] = {}
    for name, parameter in weights.networks[0].named_parameters():
        if parameter.requires_grad:
            layer = name.rpartition(".")[0] or name
            layers[layer] = layers.get(layer, 0.0) + by_name[name]
    return {layer: square**0.5 for layer, square in layers.items()}
