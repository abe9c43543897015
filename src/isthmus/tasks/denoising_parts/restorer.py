"""A U-Net that cleans pictures or signals of any sizes: how it learns, and how it is applied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isthmus.exceptions import DataError
from isthmus.networks.unet import CELL
from isthmus.tasks.denoising_parts import blind
from isthmus.tasks.denoising_parts.estimation import picture_level
from isthmus.tasks.denoising_parts.noises import NOISES, draw_levels
from isthmus.tasks.items import Pictures, Signals
from isthmus.tasks.pixel_network import PixelNetwork, some_of
from isthmus.tasks.pixels import Pixels
from isthmus.training.crops import Planes

#: Range of levels of Gaussian noise by default, of rows and signals, in standard deviations.
DEFAULT_SHARES = (0.0, 1.0)
#: The ways to learn: from clean data that noise is added to, from pairs, from noisy data alone.
CLEAN, PAIRS, NOISY = "clean", "pairs", "noisy"


@dataclass
class Restorer(PixelNetwork):
    """What cleans one picture or signal.

    Parameters
    ----------
    pixels, widths, axes
        As of `PixelNetwork`.
    way : {"clean", "pairs", "noisy"}
    noise : str
        Name from `NOISES`.
    levels : (float, float) or None
        Range of levels in the units of the data; None, where the way is "noisy": estimated for each item.
    context : int
        Neighbours in time, on each side, that are given as further channels.
    """

    way: str
    noise: str
    levels: tuple[float, float] | None
    context: int

    @classmethod
    def of(cls, restorer: Any) -> Restorer:
        """Give a restorer as one of pictures or signals; refuse others."""
        if not isinstance(restorer, cls):
            raise DataError("This Denoiser was not fitted on pictures or signals. Give it what it was fitted on.")
        return restorer

    @classmethod
    def for_items(
        cls,
        items: Pictures | Signals,
        train: Sequence[int],
        way: str,
        noise: str,
        levels: tuple[float, float] | None,
        widths: tuple[int, ...],
        channels: int,
        context: int,
    ) -> Restorer:
        """Make one for some items, whose range comes from those to be learnt from."""
        some = some_of(items, train)
        if isinstance(items, Signals):
            pixels = Pixels.of_signals(some)
        elif way == NOISY and noise == "poisson":
            pixels = Pixels.of_roots(some, channels, items.dtype)
        else:
            pixels = Pixels.of_pictures(some, channels, items.dtype)
        axes = 1 if isinstance(items, Signals) else 2
        if levels is None and way != NOISY:
            low, high = NOISES[noise].default
            if NOISES[noise].of_range:
                low, high = (low * pixels.scale[0], high * pixels.scale[0]) if axes == 2 else DEFAULT_SHARES
            levels = (low, high)
        return cls(pixels, widths, axes, way, noise, levels, context)

    def layout(self) -> tuple[int, int, int]:
        """Give the channels in and out, and the side of the cells of the first stage."""
        c = self.pixels.channels
        if self.way == NOISY:
            return blind.n_inputs(c, self.axes, self.context), blind.n_outputs(c), 1
        return c * (2 * self.context + 1), c, CELL

    # --- Learning

    def plane(self, values: np.ndarray) -> Tensor:
        """Values (*grid, c) as they are held for training."""
        return self.pixels.plane(self._stable(values))

    def level_plane(self, values: np.ndarray) -> Tensor:
        """Give the standard deviation of an item's noise, in prepared units, as a plane of its size."""
        return torch.tensor(self._spread(values)).expand(1, *values.shape[:-1])

    def loss(self, apply: Callable[[Tensor], Tensor], planes: Planes, generator: torch.Generator) -> Tensor:
        """Mean loss of a batch of crops."""
        x = self.pixels.prepared(planes[0])
        if self.way == NOISY:
            given = blind.without_first(x, self.context)
            mean, covariance = blind.expected(given, apply(given), self.pixels.channels)
            return blind.surprise(blind.first(self._middle(x)), mean, covariance, blind.first(planes[1]))
        if self.way == PAIRS:
            clean = self.pixels.prepared(planes[1])
        else:
            clean, x = self._middle(x), self._with_noise(x, generator)
        return (self._middle(x) + apply(x) - clean).square().mean()

    def noisy(self, values: np.ndarray, seed: int) -> np.ndarray:
        """Add noise of the level in the middle of the range to one clean item (*grid, c): float32, in its units."""
        x = self.pixels.prepared(self.plane(values)[None])
        level = torch.full((1,) * x.dim(), sum(self.prepared_levels()) / 2)
        found = NOISES[self.noise].add(x, level, torch.Generator().manual_seed(seed))
        return self.pixels.values(found[0], values.astype(np.float32))

    def _with_noise(self, x: Tensor, generator: torch.Generator) -> Tensor:
        low, high = self.prepared_levels()
        level = draw_levels(low, high, len(x), x.dim(), generator)
        # Each frame of a film has noise of its own.
        frames = 2 * self.context + 1
        each = x.unflatten(1, (frames, self.pixels.channels)).flatten(0, 1)
        return NOISES[self.noise].add(each, level.repeat_interleave(frames, 0), generator).reshape(x.shape)

    def prepared_levels(self) -> tuple[float, float]:
        """Range of levels as the noise takes it."""
        assert self.levels is not None
        # Signals have as many units as channels: their levels are shares of each one's deviation already.
        unit = self.pixels.scale[0] if NOISES[self.noise].of_range and self.axes == 2 else 1.0
        return self.levels[0] / unit, self.levels[1] / unit

    def _middle(self, x: Tensor) -> Tensor:
        """Take the channels of the item itself, without its neighbours in time."""
        c = self.pixels.channels
        return x[:, self.context * c : (self.context + 1) * c]

    # --- Noise whose deviation hangs on the brightness

    @property
    def _is_rooted(self) -> bool:
        """Whether roots are worked on: of counts of photons they have noise of one level everywhere."""
        return self.way == NOISY and self.noise == "poisson"

    def _stable(self, values: np.ndarray) -> np.ndarray:
        return np.sqrt(np.maximum(self.pixels.in_units(values), 0)) if self._is_rooted else values

    def _spread(self, values: np.ndarray) -> float:
        """Give the deviation of the noise of one item, in prepared units: as given, or estimated."""
        if self.levels is not None:
            level = sum(self.prepared_levels()) / 2
            # The root of a count of photons has a deviation of 1/2, and white is 1 here.
            return 0.5 / level**0.5 if self._is_rooted else level
        planes = self._middle(self.pixels.prepared(self.plane(values)[None]))[0]
        return max(picture_level(np.moveaxis(planes.numpy(), 0, -1)), blind.LEAST)

    # --- Applying

    @torch.no_grad()
    def apply(self, values: np.ndarray, precision: str) -> np.ndarray:
        """Clean one item (*grid, c), or (*grid, c * (2 context + 1)): (*grid, c) in its dtype and units."""
        c = self.pixels.channels
        x = self.pixels.prepared(self.plane(values)[None].to(self.device))[0]
        like = values[..., self.context * c : (self.context + 1) * c]
        if self.way != NOISY:
            return self.pixels.values(self._middle(x[None])[0] + self.found(x, precision), like)
        spread = self._spread(values)
        found = blind.denoised(x, lambda part: self.found(part, precision), spread, self.context)
        if not self._is_rooted:
            return self.pixels.values(found, like)
        roots = self.pixels.values(found, like.astype(np.float32))
        return self._squared(roots, spread * self.pixels.scale[0], like)

    def _squared(self, roots: np.ndarray, deviation: float, like: np.ndarray) -> np.ndarray:
        """Undo `_stable`: the mean of a square is the square of the mean and the variance."""
        found = np.maximum(roots, 0.0) ** 2 + deviation**2
        if like.dtype.kind == "u":
            whole = float(np.iinfo(like.dtype).max)
            return np.rint(found * (whole / (self.pixels.white or whole))).clip(0, whole).astype(like.dtype)
        return found.astype(like.dtype)

    def config(self) -> dict[str, Any]:
        """Give all but the weights as JSON can hold it."""
        levels = None if self.levels is None else list(self.levels)
        own = {"way": self.way, "noise": self.noise, "levels": levels, "context": self.context}
        return super().config() | own


def finite(values: np.ndarray, name: str) -> np.ndarray:
    """Refuse missing values, which are another job's."""
    if values.dtype.kind == "f" and np.isnan(values).any():
        place = ", ".join(map(str, np.argwhere(np.isnan(values))[0]))
        raise DataError(
            f"{name} has missing values (NaN), the first at ({place}). Fill them first, with isthmus.Imputer."
        )
    return values
