"""Spectra of sounds: the short-time Fourier transform and its inverse, mel bands, their logarithms and differences.

All take and give tensors of any device and of any leading axes.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from isthmus.exceptions import ParameterError

#: Power below the loudest cell that a logarithm ends at, in dB: what is softer is not heard beside it.
RANGE_DB = 80.0


def stft(samples: Tensor, n_fft: int = 512, hop: int = 128) -> Tensor:
    """Take sounds apart into frequencies over time.

    Frames are centred on multiples of `hop`, with silence beyond both ends, under the root of a Hann window: the same
    window on the way back makes the product one that overlaps to a constant.

    Parameters
    ----------
    samples : Tensor of shape (..., time)
    n_fft : int, default=512
        Samples in a frame; an even number.
    hop : int, default=128
        Samples from one frame to the next, at most half of `n_fft`.

    Returns
    -------
    Tensor of shape (..., n_fft // 2 + 1, 1 + ceil(time / hop))
        Complex.

    Raises
    ------
    ParameterError
        Where the sizes do not let `istft` put the sound together again.

    References
    ----------
    D. Griffin and J. Lim, "Signal estimation from modified short-time Fourier transform", IEEE Transactions on
    Acoustics, Speech, and Signal Processing, 1984.

    Examples
    --------
    >>> import torch
    >>> from isthmus.data.spectra import istft, stft
    >>> samples = torch.randn(2, 1000)
    >>> spectrum = stft(samples, 256, 64)
    >>> spectrum.shape, bool((istft(spectrum, 1000, 256, 64) - samples).abs().max() < 1e-6)
    (torch.Size([2, 129, 17]), True)
    """
    check_sizes(n_fft, hop)
    time = samples.shape[-1]
    # Silence up to a whole hop: samples that lie under the slope of one window alone could not be told from rounding.
    flat = torch.nn.functional.pad(samples.reshape(-1, time), (0, -time % hop))
    window = _window(n_fft, samples)
    found = torch.stft(flat, n_fft, hop, window=window, center=True, pad_mode="constant", return_complex=True)
    return found.reshape(*samples.shape[:-1], *found.shape[1:])


def istft(spectrum: Tensor, length: int, n_fft: int = 512, hop: int = 128) -> Tensor:
    """Put sounds together again from what `stft` gave, or from what became of it.

    Parameters
    ----------
    spectrum : Tensor of shape (..., n_fft // 2 + 1, frames)
        Complex.
    length : int
        Samples that the sounds had.
    n_fft, hop : int
        As of `stft`.

    Returns
    -------
    Tensor of shape (..., length)
        Of an unchanged spectrum the samples as they were, to rounding; else those whose spectrum is nearest to it.
    """
    check_sizes(n_fft, hop)
    flat = spectrum.reshape(-1, *spectrum.shape[-2:])
    found = torch.istft(flat, n_fft, hop, window=_window(n_fft, spectrum.real), center=True, length=length)
    return found.reshape(*spectrum.shape[:-2], length)


def check_sizes(n_fft: int, hop: int) -> None:
    """Refuse sizes of frames that do not overlap to a constant."""
    if n_fft < 2 or n_fft % 2 or not 1 <= hop <= n_fft // 2 or n_fft % hop:
        raise ParameterError(
            f"n_fft={n_fft} and hop={hop} cannot be used; expected an even number of samples in a frame, and a hop "
            "that divides it and is at most its half, such as 512 and 128."
        )


def mel_of(hertz: Tensor) -> Tensor:
    """Give frequencies on the mel scale, on which steps are heard as equal.

    D. O'Shaughnessy, "Speech communication: human and machine", 1987: 2595 log10(1 + f / 700).

    Examples
    --------
    >>> import torch
    >>> mel_of(torch.tensor([0.0, 700.0, 1000.0])).round().tolist()
    [0.0, 781.0, 1000.0]
    """
    return 2595.0 * torch.log10(1.0 + hertz / 700.0)


def hertz_of(mel: Tensor) -> Tensor:
    """Undo `mel_of`."""
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


@lru_cache(maxsize=8)
def mel_filterbank(n_mels: int, n_fft: int, rate: int, low: float = 0.0, high: float | None = None) -> Tensor:
    """Triangles that sum the power of frequencies into bands of equal width on the mel scale.

    Parameters
    ----------
    n_mels : int
        Bands.
    n_fft : int
        Samples in a frame.
    rate : int
        Samples per second.
    low, high : float
        Frequencies in Hz that the bands lie between; by default 0 and half of the rate.

    Returns
    -------
    Tensor of shape (n_mels, n_fft // 2 + 1)
        Each triangle is 1 at its peak; one that is narrower than a frequency has its nearest one.

    Raises
    ------
    ParameterError
        Where the frequencies are not in order, or beyond half of the rate.

    References
    ----------
    S. Davis and P. Mermelstein, "Comparison of parametric representations for monosyllabic word recognition in
    continuously spoken sentences", IEEE Transactions on Acoustics, Speech, and Signal Processing, 1980.

    Examples
    --------
    >>> from isthmus.data.spectra import mel_filterbank
    >>> bands = mel_filterbank(40, 512, 16000)
    >>> bands.shape, float(bands.max()) <= 1.0, bool((bands.sum(1) > 0).all())
    (torch.Size([40, 257]), True, True)
    """
    top = rate / 2 if high is None else float(high)
    if n_mels < 1 or not 0 <= low < top <= rate / 2:
        raise ParameterError(
            f"n_mels={n_mels}, low={low:g} and high={top:g} cannot be used at {rate} samples per second; expected at "
            f"least one band, and 0 <= low < high <= {rate / 2:g} Hz."
        )
    ends = mel_of(torch.tensor([low, top], dtype=torch.float64))
    edges = hertz_of(torch.linspace(float(ends[0]), float(ends[1]), n_mels + 2, dtype=torch.float64))
    at = torch.linspace(0, rate / 2, n_fft // 2 + 1, dtype=torch.float64)
    left, peak, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bands = torch.minimum((at - left) / (peak - left), (right - at) / (right - peak)).clamp(min=0)
    for i in torch.nonzero(bands.sum(1) == 0).flatten().tolist():
        bands[i, (at - edges[i + 1]).abs().argmin()] = 1.0
    return bands.float()


def log_mel(
    samples: Tensor,
    rate: int,
    n_mels: int = 64,
    n_fft: int = 512,
    hop: int = 128,
    low: float = 0.0,
    high: float | None = None,
) -> Tensor:
    """Loudness of mel bands over time, in dB below the loudest cell of each sound: how loud it was does not matter.

    Parameters
    ----------
    samples : Tensor of shape (..., time)
    rate : int
        Samples per second.
    n_mels, n_fft, hop, low, high
        As of `mel_filterbank` and `stft`.

    Returns
    -------
    Tensor of shape (..., 1 + ceil(time / hop), n_mels)
        From -80, also for silence, to 0.

    Examples
    --------
    >>> import torch
    >>> from isthmus.data.spectra import log_mel
    >>> tone = torch.sin(torch.arange(16000) * 2 * torch.pi * 1000 / 16000)
    >>> bands = log_mel(tone, 16000, n_mels=40)
    >>> bands.shape, int(bands[60].argmax())
    (torch.Size([126, 40]), 13)
    """
    return decibels(mel_power(samples, rate, n_mels, n_fft, hop, low, high))


def mel_power(
    samples: Tensor,
    rate: int,
    n_mels: int = 64,
    n_fft: int = 512,
    hop: int = 128,
    low: float = 0.0,
    high: float | None = None,
) -> Tensor:
    """Power of mel bands over time, (..., 1 + ceil(time / hop), n_mels); all as of `log_mel`."""
    power = stft(samples, n_fft, hop).abs().square()
    return (mel_filterbank(n_mels, n_fft, rate, low, high).to(power) @ power).transpose(-1, -2)


def decibels(bands: Tensor) -> Tensor:
    """Power of bands (..., frames, n_mels) in dB below the loudest cell of each sound, from -80, also for silence."""
    most = bands.amax((-2, -1), keepdim=True)
    least = 10.0 ** (-RANGE_DB / 10)
    return 10.0 * torch.log10((bands / most.clamp(min=torch.finfo(bands.dtype).tiny)).clamp(min=least))


def deltas(features: Tensor, width: int = 2) -> Tensor:
    """Slope of features over time: the line of least squares through the frames on either side.

    Parameters
    ----------
    features : Tensor of shape (..., frames, n)
    width : int, default=2
        Frames on either side; the first and the last frame are repeated beyond the ends.

    Returns
    -------
    Tensor of the shape of `features`
        Per frame. Twice applied they are the slope of the slope.

    References
    ----------
    S. Furui, "Speaker-independent isolated word recognition using dynamic features of speech spectrum", IEEE
    Transactions on Acoustics, Speech, and Signal Processing, 1986.

    Examples
    --------
    >>> import torch
    >>> from isthmus.data.spectra import deltas
    >>> deltas(3.0 * torch.arange(7.0)[:, None])[2:5].flatten().tolist()
    [3.0, 3.0, 3.0]
    """
    if width < 1:
        raise ParameterError(f"width={width} cannot be used; expected a whole number of frames from 1 on.")
    n = features.shape[-2]
    at = torch.arange(n, device=features.device)
    found = torch.zeros_like(features)
    for k in range(1, width + 1):
        after = features.index_select(-2, (at + k).clamp(max=n - 1))
        before = features.index_select(-2, (at - k).clamp(min=0))
        found = found + k * (after - before)
    return found / (2 * sum(k * k for k in range(1, width + 1)))


def _window(n_fft: int, like: Tensor) -> Tensor:
    return torch.hann_window(n_fft, dtype=like.dtype, device=like.device).sqrt()
