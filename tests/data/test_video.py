"""Videos: read lazily, refused where damaged, written with their times and their sound."""

import doctest
import errno
import os
import struct
import sys
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from isthmus.data import video
from isthmus.data.photos import write_photo
from isthmus.data.video import Video, write_video
from isthmus.exceptions import DataError, MissingExtraError, ModelFileError, ParameterError

av = pytest.importorskip("av")
RATE = Fraction(30000, 1001)


def shades(n, size=(48, 64)):
    """Frames of one colour each, each lighter than the one before."""
    return [np.full((*size, 3), (20 + 8 * i, 200 - 8 * i, 90), np.uint8) for i in range(n)]


def make(path, frames, rate=RATE, sound="", pts=None, options=None):
    """A clip made by PyAV alone; `sound` is a codec, half a second longer than the frames."""
    with av.open(str(path), "w", options=options or {}) as out:
        stream = out.add_stream("libvpx-vp9" if path.suffix == ".webm" else "mpeg4", rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        if path.suffix != ".webm":
            stream.codec_context.options = {"qmin": "2", "qmax": "2"}
        voice = out.add_stream(sound, rate=48000) if sound else None
        for i, values in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(values, format="rgb24")
            if pts is not None:
                frame.pts, frame.time_base = pts[i], 1 / rate
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        if voice is not None:
            wave = np.sin(np.arange(int((len(frames) / rate + 0.5) * 48000)) / 20).astype(np.float32)[None]
            for start in range(0, wave.shape[1], 960):
                part = av.AudioFrame.from_ndarray(wave[:, start : start + 960].copy(), format="fltp", layout="mono")
                part.sample_rate, part.pts = 48000, start
                out.mux(voice.encode(part))
            out.mux(voice.encode())
    return path


def packets(path, kind):
    with av.open(str(path)) as file:
        stream = next(s for s in file.streams if s.type == kind)
        return [(bytes(p), p.pts * p.time_base) for p in file.demux(stream) if p.pts is not None]


@pytest.fixture
def clip(tmp_path):
    return make(tmp_path / "clip.mp4", shades(12), sound="aac")


def test_reading_a_file(clip):
    video = Video(clip)
    assert (video.size, video.rate, video.n_frames, video.sound) == ((48, 64), RATE, 12, True)
    frames = video.frames()
    first = next(frames)
    assert (first.shape, first.dtype) == ((48, 64, 3), np.uint8)
    assert np.abs(first.astype(int) - shades(1)[0]).max() < 30
    means = [first.mean((0, 1)), *(frame.mean((0, 1)) for frame in frames)]
    assert len(means) == 12
    assert (np.diff([mean[0] for mean in means]) > 0).all()  # in the order that they are shown
    assert len(list(video.frames())) == 12  # and again from the start
    np.testing.assert_allclose([float(t) for t in video.times()], np.arange(12) / float(RATE), atol=1e-4)


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_the_sound_and_the_times_are_those_of_the_source(clip, tmp_path, ending):
    source = Video(clip)
    path = tmp_path / f"out.{ending}"
    write_video(path, source.frames(), like=source)
    written = Video(path)
    assert (written.size, written.rate, written.sound) == (source.size, source.rate, True)
    assert len(written.times()) == 12
    heard, before = packets(path, "audio"), packets(clip, "audio")
    assert [data for data, _ in heard] == [data for data, _ in before]
    later = heard[0][1] - before[0][1]  # Matroska has no times before zero: all of them are moved alike
    assert 0 <= later < 0.03
    np.testing.assert_allclose([float(t - later) for _, t in heard], [float(t) for _, t in before], atol=2e-3)
    shown, were = written.times(), source.times()
    np.testing.assert_allclose([float(t - later) for t in shown], [float(t) for t in were], atol=2e-3)
    for a, b in zip(written.frames(), source.frames(), strict=True):
        assert np.abs(a.astype(int) - b).max() < 8
    assert sorted(os.listdir(tmp_path)) == sorted(["clip.mp4", path.name])


def test_uneven_times_are_kept(tmp_path):
    clip = make(tmp_path / "a.mkv", shades(5), rate=Fraction(25), pts=[0, 1, 4, 9, 10])
    source = Video(clip)
    write_video(tmp_path / "b.mp4", source.frames(), like=source)
    times = [float(t) for t in Video(tmp_path / "b.mp4").times()]
    np.testing.assert_allclose(times, np.array([0, 1, 4, 9, 10]) / 25, atol=2e-3)


@pytest.mark.parametrize(
    ("ending", "size"), [("mp4", (48, 64)), ("mp4", (31, 45)), ("webm", (31, 45)), ("avi", (48, 64))]
)
def test_colours_come_back(tmp_path, ending, size):
    frames = shades(4, size)
    path = tmp_path / f"a.{ending}"
    write_video(path, iter(frames), quality=4)
    video = Video(path)
    assert (video.size, video.rate) == (size, 25)
    for found, wanted in zip(video.frames(), frames, strict=True):
        assert np.abs(found.mean((0, 1)) - wanted.mean((0, 1))).max() < (30 if ending == "avi" else 4)


def test_quality_costs_bytes(tmp_path):
    noise = [np.random.default_rng(i).integers(0, 256, (48, 64, 3), np.uint8) for i in range(3)]
    for ending in ("mp4", "avi"):
        sizes = []
        for quality in (5, 40):
            write_video(tmp_path / f"a.{ending}", noise, quality=quality)
            sizes.append((tmp_path / f"a.{ending}").stat().st_size)
        assert sizes[0] > 1.5 * sizes[1]


def test_a_folder_of_numbered_frames(tmp_path):
    frames = [np.full((4, 6, 3), i, np.uint8) for i in range(12)]
    (tmp_path / "in").mkdir()
    for i, frame in enumerate(frames):
        write_photo(tmp_path / "in" / f"shot{i}.png", frame)  # 10 comes after 9
    video = Video(tmp_path / "in", rate=12)
    assert (video.size, video.rate, video.n_frames, video.sound) == ((4, 6), 12, 12, False)
    assert [int(frame.max()) for frame in video.frames()] == list(range(12))
    write_video(tmp_path / "out", video.frames(), like=video)
    assert [int(frame[0, 0, 0]) for frame in Video(tmp_path / "out").frames()] == list(range(12))
    write_video(tmp_path / "out.mp4", video.frames(), like=video)
    assert Video(tmp_path / "out.mp4").rate == 12


def test_frames_of_other_forms(tmp_path):
    write_photo(tmp_path / "0.png", np.full((4, 6), 7, np.uint8))
    write_photo(tmp_path / "1.png", np.full((4, 6, 3), 0x1234, np.uint16))
    write_photo(tmp_path / "2.png", np.full((4, 6, 4), 9, np.uint8))
    assert [(frame.shape, int(frame.max())) for frame in Video(tmp_path).frames()] == [
        ((4, 6, 3), 7), ((4, 6, 3), 0x12), ((4, 6, 3), 9),
    ]  # fmt: skip


def test_a_turned_video_is_upright(tmp_path):
    """Phones write what the sensor saw, and in the heading of the track how to turn it."""
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:24, :32] = 255  # the corner at the top left
    path = make(tmp_path / "a.mp4", [frame] * 2)
    data = path.read_bytes()
    straight = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    right = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)  # a quarter to the right
    track = data.index(b"tkhd")
    place = data.index(straight, track)
    path.write_bytes(data[:place] + right + data[place + 36 :])
    video = Video(path)
    assert video.size == (64, 48)
    found = next(video.frames())
    bright = [found[y, x].mean() > 128 for y, x in ((8, 8), (8, 40), (56, 8), (56, 40))]
    assert bright == [False, True, False, False]  # now at the top right
    write_video(tmp_path / "b.mp4", video.frames(), like=video)
    assert Video(tmp_path / "b.mp4").size == (64, 48)


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.mp4", {}), ("a.mp4", {"movflags": "faststart"}), ("a.mkv", {}), ("a.avi", {}), ("a.webm", {})],
)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_cut_off(tmp_path, name, options, share):
    path = make(tmp_path / name, shades(12), options=options)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=rf"{name} (cannot be read|is cut off|is empty)"):
        list(Video(path).frames())


