"""Figures of what moves with each unit of a code: heat maps for tables and pictures, lines for sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from isthmus.evaluation.codes import PALETTE
from isthmus.evaluation.figures import MOST_NAMES, OURS, PCA, blank, label, shrink_map
from isthmus.evaluation.wording import number, percent
from isthmus.exceptions import ParameterError
from isthmus.latents import LatentExplanation

#: Blue for down, amber for up, and paper in the middle.
SIGNED = [[0.0, "#1d5f98"], [0.25, OURS], [0.5, "#e9e9e6"], [0.75, PCA], [1.0, "#9a5b10"]]
#: Small figures beside one another, and channels of a sequence that are drawn.
ACROSS, MOST_CHANNELS = 4, 4


def explanation_figure(explanation: LatentExplanation, units: int = 16) -> go.Figure:
    """Draw what moves with each unit of a code, the units of the largest share of the variance first.

    Parameters
    ----------
    explanation : LatentExplanation
        What `Autoencoder.explain_latent` gave.
    units : int, default=16
        Units to draw, at most.

    Returns
    -------
    plotly Figure
        Of columns, a heat map in prepared units, with the change in the person's own units under the pointer; of
        pictures, one map a unit, the mean over the channels; of sequences, the change along the steps.

    Raises
    ------
    ParameterError
        If `units` is no whole number from 1 on.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from isthmus import Autoencoder
    >>> ae = Autoencoder(2, max_epochs=2, random_state=0).fit(load_iris().data)
    >>> explanation_figure(ae.explain_latent()).data[0].z.shape
    (2, 4)
    """
    if isinstance(units, bool) or not isinstance(units, int | np.integer) or units < 1:
        raise ParameterError(f"units={units!r} cannot be used; expected a whole number from 1 on.")
    return DRAWN[explanation.kind](explanation, explanation.order()[:units])


def _columns(found: LatentExplanation, units: np.ndarray) -> go.Figure:
    """Heat map of units and columns, those that any of the units moves most."""
    strength = np.nan_to_num(found.scaled[units]).max(axis=0)
    shown = np.sort(np.argsort(-strength, kind="stable")[:MOST_NAMES])
    signed = (found.scaled * np.sign(found.effects))[units][:, shown]
    names = [found.name(int(i)) for i in shown]
    figure = blank(170 + 27 * len(units))
    figure.add_heatmap(
        z=signed, x=np.arange(len(shown)), y=np.arange(len(units)), colorscale=SIGNED, zmid=0, **_reach(signed),
        text=[[number(float(v)) for v in row] for row in found.effects[units][:, shown]],
        customdata=[[label(name, 80) for name in names]] * len(units),
        hovertemplate="unit %{y}<br>%{customdata}: %{text} in its own units<extra></extra>",
        colorbar={"thickness": 10, "outlinewidth": 0, "nticks": 5},
    )  # fmt: skip
    figure.update_xaxes(tickvals=np.arange(len(shown)), ticktext=[label(n, 20) for n in names], showgrid=False)
    figure.update_yaxes(
        tickvals=np.arange(len(units)), ticktext=_titles(found, units), autorange="reversed", showgrid=False
    )
    return figure


def _pictures(found: LatentExplanation, units: np.ndarray) -> go.Figure:
    """One map of pixels a unit."""
    maps = found.effects[units]
    maps = maps if maps.ndim == 3 else maps.mean(axis=-1)
    small = [shrink_map(np.asarray(one, np.float64)) for one in maps]
    figure = _grid(found, units, 190)
    for i, one in enumerate(small):
        place = {"row": i // ACROSS + 1, "col": i % ACROSS + 1}
        figure.add_heatmap(
            z=one.astype(np.float32), colorscale=SIGNED, zmid=0, **_reach(np.stack(small)), showscale=i == 0,
            colorbar={"thickness": 10, "outlinewidth": 0, "nticks": 5},
            hovertemplate="row %{y}, column %{x}: %{z:.3g}<extra></extra>", **place,
        )  # fmt: skip
        axis = "" if i == 0 else str(i + 1)
        figure.update_yaxes(
            autorange="reversed", scaleanchor=f"x{axis}", constrain="domain", row=place["row"], col=place["col"]
        )
    figure.update_xaxes(showticklabels=False, ticks="", showgrid=False, constrain="domain")
    figure.update_yaxes(showticklabels=False, ticks="", showgrid=False)
    return figure


def _lines(found: LatentExplanation, units: np.ndarray) -> go.Figure:
    """Change along the steps of a sequence, the channels that move most."""
    strength = np.nan_to_num(found.scaled[units]).max(axis=(0, 1))
    channels = np.sort(np.argsort(-strength, kind="stable")[:MOST_CHANNELS])
    figure = _grid(found, units, 170)
    for i, unit in enumerate(units):
        for j, channel in enumerate(channels):
            figure.add_scatter(
                y=found.effects[unit, :, channel], mode="lines", name=f"channel {channel}",
                legendgroup=f"channel {channel}", showlegend=i == 0 and found.effects.shape[2] > 1,
                line={"width": 1.8, "color": PALETTE[j]}, row=i // ACROSS + 1, col=i % ACROSS + 1,
            )  # fmt: skip
    figure.update_yaxes(matches="y", nticks=4, zeroline=True)
    return figure


def _grid(found: LatentExplanation, units: np.ndarray, height: int) -> go.Figure:
    """Small figures, one a unit, under titles."""
    down, across = -(-len(units) // ACROSS), min(ACROSS, len(units))
    there = [[{} if line * across + i < len(units) else None for i in range(across)] for line in range(down)]
    grid = make_subplots(
        rows=down, cols=across, specs=there, subplot_titles=_titles(found, units), vertical_spacing=0.3 / down,
        horizontal_spacing=0.05,
    )  # fmt: skip
    style = blank(60 + height * down).layout
    for part in ("template", "height", "font", "paper_bgcolor", "plot_bgcolor"):
        grid.layout[part] = style[part]
    grid.update_layout(
        margin={"l": 40, "r": 12, "t": 40, "b": 40},
        legend={"orientation": "h", "x": 0, "y": -0.1, "yanchor": "top", "bgcolor": "rgba(0,0,0,0)"},
    )
    grid.update_annotations(font_size=12)
    return grid


def _titles(found: LatentExplanation, units: np.ndarray) -> list[str]:
    """Number of each unit and its share of the variance, or that it is unused."""
    unused = set(found.unused.tolist())
    return [
        f"unit {unit}, unused" if unit in unused else f"unit {unit}, {percent(float(found.variance_shares[unit]))}"
        for unit in map(int, units)
    ]


def _reach(values: np.ndarray) -> dict[str, float]:
    """Ends of a colour scale that is as long on both sides of 0."""
    known = np.abs(values[np.isfinite(values)])
    most = float(known.max(initial=0.0)) or 1.0
    return {"zmin": -most, "zmax": most}


#: How each kind is drawn.
DRAWN: dict[str, Callable[[LatentExplanation, np.ndarray], Any]] = {
    "vector": _columns,
    "table": _columns,
    "image": _pictures,
    "sequence": _lines,
}
