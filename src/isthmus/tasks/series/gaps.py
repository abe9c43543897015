"""Gaps of recordings: windows are filled, and each missing value has the mean over the windows that hold it."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Any

import narwhals as nw
import numpy as np
import torch

from isthmus.data import Raw, cut_windows, join_windows
from isthmus.data.checks import refuse_infinite
from isthmus.data.giving_back import give_back
from isthmus.data.lists_of_sequences import are_unequal
from isthmus.data.windowing import runs
from isthmus.exceptions import DataError
from isthmus.tasks.series.recordings import are_several, as_recording, as_recordings, interpolated, joined
from isthmus.tasks.series.windows import period

#: Windows that are learnt from at most, and values of a window at most: so many that a Gaussian fills them first.
MOST_WINDOWS, MOST_VALUES = 5000, 200
#: Windows that hold a step, where gaps are filled.
OVERLAP = 8
#: Lengths of the longest gap that a window is to have: so much is known on its sides.
ROOM = 3


def are_recordings(X: Any, window: Any, kind: str) -> bool:
    """Whether rows are steps of recordings: a window says so, or a list of sequences of unequal lengths is one."""
    return window is not None or (isinstance(X, (list, tuple)) and len(X) > 0 and are_unequal(X, kind))


def taken(X: Any, window: int | str | None) -> tuple[list[Raw], int]:
    """Take recordings, and choose the length of their windows.

    Raises
    ------
    DataError
        Where recordings have other channels than the first, infinite values, or fewer steps than a window.
    """
    recordings = as_recordings(X)
    whole = joined(recordings)
    refuse_infinite(whole.values, whole.origin, lambda at: f"channel {at[0]}")
    if isinstance(window, int):
        length = window
    else:
        values = [np.asarray(raw.values, dtype=np.float64) for raw in recordings]
        spread = np.nanstd(whole.values, axis=0)
        scale = np.where(spread > 0, spread, 1.0)
        filled = [interpolated(torch.from_numpy(v / scale), torch.from_numpy(~np.isnan(v))).numpy() for v in values]
        shortest = min(map(len, values))
        wanted = max(
            period([np.nan_to_num(x) for x in filled]), ROOM * max(int(gap_lengths(x).max(initial=0)) for x in values)
        )
        length = max(2, min(wanted, shortest, MOST_VALUES // whole.item_shape[0]))
    for i, raw in enumerate(recordings):
        if len(raw) < length:
            raise DataError(
                f"Recording {i} has {len(raw)} steps, fewer than a window of {length}. Give longer ones, or a shorter "
                "window."
            )
    return recordings, length


def windows_of(recordings: list[Raw], length: int) -> np.ndarray:
    """Windows to learn from: (n, length, channels), as many as there can be, up to a bound."""
    steps = sum(len(raw) - length + 1 for raw in recordings)
    stride = min(length, max(1, steps // MOST_WINDOWS))
    found = np.concatenate([cut_windows(np.asarray(raw.values), length, stride) for raw in recordings])
    return found[~np.isnan(found).all(axis=(1, 2))]


def filled(X: Any, length: int, expected: Callable[[np.ndarray], np.ndarray]) -> Any:
    """Fill the gaps of recordings, and give them in the form that they came in.

    Parameters
    ----------
    X : as given to `transform`
    length : int
        Steps of a window.
    expected : callable
        From windows (n, length, channels) to what is expected of their missing values.
    """
    out = []
    for raw in taken(X, length)[0]:
        values = np.array(raw.values, dtype=np.float64)
        missing = np.isnan(values)
        values[missing] = joined_figures(raw, length, expected)[missing]
        out.append(values)
    return as_given(X, out)


def joined_figures(raw: Raw, length: int, figures: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Figures of the missing values of a recording: means over windows, by how much is known in each."""
    values = np.asarray(raw.values, dtype=np.float64)
    stride = max(1, length // OVERLAP)
    windows = cut_windows(values, length, stride)
    missing = np.isnan(windows)
    rows = np.flatnonzero(missing.any(axis=(1, 2)))
    found = np.full(windows.shape, np.nan)
    if len(rows):
        found[rows] = figures(windows[rows])
    return join_windows(found, len(values), stride, 1e-6 + 1 - missing.mean(axis=(1, 2)))


def as_given(X: Any, recordings: list[np.ndarray]) -> Any:
    """Give recordings as they came: one or a list; arrays, tensors, frames with all their columns."""
    several = are_several(X)
    found = [_as_one(*pair) for pair in zip(X if several else [X], recordings, strict=True)]
    return found if several else found[0]


def _as_one(given: Any, values: np.ndarray) -> Any:
    if isinstance(given, (str, PathLike, Raw)):
        raw = as_recording(given)
        return give_back(values, raw.schema, raw.index)
    if hasattr(given, "columns"):
        frame = nw.from_native(given, eager_only=True)
        names = as_recording(given).names or ()
        space = nw.get_native_namespace(frame)
        # Columns without gaps, and those set aside, are left as they are.
        new = [
            nw.new_series(name, values[:, j], backend=space)
            for j, name in enumerate(names)
            if np.isnan(frame[name].cast(nw.Float64).to_numpy()).any()
        ]
        return nw.to_native(frame.with_columns(*new) if new else frame)
    values = values[:, 0] if np.ndim(given) == 1 else values
    if isinstance(given, torch.Tensor):
        return torch.from_numpy(values).to(given.dtype if given.is_floating_point() else torch.float64)
    dtype = np.asarray(given).dtype
    return values.astype(dtype if dtype.kind == "f" else values.dtype, copy=False)


def gap_lengths(values: np.ndarray) -> np.ndarray:
    """Steps of each run of missing values of each channel: (time, channels) to (k,)."""
    return np.concatenate([np.diff(runs(channel), axis=1)[:, 0] for channel in np.isnan(values).T])
