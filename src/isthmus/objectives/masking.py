"""Masking: observed cells are hidden from the encoder, which is told so, and learnt from."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from isthmus.objectives.base import Batch, Objective
from isthmus.objectives.checks import is_number, refuse
from isthmus.objectives.filling import GaussianFill
from isthmus.objectives.reconstruction import Loss

AUTO = "auto"
#: Values of an item up to which missing cells are filled by a Gaussian before the encoder.
MOST_FILLED = 200
#: What "auto" hides of a column that is hardly missing, and of all where nothing is missing.
LEAST_RATE, RATE = 0.1, 0.3
#: Weight in the loss of cells that the encoder was shown: they keep the code from forgetting them.
SHOWN = 0.1


class Masking(Objective):
    """Hide observed cells from the encoder and learn to tell them from the others, so that gaps can be filled.

    What is hidden looks to the encoder as what is missing does: the mask that it is given says so, and the cell holds
    what a Gaussian, fitted by EM to the training rows, expects of it given the other cells of its row (in items of up
    to 200 values; its mean in larger ones). The loss is that of the hidden cells, with a tenth of that of the others.

    Parameters
    ----------
    rate : "auto", float or (float, float), default="auto"
        Share of the values hidden, from 0 to 1. "auto": each column at its own rate of missing values, at least 0.1
        (at 0.3 where nothing is missing at all), times a factor that is drawn from 0 to 2 for each row. A pair is a
        range from which the share is drawn for each row. At least about one value a row is hidden. The slots of a
        column of categories are hidden together.

    Raises
    ------
    ParameterError
        At `fit`, if the rate is no share.

    References
    ----------
    P. Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010. L. Gondara, K. Wang, "MIDA: Multiple imputation
    using denoising autoencoders", PAKDD 2018.

    Examples
    --------
    >>> import torch
    >>> x = torch.ones(1000, 4)
    >>> masking = Masking(0.25)
    >>> shown = masking.hide(x, None, torch.Generator().manual_seed(0))
    >>> shown.shape, round(float(shown.float().mean()), 1)
    (torch.Size([1000, 4]), 0.8)
    """

    takes = ("numbers",)

    def __init__(self, rate: str | float | Sequence[float] = AUTO):
        self.rate = rate

    def meet(self, loss: Loss, names: Sequence[str] | None) -> None:
        self._columns = loss.columns

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        if isinstance(self.rate, str):
            fits = self.rate == AUTO
        elif isinstance(self.rate, Sequence):
            fits = len(self.rate) == 2 and all(is_number(v, 0, 1) for v in self.rate) and self.rate[0] <= self.rate[1]
        else:
            fits = is_number(self.rate, 0, 1)
        if not fits:
            raise refuse(self, "rate", "'auto', a share from 0 to 1, or a range (low, high) of such")

    def filling(self, shape: tuple[int, ...]) -> nn.Module | None:
        return GaussianFill(shape) if math.prod(shape) <= MOST_FILLED else None

    def make(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module | None:
        own = nn.Module()
        own.register_buffer("rates", torch.full(shape, RATE))
        return own

    def start(self, x: Tensor, mask: Tensor | None) -> None:
        if mask is not None:
            self.own.rates.copy_((~mask).to(x).mean(0).clamp(min=LEAST_RATE))

    def hide(self, x: Tensor, mask: Tensor | None, generator: torch.Generator) -> Tensor | None:
        def drawn(*shape: int) -> Tensor:
            return torch.rand(shape, generator=generator, dtype=x.dtype, device=generator.device).to(x.device)

        each = (len(x), *[1] * (x.ndim - 1))
        if isinstance(self.rate, str):
            rate = self.own.rates.to(x) * (2 * drawn(*each))
        else:
            low, high = self.rate if isinstance(self.rate, Sequence) else (self.rate, self.rate)
            rate = low + (high - low) * drawn(*each)
        columns = getattr(self, "_columns", None)
        if columns is None:
            shown = drawn(*x.shape) >= rate.clamp(min=1 / x[0].numel())
        else:
            # The slots of a column are hidden together.
            width = int(columns[-1]) + 1
            shown = drawn(len(x), width)[:, columns.to(x.device)] >= rate.clamp(min=1 / width)
        return shown if mask is None else shown & mask

    def reconstruction(self, batch: Batch) -> Tensor:
        learnt = torch.ones_like(batch.x) if batch.mask is None else batch.mask.to(batch.x)
        shown = torch.ones_like(batch.x) if batch.seen_mask is None else batch.seen_mask.to(batch.x)
        weights = learnt * (1 - (1 - SHOWN) * shown)
        # There may be several codes of each row, one block of rows after another.
        output = batch.output.unflatten(0, (-1, len(batch.x)))
        cells = batch.loss.cells(output, batch.x.expand_as(output)).mean(0)
        return (cells * weights).sum() / weights.sum().clamp(min=SHOWN)
