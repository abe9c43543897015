"""How near one sound is to another, and the filter that a person would clean it with otherwise."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from scipy.signal import resample_poly

from isthmus.data.spectra import istft, stft
from isthmus.exceptions import DataError

#: Wiener's filter: seconds of a frame, share of the frames taken as noise alone, by how much their power is multiplied
#: as the quietest frames have less than the mean, share of the last frame in what a frame is taken to hold, least gain.
FRAME, QUIET, MORE, LAST, FLOOR = 0.064, 0.2, 2.0, 0.9, 0.1
#: STOI (Taal et al. 2011, section II): rate, frame, size of the transform, bands, lowest band, frames of a segment,
#: dB below which a segment is clipped, and dB below the loudest frame at which one is silent.
STOI_RATE, STOI_FRAME, STOI_FFT, STOI_BANDS, STOI_LOW, STOI_SEGMENT = 10_000, 256, 512, 15, 150.0, 30
STOI_CLIP, STOI_SILENT = 15.0, 40.0


def si_sdr(found: np.ndarray, clean: np.ndarray) -> float:
    """Scale-invariant ratio of signal to distortion, in dB: how much of a sound is the clean one, however loud.

    Parameters
    ----------
    found, clean : ndarray of shape (time,) or (time, channels)

    Returns
    -------
    float
        Higher is better; infinite where one is a multiple of the other. Means are taken away first.

    Raises
    ------
    DataError
        Where the shapes differ, or the clean sound is silent.

    References
    ----------
    J. Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019.

    Examples
    --------
    >>> import numpy as np
    >>> clean = np.array([1.0, -1.0, 1.0, -1.0])
    >>> round(si_sdr(3 * clean + np.array([0.3, 0.3, -0.3, -0.3]), clean), 6)
    20.0
    """
    x, s = _pair(found, clean)
    x, s = x - x.mean(0), s - s.mean(0)
    power = float((s * s).sum())
    if power == 0:
        raise DataError("The clean sound is silent: nothing can be said of what is like it.")
    target = (x * s).sum() / power * s
    error = float(((x - target) ** 2).sum())
    signal = float((target**2).sum())
    if signal == 0:
        return -math.inf
    return math.inf if error == 0 else 10 * math.log10(signal / error)


def stoi(found: np.ndarray, clean: np.ndarray, rate: int) -> float:
    """Short-time objective intelligibility of speech: about 0 for none, 1 for all that the clean speech has.

    Parameters
    ----------
    found, clean : ndarray of shape (time,)
        At least some 0.4 s of speech, silence not counted.
    rate : int
        Samples per second.

    Returns
    -------
    float

    Raises
    ------
    DataError
        Where the shapes differ, there are several channels, or too little speech.

    References
    ----------
    C. Taal, R. Hendriks, R. Heusdens and J. Jensen, "An algorithm for intelligibility prediction of time-frequency
    weighted noisy speech", IEEE Transactions on Audio, Speech, and Language Processing, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> clean = rng.normal(size=10_000) * np.abs(np.sin(np.arange(10_000) / 900))
    >>> round(stoi(clean, clean, 10_000), 3), stoi(clean + rng.normal(size=10_000), clean, 10_000) < 0.9
    (1.0, True)
    """
    x, s = (values[:, 0] for values in _pair(found, clean, channels=1))
    shared = math.gcd(rate, STOI_RATE)
    x, s = (resample_poly(values, STOI_RATE // shared, rate // shared) for values in (x, s))
    x, s = _without_silence(x, s)
    bands = [_third_octaves(values) for values in (x, s)]
    n = bands[0].shape[1]
    if n < STOI_SEGMENT:
        raise DataError(
            f"There are {n} frames with speech, but {STOI_SEGMENT} are needed, {STOI_SEGMENT * 12.8 / 1000:.1f} s. "
            "Join short sounds."
        )
    ours, theirs = (np.lib.stride_tricks.sliding_window_view(b, STOI_SEGMENT, axis=1) for b in bands)
    tiny = np.finfo(float).eps
    scaled = ours * (np.linalg.norm(theirs, axis=2) / (np.linalg.norm(ours, axis=2) + tiny))[..., None]
    clipped = np.minimum(scaled, theirs * (1 + 10 ** (STOI_CLIP / 20)))
    a, b = (v - v.mean(2, keepdims=True) for v in (clipped, theirs))
    correlations = (a * b).sum(2) / ((np.linalg.norm(a, axis=2) + tiny) * (np.linalg.norm(b, axis=2) + tiny))
    return float(correlations.mean())


def wiener(noisy: np.ndarray, rate: int) -> np.ndarray:
    """Clean a sound by Wiener's filter, with the noise that its quietest frames hold: the baseline.

    Parameters
    ----------
    noisy : ndarray of shape (time,) or (time, channels)
    rate : int
        Samples per second.

    Returns
    -------
    ndarray of the shape of `noisy`
        float32.

    References
    ----------
    Y. Ephraim and D. Malah, "Speech enhancement using a minimum mean-square error short-time spectral amplitude
    estimator", IEEE Transactions on Acoustics, Speech, and Signal Processing, 1984 (the decision-directed estimate of
    the ratio).
    """
    values = np.asarray(noisy, np.float32)
    channels = torch.from_numpy(values.reshape(len(values), -1).T.copy())
    n_fft = 2 ** max(5, round(math.log2(FRAME * rate)))
    spectrum = stft(channels, n_fft, n_fft // 4)
    power = spectrum.abs().square()
    loud = power.sum(1)
    quiet = (loud <= torch.quantile(loud, QUIET, dim=1, keepdim=True)).to(power)
    noise = MORE * (power * quiet[:, None]).sum(-1) / quiet.sum(-1, keepdim=True)
    gains, held = [], None
    for frame in power.unbind(-1):
        ratio = frame / noise.clamp(min=torch.finfo(frame.dtype).tiny)
        now = (ratio - 1).clamp(min=0)
        held = now if held is None else LAST * held + (1 - LAST) * now
        gain = (held / (1 + held)).nan_to_num(1.0).clamp(min=FLOOR)
        held = gain.square() * ratio
        gains.append(gain)
    found = istft(spectrum * torch.stack(gains, -1), len(values), n_fft, n_fft // 4)
    return found.numpy().T.reshape(values.shape)


def _pair(found: np.ndarray, clean: np.ndarray, channels: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Give two sounds as (time, channels) of 64 bits; refuse other shapes."""
    x, s = (np.asarray(values, np.float64) for values in (found, clean))
    if x.shape != s.shape or x.ndim not in (1, 2) or 0 in x.shape:
        raise DataError(f"The sounds have the shapes {x.shape} and {s.shape}. Give two of one shape, (time, channels).")
    x, s = x.reshape(len(x), -1), s.reshape(len(s), -1)
    if channels is not None and x.shape[1] != channels:
        raise DataError(f"The sounds have {x.shape[1]} channels. Give one channel at a time.")
    return x, s


