"""The item-item Gram matrix of sparse rows, its inverse in place, and the memory that they take."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from scipy import sparse
from scipy.linalg import get_blas_funcs

from isthmus.data.raw import Csr
from isthmus.exceptions import ParameterError
from isthmus.training.threads import threads_for

#: Columns that are inverted at once, on one thread; below this, the whole matrix is.
PANEL = 512
#: Values of the Gram matrix made at once from sparse products.
BLOCK_VALUES = 2**24
#: Share of the memory there is that is not counted on.
RESERVE = 0.1
_CGROUP = Path("/sys/fs/cgroup")


def memory_left() -> int | None:
    """Bytes that this process may still take: free and reclaimable, within a container's limit; None if unknown."""
    left: list[int] = []
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        left += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    except OSError:
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            left.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
        if limit != "max":
            stat = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
            used = int((_CGROUP / "memory.current").read_text())
            left.append(max(0, int(limit) - used + int(stat.get("inactive_file", 0))))
    except (OSError, ValueError):
        pass
    return min(left, default=None)


def require_memory(model: str, n_items: int, matrices: int, instead: str) -> None:
    """Refuse a model of full item-item matrices that would not fit, before anything is allocated.

    Parameters
    ----------
    model : str
        Name for the message.
    n_items : int
    matrices : int
        How many float32 matrices of shape (n_items, n_items) are held at once.
    instead : str
        What to take in its place.

    Raises
    ------
    ParameterError
        Names the bytes needed and those there are.
    """
    shape = f"{matrices} of {n_items:,} x {n_items:,} float32"
    require_bytes(
        f"model={model!r} on {n_items:,} items",
        4 * matrices * n_items**2,
        shape,
        f"Take {instead}, which need memory by the interactions only, or keep fewer items.",
    )


def require_bytes(what: str, needed: int, shape: str, instead: str) -> None:
    """Refuse what would not fit, before anything is allocated.

    Raises
    ------
    ParameterError
        Names the bytes needed, in what `shape`, those there are, and what to do `instead`.
    """
    left = memory_left()
    if left is not None and needed > (1 - RESERVE) * left:
        raise ParameterError(
            f"{what} needs {needed:,} bytes ({needed / 2**30:.1f} GiB, in {shape}), and {left:,} bytes "
            f"({left / 2**30:.1f} GiB) of memory are left, of which {RESERVE:.0%} are kept free. {instead}"
        )


def gram(interactions: Csr, weights: np.ndarray | None = None) -> np.ndarray:
    """Item-item Gram matrix X.T diag(weights) X, made from sparse products of some items at a time.

    Parameters
    ----------
    interactions : csr_matrix of shape (n, n_items)
    weights : ndarray of shape (n,), optional
        What each user counts; 1 by default.

    Returns
    -------
    float32 ndarray of shape (n_items, n_items)
        Exact while the counts are below 2**24 and no weights are given.

    Examples
    --------
    >>> import numpy as np
    >>> gram(sparse.csr_matrix(np.array([[1, 1, 0], [0, 1, 1]], np.float32))).tolist()
    [[1.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 1.0]]
    """
    rows = interactions.astype(np.float32)
    turned = rows.T.tocsr()
    if weights is not None:
        rows = sparse.diags(np.asarray(weights, np.float32)) @ rows
    n_items = rows.shape[1]
    out = np.empty((n_items, n_items), np.float32)
    step = max(1, BLOCK_VALUES // max(1, n_items))
    for start in range(0, n_items, step):
        (turned[start : start + step] @ rows).toarray(out=out[start : start + step])
    return out


def invert(matrix: np.ndarray) -> bool:
    """Invert a symmetric positive definite float32 matrix in place; False if it is not positive definite.

    Block Gauss-Jordan elimination ("sweep") over Cholesky factors: as many operations as LAPACK's potrf and potri, but
    bit for bit the same at any number of threads, since a rank-k update is all that runs on several.

    Parameters
    ----------
    matrix : float32 ndarray of shape (n, n), C order
        Overwritten with its inverse; only its upper triangle is read.

    References
    ----------
    Goodnight, "A Tutorial on the SWEEP Operator", The American Statistician, 1979.

    Examples
    --------
    >>> import numpy as np
    >>> matrix = np.array([[2, 1], [1, 1]], np.float32)
    >>> invert(matrix), matrix.round(4).tolist()
    (True, [[1.0, -1.0], [-1.0, 2.0]])
    """
    n = len(matrix)
    (update,) = get_blas_funcs(("syrk",), dtype=np.float32)
    # Seen by BLAS, in Fortran order, this is the lower triangle of the same memory.
    lower = matrix.T
    for start in range(0, n, PANEL):
        stop = min(n, start + PANEL)
        here = slice(start, stop)
        with threads_for(0):
            factor, failed = torch.linalg.cholesky_ex(torch.from_numpy(matrix[here, here]).mT, upper=False)
            if failed or not bool(torch.isfinite(factor).all()):
                return False
            inverse = torch.cholesky_inverse(factor).numpy()
            root = torch.linalg.solve_triangular(factor, torch.eye(stop - start), upper=False).numpy()
        panel = np.empty((n, stop - start), np.float32)
        panel[:start] = lower[here, :start].T
        panel[here] = 0
        panel[stop:] = lower[stop:, here]
        if stop - start < n:
            panel = panel @ root.T
            update(-1, panel.T, beta=1, c=lower, trans=1, lower=1, overwrite_c=1)
            panel = panel @ root
        lower[here, :start] = panel[:start].T
        lower[stop:, here] = panel[stop:]
        lower[here, here] = -inverse
    for start in range(0, n, PANEL):
        stop = min(n, start + PANEL)
        np.negative(matrix[start:stop, start:], out=matrix[start:stop, start:])
        square = np.triu(matrix[start:stop, start:stop])
        matrix[start:stop, start:stop] = square + np.triu(square, 1).T
        matrix[stop:, start:stop] = matrix[start:stop, stop:].T
    return True
