"""Wide codes as dictionaries: linear layers, directions of unit norm, a start by the data, dead units revived."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.objectives.base import Batch

#: Weight of the loss that revives dead units (Gao et al., 2024).
REVIVAL = 1 / 32
#: Pull at the bias of a dead unit, as a share of the strongest at any bias. At 1, biases overshoot and training fails.
LIFT = 0.1
#: Rounds of Weiszfeld's algorithm for the geometric median.
ROUNDS = 50


class Dictionary(NamedTuple):
    """The two layers of a wide code; the columns of the decoder's weight are the directions of its units."""

    encoder: nn.Linear
    decoder: nn.Linear


def find(network: Any, width: int) -> Dictionary | None:
    """Find the layers of a network that is one linear layer a side and nothing else; None for any other.

    Modules of a person's own are left alone.
    """
    beside = ("linear", "code_activation", "output_activation")
    if getattr(network, "guard_input", True) or any(getattr(network, name) is not None for name in beside):
        return None
    parts = [[m for m in part.modules() if next(iter(m.parameters(recurse=False)), None) is not None]
             for part in (network.encoder, network.decoder)]  # fmt: skip
    if any(len(layers) != 1 or type(layers[0]) is not nn.Linear for layers in parts):
        return None
    (encoder,), (decoder,) = parts
    fits = encoder.out_features == decoder.in_features == width
    return Dictionary(encoder, decoder) if fits else None


def start(dictionary: Dictionary, x: Tensor) -> None:
    """Start at directions of unit norm, the encoder as the decoder's transpose, both about the rows' median.

    Parameters
    ----------
    dictionary : Dictionary
    x : Tensor of shape (n, *shape)
        Some training rows.
    """
    encoder, decoder = dictionary
    x = x.flatten(1)
    size = x.shape[1]
    center = geometric_median(x)
    decoder.weight.normal_()
    normalise(dictionary)
    # Columns for the mask of missing cells, where there are any, start at zero.
    encoder.weight.zero_()
    encoder.weight[:, :size] = decoder.weight.T
    encoder.bias.copy_(-(encoder.weight[:, :size] @ center))
    decoder.bias.copy_(center)


def geometric_median(x: Tensor) -> Tensor:
    """Point with the least sum of distances to the rows: (n, d) to (d,); Weiszfeld's algorithm."""
    center = x.mean(0)
    for _ in range(ROUNDS):
        near = 1 / (x - center).norm(dim=1, keepdim=True).clamp(min=1e-6)
        center = (x * near).sum(0) / near.sum()
    return center


def normalise(dictionary: Dictionary) -> None:
    """Give every direction unit norm."""
    weight = dictionary.decoder.weight
    weight.div_(weight.norm(dim=0, keepdim=True).clamp(min=1e-12))


def project(dictionary: Dictionary) -> None:
    """Take the part along its direction out of each direction's gradient: it would only change the norm."""
    weight = dictionary.decoder.weight
    if weight.grad is not None:
        weight.grad.sub_((weight.grad * weight).sum(0, keepdim=True) * weight)


def lift(dictionary: Dictionary, dead: Tensor) -> None:
    """Pull up the biases of dead units in the encoder, a tenth as hard as the hardest pulled bias.

    The loss of `revival` turns a dead unit towards what the others leave, but that is less than what the k largest
    give: by it alone most units would stay outside.
    """
    grad = dictionary.encoder.bias.grad
    if grad is not None:
        grad.sub_(LIFT * dead * grad.abs().max())


def to_unit_gradient(dictionary: Dictionary) -> None:
    """Divide the gradients of both layers by their common norm.

    At the start far too much is active, and the loss is many times what it soon will be: Adam, which divides by what
    gradients were over the last thousand steps, would hardly move for as long.
    """
    grads = [p.grad for layer in dictionary for p in layer.parameters() if p.grad is not None]
    if grads:
        norm = torch.stack([grad.norm() for grad in grads]).norm().clamp(min=1e-12)
        for grad in grads:
            grad.div_(norm)


def difference(dictionary: Dictionary, z: Tensor) -> Tensor:
    """What codes add to the decoder's output: `decode(z) - decode(0)`, in which its bias does not count."""
    return F.linear(z, dictionary.decoder.weight)


def revival(dictionary: Dictionary, batch: Batch, h: Tensor, dead: Tensor) -> Tensor:
    """Squared error with which one dead unit a row, the most active, would make up for what is left of it.

    The sum of both decoded, `decode(z) + difference(z_dead)`, is one decoding of the sum of the codes. Gao et al. let
    as many dead units share what is left as half a row has values: each then stays too weak to be among the k largest.

    Parameters
    ----------
    dictionary : Dictionary
    batch : Batch
    h : Tensor of shape (m, width)
        What the units got.
    dead : bool Tensor of shape (width,)

    Returns
    -------
    Tensor of shape ()
        Mean over observed cells; 0 where nothing is dead.
    """
    # An accelerator would have to wait for the answer.
    if dead.device.type == "cpu" and not dead.any():
        return batch.output.new_zeros(())
    output = batch.output.flatten(1)
    copies = len(output) // len(batch.x)
    rest = (batch.x.flatten(1).repeat(copies, 1) - batch.loss.link(output)).detach()
    value, place = torch.where(dead, h.relu(), 0).max(dim=-1, keepdim=True)
    made = difference(dictionary, torch.zeros_like(h).scatter(-1, place, value).to(rest.dtype))
    error = (rest - made).square()
    if batch.mask is None:
        return error.mean() * dead.any()
    seen = batch.mask.flatten(1).repeat(copies, 1)
    return (error * seen).sum() / seen.sum().clamp(min=1) * dead.any()
