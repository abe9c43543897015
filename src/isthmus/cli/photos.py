"""Pictures of any sizes on the command line: where results go, under what names, in what formats."""

# ruff: noqa: PLC0415 - what is imported inside brings torch, which is imported once a command runs

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from isthmus.cli.writing import check_file, ending_of
from isthmus.exceptions import ModelFileError, ParameterError

if TYPE_CHECKING:
    import numpy as np

    from isthmus.data.photos import Photos

#: Endings that results keep; others, which lose something or hold little, become .png.
KEPT = (".png", ".tif", ".tiff", ".npy")
#: Formats that a single picture can be written in.
WRITTEN = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".webp", ".npy")


def check_place(to: str, source: str, *, force: bool) -> None:
    """Refuse, before any work, a place that pictures cannot be written to: a folder, or a file for a single picture."""
    from isthmus.storage.atomic import check_folder

    if ending_of(to):
        if Path(source).is_dir():
            raise ParameterError(
                f"--to {to} is the name of one file, but {source} is a folder. Give a folder: a name without ending."
            )
        check_file(to, WRITTEN, source)
        return
    check_folder(to)
    if Path(to).is_dir() and any(Path(to).iterdir()) and not force:
        raise ModelFileError(
            f"The folder {to} is not empty. Give another name, or --force to write among what is there."
        )


def names_for(photos: Photos) -> list[str]:
    """Names of the results: as the pictures are called, with the ending of a format that loses nothing."""
    new = [
        name if name.lower().endswith(KEPT) else str(PurePosixPath(name).with_suffix(".png")) for name in photos.names
    ]
    # a.jpg beside a.png: the one that would change its name keeps it whole.
    taken = {name for name, old in zip(new, photos.names, strict=True) if name == old}
    found = []
    for name, old in zip(new, photos.names, strict=True):
        if name != old and (name in taken or new.count(name) > 1):
            name = f"{old}.png"
            while name in taken:
                name += ".png"
        taken.add(name)
        found.append(name)
    return found


def write_photos(to: str, names: Sequence[str], arrays: Iterable[np.ndarray]) -> None:
    """Write results one by one as they come, the folder whole or not at all."""
    from isthmus.data.photos import write_photo
    from isthmus.storage.atomic import folder

    if ending_of(to):
        for array in arrays:
            write_photo(to, array)
        return
    with folder(to) as new:
        for name, array in zip(names, arrays, strict=True):
            place = new / name
            place.parent.mkdir(parents=True, exist_ok=True)
            write_photo(place, array)
