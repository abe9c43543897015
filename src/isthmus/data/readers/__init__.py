"""Files and folders to `Raw`: one small function a format, found by the ending of the name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from isthmus.data.frames import Asked, Names
from isthmus.data.kinds import arrange, check_kind
from isthmus.data.paths import existing
from isthmus.data.pictures import Size, endings, parse_size
from isthmus.data.ratings import RATINGS
from isthmus.data.raw import Raw, Schema
from isthmus.data.readers.columnar import read_feather, read_parquet
from isthmus.data.readers.delimited import read_delimited, read_stdin
from isthmus.data.readers.folder import read_folder, read_picture
from isthmus.data.readers.idx import read_idx
from isthmus.data.readers.numpy_files import read_npy, read_npz
from isthmus.data.readers.sequences import read_recordings, recordings_in
from isthmus.data.readers.texts import JSON_LINES, LINES, read_standard_input, read_texts
from isthmus.data.rows_of_tokens import TEXT
from isthmus.data.sound_features import raw_of_sounds
from isthmus.data.sound_files import holds_sounds, is_sound_file
from isthmus.data.texts import BAG
from isthmus.exceptions import DataError, ParameterError

Table = Callable[[Path, Asked], Raw]
Array = Callable[[Path], Raw]

#: Readers of files with named columns, by ending.
TABLES: dict[str, Table] = {
    ".csv": read_delimited,
    ".csv.gz": read_delimited,
    ".tsv": read_delimited,
    ".tsv.gz": read_delimited,
    ".parquet": read_parquet,
    ".feather": read_feather,
    ".arrow": read_feather,
}
#: Readers of files that hold an array, by ending.
ARRAYS: dict[str, Array] = {
    ".npy": read_npy,
    ".npz": read_npz,
    ".idx": read_idx,
    ".idx.gz": read_idx,
    "-ubyte": read_idx,
    "-ubyte.gz": read_idx,
}
#: Endings of files that hold nothing but texts or lists of events.
TEXTS = (*LINES, *JSON_LINES)


def read(
    source: str | os.PathLike[str],
    *,
    kind: str = "auto",
    size: Size = None,
    skip_bad: bool = False,
    columns: Names = None,
    drop: Names = None,
    schema: Mapping[str, Any] | None = None,
    like: Schema | None = None,
) -> Raw:
    r"""Read a file, a folder of pictures or of sounds, or CSV from standard input.

    Parameters
    ----------
    source : str or path
        A CSV or TSV file with a line of column names (perhaps gzipped), Parquet, Feather or Arrow, .npy, .npz
        (the array named X or x, or the only one), .idx or .idx.gz (MNIST's format), .txt (a text a line), .jsonl (a
        JSON text a line, or an object with one, or a list of events), a picture or a sound, a folder of them
        (with its subfolders; sounds become patches, `sound_features`), a folder of tables or arrays (one sequence a
        file: rows are time steps), or "-" for CSV on standard input. No file can run code: pickled objects are refused.
    kind : {"auto", "vector", "table", "image", "sequence", "text", "events", "bag"}, default="auto"
        Kind of the data; by default files with columns are tables, and the others are taken by their shape.
        "text" and "bag": one text a line of .txt, or one in the column of a table or the key of .jsonl that `columns`
        names (by default the only one, else "text"); the others lie in `Raw.extra`.
    size : int or (int, int), optional
        Height and width to resize pictures to.
    skip_bad : bool, default=False
        Leave out pictures of a folder that are damaged or animated, with a warning that names them.
    columns, drop : str or sequence of str, optional
        Columns to keep, columns to set aside; those not kept lie in `Raw.extra`.
    schema : mapping, optional
        What columns are, where their values do not tell: see `as_raw`.
    like : Schema, optional
        Form of the rows that a model was fitted on: columns are taken for what they were there.

    Returns
    -------
    Raw

    Raises
    ------
    DataError
        Where there is no such file, it is empty, damaged or of another format, or a column cannot be taken.
    ParameterError
        Where a parameter is unknown or does not go with the source.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from isthmus.data import read
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text("age,height,name\n30,1.8,Ann\n41,NA,Bo\n")
    >>> raw = read(path, drop="name")
    >>> raw.names, raw.values.tolist(), raw.extra["name"].tolist()
    (('age', 'height'), [[30.0, 1.8], [41.0, nan]], ['Ann', 'Bo'])
    """
    check_kind(kind)
    if kind == RATINGS:
        raise ParameterError(
            "kind='ratings' is read by isthmus.data.as_interactions, or where it is used: Recommender().fit(path), "
            "Autoencoder(kind='ratings').fit(path)."
        )
    wanted, asked = parse_size(size), Asked(columns, drop, schema, None if like is None else like.columns)
    if str(source) == "-":
        _only_for_pictures(wanted, skip_bad, "standard input")
        return arrange(read_standard_input(kind) if kind in (TEXT, BAG) else read_stdin(asked), kind)
    path = existing(source)
    name = path.name.lower()
    if is_sound_file(name) or (path.is_dir() and holds_sounds(path)):
        _only_tables_have_columns(asked, path)
        _only_for_pictures(wanted, skip_bad, path.name)
        return arrange(raw_of_sounds(path), kind)
    if path.is_dir() and (files := recordings_in(path, (*TABLES, *ARRAYS), endings())):
        _only_for_pictures(wanted, skip_bad, str(path))
        return arrange(read_recordings(path, files, lambda file: _one_recording(file, asked)), kind)
    if path.is_dir() or name.endswith(endings()):
        _only_tables_have_columns(asked, path)
        raw = read_folder(path, wanted, skip_bad) if path.is_dir() else read_picture(path, wanted)
        return arrange(raw, kind)
    _only_for_pictures(wanted, skip_bad, path.name)
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty (0 bytes).")
    if kind in (TEXT, BAG) or name.endswith(TEXTS):
        if schema is not None:
            raise ParameterError("schema= says what columns are, but texts stand in one column. Leave it out.")
        return arrange(_guarded(partial(read_texts, path, kind, columns, drop, TABLES), path), kind)
    for ending, table in TABLES.items():
        if name.endswith(ending):
            return arrange(_guarded(partial(table, path, asked), path), kind)
    _only_tables_have_columns(asked, path)
    for ending, array in ARRAYS.items():
        if name.endswith(ending):
            return arrange(_guarded(partial(array, path), path), kind)
    known = ", ".join(("*" + ending if ending.startswith("-") else ending) for ending in (*TABLES, *ARRAYS, *TEXTS))
    raise DataError(f"Cannot tell the format of {path} by its ending. Known are {known}, pictures and folders of them.")


def _one_recording(path: Path, asked: Asked) -> Raw:
    """Read one file of a folder of recordings."""
    for ending, table in TABLES.items():
        if path.name.lower().endswith(ending):
            return _guarded(partial(table, path, asked), path)
    read_array = next(array for ending, array in ARRAYS.items() if path.name.lower().endswith(ending))
    return _guarded(partial(read_array, path), path)


def _guarded(act: Callable[[], Raw], path: Path) -> Raw:
    """Say which file the system could not read."""
    try:
        return act()
    except PermissionError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}. Change its permissions.") from error
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from error


def _only_for_pictures(size: tuple[int, int] | None, skip_bad: bool, name: str) -> None:
    """Refuse what is said of pictures for what holds none."""
    if size is not None:
        raise ParameterError(f"size= resizes pictures from files, but {name} is none. Leave it out.")
    if skip_bad:
        raise ParameterError(f"skip_bad= leaves out damaged pictures, but {name} is none. Leave it out.")


def _only_tables_have_columns(asked: Asked, path: Path) -> None:
    """Refuse names of columns for what has none."""
    if asked != Asked(like=asked.like):
        raise ParameterError(
            f"columns=, drop= and schema= name columns, but {path} has no columns with names. Leave them out."
        )
