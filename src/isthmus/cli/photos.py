"""Pictures of any sizes on the command line: where results go, under what names, in what formats."""

# ruff: noqa: PLC0415 - what is imported inside brings torch, which is imported once a command runs

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from isthmus.cli.console import say
from isthmus.cli.writing import check_file, ending_of
from isthmus.exceptions import DataError, ModelFileError, ParameterError

if TYPE_CHECKING:
    import numpy as np

    from isthmus.data.photos import Photos

#: Endings that results keep; others, which lose something or hold little, become .png.
KEPT = (".png", ".tif", ".tiff", ".npy")
#: Formats that a single picture can be written in.
WRITTEN = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".webp", ".npy")


def check_place(to: str, source: str, written: tuple[str, ...] = WRITTEN, *, force: bool) -> None:
    """Refuse, before any work, a place that results cannot be written to: a folder, or a file for a single one."""
    from isthmus.storage.atomic import check_folder

    if ending_of(to):
        if Path(source).is_dir():
            raise ParameterError(
                f"--to {to} is the name of one file, but {source} is a folder. Give a folder: a name without ending."
            )
        check_file(to, written, source)
        return
    check_folder(to)
    if Path(to).is_dir() and any(Path(to).iterdir()) and not force:
        raise ModelFileError(
            f"The folder {to} is not empty. Give another name, or --force to write among what is there."
        )


def say_learning(photos: Photos, what: str = "") -> None:
    """Say what is learnt from, before the first step."""
    n = len(photos)
    say(f"Learning from {what}{n:,} picture{'s' * (n != 1)}. Ctrl-C stops and keeps the best so far.")


def names_for(photos: Photos) -> list[str]:
    """Names of the results: as the pictures are called, with the ending of a format that loses nothing."""
    ending = ".tif" if photos.dtype.kind == "f" else ".png"
    kept = [name for name in photos.names if name.lower().endswith(KEPT) and not (ending == ".tif" and _is_png(name))]
    taken, found = set(kept), []
    for name in photos.names:
        new = name
        if name not in kept:
            # a.jpg beside a.png: the one that would change its name keeps it whole.
            new = str(PurePosixPath(name).with_suffix(ending))
            new = f"{name}{ending}" if new in taken else new
            while new in taken:
                new += ending
            taken.add(new)
        found.append(new)
    return found


def _is_png(name: str) -> bool:
    return name.lower().endswith(".png")


def check_writable(to: str, photos: Photos) -> None:
    """Refuse, before any work, pictures that cannot be read whole, or not be written in the format asked for."""
    from isthmus.data.picture_files import WRITTEN as HELD

    names = names_for(photos)
    for i, name in enumerate(photos.names):
        values = photos[i]
        ending = ending_of(to) or Path(names[i]).suffix.lower()
        allowed = HELD[ending].get(str(values.dtype), ())
        if allowed is not None and values.shape[-1] not in allowed:
            raise ParameterError(
                f"--to {to}: {name} is {values.dtype} of {values.shape[-1]} channels, which {ending} cannot hold. Give "
                "a name that ends in .tif, or a folder."
            )


def write_photos(to: str, names: Sequence[str], arrays: Iterable[np.ndarray], photos: Photos) -> None:
    """Write results one by one as they come, the folder whole or not at all; colour profiles are those of `photos`."""
    from isthmus.data.photos import write_photo
    from isthmus.storage.atomic import folder

    if ending_of(to):
        for array in arrays:
            write_photo(to, array, like=_file(photos, 0))
        return
    with folder(to) as new:
        for i, (name, array) in enumerate(zip(names, arrays, strict=True)):
            place = new / name
            place.parent.mkdir(parents=True, exist_ok=True)
            write_photo(place, array, like=_file(photos, i))


def _file(photos: Photos, i: int) -> Path | None:
    """File of a picture that may have a colour profile."""
    source = photos.sources[i]
    return source if isinstance(source, Path) and source.suffix.lower() != ".npy" else None


def in_pairs(photos: Photos, wanted: Photos) -> tuple[Photos, Photos]:
    """Give the pictures of two folders that go together by their names, endings apart; by their order if no name does.

    Raises
    ------
    DataError
        If names go together for some and not for others, but for pictures that were left out as damaged.
    """
    ours, theirs = ([str(PurePosixPath(name).with_suffix("")) for name in each.names] for each in (photos, wanted))
    common = [name for name in ours if name in set(theirs)]
    if not common and not photos.skipped and not wanted.skipped:
        return photos, wanted
    left = sorted(set(ours) ^ set(theirs))
    if not common or len(left) > len(photos.skipped) + len(wanted.skipped):
        raise DataError(
            f"--pairs: {left[0]} is in one of {photos.origin} and {wanted.origin} alone. Give the two of a pair the "
            "same name."
        )
    return photos.take([ours.index(name) for name in common]), wanted.take([theirs.index(name) for name in common])
