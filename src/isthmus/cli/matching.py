"""Pictures from files in the form of those that a model was fitted on: as many bits, the same channels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from isthmus.exceptions import DataError

if TYPE_CHECKING:
    from isthmus.data import Raw, Schema

#: What stands for opaque, by the whole numbers of a file; 255 * 257 = 65535.
OPAQUE = {"uint8": 255, "uint16": 65535}
BYTES_A_WORD = 257
NAMES = {1: "grey", 2: "grey with opacity", 3: "RGB", 4: "RGB with opacity"}


def alike(raw: Raw, schema: Schema) -> Raw:
    """Give pictures the channels and the bits that a model was fitted on, where nothing is lost or made up by it.

    Raises
    ------
    DataError
        Where the colours or the opacity would be lost, or the model was fitted on numbers in units of their own.
    """
    values = _bits(raw, schema.dtype)
    wanted = (*schema.item_shape, 1)[2]
    if values.ndim == 3:
        values = values[..., None]
    values = _channels(values, wanted, raw.origin)
    return replace(raw, values=values.reshape(len(values), *values.shape[1:3], *schema.item_shape[2:]))


def _bits(raw: Raw, wanted: str) -> np.ndarray:
    values: np.ndarray = np.asarray(raw.values)
    found = str(values.dtype)
    if found == wanted or (values.dtype.kind == "f" and np.dtype(wanted).kind == "f"):
        return values
    if found not in OPAQUE or wanted not in OPAQUE:
        raise DataError(
            f"The pictures of {raw.origin} are of {found}, but the model was fitted on {wanted}, whose unit a file of "
            "pictures does not tell. Bring them as an array in a .npy file, in the units that it was fitted on."
        )
    if wanted == "uint16":
        return values.astype(np.uint16) * np.uint16(BYTES_A_WORD)
    # Half of 257 is added first, so that the division rounds.
    return ((values.astype(np.uint32) + BYTES_A_WORD // 2) // BYTES_A_WORD).astype(np.uint8)


def _channels(values: np.ndarray, wanted: int, origin: str) -> np.ndarray:
    """Widen grey, add opacity, or take one away that hides nothing: (n, h, w, c) to (n, h, w, wanted)."""
    found = values.shape[-1]
    if found == wanted:
        return values
    # Of floats, opacity has no known unit.
    opaque = OPAQUE.get(str(values.dtype))
    hides = found in (2, 4) and (opaque is None or bool((values[..., -1] != opaque).any()))
    loses = found in (3, 4) and wanted in (1, 2)
    if not {found, wanted} <= set(NAMES) or loses or (hides and wanted not in (2, 4)) or opaque is None:
        said, has = (NAMES.get(c, f"of {c} channels") for c in (found, wanted))
        raise DataError(
            f"The pictures of {origin} are {said}, but the model was fitted on pictures that are {has}. Convert them, "
            "so that nothing is lost unasked, or fit a model on pictures of this form."
        )
    colours = values[..., :-1] if found in (2, 4) else values
    if colours.shape[-1] == 1 and wanted > 2:
        colours = np.repeat(colours, 3, axis=-1)
    if wanted in (1, 3):
        return colours
    alpha = values[..., -1:] if found in (2, 4) else np.full_like(values[..., :1], opaque)
    return np.concatenate([colours, alpha], axis=-1)
