"""Pictures of any sizes, modes and depths, read one at a time, and results given back in the container brought."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from isthmus.data.checks import listed, shorten
from isthmus.data.paths import existing
from isthmus.data.picture_files import (
    Look,
    look_at,
    look_at_array,
    look_at_pil,
    pictures_in,
    read_pixels,
    to_pil,
    write_photo,
)
from isthmus.data.pictures import (
    DAMAGED,
    DTYPES,
    Size,
    channels_of,
    endings,
    is_picture,
    parse_size,
    refuse_mixed,
    resized,
    unified,
)
from isthmus.exceptions import DataError

__all__ = ["Photos", "as_photos", "give_back", "write_photo"]


@dataclass(frozen=True)
class Photos:
    """Pictures of any sizes, upright, read one at a time.

    Attributes
    ----------
    names : tuple of str
        File names relative to the folder, or "picture 0", "picture 1" ...
    sizes : tuple of (int, int)
        Height and width of each, in pixels.
    channels : int
        Of the picture with the most: 1 grey, 2 grey and opacity, 3 RGB, 4 RGB and opacity, or more.
    dtype : dtype
        Of the richest picture: uint8, uint16 or float32.
    origin : str
        Where they come from, for messages.
    skipped : tuple of str
        What was left out with `skip_bad=True`: each file and why.
    folder : Path or None
        The folder that the names are relative to.
    """

    names: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    channels: int
    dtype: np.dtype
    origin: str
    skipped: tuple[str, ...] = ()
    folder: Path | None = None
    sources: tuple[Any, ...] = field(default=(), repr=False)
    size: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, i: int) -> np.ndarray:
        """Pixels of one picture, (h, w, c), with its own channels and its own dtype.

        Raises
        ------
        DataError
            Where the file is damaged, or a value is infinite: the picture and the place are named.
        """
        source = self.sources[i]
        values = read_pixels(source) if isinstance(source, Path) else _look(source).read()
        _refuse_infinite(values, self.names[i], self.origin)
        return values if self.size is None else resized(values, self.size)

    def has_opacity(self, i: int) -> bool:
        """Whether the last of a picture's 2 or 4 channels is its opacity; those of arrays are channels like others."""
        return _look(self.sources[i]).opacity

    def n_colours(self, i: int) -> int:
        """Channels of one picture without its opacity."""
        look = _look(self.sources[i])
        return look.channels - look.opacity

    def take(self, rows: Any) -> Photos:
        """Give some of the pictures: positions, a mask or a slice."""
        kept = np.arange(len(self))[rows if isinstance(rows, slice) else np.asarray(rows)]
        parts = {name: tuple(getattr(self, name)[i] for i in kept) for name in ("names", "sizes", "sources")}
        return replace(self, **parts)


def as_photos(X: Any, *, skip_bad: bool = False, size: Size = None) -> Photos:
    """Take whatever a person brings as pictures of any sizes, modes and depths.

    Palettes, CMYK, YCbCr and Lab become RGB, 1 bit becomes grey, and all are turned upright as their EXIF says. 16 bits
    and floats are kept, those of colour PNG and TIFF included.

    Parameters
    ----------
    X : Photos, path, PIL image, array, tensor, or list of paths, PIL images or arrays
        A path of a picture or of a folder of them, its subfolders included; .npy files are pictures, in a folder only
        where there are no others.
        Arrays are (h, w) or (h, w, c) in a list, else (n, h, w) or (n, h, w, c), of uint8, uint16, bool or floats, in
        which NaN is a missing pixel. Tensors may have their channels first.
    skip_bad : bool, default=False
        Leave out damaged files and those of several frames, with a warning that names them, instead of refusing them.
        Each picture is then read once to see whether it is whole.
    size : int or (int, int), optional
        Height and width to resize the pictures to (Lanczos).

    Returns
    -------
    Photos

    Raises
    ------
    DataError
        Where there are no pictures, one is damaged or animated, its values are infinite or of a dtype without a known
        range, or an array may be one picture or several.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus.data.photos import as_photos
    >>> photos = as_photos([np.zeros((4, 6), np.uint8), np.zeros((5, 3, 3), np.uint16)])
    >>> photos.sizes, photos.channels, photos.dtype, photos[0].shape
    (((4, 6), (5, 3)), 3, dtype('uint16'), (4, 6, 1))
    """
    wanted = parse_size(size)
    if isinstance(X, Photos):
        return X if wanted is None else replace(X, size=wanted, sizes=(wanted,) * len(X))
    names, sources, origin, folder = _sources(X)
    kept: list[tuple[str, Any, Look]] = []
    skipped: list[str] = []
    for name, source in zip(names, sources, strict=True):
        try:
            kept.append((name, source, _checked(source, name, origin, whole=skip_bad)))
        except DataError as error:
            if not skip_bad:
                raise
            skipped.append(str(error))
    if skipped:
        warnings.warn(f"{len(skipped)} of {len(names)} pictures were left out. {' '.join(skipped)}", stacklevel=2)
    if not kept:
        raise DataError(f"No picture of {origin} can be read. {listed(skipped)}")
    looks = [look for _, _, look in kept]
    return Photos(
        names=tuple(name for name, _, _ in kept),
        sizes=tuple(wanted or look.size for look in looks),
        channels=channels_of([look.channels for look in looks]),
        dtype=max((look.dtype for look in looks), key=list(DTYPES).index),
        origin=origin,
        skipped=tuple(skipped),
        folder=folder,
        sources=tuple(source for _, source, _ in kept),
        size=wanted,
    )


