"""Clips of any lengths as patches of one size: the loudness of mel bands over the clip, for autoencoders of clips."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from isthmus.data.raw import Raw
from isthmus.data.sound import as_sounds
from isthmus.data.spectra import decibels, mel_power
from isthmus.exceptions import ParameterError

#: Samples per second that all clips are brought to, so that a band is the same frequency in each.
RATE = 16_000
#: Samples in a frame and from one to the next: 32 ms and 8 ms.
N_FFT, HOP = 512, 128


def sound_features(X: Any, *, frames: int = 32, n_mels: int = 64) -> np.ndarray:
    """Give each clip as a patch: mel bands in dB over its length, which is averaged or stretched to so many frames.

    The mean of each band over the clip is taken away, and with it much of what a microphone, a room and a voice add to
    everything that is said. How long the clip was, and how loud, is not in the patch.

    Parameters
    ----------
    X : what `isthmus.data.sound.as_sounds` takes
        Clips of any rates, channels (the mean of their power is taken) and lengths.
    frames : int, default=32
    n_mels : int, default=64
        Bands between 0 and 8,000 Hz; those above what a clip's rate holds are flat.

    Returns
    -------
    ndarray of shape (n, frames, n_mels)
        float32, in dB.

    Raises
    ------
    DataError
        Where the sounds cannot be used.
    ParameterError
        Where a size is no whole number above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus.data.sound_features import sound_features
    >>> clips = [(np.random.default_rng(i).normal(size=2000 + 500 * i), 8000) for i in range(3)]
    >>> sound_features(clips).shape
    (3, 32, 64)
    """
    for name, size in (("frames", frames), ("n_mels", n_mels)):
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise ParameterError(f"{name}={size!r} cannot be used; expected a whole number from 1 on.")
    sounds = as_sounds(X)
    return np.stack([_patch(sounds[i].at(RATE), int(frames), int(n_mels)) for i in range(len(sounds))])


def warped(x: Tensor, generator: torch.Generator, level: float = 0.15) -> Tensor:
    """Stretch and shift patches along time and frequency, as other voices and paces do: noise for `Denoising`.

    What differs so is then not worth a place in the code. A model with it has to be given its objective again by
    `load`.

    Parameters
    ----------
    x : Tensor of shape (..., frames, n_mels)
        A batch; leading axes after the first are channels.
    generator : torch.Generator
    level : float, default=0.15
        Stretches and shifts at most, as a share of the length.

    Returns
    -------
    Tensor of the shape of `x`

    Examples
    --------
    >>> from isthmus import Autoencoder, Denoising
    >>> from isthmus.data.sound_features import warped
    >>> model = Autoencoder(32, network="dense", linear_path=False, objective=Denoising(warped))
    """

    def drawn() -> Tensor:
        return level * (2 * torch.rand(len(x), generator=generator, device=generator.device).to(x) - 1)

    # An affine map, by which each place is read from another one; both sides of a patch go from -1 to 1.
    places = torch.zeros(len(x), 2, 3, dtype=x.dtype, device=x.device)
    places[:, 0, 0], places[:, 1, 1] = torch.exp(drawn()), torch.exp(drawn())
    places[:, 0, 2], places[:, 1, 2] = drawn(), drawn()
    patches = x.reshape(len(x), -1, *x.shape[-2:])
    grid = torch.nn.functional.affine_grid(places, list(patches.shape), align_corners=False)
    return torch.nn.functional.grid_sample(patches, grid, padding_mode="border", align_corners=False).reshape(x.shape)


def raw_of_sounds(X: Any) -> Raw:
    """Take clips as sequences of one length, their patches; the subfolder of each is set aside."""
    sounds = as_sounds(X)
    folders = np.array([name.rpartition("/")[0] for name in sounds.names], dtype=object)
    extra = {"folder": folders} if len(set(folders)) > 1 else {}
    return Raw(sound_features(sounds), kind="sequence", row_names=sounds.names, extra=extra, origin=sounds.origin)


def _patch(samples: np.ndarray, frames: int, n_mels: int) -> np.ndarray:
    # The mean power of the channels, not of their samples, which cancel out where they are in antiphase.
    power = mel_power(torch.from_numpy(np.ascontiguousarray(samples.T)), RATE, n_mels, N_FFT, HOP).mean(0)
    bands = decibels(power).T[None]
    # A long clip is averaged, so that every one of its frames counts; a short one is stretched.
    shrinks = bands.shape[-1] > frames
    resize = torch.nn.functional
    sized = resize.adaptive_avg_pool1d(bands, frames) if shrinks else resize.interpolate(bands, frames, mode="linear")
    patch = sized[0].T
    return (patch - patch.mean(0)).numpy()
