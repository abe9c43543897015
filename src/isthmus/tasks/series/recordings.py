"""A person's recordings as rows in order: time stamps set aside, categories refused by name."""

from __future__ import annotations

import warnings
from dataclasses import replace
from os import PathLike
from typing import Any, TypeGuard

import numpy as np
import torch

from isthmus.data import Preparation, Raw, as_raw
from isthmus.data.column import BOOLEAN, DATE, Column
from isthmus.exceptions import DataError

#: Prepared values are cut to this, so that their squares stay finite.
LARGEST = 1e9


def are_several(X: Any) -> TypeGuard[list[Any]]:
    """Whether X is a list of recordings; a list of numbers, or of lists of equal lengths of them, is one recording."""
    if not isinstance(X, (list, tuple)) or len(X) == 0:
        return False
    first = X[0]
    if isinstance(first, (np.ndarray, torch.Tensor)):
        return first.ndim > 0
    if isinstance(first, (str, PathLike, Raw)) or hasattr(first, "columns") or hasattr(first, "to_numpy"):
        return True  # to_numpy: a Series of pandas or polars, which is one channel
    try:
        return np.ndim(first) == 2
    except ValueError:  # lists of unequal lengths, which `as_recording` refuses
        return False


def as_recordings(X: Any) -> list[Raw]:
    """Take one recording, or a list of them.

    Parameters
    ----------
    X : array of shape (time, channels) or (time,), frame, path, Raw, or list of them
        Rows are steps in order.

    Returns
    -------
    list of Raw
        Of kind "vector"; columns of time stamps lie in `extra`.

    Raises
    ------
    DataError
        Where X has more axes, or a column that is not of numbers.
    """
    return [as_recording(one) for one in X] if are_several(X) else [as_recording(X)]


def as_recording(X: Any) -> Raw:
    """Take one recording."""
    if isinstance(X, Raw):
        return _numbers(X)
    if isinstance(X, (str, PathLike)) or hasattr(X, "columns"):
        return _numbers(as_raw(X))
    try:
        values = X.detach().cpu().numpy() if isinstance(X, torch.Tensor) else np.asarray(X)
    except ValueError as error:
        raise DataError(
            "Lists of numbers of unequal lengths are taken for the steps of one recording, whose channels would differ "
            "in number. Give several recordings as a list of arrays."
        ) from error
    if values.ndim not in (1, 2) or 0 in values.shape:
        raise DataError(
            f"A recording is an array of shape (time, channels) or (time,), but the array given has shape "
            f"{values.shape}. Give several recordings as a list of such arrays."
        )
    return as_raw(values[:, None] if values.ndim == 1 else values, kind="vector")


def _numbers(raw: Raw) -> Raw:
    """Keep the columns of numbers of a table."""
    if raw.values.ndim != 2 or raw.is_sparse:
        raise DataError(f"{raw.origin} is no recording: expected rows of numbers, one for each step in time.")
    columns = raw.columns or ()
    odd = [c.name for c in columns if not c.is_numeric and c.type not in (BOOLEAN, DATE)]
    if odd:
        raise DataError(
            f"Column {odd[0]!r} of {raw.origin} holds categories, but a recording is of numbers. Leave the column out."
        )
    dates = [j for j, column in enumerate(columns) if column.type == DATE]
    kept = [j for j in range(raw.values.shape[1]) if j not in dates]
    if not kept:
        raise DataError(f"{raw.origin} has time stamps and nothing else: there are no measurements to score.")
    for j in dates:
        warnings.warn(
            f"Column {columns[j].name!r} of {raw.origin} holds time stamps and is set aside: steps are taken in the "
            "order of the rows.",
            stacklevel=5,
        )
    return replace(
        raw,
        values=np.asarray(raw.values[:, kept], dtype=np.float64),
        kind="vector",
        names=None if raw.names is None else tuple(raw.names[j] for j in kept),
        column_dtypes=None if raw.column_dtypes is None else tuple(raw.column_dtypes[j] for j in kept),
        labels=None if raw.labels is None else tuple(raw.labels[j] for j in kept),
        columns=None,
        extra={**raw.extra, **{columns[j].name: _shown(columns[j], raw.values[:, j]) for j in dates}},
    )


def _shown(column: Column, values: np.ndarray) -> np.ndarray:
    """Give time stamps as they are read, None where there is none."""
    return np.array([None if np.isnan(v) else column.shown(float(v)) for v in values], dtype=object)


def told_steps(raw: Raw) -> str:
    """Say what a recording was understood as."""
    return f"{len(raw)} steps of {raw.item_shape[0]} channel(s)"


def joined(recordings: list[Raw]) -> Raw:
    """Give the rows of all recordings, one after the other, to learn a scale from."""
    first = recordings[0]
    for i, other in enumerate(recordings[1:], 1):
        if other.item_shape != first.item_shape or other.names != first.names:
            raise DataError(
                f"Recording {i} has {_told(other)}, but recording 0 has {_told(first)}: all need the same channels."
            )
    values = np.concatenate([raw.values for raw in recordings])
    return replace(first, values=values, index=None, extra={}, row_names=None)


def _told(raw: Raw) -> str:
    return f"{raw.item_shape[0]} channel(s)" + ("" if raw.names is None else f" named {', '.join(raw.names)}")


def prepared(preparation: Preparation, raw: Raw) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Scale a recording.

    Returns
    -------
    x : float64 Tensor of shape (time, channels)
        Missing values are 0.
    seen : bool Tensor of the same shape, or None
        True where a value was observed; None where all were.
    """
    found = preparation.transform(raw, torch.float64, name="AnomalyDetector")
    seen = None if found.mask is None or bool(found.mask.all()) else found.mask
    return found.x.clamp(-LARGEST, LARGEST), seen


def interpolated(x: torch.Tensor, seen: torch.Tensor | None) -> torch.Tensor:
    """Fill what is missing on the straight line between the values before and after, channel by channel."""
    if seen is None:
        return x
    out, steps = x.numpy().copy(), np.arange(len(x))
    for j, there in enumerate(seen.numpy().T):
        if there.any():
            out[:, j] = np.interp(steps, steps[there], out[there, j])
    return torch.from_numpy(out)
