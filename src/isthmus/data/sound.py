"""Sounds of any rates, lengths and channels, read one at a time, and results given back as they were brought."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from isthmus.data.checks import shorten
from isthmus.data.paths import existing
from isthmus.data.sound_files import (
    Form,
    holds_sounds,
    in_bits,
    is_sound_file,
    look_at_sound,
    read_samples,
    refuse_odd,
    sounds_in,
)
from isthmus.exceptions import DataError, ParameterError

#: Bits of the arrays of whole numbers that are taken as sounds: unsigned ones have their silence in the middle.
DTYPES = {"uint8": 8, "int16": 16, "int32": 32}


@dataclass(frozen=True)
class Sound:
    """Samples, and how many of them there are in a second.

    Parameters
    ----------
    samples : ndarray of shape (time, channels)
        float32, from -1 to 1 where they come from whole numbers; (time,) is taken as one channel.
    rate : int
        Samples per second.
    form : Form, optional
        How it was stored, where it comes from a file.

    Raises
    ------
    DataError
        Where there are no samples, they are no numbers, or one is NaN or infinite.
    ParameterError
        Where the rate is no whole number above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus.data.sound import Sound
    >>> sound = Sound(np.zeros(12000), 8000)
    >>> sound.samples.shape, sound.seconds
    ((12000, 1), 1.5)
    """

    samples: np.ndarray
    rate: int
    form: Form | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", as_samples(self.samples, "The sound"))
        object.__setattr__(self, "rate", checked_rate(self.rate))

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate

    def at(self, rate: int) -> np.ndarray:
        """Give the samples at another rate, (time, channels)."""
        return resampled(self.samples, self.rate, rate)


@dataclass(frozen=True)
class Sounds:
    """Sounds of any lengths, read one at a time.

    Attributes
    ----------
    names : tuple of str
        File names relative to the folder, or "sound 0", "sound 1" ...
    forms : tuple of Form
        Rate, channels, length, format and subtype of each.
    origin : str
        Where they come from, for messages.
    """

    names: tuple[str, ...]
    forms: tuple[Form, ...]
    origin: str
    sources: tuple[Any, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, i: int) -> Sound:
        """Read one sound.

        Raises
        ------
        DataError
            Where the file is damaged or a sample is NaN or infinite.
        """
        source = self.sources[i]
        if isinstance(source, Path):
            return Sound(read_samples(source), self.forms[i].rate, self.forms[i])
        return source

    @property
    def seconds(self) -> float:
        """How long they are together."""
        return sum(form.length / form.rate for form in self.forms)

    def take(self, rows: Sequence[int]) -> Sounds:
        """Give some of the sounds, by their positions."""
        parts = {name: tuple(getattr(self, name)[i] for i in rows) for name in ("names", "forms", "sources")}
        return replace(self, **parts)


def as_sounds(X: Any) -> Sounds:
    """Take whatever a person brings as sounds of any rates, lengths and channels.

    Parameters
    ----------
    X : Sounds, Sound, path, pair, or list of them
        A path of a sound file or of a folder of them, its subfolders included; a pair is (samples, rate), the samples
        (time,) or (time, channels), floats from -1 to 1, or uint8, int16 or int32 as a file has them. Files need
        `isthmus[audio]`.

    Returns
    -------
    Sounds

    Raises
    ------
    DataError
        Where there are no sounds, one is damaged or empty, or a sample is NaN or infinite. Samples of files are looked
        at once they are read.
    ParameterError
        Where a rate is no whole number above 0.
    MissingExtraError
        Where soundfile is not installed and there are files.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus.data.sound import as_sounds
    >>> sounds = as_sounds([(np.zeros(4000, np.int16), 8000), (np.zeros((44100, 2)), 44100)])
    >>> [(form.rate, form.channels, form.length) for form in sounds.forms], sounds.seconds
    ([(8000, 1, 4000), (44100, 2, 44100)], 1.5)
    """
    if isinstance(X, Sounds):
        return X
    if isinstance(X, (str, os.PathLike)):
        return _of_path(existing(X))
    if isinstance(X, Sound) or _is_pair(X):
        return _of_list([X], "the sound given")
    if not isinstance(X, (list, tuple)):
        raise DataError(
            f"Cannot take {shorten(X)} ({type(X).__name__}) as sounds. Expected a path of a sound or a folder, pairs "
            "(samples, rate), isthmus.data.sound.Sound, or a list of them."
        )
    if not X:
        raise DataError("The list given is empty. Give at least one sound.")
    return _of_list(list(X), "the list given")


def looks_like_sounds(X: Any) -> bool:
    """Whether something holds sounds: sound files, a folder with one in it, pairs of samples and rate."""
    if isinstance(X, (Sounds, Sound)) or _is_pair(X):
        return True
    if isinstance(X, (str, os.PathLike)):
        return is_sound_file(X) or (Path(X).is_dir() and holds_sounds(Path(X)))
    if not isinstance(X, (list, tuple)) or not X:
        return False
    first = X[0]
    if not isinstance(first, (str, os.PathLike)):
        return isinstance(first, Sound) or _is_pair(first)
    # Strings in a list may be texts, of any length: all end as sounds do, and the first is one.
    names = all(is_sound_file(item) for item in X if isinstance(item, (str, os.PathLike)))
    return names and (not isinstance(first, str) or os.path.exists(os.path.expanduser(first)))


def give_back(sounds: Sequence[Sound], like: Any) -> Any:
    """Give results in the container that the sounds were brought in.

    Parameters
    ----------
    sounds : sequence of Sound
        One for each sound brought, of its rate, length and channels.
    like : what the person brought
        As for `as_sounds`.

    Returns
    -------
    Sound, pair, or list of them
        Pairs are given back as pairs, their samples with the axes and the dtype that they had; files as `Sound`.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus.data.sound import as_sounds, give_back
    >>> pair = (np.array([100, -100], np.int16), 8000)
    >>> give_back([as_sounds(pair)[0]], pair)
    (array([ 100, -100], dtype=int16), 8000)
    """
    if isinstance(like, Sound) or _is_pair(like):
        return _one_back(sounds[0], like)
    if isinstance(like, (list, tuple)):
        return [_one_back(sound, item) for sound, item in zip(sounds, like, strict=True)]
    return list(sounds)


def changed(X: Any, change: Callable[[Sound], Sound]) -> Any:
    """Change sounds one by one, and give them back in the container that they were brought in."""
    sounds = as_sounds(X)
    return give_back([change(sounds[i]) for i in range(len(sounds))], X)


def resampled(samples: np.ndarray, rate: int, to: int) -> np.ndarray:
    """Give samples at another rate, by a polyphase filter that keeps what is below half of the lower rate.

    Parameters
    ----------
    samples : ndarray of shape (time, channels)
    rate, to : int
        Samples per second, before and after.

    Returns
    -------
    ndarray of shape (ceil(time * to / rate), channels)
        float32.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus.data.sound import resampled
    >>> resampled(np.zeros((441, 2), np.float32), 44100, 8000).shape
    (80, 2)
    """
    if rate == to:
        return samples
    shared = math.gcd(rate, to)
    return resample_poly(samples, to // shared, rate // shared, axis=0).astype(np.float32, copy=False)


def fitted_to(samples: np.ndarray, length: int) -> np.ndarray:
    """Give exactly so many samples: cut off, or with silence at the end; resampling to and fro is off by a few."""
    return np.pad(samples[:length], ((0, max(0, length - len(samples))), (0, 0)))


def as_samples(values: Any, name: str) -> np.ndarray:
    """Take samples (time,) or (time, channels) as float32 of two axes; refuse what is no sound."""
    array = np.asarray(values)
    whole = str(array.dtype) in DTYPES
    if array.ndim not in (1, 2) or not (array.dtype.kind == "f" or whole):
        raise DataError(
            f"{name} has the shape {array.shape} and dtype {array.dtype}; expected (time,) or (time, channels) of "
            f"floats, {', '.join(DTYPES)}."
        )
    if 0 in array.shape:
        raise DataError(f"{name} has the shape {array.shape}: it holds no samples.")
    if array.ndim == 2 and array.shape[0] < array.shape[1] and array.shape[0] <= 8 and array.shape[1] > 64:
        raise DataError(
            f"{name} has the shape {array.shape}, which seems to have the channels first, but they are expected last: "
            "give samples.T"
        )
    array = array.reshape(len(array), -1)
    if whole:
        most = 2.0 ** (DTYPES[str(array.dtype)] - 1)
        array = (array.astype(np.float64) - (most if array.dtype == np.uint8 else 0.0)) / most
    samples = array.astype(np.float32, copy=False)
    refuse_odd(samples, name)
    return samples


def checked_rate(rate: Any) -> int:
    """Refuse a rate that is no whole number above 0."""
    is_number = isinstance(rate, (Real, np.number)) and not isinstance(rate, bool)
    given = float(rate) if is_number else math.nan
    if not given >= 1 or given % 1:
        raise ParameterError(f"A rate of {rate!r} cannot be used; expected whole samples per second, such as 16000.")
    return int(given)


def _is_pair(X: Any) -> bool:
    """Whether something is samples and their rate."""
    return (
        isinstance(X, tuple)
        and len(X) == 2
        and hasattr(X[0], "__array__")
        and isinstance(X[1], (Real, np.number))
        and not isinstance(X[1], bool)
    )


def _of_path(path: Path) -> Sounds:
    if path.is_dir():
        files = sounds_in(path)
        names = tuple(file.relative_to(path).as_posix() for file in files)
        return Sounds(names, tuple(look_at_sound(file) for file in files), str(path), tuple(files))
    return Sounds((path.name,), (look_at_sound(path),), str(path), (path,))


def _of_list(items: list[Any], origin: str) -> Sounds:
    names, forms, sources = [], [], []
    for i, item in enumerate(items):
        if isinstance(item, (str, os.PathLike)):
            path = existing(item)
            names.append(str(path))
            forms.append(look_at_sound(path))
            sources.append(path)
            continue
        names.append(f"sound {i}")
        sources.append(_sound_of(item, i, origin))
        forms.append(sources[-1].form or Form(sources[-1].rate, sources[-1].samples.shape[1], len(sources[-1].samples)))
    return Sounds(tuple(names), tuple(forms), origin, tuple(sources))


def _sound_of(item: Any, i: int, origin: str) -> Sound:
    if isinstance(item, Sound):
        return item
    if not _is_pair(item):
        raise DataError(
            f"Item {i} of {origin} is {shorten(item)} ({type(item).__name__}), no sound. Give paths, pairs "
            "(samples, rate) or isthmus.data.sound.Sound: an array alone does not say its rate."
        )
    return Sound(as_samples(item[0], f"sound {i} of {origin}"), checked_rate(item[1]))


def _one_back(sound: Sound, item: Any) -> Any:
    """Give one result in the container of one sound of a list."""
    if not _is_pair(item):
        return sound
    brought = np.asarray(item[0])
    values = sound.samples.reshape(brought.shape)
    if str(brought.dtype) not in DTYPES:
        return values.astype(brought.dtype, copy=False), item[1]
    bits = DTYPES[str(brought.dtype)]
    whole = in_bits(values, bits, np.int64) + (2 ** (bits - 1) if brought.dtype == np.uint8 else 0)
    return whole.astype(brought.dtype), item[1]
