"""The report on made rows: one self-contained HTML page, beside the real rows and as many held out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from isthmus._version import __version__
from isthmus.data import Column, Raw, as_raw
from isthmus.data.same_columns import as_fitted
from isthmus.data.table import columns_of
from isthmus.evaluation.fidelity import Fidelity, fidelity
from isthmus.evaluation.figures import GREY, MOST_NAMES, OURS, PCA, blank, label
from isthmus.evaluation.page import PLOTLY_SETTINGS, panel
from isthmus.evaluation.privacy import NO_PROOF, Privacy, privacy
from isthmus.evaluation.rendering import render_page
from isthmus.evaluation.usefulness import Usefulness, usefulness
from isthmus.evaluation.wording import number, percent
from isthmus.exceptions import DataError
from isthmus.storage.atomic import write_bytes
from isthmus.tasks import Synthesizer

#: Columns that are drawn, intervals of a column of numbers, and categories that are drawn of a column.
MOST_DRAWN, INTERVALS, MOST_CATEGORIES = 40, 30, 15
#: Made rows that all figures rest on, where no others are given: as many as were fitted on, within bounds.
FEWEST_MADE, MOST_MADE = 2000, 20_000


@dataclass(frozen=True)
class Synthesis:
    """Made rows beside real ones.

    Parameters
    ----------
    columns : tuple of Column
    fidelity : Fidelity
        Of the made rows beside those trained on.
    chance : Fidelity
        Of real rows held out beside those trained on: what chance alone comes to with so many rows.
    usefulness : Usefulness
    privacy : Privacy
    train, held, made : ndarray of shape (n, d)
        The rows compared.
    """

    columns: tuple[Column, ...]
    fidelity: Fidelity
    chance: Fidelity
    usefulness: Usefulness
    privacy: Privacy
    train: np.ndarray
    held: np.ndarray
    made: np.ndarray

    def table(self) -> list[tuple[str, str, str]]:
        """Give the figures as lines: what, of the made rows, of the real rows beside them."""
        p, u = self.privacy, self.usefulness
        return [
            ("", "made rows", "real rows held out"),
            ("Column error", percent(self.fidelity.column_error), percent(self.chance.column_error)),
            ("Pair error", percent(self.fidelity.pair_error), percent(self.chance.pair_error)),
            (f"AUC of trees telling {u.target}", number(u.made), f"{number(u.real)} (trained on real rows)"),
            ("Exact copies of rows trained on", percent(p.copies), percent(p.held_copies)),
            ("Distance to the closest row trained on", number(p.to_train), f"{number(p.to_held)} (to one held out)"),
            ("Made rows nearer to a row trained on", percent(p.nearer), percent(0.5)),
            ("AUC of a membership-inference attack", number(p.attack), "0.5 (chance)"),
        ]


def compare_made(synthesizer: Synthesizer, train: Any, held: Any, made: Any = None, target: Any = None) -> Synthesis:
    """Compare made rows with those trained on, beside real rows held out.

    Parameters
    ----------
    synthesizer : Synthesizer
        Fitted on `train`.
    train : same as in fit
    held : same as in fit
        Rows that the synthesizer was not fitted on.
    made : same as in fit, optional
        Rows made by it; by default as many as in `train`, from 2,000 to 20,000.
    target : str, optional
        As of `usefulness`.

    Returns
    -------
    Synthesis

    Raises
    ------
    DataError
        If the rows do not fit the synthesizer, or none are held out.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from isthmus import Synthesizer
    >>> frame = load_iris(as_frame=True).frame
    >>> synthesizer = Synthesizer(max_epochs=3, random_state=0).fit(frame[::2])
    >>> found = compare_made(synthesizer, frame[::2], frame[1::2])
    >>> found.usefulness.target, bool(found.usefulness.real > 0.9)
    ('target', True)
    """
    if made is None:
        made = synthesizer.sample(int(np.clip(synthesizer.n_rows_, FEWEST_MADE, MOST_MADE)), random_state=0)
    schema = synthesizer.schema_
    columns = columns_of(schema)
    parts = []
    for rows in (train, held, made):
        raw: Raw = as_raw(rows, kind=synthesizer.kind_, like=schema)
        if not len(raw):
            raise DataError(f"{raw.origin} has no rows to compare with; hold some out before fit.")
        synthesizer.preparation_.check(raw, "Synthesizer")
        parts.append(np.asarray(as_fitted(raw, columns).values, dtype=np.float64))
    fitted, other, new = parts
    return Synthesis(
        columns,
        fidelity(fitted, new, columns),
        fidelity(fitted, other, columns),
        usefulness(fitted, other, new, columns, target),
        privacy(fitted, other, new, columns),
        fitted,
        other,
        new,
    )


def synthesis_report(
    synthesizer: Synthesizer, train: Any, held: Any, path: str | Path, *, made: Any = None, target: Any = None
) -> Path:
    """Write one HTML page on rows made, beside the rows trained on and rows held out.

    Parameters
    ----------
    synthesizer, train, held, made, target
        As of `compare_made`.
    path : str or Path
        File to write. It is replaced as a whole or not at all.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        If the rows do not fit the synthesizer.
    ModelFileError
        If `path` cannot be written.
    """
    found = compare_made(synthesizer, train, held, made, target)
    write_bytes(path, render(synthesizer, found).encode("utf-8"))
    return Path(path)


def render(synthesizer: Synthesizer, found: Synthesis) -> str:
    """Give the page as text."""
    worst = np.argsort(-found.fidelity.columns, kind="stable")
    drawn = worst[:MOST_DRAWN]
    numeric = [j for j, column in enumerate(found.columns) if column.is_numeric][:MOST_NAMES]
    correlations = []
    if len(numeric) > 1:
        for name, title, rows in (("real", "Real rows", found.train), ("made", "Made rows", found.made)):
            figure = matrix(_correlations(rows[:, numeric]), [found.columns[j].name for j in numeric], signed=True)
            alt = f"Heat map of the correlations of {len(numeric)} columns of numbers. {title}."
            correlations.append((title, panel(f"correlations-{name}", figure, alt)))
    some = np.sort(worst[:MOST_NAMES])
    pairs = None
    if len(some) > 1:
        figure = matrix(found.fidelity.pairs[np.ix_(some, some)], [found.columns[j].name for j in some], signed=False)
        pairs = panel("pairs", figure, f"Heat map of the errors of the pairs of {len(some)} columns.")
    return render_page(
        "synthesis.html.j2",
        title="Made rows",
        what=f"{len(found.made):,} rows made, {len(found.train):,} trained on, {len(found.held):,} held out, "
        f"{len(found.columns):,} columns",
        sentence=_verdict(found),
        no_proof=NO_PROOF,
        table=found.table(),
        columns=[_column(found, int(j)) for j in drawn],
        left_out=len(found.columns) - len(drawn),
        correlations=correlations,
        pairs=pairs,
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        version=__version__,
        fitted=synthesizer.n_rows_,
        measured=found.privacy.rows,
        plotly_script=get_plotlyjs(),
        plotly_settings=PLOTLY_SETTINGS,
    )


def _verdict(found: Synthesis) -> str:
    f, c, u = found.fidelity, found.chance, found.usefulness
    said = f"The columns of the made rows are off by {percent(f.column_error)}"
    if np.isfinite(f.pair_error):
        said += f" and their pairs by {percent(f.pair_error)}"
    beside = f"{percent(c.column_error)} and {percent(c.pair_error)}"
    said += f", where real rows held out are off by {beside if np.isfinite(c.pair_error) else percent(c.column_error)}."
    if np.isfinite(u.made) and np.isfinite(u.real):
        said += f" Trees trained on them tell {u.target} with an AUC of {u.made:.3f}, on real rows {u.real:.3f}."
    return said


def _column(found: Synthesis, j: int) -> dict[str, Any]:
    column = found.columns[j]
    figure = distribution(column, found.train[:, j], found.made[:, j])
    error = percent(float(found.fidelity.columns[j]))
    alt = f"Shares of the values of {column.name}, real beside made; they are off by {error}."
    gaps = [float(np.isnan(rows[:, j]).mean()) for rows in (found.train, found.made)]
    missing = f"missing: {percent(gaps[0])} real, {percent(gaps[1])} made" if any(gaps) else ""
    return {"name": column.name, "error": error, "missing": missing, "panel": panel(f"column-{j}", figure, alt)}


def distribution(column: Column, real: np.ndarray, made: np.ndarray) -> go.Figure:
    """Draw the shares of the values of a column, real beside made."""
    seen = real[~np.isnan(real)]
    figure = blank(260, "", "share")
    sides = ((real, "real", GREY), (made, "made", OURS))
    if not len(seen):
        return figure
    if column.type in ("category", "boolean"):
        places, counts = np.unique(seen, return_counts=True)
        places = places[np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]]
        names = [label(str(column.shown(float(place))), 18) for place in places]
        for rows, name, color in sides:
            known = rows[~np.isnan(rows)]
            shares = [float(np.mean(known == place)) if len(known) else 0.0 for place in places]
            figure.add_bar(x=names, y=shares, name=name, marker={"color": color})
        return figure
    # A few values far off would leave all others in one interval.
    low, high = np.quantile(seen, [0.005, 0.995]) if len(seen) > 200 else (seen.min(), seen.max())
    edges = np.linspace(low, high if high > low else low + 1, INTERVALS + 1)
    middle = (edges[:-1] + edges[1:]) / 2
    at = [column.shown(float(x)) for x in middle] if column.type == "date" else middle.tolist()
    for rows, name, color in sides:
        known = rows[~np.isnan(rows)]
        shares = np.histogram(known.clip(edges[0], edges[-1]), edges)[0] / max(1, len(known))
        figure.add_scatter(
            x=at, y=shares.tolist(), name=name, mode="lines", line={"shape": "hvh", "color": color, "width": 2}
        )
    return figure


def matrix(values: np.ndarray, names: list[str], *, signed: bool) -> go.Figure:
    """Draw a square of figures: correlations from -1 to 1, or errors from 0 on."""
    texts = [label(name, 20) for name in names]
    figure = blank(160 + 18 * len(names))
    shown = [[None if np.isnan(value) else round(float(value), 4) for value in row] for row in values]
    high = 1.0 if signed else max(0.05, float(np.nanmax(values, initial=0)))
    scale = [[0, PCA], [0.5, "#f5f5f5"], [1, OURS]] if signed else [[0, "#f5f5f5"], [1, OURS]]
    figure.add_heatmap(z=shown, x=texts, y=texts, zmin=-1 if signed else 0, zmax=high, colorscale=scale, xgap=1, ygap=1)
    figure.update_yaxes(autorange="reversed")
    return figure


def _correlations(rows: np.ndarray) -> np.ndarray:
    """Correlations of columns over the rows where both are known; NaN where one does not vary."""
    d = rows.shape[1]
    out = np.full((d, d), np.nan)
    for i in range(d):
        for j in range(i + 1):
            both = ~np.isnan(rows[:, i]) & ~np.isnan(rows[:, j])
            a, b = rows[both, i], rows[both, j]
            if len(a) > 1 and np.ptp(a) and np.ptp(b):
                out[i, j] = out[j, i] = np.corrcoef(a, b)[0, 1]
    return out
