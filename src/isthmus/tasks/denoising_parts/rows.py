"""Cleaning rows of numbers: Wiener's filter and a network beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isthmus.data import Preparation, Raw
from isthmus.data.moments import dense
from isthmus.exceptions import DataError
from isthmus.networks.shrinking import Shrinking
from isthmus.tasks.denoising_parts.estimation import smallest_variance
from isthmus.tasks.denoising_parts.noises import NOISES, draw_levels
from isthmus.tasks.denoising_parts.restorer import CLEAN, DEFAULT_SHARES, NOISY, PAIRS
from isthmus.tasks.pixel_network import take_weights, weights_of
from isthmus.training.crops import Planes
from isthmus.training.drawing import seeded

#: Units of the hidden layers, as a multiple of the values in a row, within bounds.
TIMES, LEAST_WIDTH, MOST_WIDTH = 4, 64, 1024
#: Weight of the noise that is added once more, where there is nothing clean.
AGAIN = 0.5
#: Rows that the covariance comes from, at most.
MOST_ROWS = 100_000


class RowBatches:
    """Draws batches of rows: planes of one axis.

    Parameters
    ----------
    planes : tuple of Tensor of shape (n, d)
    seed : int
    """

    def __init__(self, planes: Planes, seed: int):
        self.planes = planes
        self.generator = torch.Generator().manual_seed(seed)

    def draw(self, n: int) -> Planes:
        """Draw n rows, any of which may come twice."""
        rows = torch.randint(len(self.planes[0]), (n,), generator=self.generator)
        return tuple(plane[rows] for plane in self.planes)


@dataclass
class RowRestorer:
    """What cleans rows of prepared values.

    Parameters
    ----------
    size : int
        Values in a row.
    way : {"clean", "pairs", "noisy"}
    noise : str
    levels : (float, float) or None
        In standard deviations of a column; None, where the way is "noisy": estimated in `start`.
    """

    size: int
    way: str
    noise: str
    levels: tuple[float, float] | None

    @classmethod
    def for_rows(cls, size: int, way: str, noise: str, levels: tuple[float, float] | None) -> RowRestorer:
        """Make one for rows of some size, with levels by default where none are given and none can be estimated."""
        if levels is None and way != NOISY:
            levels = DEFAULT_SHARES if NOISES[noise].of_range else NOISES[noise].default
        return cls(size, way, noise, levels)

    def make(self, seed: int, device: torch.device) -> Shrinking:
        """Make the network, its weights from a seed."""
        width = min(MOST_WIDTH, max(LEAST_WIDTH, TIMES * self.size))
        with seeded(seed):
            self.network = Shrinking(self.size, (width, width)).to(device)
        return self.network

    def start(self, planes: Planes, network: Shrinking | None = None) -> None:
        """Set the linear filter by training rows; that of another network, where one is given."""
        network = self.network if network is None else network
        rows = planes[0][:MOST_ROWS].double().cpu()
        mean = rows.mean(0)
        covariance = torch.cov(rows.T).reshape(self.size, self.size) if len(rows) > 1 else torch.eye(self.size).double()
        if self.way == PAIRS:
            noise = (planes[0] - planes[1])[:MOST_ROWS].double().cpu().square().mean(0)
            clean = covariance - torch.diag(noise)
            network.start(mean, _positive(clean), float(noise.mean()))
            return
        if self.way == NOISY:
            if self.levels is None:
                level = float(np.sqrt(smallest_variance(rows.numpy())))
                self.levels = (level, level)
            clean = covariance - self._variance() * torch.eye(self.size).double()
            network.start(mean, _positive(clean), self._variance())
            return
        network.start(mean, covariance, self._variance())

    @torch.no_grad()
    def errors(self, rows: Tensor, held_out: Sequence[int], seed: int) -> tuple[float, float, float]:
        """Add noise of the middle level to clean rows (n, d), those held out where there are any.

        Returns
        -------
        tuple of three floats
            Root mean squared errors with the noise, by the linear filter alone, and by filter and network.
        """
        assert self.levels is not None
        out = torch.zeros(len(rows), dtype=torch.bool)
        out[list(held_out)] = True
        train, held = (rows[~out], rows[out]) if held_out else (rows, rows)
        level = torch.full((1, 1), sum(self.levels) / 2)
        noisy = NOISES[self.noise].add(held.cpu(), level, torch.Generator().manual_seed(seed))
        alone = Shrinking(self.size, ())
        self.start((train,), alone)
        found = (noisy, alone(noisy), self.apply(noisy.to(self.network.center.device)).cpu())
        noise, simple, ours = (float((x - held.cpu()).square().mean().sqrt()) for x in found)
        return noise, simple, ours

    def _variance(self) -> float:
        """Mean variance of the noise, in prepared units."""
        assert self.levels is not None
        low, high = self.levels
        if self.noise == "salt_pepper":  # a value that is hit goes to 3 or -3 from about 0: 9 off, squared, and 1 lost
            return 10 * (low + high) / 2
        return (low**2 + low * high + high**2) / 3

    def loss(self, apply: Callable[[Tensor], Tensor], planes: Planes, generator: torch.Generator) -> Tensor:
        """Mean loss of a batch of rows."""
        x = planes[0]
        if self.way == PAIRS:
            return (apply(x) - planes[1]).square().mean()
        assert self.levels is not None
        level = draw_levels(*self.levels, len(x), 2, generator)
        if self.way == CLEAN:
            return (apply(NOISES[self.noise].add(x, level, generator)) - x).square().mean()
        # Noise of the same level, added to what is given and taken from what is wanted, makes the two independent:
        # T. Pang et al., "Recorrupted-to-Recorrupted", CVPR 2021.
        again = level * torch.randn(x.shape, generator=generator, device=x.device)
        return (apply(x + AGAIN * again) - (x - again / AGAIN)).square().mean()

    @torch.no_grad()
    def apply(self, rows: Tensor) -> Tensor:
        """Clean rows (n, d)."""
        return self.network(rows)

    def config(self) -> dict[str, Any]:
        """Give all but the weights as JSON can hold it."""
        levels = None if self.levels is None else list(self.levels)
        return {"size": self.size, "way": self.way, "noise": self.noise, "levels": levels}

    def weights(self) -> dict[str, np.ndarray]:
        """Give the network's weights by name."""
        return weights_of(self.network)

    @classmethod
    def restored(cls, config: dict[str, Any], weights: dict[str, np.ndarray], device: torch.device) -> RowRestorer:
        """Make it again from `config` and the network's weights."""
        levels = None if config["levels"] is None else (config["levels"][0], config["levels"][1])
        made = cls(config["size"], config["way"], config["noise"], levels)
        take_weights(made.make(0, device), weights)
        return made


