"""Files of texts: one a line, or one JSON value a line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from isthmus.data.checks import shorten
from isthmus.data.raw import Raw
from isthmus.data.rows_of_tokens import EVENTS, TEXT, from_items
from isthmus.exceptions import DataError

#: Key of the text in a line that is an object.
KEY = "text"


def read_text(path: Path, kind: str = "auto") -> Raw:
    """Read a .txt file: each line is a text."""
    return from_items(lines_of(path), TEXT, str(path))


def read_json_lines(path: Path, kind: str = "auto") -> Raw:
    """Read a .jsonl file: each line is a text, an object with one, or a list of whole numbers."""
    items = []
    for number, line in enumerate(lines_of(path), start=1):
        try:
            item = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: this is no JSON ({error}). Give one value a line.") from error
        if isinstance(item, dict):
            if KEY not in item:
                raise DataError(
                    f"{path}, line {number}: the object has no {KEY!r} ({shorten(list(item))}). Give each line its "
                    f'text as "{KEY}".'
                )
            item = item[KEY]
        items.append(item)
    lists = bool(items) and all(isinstance(item, list) for item in items)
    return from_items(items, EVENTS if lists and kind in ("auto", EVENTS) else TEXT, str(path))


def read_standard_input() -> Raw:
    """Read a text a line from standard input."""
    data = sys.stdin.buffer.read()
    if not data:
        raise DataError("Standard input is empty: there are no texts.")
    return from_items(_split(data, "standard input"), TEXT, "standard input")


def lines_of(path: Path) -> list[str]:
    """Lines of a file in UTF-8, without what ends them."""
    return _split(path.read_bytes(), str(path))


def _split(data: bytes, path: str) -> list[str]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path}, line {number}: byte {error.object[error.start]:#04x} is no UTF-8. Convert the file, for example "
            "by iconv -f latin1 -t utf-8."
        ) from error
    lines = text.removesuffix("\n").split("\n")
    return [line.removesuffix("\r") for line in lines]
