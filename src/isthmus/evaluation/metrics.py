"""Errors of a model's and of PCA's reconstruction, summed batch by batch, so that any number of rows fits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from isthmus.data.ratings import RATINGS
from isthmus.data.texts import BAG
from isthmus.exceptions import DataError

if TYPE_CHECKING:
    from isthmus.autoencoder import Autoencoder
    from isthmus.data import Raw

#: Values (rows times cells of a row) handled at once: enough to keep the processor busy, small in memory.
BATCH_CELLS = 2_000_000


@dataclass(frozen=True)
class Batch:
    """Some rows with both reconstructions, in prepared units and in the person's own.

    Attributes
    ----------
    start : int
        Position of the first row.
    x, ours, pca : ndarray of shape (n, *shape)
        Prepared values and their two reconstructions. Of tables whose columns take several values of a prepared row:
        (n, columns), how far each column is from its mean, and that plus how far off each reconstruction is.
    seen : ndarray of bool, shape (n, *shape)
        False where a cell is missing.
    own, own_ours, own_pca : ndarray of shape (n, *item_shape)
        The same in the person's units; missing cells are NaN in `own`.
    own_seen : ndarray of bool, shape (n, *item_shape)
    """

    start: int
    x: np.ndarray
    ours: np.ndarray
    pca: np.ndarray
    seen: np.ndarray
    own: np.ndarray
    own_ours: np.ndarray
    own_pca: np.ndarray
    own_seen: np.ndarray


class CellSums:
    """Running sums for each cell of an item, over rows where the cell is observed.

    Parameters
    ----------
    shape : tuple of int
        Shape of one item.
    centre : ndarray of shape `shape`, optional
        Value of each cell about which `spread` is summed; that of the first batch's mean by default.

    Attributes
    ----------
    count : ndarray
        Rows in which the cell is observed.
    ours, pca : ndarray
        Squared errors of the two reconstructions.
    spread : ndarray
        Squared distances from the centre.
    low, high : ndarray
        Extremes; infinite where nothing is observed.
    """

    def __init__(self, shape: tuple[int, ...], centre: np.ndarray | None = None):
        self.count = np.zeros(shape)
        self.ours = np.zeros(shape)
        self.pca = np.zeros(shape)
        self.spread = np.zeros(shape)
        self.low = np.full(shape, np.inf)
        self.high = np.full(shape, -np.inf)
        self.centre = centre
        self.apart = np.zeros(shape)

    def add(self, x: np.ndarray, ours: np.ndarray, pca: np.ndarray, seen: np.ndarray) -> None:
        """Add a batch of shape (n, *shape)."""
        x = np.where(seen, x, 0.0).astype(np.float64, copy=False)
        count = seen.sum(axis=0)
        if self.centre is None:
            self.centre = x.sum(axis=0) / np.maximum(count, 1)
        with np.errstate(over="ignore", invalid="ignore"):
            self.count += count
            self.ours += (np.where(seen, ours - x, 0.0) ** 2).sum(axis=0)
            self.pca += (np.where(seen, pca - x, 0.0) ** 2).sum(axis=0)
            about = np.where(seen, x - self.centre, 0.0)
            self.apart += about.sum(axis=0)
            self.spread += (about**2).sum(axis=0)
        self.low = np.minimum(self.low, np.where(seen, x, np.inf).min(axis=0, initial=np.inf))
        self.high = np.maximum(self.high, np.where(seen, x, -np.inf).max(axis=0, initial=-np.inf))

    @property
    def mean(self) -> np.ndarray:
        """Mean of each cell; NaN where it was never observed."""
        centre = np.zeros_like(self.count) if self.centre is None else self.centre
        with np.errstate(invalid="ignore", divide="ignore"):
            return centre + self.apart / self.count


@dataclass
class Measured:
    """Sums over all rows, and the error of each row.

    Attributes
    ----------
    prepared, own : CellSums
        In prepared units (shape of a prepared item) and in the person's (shape of an item as brought).
    rows : ndarray of shape (n,)
        Mean squared error of each row over its observed cells, prepared units; NaN where no cell is observed.
    rows_pca : ndarray of shape (n,)
        PCA's.
    """

    prepared: CellSums
    own: CellSums
    rows: np.ndarray
    rows_pca: np.ndarray
    n: int = field(init=False)

    def __post_init__(self) -> None:
        self.n = len(self.rows)


def dense(values: Any) -> np.ndarray:
    """Give the values of a `Raw`, dense and in float64."""
    values = values.toarray() if hasattr(values, "toarray") else values
    return np.asarray(values, dtype=np.float64)


def batches(model: Autoencoder, raw: Raw) -> Iterator[Batch]:
    """Reconstruct `raw` by the model and by its PCA, a batch at a time.

    Parameters
    ----------
    model : Autoencoder
        Fitted.
    raw : Raw

    Yields
    ------
    Batch
    """
    step = max(1, BATCH_CELLS // max(1, math.prod(raw.item_shape)))
    for start in range(0, len(raw), step):
        yield _reconstruct(model, raw.take(slice(start, start + step)), start)


def _reconstruct(model: Autoencoder, part: Raw, start: int) -> Batch:
    prepared = model.preparation_.transform(part)
    with torch.no_grad():
        ours, pca = (
            model.preparation_.keep_form(x_hat, prepared).float().cpu().numpy()
            for x_hat in (model.reconstruct_prepared(prepared), model.pca_.reconstruct(prepared.x))
        )
    x = prepared.x.float().cpu().numpy()
    seen = np.ones(x.shape, bool) if prepared.mask is None else prepared.mask.cpu().numpy()
    own = dense(model.preparation_.values(part))
    units = [np.asarray(model.preparation_.inverse(x_hat), dtype=np.float64) for x_hat in (ours, pca)]
    if model.preparation_.heads_:
        x, ours, pca, seen = _columns(model, x, ours, pca, seen)
    if model.preparation_.ends_:
        x, ours, pca, seen = (model.preparation_.by_column(part) for part in (x, ours, pca, seen))
    return Batch(start, x, ours, pca, seen, own, *units, own_seen=~np.isnan(own))


def _mean(model: Autoencoder) -> np.ndarray:
    mean = model.pca_.mean.double().cpu().numpy()
    if model.preparation_.ends_:
        return model.preparation_.by_column(mean.reshape(1, *model.preparation_.shape_))[0]
    return mean


def _columns(
    model: Autoencoder, x: np.ndarray, ours: np.ndarray, pca: np.ndarray, seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Give distances by column in place of values, such that their differences are the errors of whole columns."""

    def root(apart: np.ndarray) -> np.ndarray:
        return np.sqrt(model.preparation_.by_column(np.where(seen, apart, np.nan) ** 2))

    far = root(x - _mean(model))
    known = ~np.isnan(far)
    far, off, off_pca = (np.where(known, part, 0.0) for part in (far, root(ours - x), root(pca - x)))
    return far, far + off, far + off_pca, known


