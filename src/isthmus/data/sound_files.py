"""One file that holds one sound: to samples, and back to a file of the same form."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from isthmus.data.paths import ending_for_writing, refuse_without, visible_files
from isthmus.data.pictures import endings
from isthmus.exceptions import DataError, MissingExtraError
from isthmus.storage.atomic import StrPath, write_bytes

#: Formats of libsndfile by the ending.
FORMATS = {
    ".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".oga": "OGG", ".opus": "OGG", ".mp3": "MP3", ".aiff": "AIFF",
    ".aif": "AIFF", ".au": "AU", ".caf": "CAF", ".w64": "W64", ".rf64": "RF64",
}  # fmt: skip
#: Bits of the subtypes that hold whole numbers.
BITS = {"PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
#: What is written where no form is given, or the format of another cannot be had: without loss where there is one.
SUBTYPES = {".ogg": "VORBIS", ".oga": "VORBIS", ".opus": "OPUS", ".mp3": "MPEG_LAYER_III"}
#: Formats that are written as another one, which has the same subtypes: WAVE_FORMAT_EXTENSIBLE as plain WAV.
WRITTEN_AS = {"WAVEX": "WAV"}
#: Samples beyond this are none of a sound; their squares and Fourier transforms leave the range of float32.
MOST = 1e6
#: Samples that are read at once, so that a heading which says too many costs no memory.
BLOCK = 2**20
#: Values of the size in a heading that was written before the size was known.
_UNSAID = (0, 0xFFFFFFFF)
#: Length that libsndfile gives where the heading says none.
UNKNOWN = 2**62
#: Bytes at the end of an Ogg file that hold the heading of its last page, and the flag of a last page (RFC 3533).
_OGG_PAGE, _LAST_PAGE = 65_536, 4


class Form(NamedTuple):
    """How a sound is stored: samples per second, channels, samples per channel, format and subtype of libsndfile."""

    rate: int
    channels: int
    length: int
    format: str = "WAV"
    subtype: str = "FLOAT"


def is_sound_file(path: StrPath) -> bool:
    """Whether a file is a sound, by its ending."""
    return str(path).lower().endswith(tuple(FORMATS))


def sounds_in(folder: Path) -> list[Path]:
    """Sounds below a folder, sorted; hidden ones are left out."""
    files = visible_files(folder)
    found = [path for path in files if is_sound_file(path)]
    if not found:
        refuse_without(folder, files, "sound", ", ".join(FORMATS))
    return found


def holds_sounds(folder: Path) -> bool:
    """Whether a folder, with those below it, holds more sounds than pictures, by the endings of names.

    A cover among the pieces of an album does not make them pictures. Hidden files and folders are left out.
    """
    names = [path.name.lower() for path in visible_files(folder)]
    return sum(map(is_sound_file, names)) > sum(name.endswith(endings()) for name in names)


def look_at_sound(path: Path) -> Form:
    """Read the heading of a sound file.

    Raises
    ------
    DataError
        Where it is empty, cut off or no sound; the file is named.
    """
    sf = soundfile()
    if path.stat().st_size == 0:
        raise DataError(f"The sound {path} is empty (0 bytes).")
    _refuse_cut_off(path)
    try:
        info = sf.info(str(path))
    except (sf.SoundFileError, RuntimeError) as error:
        raise _damaged(path, error) from error
    if info.frames >= UNKNOWN:
        raise DataError(
            f"The sound {path} does not say how many samples it has: it was written to a pipe, or is damaged. Write it "
            "again, such as with: sox old.flac new.flac"
        )
    if info.frames == 0:
        raise DataError(f"The sound {path} holds no samples: it is {info.format} with nothing after its heading.")
    return Form(info.samplerate, info.channels, info.frames, info.format, info.subtype)


def read_samples(path: Path) -> np.ndarray:
    """Read the samples of a sound file, (time, channels) float32; whole numbers as shares of their range, -1 to 1.

    Raises
    ------
    DataError
        Where the file is damaged or cut off, or a sample is NaN or infinite: the file and the place are named.
    """
    sf = soundfile()
    form = look_at_sound(path)
    parts: list[np.ndarray] = []
    try:
        with sf.SoundFile(str(path)) as file:
            while not parts or len(parts[-1]) == BLOCK:
                parts.append(file.read(BLOCK, dtype="float32", always_2d=True))
        samples = np.concatenate(parts)
    except (sf.SoundFileError, RuntimeError, ValueError, MemoryError) as error:
        raise _damaged(path, error) from error
    if len(samples) < form.length:
        raise DataError(
            f"The sound {path} is cut off: {len(samples):,} of {form.length:,} samples can be read. Fetch it again."
        )
    refuse_odd(samples, str(path))
    return samples


def refuse_odd(samples: np.ndarray, name: str) -> None:
    """Refuse samples that are NaN, infinite or huge: there is no such pressure, and one would spread to others."""
    finite = np.isfinite(samples)
    if not finite.all():
        at, channel = np.argwhere(~finite)[0]
        raise DataError(
            f"{name} has {np.size(finite) - np.count_nonzero(finite):,} samples that are NaN or infinite, the first at "
            f"sample {at:,} of channel {channel}. Set them to 0, or fill them with isthmus.Imputer, first."
        )
    huge = np.abs(samples) > MOST
    if huge.any():
        at, channel = np.argwhere(huge)[0]
        raise DataError(
            f"{name} has {np.count_nonzero(huge):,} samples beyond {MOST:,.0f}, the first at sample {at:,} of channel "
            f"{channel}: {samples[at, channel]:g}. Samples of a sound lie from -1 to 1: divide them by their largest."
        )


def write_sound(path: StrPath, samples: np.ndarray, rate: int, *, like: Form | None = None) -> None:
    """Write one sound to a file, whole or not at all.

    Parameters
    ----------
    path : str or path
        Its ending says the format: .wav, .flac, .ogg, .mp3, .aiff, ...
    samples : ndarray of shape (time,) or (time, channels)
        Floats from -1 to 1; what is beyond is clipped where the form has whole numbers.
    rate : int
        Samples per second.
    like : Form, optional
        Form of the sound that it was made from: where the format is the same, its subtype (16 bits, 24 bits, float,
        ...) is kept. Otherwise 16 bits, or what the format has.

    Raises
    ------
    ParameterError
        Where the ending is not known.
    DataError
        Where the format cannot hold such a sound: nothing is written.
    ModelFileError
        Where the place cannot be written or the disk is full.
    MissingExtraError
        Where soundfile is not installed.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> from isthmus.data.sound_files import look_at_sound, write_sound
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "tone.flac"
    >>> write_sound(path, 0.5 * np.sin(np.arange(8000) / 4), 8000)
    >>> look_at_sound(path)
    Form(rate=8000, channels=1, length=8000, format='FLAC', subtype='PCM_16')
    """
    sf = soundfile()
    ending = check_written(path)
    form = FORMATS[ending]
    kept = like is not None and WRITTEN_AS.get(like.format, like.format) == form
    subtype = like.subtype if like is not None and kept else SUBTYPES.get(ending, "PCM_16")
    values = np.asarray(samples)
    refuse_odd(values.reshape(len(values), -1), f"The sound for {path}")
    if subtype in BITS:
        values = in_bits(values, BITS[subtype], np.int32) << (32 - BITS[subtype])
    out = io.BytesIO()
    try:
        sf.write(out, values, rate, format=form, subtype=subtype)
    except (sf.SoundFileError, RuntimeError, ValueError, TypeError) as error:
        channels = 1 if values.ndim == 1 else values.shape[1]
        raise DataError(
            f"Cannot write {path}: {form} ({subtype}) does not hold {channels} channels at {rate} samples per second "
            f"({error}). Give another ending; .wav holds any."
        ) from error
    write_bytes(path, out.getvalue())


def check_written(path: StrPath) -> str:
    """Give the ending of a sound that is to be written; refuse one that is not known."""
    return ending_for_writing(path, FORMATS, "a sound")


def in_bits(samples: np.ndarray, bits: int, dtype: Any) -> np.ndarray:
    """Give shares of the range, -1 to 1, as whole numbers of so many bits, rounded and clipped."""
    most = 2.0 ** (bits - 1)
    return np.rint(samples.astype(np.float64) * most).clip(-most, most - 1).astype(dtype)


def soundfile() -> Any:
    """Give soundfile, which an extra brings."""
    try:
        import soundfile  # noqa: PLC0415 - an optional package
    except (ImportError, OSError) as error:  # OSError: the package without its library
        raise MissingExtraError(
            'Sounds need the package soundfile, which is not installed. Install it with: pip install "isthmus[audio]"'
        ) from error
    return soundfile


def _damaged(path: Path, why: object) -> DataError:
    return DataError(f"The sound {path} cannot be read: it is damaged, cut off or no sound ({why}).")


def _refuse_cut_off(path: Path) -> None:
    """Refuse a WAV, AIFF or Ogg file that ends early: libsndfile takes the end of what is there for its end."""
    length = path.stat().st_size
    try:
        with path.open("rb") as file:
            start = file.read(12)
            file.seek(max(0, length - _OGG_PAGE))
            end = file.read() if start[:4] == b"OggS" else b""
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}. Change its permissions.") from error
    if end:
        last = end.rfind(b"OggS")
        if last < 0 or len(end) < last + 6 or not end[last + 5] & _LAST_PAGE:
            raise DataError(f"The sound {path} is cut off: its last page is missing. Fetch it again.")
    order = {b"RIFF": "<I", b"FORM": ">I"}.get(start[:4])
    if order is None or len(start) < 8:
        return
    said = struct.unpack(order, start[4:8])[0]
    if said not in _UNSAID and length < 8 + said:
        raise DataError(f"The sound {path} is cut off: it has {length:,} bytes of {8 + said:,}. Fetch it again.")
