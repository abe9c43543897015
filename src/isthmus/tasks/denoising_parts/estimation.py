"""The level of noise that is alike everywhere and independent from value to value, from noisy data alone."""

from __future__ import annotations

import numpy as np

#: Side of the patches of pictures, and steps of the windows of signals.
PATCH, WINDOW = 8, 16
#: Shares of red, green and blue in the brightness (ITU-R BT.601).
LUMA = np.array([0.299, 0.587, 0.114])
#: How many times the noise of the colours that of the brightness must be for neighbours to share the former.
SHARED = 3.0
#: Patches looked at, at most.
MOST_PATCHES = 10_000


def picture_level(values: np.ndarray) -> float:
    """Estimate the standard deviation of the noise of a picture or signal.

    Patches of a picture lie near a plane of few dimensions; in all others there is noise alone. So the smallest
    eigenvalues of the patches' covariance, as many as have their median for a mean, have the noise's variance.

    Parameters
    ----------
    values : ndarray of shape (h, w, c) or (time, c)
        Finite.

    Returns
    -------
    float
        In the units of the values; 0 where there are too few values to tell. Three channels are taken for colours.

    References
    ----------
    G. Chen, F. Zhu, P. A. Heng, "An efficient statistical method for image noise level estimation", ICCV 2015.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> ramp = np.linspace(0, 100, 64)[:, None, None] + np.zeros((64, 64, 1))
    >>> bool(abs(picture_level(ramp + rng.normal(0, 5, ramp.shape)) - 5) < 0.3)
    True
    """
    found = _level(values)
    if values.ndim == 3 and values.shape[-1] == 3:
        # JPEG and films hold colours at half the resolution: their noise is shared by neighbours, and seems to be none.
        bright = _level((values @ LUMA)[..., None]) / float(np.linalg.norm(LUMA))
        return bright if bright > SHARED * found else found
    return found


def _level(values: np.ndarray) -> float:
    axes = values.ndim - 1
    sides = tuple(min(PATCH if axes == 2 else WINDOW, side) for side in values.shape[:-1])
    windows = np.lib.stride_tricks.sliding_window_view(values, sides, axis=tuple(range(axes)))
    step = max(1, int(np.ceil((np.prod(windows.shape[:axes]) / MOST_PATCHES) ** (1 / axes))))
    windows = windows[(slice(None, None, step),) * axes]
    patches = windows.reshape(int(np.prod(windows.shape[:axes])), -1).astype(np.float64)
    return float(np.sqrt(smallest_variance(patches)))


def smallest_variance(rows: np.ndarray) -> float:
    """Give the variance that the rows have in all directions but those of their signal; 0 where rows are too few.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
    """
    n, d = rows.shape
    if n < 2 * d or d < 2:
        return 0.0
    variances = np.linalg.eigvalsh(np.cov(rows, rowvar=False))
    for kept in range(d, 0, -1):
        mean = variances[:kept].mean()
        if mean <= np.median(variances[:kept]):
            return float(max(mean, 0.0))
    return float(max(variances[0], 0.0))
