"""Plotly figures of the report: losses, errors by column, step, pixel and row, gradients."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from isthmus.evaluation.comparison import Errors
from isthmus.evaluation.wording import number

#: Mid-tones that stand out on white and on near-black paper alike.
OURS, PCA, GREY = "#2f80c2", "#d4862a", "#8a93a0"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
#: Names shown in one figure; the rest is summed up in words.
MOST_NAMES = 30


def label(text: str, most: int = 28) -> str:
    """Shorten a name of the person's and make it harmless: plotly reads some HTML in its texts.

    Examples
    --------
    >>> label("<b>width</b>")
    '&lt;b&gt;width&lt;/b&gt;'
    """
    text = " ".join(text.split())
    return html.escape(text if len(text) <= most else text[: most - 1] + "…", quote=False)


def blank(height: int, x: str = "", y: str = "") -> go.Figure:
    """Make an empty figure in the manner of the page, which sets the colours of text and grid itself."""
    figure = go.Figure()
    figure.update_layout(
        template=go.layout.Template(),
        height=height,
        margin={"l": 64, "r": 16, "t": 28, "b": 48},
        font={"family": FONT, "size": 13},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)"},
        hoverlabel={"font": {"family": FONT}},
        dragmode="zoom",
    )
    figure.update_xaxes(title={"text": x}, automargin=True, zeroline=False)
    figure.update_yaxes(title={"text": y}, automargin=True, zeroline=False)
    return figure


def spans_decades(*values: np.ndarray) -> bool:
    """Whether a log scale fits: all positive, and the largest at least ten times the smallest."""
    known = np.concatenate([np.ravel(v) for v in values])
    known = known[np.isfinite(known)]
    return bool(len(known) and known.min() > 0 and known.max() >= 10 * known.min())


def log_ticks(*values: np.ndarray) -> dict[str, Any]:
    """Ticks of a log scale over these values: 1, 2 and 5 of each power of ten, or powers alone if many.

    Examples
    --------
    >>> log_ticks(np.array([0.3, 4.0]))["ticktext"]
    ['0.2', '0.5', '1', '2', '5']
    """
    known = np.concatenate([np.ravel(v).astype(float) for v in values])
    known = known[np.isfinite(known) & (known > 0)]
    if not len(known):
        return {}
    low, high = int(np.floor(np.log10(known.min()))), int(np.ceil(np.log10(known.max())))
    powers = range(low, high + 1, max(1, (high - low) // 6))
    steps = (1, 2, 5) if high - low <= 3 else (1,)
    ticks = [step * 10.0**power for power in powers for step in steps]
    ticks = [t for t in ticks if known.min() / 2 <= t <= known.max() * 2] or ticks
    return {"tickvals": ticks, "ticktext": [number(t) for t in ticks]}


def losses(history: Mapping[str, Sequence[float]], best: int, pca: float | None) -> go.Figure:
    """Losses of both splits by epoch, PCA's as a horizontal line if given, the best epoch marked."""
    epoch = np.asarray(history["epoch"])
    train = np.asarray(history["train_loss"], float)
    validation = np.asarray(history.get("validation_loss", []), float)
    figure = blank(360, "epoch (0 is the starting point)", "loss")
    figure.add_scatter(
        x=epoch,
        y=train,
        name="training rows",
        mode="lines",
        line={"color": OURS, "width": 1.5, "dash": "dot"},
    )
    held_out = len(validation) == len(epoch) and not np.isnan(validation).all()
    if held_out:
        figure.add_scatter(
            x=epoch, y=validation, name="held-out rows", mode="lines", line={"color": OURS, "width": 2.5}
        )
    if pca is not None and len(epoch):
        figure.add_scatter(
            x=[epoch[0], epoch[-1]], y=[pca, pca], name="PCA", mode="lines",
            line={"color": PCA, "width": 2, "dash": "dash"},
        )  # fmt: skip
    shown = validation if held_out else train
    if 0 <= best < len(shown) and np.isfinite(shown[best]):
        figure.add_scatter(
            x=[epoch[best]], y=[shown[best]], name=f"best epoch ({epoch[best]})", mode="markers",
            marker={"color": OURS, "size": 11, "symbol": "circle-open", "line": {"width": 2.5}},
        )  # fmt: skip
    if spans_decades(train, validation):
        figure.update_yaxes(type="log", title={"text": "loss (log scale)"}, **log_ticks(train, validation))
    figure.update_layout(hovermode="x unified")
    return figure


