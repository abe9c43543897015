"""Some columns of a file, without the others: interactions come in files far larger than what is needed of them."""

from __future__ import annotations

import io
import os
import re
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv, feather, ipc, parquet

from isthmus.data.ids import as_numbers_where_plain
from isthmus.data.paths import existing
from isthmus.data.readers.delimited import BLOCK, MISSING, SEPARATORS
from isthmus.exceptions import DataError

#: Bytes of a text file that are looked at for its line of names.
HEAD = 1 << 20


@dataclass(frozen=True)
class Source:
    """A file of which the names of the columns are known.

    Parameters
    ----------
    origin : str
        What messages call it.
    names : list of str
    read : callable
        Gives a pyarrow.Table of some columns, the first list, of which the second list are ids.
    text : bool, default=False
        Whether ids stand there as texts, also those that are whole numbers.
    """

    origin: str
    names: list[str]
    read: Callable[[list[str], list[str]], pa.Table]
    text: bool = False


def names_in(source: str | os.PathLike[str]) -> Source:
    """Open a file, and give the names of its columns.

    Raises
    ------
    DataError
        If it is not there, empty, damaged, or of a format that is not known.
    """
    if str(source) == "-":
        content = sys.stdin.buffer.read()
        return _delimited("standard input", lambda: pa.BufferReader(content))
    path = existing(source)
    name = path.name.lower()
    for endings, opened in _READERS.items():
        if name.endswith(endings) and path.is_file():
            if path.stat().st_size == 0:
                raise DataError(f"{path} is empty (0 bytes).")
            return _guarded(path, partial(opened, path))
    known = ", ".join(ending for endings in _READERS for ending in endings)
    raise DataError(f"Interactions cannot be read from {path}; expected a file whose name ends in one of {known}.")


def read_few(source: Source, names: list[str], ids: list[str]) -> dict[str, pa.ChunkedArray]:
    """Read columns; of a text file, ids are whole numbers where all are written as such, and texts otherwise.

    Parameters
    ----------
    source : Source
    names, ids : list of str
        Columns to read, and those among them that hold ids.
    """
    table = _guarded(source.origin, lambda: source.read(names, ids))
    return {name: table.column(name) for name in names}


def _guarded(path: Any, act: Callable[[], Any]) -> Any:
    """Say which file could not be read."""
    try:
        return act()
    except DataError:
        raise
    except (OSError, EOFError, zlib.error, pa.ArrowException, UnicodeDecodeError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise DataError(f"{path} cannot be read: it is damaged, cut off or of another format ({said}).") from error


# Text ------------------------------------------------------------------------------------------------------


def _open_delimited(path: Path) -> Source:
    packed = "gzip" if path.suffix.lower() == ".gz" else None
    return _delimited(str(path), lambda: pa.input_stream(str(path), compression=packed))


def _delimited(origin: str, opened: Callable[[], Any]) -> Source:
    with opened() as stream:
        head = stream.read(HEAD)
    if not head.strip():
        raise DataError(f"{origin} is empty: there is no line of column names and there are no rows.")
    if b"\0" in head[:4096]:
        raise DataError(f"{origin} is no text: it holds zero bytes. Save it as CSV in UTF-8.")
    head = head.removeprefix(b"\xef\xbb\xbf")  # the mark that spreadsheets put before UTF-8
    heading = head.split(b"\n", 1)[0].decode("utf-8", errors="replace")
    separator = max(SEPARATORS, key=re.sub('"[^"]*"', "", heading).count)
    parse = csv.ParseOptions(delimiter=separator, newlines_in_values=b'"' in head)
    first = csv.read_csv(io.BytesIO(heading.rstrip("\r").encode() + b"\n"), parse_options=parse)
    names = list(first.column_names)
    numbers = [name for name in names if re.fullmatch(r"\s*-?\d+(\.\d*)?\s*", name)]
    if numbers:
        raise DataError(
            f"The first line of {origin} must hold the names of the columns, but it is {heading[:80]!r}. Put a line "
            "of names before it, such as user,item,rating."
        )
    if len(set(names)) < len(names):
        raise DataError(f"{origin} has more than one column of the same name. Rename them.")

    def read(wanted: list[str], ids: list[str]) -> pa.Table:
        # Ids as texts: of a number, the zeros before it would be lost.
        types = dict.fromkeys(ids, pa.dictionary(pa.int32(), pa.string()))
        convert = csv.ConvertOptions(
            include_columns=wanted, column_types=types, null_values=MISSING, strings_can_be_null=True
        )
        with opened() as stream:
            # One thread: those that Arrow leaves running can abort a process that ends.
            options = csv.ReadOptions(use_threads=False, block_size=BLOCK)
            table = csv.read_csv(stream, read_options=options, parse_options=parse, convert_options=convert)
        table = table.unify_dictionaries()
        for name in ids:
            column = _as_numbers_where_plain(table.column(name))
            table = table.set_column(table.column_names.index(name), name, column)
        return table

    return Source(origin, names, read, text=True)


def _as_numbers_where_plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    chunks = [chunk for chunk in column.chunks if len(chunk)]
    texts = chunks[0].dictionary.to_pylist() if chunks else []
    if None in texts or not texts:
        return column
    names = as_numbers_where_plain(np.array(texts, dtype=object))
    if names.dtype == object:
        return column
    numbers = pa.array(names)
    return pa.chunked_array([pa.DictionaryArray.from_arrays(chunk.indices, numbers) for chunk in chunks])


# Columns ---------------------------------------------------------------------------------------------------


def _open_parquet(path: Path) -> Source:
    with parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
    texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]

    def read(wanted: list[str], ids: list[str]) -> pa.Table:
        with parquet.ParquetFile(path, read_dictionary=[name for name in ids if name in texts]) as file:
            return file.read(columns=wanted, use_threads=False)

    return Source(str(path), list(schema.names), read)


def _open_feather(path: Path) -> Source:
    with path.open("rb") as file:
        stream = not file.read(6).startswith((b"ARROW1", b"FEA1"))
    if stream:
        with pa.OSFile(str(path)) as source:
            names = ipc.open_stream(source).schema.names

        def read(wanted: list[str], ids: list[str]) -> pa.Table:
            with pa.OSFile(str(path)) as source:
                return ipc.open_stream(source).read_all().select(wanted)

        return Source(str(path), list(names), read)
    with pa.OSFile(str(path)) as source:
        names = ipc.open_file(source).schema.names
    return Source(
        str(path), list(names), lambda wanted, ids: feather.read_table(str(path), columns=wanted, use_threads=False)
    )


_READERS: dict[tuple[str, ...], Callable[[Path], Source]] = {
    (".csv", ".csv.gz", ".tsv", ".tsv.gz"): _open_delimited,
    (".parquet",): _open_parquet,
    (".feather", ".arrow"): _open_feather,
}
