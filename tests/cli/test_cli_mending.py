"""`denoise` and `fill`: where results go, what is said, what is refused."""

import numpy as np
import pandas as pd
import pytest
from cli_files import scene, write_mending, write_people
from PIL import Image, ImageCms

from isthmus import load
from isthmus.data.video import Video

QUICK = ["--max-steps", "3", "--random-state", "0"]


@pytest.fixture
def place(tmp_path):
    write_mending(tmp_path)
    return tmp_path


def pixels(path):
    return np.asarray(Image.open(path))


def test_a_folder_is_cleaned_and_the_denoiser_kept(place, command):
    words = ["denoise", place / "noisy", "--to", place / "out", "--clean", place / "good-photos", "--level", "10-30"]
    code, out, err = command(*words, "--save", place / "model", "--report", place / "r.html", *QUICK)
    assert code == 0, err
    assert "non-local means" in err
    assert str(place / "out") in out
    assert pixels(place / "out" / "1.png").shape == (40, 48, 3)
    page = (place / "r.html").read_text()
    assert "non-local means" in page
    assert page.count("<img") == 6
    assert load(place / "model").level == (10.0, 30.0)
    assert command("denoise", place / "noisy.png", "--to", place / "one.tif", "--model", place / "model")[0] == 0
    assert pixels(place / "one.tif").shape == (40, 48, 3)


def test_pairs_and_noisy_pictures_alone(place, command):
    asked = ["denoise", place / "noisy", "--to"]
    assert command(*asked, place / "a", "--pairs", place / "good-photos", *QUICK)[0] == 0
    assert command(*asked, place / "b", *QUICK)[0] == 0
    assert (pixels(place / "a" / "0.png") != pixels(place / "b" / "0.png")).any()


def test_columns_of_a_table_are_cleaned(tmp_path, command):
    people = write_people(tmp_path / "people.csv")
    to = tmp_path / "clean.csv"
    code, _, err = command("denoise", people, "-o", to, "--columns", "age,height", *QUICK)
    assert code == 0, err
    assert list(pd.read_csv(to).columns)[:2] == ["age", "height"]
    code, _, err = command("denoise", people, "-o", to, "--columns", "age,height", "--clean", people, *QUICK)
    assert code == 0, err
    assert "by Wiener's filter" in err
    code, _, err = command("denoise", people, "-o", to, "--drop", "name", *QUICK)
    assert code == 3
    assert "missing values (NaN)" in err


def test_known_pixels_stay_and_holes_are_filled(place, command):
    code, _, err = command("fill", place / "photo.png", "--mask", place / "mask.png", "--to", place / "f.png", *QUICK)
    assert code == 0, err
    assert "smooth filling" in err
    mask = pixels(place / "mask.png") > 0
    before, after = pixels(place / "photo.png"), pixels(place / "f.png")
    assert (before[~mask] == after[~mask]).all()
    assert (before[mask] != after[mask]).any()


def test_what_was_painted_over_is_filled(place, command):
    words = ["fill", place / "scan.png", "--colour", "#ff0000", "--to", place / "f.png", "--report", place / "r.html"]
    assert command(*words, *QUICK)[0] == 0
    after, whole = pixels(place / "f.png"), scene(seed=4)
    mask = pixels(place / "mask.png") > 0
    assert np.abs(after[mask].astype(float) - whole[mask]).mean() < 30
    assert "filled, close by" in (place / "r.html").read_text()


