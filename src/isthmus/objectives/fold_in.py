"""Fold-in: of each user's ratings some are shown, and the others are to be told."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.exceptions import ParameterError
from isthmus.objectives.base import Batch, Objective
from isthmus.objectives.checks import is_number, refuse
from isthmus.objectives.ratings import stays
from isthmus.packed import there


class FoldIn(Objective):
    """Tell the entries of a row that are hidden from those that are shown, which is what recommending asks for.

    Each batch hides its own share of every row. The loss is that of the hidden entries alone, and shown items take no
    part in the softmax: nothing is gained by giving back what came in. It is denoising with all emphasis on what was
    corrupted (Vincent et al., 2010), which is known to be best for linear autoencoders of ratings (Steck, 2020).

    Parameters
    ----------
    level : float, default=0.5
        Share of the entries that is hidden, between 0 and 1.

    Raises
    ------
    ParameterError
        At `fit`, if the level cannot be used, or rows are no ratings.

    References
    ----------
    P. Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010. H. Steck, "Autoencoders that don't overfit
    towards the identity", NeurIPS 2020.

    Examples
    --------
    >>> from scipy.sparse import random
    >>> from isthmus import Autoencoder
    >>> X = random(60, 30, density=0.2, random_state=0, format="csr")
    >>> ae = Autoencoder(4, kind="ratings", objective=FoldIn(), max_epochs=2, random_state=0).fit(X)
    >>> ae.reconstruct(X).shape
    (60, 30)
    """

    takes = ("ratings",)

    def __init__(self, level: float = 0.5):
        self.level = level

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        if not is_number(self.level, 0, 1) or not 0 < float(self.level) < 1:
            raise refuse(self, "level", "a share between 0 and 1")

    def corrupt(self, x: Tensor, mask: Tensor | None, generator: torch.Generator) -> Tensor:
        self._shown = stays(x, float(self.level), generator) & there(x)
        return x * self._shown.unsqueeze(-1)

    def feed(self, x: Tensor, z: Tensor, generator: torch.Generator) -> Tensor:
        return torch.cat([x, self._shown.unsqueeze(-1).to(x)], -1)

    def reconstruction(self, batch: Batch) -> Tensor:
        if len(batch.output) != len(batch.x):
            raise ParameterError(f"{self!r} goes with one code of each row: set samples=1 of the other objective.")
        hidden = there(batch.x) & ~self._shown
        if batch.mask is not None:
            hidden = hidden & batch.mask
        return batch.loss(batch.output, batch.x, hidden)
