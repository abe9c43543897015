"""Sound files and arrays: what is read, what is refused, and what comes back as it was."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from isthmus.data import as_raw
from isthmus.data.sound import Sound, as_sounds, fitted_to, give_back, looks_like_sounds, resampled
from isthmus.data.sound_files import Form, look_at_sound, read_samples, write_sound
from isthmus.exceptions import DataError, MissingExtraError, ParameterError

sf = pytest.importorskip("soundfile")


def tone(seconds=0.25, rate=8000, channels=1, hertz=440.0):
    at = np.arange(int(seconds * rate)) / rate
    return np.stack([0.4 * np.sin(2 * np.pi * hertz * (k + 1) * at) for k in range(channels)], axis=1)


@pytest.mark.parametrize(
    ("name", "form", "subtype"),
    [
        ("a.wav", "WAV", "PCM_16"),
        ("a.wav", "WAV", "PCM_24"),
        ("a.wav", "WAV", "PCM_U8"),
        ("a.wav", "WAV", "FLOAT"),
        ("a.flac", "FLAC", "PCM_16"),
        ("a.flac", "FLAC", "PCM_24"),
        ("a.aiff", "AIFF", "PCM_16"),
    ],
)
def test_what_is_read_and_written_again_is_the_same_to_the_sample(tmp_path, name, form, subtype):
    sf.write(tmp_path / name, tone(channels=2), 22050, format=form, subtype=subtype)
    before = look_at_sound(tmp_path / name)
    samples = read_samples(tmp_path / name)
    place = tmp_path / f"again{name[1:]}"
    write_sound(place, samples, before.rate, like=before)
    assert look_at_sound(place) == before
    np.testing.assert_array_equal(read_samples(place), samples)


def test_an_extensible_wav_keeps_its_bits(tmp_path):
    sf.write(tmp_path / "a.wav", tone(channels=2), 8000, format="WAVEX", subtype="PCM_24")
    like = look_at_sound(tmp_path / "a.wav")
    assert like.format == "WAVEX"
    write_sound(tmp_path / "b.wav", read_samples(tmp_path / "a.wav"), 8000, like=like)
    assert look_at_sound(tmp_path / "b.wav").subtype == "PCM_24"


def test_opus_holds_opus(tmp_path):
    write_sound(tmp_path / "a.opus", tone(), 8000, like=Form(8000, 1, 2000, "WAV", "PCM_16"))
    assert look_at_sound(tmp_path / "a.opus").subtype == "OPUS"


def test_huge_samples_are_refused_by_name_and_place(tmp_path):
    values = tone(channels=2).astype(np.float32)
    values[17, 1] = -1e30
    sf.write(tmp_path / "a.wav", values, 8000, subtype="FLOAT")
    with pytest.raises(DataError, match=r"a\.wav has 1 samples beyond 1,000,000, the first at sample 17 of channel 1"):
        as_sounds(tmp_path / "a.wav")[0]
    with pytest.raises(DataError, match="beyond 1,000,000"):
        Sound(values, 8000)


def test_a_flac_that_does_not_say_its_length_is_refused_by_name(tmp_path):
    place = tmp_path / "a.flac"
    write_sound(place, tone(1.0), 8000)
    data = bytearray(place.read_bytes())
    data[21] &= 0xF0  # the 36 bits of STREAMINFO that hold the number of samples
    data[22:26] = bytes(4)
    place.write_bytes(data)
    with pytest.raises(DataError, match=r"a\.flac does not say how many samples"):
        as_sounds(place)
    data[21] |= 0x0F  # nor may one that says far too many take the memory for them
    data[22:26] = b"\xff" * 4
    place.write_bytes(data)
    with pytest.raises(DataError, match=r"a\.flac (is cut off|cannot be read)"):
        read_samples(place)


def test_a_cover_does_not_make_pictures_of_sounds(tmp_path):
    for name in ("a.wav", "b.wav"):
        write_sound(tmp_path / name, tone(), 8000)
    (tmp_path / "cover.jpg").touch()
    (tmp_path / ".thumbnails").mkdir()
    for i in range(5):
        (tmp_path / ".thumbnails" / f"{i}.png").touch()
    assert looks_like_sounds(tmp_path)
    for i in range(5):
        (tmp_path / f"{i}.png").touch()
    assert not looks_like_sounds(tmp_path)


def test_a_rate_may_be_a_float_that_is_whole():
    values = tone()[:, 0]
    found, rate = give_back([as_sounds((values, 8000.0))[0]], (values, 8000.0))
    assert rate == 8000
    np.testing.assert_allclose(found, values, atol=1e-6)
    with pytest.raises(ParameterError, match=r"8000\.5"):
        as_sounds((values, 8000.5))


def test_ogg_keeps_its_length_and_is_close(tmp_path):
    place = tmp_path / "a.ogg"
    write_sound(place, tone(1.0), 8000)
    assert look_at_sound(place)[:3] == (8000, 1, 8000)
    assert np.abs(read_samples(place) - tone(1.0)).max() < 0.05


def test_whole_numbers_are_rounded_and_clipped_not_wrapped(tmp_path):
    place = tmp_path / "a.wav"
    write_sound(place, np.array([1.5, -1.5, 0.6 / 32768, 0.4 / 32768]), 8000)
    assert sf.read(place, dtype="int16")[0].tolist() == [32767, -32768, 1, 0]


def cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.aiff"])
def test_a_file_that_is_cut_off_is_refused_by_name(tmp_path, name):
    place = tmp_path / name
    write_sound(place, np.random.default_rng(0).normal(0, 0.1, 40_000), 8000)
    cut(place, 0.6)
    with pytest.raises(DataError, match=rf"{name} (is cut off|cannot be read)"):
        read_samples(place)


def test_an_empty_file_and_one_without_samples_are_refused(tmp_path):
    (tmp_path / "a.wav").touch()
    with pytest.raises(DataError, match="is empty"):
        as_sounds(tmp_path / "a.wav")
    sf.write(tmp_path / "b.wav", np.zeros(0), 8000)
    with pytest.raises(DataError, match="holds no samples"):
        as_sounds(tmp_path / "b.wav")
    (tmp_path / "c.wav").write_text("this is no sound at all, but a line of text")
    with pytest.raises(DataError, match="damaged, cut off or no sound"):
        as_sounds(tmp_path / "c.wav")


def test_nan_in_a_float_file_is_refused_with_its_place(tmp_path):
    values = tone(channels=2).astype(np.float32)
    values[17, 1] = np.nan
    sf.write(tmp_path / "a.wav", values, 8000, subtype="FLOAT")
    with pytest.raises(DataError, match="sample 17 of channel 1"):
        as_sounds(tmp_path / "a.wav")[0]
    with pytest.raises(DataError, match="NaN or infinite"):
        Sound(values, 8000)
    with pytest.raises(DataError, match="NaN or infinite"):
        write_sound(tmp_path / "b.wav", values, 8000)
    assert not (tmp_path / "b.wav").exists()


def test_a_folder_is_read_by_name_with_mixed_rates_and_channels(tmp_path):
    (tmp_path / "sub").mkdir()
    write_sound(tmp_path / "sub" / "b.flac", tone(rate=44100, channels=2), 44100)
    write_sound(tmp_path / "a.wav", tone(), 8000)
    (tmp_path / "notes.txt").write_text("no sound")
    sounds = as_sounds(tmp_path)
    assert sounds.names == ("a.wav", "sub/b.flac")
    assert [(form.rate, form.channels) for form in sounds.forms] == [(8000, 1), (44100, 2)]
    assert sounds.seconds == pytest.approx(0.5)
    assert sounds[1].samples.shape == (11025, 2)
    assert looks_like_sounds(str(tmp_path))
    assert sounds.take([1]).names == ("sub/b.flac",)


def test_a_folder_without_sounds_says_what_it_holds(tmp_path):
    (tmp_path / "notes.txt").write_text("no sound")
    assert not looks_like_sounds(tmp_path)
    with pytest.raises(DataError, match=r"no sounds. It holds 1 .txt"):
        as_sounds(tmp_path)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
def test_pairs_come_back_in_their_dtype_and_axes(dtype):
    rng = np.random.default_rng(0)
    if dtype.startswith("f"):
        values = rng.uniform(-1, 1, 100).astype(dtype)
    else:
        info = np.iinfo(dtype)
        # Samples are float32 inside, of 24 bits.
        values = (rng.integers(info.min, info.max, 100, dtype=np.int64) // 256 * 256).astype(dtype)
    (found, rate), (stereo, _) = give_back([*as_sounds([(values, 8000), (values.reshape(50, 2), 8000)])], [
        (values, 8000), (values.reshape(50, 2), 8000),
    ])  # fmt: skip
    assert found.dtype == values.dtype
    assert rate == 8000
    assert stereo.shape == (50, 2)
    np.testing.assert_allclose(found, values, rtol=1e-6)


def test_what_is_no_sound_is_refused():
    with pytest.raises(DataError, match="does not say its rate"):
        as_sounds([np.zeros(100)])
    with pytest.raises(DataError, match="channels first"):
        Sound(np.zeros((2, 1000)), 8000)
    with pytest.raises(DataError, match="holds no samples"):
        Sound(np.zeros(0), 8000)
    with pytest.raises(ParameterError, match="samples per second"):
        Sound(np.zeros(10), 0)
    with pytest.raises(DataError, match="list given is empty"):
        as_sounds([])
    assert not looks_like_sounds(np.zeros((5, 5)))
    assert not looks_like_sounds([np.zeros((5, 5))])
    assert not looks_like_sounds(["a line of text " * 1000])


@pytest.mark.parametrize(("rate", "to"), [(44100, 8000), (16000, 8000), (8000, 48000), (11025, 8000)])
def test_resampling_to_and_fro_keeps_a_low_tone_and_the_length(rate, to):
    samples = tone(0.5, rate).astype(np.float32)
    back = fitted_to(resampled(resampled(samples, rate, to), to, rate), len(samples))
    assert back.shape == samples.shape
    edge = rate // 20  # the filter sees silence beyond the ends
    assert np.abs(back - samples)[edge:-edge].max() < 0.01


def test_one_sample_is_a_sound():
    assert resampled(np.ones((1, 1), np.float32), 44100, 8000).shape == (1, 1)
    assert Form(*as_sounds((np.ones(1), 8000)).forms[0]).length == 1


def test_without_soundfile_the_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.wav").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingExtraError, match=r"isthmus\[audio\]"):
        as_sounds(tmp_path / "a.wav")
    assert len(as_sounds((np.zeros(10), 8000))) == 1


def test_texts_that_end_as_names_do_are_no_sounds(tmp_path):
    sf.write(tmp_path / "a.wav", np.zeros(800), 8000)
    assert looks_like_sounds([str(tmp_path / "a.wav"), str(tmp_path / "b.wav")])
    assert not looks_like_sounds(["listen to song.wav", "hello"])
    assert not looks_like_sounds(["a line of text " * 1000 + ".wav"])
    assert as_raw(["listen to song.wav", "hello"]).kind == "text"


@pytest.mark.parametrize(("names", "what"), [(["a.png", "b.JPG"], "pictures"), (["no/such.wav", "b.flac"], "sounds")])
def test_names_of_files_are_not_taken_as_texts_unasked(names, what):
    with pytest.raises(DataError, match=f"look like names of {what}.*kind='text'"):
        as_raw(names)
    assert as_raw(names, kind="text").kind == "text"
