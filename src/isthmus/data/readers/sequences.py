"""A folder of recordings, one sequence a file, and archives of padded sequences with their lengths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from isthmus.data.lists_of_sequences import from_sequences
from isthmus.data.raw import Raw
from isthmus.exceptions import DataError

#: Array of an archive that says how many steps each sequence has.
LENGTHS = "lengths"


def recordings_in(folder: Path, endings: tuple[str, ...], others: tuple[str, ...]) -> list[Path]:
    """Files of a folder that hold a table or an array each, in the order of their names.

    None where it, or a subfolder, has files of the `others` endings: a table beside pictures is about them.
    """
    if any(path.name.lower().endswith(others) for path in folder.rglob("*")):
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name.lower().endswith(endings))


def read_recordings(folder: Path, files: list[Path], read_one: Callable[[Path], Raw]) -> Raw:
    """Read one sequence a file: rows are time steps, columns channels.

    Raises
    ------
    DataError
        Where files have other columns than the first, or none of them numbers.
    """
    raws = [read_one(path) for path in files]
    first = raws[0]
    for path, raw in zip(files, raws, strict=True):
        if raw.schema.is_mixed or raw.values.ndim != 2:
            raise DataError(
                f"{path} is no table of numbers, time steps down and channels across. Leave out its columns of text or "
                "dates with --drop."
            )
        if raw.names != first.names:
            raise DataError(f"{path} has the columns {raw.names}, but {files[0]} has {first.names}.")
    found = from_sequences([np.asarray(raw.values) for raw in raws], str(folder))
    names = tuple(path.name for path in files)
    if len(set(found.lengths if found.lengths is not None else ())) == 1:
        found = replace(found, lengths=None)
    return replace(found, row_names=names)


def with_lengths(raw: Raw, path: Path) -> Raw:
    """Take the array "lengths" of an archive for what it says: steps of each sequence, after which there is padding.

    Raises
    ------
    DataError
        Where a length is no whole number from 1 up to the steps of the array.
    """
    lengths = raw.extra.get(LENGTHS)
    if lengths is None or raw.values.ndim not in (2, 3) or lengths.dtype.kind not in "iu":
        return raw
    steps = raw.values.shape[1]
    bad = np.flatnonzero((lengths < 1) | (lengths > steps))
    if len(bad):
        raise DataError(
            f"{path}: the array {LENGTHS!r} says {lengths[bad[0]]} steps of sequence {bad[0]} (counted from 0), but "
            f"X has from 1 to {steps}."
        )
    values = raw.values if raw.values.dtype.kind == "f" else raw.values.astype(np.float64)
    values = np.array(values.reshape(*values.shape[:2], -1))
    values[np.arange(steps) >= lengths[:, None]] = np.nan
    extra = {name: column for name, column in raw.extra.items() if name != LENGTHS}
    return replace(raw, values=values, kind="sequence", flat=raw.values.ndim == 2, lengths=lengths, extra=extra)
