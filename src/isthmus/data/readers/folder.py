"""A folder of pictures, its subfolders included, or a single picture, as a set of one size."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isthmus.data.photos import as_photos, stacked
from isthmus.data.raw import Raw


def read_folder(folder: Path, size: tuple[int, int] | None = None, skip_bad: bool = False) -> Raw:
    """Read the pictures of a folder in the order of their names; the subfolder of each is set aside."""
    photos = as_photos(folder, size=size, skip_bad=skip_bad)
    folders = np.array([name.rpartition("/")[0] for name in photos.names], dtype=object)
    extra = {"folder": folders} if len(set(folders)) > 1 else {}
    return Raw(stacked(photos), kind="image", row_names=photos.names, extra=extra, origin=str(folder))


def read_picture(file: Path, size: tuple[int, int] | None = None) -> Raw:
    """Read one picture, as a set of one."""
    return Raw(stacked(as_photos(file, size=size)), kind="image", row_names=(file.name,), origin=str(file))
