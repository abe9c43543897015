"""`isthmus score` on recordings: a score for each step, and one for each channel of it."""

# ruff: noqa: PLC0415 - all of these bring torch, which is imported once a command runs

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from isthmus.cli.console import out, say
from isthmus.cli.reading import labels_of
from isthmus.cli.writing import Result
from isthmus.exceptions import ParameterError

if TYPE_CHECKING:
    import numpy as np

    from isthmus.data import Raw
    from isthmus.evaluation.series import BesidePCA
    from isthmus.tasks import AnomalyDetector

#: Stretches beyond the line that are printed where no file is asked for.
SHOWN = 10


def window_of(window: str | None) -> int | str | None:
    """Take --window: a number of steps, or auto."""
    if window is None or window == "auto":
        return window
    if not window.isdecimal():
        raise ParameterError(f"--window {window} cannot be used; expected a whole number of steps, or auto.")
    return int(window)


def recording(raw: Raw) -> Raw:
    """Keep the measurements of a table; time stamps are carried along."""
    from isthmus.tasks.series.recordings import as_recording

    return as_recording(raw)


def table_of(detector: AnomalyDetector, raw: Raw, scores: np.ndarray, flagged: np.ndarray) -> Result:
    """Give a row for each step: score, p-value, whether it lies beyond the line, and a score for each channel."""
    import pyarrow as pa

    from isthmus.tasks.anomaly_parts.explanation import column_names

    found: dict[str, Any] = {"score": scores, "p_value": detector.p_values(raw), "beyond_the_line": flagged}
    cells = -detector.score_cells(raw)
    found |= {f"score_{name}": cells[:, j] for j, name in enumerate(column_names(detector.preparation_))}
    return Result(pa.table(found), None, raw.extra)


def compared(detector: AnomalyDetector, raw: Raw, labels: str | None) -> BesidePCA:
    """Compare with PCA of the same windows, by a column of labels where there is one."""
    import numpy as np

    from isthmus.evaluation.series import beside_pca

    name = labels_of(raw, labels)
    if name is None:
        return beside_pca(detector, raw)
    known = np.asarray(raw.extra[name])
    values = {str(v) for v in np.unique(known).tolist()}
    if not values <= {"0", "1", "0.0", "1.0", "True", "False", "true", "false"}:
        raise ParameterError(f"--labels {labels}: expected 1 or true for strange steps and 0 or false for usual ones.")
    strange = np.isin(known.astype(str), ["1", "1.0", "True", "true"])
    if strange.all() or not strange.any():
        sort = "strange" if strange.all() else "usual"
        say(f"--labels {labels}: every step is {sort}, so that nothing can be judged by them.")
        return beside_pca(detector, raw)
    return beside_pca(detector, raw, strange)


def show(detector: AnomalyDetector, raw: Raw, scores: np.ndarray, flagged: np.ndarray, found: BesidePCA) -> None:
    """Print the strangest stretches with their channels, and PCA beside it."""
    import numpy as np

    from isthmus.data.windowing import runs
    from isthmus.tasks.anomaly_parts.explanation import column_names

    names, cells = column_names(detector.preparation_), -detector.score_cells(raw)
    table = Table(title="The strangest stretches", title_justify="left", title_style="bold")
    for heading in ("steps", "highest score", "channels"):
        table.add_column(heading, justify="left" if heading == "channels" else "right", overflow="fold")
    stretches = sorted(runs(flagged).tolist(), key=lambda s: -scores[s[0] : s[1]].max())[:SHOWN]
    for first, end in stretches:
        sums = cells[first:end].sum(0)
        most = [names[j] for j in np.argsort(-sums, kind="stable")[:3] if sums[j] > 0.1 * sums.sum()]
        table.add_row(f"{first:,} to {end - 1:,}", f"{scores[first:end].max():.3g}", escape(", ".join(most)))
    if stretches:
        out().print(table)
    heading, *lines = found.table()
    if lines:
        beside = Table(title="Beside PCA of the same windows", title_justify="left", title_style="bold")
        for i, name in enumerate(heading):
            beside.add_column(name, justify="right" if i else "left")
        for line in lines:
            beside.add_row(*line)
        out().print(beside)
    say(found.verdict(), to=out())
