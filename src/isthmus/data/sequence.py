"""Sequences of one length: (n, time, channels), each channel scaled over all rows and steps."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from isthmus.data.preparation import Preparation
from isthmus.exceptions import DataError


class SequencePreparation(Preparation):
    """Sequences of one length: one scale a channel, over rows and steps, so that their shapes are kept."""

    kind: ClassVar[str] = "sequence"

    @classmethod
    def arrange(cls, values: Any, origin: str) -> Any:
        """Take three axes as they are, and two as sequences of one channel."""
        if not isinstance(values, np.ndarray):
            raise DataError(f"kind='sequence' needs a dense array, but {origin} is sparse. Use X.toarray().")
        if values.ndim == 2:
            return values[:, :, None]
        if values.ndim != 3:
            raise DataError(
                f"kind='sequence' needs (n, time, channels), or (n, time) for one channel, but {origin} "
                f"has shape {tuple(values.shape)}."
            )
        return values

    @classmethod
    def prepared_shape(cls, item_shape: tuple[int, ...]) -> tuple[int, ...]:
        """(time, channels), as brought."""
        return item_shape

    @classmethod
    def width(cls, item_shape: tuple[int, ...]) -> int:
        """Every channel is scaled by itself."""
        return item_shape[1]

    @classmethod
    def cell(cls, position: tuple[int, ...], names: tuple[str, ...] | None) -> str:
        """Call a cell by its step and channel."""
        step = f"step {position[0]}" if names is None else f"column {names[position[0]]!r}"
        return f"{step}, channel {position[1]}"

    @classmethod
    def describe(cls, item_shape: tuple[int, ...]) -> str:
        """Sequences of which length."""
        return f"sequences of {item_shape[0]} steps with {item_shape[1]} channel{'s' * (item_shape[1] != 1)}"
