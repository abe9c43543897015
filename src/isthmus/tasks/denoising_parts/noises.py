"""Kinds of noise, added to what is clean so that a network can learn to take it away."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from isthmus.exceptions import ParameterError

#: Adds noise: batch (n, c, *grid) in units in which the range of the data is 1, from -1/2 to 1/2 where it has ends;
#: levels (n, 1, ...) one an item; and a generator on the device.
Add = Callable[[Tensor, Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Noise:
    """One kind of noise.

    Parameters
    ----------
    add : callable
    default : (float, float)
        Range of levels by default: shares of the data's range for "gaussian".
    lowest, highest : float
        What a level may be.
    words : str
        What a level means, for messages and documentation.
    of_range : bool
        Whether the level is in the units of the data.
    kinds : tuple of str
        Kinds of data that it is for.
    zero_mean : bool
        Whether its values are independent and zero on average, so that it can be learnt away from noisy data alone.
    """

    add: Add
    default: tuple[float, float]
    lowest: float
    highest: float
    words: str
    of_range: bool = False
    kinds: tuple[str, ...] = ("image", "sequence", "vector")
    zero_mean: bool = False


def _gaussian(x: Tensor, level: Tensor, generator: torch.Generator) -> Tensor:
    return x + level * torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)


def _poisson(x: Tensor, level: Tensor, generator: torch.Generator) -> Tensor:
    return torch.poisson((x + 0.5).clamp_(min=0) * level, generator) / level - 0.5


def _salt_pepper(x: Tensor, level: Tensor, generator: torch.Generator) -> Tensor:
    # A pixel is hit in all its channels; a value of a row by itself.
    shape = (len(x), 1, *x.shape[2:]) if x.dim() > 2 else x.shape
    hit = torch.rand(shape, generator=generator, device=x.device) < level
    salt = torch.rand(shape, generator=generator, device=x.device) < 0.5
    # What has no ends, as standardised columns, is thrown three standard deviations off.
    low, high = (-0.5, 0.5) if x.dim() == 4 else (-3.0, 3.0)
    return torch.where(hit, torch.where(salt, high, low).to(x.dtype), x)


def _jpeg(x: Tensor, level: Tensor, generator: torch.Generator) -> Tensor:
    pictures = ((x + 0.5) * 255).round_().clamp_(0, 255).byte().movedim(1, -1).cpu().numpy()
    out = [_through_jpeg(picture, round(float(q))) for picture, q in zip(pictures, level.flatten(), strict=True)]
    return (torch.from_numpy(np.stack(out)).movedim(-1, 1).to(x) / 255) - 0.5


def _through_jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """Write a picture (h, w, c) as JPEG and read it; of 3 channels as colours, others one by one."""
    if picture.shape[-1] not in (1, 3):
        return np.concatenate([_through_jpeg(layer[..., None], quality) for layer in np.moveaxis(picture, -1, 0)], -1)
    held = io.BytesIO()
    Image.fromarray(picture if picture.shape[-1] == 3 else picture[..., 0]).save(held, "jpeg", quality=quality)
    return np.asarray(Image.open(held)).reshape(picture.shape)


NOISES: dict[str, Noise] = {
    "gaussian": Noise(
        _gaussian,
        (0.0, 0.2),
        0.0,
        float("inf"),
        "standard deviations, in the units of the pixels; of rows and signals, in standard deviations of a column",
        of_range=True,
        kinds=("image", "sequence", "vector", "audio"),
        zero_mean=True,
    ),
    "poisson": Noise(
        _poisson,
        (10.0, 200.0),
        0.1,
        float("inf"),
        "photons that the brightest value stands for",
        kinds=("image",),
        zero_mean=True,
    ),
    "salt_pepper": Noise(_salt_pepper, (0.0, 0.3), 0.0, 1.0, "shares of the pixels, or values, that are hit"),
    "jpeg": Noise(_jpeg, (10.0, 90.0), 1.0, 100.0, "JPEG's quality, from 1 to 100", kinds=("image",)),
}


def draw_levels(low: float, high: float, n: int, axes: int, generator: torch.Generator) -> Tensor:
    """Draw a level for each item of a batch, evenly between two: (n, 1, ...) with one axis for each of the batch's."""
    share = torch.rand(n, generator=generator, device=generator.device)
    return (low + (high - low) * share).reshape(n, *(1,) * (axes - 1))


def level_range(level: Any) -> tuple[float, float] | None:
    """Give a level, or a range of levels, as a range; None where it is neither."""
    both = level if isinstance(level, (tuple, list)) else (level, level)
    if len(both) != 2 or any(isinstance(v, bool) or not isinstance(v, (int, float, np.number)) for v in both):
        return None
    low, high = float(both[0]), float(both[1])
    return (low, high) if np.isfinite([low, high]).all() and low <= high else None


def checked_levels(noise: str, level: Any) -> tuple[float, float] | None:
    """Give the range of a level, or None for none; refuse what the noise cannot have."""
    own, levels = NOISES[noise], level_range(level)
    if levels is not None and not (own.lowest <= levels[0] and levels[1] <= own.highest):
        raise ParameterError(
            f"Denoiser: level={level!r} cannot be used with noise={noise!r}: levels are {own.words}, from "
            f"{own.lowest:g}{'' if np.isinf(own.highest) else f' to {own.highest:g}'}."
        )
    return levels
