"""Many small pictures as one: samples, interpolations, reconstructions."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from isthmus.evaluation.figures import blank, label
from isthmus.exceptions import DataError, ParameterError

#: Brightest value of bytes, and what 16 bits are divided by to give bytes: 255 * 257 = 65535.
WHITE, BYTES_A_WORD = 255, 257
#: Pixels of a grid, at most: what a viewer still opens.
MOST_PIXELS = 1 << 27
#: Width of a figure on a page, and the sizes that a pixel is drawn at.
FIGURE_WIDTH, LARGEST_PIXEL = 720, 12


def picture_grid(
    pictures: Any, columns: int | None = None, *, gap: int = 1, span: tuple[float, float] | None = None
) -> np.ndarray:
    """Lay pictures out as one, line by line.

    Parameters
    ----------
    pictures : array of shape (n, h, w) or (n, h, w, c)
        Bytes, 16 bits, truth values or floats; a tensor may have its channels first, (n, c, h, w). Of 2 or more than 4
        channels the mean is shown.
    columns : int or None, default=None
        Pictures in a line; None: as many as make it about square.
    gap : int, default=1
        White pixels between two pictures.
    span : (low, high) or None, default=None
        Values shown as black and as white. None: 0 and the largest of their type for 8 and 16 bits, 0 and 1 for values
        between these, else the extremes of all colours. Opacity is from 0 to 1, 255 or 65535, whatever the span.

    Returns
    -------
    uint8 ndarray of shape (height, width), or (height, width, 3 or 4) for colours
        `PIL.Image.fromarray` takes it.

    Raises
    ------
    DataError
        If these are no pictures, or too many for one.
    ParameterError
        If `columns`, `gap` or `span` cannot be used.

    Examples
    --------
    >>> picture_grid(np.zeros((10, 8, 6), np.uint8), columns=5).shape
    (17, 34)
    """
    for name, value, least in (("columns", columns, 1), ("gap", gap, 0)):
        _check_whole(name, value, least)
    shades = _shades(_channels_last(pictures), span)
    n, h, w, c = shades.shape
    across = min(n, columns or math.ceil(math.sqrt(n * h / w)))
    down = -(-n // across)
    sides = down * (h + gap) - gap, across * (w + gap) - gap
    if sides[0] * sides[1] > MOST_PIXELS:
        raise DataError(
            f"{n:,} pictures of {h} x {w} make a grid of {sides[0]:,} x {sides[1]:,} pixels, too large for one "
            "picture; give fewer, or write them one by one."
        )
    grid = np.full((*sides, c), WHITE, dtype=np.uint8)
    for i, shade in enumerate(shades):
        top, left = i // across * (h + gap), i % across * (w + gap)
        grid[top : top + h, left : left + w] = shade
    return grid[..., 0] if c == 1 else grid


def grid_figure(
    pictures: Any,
    columns: int | None = None,
    *,
    titles: Sequence[str] | None = None,
    span: tuple[float, float] | None = None,
) -> go.Figure:
    """Draw pictures as one plotly figure, for a notebook or a page.

    Parameters
    ----------
    pictures, columns, span : as in picture_grid
    titles : sequence of n str, optional
        One above each picture.

    Returns
    -------
    plotly Figure

    Raises
    ------
    DataError, ParameterError
        As `picture_grid`; and if there is not one title for each picture.

    Examples
    --------
    >>> figure = grid_figure(np.zeros((4, 8, 8), np.uint8), titles=["a", "b", "c", "d"])
    >>> [annotation.text for annotation in figure.layout.annotations]
    ['a', 'b', 'c', 'd']
    """
    _check_whole("columns", columns, 1)
    laid = _channels_last(pictures)
    n, h, w, _ = laid.shape
    if titles is not None and len(titles) != n:
        raise ParameterError(f"titles has {len(titles)} words for {n} pictures; give one for each.")
    across = min(n, columns or math.ceil(math.sqrt(n * h / w)))
    # A title needs room that a pixel between two small pictures does not give.
    gap = 1 if titles is None else max(2, math.ceil(h / 4))
    grid = picture_grid(laid, across, gap=gap, span=span)
    if titles is not None:
        grid = np.concatenate([np.full((gap, *grid.shape[1:]), WHITE, np.uint8), grid])
    height, width = grid.shape[:2]
    pixel = min(LARGEST_PIXEL, FIGURE_WIDTH / width)
    shown = Image.fromarray(grid)
    if pixel > 1:  # plotly blurs what it enlarges
        shown = shown.resize((width * round(pixel), height * round(pixel)), Image.Resampling.NEAREST)
    out = io.BytesIO()
    shown.save(out, "PNG")
    figure = blank(round(height * pixel))
    figure.add_layout_image(
        source="data:image/png;base64," + base64.b64encode(out.getvalue()).decode(),
        xref="x", yref="y", x=0, y=0, sizex=width, sizey=height, sizing="stretch", layer="below",
    )  # fmt: skip
    figure.update_xaxes(visible=False, range=[0, width])
    figure.update_yaxes(visible=False, range=[height, 0], scaleanchor="x")
    figure.update_layout(width=round(width * pixel), margin={"l": 0, "r": 0, "t": 0, "b": 0})
    for i, title in enumerate(titles or ()):
        middle, top = (i % across + 0.5) * (w + gap) - gap / 2, (i // across) * (h + gap) + gap
        figure.add_annotation(
            x=middle, y=top, text=label(title, 20), showarrow=False, yanchor="bottom", font={"size": 11},
            # On the white between pictures, whatever the page.
            bgcolor="white", borderpad=0, **{"font_color": "#333333"},
        )  # fmt: skip
    return figure


def _check_whole(name: str, value: Any, least: int) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least):
        raise ParameterError(f"{name}={value!r} cannot be used; expected a whole number from {least} on.")


def _channels_last(pictures: Any) -> np.ndarray:
    """Take pictures as (n, h, w, c)."""
    tensor = hasattr(pictures, "detach")
    try:
        array: np.ndarray = np.asarray(pictures.detach().cpu() if tensor else pictures)
    except ValueError:
        array = np.empty(0, dtype=object)
    if array.ndim not in (3, 4) or not array.size or array.dtype.kind not in "buif":
        given = (
            f"an array of shape {array.shape} and dtype {array.dtype}" if array.size else "none, or of unequal sizes"
        )
        raise DataError(f"pictures: expected numbers of shape (n, h, w) or (n, h, w, c), got {given}.")
    if array.ndim == 3:
        return array[..., None]
    first = tensor and array.shape[1] in (1, 3, 4) and array.shape[-1] not in (1, 3, 4)
    return np.moveaxis(array, 1, -1) if first else array


def _shades(array: np.ndarray, span: tuple[float, float] | None) -> np.ndarray:
    """Give values as bytes, of 1, 3 or 4 channels."""
    if array.shape[-1] not in (1, 3, 4):
        array = array.mean(axis=-1, keepdims=True).astype(array.dtype)
    if span is None and array.dtype == np.uint8:
        return array
    if span is None and array.dtype == np.uint16:
        return (array // BYTES_A_WORD).astype(np.uint8)
    colours = array[..., :3]
    low, high = _span(colours) if span is None else _checked(span)
    shades = _bytes(colours, low, high)
    alpha = array[..., 3:]
    return np.concatenate([shades, _bytes(alpha, 0, _opaque(alpha))], axis=-1) if alpha.size else shades


def _bytes(array: np.ndarray, low: float, high: float) -> np.ndarray:
    scaled = (np.nan_to_num(array.astype(np.float64), nan=low) - low) / (high - low)
    return (np.clip(scaled, 0, 1) * WHITE).round().astype(np.uint8)


def _opaque(alpha: np.ndarray) -> float:
    """Value that stands for opaque: the largest of 8 and 16 bits, else the least usual one that none exceeds."""
    if alpha.dtype in (np.uint8, np.uint16):
        return float(np.iinfo(alpha.dtype).max)
    most = float(np.nanmax(alpha, initial=0))
    return next((full for full in (1.0, 255.0, 65535.0) if most <= full), 65535.0)


def _span(array: np.ndarray) -> tuple[float, float]:
    """Values that black and white stand for, where their type does not say it."""
    known = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    return (low, high) if high > low else (min(low, 0.0), max(low, 0.0))


def _checked(span: Any) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in span)
    except (TypeError, ValueError):
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ParameterError(f"span={span!r} cannot be used; expected None or two numbers, the lower one first.")
    return low, high