def _frames(values: np.ndarray) -> np.ndarray:
    """Frames that overlap by half, under a Hann window without zeros: (n, STOI_FRAME)."""
    if len(values) <= STOI_FRAME:
        return np.zeros((0, STOI_FRAME))
    cut = np.lib.stride_tricks.sliding_window_view(values, STOI_FRAME)[: -1 : STOI_FRAME // 2]
    return cut * np.hanning(STOI_FRAME + 2)[1:-1]


def _without_silence(x: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out the frames of both in which the clean sound is silent."""
    frames = [_frames(values) for values in (x, s)]
    level = 20 * np.log10(np.linalg.norm(frames[1], axis=1) + np.finfo(float).eps)
    kept = level > level.max(initial=-np.inf) - STOI_SILENT
    hop, out = STOI_FRAME // 2, []
    for each in frames:
        joined = np.zeros((int(kept.sum()) + 1) * hop)
        for i, frame in enumerate(each[kept]):
            joined[i * hop : i * hop + STOI_FRAME] += frame
        out.append(joined)
    return out[0], out[1]


def _third_octaves(values: np.ndarray) -> np.ndarray:
    """Loudness of third octaves over time, (STOI_BANDS, frames)."""
    power = np.abs(np.fft.rfft(_frames(values), STOI_FFT)) ** 2
    at = np.linspace(0, STOI_RATE / 2, STOI_FFT // 2 + 1)
    edges = STOI_LOW * 2.0 ** ((2 * np.arange(STOI_BANDS + 1) - 1) / 6)
    places = np.abs(at[:, None] - edges).argmin(0)
    bands = [power[:, low:high].sum(1) for low, high in pairwise(places)]
    return np.sqrt(np.stack(bands))
