"""PNG of 16 bits a channel, which Pillow reads and writes as 8: the pixels as they are, nothing else of the format.

PNG (Portable Network Graphics) Specification, third edition, W3C 2025, sections 7 to 11.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Colour type in the header by channels: grey, grey and opacity, RGB, RGB and opacity.
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
CHANNELS = {colour: channels for channels, colour in COLOUR_TYPES.items()}
#: First row, first column and steps of the seven passes of an interlaced file.
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


class Header(NamedTuple):
    """What the first chunk of a PNG says."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool


def header(path: Path) -> Header | None:
    """Give the header of a PNG; None for any other file."""
    with path.open("rb") as file:
        start = file.read(33)
    if len(start) < 33 or start[:8] != SIGNATURE or start[12:16] != b"IHDR":
        return None
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", start[16:29])
    return Header(width, height, depth, colour, bool(interlaced))


def read(path: Path) -> np.ndarray:
    """Read a PNG of 16 bits: uint16 of shape (h, w, c); a colour that is marked as transparent adds the opacity."""
    head = header(path)
    assert head is not None
    found = list(_chunks(path.read_bytes()))
    key = next((body for name, body in found if name == b"tRNS"), None)
    channels = CHANNELS[head.colour]
    grid = _ADAM7 if head.interlaced else ((0, 0, 1, 1),)
    places = [(slice(row, None, down), slice(col, None, across)) for row, col, down, across in grid]
    out = np.empty((head.height, head.width, channels), np.uint16)
    passes = [(place, out[place].shape[:2]) for place in places]
    passes = [(place, (h, w)) for place, (h, w) in passes if h and w]
    expected = sum(h * (1 + w * channels * 2) for _, (h, w) in passes)
    # No more than is expected is unpacked, so that a small file cannot fill the memory.
    raw = zlib.decompressobj().decompress(b"".join(body for name, body in found if name == b"IDAT"), expected)
    if len(raw) < expected:
        raise ValueError("its pixels end early")
    start = 0
    for place, (h, w) in passes:
        size = h * (1 + w * channels * 2)
        lines = np.frombuffer(raw, np.uint8, size, start).reshape(h, -1)
        out[place] = _unfiltered(lines[:, 0], lines[:, 1:].reshape(h, w, channels * 2)).view(">u2")
        start += size
    if key is None:
        return out
    clear = (out == np.frombuffer(key, ">u2", channels)).all(axis=2, keepdims=True)
    return np.concatenate([out, np.where(clear, 0, 65535).astype(np.uint16)], axis=2)


def encode(values: np.ndarray, profile: bytes | None = None) -> bytes:
    """Give uint16 of shape (h, w, c), c from 1 to 4, as a PNG; `profile` is an ICC profile."""
    h, w, channels = values.shape
    x = np.ascontiguousarray(values.astype(">u2")).view(np.uint8).reshape(h, w, channels * 2)
    around = np.pad(x, ((1, 0), (1, 0), (0, 0))).astype(np.int16)
    guess = _paeth(around[1:, :-1], around[:-1, 1:], around[:-1, :-1])
    lines = np.concatenate([np.full((h, 1), 4, np.uint8), (x - guess).astype(np.uint8).reshape(h, -1)], axis=1)
    head = struct.pack(">IIBBBBB", w, h, 16, COLOUR_TYPES[channels], 0, 0, 0)
    parts = [(b"IHDR", head)]
    if profile is not None:
        parts.append((b"iCCP", b"icc\0\0" + zlib.compress(profile)))
    parts += [(b"IDAT", zlib.compress(lines.tobytes(), 6)), (b"IEND", b"")]
    return SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give names and bodies of the chunks; a ValueError where the file is cut off or altered."""
    place = len(SIGNATURE)
    name = b""
    while name != b"IEND":
        if place + 12 > len(data):
            raise ValueError("it is cut off")
        (size,) = struct.unpack_from(">I", data, place)
        name, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + size]
        if len(body) < size or data[place + 8 + size : place + 12 + size] != struct.pack(">I", zlib.crc32(name + body)):
            raise ValueError("it is cut off or its checksum is wrong")
        yield name, body
        place += 12 + size


def _paeth(left: np.ndarray, up: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Whichever of three neighbours is nearest to left + up - corner (section 9.4)."""
    by_left, by_up = np.abs(up - corner), np.abs(left - corner)
    by_corner = np.abs(left + up - 2 * corner)
    nearest = np.where(by_up <= by_corner, up, corner)
    return np.where((by_left <= by_up) & (by_left <= by_corner), left, nearest)


def _unfiltered(filters: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Undo the filters of the lines; x of shape (h, w, bytes of a pixel).

    A pixel depends on those to its left and above: all pixels of one diagonal are found at once.
    """
    if filters.max() > 4:
        raise ValueError(f"a line has the filter {filters.max()}, which PNG does not know")
    h, w, size = x.shape
    out = np.empty_like(x)
    kind = filters[:, None]
    # The two diagonals before, with a line of zeros above the first line.
    before = np.zeros((h + 1, size), np.int16)
    last = np.zeros((h + 1, size), np.int16)
    for diagonal in range(w + h - 1):
        lines = np.arange(max(0, diagonal - w + 1), min(h - 1, diagonal) + 1)
        columns = diagonal - lines
        left, up, corner = last[lines + 1], last[lines], before[lines]
        guess = np.choose(kind[lines], [np.zeros_like(left), left, up, (left + up) >> 1, _paeth(left, up, corner)])
        pixel = (x[lines, columns] + guess) & 255
        out[lines, columns] = pixel
        before, last = last, before
        last[:] = 0
        last[lines + 1] = pixel
    return out
