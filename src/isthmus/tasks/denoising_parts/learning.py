"""How the networks of `Denoiser` learn: from crops of pictures and signals, and from rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from isthmus.networks.shrinking import Shrinking
from isthmus.networks.unet import UNet
from isthmus.tasks.denoising_parts.restorer import NOISY, Restorer, finite
from isthmus.tasks.denoising_parts.rows import RowBatches, RowRestorer
from isthmus.tasks.items import Pictures, Signals, check_units
from isthmus.tasks.pixel_network import thinned
from isthmus.training.callbacks import Callback
from isthmus.training.crops import Crops, Planes
from isthmus.training.restoring import Restoring, Schedule

#: Steps and learning rate by default, by kind of data.
STEPS = {"image": 3000, "sequence": 2000, "vector": 2000, "audio": 1500}
RATE = {"image": 2.5e-3, "sequence": 2.5e-3, "vector": 1e-3, "audio": 2e-3}
#: Share of it where there is nothing clean: a likelihood is learnt, which larger steps upset.
SHARE_OF_BLIND = 0.4
#: Steps of a crop of a signal, as a multiple of the side of a crop of a picture.
LONGER = 4

#: Numbers of the items to learn from, and of those held out.
Split = tuple[Sequence[int], Sequence[int]]
History = dict[str, list[float]]


def digest_of(*data: Any) -> str:
    """Give a digest of items, sounds or rows: of their sizes, and of the values of some of them."""
    found = hashlib.sha256()
    for items in data:
        if items is None:
            continue
        for i in thinned(range(len(items))):
            values = np.ascontiguousarray(getattr(items[i], "samples", items[i]))
            found.update(str((i, values.shape, values.dtype)).encode())
            found.update(values.tobytes())
    return found.hexdigest()[:16]


def default_rate(kind: str, way: str) -> float:
    """Learning rate by default."""
    return RATE[kind] * (SHARE_OF_BLIND if way == NOISY and kind != "vector" else 1.0)


def learn_items(
    restorer: Restorer,
    network: UNet,
    items: Pictures | Signals,
    wanted: Pictures | Signals | None,
    split: Split,
    patch_size: int,
    schedule: Schedule,
    callbacks: Sequence[Callback],
) -> History:
    """Train a network on crops of items, in place.

    Parameters
    ----------
    restorer : Restorer
    network : UNet
    items : Pictures or Signals
    wanted : Pictures or Signals, optional
        What each item is to become.
    split : (sequence of int, sequence of int)
        Numbers of the items to learn from, and of those held out.
    patch_size : int
    schedule : Schedule
    callbacks : sequence of Callback

    Returns
    -------
    dict of list
        As of `Restoring.run`.
    """

    def load(i: int) -> Planes:
        values = finite(items[i], items.name(i))
        planes = (restorer.plane(values),)
        if wanted is not None:
            clean = finite(wanted[i], wanted.name(i))
            check_units(values, clean, items.name(i))
            return (*planes, restorer.plane(clean))
        return (*planes, restorer.level_plane(values)) if restorer.way == NOISY else planes

    train, out = split
    multiple = 2 * network.multiple
    size = -(-patch_size * (1 if restorer.axes == 2 else LONGER) // multiple) * multiple
    turn = restorer.axes == 2
    crops = Crops(load, train, size, turn=turn, seed=schedule.seed)
    held = Crops(load, out, size, turn=False, seed=schedule.seed + 1) if out else None
    return Restoring(network, crops, held, restorer.loss, schedule, callbacks).run()


def learn_rows(
    restorer: RowRestorer,
    network: Shrinking,
    planes: Planes,
    split: Split,
    schedule: Schedule,
    callbacks: Sequence[Callback],
) -> History:
    """Train a network on rows, in place; its linear filter starts at the best there is.

    Parameters
    ----------
    restorer : RowRestorer
    network : Shrinking
    planes : tuple of Tensor of shape (n, d)
        Rows in prepared units, and what they are to become where that is given.
    split, schedule, callbacks
        As of `learn_items`.

    Returns
    -------
    dict of list
    """
    train, out = (tuple(plane[torch.tensor(list(rows), dtype=torch.long)] for plane in planes) for rows in split)
    restorer.start(train)
    held = RowBatches(out, schedule.seed + 1) if len(out[0]) else None
    return Restoring(network, RowBatches(train, schedule.seed), held, restorer.loss, schedule, callbacks).run()
