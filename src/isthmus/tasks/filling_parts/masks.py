"""What is missing of pictures: NaN, or what a mask marks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from isthmus.data.photos import Photos, as_photos
from isthmus.exceptions import DataError, ParameterError


def missing_of(photos: Photos, mask: Any) -> list[np.ndarray]:
    """Tell which pixels are missing.

    Parameters
    ----------
    photos : Photos
    mask : array, path, PIL image, list of them, or None
        One for each picture, or one for all, in which what is missing is True, 1 or white. NaN is missing as well.

    Returns
    -------
    list of bool ndarray of shape (h, w)

    Raises
    ------
    DataError
        If a mask is not of its picture's size, or nothing of a picture is known.
    ParameterError
        If there are neither as many masks as pictures, nor one.
    """
    given = [None] * len(photos) if mask is None else _masks(mask, photos)
    return [_missing(photos, i, one) for i, one in enumerate(given)]


def of_colour(values: np.ndarray, colour: Sequence[int], tolerance: float = 0.1) -> np.ndarray:
    """Tell the pixels that a person painted over in one colour.

    Parameters
    ----------
    values : ndarray of shape (h, w, c)
        Of uint8 or uint16, of one or three colours, perhaps with opacity.
    colour : sequence of 3 int
        Red, green and blue, from 0 to 255.
    tolerance : float, default=0.1
        How far each may be off, as a share of the range.

    Returns
    -------
    bool ndarray of shape (h, w)

    Examples
    --------
    >>> red = np.array([[[250, 3, 0], [90, 90, 90]]], np.uint8)
    >>> of_colour(red, (255, 0, 0)).tolist()
    [[True, False]]
    """
    white = float(np.iinfo(values.dtype).max) if values.dtype.kind == "u" else 1.0
    colours = values[..., :3] if values.shape[-1] >= 3 else values[..., :1]
    return np.all(np.abs(colours / white - np.asarray(colour) / 255) <= tolerance, axis=-1)


def _masks(mask: Any, photos: Photos) -> list[np.ndarray]:
    n = len(photos)
    array = mask if isinstance(mask, np.ndarray) else None
    if array is not None and array.ndim == 2:
        mask = [array]
    elif array is not None and array.ndim == 4 and array.shape[-1] == 1:
        mask = list(array[..., 0])
    elif array is not None and array.ndim == 3:
        mask = list(array)
    masks = as_photos([one.astype(np.uint8) if _is_truth(one) else one for one in mask] if array is not None else mask)
    if _is_folder(masks) and _is_folder(photos):
        masks = _by_name(photos, masks)
    if len(masks) not in (1, n):
        raise ParameterError(f"mask= holds {len(masks)} masks, but there are {n} pictures. Give one for each, or one.")
    found = [_marked(masks, i) for i in range(len(masks))]
    return found * n if len(found) == 1 else found


def _is_folder(photos: Photos) -> bool:
    return photos.folder is not None and str(photos.folder) == photos.origin


def _by_name(photos: Photos, masks: Photos) -> Photos:
    """Masks of a folder in the order of the pictures of another: by their names, endings apart."""
    named = {str(PurePosixPath(name).with_suffix("")): i for i, name in enumerate(masks.names)}
    wanted = [str(PurePosixPath(name).with_suffix("")) for name in photos.names]
    lacking = [name for name in wanted if name not in named]
    if lacking:
        raise DataError(
            f"{masks.origin} has no mask for {lacking[0]} of {photos.origin}: a mask in a folder has the name of its "
            "picture. A single mask for all is given as a file."
        )
    return masks.take([named[name] for name in wanted])


def _is_truth(values: Any) -> bool:
    return getattr(values, "dtype", None) == np.bool_


def _marked(masks: Photos, i: int) -> np.ndarray:
    """What one mask marks: what is not 0 where its values are 0 and 1, and else what is brighter than half."""
    values = masks[i].astype(np.float64)
    colours = values[..., : masks.n_colours(i)]
    half = float(np.iinfo(masks[i].dtype).max) / 2 if masks[i].dtype.kind == "u" else 0.5
    return np.any(colours > (0.0 if colours.max() <= 1 else half), axis=-1)


def _missing(photos: Photos, i: int, mask: np.ndarray | None) -> np.ndarray:
    values = photos[i]
    missing: np.ndarray = np.zeros(values.shape[:2], bool)
    if values.dtype.kind == "f":
        missing = np.any(np.isnan(values), axis=-1)
    if mask is not None:
        if mask.shape != missing.shape:
            raise DataError(
                f"The mask of {photos.names[i]} is {mask.shape[0]} x {mask.shape[1]} (height x width), but the picture "
                f"is {missing.shape[0]} x {missing.shape[1]}. Give a mask of the picture's size."
            )
        missing = missing | mask
    if missing.all():
        raise DataError(f"Nothing of {photos.names[i]} is known: every pixel is missing. White marks what is missing.")
    return missing
