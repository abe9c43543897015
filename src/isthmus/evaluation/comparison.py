"""The model beside PCA at the same code size, on the same rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.data import as_raw
from isthmus.evaluation.metrics import CellSums, Measured, measure, ratio
from isthmus.evaluation.texts import compare_texts
from isthmus.evaluation.wording import number, percent, plural

if TYPE_CHECKING:
    from isthmus.autoencoder import Autoencoder
    from isthmus.data import Raw

#: Errors closer than this share of PCA's count as equal.
TIE = 0.005
#: Gains over PCA smaller than this are not worth a network.
LITTLE = 0.05


@dataclass(frozen=True)
class Errors:
    """One pair of errors, or an array of pairs: ours and PCA's.

    Attributes
    ----------
    ours, pca : float or ndarray
        Mean squared error over observed cells, in prepared (scaled) units.
    ours_units, pca_units : float or ndarray
        The same in the person's own units.
    ours_explained, pca_explained : float or ndarray
        Share of variance about the training mean that is explained, as `Autoencoder.score` gives it: 1 is
        perfect, 0 no better than the mean of each cell, below 0 worse. NaN where nothing varies and yet there
        is an error.
    names : tuple of str
        What each pair belongs to; empty for a single pair.
    """

    ours: Any
    pca: Any
    ours_units: Any
    pca_units: Any
    ours_explained: Any
    pca_explained: Any
    names: tuple[str, ...] = ()

    @property
    def ratio(self) -> Any:
        """Our error over PCA's: below 1 is better than PCA."""
        if np.ndim(self.ours) == 0:
            return ratio(float(self.ours), float(self.pca))
        flat = [ratio(float(a), float(b)) for a, b in zip(self.ours.flat, self.pca.flat, strict=True)]
        return np.asarray(flat).reshape(self.ours.shape)

    def worst_first(self) -> np.ndarray:
        """Positions of the pairs, our largest error first; those without a figure last."""
        return np.argsort(-np.nan_to_num(self.ours, nan=-1.0), kind="stable")

    def to_dict(self) -> dict[str, Any]:
        """Give plain lists and numbers, `None` where there is no figure: ready for JSON."""
        found = {f.name: plain(getattr(self, f.name)) for f in fields(self) if f.name != "names"}
        found["ratio"] = plain(self.ratio)
        return {"names": list(self.names), **found} if self.names else found


