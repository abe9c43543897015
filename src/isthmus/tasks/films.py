"""Films: what is learnt from some of their frames, and frames cleaned and filled one by one with those beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from isthmus.exceptions import DataError
from isthmus.tasks.clips import windows

if TYPE_CHECKING:
    from isthmus.data.video import Video
    from isthmus.tasks.denoiser import Denoiser
    from isthmus.tasks.imputer import Imputer

#: Frames, with those beside them, that are learnt from at most.
MOST_LEARNT = 64


def some_windows(video: Video, context: int, seed: int = 0, most: int = MOST_LEARNT) -> list[np.ndarray]:
    """Draw frames of a film with those beside them, each as likely; the film is read once, a frame at a time.

    Parameters
    ----------
    video : Video
    context : int
        Frames on either side.
    seed : int, default=0
    most : int, default=64

    Returns
    -------
    list of ndarray of shape (h, w, (2 context + 1) c)
        In the order of time.
    """
    rng = np.random.default_rng(seed)
    kept: dict[int, np.ndarray] = {}
    for i, window in enumerate(windows(video.frames(), context)):
        # Vitter's algorithm R: the number of frames need not be known.
        if len(kept) == most:
            if rng.integers(i + 1) >= most:
                continue
            del kept[list(kept)[rng.integers(most)]]
        kept[i] = window
    if not kept:
        raise DataError(f"{video.path} has no frames.")
    return [kept[i] for i in sorted(kept)]


def cleaned_frames(denoiser: Denoiser, video: Video) -> Iterator[np.ndarray]:
    """Clean the frames of a film, each with as many beside it as the denoiser was fitted with: (h, w, c) each."""
    for i, window in enumerate(windows(video.frames(), denoiser.context)):
        yield denoiser.clean_array(window, f"frame {i} of {video.path.name}")


def filled_frames(imputer: Imputer, video: Video, missing: np.ndarray) -> Iterator[np.ndarray]:
    """Fill the same pixels of all frames of a film: (h, w, c) each.

    Parameters
    ----------
    imputer : Imputer
        Fitted on pictures, or on frames with those beside them.
    video : Video
    missing : bool ndarray of shape (h, w)

    Raises
    ------
    DataError
        If the mask is not of the frames' size.
    """
    if missing.shape != video.size:
        raise DataError(
            f"The mask is {missing.shape[0]} x {missing.shape[1]} (height x width), but the frames of {video.path} are "
            f"{video.size[0]} x {video.size[1]}. Give a mask of their size."
        )
    for i, window in enumerate(windows(video.frames(), imputer.context)):
        yield imputer.fill_array(window, missing, f"frame {i} of {video.path.name}")
