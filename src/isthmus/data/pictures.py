"""What pictures are made of: PIL images to pixels of their own form, and pixels to the form and size of a set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from PIL.ExifTags import Base
from PIL.TiffImagePlugin import TiffImageFile

from isthmus.exceptions import DataError, ParameterError

Size = tuple[int, int] | Sequence[int] | int | None

#: Form of a picture in which nothing of it is lost, and its dtype and channels.
GREY, DEEP, FLOAT, GREY_ALPHA, RGB, RGBA = "L", "I;16", "F", "LA", "RGB", "RGBA"
FORMS: dict[str, tuple[type, int]] = {
    GREY: (np.uint8, 1),
    DEEP: (np.uint16, 1),
    FLOAT: (np.float32, 1),
    GREY_ALPHA: (np.uint8, 2),
    RGB: (np.uint8, 3),
    RGBA: (np.uint8, 4),
}
#: From the poorest to the richest, and what stands for opaque in each.
DTYPES = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535, np.dtype(np.float32): 1}
#: Tag of EXIF that says how a camera was held; from 5 on the sides are swapped.
ORIENTATION = 0x0112
#: What PIL raises for files that are no pictures, damaged, cut off or of an absurd size.
DAMAGED = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)


@cache
def endings() -> tuple[str, ...]:
    """Give the endings of the formats that PIL reads."""
    Image.init()
    return tuple(sorted(ending for ending, form in Image.registered_extensions().items() if form in Image.OPEN))


def damaged(file: Path, error: BaseException) -> DataError:
    """Say which picture cannot be read, and why."""
    if isinstance(error, DataError):  # it is whole, but not what is expected
        return DataError(f"The picture {file} cannot be taken: {error}.")
    if isinstance(error, PermissionError):
        return DataError(f"Cannot read the picture {file}: {error.strerror or error}. Change its permissions.")
    return DataError(f"The picture {file} cannot be read: it is damaged, cut off or no picture ({error}).")


def is_picture(x: Any) -> bool:
    """Whether x is a PIL image."""
    return isinstance(x, Image.Image)


def parse_size(size: Size) -> tuple[int, int] | None:
    """Give a size as (height, width), or refuse it."""
    if size is None:
        return None
    try:
        both = (size, size) if isinstance(size, (int, np.integer)) else size
        sides = tuple(int(side) for side in both)
    except (TypeError, ValueError):
        sides = ()
    if len(sides) != 2 or min(sides) < 1:
        raise ParameterError(f"size={size!r} is no size. Give height and width, such as size=(64, 64).")
    return sides[0], sides[1]


def form_of(picture: Image.Image) -> str:
    """Which form a picture needs so that nothing of it is lost."""
    mode = picture.mode
    if mode.startswith("I;16") or (mode == "I" and picture.format == "PNG"):  # PNG has at most 16 bits
        return DEEP
    if mode in ("LA", "La") or (mode in ("1", "L") and "transparency" in picture.info):
        return GREY_ALPHA
    if "transparency" in picture.info or mode in ("RGBA", "PA", "RGBa"):
        return RGBA
    return {"1": GREY, "L": GREY, "F": FLOAT, "I": FLOAT}.get(mode, RGB)


def refuse_frames(picture: Image.Image) -> None:
    """Refuse what holds more than one picture; the second one of a camera's MPO is only a preview or the other eye."""
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO":
        raise DataError(frames_said(frames))


def frames_said(frames: int) -> str:
    """Say that a file holds several pictures, and what to do."""
    return (
        f"it holds {frames} frames or pages, but one picture is expected. Save those wanted as pictures of their own, "
        "or leave such files out with skip_bad=True (on the command line: --skip-bad)"
    )


def upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """Turn pixels of shape (h, w, ...) as the orientation of EXIF, 1 to 8, says that they are to be seen."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    return values[:, ::-1] if orientation in (2, 3, 6, 7) else values


def upright_size(picture: Image.Image) -> tuple[int, int]:
    """Height and width of a picture as it is to be seen, from its header alone."""
    width, height = picture.size
    if picture.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8):
        if isinstance(picture, TiffImageFile):  # from some version of Pillow on, its size is the upright one already
            width, height = picture.tag_v2[Base.ImageWidth], picture.tag_v2[Base.ImageLength]
        width, height = height, width
    return height, width


def refuse_mixed(sizes: Sequence[tuple[int, int]], names: Sequence[str], origin: str) -> None:
    """Refuse pictures of unequal sizes: name the first that differs from the most, and both sizes."""
    usual = Counter(sizes).most_common(1)[0][0]
    odd = next((i for i, size in enumerate(sizes) if size != usual), None)
    if odd is not None:
        raise DataError(
            f"The pictures of {origin} are not all of one size: {names[odd]} is {_said(sizes[odd])}, while "
            f"{sizes.count(usual)} of {len(sizes)} are {_said(usual)}. Give size=({usual[0]}, {usual[1]}) "
            f"(on the command line: --size {usual[0]}x{usual[1]}) to resize them all."
        )


def _said(size: tuple[int, int]) -> str:
    """Height and width in words."""
    return f"{size[0]} x {size[1]} (height x width)"


def pixels_of(picture: Image.Image) -> np.ndarray:
    """Give a PIL image upright, in its own form: (h, w, c)."""
    form = form_of(picture)
    picture = ImageOps.exif_transpose(picture)
    values = np.asarray(picture if form in (DEEP, FLOAT) else picture.convert(form))
    return values.astype(FORMS[form][0], copy=False).reshape(*values.shape[:2], FORMS[form][1])


def channels_of(counts: Sequence[int]) -> int:
    """Channels that pictures of so many channels can all be given in: of the richest, with opacity where one has it."""
    found = set(counts)
    most = max(found)
    return 4 if most == 3 and 2 in found else most


def unified(values: np.ndarray, channels: int, dtype: np.dtype) -> np.ndarray:
    """Give pixels (h, w, c) in a richer form: grey as colours, opaque where no opacity is given, bytes as 16 bits."""
    own = values.shape[2]
    opaque = DTYPES[values.dtype]
    if own != channels:
        if max(own, channels) > 4:
            raise DataError(
                f"it has {own} channels, while others of the set have {channels}: pictures of more than 4 channels go "
                "only with their like"
            )
        colours = values[..., : own - 1 if own in (2, 4) else own]
        if channels > 2:
            colours = np.broadcast_to(colours, (*values.shape[:2], 3))
        alpha = values[..., own - 1 :] if own in (2, 4) else np.full_like(values[..., :1], opaque)
        values = np.concatenate([colours, alpha], axis=2) if channels in (2, 4) else colours
    if dtype == np.uint16 and values.dtype == np.uint8:
        return values.astype(np.uint16) * np.uint16(257)  # 255 * 257 = 65535
    return values.astype(dtype, copy=False)


def resized(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (h, w, c) to a height and width by Lanczos' filter, in its own dtype."""
    if values.shape[:2] == size:
        return values
    box = (size[1], size[0])
    if values.dtype == np.uint8 and values.shape[2] in (2, 3, 4):  # at once, so that opacity weighs the colours
        return np.asarray(Image.fromarray(values).resize(box, Image.Resampling.LANCZOS))
    layers = [
        np.asarray(Image.fromarray(layer.astype(np.float32)).resize(box, Image.Resampling.LANCZOS))
        for layer in np.moveaxis(values, -1, 0)
    ]
    out = np.stack(layers, axis=-1)
    return out if values.dtype.kind == "f" else np.rint(out).clip(0, DTYPES[values.dtype]).astype(values.dtype)
