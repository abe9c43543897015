"""Windows of a recording, and figures of windows as figures of steps."""

from __future__ import annotations

import numpy as np
from torch import Tensor

#: Length of windows where no period shows; a period is looked for among lengths from SHORTEST on.
USUAL, SHORTEST = 50, 8
#: Least correlation of a series with itself a period later, and windows that a recording is to hold beside the first.
PERIODIC, FEWEST = 0.3, 3


def windows(x: Tensor, length: int, places: Tensor | slice = slice(None)) -> Tensor:
    """Give windows of a recording (time, channels) by their first steps, as rows: (n, length * channels).

    Examples
    --------
    >>> import torch
    >>> windows(torch.arange(4.0)[:, None], 2).tolist()
    [[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]]
    """
    found = x.unfold(0, length, 1)[places].transpose(1, 2)
    return found.reshape(len(found), length * x.shape[1])


def averaged(figures: np.ndarray, length: int) -> np.ndarray:
    """Give each step the mean of the figures of the windows that hold it: (n,) to (n + length - 1,).

    Examples
    --------
    >>> import numpy as np
    >>> averaged(np.array([2.0, 4.0, 6.0]), 2).tolist()
    [2.0, 3.0, 5.0, 6.0]
    """
    n = len(figures)
    total, times = np.zeros(n + length - 1), np.zeros(n + length - 1)
    for j in range(length):
        total[j : j + n] += figures
        times[j : j + n] += 1
    return total / times


def period(recordings: list[np.ndarray]) -> int:
    """Choose the length of windows: the first period that shows, else 50 steps, or an eighth of the shortest recording.

    A period is the highest peak of the autocorrelation of the first differences of all channels, from 8 steps on, where
    it is 0.3 or more and a quarter of the recording or less; differences, so that slow drifts do not hide it.

    Parameters
    ----------
    recordings : list of ndarray of shape (time, channels)
        Scaled, nothing missing.

    Examples
    --------
    >>> import numpy as np
    >>> period([np.sin(np.arange(400.0) / 24 * 2 * np.pi)[:, None]])
    24
    """
    shortest = min(map(len, recordings))
    most = shortest // (1 + FEWEST)
    total = np.zeros(most + 1)
    for x in recordings:
        change = np.diff(x, axis=0)
        change = change - change.mean(0)
        spectrum = np.abs(np.fft.rfft(change, 2 * len(change), axis=0)) ** 2
        total += np.fft.irfft(spectrum, axis=0)[: most + 1].sum(1)
    inside = np.arange(SHORTEST, most)
    if len(inside) and total[0] > 0:
        peaks = inside[(total[inside] >= total[inside - 1]) & (total[inside] >= total[inside + 1])]
        if len(peaks):
            best = int(peaks[np.argmax(total[peaks])])
            if total[best] / total[0] >= PERIODIC:
                return best
    return max(2, min(USUAL, shortest // 8))
