"""Pictures and signals as a network takes them, and back: channels first, the range of the data 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from isthmus.exceptions import DataError

#: Values looked at to find the range of floats.
LOOKED_AT = 1_000_000
#: Shares of the values that may lie below and above the range of floats.
TAILS = (0.001, 0.999)
#: A picture of floats that lie between these is in units in which white is 1.
UNIT = (-0.5, 1.5)


@dataclass(frozen=True)
class Pixels:
    """How values go into a network: (values - centre) / scale, channels first.

    Parameters
    ----------
    channels : int
    centre, scale : tuple of float
        One a channel.
    dtype : str
        Of the values fitted on: "uint8", "uint16" or "float32".
    """

    channels: int
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    dtype: str

    @classmethod
    def of_pictures(cls, pictures: Sequence[np.ndarray], channels: int, dtype: np.dtype) -> Self:
        """Take the range that integers have, and of floats the range that nearly all values have."""
        if dtype.kind == "u":
            low, high = 0.0, float(np.iinfo(dtype).max)
        else:
            each = max(1, LOOKED_AT // max(1, len(pictures)))
            values = np.concatenate([_some(picture, each) for picture in pictures])
            values = values[np.isfinite(values)]
            low, high = np.quantile(values, TAILS) if len(values) else (0.0, 1.0)
            if low >= 0 and high <= 1:
                low, high = 0.0, 1.0
        scale = float(high - low) or 1.0
        return cls(channels, (float(low + high) / 2,) * channels, (scale,) * channels, str(dtype))

    @classmethod
    def of_roots(cls, pictures: Sequence[np.ndarray], channels: int, dtype: np.dtype) -> Self:
        """Take the range of the square roots of the values."""
        found = cls.of_pictures(pictures, channels, dtype)
        highest = max(found.centre[0] + found.scale[0] / 2, 1e-12) ** 0.5
        return cls(channels, (highest / 2,) * channels, (highest,) * channels, str(dtype))

    @classmethod
    def of_signals(cls, signals: Sequence[np.ndarray]) -> Self:
        """Take mean and standard deviation of each channel."""
        values = np.concatenate([np.asarray(signal, dtype=np.float64) for signal in signals])
        scale = np.where(values.std(0) > 0, values.std(0), 1.0)
        return cls(values.shape[1], tuple(values.mean(0).tolist()), tuple(scale.tolist()), "float32")

    def plane(self, values: np.ndarray) -> Tensor:
        """Values (*grid, c) as a plane (c, *grid) to hold: bytes as they are, all else in 32 bits."""
        held = values if values.dtype == np.uint8 == np.dtype(self.dtype) else self.in_units(values)
        plane = np.ascontiguousarray(np.moveaxis(held, -1, 0))
        return torch.from_numpy(plane if plane.flags.writeable else plane.copy())

    def prepared(self, planes: Tensor) -> Tensor:
        """Batch of planes (n, c, *grid), of as many channels or a multiple of them, in prepared units."""
        shape, times = (1, -1, *(1,) * (planes.dim() - 2)), planes.shape[1] // self.channels
        centre = torch.tensor(self.centre * times, device=planes.device).reshape(shape)
        return (planes.float() - centre) / torch.tensor(self.scale * times, device=planes.device).reshape(shape)

    def values(self, prepared: Tensor, like: np.ndarray) -> np.ndarray:
        """One prepared item (c, *grid) as values (*grid, c) of the dtype and units of another."""
        shape = (-1, *(1,) * (prepared.dim() - 1))
        centre, scale = (torch.tensor(v, dtype=torch.float64).reshape(shape) for v in (self.centre, self.scale))
        found = np.moveaxis((prepared.cpu().double() * scale + centre).numpy(), 0, -1)
        if like.dtype.kind == "u":
            whole = float(np.iinfo(like.dtype).max)
            return np.rint(found * (whole / (self.white or whole))).clip(0, whole).astype(like.dtype)
        return found.astype(like.dtype if like.dtype.kind == "f" else np.float32)

    def check_units(self, values: np.ndarray, name: str) -> None:
        """Refuse floats in which white is 1 where white was 255, or 65535, in the fit."""
        own = np.dtype(self.dtype)
        if own.kind != "u" or values.dtype.kind != "f" or not values.size:
            return
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        if low >= UNIT[0] and high <= UNIT[1] and high > low:
            raise DataError(
                f"{name} has floats from {low:.3g} to {high:.3g}, while the pictures fitted on were {self.dtype}, from "
                f"0 to {np.iinfo(own).max}. Multiply it by {np.iinfo(own).max}, or fit on pictures of floats."
            )

    @property
    def data_range(self) -> float:
        """From black to white, in the units fitted on."""
        return self.white or self.scale[0]

    @property
    def white(self) -> float | None:
        """White in the units fitted on; None, where these are floats of any range: integers are then in their units."""
        own = np.dtype(self.dtype)
        if own.kind == "u":
            return float(np.iinfo(own).max)
        return 1.0 if (self.centre[0], self.scale[0]) == (0.5, 1.0) else None

    def in_units(self, values: np.ndarray) -> np.ndarray:
        """Values of any dtype in the units fitted on: integers of other depths by the range of their dtypes."""
        values = np.asarray(values)
        if values.dtype.kind == "u" and str(values.dtype) != self.dtype:
            whole = float(np.iinfo(values.dtype).max)
            return values.astype(np.float32) * np.float32((self.white or whole) / whole)
        return values.astype(np.float32)


def _some(values: np.ndarray, most: int) -> np.ndarray:
    """Some values, evenly taken."""
    flat = np.asarray(values).ravel()
    return flat[:: max(1, len(flat) // most)].astype(np.float64)
