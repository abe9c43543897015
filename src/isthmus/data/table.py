"""Tables: frames and files with named columns."""

from __future__ import annotations

from typing import ClassVar, Self

import torch

from isthmus.data.batches import Prepared, Rows
from isthmus.data.column import NUMBER, WHOLE, Column
from isthmus.data.identifiers import refuse_identifiers
from isthmus.data.raw import Raw, Schema
from isthmus.data.same_columns import as_fitted
from isthmus.data.vector import VectorPreparation


class TablePreparation(VectorPreparation):
    """Columns of a frame that are all numbers: as vectors, with names. `isthmus.data.mixed` has those that are not."""

    kind: ClassVar[str] = "table"

    def fit(self, raw: Raw) -> Self:
        """Learn scaling and form from training rows."""
        refuse_identifiers(columns_of(raw.schema), raw.values, raw.origin)
        return super().fit(raw)

    def transform(self, raw: Raw, dtype: torch.dtype = torch.float32, *, name: str = "Autoencoder") -> Prepared:
        """Prepare rows, all of them dense."""
        return super().transform(self._numbers(raw, name), dtype, name=name)

    def rows(self, raw: Raw, dtype: torch.dtype = torch.float32, *, name: str = "Autoencoder") -> Rows:
        """Give rows as training takes them."""
        return super().rows(self._numbers(raw, name), dtype, name=name)

    def _numbers(self, raw: Raw, name: str) -> Raw:
        """Refuse columns that hold anything else than numbers, by column, row and value."""
        if not raw.schema.is_mixed:
            return raw
        self.check(raw, name)
        return as_fitted(raw, columns_of(self.schema_))


def columns_of(schema: Schema) -> tuple[Column, ...]:
    """Say what each column of a schema is: numbers, where nothing else is known.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus.data import as_raw
    >>> [column.type for column in columns_of(as_raw(np.zeros((4, 2), dtype=int)).schema)]
    ['whole', 'whole']
    """
    if schema.columns is not None:
        return schema.columns
    width = schema.item_shape[0]
    names = schema.names or tuple(str(label) for label in schema.labels or range(width))
    dtypes = schema.column_dtypes or (schema.dtype,) * width
    kinds = (WHOLE if "int" in dtype.lower() else NUMBER for dtype in dtypes)
    return tuple(Column(name, kind) for name, kind in zip(names, kinds, strict=True))
