"""A folder of pictures, its subfolders included, or a single picture."""

from __future__ import annotations

import os
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NoReturn

import numpy as np
from PIL import Image

from isthmus.data.pictures import FORMS, heading, refuse_frames, refuse_mixed, richest, to_array
from isthmus.data.raw import Raw
from isthmus.exceptions import DataError

#: What PIL raises for files that are no pictures, damaged, cut off or of an absurd size.
DAMAGED = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)


@cache
def endings() -> tuple[str, ...]:
    """Give the endings of the formats that PIL reads."""
    Image.init()
    return tuple(sorted(ending for ending, form in Image.registered_extensions().items() if form in Image.OPEN))


def read_folder(folder: Path, size: tuple[int, int] | None = None) -> Raw:
    """Read the pictures of a folder in the order of their names; the subfolder of each is set aside."""
    files = pictures_in(folder, endings())
    names = [file.relative_to(folder).as_posix() for file in files]
    raw_values = _load(files, names, size, str(folder))
    folders = np.array([name.rpartition("/")[0] for name in names], dtype=object)
    extra = {"folder": folders} if len(set(folders)) > 1 else {}
    return Raw(raw_values, kind="image", row_names=tuple(names), extra=extra, origin=str(folder))


def read_picture(file: Path, size: tuple[int, int] | None = None) -> Raw:
    """Read one picture, as a set of one."""
    values = _load([file], [file.name], size, str(file))
    return Raw(values, kind="image", row_names=(file.name,), origin=str(file))


def pictures_in(folder: Path, ends: tuple[str, ...]) -> list[Path]:
    """Files below a folder whose names end so, sorted; hidden ones are left out."""
    found: list[Path] = []
    others: Counter[str] = Counter()
    for place, subfolders, names in os.walk(folder, onerror=_unreadable):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in names:
            if name.startswith("."):
                continue
            if name.lower().endswith(ends):
                found.append(Path(place, name))
            else:
                others[Path(name).suffix or name] += 1
    if not found:
        there = ", ".join(f"{count} {ending}" for ending, count in others.most_common(5)) or "nothing"
        raise DataError(f"The folder {folder} has no pictures. It holds {there}. Pictures end in .png, .jpg, .tif, ...")
    return sorted(found)


def _unreadable(error: OSError) -> NoReturn:
    """Refuse a folder that the system does not let be read; `os.walk` would pass over it in silence."""
    raise DataError(f"Cannot read the folder {error.filename}: {error.strerror}.") from error


def _load(files: list[Path], names: list[str], size: tuple[int, int] | None, origin: str) -> np.ndarray:
    """Read files into one array: first all headings, so that nothing is read in vain, then the pixels."""
    headings = []
    for file in files:
        try:
            with Image.open(file) as picture:
                refuse_frames(picture)
                headings.append(heading(picture))
        except (*DAMAGED, DataError) as error:
            raise damaged(file, error) from error
    forms, sizes = zip(*headings, strict=True)
    if size is None:
        refuse_mixed(sizes, names, origin)
    form = richest(forms)
    dtype, channels = FORMS[form]
    sides = sizes[0] if size is None else size
    values = np.empty((len(files), *sides, *((channels,) if channels > 1 else ())), dtype=dtype)
    for i, file in enumerate(files):
        try:
            with Image.open(file) as picture:
                values[i] = to_array(picture, form, size)
        except DAMAGED as error:
            raise damaged(file, error) from error
    return values


def damaged(file: Path, error: BaseException) -> DataError:
    """Say which picture cannot be read, and why."""
    if isinstance(error, DataError):  # it is whole, but not what is expected
        return DataError(f"The picture {file} cannot be taken: {error}.")
    if isinstance(error, PermissionError):
        return DataError(f"Cannot read the picture {file}: {error.strerror or error}. Change its permissions.")
    return DataError(f"The picture {file} cannot be read: it is damaged, cut off or no picture ({error}).")
