"""Writing that happens whole or not at all: the old stays until the new is safely on the disk."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
import shutil
import sys
import time
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path

from isthmus.exceptions import ModelFileError

StrPath = str | os.PathLike[str]

# What is left of a write that was killed is removed by the next write to the same place once it is this old;
# a younger one may belong to a process that is still writing.
_STALE_SECONDS = 3600.0

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


def write_bytes(path: StrPath, data: bytes) -> None:
    """Write a file so that at every moment, a kill or a power cut included, the old or the new one is whole.

    The bytes go to a temporary file beside it, are flushed to the disk, and the temporary file is renamed
    over the old one. A symbolic link stays a link: what it points to is written. Missing parent folders are
    made. A pipe or a device is written into, as it can be nothing else.

    Parameters
    ----------
    path : str or path
        The file to write.
    data : bytes
        Its whole content.

    Raises
    ------
    ModelFileError
        The disk is full, the place cannot be written, or `path` is a folder; the old file is unchanged.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "notes" / "a.txt"
    >>> write_bytes(path, b"whole")
    >>> path.read_bytes()
    b'whole'
    """
    if is_special(path):
        with _explained(resolve(path)):
            Path(path).write_bytes(data)
        return
    with file(path) as new:
        write_synced(new, data)


@contextlib.contextmanager
def file(path: StrPath) -> Iterator[Path]:
    """Give the name of a temporary file to write; it takes the place of `path` once the block ends without an error.

    For what cannot be made in memory first, as a video; else as `write_bytes`.

    Parameters
    ----------
    path : str or path
        The file to make or replace. Missing parent folders are made.

    Yields
    ------
    Path
        A name beside `path` that is free yet, without its ending.

    Raises
    ------
    ModelFileError
        The disk is full, the place cannot be written, or `path` is a folder; the old file is unchanged.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with file(path) as new:
    ...     _ = new.write_text("whole")
    >>> path.read_text()
    'whole'
    """
    target = resolve(path)
    with _explained(target):
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder has this name")
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        new = _sibling(target, "saving")
        try:
            yield new
            with open(new, "rb+") as written:
                os.fsync(written.fileno())
            os.replace(new, target)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
    _sync_folder(target.parent)


@contextlib.contextmanager
def folder(path: StrPath) -> Iterator[Path]:
    """Give a temporary folder to write in; it takes the place of `path` once the block ends without an error.

    Until then the old folder is untouched, and after an error or an interrupt the temporary one is removed.
    On Linux the two folders are exchanged in one step, so that a reader never finds nothing there; elsewhere
    by two renames. Files of the old folder whose names the new one does not have were put there by someone
    else: they are moved to the new folder, never deleted. A symbolic link stays a link: the folder that it
    points to is replaced.

    Parameters
    ----------
    path : str or path
        The folder to make or replace. Missing parents are made.

    Yields
    ------
    Path
        The temporary folder, beside `path`.

    Raises
    ------
    ModelFileError
        The disk is full, the place cannot be written, `path` is a file, or it is the folder that this process
        works in; what was at `path` is unchanged.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "model"
    >>> with folder(path) as new:
    ...     _ = (new / "a.txt").write_text("whole")
    >>> [entry.name for entry in path.iterdir()]
    ['a.txt']
    """
    target = resolve(path)
    check_folder(target)
    names: list[str] | None = None
    with _explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        new = _sibling(target, "saving")
        new.mkdir()
        try:
            yield new
            _sync_folder(new)
            names = os.listdir(new)
            old = _put(new, target)
        except BaseException:
            # An interrupt can come just after the exchange, when the temporary name already holds the old
            # folder: only what this block wrote is removed, by name.
            _discard(new, os.listdir(new) if names is None and new.is_dir() else names or ())
            raise
    _sync_folder(target.parent)
    if old is not None:
        _retire(old, target, names)


def check_folder(path: StrPath) -> None:
    """Raise where `folder` could not put a folder: asked before long work, so that it is not lost at the end.

    Parameters
    ----------
    path : str or path
        The folder that will be made or replaced.

    Raises
    ------
    ModelFileError
        `path` is a file, or the folder that this process works in, or its place may not be written.
    """
    target = resolve(path)
    if Path.cwd().is_relative_to(target):
        raise ModelFileError(
            f"Cannot save to '{target}': it is, or holds, the folder that this process works in. "
            "Give the name of a folder inside it."
        )
    with _explained(target):
        if target.exists() and not target.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "a file has this name")
        existing = _existing(target.parent)
        if not existing.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"'{existing}' is a file")
        for place in (existing, target):
            if place.exists() and not os.access(place, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, f"'{place}' may not be written by this user")


def write_synced(path: Path, data: bytes) -> None:
    """Write a new file and flush it to the disk (a full disk may show only then)."""
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def resolve(path: StrPath) -> Path:
    """Where a path leads, symbolic links followed, so that writing there leaves a link a link."""
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError, TypeError) as error:
        raise ModelFileError(f"{path!r} is not the name of a place on this computer ({error}). Give a path.") from error


def is_special(path: StrPath) -> bool:
    """Whether a pipe or a device is there (or a link to one): it is written into, never replaced."""
    place = Path(path)  # as given: what /dev/stdout links to has no name that could be resolved
    return place.exists() and not (place.is_file() or place.is_dir())


def aside_of(target: Path) -> list[Path]:
    """Give the folders that a save killed between its two renames left: each a previous one, whole."""
    return sorted(target.parent.glob(f".{_stem(target)}.previous-*"))


def _stem(target: Path) -> str:
    # Short enough that the temporary name fits wherever the name itself does.
    return target.name[:40].replace("[", "_").replace("*", "_").replace("?", "_")


def _sibling(target: Path, word: str) -> Path:
    return target.with_name(f".{_stem(target)}.{word}-{secrets.token_hex(4)}")


def _existing(path: Path) -> Path:
    return next(parent for parent in (path, *path.parents) if parent.exists())


def _put(new: Path, target: Path) -> Path | None:
    """Put `new` at `target`; give where the folder that was there now lies."""
    if not os.path.lexists(target):
        os.rename(new, target)
        return None
    shutil.copymode(target, new)
    if _exchange(new, target):
        return new
    aside = _sibling(target, "previous")
    try:
        os.rename(target, aside)
        os.rename(new, target)
    except BaseException:
        if not os.path.lexists(target):
            os.rename(aside, target)
        raise
    return aside


def _exchange(a: Path, b: Path) -> bool:
    """Swap two paths in one step, where the system and the file system can."""
    if sys.platform != "linux":
        return False
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    return renameat2(_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b), ctypes.c_uint(_RENAME_EXCHANGE)) == 0


def _retire(old: Path, target: Path, names: Collection[str]) -> None:
    """Move what others put in the old folder to the new one, then remove the rest."""
    try:
        for entry in os.listdir(old):
            if entry not in names:
                os.rename(old / entry, target / entry)
        _discard(old, names)
    except OSError as error:
        warnings.warn(
            f"Saved to '{target}', but the folder that was there before could not be cleared away "
            f"({error.strerror or error}): what is left of it lies in '{old}'.",
            stacklevel=4,
        )


def _discard(place: Path, names: Collection[str]) -> None:
    """Remove the entries of these names, and the folder where nothing else is in it."""
    for name in names:
        entry = place / name
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            with contextlib.suppress(FileNotFoundError):
                entry.unlink()
    with contextlib.suppress(OSError):
        place.rmdir()


def _sweep(target: Path) -> None:
    """Remove temporary files that killed writes to the same file left long ago."""
    for left in target.parent.glob(f".{_stem(target)}.saving-*"):
        with contextlib.suppress(OSError):
            if left.is_file() and time.time() - left.stat().st_mtime > _STALE_SECONDS:
                left.unlink()


def _sync_folder(path: Path) -> None:
    """Flush a folder's list of names, so that a rename outlives a power cut; not every system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelFileError(_explain(error, target)) from error


def _explain(error: OSError, target: Path) -> str:
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        try:
            left = f", {shutil.disk_usage(_existing(target.parent)).free / 1e6:.1f} MB left"
        except OSError:
            left = ""
        reason = f"the disk is full ({reason}{left})"
        remedy = "Free some space, or save to another disk."
    elif error.errno in _FORBIDDEN:
        reason = f"writing there is not allowed ({reason})"
        remedy = "Change the permissions, or save to a folder of your own."
    elif error.errno == errno.EBUSY:
        reason = f"it is in use, as a mounted disk is ({reason})"
        remedy = "Save to a folder inside it."
    else:
        remedy = "Save under another name, or put that right and save again."
    return f"Cannot save to '{target}': {reason}. What was there before is unchanged. {remedy}"
