"""Names of the items of a database: whole numbers or words, each once."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from isthmus.data import Raw
from isthmus.data.checks import shorten
from isthmus.exceptions import DataError

#: Largest id that is a number.
LARGEST = 2**63 - 1


def named(ids: Any, raw: Raw, taken: np.ndarray | None = None, following: int = 0) -> np.ndarray:
    """Give the names of new items.

    Parameters
    ----------
    ids : sequence of int or str, or None
        None: file names where the rows have them, else numbers from `following` on.
    raw : Raw
        The items.
    taken : ndarray, optional
        Names of the items that are there already.
    following : int, default=0
        First number that was never given.

    Returns
    -------
    ndarray of int64 or of objects that are str, of shape (n,)

    Raises
    ------
    DataError
        If the names are of another number than the items, neither whole numbers nor words, or not each of its own.
    """
    if ids is None and raw.row_names is not None and (taken is None or taken.dtype == object):
        ids = list(raw.row_names)
    if ids is None:
        if taken is not None and taken.dtype == object:
            raise DataError(
                f"The items of the database have names, such as {shorten(taken[0])}, but those of {raw.origin} have "
                "none. Give ids=, one for each."
            )
        if following + len(raw) - 1 > LARGEST:
            raise DataError(f"No whole number of 64 bits follows {LARGEST}, an id that was given. Give ids=.")
        return np.arange(following, following + len(raw), dtype=np.int64)
    names = checked(ids)
    if len(names) != len(raw):
        raise DataError(f"ids= has {len(names):,} entries, but {raw.origin} has {len(raw):,} items. Give one for each.")
    if taken is not None and names.dtype != taken.dtype:
        kinds = {True: "words", False: "whole numbers"}
        raise DataError(
            f"ids= are {kinds[names.dtype == object]}, but those of the database are {kinds[taken.dtype == object]}, "
            f"such as {shorten(taken[0])}. Give names of one kind."
        )
    values, times = np.unique(names, return_counts=True)
    if (times > 1).any():
        twice = values[times > 1]
        raise DataError(
            f"ids= has {len(twice):,} names more than once, such as {shorten(twice[0])}. Give each item its own."
        )
    if taken is not None:
        there = names[np.isin(names, taken)]
        if len(there):
            raise DataError(
                f"{len(there):,} of the ids are in the database already, such as {shorten(there[0])}. Remove these "
                "items first, or give others."
            )
    return names


def checked(ids: Any) -> np.ndarray:
    """Take names as an array of whole numbers, or of words."""
    if isinstance(ids, (str, bytes)) or not hasattr(ids, "__len__"):
        raise DataError(f"ids={ids!r:.80} is no list of names. Give a list of whole numbers, or of words.")
    given = ids.tolist() if hasattr(ids, "tolist") else list(ids)
    if all(isinstance(value, str) for value in given) and len(given):
        return np.array(given, dtype=object)
    if all(isinstance(value, (int, np.integer)) and not isinstance(value, bool) for value in given):
        wide = next((value for value in given if not -LARGEST - 1 <= value <= LARGEST), None)
        if wide is not None:
            raise DataError(f"ids= holds {wide}, which 64 bits cannot hold. Give such names as words: str({wide}).")
        return np.array(given, dtype=np.int64)
    other = next(value for value in given if not isinstance(value, str))
    raise DataError(f"ids= holds {other!r:.80}; expected whole numbers alone, or words alone.")


def places(ids: Any, taken: np.ndarray) -> np.ndarray:
    """Give the positions of names; refuse what is not there."""
    names = checked([ids] if isinstance(ids, (str, int, np.integer)) else ids)
    known = {name: i for i, name in enumerate(taken.tolist())}
    unknown = [name for name in names.tolist() if name not in known]
    if unknown:
        raise DataError(
            f"{len(unknown):,} of the ids are not in the database, such as {shorten(unknown[0])}; it has "
            f"{len(taken):,}, such as {shorten(taken[0])}."
        )
    return np.array([known[name] for name in names.tolist()], dtype=np.int64)


def as_numbers(names: np.ndarray) -> np.ndarray:
    """Give names as an array of numbers: words as the bytes of a JSON list."""
    if names.dtype != object:
        return names
    return np.frombuffer(json.dumps(names.tolist()).encode(), dtype=np.uint8).copy()


def from_numbers(numbers: np.ndarray) -> np.ndarray:
    """Take names from what `as_numbers` gave."""
    if numbers.dtype != np.uint8:
        return numbers
    return np.array(json.loads(numbers.tobytes().decode()), dtype=object)
