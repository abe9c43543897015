"""The IDX format of MNIST: a magic number, the sides, then the values; gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np

from isthmus.data.arrays import from_array
from isthmus.data.raw import Raw
from isthmus.exceptions import DataError

#: dtypes by the third byte of the magic number.
DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path) -> Raw:
    """Read an IDX file; labels that lie beside it under MNIST's names are set aside as `extra["label"]`."""
    raw = from_array(load_idx(path), str(path))
    beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    if beside != path and beside.is_file():
        labels = load_idx(beside)
        if labels.shape == (len(raw),):
            return replace(raw, extra={"label": labels})
    return raw


def load_idx(path: Path) -> np.ndarray:
    """Give the array of an IDX file."""
    content = _content(path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in DTYPES or content[3] == 0:
        raise DataError(
            f"{path} is no IDX file: it starts with {content[:4].hex(' ')}, not with 00 00, a type and sides."
        )
    dtype, axes = np.dtype(DTYPES[content[2]]), content[3]
    start = 4 + 4 * axes
    if len(content) < start:
        raise DataError(f"{path} is cut off: its heading alone needs {start} bytes, it has {len(content)}.")
    shape = tuple(int(side) for side in np.frombuffer(content, ">u4", axes, 4))
    expected = start + prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise DataError(
            f"{path} is cut off or damaged: an array of shape {shape} needs {expected} bytes, it has {len(content)}."
        )
    values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def _content(path: Path) -> bytes:
    """Bytes of a file, unpacked where they are gzipped, whatever its name says."""
    content = path.read_bytes()
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged or cut off: it cannot be unpacked ({error}).") from error
