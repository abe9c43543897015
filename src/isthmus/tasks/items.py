"""Pictures and signals of any sizes, one at a time, for jobs that learn from crops of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

import numpy as np
import torch

from isthmus.data import Raw, as_raw
from isthmus.data.photos import Photos, as_photos
from isthmus.exceptions import DataError, ParameterError
from isthmus.tasks.channels import apart, coloured
from isthmus.tasks.pixels import UNIT


def pictures_of(X: Any) -> Photos:
    """Take pictures as `as_photos` does, and those of array files and of `isthmus.read` as the arrays that they are."""
    if isinstance(X, (str, PathLike)) and str(X).lower().endswith((".npy", ".npz", ".gz")):
        X = as_raw(X, kind="image")
    return as_photos(np.asarray(X.values) if isinstance(X, Raw) else X)


class Pictures:
    """Pictures without their opacity, all of as many channels; grey ones among colours are repeated.

    Parameters
    ----------
    X : what `as_photos` takes

    Attributes
    ----------
    photos : Photos
    channels : int
    dtype : numpy.dtype
    """

    def __init__(self, X: Any):
        self.photos: Photos = pictures_of(X)
        self.channels = max(self.photos.n_colours(i) for i in range(len(self.photos)))
        self.dtype = self.photos.dtype

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, i: int) -> np.ndarray:
        """Give one picture, (h, w, channels), in its own dtype."""
        colours, _ = apart(self.photos[i], self.photos.has_opacity(i))
        return coloured(colours, self.channels, self.photos.names[i])

    def shape(self, i: int) -> tuple[int, ...]:
        """Give the shape of one of them."""
        return (*self.photos.sizes[i], self.channels)

    def name(self, i: int) -> str:
        """Give what messages call one of them."""
        return self.photos.names[i]


class Signals:
    """Signals, each (time, channels), of any lengths.

    Parameters
    ----------
    X : array of shape (n, time) or (n, time, channels), or list of arrays (time,) or (time, channels)

    Attributes
    ----------
    channels : int
    """

    def __init__(self, X: Any):
        if isinstance(X, (list, tuple)):
            self._signals, self._back = _from_list(X)
        else:
            raw = as_raw(X, kind="sequence")
            values = np.asarray(raw.values)
            self._signals = [signal.reshape(len(signal), -1) for signal in values]
            self._back = _to_array(X, np.asarray(raw.values).shape)
        self.channels = self._signals[0].shape[1]
        for i, signal in enumerate(self._signals):
            if signal.shape[1] != self.channels:
                raise DataError(f"{self.name(i)} has {signal.shape[1]} channels, but the first has {self.channels}.")
            if not np.isfinite(signal).all() and np.isinf(signal).any():
                raise DataError(f"{self.name(i)} is infinite at step {np.argwhere(np.isinf(signal))[0][0]}.")

    def __len__(self) -> int:
        return len(self._signals)

    def __getitem__(self, i: int) -> np.ndarray:
        """Give one signal, (time, channels)."""
        return self._signals[i]

    def shape(self, i: int) -> tuple[int, ...]:
        """Give the shape of one of them."""
        return self._signals[i].shape

    def name(self, i: int) -> str:
        """Give what messages call one of them."""
        return f"signal {i}"

    def check_channels(self, fitted: int) -> None:
        """Refuse signals of another number of channels than those fitted on."""
        if self.channels != fitted:
            raise DataError(f"{self.name(0)} has {self.channels} channels, but those fitted on had {fitted}.")

    def give_back(self, signals: Sequence[np.ndarray]) -> Any:
        """Give results in the container that the signals were brought in."""
        return self._back(signals)


def check_units(given: np.ndarray, wanted: np.ndarray, name: str) -> None:
    """Refuse a pair of which one has floats in which white is 1 and the other whole numbers."""
    floats, whole = (given, wanted) if given.dtype.kind == "f" else (wanted, given)
    if whole.dtype.kind == "u" and floats.dtype.kind == "f" and floats.size and float(np.nanmax(floats)) <= UNIT[1]:
        raise DataError(
            f"{name} and its pair are in different units: floats up to {float(np.nanmax(floats)):.3g} and "
            f"{whole.dtype} up to {whole.max()}. Give both in the same: multiply the floats by "
            f"{np.iinfo(whole.dtype).max}."
        )


def check_pairs(given: Pictures | Signals, wanted: Pictures | Signals, frames: int = 1) -> None:
    """Refuse pairs that are not of the same sizes and channels; of films, X has those of several frames."""
    if len(given) != len(wanted):
        raise ParameterError(f"Pairs are needed, but X has {len(given)} items and y has {len(wanted)}.")
    if wanted.channels * frames != given.channels:
        raise DataError(
            f"Pairs are needed of one number of channels, but X has {given.channels} and y {wanted.channels}"
            f"{f', with context for {frames} frames' if frames > 1 else ''}."
        )
    for i in range(len(given)):
        if given.shape(i)[:-1] != wanted.shape(i)[:-1]:
            sizes = [" x ".join(map(str, items.shape(i)[:-1])) for items in (given, wanted)]
            raise DataError(
                f"{given.name(i)} is {sizes[0]}, but its pair, {wanted.name(i)}, is {sizes[1]}. Give pairs of one size."
            )


def _from_list(X: Sequence[Any]) -> tuple[list[np.ndarray], Callable[[Sequence[np.ndarray]], Any]]:
    if not X:
        raise DataError("The list given is empty. Give at least one signal.")
    flat, signals = [], []
    for i, item in enumerate(X):
        values = np.asarray(item)
        if values.ndim not in (1, 2) or values.dtype.kind not in "buif" or 0 in values.shape:
            raise DataError(
                f"signal {i} has the shape {values.shape} and dtype {values.dtype}; expected numbers, (time,) or "
                "(time, channels), with at least one step."
            )
        flat.append(values.ndim == 1)
        values = values.reshape(len(values), -1)
        signals.append(values if values.dtype.kind == "f" else values.astype(np.float32))

    def back(found: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [signal[:, 0] if was else signal for signal, was in zip(found, flat, strict=True)]

    return signals, back


def _to_array(like: Any, shape: tuple[int, ...]) -> Callable[[Sequence[np.ndarray]], Any]:
    def back(found: Sequence[np.ndarray]) -> Any:
        values = np.stack(list(found)).reshape(shape if not hasattr(like, "shape") else tuple(like.shape))
        return torch.from_numpy(values).to(like.dtype) if isinstance(like, torch.Tensor) else values

    return back
