"""Rows of a wide sparse matrix in a batch: the entries of each alone, as places and values in one tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

#: Columns that there may be: float32 holds whole numbers exactly up to here.
MOST_COLUMNS = 1 << 24


def pack(matrix: Any, dtype: torch.dtype = torch.float32) -> Tensor:
    """Pack rows, as many places as the longest has.

    Parameters
    ----------
    matrix : csr_matrix of shape (n, d)
    dtype : torch.dtype, default=torch.float32

    Returns
    -------
    Tensor of shape (n, longest, 2)
        Column of each entry, counted from 1, and its value; zeros after the last.

    Examples
    --------
    >>> from scipy.sparse import csr_matrix
    >>> pack(csr_matrix([[0.0, 5.0], [3.0, 4.0]])).tolist()
    [[[2.0, 5.0], [0.0, 0.0]], [[1.0, 3.0], [2.0, 4.0]]]
    """
    indptr, indices, data = matrix.indptr, matrix.indices, matrix.data
    lengths = np.diff(indptr)
    longest = max(1, int(lengths.max(initial=0)))
    rows = np.repeat(np.arange(len(lengths)), lengths)
    at = np.arange(len(indices)) - np.repeat(indptr[:-1], lengths)
    packed = np.zeros((len(lengths), longest, 2), np.float64 if dtype == torch.float64 else np.float32)
    packed[rows, at, 0] = indices + 1
    packed[rows, at, 1] = data
    return torch.from_numpy(packed).to(dtype)


def places(x: Tensor) -> Tensor:
    """Column of each entry, (..., longest) int64, counted from 0; also 0 where there is none, see `there`."""
    return x[..., 0].long().sub_(1).clamp_(min=0)


def there(x: Tensor) -> Tensor:
    """Whether there is an entry: bool (..., longest)."""
    return x[..., 0] > 0


def unpack(x: Tensor, width: int) -> Tensor:
    """Lay packed rows out: (n, longest, 2) to (n, width), 0 where there is no entry.

    Examples
    --------
    >>> unpack(torch.tensor([[[2.0, 5.0], [0.0, 0.0]]]), 3).tolist()
    [[0.0, 5.0, 0.0]]
    """
    return torch.zeros(len(x), width, dtype=x.dtype, device=x.device).scatter_add_(1, places(x), x[..., 1])
