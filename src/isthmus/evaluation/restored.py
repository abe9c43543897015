"""Figures of mended pictures: before, after and what was taken away; a hole and what it was filled with."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from scipy import ndimage

from isthmus.evaluation.figures import blank
from isthmus.evaluation.pictures import heat, picture, shown_range
from isthmus.evaluation.quality import psnr
from isthmus.evaluation.wording import number
from isthmus.exceptions import DataError

#: No side of a panel is shown with more pixels, nor higher than this on the page.
MOST = 640
_WIDEST, _HIGHEST = 300, 420
#: A close-up shows at least so many pixels a side.
_CLOSE = 48


def before_after(
    before: np.ndarray, after: np.ndarray, clean: np.ndarray | None = None, *, data_range: float | None = None
) -> go.Figure:
    """Show a picture before and after its restoration, and what was taken away.

    Parameters
    ----------
    before, after : ndarray of shape (h, w) or (h, w, c)
        Of any size: large ones are shrunk for display.
    clean : ndarray of that shape, optional
        The picture without noise, where it is known: the captions then say the PSNR of both.
    data_range : float, optional
        For the PSNR of floats: the largest value there can be less the least.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    DataError
        Where the shapes differ or are not those of pictures.
    ParameterError
        Where a clean picture of floats is given without `data_range`.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus.evaluation.restored import before_after
    >>> clean = np.full((20, 30), 100, np.uint8)
    >>> figure = before_after(clean + np.uint8(10), clean + np.uint8(1), clean)
    >>> [annotation.text for annotation in figure.layout.annotations]
    ['before, 28.1 dB', 'after, 48.1 dB', 'taken away (9 is the brightest)', 'clean']
    """
    return _side_by_side(before_after_panels(before, after, clean, data_range), before.shape[1] / before.shape[0])


def before_after_panels(
    before: np.ndarray, after: np.ndarray, clean: np.ndarray | None = None, data_range: float | None = None
) -> list[tuple[str, str]]:
    """Captions and PNG data addresses of what `before_after` shows."""
    _same_shape(before=before, after=after, **({} if clean is None else {"clean": clean}))
    low, high = _range(after if clean is None else clean)
    apart = np.abs(_layers(before).astype(np.float64) - _layers(after)).mean(axis=0)
    known = ~np.isnan(apart)
    highest = float(np.quantile(apart[known], 0.999)) if known.any() else 0.0
    said = ["", ""]
    if clean is not None:
        said = [f", {psnr(x, clean, data_range):.1f} dB" for x in (before, after)]
    panels = [
        (f"before{said[0]}", _shown(before, low, high)),
        (f"after{said[1]}", _shown(after, low, high)),
        (f"taken away ({number(highest)} is the brightest)", heat(apart, known, highest or 1.0, MOST)),
    ]
    if clean is not None:
        panels.append(("clean", _shown(clean, low, high)))
    return panels


def hole(image: np.ndarray, mask: np.ndarray, filled: np.ndarray) -> go.Figure:
    """Show a picture with its hole marked, the picture filled, and both close by where most is missing.

    Parameters
    ----------
    image : ndarray of shape (h, w) or (h, w, c)
        Of any size: large ones are shrunk for display.
    mask : ndarray of shape (h, w)
        True, or not zero, where a pixel is missing.
    filled : ndarray of the shape of `image`

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    DataError
        Where the shapes do not agree or nothing is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus.evaluation.restored import hole
    >>> image = np.zeros((100, 100), np.uint8)
    >>> mask = np.zeros((100, 100), bool)
    >>> mask[10:20, 30:40] = True
    >>> [annotation.text for annotation in hole(image, mask, image).layout.annotations]
    ['hole, 1% of the pixels', 'filled', 'hole, close by', 'filled, close by']
    """
    return _side_by_side(hole_panels(image, mask, filled), image.shape[1] / image.shape[0], across=2)


def hole_panels(image: np.ndarray, mask: np.ndarray, filled: np.ndarray) -> list[tuple[str, str]]:
    """Captions and PNG data addresses of what `hole` shows."""
    _same_shape(image=image, filled=filled)
    mask = np.asarray(mask) != 0
    if mask.shape != image.shape[:2] or not mask.any():
        raise DataError(
            f"The mask has the shape {mask.shape} and marks {mask.sum()} pixels; the picture has the shape "
            f"{image.shape}. Give a mask of its height and width that marks at least one pixel."
        )
    low, high = _range(filled)
    rows, columns = close_up(mask)
    near = ~mask[rows, columns]
    share = f"{100 * mask.mean():.2g}% of the pixels"
    return [
        (f"hole, {share}", _shown(image, low, high, ~mask)),
        ("filled", _shown(filled, low, high)),
        ("hole, close by", _shown(image[rows, columns], low, high, near)),
        ("filled, close by", _shown(filled[rows, columns], low, high)),
    ]


def close_up(mask: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns to look at more closely: around the hole, or a quarter of the picture where most is missing."""
    sides = []
    for axis in (0, 1):
        found = np.flatnonzero(mask.any(axis=1 - axis))
        extent = int(found[-1] - found[0]) + 1
        # A hole that spans the picture shows nothing close by: then only a part of it is looked at.
        wanted = 1.5 * extent if extent <= mask.shape[axis] / 2 else mask.shape[axis] / 4
        sides.append(min(mask.shape[axis], max(_CLOSE, math.ceil(wanted))))
    density = mask.astype(np.float64)
    for axis, side in enumerate(sides):
        density = ndimage.uniform_filter1d(density, side, axis, mode="constant")
    dense = np.argwhere(density > density.max() * (1 - 1e-9))
    centre = dense.mean(axis=0)
    if not density[tuple(centre.astype(int))] > 0:  # several places alike, with nothing between them
        centre = dense[0]
    starts = [
        int(min(max(0, round(at - side / 2)), length - side))
        for at, side, length in zip(centre, sides, mask.shape, strict=True)
    ]
    return slice(starts[0], starts[0] + sides[0]), slice(starts[1], starts[1] + sides[1])


