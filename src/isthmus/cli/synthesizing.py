"""`isthmus synthesize`: rows like those of a table."""

# ruff: noqa: PLC0415 - all of these bring torch, which is imported once a command runs

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from isthmus.cli import options as o
from isthmus.cli.fitting import refuse_infinite
from isthmus.cli.jobs import check_places, saved
from isthmus.cli.reading import Selection, hold_out
from isthmus.cli.tables import print_places
from isthmus.cli.writing import STANDARD_OUTPUT, Result, check_file, write_rows
from isthmus.exceptions import ParameterError

if TYPE_CHECKING:
    from isthmus.tasks import Synthesizer

#: Formats that hold words beside numbers.
ENDINGS = (".csv", ".parquet", ".feather")
#: Share of the rows that the report is beside, and that are not fitted on.
HELD = 0.2


def synthesize(
    source: o.Source,
    *,
    columns: o.Columns = None,
    drop: o.Drop = None,
    schema: o.Schema = None,
    number: o.Number = 1000,
    condition: o.MadeCondition = None,
    model: o.SavedJob = None,
    max_epochs: o.MaxEpochs = "auto",
    random_state: o.RandomState = None,
    to: o.ToMade,
    report: o.Report = None,
    save: o.SaveJob = None,
    force: o.Force = False,
    device: o.WorkOn = "auto",
    verbose: o.Verbose = True,
    debug: o.Debug = False,
) -> None:
    """Make rows like those of SOURCE, by a synthesizer that was saved before or one fitted on SOURCE itself."""
    if to != STANDARD_OUTPUT:
        check_file(to, ENDINGS, source)
    if report is not None:
        check_file(report, (".html", ".htm"), source)
    check_places(model, save, force=force, schema=schema, columns=columns, drop=drop)
    if model is not None and report is not None:
        raise ParameterError(
            f"--report needs rows that the synthesizer was not fitted on, and it is not known which those of {model} "
            "are: leave --model out, to fit one without a fifth of the rows."
        )
    from isthmus import Synthesizer

    if model is not None:
        synthesizer = saved(model, Synthesizer, "synthesize", device)
        Selection().read_for(synthesizer, source)  # refused where it is not there, or holds other columns
    else:
        raw = Selection(columns, drop, None, schema).read(source)
        refuse_infinite(raw)
        train, test = hold_out(raw, HELD, random_state) if report is not None else (raw, None)
        if report is not None and test is None:
            raise ParameterError(f"--report needs rows to hold out, but {source} has only {len(raw)}; leave it out.")
        synthesizer = Synthesizer(
            max_epochs=max_epochs, random_state=random_state, device=device, verbose=int(verbose)
        ).fit(train)
        if save is not None:
            synthesizer.save(save)
        if report is not None:
            from isthmus.evaluation.synthesis import synthesis_report

            synthesis_report(synthesizer, train, test, report)
    wanted = _conditions(synthesizer, condition or ())
    write_rows(to, Result(synthesizer.sample(number, wanted, random_state)))
    if to != STANDARD_OUTPUT:
        print_places(rows=to, report=report, model=save)


COMMANDS = (synthesize,)
EXAMPLES = {
    "synthesize": """Examples:

$ isthmus synthesize people.csv --drop name -n 1000 --to made.csv --report report.html

$ isthmus synthesize people.csv --drop name -n 100 --condition children=2 --save maker --to made.parquet

$ isthmus synthesize people.csv --schema schema.json --random-state 0 --to made.csv""",
}


def _conditions(synthesizer: Synthesizer, given: Sequence[str]) -> dict[str, Any] | None:
    """Read "column=value"; nothing after the sign means a missing cell."""
    from isthmus.data.table import columns_of

    columns = {column.name: column for column in columns_of(synthesizer.schema_)}
    wanted: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ParameterError(f"--condition {text!r} cannot be used; expected COLUMN=VALUE, such as age=40.")
        if name in wanted:
            raise ParameterError(f"--condition names the column {name!r} twice; name it once.")
        # Labels may be numbers or truth values in the file.
        labels = {str(label): label for label in (columns[name].categories or ())} if name in columns else {}
        wanted[name] = labels.get(value, value) if value else None
    return wanted or None