def by_name(errors: Errors, axis: str) -> go.Figure:
    """Bars of both errors by column or channel, our worst first."""
    order = errors.worst_first()[:MOST_NAMES]
    place = np.arange(len(order))
    figure = blank(110 + 27 * len(order), "mean squared error, scaled units", "")
    full = [label(errors.names[i], 80) for i in order]
    for name, values, colour in (("Isthmus", errors.ours, OURS), ("PCA", errors.pca, PCA)):
        figure.add_bar(
            x=values[order], y=place, name=name, orientation="h", marker={"color": colour}, customdata=full,
            hovertemplate="%{customdata}<br>" + name + ": %{x:.4g}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(barmode="group", bargap=0.3, bargroupgap=0.05, legend={"traceorder": "normal"})
    figure.update_yaxes(
        tickvals=place, ticktext=[label(errors.names[i]) for i in order], range=[len(order) - 0.4, -0.6],
        title={"text": axis}, showgrid=False,
    )  # fmt: skip
    figure.update_xaxes(rangemode="tozero")
    return figure


def by_step(errors: Errors) -> go.Figure:
    """Both errors along the time steps."""
    figure = blank(320, "time step", "mean squared error")
    step = np.arange(len(errors.ours))
    figure.add_scatter(x=step, y=errors.ours, name="Isthmus", mode="lines", line={"color": OURS, "width": 2})
    figure.add_scatter(x=step, y=errors.pca, name="PCA", mode="lines", line={"color": PCA, "width": 2, "dash": "dash"})
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(hovermode="x unified")
    return figure


def shrink_map(values: np.ndarray, side: int = 128) -> np.ndarray:
    """Average blocks of a map so that neither side is longer than `side`."""
    step = max(1, -(-max(values.shape) // side))
    if step == 1:
        return values
    h, w = (-(-s // step) * step for s in values.shape)
    padded = np.full((h, w), np.nan)
    padded[: values.shape[0], : values.shape[1]] = values
    blocks = padded.reshape(h // step, step, w // step, step)
    known = ~np.isnan(blocks)
    total = np.where(known, blocks, 0.0).sum(axis=(1, 3))
    count = known.sum(axis=(1, 3))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def pixel_map(values: np.ndarray, *, highest: float, kind: str = "error") -> go.Figure:
    """Heat map over the pixels of an image: an error, or the ratio of two (then 1 lies in the middle)."""
    values = shrink_map(values)
    figure = blank(330)
    if kind == "ratio":
        colours: Any = [[0.0, "#1d5f98"], [0.25, OURS], [0.5, "#e9e9e6"], [0.75, PCA], [1.0, "#9a5b10"]]
        values, low, high = np.clip(values, 0, 2), 0.0, 2.0
    else:
        colours, low, high = "Inferno", 0.0, highest
    figure.add_heatmap(
        z=values.astype(np.float32), colorscale=colours, zmin=low, zmax=high, xgap=0, ygap=0,
        colorbar={"thickness": 10, "outlinewidth": 0, "len": 0.9, "nticks": 5},
        hovertemplate="row %{y}, column %{x}<br>" + kind + " %{z:.3g}<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(showgrid=False, showticklabels=False, ticks="", constrain="domain")
    figure.update_yaxes(
        showgrid=False,
        showticklabels=False,
        ticks="",
        autorange="reversed",
        scaleanchor="x",
        constrain="domain",
    )
    figure.update_layout(margin={"l": 4, "r": 4, "t": 8, "b": 8})
    return figure


def row_errors(ours: np.ndarray, pca: np.ndarray) -> go.Figure:
    """Histogram of the errors of rows, counted here so that any number of rows fits the page."""
    ours, pca = ours[np.isfinite(ours)], pca[np.isfinite(pca)]
    both = np.concatenate([ours, pca])
    positive = both[both > 0]
    log = len(positive) > 0 and np.mean(both > 0) > 0.99 and positive.max() > 30 * positive.min()
    if log:
        edges = np.geomspace(positive.min(), positive.max() * (1 + 1e-9), 51)
    else:
        top = float(both.max(initial=0.0)) or 1.0
        edges = np.linspace(0, top * (1 + 1e-9), 51)
    figure = blank(320, "mean squared error of a row, scaled units" + (" (log scale)" if log else ""), "rows")
    for name, values, colour in (("Isthmus", ours, OURS), ("PCA", pca, PCA)):
        count, _ = np.histogram(values, edges)
        outline = np.repeat(count, 2)
        figure.add_scatter(
            x=np.repeat(edges, 2)[1:-1], y=outline, name=name, mode="lines", fill="tozeroy",
            line={"color": colour, "width": 1.5}, opacity=0.9, hoverinfo="skip",
        )  # fmt: skip
    figure.update_yaxes(rangemode="tozero")
    if log:
        figure.update_xaxes(type="log", **log_ticks(both))
    return figure


def gradients(norms: Mapping[str, Sequence[float]], epoch: Sequence[float], most: int = 24) -> go.Figure:
    """Size of the gradient by layer and epoch, early layers blue and late ones amber."""
    names = list(norms)
    if len(names) > most:
        names = [names[i] for i in np.unique(np.linspace(0, len(names) - 1, most).astype(int))]
    figure = blank(max(340, 90 + 19 * len(names)), "epoch", "size of the gradient (log scale)")
    for i, name in enumerate(names):
        values = np.asarray(norms[name], float)
        # Epoch 0 is the starting point: nothing was learned there, so the norms may begin at 1.
        x = np.asarray(epoch)[len(epoch) - len(values) :] if len(values) <= len(epoch) else np.arange(len(values))
        figure.add_scatter(
            x=x, y=np.where(values > 0, values, np.nan), name=label(name, 40),
            mode="lines" if len(values) > 1 else "markers",
            line={"width": 1.6, "color": _between(i / max(1, len(names) - 1))},
        )  # fmt: skip
    figure.update_yaxes(type="log", **log_ticks(*map(np.asarray, norms.values())))
    figure.update_layout(
        legend={"orientation": "v", "x": 1.01, "y": 1, "yanchor": "top", "font": {"size": 11}},
        margin={"r": 8, "t": 12},
    )
    return figure


def _between(share: float) -> str:
    """Colour on the way from blue over grey to amber."""
    stops = [(0x1D, 0x5F, 0x98), (0x8A, 0x93, 0xA0), (0xC2, 0x74, 0x1A)]
    place = share * 2
    low = min(int(place), 1)
    mixed = [round(a + (b - a) * (place - low)) for a, b in zip(stops[low], stops[low + 1], strict=True)]
    return "#" + "".join(f"{part:02x}" for part in mixed)


def summary(errors: Errors, what: str) -> str:
    """Alternative text of a figure by name: its extremes in words."""
    order = errors.worst_first()
    worst, better = errors.names[order[0]], int(np.sum(errors.ours < errors.pca))
    largest = number(float(errors.ours[order[0]]))
    return (
        f"Bar chart of the mean squared error by {what}, Isthmus beside PCA. Isthmus has the smaller "
        f"error in {better} of {len(order)}; its largest error is {largest} in {worst}."
    )
