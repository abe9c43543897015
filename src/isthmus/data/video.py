"""Videos, read a frame at a time: a file, or a folder of numbered frames; written back with their sound and times."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.data.paths import existing
from isthmus.data.photos import as_photos, write_photo
from isthmus.data.pictures import unified
from isthmus.data.video_checks import refuse_cut_off
from isthmus.exceptions import DataError, MissingExtraError, ParameterError
from isthmus.storage import atomic

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

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


class Video:
    """A video whose frames are read one at a time, upright.

    Parameters
    ----------
    path : str or path
        A file that FFmpeg reads, or a folder of numbered frames: pictures of one size, in the order of their numbers.
    rate : int or Fraction, optional
        Frames a second, for a folder; by default 25. A file says its own.

    Attributes
    ----------
    path : Path
    size : (int, int)
        Height and width of a frame, in pixels.
    rate : Fraction
        Frames a second, on average.
    n_frames : int or None
        None where the file does not say it.
    sound : bool
        Whether there is any.

    Raises
    ------
    DataError
        Where there is no such file, it is cut off, or it holds no video.
    ParameterError
        Where a rate is given for a file, or it is not positive.
    MissingExtraError
        Where PyAV is not installed: it comes with `isthmus[video]`. Folders need it only to be written as a video.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> from isthmus.data.video import Video, write_video
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "frames"
    >>> write_video(path, (np.full((4, 6, 3), i, np.uint8) for i in range(3)))
    >>> video = Video(path, rate=24)
    >>> video.size, video.rate, video.n_frames
    ((4, 6), Fraction(24, 1), 3)
    >>> [int(frame.max()) for frame in video.frames()]
    [0, 1, 2]
    """

    def __init__(self, path: atomic.StrPath, rate: float | Fraction | None = None):
        self.path = existing(path)
        self.sound = False
        self.n_frames: int | None
        if self.path.is_dir():
            self._photos = _in_order(self.path)
            self.size, self.n_frames = self._photos.sizes[0], len(self._photos)
            self.rate = FOLDER_RATE if rate is None else _positive(rate)
            return
        if rate is not None:
            raise ParameterError(
                f"rate={rate!r} is for folders of frames: {self.path.name} says its own. Leave it out."
            )
        refuse_cut_off(self.path)
        with _opened(self.path) as file:
            stream = _video_of(file, self.path)
            self.rate = Fraction(stream.average_rate or stream.guessed_rate or FOLDER_RATE)
            self.n_frames = stream.frames or None
            self.sound = bool(file.streams.audio)
        # Only a frame says how it is turned.
        self.size = next(self.frames()).shape[:2]

    def __repr__(self) -> str:
        frames = "unknown number" if self.n_frames is None else self.n_frames
        height, width = self.size
        return f"Video({str(self.path)!r}): {height} x {width}, {float(self.rate):.4g} a second, {frames} of frames"

    def frames(self) -> Iterator[np.ndarray]:
        """Read the frames one after the other.

        Yields
        ------
        ndarray of uint8, shape (h, w, 3)
            Red, green and blue.

        Raises
        ------
        DataError
            Where the file is damaged or cut off (the message says after which frame), holds no frame, or a frame is of
            another size.
        """
        first: tuple[int, ...] | None = None
        for i, frame in enumerate(self._folder_frames() if self.path.is_dir() else self._file_frames()):
            first = frame.shape if first is None else first
            if frame.shape != first:
                raise DataError(
                    f"Frame {i} of {self.path} is {frame.shape[0]} x {frame.shape[1]} (height x width), while those "
                    f"before are {first[0]} x {first[1]}. Give a video whose frames are all of one size."
                )
            yield frame
        if first is None:
            raise DataError(f"{self.path} holds a video stream, but not one frame.")

    def times(self) -> list[Fraction]:
        """Give when each frame is shown, in seconds; a file is decoded for it, as no heading says it for certain."""
        if self.path.is_dir():
            return [i / self.rate for i in range(len(self._photos))]
        return [
            i / self.rate if frame.pts is None else frame.pts * Fraction(frame.time_base)
            for i, frame in enumerate(self._decoded())
        ]

    def _folder_frames(self) -> Iterator[np.ndarray]:
        for i, name in enumerate(self._photos.names):
            values = self._photos[i]
            if values.dtype.kind == "f":
                raise DataError(
                    f"{name} of {self.path} holds floats, but frames are of 8 or 16 bits. Convert it first."
                )
            deep = values.dtype == np.uint16
            colours = unified(values, 4 if values.shape[2] in (2, 4) else 3, values.dtype)[..., :3]
            yield (colours >> 8).astype(np.uint8) if deep else colours

    def _file_frames(self) -> Iterator[np.ndarray]:
        for frame in self._decoded():
            yield np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90)))

    def _decoded(self) -> Iterator[VideoFrame]:
        av = _av()
        read = 0
        with _opened(self.path) as file:
            stream = _video_of(file, self.path)
            stream.thread_type = "AUTO"
            try:
                for packet in file.demux(stream):
                    if packet.is_corrupt:
                        raise _damaged(self.path, f"after frame {read} a packet is incomplete")
                    for frame in packet.decode():
                        yield frame
                        read += 1
            except av.FFmpegError as error:
                raise _damaged(self.path, f"after frame {read}: {error.strerror}") from error


def write_video(
    path: atomic.StrPath, frames: Iterable[np.ndarray], *, like: Video | None = None, quality: int = 18
) -> None:
    """Write frames as a video, whole or not at all, with the times and the sound of the video that they come from.

    Parameters
    ----------
    path : str or path
        .mp4, .m4v, .mov, .mkv (H.264, or MPEG-4 where this build of FFmpeg lacks it), .webm (VP9) or .avi (MPEG-4). A
        name without an ending is a folder of numbered PNG files.
    frames : iterable of ndarray of uint8, shape (h, w, 3), (h, w, 1) or (h, w)
        Read one at a time, so that a generator will do.
    like : Video, optional
        As many frames as it has are expected; each is shown when its own is, and its sound is copied as it is, not
        encoded anew. Without it there are 25 frames a second.
    quality : int, default=18
        From 0, without loss to the eye or nearly so, to 51: the constant rate factor of H.264, and its like.

    Raises
    ------
    DataError
        Where there are no frames, they are of several sizes or no bytes, not as many as `like` has, or the container
        cannot hold its sound. Nothing is written, and what was there before stays.
    ParameterError
        Where the ending or the quality is not known.
    ModelFileError
        Where the place cannot be written or the disk is full.
    MissingExtraError
        Where PyAV is not installed: it comes with `isthmus[video]`.
    """
    ending = check_written(path)
    if not 0 <= quality <= 51:
        raise ParameterError(f"quality={quality!r} is not from 0 (best) to 51 (smallest).")
    each = _frames_checked(frames, path)
    first = next(each)
    each = itertools.chain([first], each)
    times = None if like is None else like.times()
    if not ending:
        with atomic.folder(path) as new:
            count = 0
            for count, frame in enumerate(each, 1):
                write_photo(new / f"frame_{count:06}.png", frame)
            _as_many(count, like, times, path)
        return
    with atomic.file(path) as new, ExitStack() as stack:
        _write_file(new, ending, each, first.shape[:2], like, times, quality, stack, path)


def check_written(path: atomic.StrPath) -> str:
    """Give the ending of a video that is to be written, "" for a folder; refuse one that is not known."""
    ending = Path(path).suffix.lower()
    if ending and ending not in WRITTEN:
        raise ParameterError(
            f"Cannot tell by {Path(path).name!r} how to write a video. Endings known are {', '.join(WRITTEN)}; a name "
            "without an ending is a folder of frames."
        )
    return ending


def _write_file(
    new: Path,
    ending: str,
    frames: Iterator[np.ndarray],
    size: tuple[int, int],
    like: Video | None,
    times: list[Fraction] | None,
    quality: int,
    stack: ExitStack,
    path: atomic.StrPath,
) -> None:
    """Encode frames and copy the sound, in the order of their times."""
    av = _av()
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
        _as_many(count, like, times, path)
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
    av = _av()
    frame = av.VideoFrame.from_ndarray(values, format="rgb24")
    matrix = _BT601 if stream.codec_context.name == "mpeg4" else _BT709
    frame = frame.reformat(format=stream.pix_fmt, dst_colorspace=matrix, dst_color_range=1)
    frame.pts, frame.time_base = pts, clock
    out.mux(stream.encode(frame))


class _Sound:
    """Packets of sound, copied from one file to another as the frames get there."""

    def __init__(self, out: OutputContainer, like: Video, stack: ExitStack, path: atomic.StrPath):
        self.out = out
        self.file = stack.enter_context(_opened(like.path))
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


def _frames_checked(frames: Iterable[np.ndarray], path: atomic.StrPath) -> Iterator[np.ndarray]:
    """Give frames as (h, w, 3); refuse none, those that are no bytes or colours, and several sizes."""
    size: tuple[int, ...] | None = None
    for i, brought in enumerate(frames):
        values = np.asarray(brought)
        values = values[..., None] if values.ndim == 2 else values
        if values.dtype != np.uint8 or values.ndim != 3 or values.shape[2] not in (1, 3) or 0 in values.shape:
            raise DataError(
                f"Frame {i} for {path} is {values.dtype} of shape {values.shape}, but frames are uint8 of (h, w, 3), "
                "(h, w, 1) or (h, w)."
            )
        size = values.shape[:2] if size is None else size
        if values.shape[:2] != size:
            raise DataError(
                f"Frame {i} for {path} is {values.shape[0]} x {values.shape[1]} (height x width), while those before "
                f"are {size[0]} x {size[1]}. All must be of one size."
            )
        yield np.ascontiguousarray(np.broadcast_to(values, (*size, 3)))
    if size is None:
        raise DataError(f"There is no frame to write to {path}.")


def _as_many(count: int, like: Video | None, times: list[Fraction] | None, path: atomic.StrPath) -> None:
    """Refuse another number of frames than the source has: they would not go with its sound."""
    if like is not None and times is not None and count != len(times):
        came = "more" if count > len(times) else count
        raise DataError(
            f"{path} was to get the {len(times)} frames of {like.path.name}, but {came} came. Give one for each, or "
            "leave like= out."
        )


def _in_order(folder: Path) -> Any:
    """Give the pictures of a folder in the order of the numbers in their names."""
    photos = as_photos(folder)
    keys = [[int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)] for name in photos.names]
    return photos.take(sorted(range(len(photos)), key=keys.__getitem__))


def _positive(rate: float | Fraction) -> Fraction:
    if not rate > 0:
        raise ParameterError(f"rate={rate!r} must be a positive number of frames a second.")
    return Fraction(rate).limit_denominator(1001)


def _opened(path: Path) -> InputContainer:
    av = _av()
    try:
        return av.open(str(path))
    except av.FFmpegError as error:
        raise _damaged(path, error.strerror) from error


def _video_of(file: InputContainer, path: Path) -> VideoStream:
    if not file.streams.video:
        raise DataError(f"{path} holds no video, only {', '.join(s.type for s in file.streams) or 'nothing'}.")
    return file.streams.video[0]


def _damaged(path: Path, why: str) -> DataError:
    return DataError(f"The video {path} cannot be read: it is damaged, cut off or no video ({why}).")


def _av() -> Any:
    """Give PyAV, which an extra brings."""
    try:
        import av  # noqa: PLC0415 - an optional package
    except ImportError as error:
        raise MissingExtraError(
            'Videos need the package av, which is not installed. Install it with: pip install "isthmus[video]"'
        ) from error
    return av