def looks_like_photos(X: Any) -> bool:
    """Whether something holds pictures of any sizes: files, PIL images, or a list of arrays of two or three axes."""
    if isinstance(X, Photos):
        return True
    first = X[0] if isinstance(X, (list, tuple)) and len(X) else X
    if isinstance(first, (str, os.PathLike)):
        path = Path(first)
        return path.is_dir() or path.name.lower().endswith(endings())
    if is_picture(first):
        return True
    return first is not X and len(getattr(first, "shape", ())) in (2, 3)


def give_back(arrays: Sequence[np.ndarray], like: Any) -> Any:
    """Give results in the container that the pictures were brought in.

    Parameters
    ----------
    arrays : sequence of ndarray of shape (h, w, c)
        One for each picture.
    like : what the person brought
        As for `as_photos`.

    Returns
    -------
    list of ndarray, ndarray, Tensor, PIL image or list of PIL images
        Arrays are (h, w) where they were brought so. Pictures from files are given as a list of (h, w, c).

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus.data.photos import as_photos, give_back
    >>> X = np.zeros((2, 8, 9))
    >>> give_back([photo for photo in as_photos(X)], X).shape
    (2, 8, 9)
    """
    if is_picture(like):
        return to_pil(arrays[0])
    if isinstance(like, torch.Tensor):
        values = torch.from_numpy(np.stack(list(arrays)))
        values = values[..., 0] if like.ndim == 3 else values.movedim(-1, 1) if _channels_first(like) else values
        return values.to(like.dtype) if like.is_floating_point() else values
    if isinstance(like, np.ndarray):
        values = np.stack(list(arrays))
        return _as_brought(values[..., 0] if like.ndim == 3 else values, like)
    if isinstance(like, (list, tuple)):
        return [_one_back(array, item) for array, item in zip(arrays, like, strict=True)]
    return list(arrays)


def stacked(photos: Photos) -> np.ndarray:
    """Give pictures of one size as one array, (n, h, w) or (n, h, w, c), in the form of the richest.

    Raises
    ------
    DataError
        Where they are of several sizes, or one of them has another number of channels and more than four.
    """
    refuse_mixed(photos.sizes, photos.names, photos.origin)
    channels = 4 if photos.channels == 2 else photos.channels  # two channels are no picture to a network's eyes
    values = np.empty((len(photos), *photos.sizes[0], channels), photos.dtype)
    for i, name in enumerate(photos.names):
        try:
            values[i] = unified(photos[i], channels, photos.dtype)
        except DataError as error:
            raise DataError(f"{name} of {photos.origin} cannot be taken: {error}.") from error
    return values if channels > 1 else values[..., 0]


def _sources(X: Any) -> tuple[list[str], list[Any], str, Path | None]:
    """Give the name of each picture, what it is read from, where all come from, and their folder."""
    if isinstance(X, (str, os.PathLike)):
        return _of_path(existing(X))
    if is_picture(X):
        return ["picture 0"], [X], "the PIL image given", None
    if isinstance(X, (list, tuple)):
        if not X:
            raise DataError("The list given is empty. Give at least one picture.")
        items = [existing(item) if isinstance(item, (str, os.PathLike)) else item for item in X]
        names = [str(item) if isinstance(item, Path) else f"picture {i}" for i, item in enumerate(items)]
        return names, items, "the list given", None
    if not hasattr(X, "__array__"):
        raise DataError(
            f"Cannot take {shorten(X)} ({type(X).__name__}) as pictures. Expected a path of a picture or a folder, a "
            "list of paths, PIL images or arrays, or an array (n, h, w) or (n, h, w, c)."
        )
    return _of_array(X, "the array given")


