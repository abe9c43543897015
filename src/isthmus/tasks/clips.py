"""Frames of a video with their neighbours, for networks that look before and after."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from isthmus.exceptions import DataError, ParameterError


def windows(frames: Iterable[np.ndarray], context: int) -> Iterator[np.ndarray]:
    """Give each frame with its neighbours stacked on the channel axis, in the order of time.

    Each frame is read once, and no more than 2 * context + 1 are held. At both ends the outermost frame is repeated.

    Parameters
    ----------
    frames : iterable of ndarray of shape (h, w, c)
        All of one shape.
    context : int
        How many neighbours on each side; 0 gives the frames as they are.

    Yields
    ------
    ndarray of shape (h, w, (2 * context + 1) * c)
        One for each frame, whose own channels stand in the middle.

    Raises
    ------
    DataError
        Where a frame is of another shape than the first.
    ParameterError
        Where the context is negative.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus.tasks.clips import windows
    >>> frames = (np.full((1, 1, 1), i) for i in range(4))
    >>> [window.ravel().tolist() for window in windows(frames, context=1)]
    [[0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 3]]
    """
    if context < 0:
        raise ParameterError(f"context={context!r} must be 0 or more: neighbouring frames on each side.")
    held: deque[np.ndarray] = deque(maxlen=2 * context + 1)
    read = 0
    for frame in _of_one_shape(frames):
        held.extend([frame] * (context + 1 if read == 0 else 1))
        read += 1
        if read > context:
            yield np.concatenate(held, axis=-1)
    for _ in range(context if read else 0):
        held.append(held[-1])
        if len(held) == held.maxlen:
            yield np.concatenate(held, axis=-1)


def _of_one_shape(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    shape: tuple[int, ...] | None = None
    for i, frame in enumerate(frames):
        shape = frame.shape if shape is None else shape
        if frame.shape != shape or frame.ndim != 3:
            raise DataError(
                f"Frame {i} has the shape {frame.shape}, the first one {shape}. All must be (height, width, channels) "
                "of one shape."
            )
        yield frame
