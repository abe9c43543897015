"""Where to draw the line between usual and strange rows."""

from __future__ import annotations

import numpy as np


def fence(scores: np.ndarray) -> float:
    """Upper fence of Tukey (1977): the third quartile and one and a half times the distance between quartiles."""
    low, high = np.percentile(scores, [25, 75])
    return float(high + 1.5 * (high - low))


def above_share(scores: np.ndarray, share: float) -> float:
    """Line above which at most a share of rows like these lies.

    Of m ranked scores, the one that leaves floor(share * (m + 1)) - 1 above it: in finite samples a new row lies above
    it with a chance of at most `share`. Infinite where there are too few scores for so small a share.

    Examples
    --------
    >>> import numpy as np
    >>> above_share(np.arange(99.0), 0.1), above_share(np.arange(99.0), 0.001)
    (89.0, inf)
    """
    allowed = int(np.floor(share * (len(scores) + 1) + 1e-9))
    if allowed < 1:
        return float("inf")
    return float(np.sort(scores)[max(0, len(scores) - allowed)])


def by_labels(scores: np.ndarray, strange: np.ndarray) -> float:
    """Line that tells labelled rows apart best: the largest sum of the shares found of both sorts (Youden, 1950).

    Half way between the two scores around it; of lines as good, the highest, which flags least.

    Examples
    --------
    >>> import numpy as np
    >>> by_labels(np.array([1.0, 2.0, 5.0, 6.0]), np.array([False, False, True, True]))
    3.5
    """
    values = np.unique(scores)
    lines = np.concatenate([(values[:-1] + values[1:]) / 2, [values[-1]]])
    found = (scores[strange][:, None] > lines).mean(0)
    spared = (scores[~strange][:, None] <= lines).mean(0)
    gained = found + spared
    return float(lines[np.flatnonzero(gained >= gained.max() - 1e-12)[-1]])
