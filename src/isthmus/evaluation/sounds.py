"""How well sounds are cleaned, on noise added for the purpose, beside Wiener's filter; and spectrograms to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from isthmus.data.sound import Sound, as_sounds
from isthmus.data.spectra import RANGE_DB, stft
from isthmus.evaluation.mending import Mended
from isthmus.evaluation.pictures import heat
from isthmus.evaluation.sound_quality import si_sdr, wiener

if TYPE_CHECKING:
    from isthmus.tasks import Denoiser

#: Sounds that are judged at most, and seconds of each that are.
MOST_SOUNDS, MOST_SECONDS = 20, 10.0
#: Width that a spectrogram is shrunk to, and the frame that it is taken by, in seconds.
MOST_WIDTH, FRAME = 640, 0.032


def judge_sounds(denoiser: Denoiser, clean: Any, noises: Any = None, *, seed: int = 0) -> Mended:
    """Add noise to clean sounds, those held out of the fit where there are any, and see how much is taken away.

    Parameters
    ----------
    denoiser : Denoiser
        Fitted on clean sounds.
    clean, noises : what `isthmus.data.sound.as_sounds` takes
        As its `fit` was given them; noises that were held out of the fit are used alone, where there are any. Without
        noises white noise is added.
    seed : int, default=0

    Returns
    -------
    Mended
        SI-SDR of up to twenty sounds with noise in the middle of the denoiser's range of levels, beside Wiener's
        filter.
    """
    sounds, rng = as_sounds(clean), np.random.default_rng(seed)
    level = sum(denoiser.of_sounds_.levels) / 2
    recorded = None if noises is None else as_sounds(noises)
    rows = []
    for i in list(denoiser.held_out_ or range(len(sounds)))[:MOST_SOUNDS]:
        sound = sounds[i]
        wanted = sound.samples[: int(MOST_SECONDS * sound.rate), :1]
        if np.ptp(wanted) == 0:  # silent or constant: there is nothing to hold a result against
            continue
        noisy = mixed(wanted, _noise(denoiser, recorded, len(wanted), sound.rate, rng), level)
        found = denoiser.clean_sound(Sound(noisy, sound.rate)).samples
        rows.append((sounds.names[i], tuple(si_sdr(x, wanted) for x in (noisy, wiener(noisy, sound.rate), found))))
    learnt = denoiser.held_out_ and recorded is not None and not denoiser.of_sounds_.noises_out
    remark = ", with noise that was learnt from" if learnt else ""
    columns = ("noisy", "Wiener's filter", "ours")
    return Mended(columns, tuple(rows), bool(denoiser.held_out_), "SI-SDR", "sound", remark)


def mixed(clean: np.ndarray, noise: np.ndarray, level: float) -> np.ndarray:
    """Add noise to a sound of its shape, at a level in dB of signal to noise.

    Examples
    --------
    >>> import numpy as np
    >>> [round(float(v), 3) for v in mixed(np.array([1.0, -1.0]), np.array([5.0, 5.0]), 20.0)]
    [1.1, -0.9]
    """
    power = float(np.mean(np.square(noise, dtype=np.float64)))
    wanted = float(np.mean(np.square(clean, dtype=np.float64))) / 10 ** (level / 10)
    return (clean + noise * np.sqrt(wanted / power if power else 0.0)).astype(np.float32)


def spectrogram_panels(before: np.ndarray, after: np.ndarray, rate: int) -> list[tuple[str, str]]:
    """Captions and PNG data addresses of the spectrograms of a sound before and after, and of what was taken away.

    Parameters
    ----------
    before, after : ndarray of shape (time, channels)
        The first channel is shown.
    rate : int
        Samples per second.

    Returns
    -------
    list of (str, str)
        Time goes to the right, frequency up to half of the rate; all in the same brightness.
    """
    n_fft = 2 ** max(5, round(np.log2(FRAME * rate)))
    sounds = [torch.from_numpy(np.ascontiguousarray(x[:, 0])) for x in (before, after, before - after)]
    power = [stft(sound, n_fft, n_fft // 4).abs().square().numpy() for sound in sounds]
    highest = max(float(p.max()) for p in power) or 1.0
    least = 10 ** (-RANGE_DB / 10)
    told = []
    for name, p in zip(("before", "after", "taken away"), power, strict=True):
        decibels = 10 * np.log10(np.maximum(p / highest, least)) + RANGE_DB
        # Long sounds are shrunk along time alone, so that a spectrogram stays as high as it is.
        step = -(-decibels.shape[1] // MOST_WIDTH)
        shown = np.stack([part.mean(1) for part in np.split(decibels, range(step, decibels.shape[1], step), axis=1)], 1)
        told.append((name, heat(shown[::-1], np.ones(shown.shape, bool), RANGE_DB, MOST_WIDTH)))
    return told


def _noise(denoiser: Denoiser, recorded: Any, length: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Give noise (length, 1): a part of a recording, or white."""
    if recorded is not None:
        numbers = denoiser.of_sounds_.noises_out or range(len(recorded))
        samples = recorded[int(rng.choice(np.array(list(numbers))))].at(rate)[:, :1]
        samples = np.tile(samples, (-(-length // len(samples)), 1))
        start = int(rng.integers(len(samples) - length + 1))
        part = samples[start : start + length]
        if part.any():
            return part
    return rng.normal(size=(length, 1))
