"""Denoising: the encoder sees a corrupted row, the target stays clean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from isthmus.exceptions import ParameterError
from isthmus.objectives.base import Objective
from isthmus.objectives.checks import LARGEST, is_number, refuse
from isthmus.objectives.ratings import stays
from isthmus.objectives.reconstruction import Loss
from isthmus.objectives.tokens import END, PADDING, UNKNOWN

#: Rows, the mask of their observed cells, the level, a generator and the column of each value to corrupted rows.
Corruption = Callable[[Tensor, Tensor | None, float | Tensor, torch.Generator, Tensor | None], Tensor]
#: What a person may give.
OwnNoise = Callable[[Tensor, torch.Generator], Tensor]


def _drawn(draw: Callable[..., Tensor], x: Tensor, generator: torch.Generator, columns: Tensor | None = None) -> Tensor:
    """Draw for each value; the values of one column share what is drawn for it."""
    shape = x.shape if columns is None else (len(x), int(columns[-1]) + 1)
    drawn = draw(shape, generator=generator, dtype=x.dtype, device=generator.device).to(x.device)
    return drawn if columns is None else drawn[:, columns.to(x.device)]


def _gaussian(
    x: Tensor, mask: Tensor | None, level: float | Tensor, generator: torch.Generator, columns: Tensor | None
) -> Tensor:
    return x + _drawn(torch.randn, x, generator).mul_(level)


def _mask(
    x: Tensor, mask: Tensor | None, level: float | Tensor, generator: torch.Generator, columns: Tensor | None
) -> Tensor:
    return x * (_drawn(torch.rand, x, generator, columns) >= level)


def _salt_pepper(
    x: Tensor, mask: Tensor | None, level: float | Tensor, generator: torch.Generator, columns: Tensor | None
) -> Tensor:
    drawn = _drawn(torch.rand, x, generator)
    # Where nothing of a column is observed its ends are infinite, and are not put anywhere.
    low = (x if mask is None else x.masked_fill(~mask, torch.inf)).amin(0, keepdim=True)
    high = (x if mask is None else x.masked_fill(~mask, -torch.inf)).amax(0, keepdim=True)
    x = torch.where(drawn < level / 2, low, x)
    return torch.where((drawn >= level / 2) & (drawn < level), high, x)


def _swap(
    x: Tensor, mask: Tensor | None, level: float | Tensor, generator: torch.Generator, columns: Tensor | None
) -> Tensor:
    shape = x.shape if columns is None else (len(x), int(columns[-1]) + 1)
    other = torch.randint(len(x), shape, generator=generator, device=generator.device).to(x.device)
    if columns is not None:
        other = other[:, columns.to(x.device)]
    chosen = _drawn(torch.rand, x, generator, columns) < level
    if mask is not None:
        chosen &= mask.gather(0, other)
    return torch.where(chosen, x.gather(0, other), x)


def _unknown(
    x: Tensor, mask: Tensor | None, level: float | Tensor, generator: torch.Generator, columns: Tensor | None
) -> Tensor:
    return x.masked_fill((_drawn(torch.rand, x, generator) < level) & (x > END), UNKNOWN)


def _delete(
    x: Tensor, mask: Tensor | None, level: float | Tensor, generator: torch.Generator, columns: Tensor | None
) -> Tensor:
    gone = (_drawn(torch.rand, x, generator) < level) & (x > END)
    # Those that stay move up, in their order.
    return x.masked_fill(gone, PADDING).gather(1, gone.to(torch.uint8).argsort(dim=1, stable=True))


def _leave_out(
    x: Tensor, mask: Tensor | None, level: float | Tensor, generator: torch.Generator, columns: Tensor | None
) -> Tensor:
    return x * stays(x, level, generator).unsqueeze(-1)


NOISES: dict[str, Corruption] = {
    "gaussian": _gaussian,
    "mask": _mask,
    "salt_pepper": _salt_pepper,
    "swap": _swap,
}
#: Noises of rows of tokens, whose ids are no numbers.
OF_TOKENS: dict[str, Corruption] = {"mask": _unknown, "delete": _delete}
#: Of ratings, whose rows are packed.
OF_RATINGS: dict[str, Corruption] = {"mask": _leave_out}
#: Noises whose level is a standard deviation, not a share.
UNBOUNDED = ("gaussian",)


class Denoising(Objective):
    """Reconstruct the clean row from a corrupted one (Vincent et al., 2008 and 2010).

    Missing cells stay missing, whatever the noise: they are neither changed nor put elsewhere.

    Parameters
    ----------
    noise : {"gaussian", "mask", "salt_pepper", "swap", "delete"} or callable, default="gaussian"
        "gaussian" adds normal noise of standard deviation `level`, in prepared units. "mask" sets a share `level` of
        the values to 0, which is the mean of a standardised column. "salt_pepper" sets them to the least or the largest
        value that their column has in the batch, "swap" to the value of a row of the batch drawn for each. Of a table
        with categories "mask" and "swap" take whole columns.
        Of texts and events "mask" makes a share of the tokens unknown, and "delete" takes it out, so that the rest
        moves up (0.6 in TSDAE, Wang et al., 2021); no other noise is for them, and "delete" for nothing else.
        Of ratings "mask" leaves a share of the entries out (0.5 in Mult-DAE, Liang et al., 2018).
        A callable (x, generator) gives the corrupted batch: x is a copy of the prepared batch, a Tensor of shape
        (n, *shape), of ratings packed; the generator is the torch.Generator to draw from, and the result has the shape,
        dtype and device of x; `level` is not used. A model with a callable has to be given its objective again by
        `load`.
    level : float or (float, float), default=0.2
        Standard deviation, from 0 on, or share of the values, from 0 to 1. A pair is a range, from which one level is
        drawn uniformly for each batch.

    Raises
    ------
    ParameterError
        At `fit`, if the noise is not known, the level does not fit it, or a callable gives something else than it must.

    References
    ----------
    P. Vincent, H. Larochelle, Y. Bengio, P.-A. Manzagol, "Extracting and composing robust features with denoising
    autoencoders", ICML 2008. P. Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010. K. Wang, N. Reimers,
    I. Gurevych, "TSDAE: using transformer-based sequential denoising auto-encoder for unsupervised sentence embedding
    learning", Findings of EMNLP 2021.

    Examples
    --------
    >>> import torch
    >>> noisy = Denoising("mask", 0.5).corrupt(torch.ones(2, 1000), None, torch.Generator().manual_seed(0))
    >>> bool(((noisy == 0) | (noisy == 1)).all()), round(float(noisy.mean()), 1)
    (True, 0.5)

    Speckle, which grows with the value, as a callable:

    >>> def speckle(x, generator):
    ...     return x * (1 + 0.1 * torch.randn(x.shape, generator=generator, device=generator.device).to(x))
    >>> Denoising(speckle).corrupt(torch.ones(2, 3), None, torch.Generator().manual_seed(0)).shape
    torch.Size([2, 3])
    """

    def __init__(self, noise: str | OwnNoise = "gaussian", level: float | Sequence[float] = 0.2):
        self.noise = noise
        self.level = level

    def meet(self, loss: Loss, names: Sequence[str] | None) -> None:
        self._columns = loss.columns
        self._noises = OF_TOKENS if loss.vocabulary else OF_RATINGS if loss.packed else NOISES

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        if callable(self.noise):
            return
        known = getattr(self, "_noises", NOISES)
        if not isinstance(self.noise, str) or self.noise not in known:
            of = "one" if known is NOISES else f"for rows of {'tokens' if known is OF_TOKENS else 'ratings'} one"
            raise refuse(self, "noise", f"{of} of {', '.join(map(repr, known))}, or a callable (x, generator)")
        most, what = LARGEST, f"a number from 0 to {LARGEST:g}"
        if self.noise not in UNBOUNDED:
            most, what = 1, f"a share from 0 to 1 for noise={self.noise!r}"
        if not is_number(self.level, 0, most) and not _is_range(self.level, most):
            raise refuse(self, "level", f"{what}, or a range (low, high) of such")

    def corrupt(self, x: Tensor, mask: Tensor | None, generator: torch.Generator) -> Tensor:
        if callable(self.noise):
            seen = self._own(self.noise, x, generator)
        else:
            known = getattr(self, "_noises", NOISES)
            seen = known[self.noise](x, mask, self._level(x, generator), generator, getattr(self, "_columns", None))
        if mask is None:
            return seen
        return torch.where(mask if mask.ndim == x.ndim else mask.unsqueeze(-1), seen, x)

    def _level(self, x: Tensor, generator: torch.Generator) -> float | Tensor:
        """Level of this batch; a drawn one stays on the device."""
        if not isinstance(self.level, Sequence):
            return float(self.level)
        low, high = map(float, self.level)
        drawn = torch.rand((), generator=generator, dtype=x.dtype, device=generator.device)
        return (low + (high - low) * drawn).to(x.device)

    @staticmethod
    def _own(noise: OwnNoise, x: Tensor, generator: torch.Generator) -> Tensor:
        # A copy: the values of missing cells are needed as they were.
        seen = noise(x.clone(), generator)
        if not isinstance(seen, Tensor) or (seen.shape, seen.dtype, seen.device) != (x.shape, x.dtype, x.device):
            given = f"a {type(seen).__name__}"
            if isinstance(seen, Tensor):
                given = f"a Tensor of shape {tuple(seen.shape)}, {seen.dtype}, on {seen.device}"
            raise ParameterError(
                f"Denoising: noise={noise!r:.80} gave {given}; expected one like the batch that it was given, of shape "
                f"{tuple(x.shape)}, {x.dtype}, on {x.device}: end it with `.to(x)`, for one."
            )
        return seen


def _is_range(value: Any, most: float) -> bool:
    """Whether a value is a pair (low, high) of numbers from 0 on; a list comes from a file."""
    pair = isinstance(value, (tuple, list)) and len(value) == 2 and all(is_number(v, 0, most) for v in value)
    return bool(pair and value[0] <= value[1])