def _same_shape(**pictures: np.ndarray) -> None:
    """Refuse pictures of several shapes, and what is none."""
    shapes = {name: np.shape(values) for name, values in pictures.items()}
    first = next(iter(shapes.values()))
    if len(first) not in (2, 3) or len(set(shapes.values())) > 1:
        said = ", ".join(f"{name} has the shape {shape}" for name, shape in shapes.items())
        raise DataError(f"{said}. Give pictures of one shape, (h, w) or (h, w, c).")


def _range(values: np.ndarray) -> tuple[float, float]:
    """Values shown as black and as white."""
    known = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    if known.size == 0:
        return 0.0, 1.0
    return shown_range(values.dtype, float(known.min()), float(known.max()))


def _layers(values: np.ndarray) -> np.ndarray:
    """Give a picture channels first."""
    return values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)


def _shown(values: np.ndarray, low: float, high: float, known: np.ndarray | None = None) -> str:
    """Give a picture as a PNG data address; missing pixels as checks."""
    layers = _layers(values)
    seen = ~np.isnan(layers.astype(np.float64))
    return picture(layers, seen if known is None else seen & known, low, high, MOST)


def _side_by_side(panels: list[tuple[str, str]], aspect: float, across: int | None = None) -> go.Figure:
    """Lay out panels in lines, each with its title above it; `aspect` is width over height."""
    across = across or len(panels)
    down = -(-len(panels) // across)
    high = int(min(_HIGHEST, _WIDEST / aspect if across > 2 else _WIDEST * 1.5 / aspect))
    height = down * (max(high, 60) + 40) + 20
    grid = make_subplots(
        rows=down,
        cols=across,
        subplot_titles=[title for title, _ in panels],
        horizontal_spacing=0.01,
        vertical_spacing=40 / height if down > 1 else 0,
    )
    for i, (_, address) in enumerate(panels):
        grid.add_image(source=address, row=i // across + 1, col=i % across + 1, hoverinfo="skip")
    style: Any = blank(height).layout
    for part in ("template", "height", "font", "paper_bgcolor", "plot_bgcolor"):
        grid.layout[part] = style[part]
    grid.update_layout(margin={"l": 4, "r": 4, "t": 32, "b": 4})
    grid.update_annotations(font_size=12)
    grid.update_xaxes(visible=False, constrain="domain")
    grid.update_yaxes(visible=False, constrain="domain")
    return grid
