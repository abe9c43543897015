"""Batches of random crops from pictures or signals of any sizes, not all of which fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle

import torch
from torch import Tensor

from isthmus.networks.unet import padded

#: Bytes of decoded items held at once; of more than these a part is held, and renewed item by item.
POOL_BYTES = 2**30
#: Batches after which one of the items held gives its place to another.
RENEW_EVERY = 4

#: One item: tensors (channels, *grid) on one grid, such as what is given and what is wanted.
Planes = tuple[Tensor, ...]


class Crops:
    """Draws batches of crops, each from a random item and place, turned and mirrored where that is the same to the job.

    Parameters
    ----------
    load : callable
        Gives the planes of an item by its number.
    items : sequence of int
        Numbers of the items.
    size : int
        Cells along each axis of a crop; items that are smaller are mirrored at their far ends until they are as large.
    turn : bool, default=True
        Whether crops are turned and mirrored.
    seed : int, default=0
    pool_bytes : int, default=2**30
        Memory for items held.

    Examples
    --------
    >>> pictures = [torch.rand(3, 40, 60), torch.rand(3, 90, 20)]
    >>> crops = Crops(lambda i: (pictures[i],), range(2), 32)
    >>> crops.draw(4)[0].shape
    torch.Size([4, 3, 32, 32])
    """

    def __init__(
        self,
        load: Callable[[int], Planes],
        items: Sequence[int],
        size: int,
        *,
        turn: bool = True,
        seed: int = 0,
        pool_bytes: int = POOL_BYTES,
    ):
        self.load, self.size, self.turn = load, size, turn
        self.generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(items), generator=self.generator).tolist()
        self._next = cycle([items[i] for i in order])
        self._pool: list[Planes] = []
        held = 0
        while len(self._pool) < len(items) and held < pool_bytes:
            self._pool.append(self._item())
            held += sum(plane.nbytes for plane in self._pool[-1])
        self._renews = len(self._pool) < len(items)
        self._drawn = 0

    def _item(self) -> Planes:
        return tuple(_at_least(plane, self.size) for plane in self.load(next(self._next)))

    def _whole(self, most: int) -> int:
        return int(torch.randint(most, (), generator=self.generator))

    def draw(self, n: int) -> Planes:
        """Draw n crops: for each plane a tensor (n, channels, *(size, ...)) of its dtype."""
        self._drawn += 1
        if self._renews and self._drawn % RENEW_EVERY == 0:
            self._pool[self._whole(len(self._pool))] = self._item()
        crops = [self._crop(self._pool[self._whole(len(self._pool))]) for _ in range(n)]
        return tuple(torch.stack(planes) for planes in zip(*crops, strict=True))

    def _crop(self, planes: Planes) -> Planes:
        for axis in range(1, planes[0].dim()):
            start = self._whole(planes[0].shape[axis] - self.size + 1)
            planes = tuple(plane.narrow(axis, start, self.size) for plane in planes)
        if not self.turn:
            return planes
        axes = range(1, planes[0].dim())
        mirrored = [axis for axis in axes if self._whole(2)]
        turned = len(axes) == 2 and self._whole(2) == 1
        return tuple((p.transpose(1, 2) if turned else p).flip(mirrored) for p in planes)


def _at_least(plane: Tensor, size: int) -> Tensor:
    """Enlarge a plane whose sides are too short for a crop."""
    for axis in range(1, plane.dim()):
        if plane.shape[axis] < size:
            moved = padded(plane.movedim(axis, -1).flatten(0, -2)[None], size)[0]
            rest = [side for i, side in enumerate(plane.shape) if i != axis]
            plane = moved.unflatten(0, rest).movedim(-1, axis)
    return plane
