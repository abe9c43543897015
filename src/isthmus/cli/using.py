"""`isthmus encode`, `decode`, `reconstruct`, `sample` and `interpolate`: putting a model to use."""

# ruff: noqa: PLC0415 - evaluation brings torch, which is imported once a command runs

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.cli import options as o
from isthmus.cli.console import err, out, say
from isthmus.cli.reading import Selection, labels_of, load_autoencoder, read_codes
from isthmus.cli.tables import print_probe
from isthmus.cli.writing import (
    FILE_NAME,
    STANDARD_OUTPUT,
    Result,
    check_pictures,
    check_rows,
    ending_of,
    write_rows,
)
from isthmus.exceptions import DataError, ParameterError


def encode(
    model: o.ModelFolder,
    source: o.Source,
    *,
    columns: o.Columns = None,
    drop: o.Drop = None,
    size: o.Size = None,
    skip_bad: o.SkipBad = False,
    labels: o.Labels = None,
    to: o.ToCodes,
    device: o.WorkOn = "auto",
    debug: o.Debug = False,
) -> None:
    """Turn the rows of SOURCE into codes; file names of pictures and columns set aside are carried along.

    With --labels, print how well a linear model tells them from the codes, beside PCA of the same size.
    """
    check_rows(to, source)
    fitted = load_autoencoder(model, device)
    raw = Selection(columns, drop, size, skip_bad=skip_bad).read_for(fitted, source)
    codes = fitted.transform(raw)
    probe = None
    if labels is not None:
        from isthmus import evaluation

        # Before anything is written, so that an error leaves nothing behind.
        probe = evaluation.linear_probe(fitted, raw, labels_of(raw, labels))
    _finish(to, Result(codes, list(fitted.get_feature_names_out()), raw.extra, raw.row_names), "codes")
    if probe is not None:
        print_probe(probe, err() if to == STANDARD_OUTPUT else out())


def decode(
    model: o.ModelFolder,
    codes: o.Codes,
    *,
    columns: o.Columns = None,
    to: o.ToRows,
    force: o.Force = False,
    device: o.WorkOn = "auto",
    debug: o.Debug = False,
) -> None:
    """Turn codes back into rows, in the units, names and types of the data that the model was fitted on."""
    check_rows(to, codes, pictures=True)
    fitted = load_autoencoder(model, device)
    check_pictures(to, fitted.schema_, force=force)
    given = read_codes(fitted, codes, columns)
    carried = {name: column for name, column in given.extra.items() if name != FILE_NAME}
    row_names = tuple(map(str, given.extra[FILE_NAME])) if FILE_NAME in given.extra else None
    _finish(to, Result(fitted.inverse_transform(given.values), None, carried, row_names), "rows")


def reconstruct(
    model: o.ModelFolder,
    source: o.Source,
    *,
    columns: o.Columns = None,
    drop: o.Drop = None,
    size: o.Size = None,
    skip_bad: o.SkipBad = False,
    to: o.ToRows,
    force: o.Force = False,
    device: o.WorkOn = "auto",
    debug: o.Debug = False,
) -> None:
    """Turn the rows of SOURCE into codes and back; pictures keep their file names."""
    check_rows(to, source, pictures=True)
    fitted = load_autoencoder(model, device)
    check_pictures(to, fitted.schema_, force=force)
    raw = Selection(columns, drop, size, skip_bad=skip_bad).read_for(fitted, source)
    _finish(to, Result(fitted.reconstruct(raw), None, raw.extra, raw.row_names), "rows")


def sample(
    model: o.ModelFolder,
    *,
    number: o.Number = 100,
    density: o.Density = "auto",
    condition: o.Condition = None,
    to: o.ToRows,
    random_state: o.Seed = None,
    force: o.Force = False,
    device: o.WorkOn = "auto",
    debug: o.Debug = False,
) -> None:
    """Make new rows like those that the model was fitted on, or like those of one class."""
    check_rows(to, pictures=True)
    fitted = load_autoencoder(model, device)
    check_pictures(to, fitted.schema_, force=force)
    given = _given(condition, fitted.schema_.names or ()) if condition else None
    made = fitted.sample(number, random_state=random_state, density=density, condition=given)
    _finish(to, Result(made), "rows")


