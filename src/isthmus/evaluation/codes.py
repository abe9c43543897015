"""The codes in two dimensions, coloured by anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from isthmus.data import Raw
from isthmus.evaluation.evidence import Evidence
from isthmus.evaluation.figures import GREY, blank, label, log_ticks
from isthmus.evaluation.metrics import dense
from isthmus.evaluation.wording import number, percent
from isthmus.exceptions import ParameterError

#: Ten colours that most eyes can tell apart; the next ten categories take them again as diamonds.
PALETTE = (
    "#2f80c2", "#d4862a", "#3a9d6e", "#c4516c", "#8a6bc2",
    "#9c7a3c", "#35a7b5", "#c777b5", "#7f8c3a", "#6d7b8d",
)  # fmt: skip
MOST_CATEGORIES = 20
#: Columns of the data that can be chosen for colouring, beside those set aside and the row's error.
MOST_COLUMNS = 8
#: Viridis without its darkest end, which would vanish on dark paper.
SCALE = [[0.0, "#433e85"], [0.25, "#2d718e"], [0.5, "#1e9b8a"], [0.75, "#5ec962"], [1.0, "#f1e51d"]]


@dataclass(frozen=True)
class Colouring:
    """One way to colour the points: numbers (float array), or categories (str array)."""

    title: str
    values: np.ndarray
    log: bool = False

    @property
    def categorical(self) -> bool:
        """Whether `values` are names."""
        return self.values.dtype.kind == "U"


def colouring(title: str, values: Any) -> Colouring:
    """Decide whether values are numbers or categories: text, booleans and few whole numbers are categories.

    Examples
    --------
    >>> colouring("sex", ["f", "m", None]).values.tolist()
    ['f', 'm', 'missing']
    >>> colouring("age", [31.5, 40.25, 8.0]).categorical
    False
    """
    array = np.asarray(values)
    if array.dtype.kind == "O":
        try:
            array = np.asarray([np.nan if v is None else v for v in array], dtype=np.float64)
        except (TypeError, ValueError):
            missing = [v is None or v != v for v in array]
            names = ["missing" if gone else str(v) for v, gone in zip(array, missing, strict=True)]
            return Colouring(title, np.asarray(names, dtype=str))
    if array.dtype.kind not in "iuf":
        return Colouring(title, array.astype(str))
    known = array[~np.isnan(array)] if array.dtype.kind == "f" else array
    levels = np.unique(known)
    if len(levels) <= 12 and np.all(levels == np.round(levels)):
        names = [("missing" if v != v else f"{int(v)}") for v in array.tolist()]
        return Colouring(title, np.asarray(names, dtype=str))
    return Colouring(title, array.astype(np.float64))


def chosen(color: Any, raw: Raw) -> Colouring:
    """Find what a person asked to colour by: a column's name or number, or one value a row.

    Raises
    ------
    ParameterError
        If there is no such column, or the array is of another length than the data.
    """
    if isinstance(color, str | int) and not isinstance(color, bool):
        if color in raw.extra:
            return colouring(str(color), raw.extra[str(color)])
        flat = len(raw.item_shape) == 1
        if raw.names is not None and color in raw.names:
            return colouring(str(color), column(raw, raw.names.index(str(color)), np.arange(len(raw))))
        if flat and isinstance(color, int) and 0 <= color < raw.item_shape[0]:
            return colouring(f"column {color}", column(raw, color, np.arange(len(raw))))
        there = [*raw.extra, *(raw.names or ())]
        listed = ", ".join(map(repr, there[:20])) + (", ..." if len(there) > 20 else "")
        raise ParameterError(
            f"color={color!r}: {raw.origin} has no such column. "
            + (f"It has {listed}." if there else "It has no named columns: give one value a row as an array.")
        )
    array = np.asarray(color)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or len(array) != len(raw):
        raise ParameterError(
            f"color: expected a column's name or one value for each of the {len(raw):,} rows, "
            f"got an array of shape {array.shape}."
        )
    return colouring(str(getattr(color, "name", None) or "the values given"), array)


def column(raw: Raw, i: int, rows: np.ndarray) -> np.ndarray:
    """Values of one column at some rows; labels of categories."""
    about = None if raw.columns is None else raw.columns[i]
    if about is not None and about.type in ("category", "boolean"):
        known = np.asarray(raw.values[rows, i], np.float64)
        return np.array(["missing" if np.isnan(v) else about.shown(v) for v in known], dtype=object)
    values = raw.values[rows]
    return dense(values[:, [i]])[:, 0] if hasattr(values, "toarray") else np.asarray(values[:, i], np.float64)


def colourings(seen: Evidence, color: Any) -> list[Colouring]:
    """Every colouring that the page offers, the one asked for first, at the sampled rows."""
    raw, rows = seen.raw, seen.sample
    found: list[Colouring] = []
    if color is not None:
        asked = chosen(color, raw)
        found.append(Colouring(asked.title, asked.values[rows]))
    found += [colouring(name, np.asarray(values)[rows]) for name, values in list(raw.extra.items())[:4]]
    error = seen.measured.rows[rows]
    spread = error[np.isfinite(error) & (error > 0)]
    found.append(Colouring("error of the row", error, log=len(spread) > 0 and spread.max() > 30 * spread.min()))
    if seen.comparison.by_column is not None and len(raw.item_shape) == 1:
        names = seen.comparison.by_column.names
        found += [colouring(names[i], column(raw, i, rows)) for i in range(min(MOST_COLUMNS, len(names)))]
    titles: set[str] = set()
    return [c for c in found if not (c.title in titles or titles.add(c.title))]


def plane(codes: np.ndarray) -> tuple[np.ndarray, list[str], str]:
    """Two coordinates of each code, the names of the axes, and how they came about.

    Parameters
    ----------
    codes : ndarray of shape (n, latent_dim)

    Returns
    -------
    points : ndarray of shape (n, 2), or (n, 1) where codes have one dimension
    axes : list of str
    how : str
    """
    if codes.shape[1] <= 2:
        return codes, [f"code {i}" for i in range(codes.shape[1])], ""
    about = codes - codes.mean(axis=0)
    values, vectors = np.linalg.eigh(about.T @ about)
    order = np.argsort(-values)[:2]
    share = values[order] / values.sum() if values.sum() > 0 else np.zeros(2)
    how = (
        f"The codes have {codes.shape[1]} dimensions; these are the two directions in which they vary most, "
        f"and hold {percent(float(share.sum()))} of their variance."
    )
    axes = [f"direction {i + 1} ({percent(float(s))} of the codes' variance)" for i, s in enumerate(share)]
    return about @ vectors[:, order], axes, how


def scatter(seen: Evidence, ways: list[Colouring]) -> tuple[go.Figure, list[list[bool]], str]:
    """Scatter of the codes with the traces of every colouring, the first one shown.

    Returns
    -------
    figure : Figure
    visible : list of list of bool
        For each colouring, which traces to show.
    how : str
        How the two axes came about.
    """
    points, axes, how = plane(seen.codes)
    if points.shape[1] == 1:
        points = np.column_stack([points[:, 0], seen.measured.rows[seen.sample]])
        axes.append("mean squared error of the row")
        how = "The code is a single number: it runs along the bottom, and the error of the row upwards."
    figure = blank(560, axes[0], axes[1])
    names = np.asarray([label(seen.row_name(int(i)), 60) for i in seen.sample])
    owner: list[int] = []
    for way, paint in enumerate(ways):
        for trace in _traces(points.astype(np.float32), names, paint):
            trace.visible = way == 0
            figure.add_trace(trace)
            owner.append(way)
    figure.update_layout(
        legend={
            "orientation": "v", "x": 1.01, "y": 1, "yanchor": "top", "itemsizing": "constant",
            "title": {"text": label(ways[0].title)},
        },
        margin={"r": 8, "t": 44},
    )  # fmt: skip
    return figure, [[o == way for o in owner] for way in range(len(ways))], how


def _traces(points: np.ndarray, names: np.ndarray, paint: Colouring) -> list[go.Scattergl]:
    size = 9 if len(points) < 200 else 7 if len(points) < 2000 else 5
    if paint.categorical:
        return [
            _dots(points[rows], names[rows], paint.title, category, size, color=colour, symbol=symbol)
            for category, rows, colour, symbol in _categories(paint.values)
        ]
    values = paint.values
    if paint.log:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.log10(np.where(values > 0, values, np.nan))
    known = np.isfinite(values)
    found = []
    if not known.all():
        found.append(_dots(points[~known], names[~known], paint.title, "missing", size, color=GREY))
    if known.any():
        low, high = np.quantile(values[known], [0.01, 0.99])
        bar: dict[str, Any] = {
            "title": {"text": label(paint.title), "side": "right"},
            "thickness": 12, "outlinewidth": 0, "nticks": 6,
        }  # fmt: skip
        if paint.log:
            ticks = log_ticks(10.0 ** np.array([low, high]))
            bar.update(tickvals=np.log10(ticks["tickvals"]), ticktext=ticks["ticktext"])
        trace = _dots(points[known], names[known], paint.title, "", size, color=values[known].astype(np.float32))
        trace.update(marker={"colorscale": SCALE, "cmin": low, "cmax": high, "colorbar": bar})
        trace.customdata = [number(v) for v in paint.values[known].tolist()]
        trace.hovertemplate = f"%{{text}}<br>{label(paint.title)}: %{{customdata}}<extra></extra>"
        trace.showlegend = False
        found.append(trace)
    return found


def _dots(points: np.ndarray, names: np.ndarray, title: str, category: str, size: int, **marker: Any) -> go.Scattergl:
    said = f"{label(title)}: {label(category)}" if category else label(title)
    return go.Scattergl(
        x=points[:, 0], y=points[:, 1], mode="markers", name=label(category), text=names, showlegend=True,
        marker={"size": size, "opacity": 0.75, "line": {"width": 0}, **marker},
        hovertemplate=f"%{{text}}<br>{said}<extra></extra>",
    )  # fmt: skip


def _categories(values: np.ndarray) -> list[tuple[str, np.ndarray, str, str]]:
    """Name, rows, colour and symbol of each category, in order of number or name; rare ones are "other"."""
    names, count = np.unique(values, return_counts=True)
    if len(names) > MOST_CATEGORIES:
        kept = names[np.argsort(-count, kind="stable")[: MOST_CATEGORIES - 1]]
        values = np.where(np.isin(values, kept), values, "other")
        names = np.append(kept[kept != "other"], "other")

    def order(name: str) -> tuple[bool, float, str]:
        try:
            return name in ("other", "missing"), float(name), ""
        except ValueError:
            return name in ("other", "missing"), np.inf, name

    found = []
    for i, name in enumerate(sorted(map(str, names), key=order)):
        grey = name in ("other", "missing")
        colour = GREY if grey else PALETTE[i % len(PALETTE)]
        found.append((name, values == name, colour, "circle" if i < len(PALETTE) else "diamond"))
    return found
