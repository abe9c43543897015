"""The report: one self-contained HTML page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from isthmus.data import as_raw
from isthmus.evaluation import codes as code_plot
from isthmus.evaluation import figures, pictures, prefixes, sparsity
from isthmus.evaluation.about import about
from isthmus.evaluation.comparison import Comparison, Errors
from isthmus.evaluation.evidence import Evidence, gather
from isthmus.evaluation.findings import advice, outlying
from isthmus.evaluation.rendering import render_page
from isthmus.evaluation.texts import text_report
from isthmus.evaluation.wording import number, percent, plural
from isthmus.exceptions import ParameterError
from isthmus.storage.atomic import write_bytes

if TYPE_CHECKING:
    from isthmus.autoencoder import Autoencoder

#: Only buttons that work within the page: plotly also has some that send the data to its makers.
PLOTLY_SETTINGS = {
    "displaylogo": False,
    "responsive": True,
    "displayModeBar": "hover",
    "modeBarButtons": [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
}


@dataclass(frozen=True)
class Panel:
    """A plotly figure on the page.

    Attributes
    ----------
    name : str
        Name of its place on the page.
    json : str
        The figure, safe inside a script element.
    alt : str
        What it shows, for those who cannot see it.
    height : int
        In CSS pixels.
    """

    name: str
    json: str
    alt: str
    height: int


def panel(name: str, figure: go.Figure, alt: str) -> Panel:
    """Make a figure ready for the page."""
    return Panel(name, script_safe(str(figure.to_json())), alt, int(figure.to_dict()["layout"].get("height") or 360))


def script_safe(text: str) -> str:
    """Write JSON so that nothing in it can end the script element that holds it."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def report(
    model: Autoencoder,
    X: Any,
    path: str | Path,
    *,
    color: Any = None,
    title: str | None = None,
    max_points: int = 5000,
    held_out: bool | None = None,
    model_path: str | Path | None = None,
) -> Path:
    """Write one HTML page that shows what a model does with the rows `X`, and how it stands beside PCA.

    The page needs no network and no other file.

    Parameters
    ----------
    model : Autoencoder
        Fitted.
    X : array, frame, path, Raw, ...
        The training data (its held-out part is recognised, the verdict rests on it), or better other rows.
    path : str or Path
        File to write. It is replaced as a whole or not at all.
    color : str, int or array of shape (n,), optional
        What colours the codes: a column's name (in the data, or set aside with `drop`), its number, or one
        value a row.
    title : str, optional
        Heading of the page.
    max_points : int, default 5000
        Codes are drawn of at most so many rows.
    held_out : bool, optional
        Whether training never saw the rows `X`; None: find out where that is possible.
    model_path : str or Path, optional
        Where the model is saved, for the lines that show how to load it.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    DataError
        If `X` does not fit the data that the model was fitted on.
    ParameterError
        If `color` is no column, or of another length than `X`.
    ModelFileError
        If `path` cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from isthmus import Autoencoder
    >>> from isthmus.evaluation import report
    >>> data = load_iris()
    >>> model = Autoencoder(latent_dim=2, max_epochs=2, random_state=0).fit(data.data)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = report(model, data.data, f"{folder}/report.html", color=data.target)
    ...     page.name
    'report.html'
    """
    if model.preparation_.vocabulary_:
        if color is not None:
            raise ParameterError("color= colours the codes, which the page of texts does not draw; leave it out.")
        return text_report(model, as_raw(X, kind=model.kind_), path, title, held_out, model_path)
    seen = gather(model, X, held_out=held_out, max_points=max_points)
    page = render(seen, color=color, title=title, model_path=model_path)
    write_bytes(path, page.encode("utf-8"))
    return Path(path)


def render(seen: Evidence, *, color: Any = None, title: str | None = None, model_path: str | Path | None = None) -> str:
    """Give the page as text."""
    context: dict[str, Any] = {
        "title": title or _default_title(seen),
        "custom_title": title is not None,
        "seen": seen,
        "c": seen.comparison,
        "advice": advice(seen.model, evidence=seen),
        "plotly_script": get_plotlyjs(),
        "plotly_settings": PLOTLY_SETTINGS,
        **_headline(seen),
        **_training(seen.model),
        **_beside(seen.comparison),
        **_examples(seen),
        **_codes(seen, color),
        **_prefixes(seen),
        **_sparsity(seen),
        **_rows(seen),
        **about(seen, model_path),
    }
    return render_page("report.html.j2", **context)


def _default_title(seen: Evidence) -> str:
    origin = seen.raw.origin
    name = Path(origin).name if origin and not origin.startswith("the ") else ""
    return f"Autoencoder of {name}" if name else "Autoencoder report"


