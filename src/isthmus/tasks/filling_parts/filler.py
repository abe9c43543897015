"""A U-Net that fills what is missing of pictures of any sizes: how it learns, and how it is applied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isthmus.networks.unet import CELL
from isthmus.tasks.filling_parts.holes import Holes
from isthmus.tasks.filling_parts.smooth import smooth
from isthmus.tasks.pixel_network import PixelNetwork
from isthmus.training.crops import Planes

#: Channels by stage: the deepest stages see far, as large holes ask for.
WIDTHS = (64, 128, 256, 256, 256)
#: Weight of the known pixels in the loss, over that of the missing ones.
REST = 0.1
#: Squared error, in units in which the range of the data is 1, below which a smooth filling counts as perfect.
LEAST = 3e-4


@dataclass
class Filler(PixelNetwork):
    """What fills one picture: known pixels stay as they are.

    It starts as a smooth filling (`smooth`), which the network adds to; the mask is a further channel.

    Parameters
    ----------
    pixels, widths, axes
        As of `PixelNetwork`.
    context : int
        Neighbours in time, on each side, that are given as further channels, with the same holes.
    """

    context: int

    def layout(self) -> tuple[int, int, int]:
        """Give the channels in and out, and the side of the cells of the first stage."""
        c = self.pixels.channels
        return c * (2 * self.context + 1) + 1, c, CELL

    def middle(self, x: Tensor) -> Tensor:
        """Take the channels of the picture itself, without its neighbours in time."""
        c = self.pixels.channels
        return x[:, self.context * c : (self.context + 1) * c]

    def loss(self, holes: Holes, apply: Callable[[Tensor], Tensor], planes: Planes, seeds: torch.Generator) -> Tensor:
        """Share of the smooth filling's squared error that is left in the holes, and a little of that outside.

        A share, so that scattered pixels, which neighbours all but tell, count as much as large holes.

        Parameters
        ----------
        holes : Holes
        apply : callable
            The network.
        planes : (Tensor of shape (n, c, h, w), bool Tensor of shape (n, 1, h, w))
            Crops, and where they are known.
        seeds : torch.Generator
        """
        x, known = self.pixels.prepared(planes[0]), planes[1]
        seed = int(torch.randint(2**31 - 1, (), generator=seeds, device=seeds.device))
        missing = torch.from_numpy(holes.draw(len(x), x.shape[-1], np.random.default_rng(seed)))[:, None].to(x.device)
        base, found = self._filled(x, (known & ~missing).float(), apply)
        x = self.middle(x)
        inside, outside = known & missing, known & ~missing
        start = _mean_of_each((base - x).square(), inside) + LEAST
        left = _mean_of_each((found - x).square(), inside) + REST * _mean_of_each((found - x).square(), outside)
        return (left / start).mean()

    def _filled(self, x: Tensor, known: Tensor, apply: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """Fill smoothly, and by the network."""
        base = smooth(x * known, known)
        own = self.middle(base)
        return own, own + apply(torch.cat([base, known - 0.5], 1))

    def config(self) -> dict[str, Any]:
        """Give all but the weights as JSON can hold it."""
        return super().config() | {"context": self.context}

    @torch.no_grad()
    def apply(self, values: np.ndarray, missing: np.ndarray, precision: str) -> np.ndarray:
        """Fill one picture.

        Parameters
        ----------
        values : ndarray of shape (h, w, (2 context + 1) c)
            Missing pixels may have any finite value.
        missing : bool ndarray of shape (h, w)
        precision : str

        Returns
        -------
        ndarray of shape (h, w, c)
            In the dtype and units of the values; known pixels are the same to the bit.
        """
        c = self.pixels.channels
        own = values[..., self.context * c : (self.context + 1) * c]
        if not missing.any():
            return own
        x = self.pixels.prepared(self.pixels.plane(values)[None].to(self.device))
        known = torch.from_numpy(~missing).to(self.device)[None, None].float()
        _, found = self._filled(x, known, lambda part: self.found(part[0], precision)[None])
        return np.where(missing[..., None], self.pixels.values(found[0], own), own)


def _mean_of_each(values: Tensor, where: Tensor) -> Tensor:
    """Mean over some of the values of each item of a batch, (n,); 0 where there are none."""
    where = where.expand_as(values).flatten(1)
    return (values.flatten(1) * where).sum(1) / where.sum(1).clamp(min=1)
