"""`isthmus score`: which rows are strange, and why."""

# ruff: noqa: PLC0415 - all of these bring torch, which is imported once a command runs

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from isthmus.cli import options as o
from isthmus.cli import steps
from isthmus.cli.console import out, say
from isthmus.cli.jobs import check_places, saved
from isthmus.cli.reading import Selection
from isthmus.cli.tables import print_places
from isthmus.cli.writing import STANDARD_OUTPUT, Result, check_file, write_rows
from isthmus.exceptions import ParameterError

if TYPE_CHECKING:
    import numpy as np

    from isthmus.data import Raw
    from isthmus.tasks import AnomalyDetector

#: Formats that hold words beside numbers.
ENDINGS = (".csv", ".parquet", ".feather")
#: Rows that are printed where no file is asked for, and columns that each is explained by.
SHOWN, REASONS = 10, 3
EXPLAIN_STEPS = (
    "--explain is for rows. The scores of a recording have a column for each channel, which says as much; leave it out."
)


def score(
    source: o.Source,
    *,
    columns: o.Columns = None,
    drop: o.Drop = None,
    schema: o.Schema = None,
    size: o.Size = None,
    skip_bad: o.SkipBad = False,
    kind: o.Kind = "auto",
    model: o.SavedJob = None,
    novelty: o.Novelty = False,
    window: o.Window = None,
    labels: o.Labels = None,
    random_state: o.Seed = None,
    explain: o.Explain = False,
    to: o.ToScores = None,
    report: o.Report = None,
    save: o.SaveJob = None,
    force: o.Force = False,
    device: o.WorkOn = "auto",
    debug: o.Debug = False,
) -> None:
    """Score the rows of SOURCE by how strange they are, by a model that there is or one fitted on SOURCE itself."""
    if labels is not None and window is None and model is None:
        raise ParameterError("--labels is for recordings: give --window with it.")
    if explain and window is not None:
        raise ParameterError(EXPLAIN_STEPS)
    if to is not None and to != STANDARD_OUTPUT:
        check_file(to, ENDINGS, source)
    if report is not None:
        check_file(report, (".html", ".htm"), source)
    check_places(model, save, force=force, novelty=novelty, schema=schema, window=window)
    selection = Selection(columns, drop, size, schema, skip_bad)
    fitting = {"novelty": novelty, "window": steps.window_of(window), "random_state": random_state, "device": device}
    detector, raw = _detector(model, source, selection, kind, fitting)
    if explain and detector.window is not None:
        raise ParameterError(EXPLAIN_STEPS)
    if save is not None:
        detector.save(save)
    scores = -detector.score_samples(raw)
    flagged = scores > -detector.offset_
    if detector.window is not None:
        _about_steps(detector, raw, scores, flagged, labels, to, report)
    elif to is None:
        _show(detector, raw, scores)
    else:
        write_rows(to, _result(detector, raw, scores, flagged, explain=explain))
    if report is not None and detector.window is None:
        from isthmus.evaluation.strange import strange_rows_report

        strange_rows_report(detector, raw, report)
    if to != STANDARD_OUTPUT:
        what = "rows" if detector.window is None else "steps"
        say(f"{int(flagged.sum()):,} of {len(raw):,} {what} lie beyond the line of {-detector.offset_:.3g}.")
        print_places(scores=to, report=report, model=save)


COMMANDS = (score,)
EXAMPLES = {
    "score": """Examples:

$ isthmus score people.csv --drop name --explain -o scores.csv --report report.html

$ isthmus score people.csv --drop name --novelty --save detector

$ isthmus score new.csv --model detector --explain -o scores.parquet

$ isthmus score series.csv --window auto --drop label --labels label --save watcher -o steps.csv --report steps.html

$ isthmus score series.csv --model watcher""",
}


def _detector(
    model: str | None, source: str, selection: Selection, kind: str, fitting: dict[str, Any]
) -> tuple[AnomalyDetector, Raw]:
    """Load a detector, or fit one on the rows themselves; give it and the rows."""
    from isthmus import AnomalyDetector

    if model is None:
        raw = selection.read(source, kind)
        raw = raw if fitting["window"] is None else steps.recording(raw)
        return AnomalyDetector(**fitting).fit(raw), raw
    found = saved(model, AnomalyDetector, "score", fitting["device"])
    raw = selection.read_for(found, source)
    return found, raw if found.window is None else steps.recording(raw)


def _about_steps(
    detector: AnomalyDetector,
    raw: Raw,
    scores: np.ndarray,
    flagged: np.ndarray,
    labels: str | None,
    to: str | None,
    report: str | None,
) -> None:
    """Write or print what was found of a recording."""
    found = steps.compared(detector, raw, labels)
    if to is not None:
        write_rows(to, steps.table_of(detector, raw, scores, flagged))
    if to != STANDARD_OUTPUT:
        steps.show(detector, raw, scores, flagged, found)
    if report is not None:
        from isthmus.evaluation.series_page import strange_steps_report

        strange_steps_report(detector, raw, found, report)


def _result(detector: AnomalyDetector, raw: Raw, scores: np.ndarray, flagged: np.ndarray, *, explain: bool) -> Result:
    import pyarrow as pa

    found: dict[str, Any] = {"score": scores, "p_value": detector.p_values(raw), "beyond_the_line": flagged}
    if explain:
        found["reasons"] = _reasons(detector, raw)
    return Result(pa.table(found), None, raw.extra, raw.row_names)


def _reasons(detector: AnomalyDetector, raw: Raw) -> list[str]:
    told = detector.explain(raw)
    return [
        "; ".join(
            f"{column} = {_word(value)}, expected {_word(expected)} (+{added:.3g})"
            for column, value, expected, added in told.reasons(row, REASONS)
        )
        for row in range(len(raw))
    ]


def _word(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return "missing" if value != value else f"{value:.4g}"


def _show(detector: AnomalyDetector, raw: Raw, scores: np.ndarray) -> None:
    """Print the strangest rows with their reasons."""
    import numpy as np

    order = np.argsort(-scores, kind="stable")[:SHOWN]
    some = raw.take(order)
    table = Table(title=f"The strangest of {len(raw):,} rows", title_justify="left", title_style="bold")
    for name in ("row", "score", "p-value", "reasons"):
        table.add_column(name, justify="left" if name == "reasons" else "right", overflow="fold")
    lines = zip(order.tolist(), detector.p_values(some), _reasons(detector, some), strict=True)
    for row, p, reasons in lines:
        name = f"{row:,}" if raw.row_names is None else str(raw.row_names[row])
        table.add_row(escape(name), f"{scores[row]:.3g}", f"{p:.3g}", escape(reasons))
    out().print(table)