def test_what_is_damaged_within_is_not_half_written(tmp_path):
    path = make(
        tmp_path / "a.mp4", [np.random.default_rng(i).integers(0, 256, (48, 64, 3), np.uint8) for i in range(20)]
    )
    video = Video(path)
    content = bytearray(path.read_bytes())
    place = content.index(b"mdat")
    content[place + 20_000 : place + 60_000] = bytes(40_000)
    path.write_bytes(content)
    (tmp_path / "b.mp4").write_bytes(b"there before")
    with pytest.raises(DataError, match=r"a\.mp4 cannot be read.*after frame \d+"):
        write_video(tmp_path / "b.mp4", video.frames())
    assert (tmp_path / "b.mp4").read_bytes() == b"there before"
    assert sorted(os.listdir(tmp_path)) == ["a.mp4", "b.mp4"]


def test_frames_of_several_sizes(tmp_path):
    write_photo(tmp_path / "1.png", np.zeros((4, 6), np.uint8))
    write_photo(tmp_path / "2.png", np.zeros((5, 6), np.uint8))
    with pytest.raises(DataError, match=r"Frame 1 of .* is 5 x 6 .* before are 4 x 6"):
        list(Video(tmp_path).frames())
    with pytest.raises(DataError, match=r"Frame 1 for .* is 5 x 6 .* before are 4 x 6"):
        write_video(tmp_path / "a.mp4", [np.zeros((4, 6), np.uint8), np.zeros((5, 6), np.uint8)])
    assert sorted(os.listdir(tmp_path)) == ["1.png", "2.png"]


