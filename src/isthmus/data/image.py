"""Pictures: (n, h, w) or (n, h, w, c) in, channels first for a network, and back."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from isthmus.data.preparation import Preparation
from isthmus.exceptions import DataError


class ImagePreparation(Preparation):
    """Pictures: one mean and one deviation a channel, so that errors stay proportional to pixel errors."""

    kind: ClassVar[str] = "image"

    @classmethod
    def arrange(cls, values: Any, origin: str) -> Any:
        """Take three axes (grey) or four (channels last)."""
        if values.ndim not in (3, 4) or not isinstance(values, np.ndarray):
            raise DataError(
                f"kind='image' needs pictures, (n, h, w) or (n, h, w, c), but {origin} has shape "
                f"{tuple(values.shape)}. Give flat pictures their sides back with X.reshape(len(X), h, w), "
                "or use kind='vector'."
            )
        return values

    @classmethod
    def prepared_shape(cls, item_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Channels first."""
        h, w, c = (*item_shape, 1)[:3]
        return (c, h, w)

    @classmethod
    def width(cls, item_shape: tuple[int, ...]) -> int:
        """Every channel is scaled by itself."""
        return (*item_shape, 1)[2]

    @classmethod
    def forward(cls, block: np.ndarray) -> np.ndarray:
        """(m, h, w[, c]) to (m, c, h, w)."""
        return block[:, None] if block.ndim == 3 else np.moveaxis(block, -1, 1)

    @classmethod
    def backward(cls, block: np.ndarray, item_shape: tuple[int, ...]) -> np.ndarray:
        """(m, c, h, w) to (m, h, w[, c])."""
        return block[:, 0] if len(item_shape) == 2 else np.moveaxis(block, 1, -1)

    @classmethod
    def cell(cls, position: tuple[int, ...], names: tuple[str, ...] | None) -> str:
        """Call a pixel by its line and column, and its channel where there are several."""
        pixel = f"pixel ({position[0]}, {position[1]})"
        return pixel if len(position) == 2 else f"{pixel}, channel {position[2]}"

    @classmethod
    def describe(cls, item_shape: tuple[int, ...]) -> str:
        """Pictures of which size."""
        h, w, c = (*item_shape, 1)[:3]
        return f"pictures of {h} x {w} (height x width) with {c} channel{'s' * (c != 1)}"

    @classmethod
    def bounds(cls, dtype: np.dtype) -> tuple[float, float] | None:
        """Pictures of 8 or 16 bits have the range of their dtype: 0..255."""
        return (0.0, float(np.iinfo(dtype).max)) if dtype.kind == "u" and dtype.itemsize <= 2 else None
