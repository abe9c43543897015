"""`Denoiser` on sounds: noise goes, the sound stays, and its rate, length, channels and type come back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isthmus import Denoiser, load
from isthmus.data.sound import Sound
from isthmus.data.sound_files import look_at_sound, read_samples, write_sound
from isthmus.evaluation.sounds import judge_sounds
from isthmus.exceptions import DataError, ParameterError
from isthmus.tasks.denoising_parts.sound_mixing import Held, Mixtures

RATE = 2000
SMALL = {"widths": (8, 16), "random_state": 0, "max_steps": 60, "precision": "float32"}


def voice(rng, seconds=1.0, rate=RATE):
    """Harmonics of a gliding tone that comes and goes, as a voice."""
    at = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(rng.uniform(100, 200) * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(1, 4) * at))) / rate
    found = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 6))
    loud = np.clip(np.sin(2 * np.pi * rng.uniform(1.5, 3) * at + rng.uniform(0, 6)), 0, 1)
    return (0.2 * found * loud).astype(np.float32)


def ratio(found, clean):
    """Signal to error, in dB."""
    return 10 * np.log10(np.sum(clean**2) / np.sum((found - clean) ** 2))


def noisy_of(clean, rng, level=0.0):
    noise = rng.normal(size=clean.shape)
    return (clean + noise * np.sqrt(np.mean(clean**2) / np.mean(noise**2) / 10 ** (level / 10))).astype(np.float32)


@pytest.fixture(scope="module")
def voices():
    rng = np.random.default_rng(0)
    return [(voice(rng), RATE) for _ in range(12)]


@pytest.fixture(scope="module")
def denoiser(voices):
    return Denoiser(**SMALL).fit(voices, noises=[(np.random.default_rng(1).normal(size=2 * RATE), RATE)])


def test_noise_goes_from_voices_never_heard(denoiser):
    rng = np.random.default_rng(5)
    clean = [voice(rng) for _ in range(6)]
    noisy = [noisy_of(x, rng) for x in clean]
    found = denoiser.transform([(x, RATE) for x in noisy])
    better = np.mean([ratio(f, c) for (f, _), c in zip(found, clean, strict=True)])
    assert better > 4.5  # 0 as they are
    assert denoiser.kind_ == "audio"
    assert len(denoiser.held_out_) == 1
    assert denoiser.history_["validation_loss"][-1] < denoiser.history_["validation_loss"][0]


@pytest.mark.parametrize("length", [1, 50, 511, 4001, 25_000])
def test_any_length_comes_back_to_the_sample(denoiser, length):
    found, rate = denoiser.transform((np.random.default_rng(0).normal(0, 0.1, length), RATE))
    assert found.shape == (length,)
    assert rate == RATE
    assert found.dtype == np.float64
    assert np.isfinite(found).all()


def test_a_pause_is_not_brought_to_the_loudness_of_a_voice():
    hiss = 1e-3 * torch.randn(1, 20_000, generator=torch.Generator().manual_seed(0))
    hiss[:, :2000] = 1.0
    held = Held(lambda i: hiss, [0], torch.Generator().manual_seed(1))
    clean, noisy = Mixtures(held, None, (500, 500), RATE, (0.0, 0.0), torch.Generator().manual_seed(2)).draw(40)
    assert float(clean.square().mean(1).sqrt().median()) < 0.02
    assert float((noisy - clean).square().mean(1).sqrt().min()) > 0.3


def test_pairs_with_digital_silence_in_the_clean_one_do_not_explode():
    noise = 0.1 * torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    pair = torch.stack([torch.zeros(20_000), noise])
    held = Held(lambda i: pair, [0], torch.Generator().manual_seed(1))
    clean, noisy = Mixtures(held, None, (500, 500), RATE, (0.0, 0.0), torch.Generator().manual_seed(2)).draw(8)
    assert not clean.any()
    assert 0.2 < float(noisy.square().mean().sqrt()) < 3


def test_a_denoiser_of_sounds_refuses_pictures(denoiser):
    with pytest.raises(DataError, match="not fitted on pictures"):
        denoiser.clean_array(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(DataError, match="not fitted on pictures"):
        denoiser.with_noise(np.zeros((8, 8, 3), np.uint8))


def test_a_verdict_says_which_noise_was_learnt_from_and_copes_with_silence(denoiser, voices):
    noises = [(np.random.default_rng(1).normal(size=2 * RATE), RATE)]
    assert denoiser.of_sounds_.noises_out == ()
    assert "no part in the fit, with noise that was learnt from:" in judge_sounds(denoiser, voices, noises).verdict()
    assert "learnt from" not in judge_sounds(denoiser, voices).verdict()
    still = [(np.full(RATE, 0.25 * (i % 2)), RATE) for i in range(12)]
    nothing = judge_sounds(denoiser, still, noises)
    assert nothing.rows == ()
    assert "No sound could be judged" in nothing.verdict()


def test_silence_stays_silent(denoiser):
    assert not denoiser.transform((np.zeros(3000), RATE))[0].any()


def test_each_channel_is_cleaned_by_itself_at_any_loudness(denoiser):
    rng = np.random.default_rng(2)
    left, right = noisy_of(voice(rng), rng), noisy_of(voice(rng), rng)
    both = denoiser.transform(Sound(np.stack([left, 0.1 * right], 1), RATE)).samples
    np.testing.assert_allclose(both[:, 0], denoiser.transform((left, RATE))[0], atol=1e-5)
    np.testing.assert_allclose(both[:, 1], 0.1 * denoiser.transform((right, RATE))[0], atol=1e-5)


def test_long_sounds_are_cleaned_window_by_window_without_seams(denoiser):
    rng = np.random.default_rng(3)
    clean = np.tile(voice(rng, 4.0), 6)
    found = denoiser.transform((noisy_of(clean, rng), RATE))[0]
    assert ratio(found, clean) > 5.0
    inside = denoiser.transform((np.tile(clean, 1), RATE))[0]
    steps = np.abs(np.diff(inside))
    assert steps.max() < 2 * np.abs(np.diff(clean)).max()


def test_a_higher_rate_keeps_its_form_and_what_is_above_is_turned_down(denoiser, tmp_path):
    rng, rate = np.random.default_rng(4), 22050
    clean = voice(rng, 1.5, rate)
    noise = 0.1 * rng.normal(size=(len(clean), 2))
    place = tmp_path / "a.flac"
    write_sound(place, 0.5 * (clean[:, None] + noise), rate, like=look_at_sound_of(tmp_path, 24))
    before = look_at_sound(place)
    assert before.subtype == "PCM_24"
    found = denoiser.transform(place)[0]
    assert (found.rate, found.samples.shape) == (rate, (len(clean), 2))
    write_sound(tmp_path / "b.flac", found.samples, found.rate, like=found.form)
    assert look_at_sound(tmp_path / "b.flac") == before
    # Above the model's 1,000 Hz there is noise alone: it is weaker afterwards, and nothing comes to it.
    above = [np.abs(np.fft.rfft(read_samples(tmp_path / name)[:, 0]))[4000:].std() for name in ("a.flac", "b.flac")]
    assert above[1] < 0.7 * above[0]


def look_at_sound_of(folder, bits):
    import soundfile

    soundfile.write(folder / f"form{bits}.flac", np.zeros(10), RATE, subtype=f"PCM_{bits}")
    return look_at_sound(folder / f"form{bits}.flac")


def test_a_lower_rate_is_cleaned_too(denoiser):
    found, rate = denoiser.transform((np.random.default_rng(0).normal(size=(1001, 2)), 1500))
    assert (found.shape, rate) == ((1001, 2), 1500)


def test_saved_and_loaded_it_gives_the_same(denoiser, tmp_path):
    noisy = (np.random.default_rng(0).normal(0, 0.1, 5000), RATE)
    denoiser.save(tmp_path / "m")
    np.testing.assert_array_equal(load(tmp_path / "m").transform(noisy)[0], denoiser.transform(noisy)[0])
    assert "RATE" not in (tmp_path / "m" / "README.md").read_text()


def test_pairs_teach_as_well(voices):
    rng = np.random.default_rng(0)
    noisy = [(noisy_of(x, rng), rate) for x, rate in voices]
    denoiser = Denoiser(learn_from="pairs", **{**SMALL, "max_steps": 45}).fit(noisy, voices)
    clean = voice(np.random.default_rng(9))
    assert ratio(denoiser.transform((noisy_of(clean, rng), RATE))[0], clean) > 3.0


def test_a_fit_is_the_same_again_and_goes_on_from_a_checkpoint(voices, tmp_path):
    small = {**SMALL, "max_steps": 4}
    noisy = (np.random.default_rng(0).normal(size=2000), RATE)
    one, two = (Denoiser(**small).fit(voices).transform(noisy)[0] for _ in range(2))
    np.testing.assert_array_equal(one, two)
    Denoiser(**small, checkpoint=str(tmp_path / "c")).fit(voices)
    on = Denoiser(**{**small, "max_steps": 6}, checkpoint=str(tmp_path / "c")).fit(voices)
    assert on.history_["step"] == [4, 6]


def test_what_cannot_be_learnt_from_is_refused(voices):
    with pytest.raises(ParameterError, match="clean ones"):
        Denoiser(learn_from="noisy").fit(voices)
    with pytest.raises(ParameterError, match="dB"):
        Denoiser(level=500).fit(voices)
    with pytest.raises(ParameterError, match="audio"):
        Denoiser("salt_pepper").fit(voices)
    with pytest.raises(ParameterError, match="noises= are mixed with sounds"):
        Denoiser().fit(np.zeros((50, 4)), noises=voices)
    with pytest.raises(DataError, match="silent"):
        Denoiser().fit([(np.zeros(1000), RATE)])
    with pytest.raises(DataError, match="noise sound"):
        Denoiser().fit(voices, noises=[(np.zeros(1000), RATE)])
    with pytest.raises(ParameterError, match="12 sounds and y has 11"):
        Denoiser(learn_from="pairs").fit(voices, voices[:11])
    with pytest.raises(DataError, match="its pair"):
        Denoiser(learn_from="pairs").fit(voices[:1], [(voices[0][0][:-1], RATE)])
