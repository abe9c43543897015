"""Video files opened by PyAV, and whether a file is whole: FFmpeg takes the end of what is there for its end."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from isthmus.exceptions import DataError, MissingExtraError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

_MATROSKA, _SEGMENT = 0x1A45DFA3, 0x18538067


def opened(path: Path) -> InputContainer:
    """Open a video file for reading."""
    av = pyav()
    try:
        return av.open(str(path))
    except av.FFmpegError as error:
        raise damaged_video(path, error.strerror) from error


def video_of(file: InputContainer, path: Path) -> VideoStream:
    """Give the stream of pictures of a file."""
    if not file.streams.video:
        raise DataError(f"{path} holds no video, only {', '.join(s.type for s in file.streams) or 'nothing'}.")
    return file.streams.video[0]


def damaged_video(path: Path, why: str) -> DataError:
    """Say which video cannot be read, and why."""
    return DataError(f"The video {path} cannot be read: it is damaged, cut off or no video ({why}).")


def pyav() -> Any:
    """Give PyAV, which an extra brings."""
    try:
        import av  # noqa: PLC0415 - an optional package
    except ImportError as error:
        raise MissingExtraError(
            'Videos need the package av, which is not installed. Install it with: pip install "isthmus[video]"'
        ) from error
    return av


def refuse_cut_off(path: Path) -> None:
    """Refuse an MP4, MOV, AVI, Matroska or WebM file that is shorter than its headings say, and an empty file.

    Raises
    ------
    DataError
        With both lengths in bytes.
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        expected = _expected(file, length)
    if length == 0:
        raise DataError(f"The video {path} is empty (0 bytes).")
    if expected > length:
        raise DataError(f"The video {path} is cut off: it has {length} bytes of {expected}. Fetch it again.")


def _expected(file: BinaryIO, length: int) -> int:
    """Bytes that a file says it has, or those that it has where it does not say."""
    start = file.read(12)
    if start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free"):
        return _end_of_boxes(file, length)
    if start[:4] == b"RIFF":
        return 8 + struct.unpack("<I", start[4:8])[0] if len(start) > 7 else length
    if start[:4] == _MATROSKA.to_bytes(4, "big"):
        return _end_of_segment(file, length)
    return length


def _end_of_boxes(file: BinaryIO, length: int) -> int:
    """Where the last box of the ISO base media file format (ISO/IEC 14496-12, section 4.2) ends."""
    place = 0
    while place < length:
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            return place + 8
        size = struct.unpack(">I", head[:4])[0]
        if size == 0:  # to the end of the file
            return length
        if size == 1:
            if len(head) < 16:
                return place + 16
            size = struct.unpack(">Q", head[8:16])[0]
        if size < 8:  # no box: what follows is not for us to judge
            return length
        place += size
    return place


def _end_of_segment(file: BinaryIO, length: int) -> int:
    """Where the segment of a Matroska file ends (RFC 9559); it may leave that unsaid."""
    place = 0
    for wanted in (_MATROSKA, _SEGMENT):
        file.seek(place)
        if file.read(4) != wanted.to_bytes(4, "big"):
            return length
        first = file.read(1)
        width = 9 - first[0].bit_length() if first else 9
        rest = file.read(width - 1)
        if width > 8 or len(rest) < width - 1:
            return length
        size = int.from_bytes(bytes([first[0] & ((1 << (8 - width)) - 1)]) + rest, "big")
        if size == (1 << (7 * width)) - 1:  # unknown, as in a live recording
            return length
        place += 4 + width + size
    return place
