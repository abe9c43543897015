"""Entries of a sparse matrix: which are kept, and which values reach a threshold."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from isthmus.data.raw import Csr


def reaches(values: np.ndarray, threshold: float) -> np.ndarray:
    """Whether values of 32 bits are at least a threshold: 4.1 as much as the nearest number to it that they can be."""
    return values >= np.float32(threshold)


def with_entries(matrix: Csr, kept: np.ndarray, values: np.ndarray | None = None) -> Csr:
    """Give some of the entries of a csr_matrix, with other values where these are given.

    Parameters
    ----------
    matrix : csr_matrix
    kept : bool ndarray of shape (entries,)
    values : ndarray of shape (entries kept,), optional
    """
    ends = np.concatenate([[0], np.cumsum(kept)])[matrix.indptr]
    data = matrix.data[kept] if values is None else values
    return sparse.csr_matrix((data, matrix.indices[kept], ends), shape=matrix.shape)
