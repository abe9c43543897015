"""Probabilities from ranks among rows held out, and which of many to believe."""

from __future__ import annotations

import numpy as np


def p_values(scores: np.ndarray, calibration: np.ndarray) -> np.ndarray:
    """Share of calibration rows at least as strange, the row itself counted: (1 + #{c >= s}) / (m + 1).

    For a row that is exchangeable with the calibration rows, and a score that was made without them, the chance of a
    value of at most alpha is at most alpha, for any number of rows (Vovk, Gammerman and Shafer, 2005).

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Higher is stranger.
    calibration : ndarray of shape (m,)
        Ascending.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> import numpy as np
    >>> p_values(np.array([0.0, 2.5, 9.0]), np.array([1.0, 2.0, 3.0])).tolist()
    [1.0, 0.5, 0.25]
    """
    at_least = len(calibration) - np.searchsorted(calibration, scores, side="left")
    return (1 + at_least) / (len(calibration) + 1)


def discoveries(p: np.ndarray, rate: float) -> np.ndarray:
    """Rows to flag so that at most a share `rate` of those flagged is false, on average.

    The procedure of Benjamini and Hochberg (1995); it holds for conformal p-values that share their calibration rows
    (Bates, Candes, Lei, Romano and Sesia, 2023).

    Parameters
    ----------
    p : ndarray of shape (n,)
    rate : float

    Returns
    -------
    bool ndarray of shape (n,)

    Examples
    --------
    >>> import numpy as np
    >>> discoveries(np.array([0.01, 0.02, 0.04, 0.9]), 0.05).tolist()
    [True, True, False, False]
    """
    order = np.argsort(p)
    passed = np.flatnonzero(p[order] <= rate * np.arange(1, len(p) + 1) / max(1, len(p)))
    flagged = np.zeros(len(p), dtype=bool)
    if len(passed):
        flagged[order[: passed[-1] + 1]] = True
    return flagged
