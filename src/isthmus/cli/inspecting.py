"""`isthmus inspect`: what the columns of a file are taken for."""

# ruff: noqa: PLC0415 - all of these bring torch, which is imported once a command runs

from __future__ import annotations

import json
import sys

from isthmus.cli import options as o
from isthmus.cli.console import say
from isthmus.cli.reading import Selection
from isthmus.cli.writing import STANDARD_OUTPUT, check_file
from isthmus.exceptions import DataError


def inspect(
    source: o.Source,
    *,
    columns: o.Columns = None,
    drop: o.Drop = None,
    schema: o.Schema = None,
    to: o.ToSchema = STANDARD_OUTPUT,
    debug: o.Debug = False,
) -> None:
    """Show what the columns of SOURCE are taken for, as a schema that can be corrected and given to --schema."""
    if to != STANDARD_OUTPUT:
        check_file(to, (".json",), source)
    from isthmus.data import describe_columns
    from isthmus.storage.atomic import write_bytes

    raw = Selection(columns, drop, None, schema).read(source)
    if raw.kind != "table":
        raise DataError(f"{raw.origin} is of kind {raw.kind!r}: only tables have columns to be inspected.")
    found = describe_columns(raw)
    lines = (f"    {json.dumps(name)}: {json.dumps(about, ensure_ascii=False)}" for name, about in found.items())
    text = '{\n  "columns": {\n' + ",\n".join(lines) + "\n  }\n}\n"
    if to == STANDARD_OUTPUT:
        sys.stdout.write(text)
    else:
        write_bytes(to, text.encode())
    for name, about in found.items():
        if "remark" in about:
            say(f"Column {name!r} {about['remark']}: it is to be set aside.")


COMMANDS = (inspect,)
EXAMPLES = {
    "inspect": """Examples:

$ isthmus inspect people.csv

$ isthmus inspect people.csv --to schema.json

$ isthmus fit people.csv --schema schema.json --to model""",
}
