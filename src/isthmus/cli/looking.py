"""`isthmus evaluate`, `report` and `info`: looking at a model."""

# ruff: noqa: PLC0415 - all of these bring torch, which is imported once a command runs

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from isthmus.cli import options as o
from isthmus.cli.reading import Selection, color_of, load_autoencoder
from isthmus.cli.tables import print_comparison, print_info, print_places
from isthmus.cli.writing import check_file, ending_of

if TYPE_CHECKING:
    from isthmus.evaluation import Comparison


def evaluate(
    model: o.ModelFolder,
    source: o.Source,
    *,
    columns: o.Columns = None,
    drop: o.Drop = None,
    size: o.Size = None,
    skip_bad: o.SkipBad = False,
    to: o.ToFigures = None,
    device: o.WorkOn = "auto",
    debug: o.Debug = False,
) -> None:
    """Compare a model with PCA at the same code size on the rows of SOURCE, best ones it never saw."""
    if to is not None:
        check_file(to, tuple(FIGURES), source)
    from isthmus import evaluation
    from isthmus.storage.atomic import write_bytes

    fitted = load_autoencoder(model, device)
    comparison = evaluation.compare(fitted, Selection(columns, drop, size, skip_bad=skip_bad).read_for(fitted, source))
    if to is not None:
        write_bytes(to, FIGURES[ending_of(to)](comparison).encode())
    print_comparison(comparison)
    print_places(figures=to)


def report(
    model: o.ModelFolder,
    source: o.Source,
    *,
    columns: o.Columns = None,
    drop: o.Drop = None,
    size: o.Size = None,
    skip_bad: o.SkipBad = False,
    to: o.ToReport,
    color: o.Color = None,
    device: o.WorkOn = "auto",
    debug: o.Debug = False,
) -> None:
    """Write one HTML page on what a model does with the rows of SOURCE, to open in a browser or to send."""
    check_file(to, (".html", ".htm"), source)
    from isthmus import evaluation

    fitted = load_autoencoder(model, device)
    raw = Selection(columns, drop, size, skip_bad=skip_bad).read_for(fitted, source)
    evaluation.report(fitted, raw, to, color=color_of(raw, color), model_path=model)
    print_places(report=to)


def info(model: o.ModelFolder, debug: o.Debug = False) -> None:
    """Show what a model is: its data, parameters, losses and versions, and how it stood beside PCA."""
    from isthmus.storage import read_folder

    print_info(model, read_folder(model).config)


COMMANDS = (evaluate, report, info)
EXAMPLES = {
    "evaluate": """Examples:

$ isthmus evaluate model new.csv

$ isthmus evaluate model new.csv --to figures.json""",
    "report": """Examples:

$ isthmus report model new.csv --to report.html

$ isthmus report model new.csv --to report.html --color age""",
    "info": """Examples:

$ isthmus info model""",
}


def figures_json(comparison: Comparison) -> str:
    """Give every figure as JSON."""
    return json.dumps(comparison.to_dict(), indent=2, allow_nan=False) + "\n"


def figures_csv(comparison: Comparison) -> str:
    """Give one line overall and one for each column, channel or step."""
    found = comparison.to_dict()
    columns = [name for name, value in comparison.overall.to_dict().items() if not isinstance(value, list)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["part", "name", *columns])
    writer.writerow(["overall", "", *(found[column] for column in columns)])
    for part in ("by_column", "by_channel", "by_step"):
        if part in found:
            rows = zip(found[part]["names"], *(found[part][column] for column in columns), strict=True)
            writer.writerows([part.removeprefix("by_"), *row] for row in rows)
    return text.getvalue()


#: Formats of figures by ending.
FIGURES = {".json": figures_json, ".csv": figures_csv}
