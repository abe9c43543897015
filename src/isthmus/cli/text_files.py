"""Writing texts and events: a text a line, or a JSON value a line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from isthmus.exceptions import DataError, ParameterError

#: Kinds of data whose rows are tokens, and what standard output, which has no ending, is written as.
TEXT, EVENTS = "text", "events"
STANDARD = {TEXT: ".txt", EVENTS: ".jsonl"}


def text_bytes(values: list[Any]) -> bytes:
    """Write a text a line; one with a line break of its own is refused."""
    for row, text in enumerate(values):
        if "\n" in text or "\r" in text:
            raise DataError(
                f"Row {row} (counted from 0) of the result holds a line break, which a file of a text a line cannot. "
                "Write a .jsonl file."
            )
    return "".join(f"{text}\n" for text in values).encode()


def json_bytes(values: list[Any]) -> bytes:
    """Write a JSON value a line: a text, or a list of whole numbers."""
    plain = (value if isinstance(value, str) else value.tolist() for value in values)
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in plain).encode()


#: Formats of texts and events alone, by ending.
TEXT_FORMATS: dict[str, Callable[[list[Any]], bytes]] = {".txt": text_bytes, ".jsonl": json_bytes}
#: Endings that rows of each kind can be written under.
ENDINGS = {
    TEXT: (".txt", ".jsonl", ".csv", ".parquet", ".feather"),
    EVENTS: (".jsonl", ".parquet", ".feather"),
}


def check_texts(to: str, ending: str, kind: str) -> bool:
    """Refuse an ending that does not go with the kind of a model; give whether its rows are tokens.

    Raises
    ------
    ParameterError
    """
    if kind not in ENDINGS:
        if ending in TEXT_FORMATS:
            raise ParameterError(
                f"--to {to}: {ending} means a file of texts, but this model is of the kind {kind!r}. Give a name that "
                "ends in .csv, .parquet, .feather, .npy or .npz."
            )
        return False
    if to != "-" and ending not in ENDINGS[kind]:
        raise ParameterError(
            f"--to {to}: this model is of the kind {kind!r}. Give a name that ends in {', '.join(ENDINGS[kind])}."
        )
    return True
