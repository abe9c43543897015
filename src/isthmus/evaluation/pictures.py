"""Originals beside reconstructions: images as PNG, sequences as lines, tables as cells."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from PIL import Image
from plotly.subplots import make_subplots

from isthmus.evaluation.comparison import channels_first
from isthmus.evaluation.evidence import Evidence
from isthmus.evaluation.figures import GREY, OURS, PCA, blank, label
from isthmus.evaluation.metrics import Batch, batches
from isthmus.evaluation.wording import number

if TYPE_CHECKING:
    from isthmus.autoencoder import Autoencoder
    from isthmus.data import Raw

#: Pictures are made smaller so that no side is longer.
MOST_PIXELS = 224
#: Lines are thinned so that none has more points.
MOST_STEPS = 1500
#: Black over purple and orange to light yellow: no difference to the largest.
HEAT = np.array([(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)], float)
#: Checks of missing pixels.
MISSING = np.array([(146, 166, 205), (201, 212, 236)], np.uint8)


@dataclass(frozen=True)
class Examples:
    """Some rows with both reconstructions, in the person's units and in prepared ones.

    Attributes
    ----------
    rows : ndarray of int, shape (n,)
        Their positions.
    own, own_ours, own_pca : ndarray of shape (n, *item_shape)
    x, ours, pca : ndarray of shape (n, *shape)
    seen, own_seen : ndarray of bool
        False where a cell is missing.
    """

    rows: np.ndarray
    own: np.ndarray
    own_ours: np.ndarray
    own_pca: np.ndarray
    x: np.ndarray
    ours: np.ndarray
    pca: np.ndarray
    seen: np.ndarray
    own_seen: np.ndarray


def examples(model: Autoencoder, raw: Raw, rows: np.ndarray) -> Examples:
    """Reconstruct the rows at these positions."""
    found: list[Batch] = list(batches(model, raw.take(rows)))

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(batch, name) for batch in found])

    names = ("own", "own_ours", "own_pca", "x", "ours", "pca", "seen", "own_seen")
    return Examples(rows, **{name: joined(name) for name in names})


def spread_rows(seen: Evidence, n: int) -> np.ndarray:
    """Positions of `n` rows from the best reconstructed to the worst, by rank; held-out ones if known."""
    pool = seen.held_out if seen.held_out is not None and len(seen.held_out) else np.arange(len(seen.raw))
    pool = pool[np.isfinite(seen.measured.rows[pool])]
    order = pool[np.argsort(seen.measured.rows[pool], kind="stable")]
    return order[np.unique(np.linspace(0, len(order) - 1, min(n, len(order))).round().astype(int))]


def brightness(seen: Evidence) -> tuple[float, float]:
    """Values shown as black and white in the pictures of a set."""
    low = float(np.min(seen.measured.own.low))
    high = float(np.max(seen.measured.own.high))
    return shown_range(np.dtype(seen.raw.values.dtype), low, high)


def shown_range(dtype: np.dtype, low: float, high: float) -> tuple[float, float]:
    """Values shown as black and white: of bytes 0 and 255, of shares 0 and 1, else the extremes given."""
    # Bytes that do not use their range, such as digits from 0 to 16, would all be black.
    if dtype == np.uint8 and high > 100:
        return 0.0, 255.0
    if dtype.kind == "f" and low >= 0 and high <= 1:
        return 0.0, 1.0
    return (low, high) if np.isfinite(low) and high > low else (min(low, 0.0), max(low, 0.0) + 1.0)


def picture(values: np.ndarray, known: np.ndarray, low: float, high: float, most: int = MOST_PIXELS) -> str:
    """One image as a PNG data address.

    Parameters
    ----------
    values : ndarray of shape (c, h, w)
        Three channels are red, green and blue, a fourth is opacity; of any other number the mean is shown.
    known : ndarray of bool, shape (c, h, w)
        A pixel with any missing channel is shown as checks.
    low, high : float
        Values shown as black and as white.
    most : int
        No side is shown with more pixels.
    """
    scaled = np.clip((np.nan_to_num(values) - low) / (high - low), 0, 1)
    if len(scaled) not in (3, 4):
        scaled = np.repeat(scaled.mean(axis=0, keepdims=True), 3, axis=0)
    pixels = (np.moveaxis(scaled, 0, -1) * 255).round().astype(np.uint8)
    return _png(pixels, np.all(known, axis=0), most)


def heat(values: np.ndarray, known: np.ndarray, highest: float, most: int = MOST_PIXELS) -> str:
    """Sizes of differences, shape (h, w), as a PNG data address: black (none) to light yellow (`highest`)."""
    place = np.clip(np.nan_to_num(values) / highest, 0, 1) * (len(HEAT) - 1)
    low = np.minimum(place.astype(int), len(HEAT) - 2)
    pixels = HEAT[low] + (HEAT[low + 1] - HEAT[low]) * (place - low)[..., None]
    return _png(pixels.round().astype(np.uint8), known, most)


def _png(pixels: np.ndarray, known: np.ndarray, most: int) -> str:
    if not known.all():
        rows, cols = np.nonzero(~known)
        pixels = pixels.copy()
        pixels[rows, cols, :3] = MISSING[(rows + cols) % 2]
        pixels[rows, cols, 3:] = 255
    image = Image.fromarray(pixels)
    image.thumbnail((most, most), Image.Resampling.BOX)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def image_strip(seen: Evidence, rows: np.ndarray) -> dict[str, Any]:
    """Pictures of some rows: original, both reconstructions and both differences.

    Returns
    -------
    dict
        `columns`: one dict a row of the data (`name`, `error`, `pictures`: title and address of each);
        `highest`: the difference shown brightest; `channels`: how many the images have; `missing`: whether
        any pixel is; `smooth`: whether they are too large to show their pixels as squares.
    """
    found = examples(seen.model, seen.raw, rows)
    layout = [
        np.stack([channels_first(item, seen.raw) for item in part])
        for part in (found.own, found.own_ours, found.own_pca, found.own_seen)
    ]
    own, ours, pca, known = layout
    low, high = brightness(seen)
    apart = [np.where(known, np.abs(x_hat - own), 0.0).mean(axis=1) for x_hat in (ours, pca)]
    highest = float(np.quantile(np.concatenate(apart), 0.999)) or 1.0
    everywhere = np.ones_like(known[0])
    strip = [
        {
            "name": seen.row_name(int(row)),
            "error": number(float(seen.measured.rows[row])),
            "pictures": [
                ("original", picture(own[i], known[i], low, high)),
                ("Isthmus", picture(ours[i], everywhere, low, high)),
                ("PCA", picture(pca[i], everywhere, low, high)),
                ("difference, Isthmus", heat(apart[0][i], known[i].all(axis=0), highest)),
                ("difference, PCA", heat(apart[1][i], known[i].all(axis=0), highest)),
            ],
        }
        for i, row in enumerate(rows)
    ]
    return {
        "columns": strip,
        "highest": number(highest),
        "channels": own.shape[1],
        "missing": not known.all(),
        "smooth": max(own.shape[2:]) > 96,
    }


def sequence_lines(seen: Evidence, rows: np.ndarray, most_channels: int = 4) -> tuple[go.Figure, list[int]]:
    """Lines of some rows: original and both reconstructions, the channels with the largest error.

    Returns
    -------
    figure : Figure
    channels : list of int
        Which are shown.
    """
    by_channel = seen.comparison.by_channel
    assert by_channel is not None
    channels = sorted(by_channel.worst_first()[:most_channels].tolist())
    found = examples(seen.model, seen.raw, rows)
    own, ours, pca = (part.reshape(found.x.shape) for part in (found.own, found.own_ours, found.own_pca))
    length = int(found.x.shape[1])
    step = np.arange(0, length, max(1, -(-length // MOST_STEPS)))
    across = min(3, len(rows))
    down = -(-len(rows) // across) * len(channels)
    grid = make_subplots(
        rows=down, cols=across, shared_xaxes=True, vertical_spacing=0.35 / max(down, 2),
        horizontal_spacing=0.06,
        subplot_titles=_titles(seen, rows, channels, across),
    )  # fmt: skip
    for i in range(len(rows)):
        for j, channel in enumerate(channels):
            place = {"row": (i // across) * len(channels) + j + 1, "col": i % across + 1}
            first = i == 0 and j == 0
            for name, values, style in (
                ("original", own, {"color": GREY, "width": 3}),
                ("PCA", pca, {"color": PCA, "width": 1.4, "dash": "dash"}),
                ("Isthmus", ours, {"color": OURS, "width": 1.8}),
            ):
                grid.add_scatter(
                    x=step, y=values[i, step, channel], name=name, legendgroup=name, showlegend=first,
                    mode="lines", line=style, **place,
                )  # fmt: skip
    height = 90 + 150 * down
    style = blank(height).layout
    for part in ("template", "height", "font", "paper_bgcolor", "plot_bgcolor"):
        grid.layout[part] = style[part]
    top = 72
    above = 1 + (top - 30) / (height - top - 40)  # in shares of the height of the drawing
    grid.update_layout(
        margin={"l": 48, "r": 12, "t": top, "b": 40},
        legend={"orientation": "h", "x": 0, "y": above, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)"},
    )
    grid.update_annotations(font_size=12)
    grid.update_xaxes(zeroline=False)
    grid.update_yaxes(zeroline=False, nticks=5)
    return grid, channels


def _titles(seen: Evidence, rows: np.ndarray, channels: list[int], across: int) -> list[str]:
    """Titles of the small figures, in reading order; an empty one where the last line is not full."""
    titles = []
    for line in range(-(-len(rows) // across)):
        for channel in channels:
            for i in range(line * across, (line + 1) * across):
                if i >= len(rows):
                    titles.append("")
                    continue
                name = label(seen.row_name(int(rows[i])), 24)
                error = number(float(seen.measured.rows[rows[i]]))
                part = f"channel {channel}" if len(channels) > 1 else f"error {error}"
                titles.append(f"{name}, {part}")
    return titles


def cell_table(seen: Evidence, rows: np.ndarray, most_columns: int = 8) -> dict[str, Any]:
    """Cells of some rows: original, ours and PCA's, in the person's units.

    Returns
    -------
    dict
        `names` of the columns shown, `of` how many there are, and `rows`: dicts with `name`, `error` and
        `cells`, each with `original`, `ours`, `pca` and `off` (how far ours is off, from 0 to 3).
    """
    by_column = seen.comparison.by_column
    assert by_column is not None
    order = by_column.worst_first()
    n = len(order)
    shown = np.arange(n)
    if n > most_columns:
        shown = np.sort(order[np.linspace(0, n - 1, most_columns).round().astype(int)])
    found = examples(seen.model, seen.raw, rows)
    spread = np.sqrt(seen.measured.prepared.spread / np.maximum(seen.measured.prepared.count, 1))
    lines = []
    for i, row in enumerate(rows):
        cells = []
        for j in shown:
            known = bool(found.own_seen[i, j])
            far = abs(found.ours[i, j] - found.x[i, j]) / spread[j] if known and spread[j] > 0 else 0.0
            cells.append(
                {
                    "original": seen.shown(int(j), found.own[i, j]) if known else "missing",
                    "ours": seen.shown(int(j), found.own_ours[i, j]),
                    "pca": seen.shown(int(j), found.own_pca[i, j]),
                    "off": int(np.searchsorted([0.5, 1.0, 2.0], far)),
                }
            )
        error = number(float(seen.measured.rows[row]))
        lines.append({"name": seen.row_name(int(row)), "error": error, "cells": cells})
    return {"names": [by_column.names[j] for j in shown], "of": n, "rows": lines}


def worst_rows(seen: Evidence, most: int = 10, cells: int = 3) -> list[dict[str, Any]]:
    """List the rows with the largest error, worst first, each with the cells that are furthest off.

    Returns
    -------
    list of dict
        `position`, `name`, `error`, `times` (of the median), `pca`, `held_out`, `cells`: dicts with `name`,
        `value`, `ours`; and `pictures`: of an image, the original and ours.
    """
    errors = seen.measured.rows
    known = np.flatnonzero(np.isfinite(errors))
    order = known[np.argsort(-errors[known], kind="stable")][:most]
    if not len(order):
        return []
    found = examples(seen.model, seen.raw, order)
    middle = float(np.median(errors[known]))
    lines = []
    for i, row in enumerate(order):
        squares = np.where(found.seen[i], found.ours[i] - found.x[i], 0.0) ** 2
        top = np.argsort(-squares, axis=None, kind="stable")[:cells]
        lines.append(
            {
                "position": int(row),
                "name": seen.row_name(int(row)),
                "error": number(float(errors[row])),
                "times": number(float(errors[row]) / middle) if middle > 0 else "–",
                "pca": number(float(seen.measured.rows_pca[row])),
                "held_out": seen.is_held_out(int(row)),
                "cells": [_cell(seen, found, i, int(place)) for place in top if squares.flat[place] > 0],
                "pictures": _pair(seen, found, i) if seen.model.kind_ == "image" else [],
            }
        )
    return lines


def _pair(seen: Evidence, found: Examples, i: int) -> list[tuple[str, str]]:
    """Titles and pictures of one image: the original, and ours."""
    own, ours, known = (channels_first(part[i], seen.raw) for part in (found.own, found.own_ours, found.own_seen))
    low, high = brightness(seen)
    return [
        ("original", picture(own, known, low, high)),
        ("Isthmus", picture(ours, np.ones_like(known), low, high)),
    ]


def _cell(seen: Evidence, found: Examples, i: int, place: int) -> dict[str, str]:
    """Name, value and reconstruction of one cell of one row."""
    index = np.unravel_index(place, found.x.shape[1:])
    own, ours = found.own[i], found.own_ours[i]
    if seen.model.kind_ == "image":
        own, ours = channels_first(own, seen.raw), channels_first(ours, seen.raw)
        part = f", channel {index[0]}" if len(own) > 1 else ""
        name = f"pixel ({index[1]}, {index[2]}){part}"
    elif seen.model.kind_ == "sequence":
        part = f", channel {index[1]}" if found.x.shape[2] > 1 else ""
        name = f"step {index[0]}{part}"
    else:
        assert seen.comparison.by_column is not None
        j = int(index[0])
        name = seen.comparison.by_column.names[j]
        return {"name": name, "value": seen.shown(j, own[j]), "ours": seen.shown(j, ours[j])}
    shape = found.x.shape[1:]
    value, guess = own.reshape(shape)[index], ours.reshape(shape)[index]
    return {"name": name, "value": number(float(value)), "ours": number(float(guess))}