def interpolate(
    model: o.ModelFolder,
    start: o.Start,
    end: o.End,
    *,
    steps: o.Steps = 8,
    path: o.Way = "linear",
    columns: o.Columns = None,
    drop: o.Drop = None,
    size: o.Size = None,
    to: o.ToRows,
    force: o.Force = False,
    device: o.WorkOn = "auto",
    debug: o.Debug = False,
) -> None:
    """Go from one row or picture to another through the codes between them."""
    check_rows(to, start, pictures=True)
    check_rows(to, end, pictures=True)
    fitted = load_autoencoder(model, device)
    check_pictures(to, fitted.schema_, force=force)
    selection = Selection(columns, drop, size)
    ends = [selection.read_for(fitted, source) for source in (start, end)]
    for source, raw in zip((start, end), ends, strict=True):
        if len(raw) != 1:
            raise DataError(f"{source} holds {len(raw):,} rows, but interpolate goes from one row to one other.")
    _finish(to, Result(fitted.interpolate(*ends, steps=steps, path=path), across=steps), "rows")


def _given(condition: Sequence[str], names: Sequence[str]) -> dict[str | int, Any]:
    """Read "name=value": a label, a column, or the number of a column, where columns have no names."""
    given: dict[str | int, Any] = {}
    for text in condition:
        column, equals, value = text.rpartition("=")
        if not equals or not column:
            raise ParameterError(
                f"--condition {text!r} cannot be used; expected NAME=VALUE, such as label=shoe or age=40."
            )
        is_place = column not in names and column.removeprefix("-").isdecimal()
        key = int(column) if is_place else column
        if key in given:
            raise ParameterError(f"--condition names the column {column!r} twice; name it once.")
        given[key] = o.number(value)
    return given


COMMANDS = (encode, decode, reconstruct, sample, interpolate)
EXAMPLES = {
    "encode": """Examples:

$ isthmus encode model new.csv --to codes.csv

$ isthmus encode model new.csv --to codes.parquet --drop name

$ isthmus encode text-model lines.txt --to codes.parquet

$ cat new.csv | isthmus encode model - --to - > codes.csv""",
    "decode": """Examples:

$ isthmus decode model codes.csv --to rows.csv

$ cat codes.csv | isthmus decode model - --to - > rows.csv

$ isthmus decode photo-model photo-codes.csv --to pictures/""",
    "reconstruct": """Examples:

$ isthmus reconstruct model new.csv --to rows.parquet

$ isthmus reconstruct photo-model photos/ --to reconstructed/ --size 16x16

$ isthmus reconstruct text-model lines.txt --to again.txt

$ cat lines.txt | isthmus reconstruct text-model - --to - > again.txt""",
    "sample": """Examples:

$ isthmus sample model -n 1000 --to made.csv

$ isthmus fit people.csv --to model --drop name --objective "variational(condition=age)"

$ isthmus sample model -n 1000 --condition age=40 --to made.csv

$ isthmus sample photo-model -n 10 --random-state 0 --to made/

$ isthmus sample photo-model -n 64 --density mixture --to grid.png

$ isthmus sample photo-model -n 16 --condition label=more --to more.png

$ isthmus sample text-model -n 5 --to made.txt""",
    "interpolate": """Examples:

$ isthmus interpolate photo-model photos/photo02.png photos/photo04.png --to between.png

$ isthmus interpolate photo-model photos/photo02.png photos/photo04.png --steps 5 --path spherical --to steps/

$ isthmus interpolate text-model one.txt other.txt --to way.txt""",
}


def _finish(to: str, result: Result, what: str) -> None:
    """Write the result and say where it lies; standard output gets nothing but the result."""
    write_rows(to, result)
    if to == STANDARD_OUTPUT:
        return
    n = len(result.values)
    say(f"{n:,} {what if n != 1 else what.removesuffix('s')} written to {to}.")
    if ending_of(to) == ".npy" and result.beside():
        say(f"A .npy file has no place for {', '.join(result.beside())}: .npz, .csv and the others do.")
