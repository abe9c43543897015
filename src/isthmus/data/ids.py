"""Names of users and items: whole numbers or texts, kept as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isthmus.data.checks import shorten
from isthmus.exceptions import DataError


def as_ids(ids: Any, origin: str) -> np.ndarray:
    """Take names as an array: int64, or objects that are str.

    Parameters
    ----------
    ids : sequence of int or str
    origin : str
        What messages call them.

    Raises
    ------
    DataError
        If one is missing, or they are neither whole numbers alone nor texts alone.
    """
    if isinstance(ids, np.ndarray) and ids.dtype == np.int64 and ids.ndim == 1:
        return ids
    if isinstance(ids, (str, bytes)) or not hasattr(ids, "__len__"):
        raise DataError(f"{origin} is {ids!r:.80}; expected a list of names, each a whole number or a text.")
    given = ids.tolist() if hasattr(ids, "tolist") else list(ids)
    if not given:
        return np.empty(0, np.int64)
    try:
        column = pa.chunked_array([pa.array(given)])
    except (pa.ArrowException, TypeError, OverflowError):
        first = type(given[0])
        other = next((value for value in given if type(value) is not first), given[0])
        raise DataError(
            f"{origin} holds {shorten(given[0])} and {shorten(other)}; expected whole numbers alone, or texts alone."
        ) from None
    numbers, known = encoded(column, None, origin)
    return known[numbers]


def encoded(column: pa.ChunkedArray, name: Any, origin: str) -> tuple[np.ndarray, np.ndarray]:
    """Number the names in a column: positions (n,), int32, among the names, which are sorted.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        Whole numbers or texts, also as a dictionary; floats that are whole numbers are taken for these.
    name : str, optional
        Of the column, for messages.
    origin : str

    Returns
    -------
    numbers : int32 ndarray of shape (n,)
    names : ndarray of int64, or of str objects
    """
    where = origin if name is None else f"column {name!r} of {origin}"
    if column.null_count:
        at = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise DataError(f"There is no id (a missing value) at row {at} (counted from 0), {where}. Leave the row out.")
    if pa.types.is_nested(column.type):
        raise DataError(
            f"The ids in {where} are of type {column.type}, such as {shorten(column[0].as_py())}; expected whole "
            "numbers or texts. Give a row for each."
        )
    column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    column = column.unify_dictionaries()
    # Chunks of no rows may have dictionaries of their own.
    chunks = [chunk for chunk in column.chunks if len(chunk)]
    if not chunks:
        return np.empty(0, np.int32), np.empty(0, np.int64)
    numbers = np.concatenate([chunk.indices.to_numpy().astype(np.int32, copy=False) for chunk in chunks])
    names = _names(chunks[0].dictionary, where, numbers)
    known, at = np.unique(names, return_inverse=True)
    used = np.zeros(len(known), dtype=bool)
    used[at[numbers]] = True
    # A category that no row has is no user.
    places = np.cumsum(used) - 1
    return places[at].astype(np.int32)[numbers], known[used]


def _names(dictionary: pa.Array, where: str, numbers: np.ndarray) -> np.ndarray:
    """Give the names of a dictionary as int64, or as objects that are str."""
    kind = dictionary.type

    def row(bad: np.ndarray) -> int:
        return int(np.flatnonzero(np.isin(numbers, np.flatnonzero(bad)))[0])

    if dictionary.null_count:
        at = row(dictionary.is_null().to_numpy(zero_copy_only=False))
        raise DataError(f"There is no id (a missing value) at row {at} (counted from 0), {where}. Leave the row out.")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or "string_view" in str(kind):
        return np.array(dictionary.to_pylist(), dtype=object)
    if pa.types.is_integer(kind):
        values = dictionary.to_numpy(zero_copy_only=False)
        if kind == pa.uint64() and (values > np.iinfo(np.int64).max).any():
            raise DataError(f"An id in {where} is beyond 2**63 - 1. Give such ids as texts.")
        return values.astype(np.int64)
    if pa.types.is_floating(kind):
        values = dictionary.to_numpy(zero_copy_only=False).astype(np.float64)
        bad = ~np.isfinite(values) | (np.rint(values) != values) | (np.abs(values) > 2**53)
        if bad.any():
            what = "There is no id (NaN)" if np.isnan(values[bad]).all() else f"The id {values[bad][0]:g} stands"
            raise DataError(
                f"{what} at row {row(bad)} (counted from 0), {where}. Ids must be whole numbers or texts; give a text, "
                "or leave the row out."
            )
        return values.astype(np.int64)
    raise DataError(
        f"The ids in {where} are of type {kind}, such as {shorten(dictionary[0].as_py())}; expected whole numbers or "
        "texts. Write them as texts."
    )


def as_numbers_where_plain(names: np.ndarray) -> np.ndarray:
    """Give texts as whole numbers where all are written as such: "7", but not "007"."""
    plain = all(
        name.removeprefix("-").isdecimal() and name.isascii() and str(int(name)) == name and len(name) < 19
        for name in names.tolist()
    )
    return names.astype(np.int64) if plain and len(names) else names


def as_texts_like(names: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Give whole numbers that stand in a text file as texts, where those known are texts."""
    return names.astype(str).astype(object) if names.dtype != object and known.dtype == object else names


def refuse_unlike(asked: np.ndarray, known: np.ndarray, what: str) -> None:
    """Refuse texts for names that are known as whole numbers, and the other way round."""
    if len(asked) and (asked.dtype == object) != (known.dtype == object):
        kinds = {True: "texts", False: "whole numbers"}
        raise DataError(
            f"{what} are given as {kinds[asked.dtype == object]}, such as {shorten(asked[0])}, but the model knows "
            f"them as {kinds[known.dtype == object]}, such as {shorten(known[0])}. Give them as these."
        )


def positions(asked: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Find names among known ones: int64 (n,), -1 for what is not there.

    Parameters
    ----------
    asked, known : ndarray of int64, or of str objects
        Those known each once.
    """
    if (asked.dtype == object) != (known.dtype == object) or not len(asked) or not len(known):
        return np.full(len(asked), -1, np.int64)
    found = pc.call_function("index_in", [pa.array(asked)], pc.SetLookupOptions(value_set=pa.array(known)))
    return found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
