"""PIL images of one size to an array of pictures, whatever their modes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from PIL.ExifTags import Base
from PIL.TiffImagePlugin import TiffImageFile

from isthmus.data.raw import Raw
from isthmus.exceptions import DataError, ParameterError

Size = tuple[int, int] | Sequence[int] | int | None

#: What a set of pictures is converted to, by the richest of its modes, and its dtype and channels.
GREY, DEEP, FLOAT, GREY_ALPHA, RGB, RGBA = "L", "I;16", "F", "LA", "RGB", "RGBA"
FORMS: dict[str, tuple[type, int]] = {
    GREY: (np.uint8, 1),
    DEEP: (np.uint16, 1),
    FLOAT: (np.float32, 1),
    GREY_ALPHA: (np.uint8, 2),
    RGB: (np.uint8, 3),
    RGBA: (np.uint8, 4),
}
#: Tag of EXIF that says how a camera was held; from 5 on the sides are swapped.
ORIENTATION = 0x0112


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
    if "transparency" in picture.info or mode in ("RGBA", "LA", "La", "PA", "RGBa"):
        return RGBA
    if mode in ("1", "L"):
        return GREY
    if mode.startswith("I;16") or (mode == "I" and picture.format == "PNG"):  # PNG has at most 16 bits
        return DEEP
    return {"F": FLOAT, "I": FLOAT}.get(mode, RGB)


def richest(forms: Iterable[str]) -> str:
    """Form that all pictures of a set can be given in."""
    found = set(forms)
    if found & {RGB, RGBA}:
        return RGBA if RGBA in found else RGB
    return FLOAT if FLOAT in found else DEEP if DEEP in found else GREY


def own_form_of(picture: Image.Image) -> str:
    """Form of a picture that need not be that of others: grey with opacity stays grey."""
    if picture.mode in ("LA", "La") or (picture.mode in ("1", "L") and "transparency" in picture.info):
        return GREY_ALPHA
    return DEEP if picture.mode.startswith("I;16") else form_of(picture)


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


def heading(picture: Image.Image) -> tuple[str, tuple[int, int]]:
    """Form and (height, width) of a picture as it is to be seen, from its header alone."""
    width, height = picture.size
    if picture.getexif().get(ORIENTATION, 1) >= 5:
        if isinstance(picture, TiffImageFile):  # from some version of Pillow on, its size is the upright one already
            width, height = picture.tag_v2[Base.ImageWidth], picture.tag_v2[Base.ImageLength]
        width, height = height, width
    return form_of(picture), (height, width)


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


def to_array(picture: Image.Image, form: str, size: tuple[int, int] | None) -> np.ndarray:
    """Give one picture upright, in a form and size: (h, w) or (h, w, c)."""
    own = form_of(picture)
    picture = ImageOps.exif_transpose(picture)
    if own in (DEEP, FLOAT):
        values = np.asarray(picture)
        if form in (RGB, RGBA):  # 16 bits of grey among 8-bit colours: the upper 8 of them
            grey = (values >> 8 if own == DEEP else values).clip(0, 255).astype(np.uint8)
            picture = Image.fromarray(grey).convert(form)
        elif size is not None:
            picture = Image.fromarray(values.astype(np.float32))
        else:
            return values.astype(FORMS[form][0])
    elif form in (DEEP, FLOAT):
        scale = 257 if form == DEEP else 1  # 255 * 257 = 65535
        picture = Image.fromarray(np.asarray(picture.convert("L"), dtype=np.float32) * scale)
    else:
        picture = picture.convert(form)
    if size is not None and picture.size != (size[1], size[0]):
        picture = picture.resize((size[1], size[0]), Image.Resampling.LANCZOS)
    values = np.asarray(picture)
    return values if form != DEEP else np.rint(values).clip(0, 65535).astype(np.uint16)


def stack_pictures(pictures: Sequence[Any], size: Size, names: Sequence[str], origin: str) -> Raw:
    """Take PIL images in memory as pictures of one size and form."""
    wanted = parse_size(size)
    odd = next((i for i, picture in enumerate(pictures) if not is_picture(picture)), None)
    if odd is not None:
        raise DataError(f"{origin} holds PIL images, but {names[odd]} is a {type(pictures[odd]).__name__}.")
    forms, sizes = zip(*(heading(picture) for picture in pictures), strict=True)
    if wanted is None:
        refuse_mixed(sizes, names, origin)
    form = richest(forms)
    values = np.stack([to_array(picture, form, wanted) for picture in pictures])
    return Raw(values, kind="image", origin=origin)
