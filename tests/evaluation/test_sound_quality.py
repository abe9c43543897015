"""Figures of sounds: known in closed form, and in the order that they must have."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from isthmus import Denoiser
from isthmus.evaluation.sound_quality import si_sdr, stoi, wiener
from isthmus.evaluation.sounds import judge_sounds, mixed, spectrogram_panels
from isthmus.exceptions import DataError

RATE = 8000


def babble(seed, seconds=2.0):
    """Noise that swells and fades, some harmonics in it, as speech."""
    rng = np.random.default_rng(seed)
    at = np.arange(int(seconds * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * 150 * k * at + rng.uniform(0, 6)) / k for k in range(1, 15))
    return (tones * np.clip(np.sin(2 * np.pi * 3 * at), 0, 1)).astype(np.float32)


def test_si_sdr_is_the_level_of_noise_that_has_nothing_of_the_sound():
    rng = np.random.default_rng(0)
    clean, noise = rng.normal(size=(2, 5000))
    clean -= clean.mean()
    noise -= noise.mean() + (noise @ clean) / (clean @ clean) * clean
    for level in (-5.0, 0.0, 12.0):
        assert si_sdr(7 * mixed(clean, noise, level), clean) == pytest.approx(level, abs=1e-3)
    assert si_sdr(2 * clean, clean) > 200
    assert si_sdr(np.zeros(5000), clean) == -np.inf
    with pytest.raises(DataError, match="silent"):
        si_sdr(clean, np.zeros(5000))
    with pytest.raises(DataError, match="shapes"):
        si_sdr(clean, clean[:-1])


def test_stoi_falls_with_the_noise_and_does_not_hear_loudness():
    clean = babble(0)
    noise = np.random.default_rng(1).normal(size=len(clean))
    found = [stoi(mixed(clean, noise, level), clean, RATE) for level in (30.0, 10.0, 0.0, -10.0)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.85 > found[-1] + 0.3
    assert stoi(0.1 * clean, clean, RATE) == pytest.approx(1.0)
    with pytest.raises(DataError, match="Join short sounds"):
        stoi(clean[:2000], clean[:2000], RATE)


def test_wieners_filter_takes_steady_noise_away():
    clean = babble(2)
    noisy = mixed(clean, np.random.default_rng(3).normal(size=len(clean)), 0.0)
    assert si_sdr(wiener(noisy, RATE), clean) > 4.0
    stereo = wiener(np.stack([noisy, 0 * noisy], 1), RATE)
    assert not stereo[:, 1].any()
    np.testing.assert_allclose(stereo[:, 0], wiener(noisy, RATE), atol=1e-5)


def test_a_denoiser_is_judged_beside_the_filter_on_what_was_held_out():
    sounds = [(babble(i, 0.6), RATE) for i in range(10)]
    denoiser = Denoiser(max_steps=3, widths=(8, 16), random_state=0).fit(sounds)
    judged = judge_sounds(denoiser, sounds)
    means = judged.means()
    assert list(means) == ["noisy", "Wiener's filter", "ours"]
    assert means["noisy"] == pytest.approx(3.0, abs=0.5)
    # Three steps learn nothing: the filter wins, and that is said.
    assert means["Wiener's filter"] > means["ours"]
    assert "SI-SDR in dB, mean of 1 sound that had no part in the fit" in judged.verdict()
    assert "simpler method is better" in judged.verdict()


def test_spectrograms_show_low_tones_at_the_bottom():
    at = np.arange(RATE) / RATE
    tone = np.sin(2 * np.pi * 400 * at)[:, None].astype(np.float32)
    panels = spectrogram_panels(tone, tone, RATE)
    assert [name for name, _ in panels] == ["before", "after", "taken away"]
    pixels = [np.asarray(Image.open(io.BytesIO(base64.b64decode(a.partition(",")[2]))).convert("L")) for _, a in panels]
    brightest = pixels[0][:, 50].argmax() / len(pixels[0])
    assert brightest == pytest.approx(0.9, abs=0.02)
    assert pixels[2].max() < pixels[0].max()
