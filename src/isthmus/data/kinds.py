"""What kind of data an array is: as a person says, or by its axes and values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from isthmus.data.checks import refuse_empty, refuse_one_axis, shorten
from isthmus.data.column import Column
from isthmus.data.raw import Raw
from isthmus.data.registry import OF_RATINGS, OF_TEXTS, PREPARATIONS, TOKENS
from isthmus.exceptions import DataError, ParameterError

#: Sides at least this long make three axes of an array look like pictures.
SMALLEST_PICTURE = 8


def check_kind(kind: str) -> None:
    """Refuse kinds that there are not."""
    kinds = ("auto", *PREPARATIONS, *TOKENS, *OF_TEXTS, *OF_RATINGS)
    if kind in kinds:
        return
    known = ", ".join(map(repr, kinds))
    raise ParameterError(f"kind={kind!r} is not known. Give one of {known}.")


def arrange(raw: Raw, kind: str) -> Raw:
    """Give a `Raw` of some axes the kind asked for, or else the one that it looks like."""
    if raw.lengths is not None:
        return raw
    if raw.kind in OF_TEXTS or kind in OF_TEXTS:
        return _of_texts(raw, kind)
    if raw.kind in TOKENS:
        return _as_tokens(raw, kind)
    if raw.kind in OF_RATINGS:
        return raw
    shape = tuple(raw.values.shape)
    refuse_one_axis(shape, raw.origin)
    refuse_empty(shape, raw.origin)
    if kind == "auto":
        kind = raw.kind or infer_kind(raw)
    if raw.flat:  # another kind is asked for what was brought flat
        raw = replace(raw, values=raw.values.reshape(len(raw), -1), flat=False)
    if kind != "table" and raw.schema.is_mixed:
        columns = raw.columns or (Column(""),)
        odd = next((column for column in columns if not column.is_numeric), columns[0])
        raise DataError(
            f"Column {odd.name!r} of {raw.origin} is of type {odd.type!r}, but kind={kind!r} needs numbers without a "
            "schema. Leave kind out, or the column."
        )
    values = (PREPARATIONS | TOKENS | OF_RATINGS)[kind].arrange(raw.values, raw.origin)
    return replace(raw, values=values, kind=kind, flat=values.ndim != raw.values.ndim)


def _as_tokens(raw: Raw, kind: str) -> Raw:
    """Give rows of tokens as they are, if nothing else is asked for."""
    if kind in ("auto", raw.kind):
        return raw
    rows = f"{TOKENS[raw.kind].row}s"
    raise DataError(
        f"{raw.origin} holds {rows}, for example {shorten(raw.values[0])}, but kind={kind!r} was asked for. Leave kind "
        f"out, or give data of that kind."
    )


def _of_texts(raw: Raw, kind: str) -> Raw:
    """Texts stay what they are: neither are they numbers, nor numbers texts."""
    if raw.kind not in OF_TEXTS:
        OF_TEXTS[kind].arrange(raw.values, raw.origin)
    if kind not in ("auto", raw.kind):
        raise DataError(f"{raw.origin} holds texts, kind={raw.kind!r}, which cannot be taken as kind={kind!r}.")
    return raw


def infer_kind(raw: Raw) -> str:
    """Say what kind an array is by its axes and values."""
    values = raw.values
    if values.ndim == 2:
        return "vector"
    if values.ndim == 4:
        _refuse_channels_first(values.shape, raw.origin)
        return "image"
    if values.ndim > 4:
        raise DataError(
            f"{raw.origin} has {values.ndim} axes (shape {values.shape}). Expected (n, d) for vectors, (n, "
            "time, channels) for sequences, (n, h, w) or (n, h, w, c) for pictures."
        )
    if values.dtype in (np.uint8, np.uint16):
        return "image"
    low, high = sorted(values.shape[1:])
    pictures = low >= SMALLEST_PICTURE and high <= 2 * low and not bool((values < 0).any())
    return "image" if pictures else "sequence"


def _refuse_channels_first(shape: tuple[int, ...], origin: str) -> None:
    """Refuse pictures whose channels seem to come first: as they are they would be read wrongly."""
    if shape[1] in (1, 3, 4) and shape[-1] not in (1, 2, 3, 4):
        raise DataError(
            f"{origin} has shape {shape}, which looks like pictures with their channels first. Arrays hold "
            "pictures as (n, h, w, c): use X.transpose(0, 2, 3, 1) or a torch tensor, or give "
            "kind='image' to have it taken as it is."
        )
