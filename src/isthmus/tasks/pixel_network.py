"""A U-Net on pictures or signals of any sizes, with what it must know of them: the base of cleaning and filling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from isthmus.networks.unet import UNet
from isthmus.tasks.pixels import Pixels
from isthmus.training.drawing import seeded
from isthmus.training.tiles import by_tiles, in_precision

#: Items that the range of floats comes from.
MOST_ITEMS = 64


@dataclass
class PixelNetwork:
    """What works on one picture or signal at a time.

    Parameters
    ----------
    pixels : Pixels
    widths : tuple of int
        Channels of the U-Net by stage.
    axes : {2, 1}
        Pictures, or signals.

    Attributes
    ----------
    network : UNet
        After `make`.
    """

    pixels: Pixels
    widths: tuple[int, ...]
    axes: int

    def layout(self) -> tuple[int, int, int]:
        """Give the channels in and out, and the side of the cells of the first stage."""
        raise NotImplementedError

    def make(self, seed: int, device: torch.device) -> UNet:
        """Make the network, its weights from a seed."""
        n_in, n_out, cell = self.layout()
        with seeded(seed):
            self.network = UNet(n_in, n_out, widths=self.widths, axes=self.axes, cell=cell)
        self.network.to(device)
        if self.axes == 2:
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self.network

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    @torch.no_grad()
    def found(self, x: Tensor, precision: str) -> Tensor:
        """Apply the network to one item (c, *grid) of any size, tile by tile where it is large."""
        return by_tiles(self.network, x, lambda part: in_precision(self.network, part, precision))

    # --- To plain values and back

    def config(self) -> dict[str, Any]:
        """Give all but the weights as JSON can hold it."""
        p = self.pixels
        pixels = {"channels": p.channels, "dtype": p.dtype, "centre": list(p.centre), "scale": list(p.scale)}
        return {"pixels": pixels, "widths": list(self.widths), "axes": self.axes}

    def weights(self) -> dict[str, np.ndarray]:
        """Give the network's weights by name."""
        return weights_of(self.network)

    @classmethod
    def restored(cls, config: dict[str, Any], weights: dict[str, np.ndarray], device: torch.device) -> Self:
        """Make it again from `config` and `weights`."""
        p = config["pixels"]
        pixels = Pixels(p["channels"], tuple(p["centre"]), tuple(p["scale"]), p["dtype"])
        others: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items() if k != "pixels"}
        made = cls(pixels=pixels, **others)
        take_weights(made.make(0, device), weights)
        return made


def weights_of(network: nn.Module) -> dict[str, np.ndarray]:
    """Give a network's weights and buffers by name."""
    return {name: value.cpu().numpy() for name, value in network.state_dict().items()}


def take_weights(network: nn.Module, weights: dict[str, np.ndarray]) -> None:
    """Give a network the weights that `weights_of` gave, for use."""
    network.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in weights.items()})
    network.eval()


def held_out(n: int, share: float, seed: int) -> tuple[list[int], list[int]]:
    """Give the numbers of items to learn from and of those held out, of which there are none with fewer than five."""
    order = np.random.default_rng(seed).permutation(n).tolist()
    out = 0 if n < 5 or not share else min(n - 1, max(1, round(share * n)))
    return sorted(order[out:]), sorted(order[:out])


def some_of(items: Any, train: Sequence[int]) -> list[np.ndarray]:
    """Give some of the items to be learnt from, to find their range."""
    return [items[i] for i in thinned(train)]


def thinned(numbers: Sequence[int]) -> Sequence[int]:
    """Some of many numbers, evenly taken."""
    return numbers[:: -(-len(numbers) // MOST_ITEMS)]
