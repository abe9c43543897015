"""Lists of sequences of unequal lengths to a `Raw`: padded with NaN, their lengths kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from isthmus.data.checks import as_numbers
from isthmus.data.raw import Raw
from isthmus.exceptions import DataError


def are_unequal(items: Sequence[Any], kind: str) -> bool:
    """Whether items are sequences of unequal lengths: of two axes each, or of one where kind is "sequence"."""
    if kind not in ("auto", "sequence") or isinstance(items[0], (str, bytes)):
        return False
    try:
        shapes = [np.shape(item) for item in items]
    except (ValueError, RuntimeError):
        return False
    axes = {len(shape) for shape in shapes}
    return len({shape[:1] for shape in shapes}) > 1 and (axes == {2} or (axes == {1} and kind == "sequence"))


def from_sequences(items: Sequence[Any], origin: str) -> Raw:
    """Take arrays or tensors (time_i, channels), or (time_i,) of one channel.

    Parameters
    ----------
    items : sequence of array or Tensor
    origin : str
        What messages call the list.

    Returns
    -------
    Raw
        Of kind "sequence", with `lengths`.

    Raises
    ------
    DataError
        For an empty sequence, or one of other channels than the first; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> raw = from_sequences([np.zeros((2, 3)), np.ones((5, 3))], "the list given")
    >>> raw.values.shape, raw.lengths.tolist()
    ((2, 5, 3), [2, 5])
    """
    names = [tuple(map(str, item.columns)) for item in items if hasattr(item, "columns")]
    odd = next((i for i, own in enumerate(names) if own != names[0]), None)
    if odd is not None:
        raise DataError(
            f"Frame {odd} (counted from 0) of {origin} has the columns {names[odd]}, but the first {names[0]}."
        )
    tensors = all(isinstance(item, torch.Tensor) for item in items)
    arrays = [item.detach().cpu().numpy() if isinstance(item, torch.Tensor) else np.asarray(item) for item in items]
    first = arrays[0].shape
    for i, array in enumerate(arrays):
        if len(array) == 0:
            raise DataError(f"Sequence {i} (counted from 0) of {origin} is empty: it has no step. Leave it out.")
        if array.shape[1:] != first[1:]:
            raise DataError(
                f"Sequence {i} (counted from 0) of {origin} has {array.shape[1]} channels, but sequence 0 has "
                f"{first[1]}. All must be (time, channels) with the same channels."
            )
    arrays = [as_numbers(array, f"sequence {i} of {origin}") for i, array in enumerate(arrays)]
    dtype = np.result_type(*{array.dtype for array in arrays}, np.float32)
    lengths = np.array([len(array) for array in arrays])
    values = np.full((len(arrays), int(lengths.max()), *(first[1:] or (1,))), np.nan, dtype)
    for row, array in zip(values, arrays, strict=True):
        row[: len(array)] = array.reshape(len(array), -1)
    return Raw(
        values,
        kind="sequence",
        container="torch" if tensors else "numpy",
        origin=origin,
        flat=len(first) == 1,
        lengths=lengths,
    )
