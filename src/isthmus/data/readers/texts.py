"""Files of texts: one a line, one JSON value a line, or one in a column of a table."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.data.frames import Asked, Names
from isthmus.data.raw import Raw
from isthmus.data.rows_of_tokens import EVENTS, TEXT, from_items
from isthmus.data.texts import BAG, from_texts
from isthmus.exceptions import DataError, ParameterError

#: Files with one text on a line, and with one JSON value on a line.
LINES, JSON_LINES = (".txt",), (".jsonl", ".ndjson")
#: Key or column of the texts, where several could hold them and none is named.
KEY = "text"


def read_texts(
    path: Path, kind: str, columns: Names, drop: Names, tables: Mapping[str, Callable[[Path, Asked], Raw]]
) -> Raw:
    """Read texts, one a line of .txt, or one a row of a table or of .jsonl; or lists of events from .jsonl.

    Parameters
    ----------
    path : Path
    kind : {"auto", "text", "events", "bag"}
    columns : str or sequence of str, optional
        Column or key that holds the texts; by default the only one, else "text".
    drop : str or sequence of str, optional
        Columns that do not; all others are set aside anyway.
    tables : mapping of str to callable
        Readers of tables, by ending.
    """
    name = path.name.lower()
    if name.endswith(LINES):
        if columns or drop:
            raise ParameterError(f"columns= and drop= name columns, but {path} has one text a line. Leave them out.")
        return _as_kind(_lines_of(path), kind, str(path), KEY, {})
    if name.endswith(JSON_LINES):
        return _read_json_lines(path, kind, _named(columns), _named(drop))
    reader = next((reader for ending, reader in tables.items() if name.endswith(ending)), None)
    if reader is None:
        raise DataError(f"Cannot read texts from {path}. Known are {', '.join((*LINES, *JSON_LINES, *tables))}.")
    # All columns are set aside, so that none is taken for numbers or categories.
    extra = dict(reader(path, Asked(columns=())).extra)
    column = _column(list(extra), _named(columns), _named(drop), path)
    return _as_kind(extra.pop(column).tolist(), kind, f"column {column!r} of {path}", column, extra)


def read_standard_input(kind: str) -> Raw:
    """Read a text a line from standard input."""
    data = sys.stdin.buffer.read()
    if not data:
        raise DataError("Standard input is empty: there are no texts.")
    return _as_kind(_split(data, "standard input"), kind, "standard input", KEY, {})


def _read_json_lines(path: Path, kind: str, wanted: list[str], others: list[str]) -> Raw:
    """Read a JSON value a line: texts, objects that have one, or lists of events."""
    items: list[Any] = []
    for number, line in enumerate(_lines_of(path), start=1):
        try:
            items.append(json.loads(line))
        except ValueError as error:
            raise DataError(f"{path}, line {number}: this is no JSON ({error}). Give one value a line.") from error
    keys = list(dict.fromkeys(key for item in items if isinstance(item, dict) for key in item))
    if not keys:
        if wanted or others:
            raise ParameterError(f"columns= and drop= name keys, but {path} holds no objects. Leave them out.")
        lists = bool(items) and all(isinstance(item, list) for item in items)
        return _as_kind(items, EVENTS if lists and kind == "auto" else kind, str(path), KEY, {})
    if not wanted and not all(isinstance(item, dict) for item in items):
        wanted = [KEY]  # beside lines that are texts themselves
        keys = keys if KEY in keys else [*keys, KEY]
    key = _column(keys, wanted, others, path)
    texts, rest = [], []
    for number, item in enumerate(items, start=1):
        if isinstance(item, dict) and key not in item:
            raise DataError(
                f"{path}, line {number}: the object has no {key!r} ({', '.join(map(repr, item))}). Give each line its "
                f'text as "{key}".'
            )
        texts.append(item[key] if isinstance(item, dict) else item)
        rest.append(item if isinstance(item, dict) else {})
    extra = {name: np.array([_set_aside(item.get(name)) for item in rest], object) for name in keys if name != key}
    return _as_kind(texts, kind, str(path), key, extra)


def _as_kind(items: list[Any], kind: str, origin: str, name: str, extra: Mapping[str, np.ndarray]) -> Raw:
    """Take strings as a bag of words, as texts, or lists as events."""
    if kind == BAG:
        return from_texts(items, origin, name, extra)
    return replace(from_items(items, EVENTS if kind == EVENTS else TEXT, origin), extra=extra)


def _column(names: Sequence[str], wanted: list[str], others: list[str], path: Path) -> str:
    """Say which column holds the texts: the one named, the only one, or else the one called "text"."""
    unknown = next((name for name in wanted + others if name not in names), None)
    if unknown is not None:
        raise DataError(f"{path} has no column {unknown!r}; it has {', '.join(map(repr, names))}.")
    left = wanted or [name for name in names if name not in others]
    if len(left) != 1 and not wanted and KEY in left:
        left = [KEY]
    if len(left) != 1:
        raise ParameterError(
            f"Texts stand in one column, but {path} has {', '.join(map(repr, left))}: name the one that holds them, "
            "columns=['...'] (--columns on the command line)."
        )
    return left[0]


def _named(names: Names) -> list[str]:
    return [names] if isinstance(names, str) else list(names or ())


def _set_aside(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def _lines_of(path: Path) -> list[str]:
    """Lines of a file in UTF-8, without what ends them."""
    return _split(path.read_bytes(), str(path))


def _split(data: bytes, path: str) -> list[str]:
    """Give lines; empty ones at the end are none."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path}, line {number}: byte {error.object[error.start]:#04x} is no UTF-8. Convert the file, for example "
            "by iconv -f latin1 -t utf-8."
        ) from error
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    return lines
