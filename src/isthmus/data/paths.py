"""Paths: a source that is there, or a message that helps to find it; the ending of what is to be written."""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from isthmus.exceptions import DataError, ParameterError


def existing(source: str | os.PathLike[str]) -> Path:
    """Give the path of a source that is there."""
    path = Path(source).expanduser()
    try:
        there = path.exists()
    except (OSError, ValueError) as error:  # a name that no file can have, a folder that may not be searched
        raise DataError(f"Cannot read {path}: {error}.") from error
    if not there:
        raise DataError(_no_such_file(path))
    return path


def ending_for_writing(path: str | os.PathLike[str], known: Iterable[str], what: str) -> str:
    """Give the ending of a file that is to be written; refuse one that is not known."""
    ending = Path(path).suffix.lower()
    if ending not in known:
        raise ParameterError(
            f"Cannot tell by {Path(path).name!r} how to write {what}. Endings known are {', '.join(known)}."
        )
    return ending


def visible_files(folder: Path) -> list[Path]:
    """Files below a folder, sorted; hidden ones, and those in hidden folders, are left out.

    Raises
    ------
    DataError
        Where the system does not let a folder be read: `os.walk` would pass over it in silence.
    """
    found: list[Path] = []
    for place, subfolders, names in os.walk(folder, onerror=_unreadable):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        found += [Path(place, name) for name in names if not name.startswith(".")]
    return sorted(found)


def refuse_without(folder: Path, files: list[Path], what: str, known: str) -> NoReturn:
    """Refuse a folder that has none of what is looked for (DataError), and say what it holds."""
    held = Counter(path.suffix or path.name for path in files)
    there = ", ".join(f"{count} {ending}" for ending, count in held.most_common(5)) or "nothing"
    raise DataError(f"The folder {folder} has no {what}s. It holds {there}. {what.capitalize()}s end in {known}.")


def _unreadable(error: OSError) -> NoReturn:
    raise DataError(f"Cannot read the folder {error.filename}: {error.strerror}.") from error


def _no_such_file(path: Path) -> str:
    """Say that there is no such file, and which there are of nearly that name."""
    message = f"There is no file or folder {path}."
    if not path.parent.is_dir():
        return f"{message} Its folder {path.parent} does not exist either."
    close = difflib.get_close_matches(path.name, [p.name for p in path.parent.iterdir()], n=3)
    return f"{message} Did you mean {' or '.join(close)}?" if close else message
