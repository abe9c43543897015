"""A video file written: frames encoded, the sound copied as it is, both in the order of their times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.data.video_files import opened, pyav
from isthmus.exceptions import DataError, ParameterError
from isthmus.storage.atomic import StrPath

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from isthmus.data.video import Video

#: Rate of a folder of frames, unless it is said.
FOLDER_RATE = Fraction(25)
#: Container and codecs by the ending, the best that the build of FFmpeg has; no ending: a folder of frames.
_H264 = ("libx264", "mpeg4")
WRITTEN: dict[str, tuple[str, tuple[str, ...]]] = {
    ".mp4": ("mp4", _H264),
    ".m4v": ("mp4", _H264),
    ".mov": ("mov", _H264),
    ".mkv": ("matroska", _H264),
    ".webm": ("webm", ("libvpx-vp9", "libvpx")),
    ".avi": ("avi", ("mpeg4",)),
}
#: A time is stored as so many parts of a second where the frames do not follow each other evenly.
_TICKS = 60_000
#: Number of BT.709, the colours of video today, in the lists of FFmpeg; of BT.601, which MPEG-4 part 2 is taken for.
_BT709, _BT601 = 1, 5


def write_file(
    new: Path,
    ending: str,
    frames: Iterator[np.ndarray],
    size: tuple[int, int],
    like: Video | None,
    times: list[Fraction] | None,
    quality: int,
    stack: ExitStack,
    path: StrPath,
) -> None:
    """Encode frames and copy the sound, in the order of their times."""
    av = pyav()
    container, codecs = WRITTEN[ending]
    codec = next((name for name in codecs if name in av.codecs_available), None)
    if codec is None:
        raise ParameterError(f"This build of FFmpeg has none of {', '.join(codecs)}, which {ending} is written with.")
    clock = _clock(like, times)
    try:
        out = stack.enter_context(av.open(str(new), "w", format=container))
        stream = _video_stream(out, codec, size, clock, like, quality)
        sound = _Sound(out, like, stack, path) if like is not None and like.sound else None
        start = Fraction(0)
        if times:
            start = max(Fraction(0), min([times[0], *(() if sound is None else sound.starts)]))
        count = 0
        for count, frame in enumerate(frames, 1):
            if times is not None and count > len(times):
                break
            time = (count - 1) / FOLDER_RATE if times is None else times[count - 1] - start
            _encode(out, stream, frame, round(time / clock), clock)
            if sound is not None:
                sound.copy_until(time, start)
        refuse_another_number(count, like, times, path)
        out.mux(stream.encode())
        if sound is not None:
            sound.copy_until(None, start)
    except av.FFmpegError as error:
        if isinstance(error, OSError):  # a full disk, a place that may not be written
            raise OSError(error.errno, error.strerror) from error
        raise DataError(f"Cannot write {path}: FFmpeg says {error.strerror!r}. Try another ending.") from error


def _clock(like: Video | None, times: list[Fraction] | None) -> Fraction:
    """Length of a tick of the times written: one frame where they follow each other evenly."""
    if like is None or times is None:
        return 1 / FOLDER_RATE
    tick = 1 / like.rate
    even = all(abs(time - times[0] - i * tick) < tick / 4 for i, time in enumerate(times))
    # An offset that is no whole number of frames would be lost at one tick a frame.
    return tick if even and times[0] % tick == 0 else Fraction(1, _TICKS)


def _video_stream(
    out: OutputContainer, codec: str, size: tuple[int, int], clock: Fraction, like: Video | None, quality: int
) -> VideoStream:
    """Give the stream that frames of a size are encoded into."""
    options = {"crf": str(quality)}
    if codec == "mpeg4":  # its own scale goes from 1 to 31
        scale = str(max(1, round(quality * 31 / 51)))
        options = {"qmin": scale, "qmax": scale}
    elif codec.startswith("libvpx"):
        options["b"] = "0"
    stream: Any = out.add_stream(codec, rate=FOLDER_RATE if like is None else like.rate, options=options)
    stream.height, stream.width = size
    # Half the colours in each direction, as everything plays it, need even sides.
    stream.pix_fmt = "yuv420p" if codec == "mpeg4" or not (size[0] % 2 or size[1] % 2) else "yuv444p"
    stream.time_base = stream.codec_context.time_base = clock
    if codec != "mpeg4":  # which has no place for it in every container, and is taken for BT.601
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = 1  # 16 to 235
    return stream


def _encode(out: OutputContainer, stream: VideoStream, values: np.ndarray, pts: int, clock: Fraction) -> None:
    av = pyav()
    frame = av.VideoFrame.from_ndarray(values, format="rgb24")
    matrix = _BT601 if stream.codec_context.name == "mpeg4" else _BT709
    frame = frame.reformat(format=stream.pix_fmt, dst_colorspace=matrix, dst_color_range=1)
    frame.pts, frame.time_base = pts, clock
    out.mux(stream.encode(frame))


class _Sound:
    """Packets of sound, copied from one file to another as the frames get there."""

    def __init__(self, out: OutputContainer, like: Video, stack: ExitStack, path: StrPath):
        self.out = out
        self.file = stack.enter_context(opened(like.path))
        self.starts: list[Fraction] = []
        held = out.supported_codecs
        self.streams: dict[int, Any] = {}
        for stream in self.file.streams.audio:
            name = stream.codec_context.codec.canonical_name
            if name not in held:
                raise DataError(
                    f"The sound of {like.path.name} is {name}, which {Path(path).suffix} cannot hold. Write .mkv, "
                    "which holds any, or the ending of the source."
                )
            self.streams[stream.index] = out.add_stream_from_template(stream)
            if stream.start_time is not None and stream.time_base is not None:
                self.starts.append(stream.start_time * stream.time_base)
        self.packets = self.file.demux(*self.file.streams.audio)
        self.waiting: Any = None

    def copy_until(self, time: Fraction | None, start: Fraction) -> None:
        """Copy what is heard up to a time, or all that is left, with all times moved to the start."""
        while True:
            packet = self.waiting if self.waiting is not None else next(self.packets, None)
            self.waiting = packet
            if packet is None:
                return
            if packet.dts is not None and packet.time_base is not None:
                if time is not None and packet.dts * packet.time_base - start > time:
                    return
                shift = round(start / packet.time_base)
                packet.dts -= shift
                packet.pts = None if packet.pts is None else packet.pts - shift
                packet.stream = self.streams[packet.stream.index]
                self.out.mux(packet)
            self.waiting = None


def refuse_another_number(count: int, like: Video | None, times: list[Fraction] | None, path: StrPath) -> None:
    """Refuse another number of frames than the source has: they would not go with its sound."""
    if like is not None and times is not None and count != len(times):
        came = "more" if count > len(times) else count
        raise DataError(
            f"{path} was to get the {len(times)} frames of {like.path.name}, but {came} came. Give one for each, or "
            "leave like= out."
        )