@dataclass(frozen=True)
class Comparison:
    """The model beside PCA at the same code size, on the same rows.

    Attributes
    ----------
    rows : int
        Rows compared.
    cells, missing : int
        Observed values among them, and missing ones (left out of every figure).
    latent_dim : int
        Code size of both.
    kind : str
        Kind of data.
    overall : Errors
        One pair of each figure, over all observed cells.
    by_column : Errors or None
        One pair a column: vectors and tables.
    by_channel : Errors or None
        One pair a channel: images and sequences.
    by_step : Errors or None
        One pair a time step: sequences.
    by_pixel : Errors or None
        Maps of shape (h, w), mean over channels: images.
    rows_are : str
        What the rows are, for sentences: "held-out rows", "rows", ...
    """

    rows: int
    cells: int
    missing: int
    latent_dim: int
    kind: str
    overall: Errors
    by_column: Errors | None = None
    by_channel: Errors | None = None
    by_step: Errors | None = None
    by_pixel: Errors | None = None
    rows_are: str = "rows"

    @property
    def ours(self) -> float:
        """Our mean squared error in prepared units."""
        return self.overall.ours

    @property
    def pca(self) -> float:
        """PCA's mean squared error in prepared units."""
        return self.overall.pca

    @property
    def ratio(self) -> float:
        """Our error over PCA's: below 1 is better than PCA."""
        return self.overall.ratio

    @property
    def winner(self) -> str:
        """Give "isthmus", "pca", or "tie" where the two are within half a percent."""
        if abs(self.ratio - 1) <= TIE:
            return "tie"
        return "isthmus" if self.ratio < 1 else "pca"

    def verdict(self) -> str:
        """Say in a sentence or two which of the two reconstructs better, and by how much."""
        where = f"On {plural(self.rows, self.rows_are.removesuffix('s'), self.rows_are)}"
        size = f"at the same code size ({plural(self.latent_dim, 'number')} a row)"
        figures = f"mean squared error {number(self.ours)} against {number(self.pca)} (scaled units)"
        if self.winner == "isthmus":
            less = percent(1 - self.ratio)
            said = f"{where}, Isthmus makes {less} less error than PCA {size}: {figures}."
            return f"{said} That is little: PCA is simpler." if self.ratio > 1 - LITTLE else said
        if self.winner == "tie":
            return f"{where}, PCA does as well as Isthmus {size}: {figures}. Use PCA: it is simpler and faster."
        more = "PCA has no error left" if math.isinf(self.ratio) else f"{percent(self.ratio - 1)} more error"
        return (
            f"{where}, PCA reconstructs better than Isthmus {size}: {figures}, {more}. "
            "Use PCA here, or look into the findings on why the model falls behind."
        )

    def table(self) -> list[tuple[str, str, str, str]]:
        """Rows for printing: what, Isthmus, PCA, ratio; the first one is the heading."""
        o = self.overall
        return [
            ("", "Isthmus", "PCA", "ratio"),
            ("mean squared error, scaled units", number(o.ours), number(o.pca), number(o.ratio)),
            (
                "mean squared error, own units",
                number(o.ours_units),
                number(o.pca_units),
                number(ratio(o.ours_units, o.pca_units)),
            ),
            ("share of variance explained", percent(o.ours_explained), percent(o.pca_explained), ""),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Give plain lists, numbers and strings, ready for JSON."""
        found: dict[str, Any] = {
            "rows": self.rows,
            "rows_are": self.rows_are,
            "cells": self.cells,
            "missing": self.missing,
            "latent_dim": self.latent_dim,
            "kind": self.kind,
            "winner": self.winner,
            "verdict": self.verdict(),
            **self.overall.to_dict(),
        }
        for name in ("by_column", "by_channel", "by_step", "by_pixel"):
            part = getattr(self, name)
            if part is not None:
                found[name] = part.to_dict()
        return found


def compare(model: Autoencoder, X: Any) -> Any:
    """Set the model beside PCA at the same code size, fitted on the same training rows, on the rows `X`.

    Parameters
    ----------
    model : Autoencoder
        Fitted.
    X : array, frame, path, Raw, ...
        Rows to compare on, best ones that training never saw. Missing cells are left out.

    Returns
    -------
    Comparison, or TextComparison for texts and events

    Raises
    ------
    DataError
        If `X` does not fit the data that the model was fitted on.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from isthmus import Autoencoder
    >>> from isthmus.evaluation import compare
    >>> X = load_iris().data
    >>> model = Autoencoder(latent_dim=1, max_epochs=2, random_state=0).fit(X[::2])
    >>> compare(model, X[1::2]).rows
    75
    """
    raw = as_raw(X, kind=model.kind_)
    if model.preparation_.vocabulary_:
        return compare_texts(model, raw)
    return summarise(model, raw, measure(model, raw))


def summarise(model: Autoencoder, raw: Raw, measured: Measured, rows_are: str = "rows") -> Comparison:
    """Turn the sums over the rows of `raw` into a `Comparison`."""
    ours, own = measured.prepared, to_prepared_layout(measured.own, model.kind_, raw)
    shape = ours.count.shape
    parts: dict[str, Errors] = {}
    if model.kind_ == "image":
        parts["by_channel"] = errors(ours, own, (1, 2), numbered("channel", shape[0]))
        parts["by_pixel"] = errors(ours, own, (0,))
    elif model.kind_ == "sequence":
        parts["by_channel"] = errors(ours, own, (0,), numbered("channel", shape[1]))
        parts["by_step"] = errors(ours, own, (1,), numbered("step", shape[0]))
    else:
        parts["by_column"] = errors(ours, own, (), column_names(model, raw))
    cells = int(ours.count.sum())
    # What lies after the end of a sequence was never there.
    there = measured.n * math.prod(shape) if raw.lengths is None else int(raw.lengths.sum()) * raw.item_shape[1]
    return Comparison(
        rows=measured.n,
        cells=cells,
        missing=there - cells,
        latent_dim=int(model.latent_dim_),
        kind=model.kind_,
        overall=errors(ours, own, tuple(range(len(shape)))),
        rows_are=rows_are,
        **parts,
    )


def errors(prepared: CellSums, own: CellSums, axes: tuple[int, ...], names: tuple[str, ...] = ()) -> Errors:
    """Sum over `axes` of an item and divide by what was observed."""

    def total(values: np.ndarray) -> Any:
        summed = values.sum(axis=axes)
        return float(summed) if np.ndim(summed) == 0 else summed

    def divide(a: Any, b: Any) -> Any:
        with np.errstate(invalid="ignore", divide="ignore"):
            found = np.where(np.asarray(b) > 0, np.divide(a, np.where(np.asarray(b) > 0, b, 1.0)), np.nan)
        return float(found) if found.ndim == 0 else found

    def explained(error: Any) -> Any:
        found = 1 - divide(error, spread)
        # What does not vary and is reproduced exactly is explained.
        found = np.where((np.asarray(spread) == 0) & (np.asarray(error) == 0) & (np.asarray(count) > 0), 1.0, found)
        return float(found) if found.ndim == 0 else found

    count, own_count, spread = total(prepared.count), total(own.count), total(prepared.spread)
    return Errors(
        ours=divide(total(prepared.ours), count),
        pca=divide(total(prepared.pca), count),
        ours_units=divide(total(own.ours), own_count),
        pca_units=divide(total(own.pca), own_count),
        ours_explained=explained(total(prepared.ours)),
        pca_explained=explained(total(prepared.pca)),
        names=names,
    )


def to_prepared_layout(own: CellSums, kind: str, raw: Raw) -> CellSums:
    """Move the channels of an image's sums to the front, as in prepared items: (c, h, w)."""
    if kind != "image":
        return own
    moved = CellSums(())
    for name, values in vars(own).items():
        setattr(moved, name, None if values is None else channels_first(values, raw))
    return moved


def channels_first(values: np.ndarray, raw: Raw) -> np.ndarray:
    """Give one image, or its figures, of shape `raw.item_shape` as (c, h, w)."""
    return values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)


def numbered(word: str, n: int) -> tuple[str, ...]:
    """Names of things that have none: "channel 0", "channel 1", ..."""
    return tuple(f"{word} {i}" for i in range(n))


def column_names(model: Autoencoder, raw: Raw) -> tuple[str, ...]:
    """Names of the columns: the person's, or "column 0", ..."""
    names = raw.names if raw.names is not None else model.preparation_.feature_names_
    return tuple(map(str, names)) if names is not None else numbered("column", raw.item_shape[0])


def plain(value: Any) -> Any:
    """Give numbers and nested lists that JSON can hold: `None` for NaN and infinity."""
    if isinstance(value, np.ndarray):
        return [plain(v) for v in value]
    value = float(value)
    return value if math.isfinite(value) else None