def _headline(seen: Evidence) -> dict[str, Any]:
    """Give the verdict, the two bars, and what the data are."""
    c, kind = seen.comparison, seen.model.kind_
    sides, n = " × ".join(map(str, seen.raw.item_shape)), len(seen.raw)
    unequal = seen.raw.lengths is not None
    what = {
        "image": f"{plural(n, 'image')} of {sides}",
        "sequence": f"{plural(n, 'sequence')} of {'up to ' * unequal}{sides} (steps × channels)",
    }.get(kind, f"{plural(n, 'row')} of {plural(seen.raw.item_shape[0], 'column')}")
    top = max(c.ours, c.pca) or 1.0
    fit = seen.model.comparison_
    at_fit = ""
    if seen.split == "given" and fit.get("split") == "validation":
        at_fit = "It is not known whether training saw any of these rows."
        if fit["rows"]:
            at_fit += (
                f" At the end of training, on the {plural(int(fit['rows']), 'row')} held out then, Isthmus left "
                f"{percent(float(fit['ratio']))} of PCA's error."
            )
    return {
        "what": f"{what}, to {plural(c.latent_dim, 'number')} each",
        "ours_width": 100 * c.ours / top if np.isfinite(c.ours) else 0,
        "pca_width": 100 * c.pca / top if np.isfinite(c.pca) else 0,
        "at_fit": at_fit,
    }


def _training(model: Autoencoder) -> dict[str, Any]:
    """Losses by epoch, and gradients by layer."""
    history, best = model.history_, int(model.best_epoch_)
    pca = _pca_loss(model)
    last = len(history["epoch"]) - 1
    alt = f"Losses over {plural(last, 'epoch')}; the best is epoch {best}."
    found: dict[str, Any] = {
        "losses": panel("losses", figures.losses(history, best, pca), alt) if last >= 0 else None,
        "pca_line": pca is not None,
        "stopped": {
            "max_epochs": "it had run all the epochs that it was allowed",
            "patience": "the held-out loss had not improved for a while",
            "interrupted": "someone interrupted it",
            "callback": "a callback asked for it",
            "": "partial_fit trains a pass at a time",
        }.get(str(model.stopped_), str(model.stopped_)),
        "last_epoch": last,
        "best_epoch": best,
        "gradients": None,
    }
    norms = {name: values for name, values in (model.gradient_norms_ or {}).items() if len(values)}
    if norms:
        found["gradients"] = panel(
            "gradients",
            figures.gradients(norms, history["epoch"]),
            f"Size of the gradient by epoch in {plural(len(norms), 'layer')}.",
        )
    return found


def _pca_loss(model: Autoencoder) -> float | None:
    """PCA's loss on the held-out rows, where the loss is the squared error and nothing is added to it."""
    loss = model.chosen_.get("loss", model.get_params(deep=False).get("loss"))
    known = {"epoch", "train_loss", "validation_loss", "learning_rate", "seconds", "reconstruction"}
    if loss != "mse" or set(model.history_) - known:
        return None
    value = float(model.comparison_["pca"])
    return value if value > 0 else None


def _beside(c: Comparison) -> dict[str, Any]:
    """Ours beside PCA by column, channel, step and pixel."""
    panels: list[dict[str, Any]] = []
    maps: list[dict[str, Any]] = []
    table: dict[str, Any] | None = None
    for errors, what in ((c.by_column, "column"), (c.by_channel, "channel")):
        if errors is not None and len(errors.names) > 1 and np.nanmax([errors.ours, errors.pca], initial=0) > 0:
            panels.append(_named_panel(errors, what))
            table = _error_table(errors, what)
    if c.by_step is not None and len(c.by_step.names) > 1:
        figure = figures.by_step(c.by_step)
        alt = "Mean squared error along the time steps, Isthmus beside PCA."
        panels.append({"title": "By time step", "panel": panel("by-step", figure, alt), "note": ""})
    if c.by_pixel is not None:
        highest = float(np.nanmax([c.by_pixel.ours, c.by_pixel.pca])) or 1.0
        for name, title, values, kind in (
            ("ours", "Isthmus: error", c.by_pixel.ours, "error"),
            ("pca", "PCA: error", c.by_pixel.pca, "error"),
            ("ratio", "Isthmus over PCA: ratio", _pixel_ratio(c.by_pixel), "ratio"),
        ):
            figure = figures.pixel_map(values, highest=highest, kind=kind)
            alt = f"Heat map over the pixels. {title}."
            maps.append({"title": title, "panel": panel(f"pixel-{name}", figure, alt)})
    return {"beside": panels, "maps": maps, "error_table": table}


def _pixel_ratio(by_pixel: Errors) -> np.ndarray:
    """Ratio by pixel; none where both errors are under a twentieth of the average, as in a still border."""
    floor = 0.05 * float(np.nanmean(by_pixel.pca))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = by_pixel.ours / by_pixel.pca
    return np.where(np.fmax(by_pixel.ours, by_pixel.pca) > floor, found, np.nan)


