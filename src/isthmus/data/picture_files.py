"""One file that holds one picture of any size, mode and depth: to pixels, and back to a file."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from PIL import Image

from isthmus.data import deep_png
from isthmus.data.paths import ending_for_writing, refuse_without, visible_files
from isthmus.data.pictures import (
    DAMAGED,
    FORMS,
    ORIENTATION,
    damaged,
    endings,
    form_of,
    frames_said,
    is_picture,
    pixels_of,
    refuse_frames,
    upright,
    upright_size,
)
from isthmus.exceptions import DataError
from isthmus.storage.atomic import StrPath, write_bytes

#: What is raised for files that are damaged, by those who read TIFF and deep PNG.
_BROKEN = (*DAMAGED, DataError, LookupError, struct.error, zlib.error, tifffile.TiffFileError, TypeError)
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
#: What can be written by the ending: the channels of each dtype.
_ANY: dict[str, tuple[int, ...] | None] = {"uint8": None, "uint16": None, "float32": None}
WRITTEN: dict[str, dict[str, tuple[int, ...] | None]] = {
    ".png": {"uint8": (1, 2, 3, 4), "uint16": (1, 2, 3, 4)},
    ".jpg": {"uint8": (1, 3)},
    ".jpeg": {"uint8": (1, 3)},
    ".webp": {"uint8": (1, 3, 4)},
    ".tif": _ANY,
    ".tiff": _ANY,
    ".npy": _ANY,
}


class Look(NamedTuple):
    """What the heading of a picture tells: (h, w), upright, channels, dtype; `read` gives its pixels, (h, w, c)."""

    size: tuple[int, int]
    channels: int
    dtype: np.dtype
    read: Callable[[], np.ndarray]
    opacity: bool = False


def pictures_in(folder: Path) -> list[Path]:
    """Pictures below a folder, sorted, or .npy files where there are no others; hidden ones are left out."""
    files = visible_files(folder)
    found = [path for path in files if path.name.lower().endswith(endings())]
    arrays = [path for path in files if path.name.lower().endswith(".npy")]
    if not found and not arrays:
        refuse_without(folder, files, "picture", ".png, .jpg, .tif, ...")
    return found or arrays


def look_at(path: Path) -> Look:
    """Read the heading of a picture file; DataError, with its name, where it is damaged or no one picture."""
    try:
        return _look(path)
    except _BROKEN as error:
        raise damaged(path, error) from error


def read_pixels(path: Path) -> np.ndarray:
    """Read the pixels of a picture file, (h, w, c), upright; DataError, with its name, where it is damaged."""
    try:
        return own_dtype(_look(path).read())
    except _BROKEN as error:
        raise damaged(path, error) from error


def _look(path: Path) -> Look:
    if path.name.lower().endswith(".npy"):
        return look_at_array(np.load(path, mmap_mode="r", allow_pickle=False))
    with path.open("rb") as file:
        start = file.read(4)
    if start in _TIFF:
        look = _look_at_tiff(path)
        if look is not None:
            return look
    with Image.open(path) as picture:
        refuse_frames(picture)
        head = deep_png.header(path)
        if head is None or head.depth < 16 or head.colour == deep_png.COLOUR_TYPES[1]:
            return look_at_pil(picture, lambda: _by_pillow(path))
        size = upright_size(picture)
        turned = picture.getexif().get(ORIENTATION, 1)
        channels = deep_png.CHANNELS[head.colour] + ("transparency" in picture.info)
        return Look(
            size, channels, np.dtype(np.uint16), lambda: upright(deep_png.read(path), turned), channels in (2, 4)
        )


def look_at_pil(picture: Image.Image, read: Callable[[], np.ndarray] | None = None) -> Look:
    """Give the heading of a PIL image, and how it is read unless that is said."""
    refuse_frames(picture)
    dtype, channels = FORMS[form_of(picture)]
    read = read or (lambda: pixels_of(picture))
    return Look(upright_size(picture), channels, np.dtype(dtype), read, channels in (2, 4))


def look_at_array(values: np.ndarray) -> Look:
    """Give the heading of one picture in an array, (h, w) or (h, w, c)."""
    if values.ndim not in (2, 3):
        raise DataError(f"its shape is {values.shape}, but one picture is (height, width) or (height, width, channels)")
    if 0 in values.shape:
        raise DataError(f"its shape is {values.shape}: it has no pixels")
    if values.ndim == 3 and values.shape[0] in (1, 3, 4) and min(values.shape[1:]) >= 8:
        raise DataError(
            f"its shape {values.shape} seems to have the channels first, but they are expected last: give "
            "np.moveaxis(picture, 0, -1)"
        )
    h, w, channels = (*values.shape, 1)[:3]
    dtype = own_dtype(values[:1, :1]).dtype
    return Look((h, w), channels, dtype, lambda: own_dtype(np.asarray(values).reshape(h, w, channels)))


def own_dtype(values: np.ndarray) -> np.ndarray:
    """Give pixels as uint8, uint16 or float32: those as they are, bool as 0 and 255, other floats as float32."""
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype in (np.uint8, np.uint16):
        return values
    if values.dtype.kind == "f":
        return values.astype(np.float32, copy=False)
    raise DataError(
        f"its values are {values.dtype}, whose range is not known: give uint8 (0 to 255), uint16 (0 to 65535), bool or "
        "floats, such as X.astype('uint8')"
    )


def _by_pillow(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return pixels_of(picture)


def _look_at_tiff(path: Path) -> Look | None:
    """Give the heading of a TIFF that Pillow cannot hold: more than 8 bits in several channels, or many channels."""
    with tifffile.TiffFile(path) as file:
        pages = len(file.pages)
        page = file.pages.first
        colour = page.photometric in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)
        deep = page.samplesperpixel > 1 and page.dtype is not None and page.dtype.itemsize > 1
        if not (colour and (deep or page.samplesperpixel > 4)) or page.dtype is None:
            return None
        if pages > 1:
            raise DataError(frames_said(pages))
        _refuse_packed(page)
        tag = page.tags.get(ORIENTATION)
        turned = 1 if tag is None else int(tag.value)
        h, w = page.imagelength, page.imagewidth
        dtype = page.dtype if page.dtype in (np.uint8, np.uint16) else np.dtype(np.float32)
        # 1 and 2 are opacity; 0 is a channel that nothing is said of, such as near infrared.
        opacity = bool(page.extrasamples) and int(page.extrasamples[-1]) in (1, 2)
    size = (w, h) if turned in (5, 6, 7, 8) else (h, w)
    return Look(size, page.samplesperpixel, dtype, lambda: upright(_by_tifffile(path), turned), opacity)


def _refuse_packed(page: tifffile.TiffPage) -> None:
    """Refuse a compression, of LZW above all, that tifffile leaves to another package."""
    try:
        _ = tifffile.TIFF.DECOMPRESSORS[page.compression], tifffile.TIFF.UNPREDICTORS[page.predictor]
    except KeyError as error:
        name = getattr(page.compression, "name", page.compression)
        raise DataError(
            f"it is compressed by {name}, which needs another package at this depth: pip install imagecodecs, or save "
            "it without compression or with deflate (zip)"
        ) from error


def _by_tifffile(path: Path) -> np.ndarray:
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        if max(start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=True)) > (
            path.stat().st_size
        ):
            raise ValueError("its pixels end early")
        values = page.asarray()
        if page.axes.startswith("S"):  # one channel after the other
            values = np.moveaxis(values, 0, -1)
    return values if values.dtype in (np.uint8, np.uint16) else values.astype(np.float32)


def write_photo(path: StrPath, array: np.ndarray, *, like: StrPath | Image.Image | None = None) -> None:
    """Write one picture to a file, whole or not at all.

    Parameters
    ----------
    path : str or path
        Its ending says the format: .png (8 and 16 bits, grey or RGB, with or without opacity), .tif and .npy (8 and
        16 bits and float32, any number of channels), .jpg (8 bits, grey or RGB; quality 95, colours at full
        resolution) or .webp (8 bits, without loss; grey is written as RGB).
    array : ndarray of shape (h, w) or (h, w, c)
        uint8, uint16, bool or floats, which are written as float32.
    like : path or PIL image, optional
        The picture that it was made from, whose colour profile (ICC) is kept; its EXIF is not, as the pixels are
        upright already.

    Raises
    ------
    DataError
        Where the format cannot hold such an array: nothing is written.
    ParameterError
        Where the ending is not known.
    ModelFileError
        Where the place cannot be written or the disk is full.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> from isthmus.data.photos import as_photos, write_photo
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "deep.png"
    >>> write_photo(path, np.full((2, 3, 3), 40_000, np.uint16))
    >>> as_photos(path)[0].max()
    np.uint16(40000)
    """
    ending = check_written(path)
    try:
        values = look_at_array(np.asarray(array)).read()
    except DataError as error:
        raise DataError(f"Cannot write {path}: {error}.") from error
    held = WRITTEN[ending]
    channels, dtype = values.shape[2], str(values.dtype)
    allowed = held.get(dtype, ())
    if allowed is not None and channels not in allowed:
        there = "; ".join(f"{name} of {', '.join(map(str, count or ()))} channels" for name, count in held.items())
        raise DataError(
            f"Cannot write {path}: {ending} holds {there}, but the picture is {dtype} of {channels}. Give it another "
            "ending (.tif and .npy hold any), or convert it."
        )
    write_bytes(path, _ENCODERS[ending](values, _profile(like, channels)))


def check_written(path: StrPath) -> str:
    """Give the ending of a picture that is to be written; refuse one that is not known."""
    return ending_for_writing(path, WRITTEN, "a picture")


def _profile(like: StrPath | Image.Image | None, channels: int) -> bytes | None:
    """Colour profile of a picture, where it is one for that many channels."""
    if like is None or (not is_picture(like) and Path(like).suffix.lower() == ".npy"):  # type: ignore[arg-type]
        return None
    try:
        if isinstance(like, Image.Image):
            profile = like.info.get("icc_profile")
        else:
            with Image.open(like) as picture:
                profile = picture.info.get("icc_profile")
    except DAMAGED:  # what Pillow cannot open, such as a TIFF of many channels, has no colours either
        return None
    wanted = b"GRAY" if channels < 3 else b"RGB "
    return profile if profile and profile[16:20] == wanted else None


def to_pil(values: np.ndarray) -> Image.Image:
    """Give pixels (h, w, c) as a PIL image; DataError where there is no mode for them."""
    squeezed = values[..., 0] if values.shape[2] == 1 else values
    try:
        return Image.fromarray(squeezed)
    except TypeError as error:
        raise DataError(
            f"PIL has no mode for a picture of {values.shape[2]} channels of {values.dtype}. Bring arrays instead."
        ) from error


def _encoded(values: np.ndarray, form: str, **options: Any) -> bytes:
    """Give pixels in a format of Pillow."""
    out = io.BytesIO()
    to_pil(values).save(out, form, **options)
    return out.getvalue()


def _png(values: np.ndarray, profile: bytes | None) -> bytes:
    if values.dtype == np.uint16 and values.shape[2] > 1:
        return deep_png.encode(values, profile)
    return _encoded(values, "PNG", icc_profile=profile)


def _jpeg(values: np.ndarray, profile: bytes | None) -> bytes:
    return _encoded(values, "JPEG", quality=95, subsampling=0, icc_profile=profile)


def _webp(values: np.ndarray, profile: bytes | None) -> bytes:
    return _encoded(values, "WEBP", lossless=True, exact=True, icc_profile=profile)


def _tiff(values: np.ndarray, profile: bytes | None) -> bytes:
    out = io.BytesIO()
    channels = values.shape[2]
    tifffile.imwrite(
        out, values if channels > 1 else values[..., 0], compression="zlib", iccprofile=profile,
        photometric="rgb" if channels in (3, 4) else "minisblack",
        planarconfig="contig" if channels > 1 else None, metadata=None,
        extrasamples=("unassalpha",) if channels in (2, 4) else None,
    )  # fmt: skip
    return out.getvalue()


def _npy(values: np.ndarray, profile: bytes | None) -> bytes:
    out = io.BytesIO()
    np.save(out, values if values.shape[2] > 1 else values[..., 0])
    return out.getvalue()


_ENCODERS = {
    ".png": _png,
    ".jpg": _jpeg,
    ".jpeg": _jpeg,
    ".webp": _webp,
    ".tif": _tiff,
    ".tiff": _tiff,
    ".npy": _npy,
}
