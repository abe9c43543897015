"""Clips as patches: one size, whatever the loudness, the rate and the length; codes of a folder of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isthmus import Autoencoder, read
from isthmus.data import as_raw
from isthmus.data.sound_features import sound_features, warped
from isthmus.data.sound_files import write_sound
from isthmus.exceptions import ParameterError


def sweep(seconds=0.5, rate=16000, low=300.0, high=2500.0):
    """A tone that rises from one frequency to another."""
    at = np.arange(int(seconds * rate)) / rate
    return np.sin(2 * np.pi * (low * at + (high - low) * at**2 / (2 * seconds))).astype(np.float32)


def test_loudness_rate_and_length_do_not_matter():
    here, soft, slow, coarse = (
        sound_features(pair)[0]
        for pair in (
            (sweep(), 16000),
            (0.01 * sweep(), 16000),
            (sweep(1.0), 16000),
            (np.stack([sweep(rate=8000)] * 2, 1), 8000),
        )
    )
    assert here.shape == (32, 64)
    np.testing.assert_allclose(here.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(soft, here, atol=0.05)
    for other in (slow, coarse):
        assert np.corrcoef(here[:, :45].ravel(), other[:, :45].ravel())[0, 1] > 0.9
    falling = sound_features((sweep()[::-1].copy(), 16000))[0]
    assert np.corrcoef(here.ravel(), falling.ravel())[0, 1] < 0.5


def test_every_frame_of_a_long_clip_counts():
    quiet = 1e-3 * np.random.default_rng(0).normal(size=4 * 16000).astype(np.float32)
    without = sound_features((quiet, 16000))
    for at in range(8000, 56000, 2111):
        click = quiet.copy()
        click[at : at + 16] += 0.02
        assert np.abs(sound_features((click, 16000)) - without).max() > 0.5


def test_channels_in_antiphase_do_not_cancel_out():
    both = np.stack([sweep(), -sweep()], 1)
    np.testing.assert_allclose(sound_features((both, 16000)), sound_features((sweep(), 16000)), atol=1e-3)


def test_short_clips_and_silence_have_patches_too():
    patches = sound_features([(np.ones(1), 8000), (np.zeros(1000), 8000)], frames=8, n_mels=10)
    assert patches.shape == (2, 8, 10)
    assert not patches[1].any()
    with pytest.raises(ParameterError, match="frames=0"):
        sound_features((np.ones(5), 8000), frames=0)


def test_warping_moves_and_stretches_a_patch_and_keeps_what_is_flat():
    ramp = torch.arange(40.0).expand(500, 20, 40).clone()
    seen = warped(ramp, torch.Generator().manual_seed(0), 0.1)
    assert seen.shape == ramp.shape
    slope = (seen[:, 10, 25] - seen[:, 10, 15]) / 10
    # A line stays one, its slope between exp(-0.1) and exp(0.1), another one for each patch, and level on average.
    assert float(slope.log().abs().max()) <= 0.1 + 1e-4
    assert float(slope.log().std()) == pytest.approx(0.2 / 12**0.5, rel=0.1)
    shift = seen[:, 10, 19:21].mean(1) - 19.5
    assert float(shift.abs().max()) <= 0.1 * 20 + 1e-4
    assert abs(float(shift.mean())) < 0.25
    flat = torch.full((3, 2, 9, 7), 4.0)
    torch.testing.assert_close(warped(flat, torch.Generator(), 0.5), flat)
    torch.testing.assert_close(warped(ramp[:3], torch.Generator(), 0.0), ramp[:3], atol=1e-3, rtol=0)


def test_a_folder_of_sounds_has_codes_and_its_files_their_names(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(12):
        place = tmp_path / ("rising" if i % 2 else "falling") / f"{i}.wav"
        tone = sweep(rng.uniform(0.2, 0.5), 8000, rng.uniform(200, 400), rng.uniform(1500, 3000))
        write_sound(place, tone if i % 2 else tone[::-1], 8000)
    raw = read(tmp_path)
    assert (raw.kind, raw.item_shape, raw.row_names[0]) == ("sequence", (32, 64), "falling/0.wav")
    assert sorted(set(raw.extra["folder"])) == ["falling", "rising"]
    model = Autoencoder(2, network="dense", max_epochs=2, random_state=0).fit(tmp_path)
    codes = model.transform(tmp_path)
    assert codes.shape == (12, 2)
    files = sorted(tmp_path.rglob("*.wav"))
    np.testing.assert_allclose(model.transform([str(file) for file in files]), codes, rtol=1e-4, atol=1e-4)
    assert model.inverse_transform(codes).shape == (12, 32, 64)
    assert as_raw([(sweep(), 16000)]).item_shape == (32, 64)
