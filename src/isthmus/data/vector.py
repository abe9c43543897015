"""Vectors: rows of a 2-D array or a sparse matrix, each column scaled by itself."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch

from isthmus.data.batches import LazyRows, Rows
from isthmus.data.preparation import Preparation
from isthmus.data.raw import Raw
from isthmus.exceptions import DataError


class VectorPreparation(Preparation):
    """Rows of numbers (n, d): one scale a column; sparse matrices stay sparse until a batch is taken."""

    kind: ClassVar[str] = "vector"

    @classmethod
    def arrange(cls, values: Any, origin: str) -> Any:
        """Take two axes as they are."""
        if values.ndim != 2:
            raise DataError(
                f"kind={cls.kind!r} needs rows and columns, (n, d), but {origin} has shape "
                f"{tuple(values.shape)}. Flatten it with X.reshape(len(X), -1), or give kind='image' or "
                "kind='sequence'."
            )
        return values

    @classmethod
    def prepared_shape(cls, item_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Rows stay rows."""
        return item_shape

    @classmethod
    def width(cls, item_shape: tuple[int, ...]) -> int:
        """Every column is scaled by itself."""
        return item_shape[0]

    @classmethod
    def cell(cls, position: tuple[int, ...], names: tuple[str, ...] | None) -> str:
        """Call a column by its name, or else by its number."""
        return f"column {position[0] if names is None else repr(names[position[0]])}"

    @classmethod
    def describe(cls, item_shape: tuple[int, ...]) -> str:
        """Rows of how many columns."""
        return f"rows of {item_shape[0]} columns"

    def rows(self, raw: Raw, dtype: torch.dtype = torch.float32, *, name: str = "Autoencoder") -> Rows:
        """Give rows as training takes them; a sparse matrix is made dense a batch at a time."""
        if not raw.is_sparse:
            return super().rows(raw, dtype, name=name)
        self.check(raw, name)
        self.refuse_infinite(raw)
        missing = raw.values.dtype.kind == "f" and bool(np.isnan(raw.values.data).any())
        never = bool(np.isnan(self._scale(np.zeros((1, *self.shape_)))).any())
        return LazyRows(
            raw.values, lambda part: self._prepare(part, dtype, f"a batch of {raw.origin}"), missing or never
        )
