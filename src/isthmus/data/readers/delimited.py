"""CSV and TSV: a line of column names, then rows."""

from __future__ import annotations

import io
import re
import sys
import warnings
import zlib
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
from pyarrow import csv

from isthmus.data.frames import Asked
from isthmus.data.raw import Raw
from isthmus.data.readers.columnar import from_table
from isthmus.exceptions import DataError

#: What stands for a missing value in a file.
MISSING = ["", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "NULL", "null", "None", "<NA>", "#N/A"]
#: Separators tried, in this order where two are as frequent.
SEPARATORS = (",", ";", "\t", "|")
#: Bytes parsed at a time; a line must fit into one, and pictures written as lines are long.
BLOCK = 1 << 24


def read_delimited(path: Path, asked: Asked | None = None) -> Raw:
    """Read a CSV or TSV file, gzipped or not."""
    try:
        with pa.input_stream(str(path), compression="gzip" if path.suffix == ".gz" else None) as stream:
            content = stream.read()
    except PermissionError:
        raise  # the file may be sound
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read: it is damaged or cut off ({_first_line(error)}).") from error
    return parse(content, str(path), asked)


def read_stdin(asked: Asked | None = None, stream: BinaryIO | None = None) -> Raw:
    """Read CSV from standard input."""
    content = (stream or sys.stdin.buffer).read()
    return parse(content, "standard input", asked)


def parse(content: bytes, origin: str, asked: Asked | None = None) -> Raw:
    """Take the text of a CSV file."""
    content = content.removeprefix(b"\xef\xbb\xbf")  # the mark that spreadsheets put before UTF-8
    heading = _heading(content, origin)
    separator = max(SEPARATORS, key=re.sub('"[^"]*"', "", heading).count)
    try:
        table = _table(content, separator)
        names = list(table.column_names)
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{origin} is no table of rows of equal length, separated by {separator!r}: {_first_line(error)}"
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(f"The column names of {origin} are not UTF-8 text. Save the file as UTF-8.") from error
    _refuse_numbers_as_names(names, origin)
    asked = Asked() if asked is None else asked
    if names.count("") == 1 and asked.columns is None:
        # What pandas writes row numbers as; fitted, it would pass for a measurement.
        warnings.warn(
            f"{origin} has a column without a name, which looks like row numbers: it is set aside, not "
            "fitted. Give it a name to have it fitted.",
            stacklevel=5,
        )
        asked = asked.without([""])
    return from_table(table, origin, asked)


def _table(content: bytes, separator: str) -> pa.Table:
    """Parse the text of a CSV file, on one thread: those that Arrow leaves running can abort a process that ends."""
    return csv.read_csv(
        io.BytesIO(content),
        read_options=csv.ReadOptions(use_threads=False, block_size=BLOCK),
        parse_options=csv.ParseOptions(delimiter=separator, newlines_in_values=b'"' in content),
        convert_options=csv.ConvertOptions(null_values=MISSING, strings_can_be_null=True),
    )


def _heading(content: bytes, origin: str) -> str:
    """First line of a CSV, where there is one."""
    if not content.strip():
        raise DataError(f"{origin} is empty: there is no line of column names and there are no rows.")
    if b"\0" in content[:4096]:
        raise DataError(f"{origin} is no text: it holds zero bytes. Save it as CSV in UTF-8.")
    return content.lstrip().split(b"\n", 1)[0].decode("utf-8", errors="replace")


def _refuse_numbers_as_names(names: list[str], origin: str) -> None:
    """Refuse a first line that is a row of numbers: taken for names, that row would be lost in silence."""
    try:
        numbers = [float(name) for name in names]
    except ValueError:
        return
    ascending = all(a < b for a, b in pairwise(numbers))
    whole = all(name.strip().lstrip("-").isdigit() for name in names)
    if not (whole and ascending):  # 0, 1, 2 or 2019, 2020 do serve as names
        raise DataError(
            f"The first line of {origin} is a row of numbers "
            f"({', '.join(names[:4])}{', ...' * (len(names) > 4)}), but it must hold the names of the "
            "columns. Put a line of names before it."
        )


def _first_line(error: Exception) -> str:
    """First line of what a library says, cut to what fits a message."""
    text = (str(error).splitlines() or [type(error).__name__])[0]
    return text if len(text) < 200 else text[:197] + "..."
