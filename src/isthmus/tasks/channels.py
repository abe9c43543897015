"""Pictures of other channels than a network has: grey ones as colours, colours one by one, opacity set aside."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from isthmus.exceptions import DataError


def coloured(values: np.ndarray, channels: int, name: str) -> np.ndarray:
    """Give a picture to learn from as many channels as the network has.

    Parameters
    ----------
    values : ndarray of shape (h, w, c)
        Without opacity.
    channels : int
    name : str
        For messages.

    Returns
    -------
    ndarray of shape (h, w, channels)
        A grey picture is repeated.

    Raises
    ------
    DataError
        If the picture has neither as many channels nor one.
    """
    if values.shape[-1] == channels:
        return values
    if values.shape[-1] == 1:
        return np.repeat(values, channels, axis=-1)
    raise DataError(
        f"{name} has {values.shape[-1]} channels, others have {channels}. Give pictures of one number of channels; "
        "grey ones may be among colours."
    )


def channelwise(values: np.ndarray, channels: int, apply: Callable[[np.ndarray], np.ndarray], name: str) -> np.ndarray:
    """Apply what takes `channels` channels to a picture of perhaps another number.

    Parameters
    ----------
    values : ndarray of shape (h, w, c)
        Without opacity.
    channels : int
    apply : callable
        (h, w, channels) to the same shape.
    name : str

    Returns
    -------
    ndarray of shape (h, w, c)
        A grey picture goes through as one of equal colours, whose mean is given; a network of one channel gets the
        channels of a colour picture one by one.

    Raises
    ------
    DataError
        If neither is possible.
    """
    c = values.shape[-1]
    if c == channels:
        return apply(values)
    if c == 1:
        found = apply(np.repeat(values, channels, axis=-1))
        mean = found.mean(-1, keepdims=True, dtype=np.float64)
        return (np.rint(mean) if values.dtype.kind == "u" else mean).astype(values.dtype)
    if channels == 1:
        return np.concatenate([apply(values[..., i : i + 1]) for i in range(c)], axis=-1)
    raise DataError(f"{name} has {c} channels, but the pictures fitted on had {channels}. Give pictures of {channels}.")


def apart(values: np.ndarray, has_opacity: bool) -> tuple[np.ndarray, np.ndarray]:
    """Colours (h, w, c) and opacity (h, w, 1), or (h, w, 0) where a picture has none."""
    cut = values.shape[-1] - has_opacity
    return values[..., :cut], values[..., cut:]


def own_channels(channels: int, context: int) -> int:
    """Channels of a frame where those of its neighbours on either side stand beside them."""
    own, left = divmod(channels, 2 * context + 1)
    if left:
        raise DataError(
            f"context={context} needs pictures of {2 * context + 1} frames side by side in the channels, but these "
            f"have {channels} channels."
        )
    return own


def check_frames(values: np.ndarray, channels: int, context: int, name: str) -> None:
    """Refuse a picture that has not the channels of all its frames."""
    wanted = channels * (2 * context + 1)
    if values.shape[-1] != wanted:
        raise DataError(
            f"{name} has {values.shape[-1]} channels; with context={context} expected those of {2 * context + 1} "
            f"frames, {wanted}."
        )
