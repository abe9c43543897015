"""Threads by the size of the work: small work is faster on one, where it need not wait for others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from isthmus.networks import Members, Network

#: Multiply-adds of one call below which a single thread does it: about 5 ms on one core.
SMALL = 1.5e8


@contextmanager
def threads_for(work: float) -> Iterator[None]:
    """Do what is inside on one thread if it is small, and on as many as before if not.

    Parameters
    ----------
    work : float
        Multiply-adds of one call (a training step, a block of rows).
    """
    before = torch.get_num_threads()
    if work >= SMALL or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Work(NamedTuple):
    """What it takes to encode and decode one row.

    Parameters
    ----------
    products : float
        Multiply-adds of the matrix products.
    widest : int
        Values in the largest layer, the row itself included.
    """

    products: float
    widest: int


def work_per_row(network: Network | Members, shape: tuple[int, ...]) -> Work:
    """Measure what it takes to encode and decode one row.

    Parameters
    ----------
    network : Network or Members
        Of several, the one that is chosen.
    shape : tuple of int
        Shape of one prepared item.
    """
    total, widest = 0.0, math.prod(shape)

    def count(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        nonlocal total, widest
        weights = sum(p.numel() for p in module.parameters(recurse=False) if p.ndim > 1)
        given, made = inputs[0], output[0] if isinstance(output, tuple) else output
        if weights and isinstance(given, Tensor) and isinstance(made, Tensor):
            total += weights * min(_positions(module, given), _positions(module, made))
            widest = max(widest, made.numel())

    hooks = [module.register_forward_hook(count) for module in network.modules()]
    parameter = next(network.parameters())
    training = network.training
    try:
        with torch.no_grad():
            x = torch.zeros(1, *shape, dtype=parameter.dtype, device=parameter.device)
            network.eval()
            h = network.encode(x)
            # An objective may make the code narrower than what the encoder gives; the products are about the same.
            width = network.linear.decoder.in_features if network.linear is not None else h.shape[1]
            network.decode(h[:, :width])
    except (RuntimeError, ValueError):
        # An own decoder may take a code of another width; then its weights tell enough.
        total = float(sum(p.numel() for p in network.parameters()))
    finally:
        for hook in hooks:
            hook.remove()
        network.train(training)
    return Work(total, widest)


def _positions(module: nn.Module, tensor: Tensor) -> int:
    """Places at which a layer's weights are applied: cells of a picture, steps of a sequence."""
    if isinstance(module, nn.modules.conv._ConvNd):
        return math.prod(tensor.shape[2:])
    return tensor.numel() // tensor.shape[-1] if tensor.ndim > 1 else 1