def _named_panel(errors: Errors, what: str) -> dict[str, Any]:
    n = len(errors.names)
    better = int(np.sum(errors.ours < errors.pca))
    note = f"Isthmus has the smaller error in {better:,} of {n:,}."
    if n > figures.MOST_NAMES:
        note += f" The {figures.MOST_NAMES} with the largest error are shown."
    figure = figures.by_name(errors, "")
    alt = figures.summary(errors, what)
    return {"title": f"By {what}", "panel": panel(f"by-{what}", figure, alt), "note": note}


def _error_table(errors: Errors, what: str) -> dict[str, Any]:
    """Give the same figures as numbers, for those who want to read them off."""
    ratio = errors.ratio
    lines = [
        [
            errors.names[i],
            number(float(errors.ours[i])),
            number(float(errors.pca[i])),
            number(float(ratio[i])) if np.isfinite(errors.ours[i]) else "–",
            number(float(np.sqrt(errors.ours_units[i]))),
            number(float(np.sqrt(errors.pca_units[i]))),
            percent(float(errors.ours_explained[i])),
            percent(float(errors.pca_explained[i])),
        ]
        for i in errors.worst_first()[: figures.MOST_NAMES]
    ]
    return {"what": what, "lines": lines, "of": len(errors.names)}


def _examples(seen: Evidence) -> dict[str, Any]:
    """Originals beside reconstructions, in the manner of the kind."""
    found: dict[str, Any] = {"images": None, "sequences": None, "cells": None, "channels_shown": ""}
    kind = seen.model.kind_
    lines = kind == "sequence" and seen.comparison.by_channel is not None and len(seen.comparison.by_channel.names) > 1
    rows = pictures.spread_rows(seen, 8 if kind == "image" else 3 if lines else 6)
    if not len(rows):
        return found
    if kind == "image":
        found["images"] = pictures.image_strip(seen, rows)
    elif kind == "sequence":
        by_channel = seen.comparison.by_channel
        n = len(by_channel.names) if by_channel is not None else 1
        figure, shown = pictures.sequence_lines(seen, rows)
        alt = "Lines of some sequences: the original, and the reconstructions by Isthmus and by PCA."
        found["sequences"] = panel("sequences", figure, alt)
        if len(shown) < n:
            found["channels_shown"] = f"The {len(shown)} of {n} channels with the largest error are shown."
    else:
        found["cells"] = pictures.cell_table(seen, rows)
    return found


def _codes(seen: Evidence, color: Any) -> dict[str, Any]:
    """Draw the scatter of the codes and its colourings."""
    ways = code_plot.colourings(seen, color)
    figure, visible, how = code_plot.scatter(seen, ways)
    shown = len(seen.sample)
    if shown < len(seen.raw):
        how = f"{shown:,} of {len(seen.raw):,} rows, drawn at random. {how}"
    alt = f"Scatter of the codes of {plural(shown, 'row')}, coloured by {ways[0].title}."
    choices = [
        {"title": way.title, "visible": json.dumps(shown), "legend": figures.label(way.title)}
        for way, shown in zip(ways, visible, strict=True)
    ]
    return {"codes": panel("codes", figure, alt), "codes_how": how, "choices": choices}


def _prefixes(seen: Evidence) -> dict[str, Any]:
    """Draw the error by the number of units that are kept, for codes in order."""
    if not prefixes.is_ordered(seen.model):
        return {"prefixes": None}
    curve = prefixes.prefix_curve(seen.model, seen.unseen())
    said = curve.sentence()
    alt = f"Error by the number of units kept, Isthmus beside PCA. {said}"
    return {"prefixes": panel("prefixes", prefixes.figure(curve), alt), "prefixes_said": said}


def _sparsity(seen: Evidence) -> dict[str, Any]:
    """Draw how often units are active, for codes that are meant to be sparse."""
    if not sparsity.is_sparse(seen.model):
        return {"sparsity": None}
    found = sparsity.sparsity_figures(seen.model, seen.unseen())
    said = found.sentence()
    drawn = panel("sparsity", sparsity.figure(found), f"Histogram of how often units are active. {said}")
    return {"sparsity": drawn, "sparsity_said": said, "sparsity_table": found.table()}


def _rows(seen: Evidence) -> dict[str, Any]:
    """Distribution of the errors of rows, and the worst of them."""
    rows, pca = seen.measured.rows, seen.measured.rows_pca
    known = rows[np.isfinite(rows)]
    quantiles = np.quantile(known, [0.5, 0.95, 1.0]) if len(known) else np.full(3, np.nan)
    median, high, top = (number(float(q)) for q in quantiles)
    return {
        "row_errors": panel(
            "rows",
            figures.row_errors(rows, pca),
            f"Histogram of the errors of {plural(len(known), 'row')}: median {median}, largest {top}.",
        ),
        "quantiles": {"median": median, "high": high, "top": top},
        "worst": pictures.worst_rows(seen),
        "outliers": len(outlying(rows)),
    }
