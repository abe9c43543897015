"""NumPy's .npy and .npz; pickled objects are refused."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from isthmus.data.arrays import from_array
from isthmus.data.checks import listed
from isthmus.data.raw import Raw
from isthmus.data.readers.sequences import with_lengths
from isthmus.exceptions import DataError

_DAMAGED = (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error, SyntaxError, KeyError)


def read_npy(path: Path) -> Raw:
    """Read the array of a .npy file."""
    try:
        values = np.load(path, allow_pickle=False)
    except PermissionError:
        raise  # the file may be sound
    except _DAMAGED as error:
        raise _refusal(path, error) from error
    if not isinstance(values, np.ndarray):
        raise DataError(f"{path} is a .npz archive by its content. Rename it to end in .npz.")
    return from_array(values, str(path))


def read_npz(path: Path) -> Raw:
    """Read the array X, x or the only one of a .npz file; 1-D arrays of as many values are set aside."""
    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise DataError(f"{path} is a .npy file by its content. Rename it to end in .npy.")
        with archive:
            names = list(archive.files)
            main = next((name for name in ("X", "x") if name in names), names[0] if len(names) == 1 else None)
            if main is None:
                raise DataError(
                    f"{path} holds the arrays {listed(names)}, and none is named X or x. Save the one to "
                    "fit as X: numpy.savez(path, X=values)."
                )
            raw = from_array(archive[main], str(path))
            others = {name: archive[name] for name in names if name != main}
    except (DataError, PermissionError):
        raise
    except _DAMAGED as error:
        raise _refusal(path, error) from error
    found = replace(raw, extra={name: a for name, a in others.items() if a.shape == (len(raw),)})
    return with_lengths(found, path)


def _refusal(path: Path, error: Exception) -> DataError:
    """Say what is wrong with a file that NumPy cannot load."""
    said = (str(error).splitlines() or [type(error).__name__])[0][:200]
    if "allow_pickle" in said:
        return DataError(
            f"{path} holds pickled Python objects, which could run code and are not read. Save an array of numbers."
        )
    return DataError(f"{path} is no sound NumPy file: it is damaged, cut off or of another format ({said}).")
