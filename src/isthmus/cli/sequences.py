"""Sequences of unequal lengths as files can hold them: padded, or one line a step."""

# ruff: noqa: PLC0415 - what is slow to import is imported once a command runs

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def are_sequences(values: Any) -> bool:
    """Whether values are a list of arrays, one a sequence."""
    return isinstance(values, list) and bool(values) and hasattr(values[0], "shape")


def padded(values: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Give sequences as one array, padded with NaN, and the steps of each: (n, time, ...) and (n,)."""
    import numpy as np

    arrays = [np.asarray(part) for part in values]
    lengths = np.array([len(part) for part in arrays])
    out = np.full((len(arrays), lengths.max(), *arrays[0].shape[1:]), np.nan, np.result_type(arrays[0], np.float32))
    for row, part in zip(out, arrays, strict=True):
        row[: len(part)] = part
    return out, lengths


def by_step(values: Sequence[Any], names: Sequence[str] | None) -> pa.Table:
    """Give sequences as a table of one line a step: the sequence's name or number, the step, the channels."""
    import numpy as np
    import pyarrow as pa

    arrays = [np.asarray(part).reshape(len(part), -1) for part in values]
    which = np.repeat(np.arange(len(arrays)), [len(part) for part in arrays])
    steps = np.concatenate([np.arange(len(part)) for part in arrays])
    said = which if names is None else np.asarray(names, dtype=object)[which]
    joined = np.concatenate(arrays)
    channels = {f"x{j}": pa.array(joined[:, j], from_pandas=True) for j in range(joined.shape[1])}
    return pa.table({"sequence": pa.array(said), "step": pa.array(steps), **channels})
