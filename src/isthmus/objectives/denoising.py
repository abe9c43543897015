"""Denoising: the encoder sees a corrupted row, the target stays clean."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from isthmus.objectives.base import Objective
from isthmus.objectives.checks import check_number, check_weight, check_word

Corruption = Callable[[Tensor, float, torch.Generator], Tensor]


def _uniform(x: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(x.shape, generator=generator, dtype=x.dtype, device=generator.device).to(x.device)


def _gaussian(x: Tensor, level: float, generator: torch.Generator) -> Tensor:
    noise = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=generator.device)
    return torch.add(x, noise.to(x.device), alpha=level)


def _mask(x: Tensor, level: float, generator: torch.Generator) -> Tensor:
    return x * (_uniform(x, generator) >= level)


def _salt_pepper(x: Tensor, level: float, generator: torch.Generator) -> Tensor:
    drawn = _uniform(x, generator)
    low, high = x.amin(0, keepdim=True), x.amax(0, keepdim=True)
    x = torch.where(drawn < level / 2, low, x)
    return torch.where((drawn >= level / 2) & (drawn < level), high, x)


def _swap(x: Tensor, level: float, generator: torch.Generator) -> Tensor:
    other = torch.randint(len(x), x.shape, generator=generator, device=generator.device).to(x.device)
    return torch.where(_uniform(x, generator) < level, x.gather(0, other), x)


NOISES: dict[str, Corruption] = {
    "gaussian": _gaussian,
    "mask": _mask,
    "salt_pepper": _salt_pepper,
    "swap": _swap,
}


class Denoising(Objective):
    """Reconstruct the clean row from a corrupted one (Vincent et al., 2008 and 2010).

    Parameters
    ----------
    noise : {"gaussian", "mask", "salt_pepper", "swap"}, default="gaussian"
        "gaussian" adds normal noise of standard deviation `level`, in prepared units. "mask" sets a share `level` of
        the values to 0, which is the mean of a standardised column. "salt_pepper" sets them to the least or the largest
        value that their column has in the batch, "swap" to the value of a row of the batch drawn for each.
    level : float, default=0.2
        Standard deviation, from 0 on, or share of the values, from 0 to 1.

    Raises
    ------
    ParameterError
        At `fit`, if the noise is not known or the level does not fit it.

    References
    ----------
    P. Vincent, H. Larochelle, Y. Bengio, P.-A. Manzagol, "Extracting and composing robust features with denoising
    autoencoders", ICML 2008.

    Examples
    --------
    >>> import torch
    >>> noisy = Denoising("mask", 0.5).corrupt(torch.ones(2, 1000), None, torch.Generator().manual_seed(0))
    >>> bool(((noisy == 0) | (noisy == 1)).all()), round(float(noisy.mean()), 1)
    (True, 0.5)
    """

    def __init__(self, noise: str = "gaussian", level: float = 0.2):
        self.noise = noise
        self.level = level

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        check_word(self, "noise", NOISES)
        if self.noise == "gaussian":
            check_weight(self, "level")
        else:
            check_number(self, "level", 0, 1, f"a share from 0 to 1 for noise={self.noise!r}")

    def corrupt(self, x: Tensor, mask: Tensor | None, generator: torch.Generator) -> Tensor:
        return NOISES[self.noise](x, float(self.level), generator)
