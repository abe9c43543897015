"""What autoencoders expect of missing values: means, their doubts, and how far they are off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from isthmus.autoencoder import Autoencoder
from isthmus.data import Prepared, Raw
from isthmus.data.column import BOOLEAN, CATEGORY
from isthmus.data.columns.base import BINARY, NUMBERS
from isthmus.data.columns.categories import Embedding
from isthmus.data.mixed import MixedPreparation
from isthmus.networks import each_of
from isthmus.tasks.base import Task
from isthmus.tasks.completing import Bounds, kinds_of
from isthmus.tasks.holding import again
from isthmus.tasks.residuals import Residuals, deviation

#: Values, hidden or not, of the rows that tell how far expected values are off, and these rows at least and at most.
JUDGED, LEAST_JUDGED, MOST_JUDGED = 200_000, 500, 4000


class Expecting(Task):
    """Rows with gaps, by autoencoders that learnt to find hidden values: the part of `Imputer` that works on rows.

    Attributes
    ----------
    autoencoder_ : Autoencoder
    bounds_ : Bounds
    """

    autoencoder_: Autoencoder
    bounds_: Bounds
    _residuals: Residuals

    def _gaps(self, raw: Raw) -> Iterator[tuple[np.ndarray, torch.Tensor, torch.Tensor]]:
        """Rows with gaps, block by block: their numbers, what is expected of them in prepared units, and masks."""
        with_gaps = np.flatnonzero(np.isnan(raw.values).reshape(len(raw), -1).any(1))
        # All rows are looked at, so that what cannot be used is refused wherever it is.
        self.preparation_.refuse_infinite(raw)
        self.preparation_.values(raw, type(self).__name__)
        gaps = raw.take(with_gaps)
        for rows, prepared in self.autoencoder_._inference.blocks(gaps) if len(with_gaps) else ():
            assert prepared.mask is not None
            yield with_gaps[rows], self._expected(prepared), prepared.mask.cpu()

    def _expected(self, prepared: Prepared) -> torch.Tensor:
        inference = self.autoencoder_._inference
        values = [inference.loss.link(output) for output in inference.outputs(prepared)]
        return torch.stack(values).mean(0).cpu().double()

    def _spread(self, mask: torch.Tensor) -> torch.Tensor | None:
        """Covariance of missing cells by the Gaussian: (n, size, size), or None where there is none."""
        fill: Any = self._network.fill
        if fill is None:
            return None
        with torch.no_grad():
            return fill.spread(mask.to(fill.mean.device)).cpu()

    @property
    def _network(self) -> Any:
        """One of the networks: what fills and what hides are the same for all."""
        return each_of(self.autoencoder_._model.network)[0]

    def _chances(self, mean: torch.Tensor) -> Iterator[tuple[int, np.ndarray]]:
        """Columns of categories and truth values, each with the chance of the likeliest."""
        for head in self.preparation_.heads_:
            if head.kind != NUMBERS:
                chances = mean[:, head.start : head.stop].numpy() * head.scale + head.center
                chances = np.maximum(chances, 1 - chances) if head.kind == BINARY else chances
                yield head.column, chances.max(1).clip(0, 1)
            elif isinstance(self.preparation_, MixedPreparation):
                coder = self.preparation_.coders_[head.column]
                if isinstance(coder, Embedding):
                    yield head.column, coder.chance(mean[:, head.start : head.stop].numpy())

    def _columns(self, values: np.ndarray) -> np.ndarray:
        """Prepared values (n, *shape) as columns: those of a row, or channels."""
        if values.ndim == 2:
            return values
        item_shape = self.schema_.item_shape
        return self.preparation_.backward(values, item_shape).reshape(-1, self.preparation_.width(item_shape))

    def _in_units(
        self, mean: torch.Tensor, scale: np.ndarray | None = None, shares: Any = None, rng: Any = None
    ) -> np.ndarray:
        """Values that may be in the person's units: expected ones, or those that a share of the errors lies below."""
        values = mean.numpy()
        if scale is not None:
            errors = self._residuals.at(self._columns(values), self._columns(shares)) * self._columns(scale)
            if values.ndim > 2:
                errors = self.preparation_.forward(errors.reshape(len(values), *self.schema_.item_shape))
            kinds = kinds_of(self.preparation_)
            # Categories and truth values are drawn by their chances.
            values = values + (errors if kinds is None else np.where(np.isin(kinds, (CATEGORY, BOOLEAN)), 0.0, errors))
        return self.bounds_.keep(self.preparation_.inverse(values, rng))

    def _judged(self, raw: Raw, rows: np.ndarray, seed: int) -> Residuals:
        """Hide cells of rows and see how far the expected values are off, over the Gaussian's deviation."""
        wanted = min(MOST_JUDGED, max(LEAST_JUDGED, JUDGED // int(np.prod(raw.item_shape))))
        raw = raw.take(again(rows, wanted)[:wanted])
        inference, generator = self.autoencoder_._inference, torch.Generator().manual_seed(seed)
        objective = inference.objective.bind(self._network)
        expected, errors = [], []
        for _, prepared in inference.blocks(raw):
            x = prepared.x
            mask = torch.ones_like(x, dtype=torch.bool) if prepared.mask is None else prepared.mask
            shown = objective.hide(x, mask, generator)
            assert shown is not None
            mean = self._expected(Prepared(x.masked_fill(~shown, 0), shown))
            scale = torch.from_numpy(deviation(self._spread(shown), shown))
            error = ((x.cpu() - mean) / scale).masked_fill(~(mask & ~shown).cpu(), torch.nan)
            expected.append(self._columns(mean.numpy()))
            errors.append(self._columns(error.numpy()))
        seen = 1 - np.isnan(raw.values).mean()
        # What a Gaussian is off for its own parameters, which come from the cells seen of a pair of columns.
        unit = np.sqrt(1 + int(np.prod(self.preparation_.shape_)) / (self.n_rows_ * seen**2))
        return Residuals.of(np.concatenate(expected), np.concatenate(errors), min(len(rows), wanted), unit)
