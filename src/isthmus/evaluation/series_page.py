"""The report on strange steps: one self-contained HTML page with the recording and its score drawn."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from isthmus._version import __version__
from isthmus.data import Raw
from isthmus.data.windowing import runs
from isthmus.evaluation.rendering import render_page
from isthmus.evaluation.series import BesidePCA, WindowPCA
from isthmus.evaluation.wording import number
from isthmus.storage.atomic import write_bytes
from isthmus.tasks import AnomalyDetector
from isthmus.tasks.anomaly_parts.explanation import column_names

#: Size of a drawing, points that a line is drawn through at most, and channels and stretches that are shown.
WIDTH, HEIGHT, POINTS, MOST_CHANNELS, MOST_STRETCHES = 960, 110, 1200, 16, 25


def polyline(values: np.ndarray) -> str:
    """Give the points of a line through values, as SVG has them; of many, the least and largest of each piece.

    Examples
    --------
    >>> import numpy as np
    >>> polyline(np.array([0.0, 2.0, 1.0]))
    '0.0,110.0 480.0,0.0 960.0,55.0'
    """
    n = len(values)
    places = np.arange(n)
    if n > POINTS:
        pieces = np.array_split(places, POINTS // 2)
        ends = [(p[np.argmin(filled)], p[np.argmax(filled)]) for p in pieces for filled in [np.nan_to_num(values[p])]]
        places = np.unique(np.ravel(ends))
    places = places[np.isfinite(values[places])]
    known = values[places]
    if len(known) == 0:
        return ""
    low, high = float(known.min()), float(known.max())
    y = HEIGHT - (known - low) / ((high - low) or 1.0) * HEIGHT
    return " ".join(f"{WIDTH * i / max(1, n - 1):.1f},{v:.1f}" for i, v in zip(places, y, strict=True))


def strange_steps_report(detector: AnomalyDetector, raw: Raw, found: BesidePCA, path: str | Path) -> None:
    """Write a page on one recording: its channels, our score and that of PCA, and the strangest stretches.

    Parameters
    ----------
    detector : AnomalyDetector
        Fitted with a window.
    raw : Raw
        The recording, its measurements alone.
    found : BesidePCA
        What `beside_pca` gave.
    path : str or path
        The HTML file.

    Raises
    ------
    ModelFileError
        If the place cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from isthmus.evaluation.series import beside_pca
    >>> from isthmus.tasks.series.recordings import as_recording
    >>> raw = as_recording(np.sin(np.arange(300) / 4))
    >>> detector = AnomalyDetector(window=25, random_state=0).fit(raw)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     strange_steps_report(detector, raw, beside_pca(detector, raw), f"{folder}/report.html")
    ...     "<polyline" in Path(folder, "report.html").read_text()
    True
    """
    scores, cells = -detector.score_samples(raw), -detector.score_cells(raw)
    names, line = column_names(detector.preparation_), -detector.offset_
    stretches = sorted(runs(scores > line).tolist(), key=lambda s: -scores[s[0] : s[1]].max())[:MOST_STRETCHES]
    rows = []
    for first, end in stretches:
        order = np.argsort(-cells[first:end].sum(0), kind="stable")[:3]
        highest = number(float(scores[first:end].max()))
        rows.append((f"{first:,} to {end - 1:,}", highest, ", ".join(names[j] for j in order)))
    order = np.sort(np.argsort(-cells.sum(0), kind="stable")[:MOST_CHANNELS])
    drawn = [("Score", scores, "ours"), ("PCA of windows", WindowPCA(detector).score(raw), "pca")]
    drawn += [(names[j], np.asarray(raw.values[:, j], dtype=np.float64), "channel") for j in order]
    scale = WIDTH / max(1, len(scores) - 1)
    page = render_page(
        "steps.html.j2",
        origin=raw.origin,
        total=len(raw),
        flagged=int((scores > line).sum()),
        line=number(line),
        window=detector.window_,
        fitted=detector.n_rows_,
        width=WIDTH,
        height=HEIGHT,
        bands=[(first * scale, max(1.0, (end - first) * scale)) for first, end in stretches],
        plots=[
            (name, polyline(values), sort, number(float(np.nanmin(values))), number(float(np.nanmax(values))))
            for name, values, sort in drawn
            if np.isfinite(values).any()
        ],
        left_out=len(names) - len(order),
        rows=rows,
        table=found.table() if found.ours is not None else [],
        verdict=found.verdict(),
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        version=__version__,
    )
    write_bytes(path, page.encode())