def row_errors(x: np.ndarray, x_hat: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Mean squared error of each row over its observed cells.

    Parameters
    ----------
    x, x_hat : ndarray of shape (n, *shape)
    seen : ndarray of bool, shape (n, *shape)

    Returns
    -------
    ndarray of shape (n,)
        NaN for a row without any observed cell.

    Examples
    --------
    >>> row_errors(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]]), np.array([[True, True]]))
    array([2.])
    """
    axes = tuple(range(1, x.ndim))
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = np.where(seen, x_hat - x, 0.0) ** 2
        return squares.sum(axis=axes, dtype=np.float64) / seen.sum(axis=axes)


def measure(model: Autoencoder, raw: Raw) -> Measured:
    """Sum up the errors of the model and of its PCA over all rows of `raw`."""
    if model.kind_ == RATINGS:
        raise DataError(
            "Of ratings only the entries are known, and all others come back as well: there is no error to compare. "
            "Recommender.evaluate says how good the ranking is beside popularity; comparison_ has the share of the "
            "entries that are not ranked first beside that of singular vectors."
        )
    if model.kind_ == BAG:
        raise DataError(
            "Texts come back as words, which have no error to compare. The model's comparison_ has that of their axes "
            "beside PCA's; benchmarks/text_search.py compares what is found."
        )
    result: Measured | None = None
    for batch in batches(model, raw):
        if result is None:
            mean = (
                _mean(model).reshape(batch.x.shape[1:]) if not model.preparation_.heads_ else np.zeros(batch.x.shape[1])
            )
            result = Measured(
                CellSums(batch.x.shape[1:], mean),
                CellSums(batch.own.shape[1:]),
                np.empty(len(raw)),
                np.empty(len(raw)),
            )
        result.prepared.add(batch.x, batch.ours, batch.pca, batch.seen)
        own, ours, pca = model.preparation_.comparable(batch.own, batch.own_ours, batch.own_pca)
        result.own.add(own, ours, pca, batch.own_seen)
        part = slice(batch.start, batch.start + len(batch.x))
        result.rows[part] = row_errors(batch.x, batch.ours, batch.seen)
        result.rows_pca[part] = row_errors(batch.x, batch.pca, batch.seen)
    assert result is not None  # a Raw has at least one row
    return result


def shares(model: Autoencoder) -> np.ndarray:
    """Share of the training rows' variance that PCA's first 1, 2, ... components hold.

    Returns
    -------
    ndarray of shape (m,)
        Rising, at most 1, as far as the spectrum is known; empty where nothing varies.
    """
    variances, total = model.pca_.spectrum.double().cpu().numpy(), float(model.pca_.total)
    return np.minimum(np.cumsum(variances) / total, 1.0) if total > 0 else np.empty(0)


def ratio(ours: float, pca: float) -> float:
    """Our error over PCA's; 1 where both are zero to rounding, infinite where only PCA's is.

    Examples
    --------
    >>> ratio(0.1, 0.4), ratio(0.0, 0.0)
    (0.25, 1.0)
    """
    tiny = 1e-12
    if pca <= tiny:
        return 1.0 if ours <= tiny else math.inf
    return float(ours / pca)
