"""How near one picture is to another: PSNR and SSIM."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from isthmus.exceptions import DataError, ParameterError

#: Standard deviation and half width of the window of SSIM, and its two constants (Wang et al. 2004, section III).
SIGMA, RADIUS, K1, K2 = 1.5, 5, 0.01, 0.03


def psnr(a: np.ndarray, b: np.ndarray, data_range: float | None = None, where: np.ndarray | None = None) -> float:
    """Peak signal-to-noise ratio of two pictures, in decibels: 10 log10(data_range² / mean squared difference).

    Parameters
    ----------
    a, b : ndarray of one shape
        Any number of axes.
    data_range : float, optional
        From the least value there can be to the largest; by default 255 for uint8 and 65535 for uint16. Floats do not
        say theirs, so it must be given for them.
    where : ndarray of bool, optional
        Pixels to compare, of the shape of `a` or of (h, w): inside a hole, say.

    Returns
    -------
    float
        Infinite where the two are equal.

    Raises
    ------
    DataError
        Where the shapes differ, or `where` selects nothing.
    ParameterError
        Where `data_range` is needed and not given, or is not positive.

    Examples
    --------
    >>> psnr(np.zeros((4, 4)), np.full((4, 4), 0.1), data_range=1.0)
    20.0
    """
    peak = _peak(a, b, data_range)
    squares = (np.asarray(a, np.float64) - np.asarray(b, np.float64)) ** 2
    if where is not None:
        where = np.asarray(where, bool)
        if where.shape not in (squares.shape, squares.shape[: where.ndim]) or not where.any():
            raise DataError(
                f"where has the shape {where.shape} and selects {where.sum()} pixels; the pictures have the shape "
                f"{squares.shape}. Give at least one pixel of them."
            )
        squares = squares[where]
    mean = float(squares.mean())
    return math.inf if mean == 0 else 20 * math.log10(peak) - 10 * math.log10(mean)


def ssim(a: np.ndarray, b: np.ndarray, data_range: float | None = None) -> float:
    """Structural similarity of two pictures, at most 1; of several channels the mean.

    Means, variances and covariance are taken under a Gaussian window of 11 x 11 pixels and standard deviation 1.5, and
    the index is averaged over all windows that lie within the picture.

    Parameters
    ----------
    a, b : ndarray of shape (h, w) or (h, w, c)
        Both sides at least 11 pixels.
    data_range : float, optional
        As for `psnr`.

    Returns
    -------
    float

    Raises
    ------
    DataError
        Where the shapes differ or a side is shorter than the window.
    ParameterError
        Where `data_range` is needed and not given, or is not positive.

    References
    ----------
    Wang, Bovik, Sheikh and Simoncelli (2004), Image quality assessment: from error visibility to structural similarity,
    IEEE Transactions on Image Processing 13(4).

    Examples
    --------
    >>> x = np.arange(256, dtype=np.uint8).reshape(16, 16)
    >>> ssim(x, x)
    1.0
    """
    peak = _peak(a, b, data_range)
    if a.ndim not in (2, 3) or min(a.shape[:2]) < 2 * RADIUS + 1:
        raise DataError(
            f"SSIM compares pictures (h, w) or (h, w, c) of at least {2 * RADIUS + 1} x {2 * RADIUS + 1} pixels, but "
            f"the shape is {a.shape}."
        )

    def window(values: np.ndarray) -> np.ndarray:
        axes = (SIGMA, SIGMA) + (0,) * (values.ndim - 2)
        within = slice(RADIUS, -RADIUS)
        return ndimage.gaussian_filter(values, axes, truncate=RADIUS / SIGMA)[within, within]

    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    mean_x, mean_y = window(x), window(y)
    var_x, var_y = window(x * x) - mean_x**2, window(y * y) - mean_y**2
    both = window(x * y) - mean_x * mean_y
    c1, c2 = (K1 * peak) ** 2, (K2 * peak) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * both + c2)
    return float(np.mean(likeness / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))))


def _peak(a: np.ndarray, b: np.ndarray, data_range: float | None) -> float:
    """Check that two pictures can be compared, and give the range of their values."""
    if a.shape != b.shape:
        raise DataError(f"The pictures have the shapes {a.shape} and {b.shape}. Give two of one shape.")
    if data_range is None:
        if a.dtype != b.dtype or a.dtype not in (np.uint8, np.uint16):
            raise ParameterError(
                f"data_range must be given for pictures of {a.dtype} and {b.dtype}: 1.0 where values go from 0 to 1, "
                "255 where they go to 255."
            )
        return float(np.iinfo(a.dtype).max)
    if not data_range > 0:
        raise ParameterError(f"data_range={data_range!r} must be positive: the largest value less the least.")
    return float(data_range)
