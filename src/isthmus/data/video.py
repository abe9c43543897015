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
from isthmus.data.video_encoding import FOLDER_RATE, WRITTEN, refuse_another_number, write_file
from isthmus.data.video_files import damaged_video, opened, pyav, refuse_cut_off, video_of
from isthmus.exceptions import DataError, ParameterError
from isthmus.storage import atomic

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


#: Endings of files that are taken as videos.
ENDINGS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".ogv", ".3gp")


def is_video_file(path: atomic.StrPath) -> bool:
    """Whether a file is a video, by its ending."""
    return str(path).lower().endswith(ENDINGS)


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
        with opened(self.path) as file:
            stream = video_of(file, self.path)
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
            i / self.rate if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base
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
        av = pyav()
        read = 0
        with opened(self.path) as file:
            stream = video_of(file, self.path)
            stream.thread_type = "AUTO"
            try:
                for packet in file.demux(stream):
                    if packet.is_corrupt:
                        raise damaged_video(self.path, f"after frame {read} a packet is incomplete")
                    for frame in packet.decode():
                        yield frame
                        read += 1
            except av.FFmpegError as error:
                raise damaged_video(self.path, f"after frame {read}: {error.strerror}") from error


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
            refuse_another_number(count, like, times, path)
        return
    with atomic.file(path) as new, ExitStack() as stack:
        write_file(new, ending, each, first.shape[:2], like, times, quality, stack, path)


def check_written(path: atomic.StrPath) -> str:
    """Give the ending of a video that is to be written, "" for a folder; refuse one that is not known."""
    ending = Path(path).suffix.lower()
    if ending and ending not in WRITTEN:
        raise ParameterError(
            f"Cannot tell by {Path(path).name!r} how to write a video. Endings known are {', '.join(WRITTEN)}; a name "
            "without an ending is a folder of frames."
        )
    return ending


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


def _in_order(folder: Path) -> Any:
    """Give the pictures of a folder in the order of the numbers in their names."""
    photos = as_photos(folder)
    keys = [[int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)] for name in photos.names]
    return photos.take(sorted(range(len(photos)), key=keys.__getitem__))


def _positive(rate: float | Fraction) -> Fraction:
    if not rate > 0:
        raise ParameterError(f"rate={rate!r} must be a positive number of frames a second.")
    return Fraction(rate).limit_denominator(1001)
