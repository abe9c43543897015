"""Spectra: exact there and back, and figures known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from isthmus.data.spectra import deltas, hertz_of, istft, log_mel, mel_filterbank, mel_of, stft
from isthmus.exceptions import ParameterError


@pytest.mark.parametrize(("n_fft", "hop"), [(512, 256), (512, 128), (256, 64), (400, 100)])
@pytest.mark.parametrize("length", [1, 100, 511, 8000, 8191])
def test_there_and_back_is_exact(n_fft, hop, length):
    samples = torch.rand(2, 3, length) * 2 - 1
    back = istft(stft(samples, n_fft, hop), length, n_fft, hop)
    assert (back - samples).abs().max() < 1e-6


def test_a_tone_has_the_amplitude_of_its_window_at_its_frequency():
    n, at = 512, 40
    tone = torch.cos(2 * math.pi * at * torch.arange(8192.0) / n)
    spectrum = stft(tone, n, 128)[:, 20]
    # The root of a Hann window is half a sine, whose sum is n 2 / pi; a cosine has half of it on either side.
    assert spectrum.abs().argmax() == at
    assert float(spectrum.abs()[at]) == pytest.approx(n / math.pi, rel=1e-3)


def test_power_is_kept():
    """Parseval: under windows whose squares sum to n / (2 hop) everywhere, away from the ends."""
    samples = torch.randn(20_000)
    samples[:600] = samples[-600:] = 0
    n, hop = 256, 64
    power = stft(samples, n, hop).abs().square()
    total = (2 * power.sum() - power[0].sum() - power[-1].sum()) / n
    assert float(total) == pytest.approx(float(samples.square().sum()) * n / (2 * hop), rel=1e-4)


def test_sizes_that_do_not_overlap_to_a_constant_are_refused():
    for n_fft, hop in ((511, 128), (512, 300), (512, 100), (512, 0)):
        with pytest.raises(ParameterError, match="hop"):
            stft(torch.zeros(1000), n_fft, hop)


def test_mel_bands_are_triangles_of_known_corners():
    assert float(mel_of(torch.tensor(700.0))) == pytest.approx(2595 * math.log10(2))
    hertz = torch.tensor([0.0, 50.0, 440.0, 8000.0])
    torch.testing.assert_close(hertz_of(mel_of(hertz)), hertz, rtol=1e-4, atol=1e-3)
    bands = mel_filterbank(20, 2048, 16000, 100.0, 7000.0)
    edges = hertz_of(torch.linspace(float(mel_of(torch.tensor(100.0))), float(mel_of(torch.tensor(7000.0))), 22))
    at = torch.linspace(0, 8000, 1025)
    peaks = at[bands.argmax(1)]
    assert (peaks - edges[1:-1]).abs().max() < 8000 / 1024
    # Neighbours add up to 1 between the first peak and the last.
    inside = (at > edges[1]) & (at < edges[-2])
    torch.testing.assert_close(bands.sum(0)[inside], torch.ones(int(inside.sum())), rtol=1e-4, atol=1e-4)
    assert float(bands[:, at < 100].sum()) == 0.0


def test_bands_finer_than_the_frequencies_have_one_each():
    assert bool((mel_filterbank(128, 256, 16000).sum(1) > 0).all())
    with pytest.raises(ParameterError, match="low < high"):
        mel_filterbank(10, 256, 8000, 0.0, 6000.0)


def test_log_mel_does_not_hear_how_loud_a_sound_is_and_silence_is_no_error():
    samples = torch.randn(4000)
    torch.testing.assert_close(log_mel(samples, 8000), log_mel(0.01 * samples, 8000), rtol=1e-4, atol=1e-3)
    assert log_mel(torch.zeros(4000), 8000).unique().tolist() == [-80.0]
    half = log_mel(torch.cat([samples, samples / 10]), 8000)
    assert float(half[:10].mean() - half[-10:].mean()) == pytest.approx(20.0, abs=2.0)


def test_deltas_are_the_line_of_least_squares():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(9, 2))
    found = deltas(torch.from_numpy(features)).numpy()
    slopes = [np.polyfit(np.arange(-2, 3), features[i - 2 : i + 3], 1)[0] for i in range(2, 7)]
    np.testing.assert_allclose(found[2:7], slopes, rtol=1e-9)
    with pytest.raises(ParameterError, match="width"):
        deltas(torch.zeros(5, 2), 0)
