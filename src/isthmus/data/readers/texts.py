"""Files of texts: one on a line, or one in a column of a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from isthmus.data.checks import shorten
from isthmus.data.frames import Asked, Names
from isthmus.data.raw import Raw
from isthmus.data.readers.columnar import from_table
from isthmus.data.readers.lines import lines_of
from isthmus.data.texts import from_texts
from isthmus.exceptions import DataError, ParameterError

#: Files with one text on a line, and with one JSON object on a line.
LINES, OBJECTS = (".txt",), (".jsonl", ".ndjson")


def read_texts(path: Path, columns: Names, drop: Names, tables: Mapping[str, Callable[[Path, Asked], Raw]]) -> Raw:
    """Read texts, one a line of .txt, or one a row of a table or of .jsonl.

    Parameters
    ----------
    path : Path
    columns : str or sequence of one str, optional
        Column that holds the texts; the only one by default.
    drop : str or sequence of str, optional
        Columns that do not; all others are set aside anyway.
    tables : mapping of str to callable
        Readers of tables, by ending.
    """
    name = path.name.lower()
    if name.endswith(LINES):
        if columns or drop:
            raise ParameterError(f"columns= and drop= name columns, but {path} has one text a line. Leave them out.")
        return from_texts(_texts_of(path), str(path))
    reader = _read_objects if name.endswith(OBJECTS) else next((r for e, r in tables.items() if name.endswith(e)), None)
    if reader is None:
        raise DataError(f"Cannot read texts from {path}. Known are {', '.join((*LINES, *OBJECTS, *tables))}.")
    # All columns are set aside, so that none is taken for numbers or categories.
    extra = dict(reader(path, Asked(columns=())).extra)
    wanted, others = _named(columns), _named(drop)
    unknown = next((name for name in wanted + others if name not in extra), None)
    if unknown is not None:
        raise DataError(f"{path} has no column {unknown!r}; it has {', '.join(map(repr, extra))}.")
    left = wanted or [name for name in extra if name not in others]
    if len(left) != 1:
        raise ParameterError(
            f"Texts stand in one column, but {path} has {', '.join(map(repr, left))}: name the one that holds them, "
            "columns=['...'] (--columns on the command line)."
        )
    return from_texts(extra.pop(left[0]), f"column {left[0]!r} of {path}", left[0], extra)


def _named(names: Names) -> list[str]:
    return [names] if isinstance(names, str) else list(names or ())


def _texts_of(path: Path) -> list[str]:
    """Lines of a text file; empty ones at its end are no texts."""
    lines = lines_of(path)
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def _read_objects(path: Path, asked: Asked) -> Raw:
    """Read one JSON object a line: its keys are the columns."""
    items: list[dict[str, Any]] = []
    for i, line in enumerate(_texts_of(path), 1):
        try:
            item = json.loads(line)
        except ValueError as error:
            raise DataError(f"Line {i} of {path} is no JSON: {error}.") from error
        if not isinstance(item, dict):
            raise DataError(f"Line {i} of {path} is no JSON object, but {shorten(item)}.")
        items.append(
            {key: value if value is None or isinstance(value, str) else str(value) for key, value in item.items()}
        )
    names = list(dict.fromkeys(key for item in items for key in item))
    return from_table(pa.table({name: [item.get(name) for item in items] for name in names}), str(path), asked)