def test_what_is_no_video(tmp_path):
    with av.open(str(tmp_path / "a.m4a"), "w", format="mp4") as out:
        voice = out.add_stream("aac", rate=48000)
        part = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        part.sample_rate = 48000
        out.mux(voice.encode(part))
        out.mux(voice.encode())
    with pytest.raises(DataError, match=r"a\.m4a holds no video, only audio"):
        Video(tmp_path / "a.m4a")
    (tmp_path / "a.mp4").write_text("not a video at all")
    with pytest.raises(DataError, match=r"a\.mp4 cannot be read"):
        Video(tmp_path / "a.mp4")
    with pytest.raises(DataError, match="no file or folder"):
        Video(tmp_path / "b.mp4")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has no pictures"):
        Video(tmp_path / "empty")


@pytest.mark.parametrize(
    ("name", "frames", "options", "error", "words"),
    [
        ("a.mp4", [], {}, DataError, "no frame to write"),
        ("a.xyz", shades(1), {}, ParameterError, r"Endings known are \.mp4"),
        ("a.mp4", shades(1), {"quality": 52}, ParameterError, "quality=52"),
        ("a.mp4", [np.zeros((4, 6, 3))], {}, DataError, "Frame 0 for .* is float64"),
        ("a.mp4", [np.zeros((4, 6, 4), np.uint8)], {}, DataError, r"\(4, 6, 4\)"),
        ("frames", [], {}, DataError, "no frame to write"),
    ],
)
def test_refused(tmp_path, name, frames, options, error, words):
    with pytest.raises(error, match=words):
        write_video(tmp_path / name, frames, **options)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("n", [11, 13])
@pytest.mark.parametrize("name", ["b.mp4", "b"])
def test_another_number_of_frames(clip, tmp_path, n, name):
    with pytest.raises(DataError, match=rf"the 12 frames of clip\.mp4, but {n if n < 12 else 'more'} came"):
        write_video(tmp_path / name, shades(n), like=Video(clip))
    assert os.listdir(tmp_path) == ["clip.mp4"]


def test_sound_that_the_container_cannot_hold(clip, tmp_path):
    video = Video(clip)
    with pytest.raises(DataError, match=r"The sound of clip\.mp4 is aac, which \.webm cannot hold"):
        write_video(tmp_path / "b.webm", video.frames(), like=video)
    assert os.listdir(tmp_path) == ["clip.mp4"]


def test_rates(clip, tmp_path):
    with pytest.raises(ParameterError, match=r"clip\.mp4 says its own"):
        Video(clip, rate=25)
    write_photo(tmp_path / "f" / "1.png", np.zeros((2, 2), np.uint8))
    with pytest.raises(ParameterError, match="positive"):
        Video(tmp_path / "f", rate=0)


def test_an_animation(tmp_path):
    frames = [Image.fromarray(frame) for frame in shades(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=100)
    assert len(list(Video(tmp_path / "a.gif").frames())) == 3


def test_where_nothing_can_be_written(clip, tmp_path, monkeypatch):
    (tmp_path / "b.mp4").mkdir()
    with pytest.raises(ModelFileError, match="a folder has this name"):
        write_video(tmp_path / "b.mp4", shades(2))
    with pytest.raises(ModelFileError, match="the disk is full"):
        write_video(tmp_path / "c.mp4", _full())
    assert sorted(os.listdir(tmp_path)) == ["b.mp4", "clip.mp4"]


def _full():
    yield shades(1)[0]
    raise OSError(errno.ENOSPC, "No space left on device")


def test_without_pyav(clip, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"isthmus\[video\]"):
        Video(clip)


@pytest.mark.parametrize("module", [video])
def test_docstrings(module):
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed
