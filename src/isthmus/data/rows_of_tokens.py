"""Lists, arrays and Series of texts, and lists of events, to a `Raw`; what is neither is refused by its row."""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus.data.checks import refuse_empty, shorten
from isthmus.data.pictures import endings
from isthmus.data.raw import Raw
from isthmus.data.sound_files import FORMATS
from isthmus.exceptions import DataError

TEXT, EVENTS = "text", "events"


def as_tokens(X: Any, kind: str) -> Raw | None:
    """Take X as texts or events, where these are asked for or (texts alone) are what it holds; else None."""
    if kind not in ("auto", TEXT, EVENTS) or isinstance(X, Raw):
        return None
    container, items, index, labels = _items(X)
    if items is None:
        if kind == "auto":
            return None
        raise DataError(
            f"kind={kind!r} needs a list, a 1-D array or a column of {'texts' if kind == TEXT else 'lists'}, but "
            f"{shorten(X)} ({type(X).__name__}) was given."
        )
    if kind == "auto" and not any(isinstance(item, str) for item in items):
        return None
    if kind == "auto":
        _refuse_names(items)
    origin = f"the {'list' if container == 'list' else 'array' if container == 'numpy' else 'column'} given"
    raw = from_items(items, EVENTS if kind == EVENTS else TEXT, origin, container)
    return Raw(raw.values, raw.kind, container=container, index=index, origin=origin, labels=labels)


def _refuse_names(items: list[Any]) -> None:
    """Refuse names of files, which were hardly meant as texts themselves."""
    for what, ends, remedy in (
        ("pictures", endings(), "Read the folder"),
        ("sounds", tuple(FORMATS), "The first is not there: correct its path"),
    ):
        if all(isinstance(item, str) and item.lower().endswith(ends) for item in items):
            raise DataError(
                f"All strings given look like names of {what}, such as {shorten(items[0])}. {remedy}, or give "
                "kind='text' where they are texts."
            )


def from_items(items: list[Any], kind: str, origin: str, container: str = "list") -> Raw:
    """Take a list of texts or of events."""
    refuse_empty((len(items),), origin)
    values = np.empty(len(items), dtype=object)
    take = {TEXT: _text, EVENTS: _events}[kind]
    for row, item in enumerate(items):
        values[row] = take(item, row, origin)
    return Raw(values, kind, container=container, origin=origin)


def _items(X: Any) -> tuple[str, list[Any] | None, Any, tuple[int | str, ...] | None]:
    """Give the container, the items, the row labels and the name of what may be a column."""
    if isinstance(X, (list, tuple)):
        return "list", list(X), None, None
    if isinstance(X, np.ndarray):
        of_objects = X.dtype.kind in "OUT" and X.ndim == 1
        return "numpy", X.tolist() if of_objects or (X.ndim == 2 and X.dtype.kind in "iu") else None, None, None
    if type(X).__module__.split(".")[0] == "pandas" and hasattr(X, "to_list") and hasattr(X, "index"):
        name = X.name
        return "pandas", X.to_list(), X.index, (name,) if isinstance(name, (int, str)) else None
    if hasattr(X, "to_list") and not hasattr(X, "columns") and getattr(X, "ndim", 1) == 1:
        return "list", X.to_list(), None, None
    return "", None, None, None


def _text(item: Any, row: int, origin: str) -> str:
    if isinstance(item, str):
        return str(item)
    where = f"Row {row} (counted from 0) of {origin}"
    if item is None or type(item).__name__ == "NAType" or item != item:
        raise DataError(f"{where} is missing ({shorten(item)}). Drop it, or write '' where there is no text.")
    if isinstance(item, (bytes, bytearray)):
        raise DataError(f"{where} holds bytes, {shorten(item)}. Give text: item.decode('utf-8').")
    raise DataError(f"{where} is no text: {shorten(item)} ({type(item).__name__}). Give str(item), or drop it.")


def _events(item: Any, row: int, origin: str) -> np.ndarray:
    if item is None or isinstance(item, (str, bytes)) or not hasattr(item, "__len__"):
        raise DataError(
            f"Row {row} (counted from 0) of {origin} is no list of whole numbers: {shorten(item)} "
            f"({type(item).__name__}). Give a list such as [3, 17, 3]."
        )
    try:
        found = np.asarray(item) if len(item) else np.zeros(0, np.int64)
    except ValueError:
        found = np.zeros(1, dtype=object)
    if found.ndim != 1 or found.dtype.kind not in "iu" or (found.dtype == np.uint64 and (found > 2**62).any()):
        raise DataError(
            f"Row {row} (counted from 0) of {origin} is {shorten(item)}; expected a list of whole numbers such as "
            "[3, 17, 3]. Numbers that are no events are sequences: kind='sequence'."
        )
    return found.astype(np.int64)


def as_bytes(values: np.ndarray) -> np.ndarray:
    """Give rows of tokens as bytes that differ where the rows do: a uint8 ndarray."""
    told = "\n".join(repr(value if isinstance(value, str) else value.tolist()) for value in values)
    return np.frombuffer(told.encode(), np.uint8)
