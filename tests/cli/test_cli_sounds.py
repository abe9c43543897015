"""`isthmus denoise` on sounds: folders in, folders out, each file in its form."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus import load
from isthmus.data.sound_files import look_at_sound, read_samples, write_sound
from isthmus.exceptions import DataError

RATE = 4000
QUICK = ["--max-steps", "3", "--random-state", "0"]


def wave(seed, seconds=0.5, channels=1):
    rng = np.random.default_rng(seed)
    at = np.arange(int(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * k * rng.uniform(100, 200) * at) / k for k in range(1, 5))
    return 0.2 * np.stack([tone * np.sin(2 * np.pi * 2 * at)] * channels, 1)


@pytest.fixture
def folders(tmp_path):
    for i in range(6):
        write_sound(tmp_path / "voices" / f"{i}.wav", wave(i), RATE)
    write_sound(tmp_path / "noises" / "n.flac", np.random.default_rng(0).normal(0, 0.1, 4000), RATE)
    rng = np.random.default_rng(1)
    for name, channels in (("a.wav", 1), ("sub/b.flac", 2)):
        noisy = wave(9, channels=channels)
        write_sound(tmp_path / "noisy" / name, noisy + rng.normal(0, 0.05, noisy.shape), RATE)
    return tmp_path


def test_learn_clean_save_report_and_use_again(folders, command):
    noisy, to = folders / "noisy", folders / "clean"
    code, out, err = command(
        *("denoise", noisy, "--to", to, "--clean", folders / "voices", "--noise-from", folders / "noises"),
        *(*QUICK, "--save", folders / "m", "--report", folders / "r.html"),
    )
    assert code == 0, err
    assert "SI-SDR in dB" in err
    assert "Wiener's filter" in err
    assert str(to) in out
    for name in ("a.wav", "sub/b.flac"):
        assert look_at_sound(to / name) == look_at_sound(noisy / name)
    page = (folders / "r.html").read_text()
    assert "taken away" in page
    assert "The sounds" in page
    assert command("denoise", noisy / "a.wav", "--to", folders / "one.wav", "--model", folders / "m")[0] == 0
    np.testing.assert_allclose(read_samples(folders / "one.wav"), read_samples(to / "a.wav"), atol=1e-4)


def test_a_fit_is_saved_before_it_is_judged(folders, command, monkeypatch):
    def fails(*given, **more):
        raise DataError("cannot be judged")

    monkeypatch.setattr("isthmus.evaluation.sounds.judge_sounds", fails)
    asked = ("denoise", folders / "noisy", "--to", folders / "o", "--clean", folders / "voices", *QUICK)
    assert command(*asked, "--level", "-6-12", "--save", folders / "m")[0] == 3
    assert load(folders / "m").of_sounds_.levels == (-6.0, 12.0)


def test_pairs_go_by_name(folders, command, refused):
    for name in ("a.wav", "sub/b.flac"):
        form = look_at_sound(folders / "noisy" / name)
        write_sound(folders / "wanted" / name, wave(9, channels=form.channels), RATE)
    asked = ("denoise", folders / "noisy", "--pairs", folders / "wanted", *QUICK, "--to")
    code, _, err = command(*asked, folders / "out")
    assert code == 0, err
    assert (folders / "out" / "sub" / "b.flac").exists()
    (folders / "wanted" / "a.wav").rename(folders / "wanted" / "c.wav")
    refused(3, "a.wav is in one of", *asked, folders / "o2")
    assert not (folders / "o2").exists()


def test_what_cannot_be_done_is_refused_before_any_work(folders, refused):
    noisy, voices = folders / "noisy", folders / "voices"
    refused(2, "--clean", "denoise", noisy, "--to", folders / "o")
    refused(2, "give --clean as well", "denoise", noisy, "--to", folders / "o", "--noise-from", folders / "noises")
    refused(2, "is a folder", "denoise", noisy, "--to", folders / "o.wav", "--clean", voices)
    (folders / "cut.wav").write_bytes((noisy / "a.wav").read_bytes()[:-100])
    refused(3, "cut off", "denoise", folders / "cut.wav", "--to", folders / "o.wav", "--clean", voices)