def _positive(covariance: Tensor) -> Tensor:
    """Give the nearest covariance: what the noise takes away may leave less than nothing."""
    values, vectors = torch.linalg.eigh(covariance)
    return vectors @ torch.diag(values.clamp(min=0)) @ vectors.T


def numbers_of(raw: Raw) -> Raw:
    """Give rows of numbers, not sparse; refuse other columns."""
    if raw.schema.is_mixed:
        raise DataError(
            f"Denoiser takes columns of numbers, but {raw.origin} has others. Leave them out (on the command line: "
            "--drop)."
        )
    return replace(raw, values=dense(raw.values)) if raw.is_sparse else raw


def prepared_rows(preparation: Preparation, raw: Raw) -> Tensor:
    """Rows in prepared units, (n, d); missing values are refused."""
    rows = preparation.rows(raw, name="Denoiser")
    found = rows.take(torch.arange(len(rows)))
    if found.mask is not None and not bool(found.mask.all()):
        i, j = np.argwhere(~found.mask.numpy())[0]
        raise DataError(
            f"{raw.origin} has missing values (NaN), the first in row {i}, column {j}. Fill them first, with "
            "isthmus.Imputer."
        )
    return found.x


def row_planes(preparation: Preparation, raw: Raw, wanted: Raw | None) -> Planes:
    """Rows in prepared units, and what each is to become where that is given."""
    planes = (prepared_rows(preparation, raw),)
    if wanted is None:
        return planes
    wanted = numbers_of(wanted)
    if wanted.values.shape != raw.values.shape:
        raise DataError(f"Pairs are needed, but X has the shape {raw.values.shape} and y {wanted.values.shape}.")
    return (*planes, prepared_rows(preparation, wanted))