def test_a_filler_is_kept(place, command):
    words = ["fill", place / "damaged", "--mask", place / "masks", "--to"]
    asked = ["--train", place / "whole-photos", "--save", place / "model", *QUICK]
    assert command(*words, place / "a", *asked)[0] == 0
    assert command(*words, place / "b", "--model", place / "model")[0] == 0
    assert (pixels(place / "a" / "1.png") == pixels(place / "b" / "1.png")).all()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["denoise", "noisy", "--to", "out.png"], 2, "Give a folder"),
        (["denoise", "noisy", "--to", "scans"], 4, "is not empty"),
        (["denoise", "noisy", "--to", "out", "--clean", "scans", "--pairs", "scans"], 2, "exclude each other"),
        (["denoise", "noisy", "--to", "out", "--level", "much"], 2, "--level 'much'"),
        (["denoise", "noisy", "--to", "out", "--noise", "snow"], 2, "noise='snow'"),
        (["denoise", "nothing", "--to", "out.csv"], 3, "nothing"),
        (["denoise", "cut", "--to", "out"], 3, "cut.png"),
        (["fill", "photo.png", "--to", "out.png"], 3, "Nothing is missing"),
        (["fill", "photo.png", "--to", "out.png", "--mask", "small.png"], 3, "mask of the picture's size"),
        (["fill", "photo.png", "--to", "out.png", "--mask", "white.png"], 3, "every pixel is missing"),
        (["fill", "photo.png", "--to", "out.png", "--colour", "red"], 2, "--colour 'red'"),
        (["fill", "people.csv", "--to", "out"], 2, "isthmus impute"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(place, command, monkeypatch, words, code, message):
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(place / "small.png")
    Image.fromarray(np.full((40, 48), 255, np.uint8)).save(place / "white.png")
    (place / "cut").mkdir()
    (place / "cut" / "cut.png").write_bytes((place / "noisy.png").read_bytes()[:300])
    Image.fromarray(scene()).save(place / "cut" / "whole.png")
    monkeypatch.chdir(place)
    found, _, err = command(*words, *QUICK)
    assert found == code, err
    assert message in err
    assert "Traceback" not in err
    assert not (place / "out").exists()


def test_damaged_pictures_are_left_out_where_that_is_said(place, command):
    (place / "noisy" / "cut.png").write_bytes((place / "noisy.png").read_bytes()[:300])
    code, _, err = command("denoise", place / "noisy", "--to", place / "out", "--skip-bad", *QUICK)
    assert code == 0, err
    assert sorted(path.name for path in (place / "out").iterdir()) == ["0.png", "1.png"]


def frames(path):
    return np.stack(list(Video(path).frames())).astype(float)


def test_a_film_is_cleaned_with_the_frames_beside_each(place, command):
    words = ["denoise", place / "clip.mp4", "--to", place / "clean.mp4", "--save", place / "model", *QUICK]
    code, out, err = command(*words)
    assert code == 0, err
    assert "6 frames of 40 x 48" in err
    assert str(place / "clean.mp4") in out
    assert load(place / "model").context == 1
    assert frames(place / "clean.mp4").shape == (6, 40, 48, 3)
    assert command("denoise", place / "clip.mp4", "--to", place / "frames", "--model", place / "model")[0] == 0
    assert len(list((place / "frames").iterdir())) == 6
    words = ["denoise", place / "frames", "--frames", "--context", "0", "--to", place / "again.mkv", *QUICK]
    assert command(*words)[0] == 0
    assert Video(place / "again.mkv").n_frames in (6, None)


def test_the_same_hole_is_filled_in_all_frames(place, command):
    words = ["fill", place / "clip.mp4", "--mask", place / "mask.png", "--to", place / "out"]
    code, _, err = command(*words, *QUICK)
    assert code == 0, err
    before, after, mask = frames(place / "clip.mp4"), frames(place / "out"), pixels(place / "mask.png") > 0
    assert (before[:, ~mask] == after[:, ~mask]).all()
    assert (before[:, mask] != after[:, mask]).any((1, 2)).all()
    code, _, err = command("fill", place / "clip.mp4", "--to", place / "x.mp4", *QUICK)
    assert code == 3
    assert "Give --mask" in err
    code, _, err = command("fill", place / "photo.png", "--frames", "--to", place / "x.mp4", *QUICK)
    assert code == 2
    assert "--frames is for a folder" in err


def test_no_result_is_lost_to_another_of_its_name(place, command):
    (place / "same").mkdir()
    for name in ("a b.png", "a b.jpg", "a b.jpg.png"):
        Image.fromarray(scene()).save(place / "same" / name)
    assert command("denoise", place / "same", "--to", place / "out", *QUICK)[0] == 0
    assert len(list((place / "out").iterdir())) == 3


def test_pairs_go_together_by_name(place, command):
    for folder, name in (("noisy", "0.png"), ("good-photos", "1.png")):
        (place / folder / name).write_bytes((place / "noisy.png").read_bytes()[:300])
        Image.fromarray(scene()).save(place / folder / "2.png")
    words = ["denoise", place / "noisy", "--pairs", place / "good-photos", "--skip-bad", "--to", place / "out", *QUICK]
    assert command(*words)[0] == 0
    Image.fromarray(scene()).save(place / "noisy" / "other.png")
    code, _, err = command(*words, "--force")
    assert code == 3
    assert "Give the two of a pair the same name" in err


def test_what_cannot_be_written_or_read_is_said_before_training(place, command):
    Image.fromarray(np.dstack([scene(), scene()[..., :1]])).save(place / "opaque.png")
    code, _, err = command("denoise", place / "opaque.png", "--to", place / "out.jpg", *QUICK)
    assert code == 2
    assert ".jpg cannot hold" in err
    assert "Learning" not in err


def test_the_colour_profile_is_kept(place, command):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(scene()).save(place / "own.png", icc_profile=profile)
    assert command("denoise", place / "own.png", "--to", place / "out.png", *QUICK)[0] == 0
    assert Image.open(place / "out.png").info["icc_profile"] == profile


def test_an_array_of_pictures_is_cleaned_to_an_array(place, command):
    np.save(place / "set.npy", np.stack([scene(), scene(seed=1)]))
    code, _, err = command("denoise", place / "set.npy", "--to", place / "out.npy", *QUICK)
    assert code == 0, err
    assert np.load(place / "out.npy").shape == (2, 40, 48, 3)