def _of_path(path: Path) -> tuple[list[str], list[Any], str, Path | None]:
    if path.is_dir():
        files = pictures_in(path)
        return [file.relative_to(path).as_posix() for file in files], list(files), str(path), path
    if not path.name.lower().endswith((*endings(), ".npy")):
        raise DataError(
            f"Cannot tell by its ending that {path} is a picture. Pictures end in .png, .jpg, .tif, .npy, ..."
        )
    return [path.name], [path], str(path), path.parent


def _of_array(X: Any, origin: str) -> tuple[list[str], list[Any], str, Path | None]:
    """Take an array or tensor of several pictures; refuse one that may be a single picture."""
    shape = tuple(X.shape)
    if len(shape) == 3 and shape[-1] <= 4:
        raise DataError(
            f"{origin} has the shape {shape}: it may be one picture of {shape[-1]} channels, or {shape[0]} pictures "
            f"that are {shape[-1]} pixels wide. Give [X] for the one, X[..., None] for the others."
        )
    if len(shape) not in (3, 4):
        raise DataError(
            f"{origin} has the shape {shape}, but pictures are (n, height, width) or (n, height, width, channels). "
            "Give one picture in a list, as [X]."
        )
    if 0 in shape:
        raise DataError(f"{origin} has the shape {shape}: it holds no pictures.")
    pictures = list(X)
    return [f"picture {i}" for i in range(len(pictures))], pictures, origin, None


def _look(source: Any) -> Look:
    """Give the heading of a picture, wherever it is."""
    if isinstance(source, Path):
        return look_at(source)
    if is_picture(source):
        return look_at_pil(source)
    if isinstance(source, torch.Tensor):
        source = source.detach().cpu()
        source = source.movedim(0, -1) if _channels_first(source) else source
        return look_at_array((source.float() if source.dtype == torch.bfloat16 else source).numpy())
    return look_at_array(np.asarray(source))


def _checked(source: Any, name: str, origin: str, whole: bool) -> Look:
    """Give the heading of a picture that can be read; pixels of files only where it is asked whether they are whole."""
    try:
        look = _look(source)
    except DataError as error:
        if isinstance(source, Path):
            raise
        raise DataError(f"{name} of {origin} cannot be taken: {error}.") from error
    except DAMAGED as error:  # a PIL image whose file is gone or cut off
        raise DataError(f"{name} of {origin} cannot be read: {error}.") from error
    if whole or not isinstance(source, Path):
        values = read_pixels(source) if isinstance(source, Path) else look.read()
        _refuse_infinite(values, name, origin)
    return look


def _refuse_infinite(values: np.ndarray, name: str, origin: str) -> None:
    """Refuse infinite values; NaN is a missing pixel."""
    if values.dtype.kind != "f":
        return
    infinite = np.isinf(values)
    if infinite.any():
        row, column, channel = np.argwhere(infinite)[0]
        raise DataError(
            f"{name} of {origin} is infinite at row {row}, column {column}, channel {channel} ({infinite.sum()} such "
            "values). Give finite values, or NaN where a pixel is missing."
        )


def _channels_first(tensor: torch.Tensor) -> bool:
    """Whether a tensor of pictures with channels, or one such picture, has them first, as torch has them."""
    few = (1, 3, 4)
    return tensor.ndim >= 3 and tensor.shape[-3] in few and tensor.shape[-1] not in few


def _as_brought(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Give floats in the precision that they were brought in."""
    return values.astype(like.dtype, copy=False) if like.dtype.kind == values.dtype.kind == "f" else values


def _one_back(array: np.ndarray, item: Any) -> Any:
    """Give one result in the container of one picture of a list."""
    if is_picture(item):
        return to_pil(array)
    if isinstance(item, (str, os.PathLike)):
        return array
    if isinstance(item, torch.Tensor):
        values = torch.from_numpy(np.ascontiguousarray(array))
        values = values.movedim(-1, 0) if _channels_first(item) else values[..., 0] if item.ndim == 2 else values
        return values.to(item.dtype) if item.is_floating_point() else values
    brought = np.asarray(item)
    return _as_brought(array[..., 0] if brought.ndim == 2 else array, brought)
