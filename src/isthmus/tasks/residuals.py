"""How far hidden values were from what was expected of them: the spread that draws and uncertainties take."""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import ndtri

#: Quantiles kept, at the middles of as many equal shares.
LEVELS = 101
#: Rows that a bin of expected values needs, and a column for quantiles of its own; and the most bins of a column.
PER_BIN, MOST_BINS = 40, 10
#: Rows that the deviation expected without looking at any error counts as much as.
PRIOR_ROWS = 100


class Residuals:
    """Errors of hidden cells by column, and within a column by the expected value: as quantiles, of no fixed form.

    Parameters
    ----------
    edges : ndarray of shape (width, MOST_BINS - 1)
        Expected values between the bins of each column; infinite where there are fewer.
    quantiles : ndarray of shape (width, MOST_BINS, LEVELS)
    """

    def __init__(self, edges: np.ndarray, quantiles: np.ndarray):
        self.edges = edges
        self.quantiles = quantiles

    @classmethod
    def of(cls, expected: np.ndarray, errors: np.ndarray, n_rows: int, unit: float = 1.0) -> Residuals:
        """Gather the errors of hidden cells.

        Few rows tell little of the size and form of errors, and the networks were chosen by the very same rows: the
        fewer there are, the more errors are taken to be normal, and as large as the unit says.

        Parameters
        ----------
        expected, errors : ndarray of shape (k, width)
            Of each cell the expected value, and the true one less it, over the deviation expected of it; an error is
            NaN where a cell was not hidden.
        n_rows : int
            Different rows that they come from.
        unit : float, default=1.0
            Deviation that errors would have if nothing were known of them.

        Examples
        --------
        >>> rng = np.random.default_rng(1)
        >>> residuals = Residuals.of(rng.normal(size=(9000, 1)), 0.5 * rng.normal(size=(9000, 1)), 9000)
        >>> residuals.at(np.zeros((1, 1)), np.full((1, 1), 0.8413)).round(1).tolist()
        [[0.5]]
        """
        width = errors.shape[1]
        edges = np.full((width, MOST_BINS - 1), np.inf)
        quantiles = np.zeros((width, MOST_BINS, LEVELS))
        shares = (np.arange(LEVELS) + 0.5) / LEVELS
        known = ~np.isnan(errors)
        squares = np.square(np.where(known, errors, 0.0)).sum(0)
        size = np.sqrt(squares / known.sum(0).clip(min=1))
        # A column of few rows takes the form of the errors from all columns.
        form = (errors / np.where(size > 0, size, 1))[known] if known.any() else np.zeros(1)
        for j in range(width):
            own, about = errors[known[:, j], j], expected[known[:, j], j]
            rows = min(len(own), n_rows)
            bins = min(MOST_BINS, rows // PER_BIN)
            if bins:
                quantiles[j] = np.quantile(own, shares)
                edges[j, : bins - 1] = np.quantile(about, np.arange(1, bins) / bins)
                of_bin = np.searchsorted(edges[j], about, side="left")
                for b in np.unique(of_bin):
                    quantiles[j, b] = np.quantile(own[of_bin == b], shares)
            else:
                quantiles[j] = size[j] * np.quantile(form, shares)
            if size[j] > 0:
                trust = rows / (rows + PRIOR_ROWS)
                deviation = np.sqrt(trust * size[j] ** 2 + (1 - trust) * unit**2)
                quantiles[j] = deviation * (trust * quantiles[j] / size[j] + (1 - trust) * ndtri(shares))
        return cls(edges, quantiles)

    def at(self, expected: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Errors below which a share of those of their column and expected value lie: (n, width)."""
        place = np.clip(shares * LEVELS - 0.5, 0, LEVELS - 1)
        below = np.minimum(place.astype(np.intp), LEVELS - 2)
        columns = np.arange(expected.shape[1])
        bins = (expected[:, :, None] > self.edges).sum(2)
        low = self.quantiles[columns, bins, below]
        high = self.quantiles[columns, bins, below + 1]
        return low + (place - below) * (high - low)


def deviation(spread: torch.Tensor | None, mask: torch.Tensor) -> np.ndarray:
    """Deviation of each missing cell, of the shape of the mask; 1 where the cell is observed, or nothing is known."""
    if spread is None:
        return np.ones(mask.shape)
    variance = spread.diagonal(dim1=1, dim2=2)
    return torch.where(variance > 0, variance, 1.0).sqrt().view(mask.shape).numpy()


def correlated(noise: torch.Tensor, spread: torch.Tensor | None, scale: np.ndarray) -> torch.Tensor:
    """Normal noise of m draws of rows (n, size, m), correlated as the missing cells of each row are."""
    if spread is None:
        return noise
    unit = torch.from_numpy(scale).flatten(1)
    correlation = spread / unit[:, :, None] / unit[:, None, :]
    correlation.diagonal(dim1=1, dim2=2).fill_(1)
    return torch.linalg.cholesky(correlation) @ noise
