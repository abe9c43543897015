"""A density on codes, from which every autoencoder can draw."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

#: Sizes of the mixture that are tried, while each component has enough rows.
SIZES = (1, 2, 4, 8, 16, 32)
ROWS_PER_COMPONENT = 20
#: Up to this many dimensions full covariances are tried beside diagonal ones.
MOST_FULL = 64


class CodeDensity:
    """A Gaussian mixture on codes, its size and form of covariance chosen by the Bayesian information criterion.

    Schwarz, "Estimating the dimension of a model" (1978).

    Parameters
    ----------
    codes : ndarray of shape (n, k)
        Training codes.

    Attributes
    ----------
    mixture_ : sklearn.mixture.GaussianMixture
        On standardised codes.
    """

    def __init__(self, codes: np.ndarray):
        codes = codes.astype(np.float64)
        self.mean = codes.mean(0)
        self.scale = np.maximum(codes.std(0), 1e-12)
        standard = (codes - self.mean) / self.scale
        forms = ("full", "diag") if codes.shape[1] <= MOST_FULL else ("diag",)
        best = np.inf
        for form in forms:
            worse = 0
            for size in SIZES:
                if size > 1 and size * ROWS_PER_COMPONENT > len(codes):
                    break
                mixture, bic = _fit(standard, size, form)
                if bic < best:
                    best, self.mixture_, worse = bic, mixture, 0
                else:
                    worse += 1
                if worse == 2:
                    break

    def sample(self, n: int, rng: np.random.RandomState) -> np.ndarray:
        """Draw codes: ndarray of shape (n, k)."""
        self.mixture_.random_state = rng
        drawn, _ = self.mixture_.sample(n)
        # The mixture gives its components one after another.
        return rng.permutation(drawn) * self.scale + self.mean


def _fit(codes: np.ndarray, size: int, form: str) -> tuple[GaussianMixture, float]:
    if len(codes) == 1:
        codes = np.repeat(codes, 2, axis=0)
    mixture = GaussianMixture(size, covariance_type=form, reg_covar=1e-5, random_state=0, max_iter=60)
    with warnings.catch_warnings():
        # A mixture that has not quite converged is judged by its criterion like any other.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(codes)
    return mixture, float(mixture.bic(codes))
