"""Sequences of unequal lengths: padded, with a channel of their own that says which steps there are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import torch

from isthmus.data.batches import DenseRows, Prepared, Rows
from isthmus.data.checks import refuse_infinite
from isthmus.data.giving_back import give_back
from isthmus.data.raw import Raw
from isthmus.data.sequence import SequencePreparation
from isthmus.exceptions import DataError

#: Steps that sequences may have, as a share of the longest one fitted on: new ones are often a little longer.
LEEWAY = 1.25
#: Value of the last channel from which a step is there.
THERE = 0.5


class RaggedPreparation(SequencePreparation):
    """Sequences of unequal lengths: padded with zeros, and a last channel that is 1 as long as a sequence lasts.

    The network is told by that channel where each sequence ends, and gives it back, so that a code alone says how long
    its sequence is. Padding is in no loss, but for that channel. Sequences may be up to a quarter longer than the
    longest one fitted on; beyond, they are refused, never cut.

    Attributes
    ----------
    longest_ : int
        Steps of the longest sequence fitted on.
    gaps_ : bool
        Whether values were missing within the sequences fitted on.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus.data import as_raw, preparation_for
    >>> raw = as_raw([np.zeros((2, 1)), np.ones((4, 1))])
    >>> preparation = preparation_for(raw).fit(raw)
    >>> preparation.shape_
    (5, 2)
    >>> preparation.transform(raw).x[0, :, -1].tolist()
    [1.0, 1.0, 0.0, 0.0, 0.0]
    """

    kind: ClassVar[str] = "sequence"
    ends_ = True

    def __init__(self, scaling: str = "auto"):
        super().__init__(scaling)
        self.longest_ = 0
        self.gaps_ = False

    def fit(self, raw: Raw) -> Self:
        """Learn scaling, channels and the longest length from training sequences."""
        super().fit(raw)
        lengths = _lengths(raw)
        self.longest_ = int(lengths.max())
        there = np.arange(raw.item_shape[0]) < lengths[:, None]
        self.gaps_ = bool(np.isnan(raw.values[there]).any())
        self._set_shape(raw.item_shape[1])
        return self

    def make_room(self, raw: Raw) -> Self:
        """Take sequences as long as these, held out from the fit."""
        self.longest_ = max(self.longest_, int(_lengths(raw).max()))
        self._set_shape(raw.item_shape[1])
        return self

    def _set_shape(self, channels: int) -> None:
        self.shape_ = (math.ceil(LEEWAY * self.longest_), channels + 1)
        self.schema_ = replace(self.schema_, item_shape=(self.shape_[0], channels))
        self.tells_mask = self.gaps_  # padding is told by the last channel

    def check(self, raw: Raw, name: str = "Autoencoder") -> None:
        """Refuse sequences of other channels, and those that are too long."""
        self._check_kind(raw, name)
        channels, lengths = self.shape_[1] - 1, _lengths(raw)
        if raw.item_shape[1] != channels:
            raise DataError(
                f"X has {raw.item_shape[1]} channels (from {raw.origin}), but {name} is expecting {channels} as input."
            )
        if lengths.max() > self.shape_[0]:
            row = int(np.argmax(lengths > self.shape_[0]))
            raise DataError(
                f"Sequence {row} (counted from 0) of {raw.origin} has {lengths[row]} steps, but {name} takes "
                f"{self.shape_[0]} at most: the longest one fitted on had {self.longest_}. Cut it into parts, "
                "or fit on sequences as long."
            )

    def transform(self, raw: Raw, dtype: torch.dtype = torch.float32, *, name: str = "Autoencoder") -> Prepared:
        """Prepare sequences: scaled, padded to one length, with the channel that tells where they end."""
        self.check(raw, name)
        refuse_infinite(raw.values, raw.origin, lambda at: self.cell(at, None))
        lengths, (time, width) = _lengths(raw), self.shape_
        steps = min(raw.item_shape[0], time)
        there = np.arange(time) < lengths[:, None]
        out = np.zeros((len(raw), time, width), np.float64 if dtype == torch.float64 else np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            out[:, :steps, :-1] = self._scale(raw.values[:, :steps])
        out[..., -1] = there
        mask = ~np.isnan(out)
        mask[..., :-1] &= there[..., None]
        out[~mask] = 0.0
        if not np.isfinite(out).all():
            self._refuse_too_large(out, 0, origin=raw.origin)
        return Prepared(torch.from_numpy(out).to(dtype), torch.from_numpy(mask))

    def _refuse_too_large(self, out: np.ndarray, start: int, origin: str) -> None:
        super()._refuse_too_large(out[..., :-1], start, origin)

    @classmethod
    def backward(cls, block: np.ndarray, item_shape: tuple[int, ...]) -> np.ndarray:
        """Leave the channels as they are: steps may be more than those of the sequences brought."""
        return block

    def values(self, raw: Raw, name: str = "Autoencoder") -> np.ndarray:
        """Values of sequences, padded with NaN to the steps of prepared ones: ndarray of shape (n, time, channels)."""
        more = self.shape_[0] - raw.item_shape[0]
        values = raw.values[:, : self.shape_[0]]
        floats = values if values.dtype.kind == "f" else values.astype(np.float64)
        return np.pad(floats, ((0, 0), (0, max(0, more)), (0, 0)), constant_values=np.nan)

    def rows(self, raw: Raw, dtype: torch.dtype = torch.float32, *, name: str = "Autoencoder") -> Rows:
        """Give sequences as training takes them, with their lengths."""
        prepared = self.transform(raw, dtype, name=name)
        return DenseRows(prepared.x, prepared.mask, torch.from_numpy(_lengths(raw)))

    # --- And back

    def inverse(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Undo the scaling, up to where each sequence ends by its last channel: NaN after that."""
        x = np.asarray(x)
        values = self.scaler_.inverse(x[..., :-1].reshape(-1, x.shape[-1] - 1)).reshape(*x.shape[:2], -1)
        there = np.asarray(x[..., -1] >= THERE)
        lengths = np.where(there.all(axis=1), x.shape[1], there.argmin(axis=1))
        values[np.arange(x.shape[1]) >= np.maximum(lengths, 1)[:, None]] = np.nan
        return values.astype(np.result_type(x.dtype, np.dtype(self.schema_.dtype), np.float32), copy=False)

    def keep_form(self, x_hat: torch.Tensor, prepared: Prepared) -> torch.Tensor:
        """Give what was made of some sequences their lengths."""
        x_hat[..., -1] = prepared.x[..., -1]
        return x_hat

    def by_column(self, cells: np.ndarray) -> np.ndarray:
        """Leave the last channel out."""
        return cells[..., :-1]

    def give_back(self, values: np.ndarray, like: Raw | None = None) -> Any:
        """Give a list of arrays (time, channels), or (time,) where they came so."""
        if like is None or like.lengths is None:
            seen = (~np.isnan(values)).sum(axis=2) > 0
            lengths = np.where(seen.sum(axis=1) > 0, seen.shape[1] - seen[:, ::-1].argmax(axis=1), 1)
            if like is not None:
                return give_back(values[:, : like.item_shape[0]], like.schema)
        else:
            lengths = like.lengths
        schema = self.schema_ if like is None else like.schema
        dtype = np.dtype(schema.dtype)
        values = values.astype(dtype if dtype.kind == "f" else values.dtype, copy=False)
        parts = [item[:length].copy() for item, length in zip(values, lengths, strict=True)]
        parts = [part[:, 0] for part in parts] if schema.flat else parts
        return [torch.from_numpy(part) for part in parts] if schema.container == "torch" else parts

    # --- To a file and back

    def config(self) -> dict[str, Any]:
        """Give all that was learnt but the arrays, as JSON-able values."""
        return super().config() | {"longest": self.longest_, "gaps": self.gaps_}

    @classmethod
    def restore(cls, config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """Rebuild a fitted preparation from its `config` and `arrays`."""
        preparation = super().restore(config, arrays)
        preparation.longest_, preparation.gaps_ = int(config["longest"]), bool(config["gaps"])
        preparation._set_shape(preparation.schema_.item_shape[1])
        return preparation


def _lengths(raw: Raw) -> np.ndarray:
    return np.full(len(raw), raw.item_shape[0]) if raw.lengths is None else raw.lengths
