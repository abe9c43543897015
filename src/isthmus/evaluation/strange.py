"""The report on strange rows: one self-contained HTML page, beside an isolation forest and nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors

from isthmus._version import __version__
from isthmus.data import Raw
from isthmus.evaluation.rendering import render_page
from isthmus.evaluation.wording import number, percent
from isthmus.storage.atomic import write_bytes
from isthmus.tasks import AnomalyDetector

#: Rows that are shown, reasons that each is given, and rows that baselines are fitted on at most.
MOST_SHOWN, REASONS, MOST_FITTED = 25, 3, 10_000


@dataclass(frozen=True)
class Agreement:
    """How far a baseline agrees with the detector.

    Parameters
    ----------
    name : str
    correlation : float
        Spearman's, of the scores of all rows.
    shared : int
        Rows among the strangest `top` of both.
    top : int
    """

    name: str
    correlation: float
    shared: int
    top: int


def agreements(detector: AnomalyDetector, raw: Raw, scores: np.ndarray) -> list[Agreement]:
    """Score the same rows by what one would use otherwise, at its defaults, and compare.

    There are no labels: this says how far the scores agree, not which of them is right.

    Parameters
    ----------
    detector : AnomalyDetector
        Fitted: its preparation scales the rows.
    raw : Raw
    scores : ndarray of shape (n,)
        Anomaly scores of the rows.

    Returns
    -------
    list of Agreement
        With an isolation forest, and with the mean distance to five neighbours.
    """
    x = detector.preparation_.transform(raw).x.flatten(1).numpy()
    fitted = x
    if len(x) > MOST_FITTED:
        fitted = x[np.sort(np.random.default_rng(0).choice(len(x), MOST_FITTED, replace=False))]
    k = min(6, len(fitted))
    near = NearestNeighbors(n_neighbors=k).fit(fitted).kneighbors(x)[0]
    baselines = {
        "Isolation forest": -IsolationForest(random_state=0).fit(fitted).score_samples(x),
        "Distance to 5 neighbours": near[:, 1:].mean(1) if k > 1 else near[:, 0],
    }
    top = max(1, min(MOST_SHOWN, len(x) // 10))
    strangest = set(np.argsort(-scores, kind="stable")[:top].tolist())
    found = []
    for name, other in baselines.items():
        shared = strangest & set(np.argsort(-other, kind="stable")[:top].tolist())
        varies = np.ptp(scores) > 0 and np.ptp(other) > 0
        correlation = float(np.asarray(spearmanr(scores, other))[0]) if varies else float("nan")
        found.append(Agreement(name, correlation, len(shared), top))
    return found


def strange_rows_report(detector: AnomalyDetector, raw: Raw, path: str | Path) -> None:
    """Write a page on the strangest of some rows, with reasons.

    Parameters
    ----------
    detector : AnomalyDetector
        Fitted.
    raw : Raw
        Rows.
    path : str or path
        The HTML file.

    Raises
    ------
    ModelFileError
        If the place cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from isthmus import AnomalyDetector
    >>> from isthmus.data import as_raw
    >>> raw = as_raw(load_iris().data)
    >>> detector = AnomalyDetector(parts=("knn",), random_state=0).fit(raw)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     strange_rows_report(detector, raw, f"{folder}/report.html")
    ...     "Isolation forest" in Path(folder, "report.html").read_text()
    True
    """
    scores = -detector.score_samples(raw)
    order = np.argsort(-scores, kind="stable")[:MOST_SHOWN]
    told = detector.explain(raw.take(order))
    p = detector.p_values(raw.take(order))
    line = -detector.offset_
    rows: list[dict[str, Any]] = []
    for i, row in enumerate(order.tolist()):
        name = str(raw.row_names[row]) if raw.row_names is not None else f"{row:,}"
        reasons = [
            (
                column,
                _word(value),
                _word(expected),
                percent(max(0.0, added / told.scores[i]) if told.scores[i] else 0.0),
            )
            for column, value, expected, added in told.reasons(i, REASONS)
        ]
        flagged = bool(scores[row] > line)
        rows.append(
            {"name": name, "score": number(float(scores[row])), "p": number(float(p[i])), "flagged": flagged}
            | {"reasons": reasons}
        )
    page = render_page(
        "strange.html.j2",
        rows=rows,
        origin=raw.origin,
        total=len(raw),
        flagged=int((scores > line).sum()),
        line=number(line),
        novelty=bool(detector.novelty),
        fitted=detector.n_rows_,
        parts=", ".join(detector.parts_),
        baselines=[
            (a.name, number(a.correlation), f"{a.shared} of {a.top}") for a in agreements(detector, raw, scores)
        ],
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        version=__version__,
    )
    write_bytes(path, page.encode())


def _word(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return "missing" if value != value else number(value)
