"""Parquet, Feather and Arrow files, and what all tables read from files have in common."""

from __future__ import annotations

from pathlib import Path

import narwhals as nw
import pyarrow as pa
from pyarrow import feather, ipc, parquet

from isthmus.data.checks import refuse_empty
from isthmus.data.frames import Asked, from_frame, refuse_duplicates
from isthmus.data.raw import Raw
from isthmus.exceptions import DataError


def read_parquet(path: Path, asked: Asked | None = None) -> Raw:
    """Read a Parquet file."""
    try:
        with parquet.ParquetFile(path) as file:
            table = file.read()
    except PermissionError:
        raise  # the file may be sound
    except (pa.ArrowException, OSError, EOFError) as error:
        raise _damaged(path, "Parquet", error) from error
    return _without_pandas_index(table, str(path), asked)


def read_feather(path: Path, asked: Asked | None = None) -> Raw:
    """Read a Feather or Arrow file, or an Arrow stream."""
    try:
        with path.open("rb") as file:
            stream = not file.read(6).startswith((b"ARROW1", b"FEA1"))
        if stream:
            with pa.OSFile(str(path)) as source:
                table = ipc.open_stream(source).read_all()
        else:
            table = feather.read_table(str(path), memory_map=False)
    except PermissionError:
        raise  # the file may be sound
    except (pa.ArrowException, OSError, EOFError) as error:
        raise _damaged(path, "Feather or Arrow", error) from error
    return _without_pandas_index(table, str(path), asked)


def from_table(table: pa.Table, origin: str, asked: Asked | None = None) -> Raw:
    """Take an Arrow table read from a file."""
    refuse_duplicates(table.column_names, origin)
    refuse_empty((table.num_rows, 1), origin)
    return from_frame(nw.from_native(table, eager_only=True), origin, asked)


def _without_pandas_index(table: pa.Table, origin: str, asked: Asked | None) -> Raw:
    """Set aside the columns in which pandas keeps its row labels: they are no measurements."""
    said = (table.schema.pandas_metadata or {}).get("index_columns", [])
    index = [name for name in said if isinstance(name, str) and name in table.column_names]
    asked = Asked() if asked is None else asked
    index = [name for name in index if name not in asked.named]
    if index:
        asked = asked.without(index)
    return from_table(table, origin, asked)


def _damaged(path: Path, form: str, error: Exception) -> DataError:
    """Say that a file is no sound file of its format."""
    said = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return DataError(f"{path} is no sound {form} file: it is damaged, cut off or of another format ({said}).")
