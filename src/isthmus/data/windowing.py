"""Long recordings cut into windows of one length, and windows put together again."""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus.exceptions import DataError, ParameterError


def cut_windows(recording: Any, length: int, stride: int | None = None) -> np.ndarray:
    """Cut a recording into windows that cover all of it.

    Parameters
    ----------
    recording : array of shape (time, channels) or (time,)
        At least `length` steps.
    length : int
        Steps of a window.
    stride : int, optional
        Steps from one window to the next, up to `length`; half a window by default. The last window ends with the
        recording, and may be nearer to the one before.

    Returns
    -------
    ndarray of shape (n_windows, length, channels) or (n_windows, length)
        In the dtype of the recording.

    Raises
    ------
    ParameterError
        If `length` or `stride` is no whole number from 1 on, or windows would leave steps out.
    DataError
        If the recording is of another shape, or shorter than a window.

    See Also
    --------
    join_windows : The way back.

    Examples
    --------
    >>> import numpy as np
    >>> cut_windows(np.arange(7), length=4, stride=2).tolist()
    [[0, 1, 2, 3], [2, 3, 4, 5], [3, 4, 5, 6]]
    """
    values = np.asarray(recording)
    if values.ndim not in (1, 2):
        raise DataError(f"A recording has the shape (time, channels) or (time,), but this one has {values.shape}.")
    return values[_starts(len(values), length, stride)[:, None] + np.arange(length)]


def join_windows(windows: Any, time: int, stride: int | None = None, weights: Any = None) -> np.ndarray:
    """Put windows together again: each step is the mean over the windows that hold it.

    Parameters
    ----------
    windows : array of shape (n_windows, length, ...)
        As `cut_windows` laid them: reconstructions, or figures of each step. NaN counts for nothing.
    time : int
        Steps of the recording.
    stride : int, optional
        As in `cut_windows`.
    weights : array of shape (n_windows,), optional
        How much each window counts, above 0; all alike by default.

    Returns
    -------
    ndarray of shape (time, ...)
        Floats; NaN where every window has NaN.

    Raises
    ------
    ParameterError, DataError
        As `cut_windows`; also if there are not as many windows as such a recording has.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(7.0)
    >>> join_windows(cut_windows(x, length=4, stride=2), time=7, stride=2).tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    """
    values = np.asarray(windows, dtype=np.result_type(np.asarray(windows), np.float32))
    if values.ndim < 2:
        raise DataError(f"Windows have the shape (n_windows, length, ...), but these have {values.shape}.")
    starts = _starts(time, values.shape[1], stride)
    if len(starts) != len(values):
        raise DataError(
            f"There are {len(values)} windows of {values.shape[1]} steps, but a recording of {time} steps has "
            f"{len(starts)}. Give time= and stride= of the recording that was cut."
        )
    total, count = np.zeros((time, *values.shape[2:]), np.float64), np.zeros((time, *values.shape[2:]))
    for start, window, weight in zip(starts, values, np.ones(len(values)) if weights is None else weights, strict=True):
        seen = ~np.isnan(window)
        total[start : start + len(window)] += np.where(seen, window, 0.0) * weight
        count[start : start + len(window)] += seen * weight
    with np.errstate(invalid="ignore"):
        return (total / np.where(count > 0, count, np.nan)).astype(values.dtype)


def runs(labels: np.ndarray) -> np.ndarray:
    """Give the runs of True: int ndarray of shape (k, 2), first step and the one after the last.

    Examples
    --------
    >>> import numpy as np
    >>> runs(np.array([0, 1, 1, 0, 1], dtype=bool)).tolist()
    [[1, 3], [4, 5]]
    """
    edges = np.diff(np.concatenate([[0], labels.astype(np.int8), [0]]))
    return np.column_stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)])


def _starts(time: int, length: int, stride: int | None) -> np.ndarray:
    """First steps of the windows of a recording."""
    stride = max(1, length // 2) if stride is None and isinstance(length, int) else stride
    for name, value in (("length", length), ("stride", stride)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ParameterError(f"{name}={value!r} cannot be used; expected a whole number of steps from 1 on.")
    assert stride is not None
    if stride > length:
        raise ParameterError(
            f"stride={stride} is more than length={length}: steps between the windows would be left out."
        )
    if time < length:
        raise DataError(f"The recording has {time} steps, fewer than a window of {length}. Give a shorter window.")
    starts = np.arange(0, time - length + 1, stride)
    return starts if starts[-1] == time - length else np.append(starts, time - length)
