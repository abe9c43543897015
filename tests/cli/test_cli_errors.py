"""Each thing that can be wrong: its exit code, and one readable paragraph before any work."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from cli_files import QUICK, write_people
from PIL import Image

from isthmus import Autoencoder, load
from isthmus.cli import main
from isthmus.exceptions import MissingExtraError, ModelFileError, TrainingError


@pytest.fixture
def no_fit(monkeypatch):
    """What is refused is refused before the training."""

    def fit(*_, **__):
        raise AssertionError("training started")

    monkeypatch.setattr("isthmus.training.loop.Loop.run", fit)


@pytest.fixture
def fit_refused(refused, no_fit, tmp_path):
    """`fit_refused(3, "words", source, ...)`: refused, and no model is left."""

    def check(code, words, source, *more):
        line = refused(code, words, "fit", source, "--to", tmp_path / "m", *QUICK, *more)
        assert not (tmp_path / "m").exists()
        return line

    return check


def test_a_missing_file(fit_refused, made):
    assert "Did you mean people.csv?" in fit_refused(3, "There is no file", made / "poeple.csv")


def test_a_text_column(fit_refused, made):
    line = fit_refused(3, "Column 'name'", made / "people.csv")
    assert "'Ann 0'" in line
    assert "--drop name" in line


def test_infinity(fit_refused, tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n3,inf\n")
    line = fit_refused(3, "inf", tmp_path / "x.csv")
    assert "row 1" in line
    assert "'b'" in line


@pytest.mark.parametrize("row", range(0, 30, 3))
def test_infinity_is_found_in_every_split_by_its_row_in_the_file(fit_refused, tmp_path, row):
    lines = [f"{i},{'inf' if i == row else i % 7}" for i in range(30)]
    (tmp_path / "x.csv").write_text("\n".join(["a,b", *lines]))
    assert f"row {row} " in fit_refused(3, "inf", tmp_path / "x.csv", "-q")


def test_infinity_in_the_validation_rows(fit_refused, tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n" + "1,2\n3,5\n" * 20)
    (tmp_path / "y.csv").write_text("a,b\n1,2\n3,4\n-inf,4\n")
    assert "row 2 " in fit_refused(3, "y.csv", tmp_path / "x.csv", "--validation", tmp_path / "y.csv")


def test_a_checkpoint_that_cannot_be_written(fit_refused, made, tmp_path):
    (tmp_path / "file").write_text("")
    for place in ("file", "file/deeper"):
        fit_refused(4, "file", made / "people.csv", "--drop", "name", "--checkpoint", tmp_path / place)


def test_a_truncated_npz(fit_refused, tmp_path):
    np.savez(tmp_path / "x.npz", X=np.zeros((50, 8)))
    (tmp_path / "x.npz").write_bytes((tmp_path / "x.npz").read_bytes()[:-400])
    fit_refused(3, "x.npz is no sound NumPy file", tmp_path / "x.npz")


def test_an_empty_file(fit_refused, tmp_path):
    (tmp_path / "x.csv").touch()
    fit_refused(3, "is empty", tmp_path / "x.csv")


def test_no_rows(fit_refused, tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n")
    fit_refused(3, "0 sample(s)", tmp_path / "x.csv")


def test_pictures_of_mixed_sizes(fit_refused, tmp_path):
    (tmp_path / "photos").mkdir()
    for name, side in (("a", 8), ("b", 8), ("c", 9)):
        Image.new("L", (side, side)).save(tmp_path / "photos" / f"{name}.png")
    line = fit_refused(3, "not all of one size", tmp_path / "photos")
    assert "c.png" in line
    assert "--size 8x8" in line


def test_a_folder_without_pictures(fit_refused, tmp_path):
    (tmp_path / "photos").mkdir()
    fit_refused(3, "has no pictures", tmp_path / "photos")


def test_an_unknown_ending_of_the_source(fit_refused, tmp_path):
    (tmp_path / "x.xlsx").write_bytes(b"PK")
    fit_refused(3, "format", tmp_path / "x.xlsx")


def test_a_column_that_is_not_there(fit_refused, made):
    assert "drop='nmae'" in fit_refused(3, "no such column", made / "people.csv", "--drop", "nmae")
    fit_refused(2, "--color hair: ", made / "people.csv", "--drop", "name", "--color", "hair")


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("latent_dim='wide'", ["--latent-dim", "wide"]),
        ("latent_dim=0", ["--latent-dim", "0"]),
        ("hidden=(64, 'x')", ["--hidden", "64,x"]),
        ("network", ["--network", "transformer"]),
        ("loss='l4'", ["--loss", "l4"]),
        ("dropout=1.5", ["--dropout", "1.5"]),
        ("learning_rate=-1", ["--learning-rate", "-1"]),
        ("linear_path='perhaps'", ["--linear-path", "perhaps"]),
        ("`isthmus recommend` fits a recommender", ["--kind", "ratings"]),
        ("device='tpu'", ["--device", "tpu"]),
        ("--test-fraction", ["--test-fraction", "0.95"]),
        ("--random-state", ["--random-state", "-1"]),
        ("--random-state", ["--random-state", "lucky"]),
        ("HEIGHTxWIDTH", ["--size", "big"]),
        ("size=", ["--size", "8x8"]),
        ("No such option: --latentdim", ["--latentdim", "3"]),
    ],
)
def test_a_wrong_parameter(fit_refused, made, words, options):
    fit_refused(2, words, made / "people.csv", "--drop", "name", *options)


def test_a_missing_argument_and_an_unknown_command(refused):
    assert "isthmus fit --help" in refused(2, "Missing option '--to'", "fit", "people.csv")
    assert "isthmus --help" in refused(2, "fti", "fti", "people.csv")


def test_no_argument_at_all_shows_the_help(command):
    for words in ((), ("fit",), ("encode",)):
        code, out, err = command(*words)
        assert code in (0, 2), "typer took to 2 at some version"
        assert "Usage:" in out + err


@pytest.mark.parametrize(
    ("words", "report"), [("has no ending", "report"), ("'.pdf'", "report.pdf"), ("a folder", "taken.html")]
)
def test_a_report_that_cannot_be_written(fit_refused, made, tmp_path, words, report):
    (tmp_path / "taken.html").mkdir()
    fit_refused(2, words, made / "people.csv", "--drop", "name", "--report", tmp_path / report)


@pytest.mark.parametrize(
    ("command_", "known"),
    [
        (["encode", "{model}", "{rows}", "--to", "{out}.xlsx"], ".parquet"),
        (["decode", "{model}", "{rows}", "--to", "{out}.xlsx"], ".feather"),
        (["reconstruct", "{model}", "{rows}", "--to", "{out}.doc"], ".npz"),
        (["sample", "{model}", "--to", "{out}.json"], ".csv"),
        (["evaluate", "{model}", "{rows}", "--to", "{out}.xlsx"], ".json"),
        (["report", "{model}", "{rows}", "--to", "{out}.pdf"], ".html"),
        (["encode", "{model}", "{rows}", "--to", "{out}"], ".parquet"),
        (["sample", "{model}", "--to", "{out}"], "kind 'table'"),
    ],
)
def test_an_unknown_ending_is_refused_before_any_work(made, refused, monkeypatch, tmp_path, command_, known):
    if known != "kind 'table'":
        monkeypatch.setattr("isthmus.loading.read_folder", lambda *_: pytest.fail("the model was read"))
    places = {"model": made / "model", "rows": made / "new.csv", "out": tmp_path / "out"}
    assert known in refused(2, "--to", *(word.format(**places) for word in command_))
    assert not list(tmp_path.iterdir())


def test_the_source_is_not_overwritten(made, refused, tmp_path):
    rows = write_people(tmp_path / "rows.csv", n=3)
    before = rows.read_bytes()
    refused(2, "the source itself", "reconstruct", made / "model", rows, "--to", rows)
    assert rows.read_bytes() == before


def test_a_wrong_width(made, refused, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 7)))
    encode = ("encode", made / "model", tmp_path / "x.npy", "--to", tmp_path / "codes.csv")
    refused(3, "7 features", *encode)
    np.save(tmp_path / "z.npy", np.zeros((3, 7)))
    decode = ("decode", made / "model", tmp_path / "z.npy", "--to", tmp_path / "rows.csv")
    refused(3, "7", *decode)
    assert not (tmp_path / "codes.csv").exists()


def test_missing_columns(made, refused, tmp_path):
    (tmp_path / "x.csv").write_text("age,height,width\n1,2,3\n")
    encode = ("encode", made / "model", tmp_path / "x.csv", "--to", tmp_path / "codes.csv")
    refused(3, "The model was fitted on column 'weight', which", *encode)
    decode = ("decode", made / "model", tmp_path / "x.csv", "--to", tmp_path / "rows.csv")
    assert "columns=" not in refused(3, "The codes of this model have a column", *decode)
    assert "columns='sex'" in refused(3, "no such column", *encode, "--columns", "sex")


def test_pictures_of_another_size(made, refused, tmp_path):
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (20, 20)).save(tmp_path / "photos" / "a.png")
    encode = ("encode", made / "photo-model", tmp_path / "photos", "--to", tmp_path / "codes.csv")
    assert "--size 12x12" in refused(3, "20 x 20", *encode)
    Image.new("RGB", (9, 20)).save(tmp_path / "photos" / "b.png")
    line = refused(3, "not all of one size", *encode)
    assert "--size 12x12" in line
    assert "--size 20x20" not in line
    assert main([*map(str, encode), "--size", "12x12"]) == 0


def test_bad_pictures_are_named_and_left_out_where_it_is_said(made, command, refused, tmp_path):
    photos = shutil.copytree(made / "photos", tmp_path / "photos")
    whole = sorted(photos.rglob("*.png"))[0].read_bytes()
    (photos / "cut.png").write_bytes(whole[: len(whole) // 2])
    encode = ("encode", made / "photo-model", photos, "--size", "12x12", "--to", tmp_path / "codes.csv")
    refused(3, "cut.png cannot be read: it is damaged, cut off or no picture", *encode)
    code, _, err = command(*encode, "--skip-bad")
    assert code == 0
    assert "cut.png" in err
    assert "cut.png" not in (tmp_path / "codes.csv").read_text()


def test_a_table_for_a_model_of_pictures(made, refused, tmp_path):
    refused(3, "", "encode", made / "photo-model", made / "new.csv", "--drop", "name", "--to", tmp_path / "c.csv")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "preparation.json"])
def test_a_damaged_model(made, refused, tmp_path, name):
    model = shutil.copytree(made / "model", tmp_path / "m")
    (model / name).write_bytes((model / name).read_bytes()[:-20])
    for words in (("info", model), ("encode", model, made / "new.csv", "--to", tmp_path / "codes.csv")):
        refused(4, name, *words)


def test_what_is_no_model(made, refused, tmp_path):
    refused(4, "There is no folder", "info", tmp_path / "m")
    refused(4, "is a file", "info", made / "new.csv")
    refused(4, "is no Isthmus model", "info", made / "photos")


def test_a_place_that_cannot_be_written(made, refused, tmp_path):
    (tmp_path / "file").touch()
    to = tmp_path / "file" / "codes.csv"
    refused(4, "Cannot write", "encode", made / "model", made / "new.csv", "--to", to)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that not even root can write in")
def test_a_place_that_only_seems_to_allow_writing(made, fit_refused, refused):
    refused(4, "Cannot write", "encode", made / "model", made / "new.csv", "--to", "/proc/codes.csv")
    refused(4, "Cannot write", "fit", made / "people.csv", "--drop", "name", "--to", "/proc/model", "-q")


def test_a_disk_that_fills_up_during_the_fit_loses_no_model(made, refused, monkeypatch, tmp_path):
    real = Autoencoder.save

    def save(self, path, *, overwrite=True):
        if Path(path) == tmp_path / "m":
            raise ModelFileError("The disk is full.")
        real(self, path, overwrite=overwrite)

    monkeypatch.setattr(Autoencoder, "save", save)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fit = ("fit", made / "people.csv", "--drop", "name", "--to", tmp_path / "m", "-q", *QUICK)
    line = refused(4, "The disk is full. The model is not lost: it lies in ", *fit)
    assert load(line.split("lies in ")[1].rstrip(".")).n_rows_ == 48


def test_training_that_fails(made, refused, monkeypatch, tmp_path):
    def run(self):
        raise TrainingError("The loss was not finite.")

    monkeypatch.setattr("isthmus.training.loop.Loop.run", run)
    fit = ("fit", made / "people.csv", "--drop", "name", "--to", tmp_path / "m", "-q")
    refused(5, "not finite", *fit)
    assert not (tmp_path / "m").exists()


def test_what_was_not_foreseen(made, refused, command, monkeypatch, tmp_path):
    def transform(self, X):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(Autoencoder, "transform", transform)
    encode = ("encode", made / "model", made / "new.csv", "--to", tmp_path / "codes.csv")
    line = refused(1, "did not foresee", *encode)
    assert "ZeroDivisionError: by zero" in line
    assert "--debug" in line
    code, _, err = command(*encode, "--debug")
    assert code == 1
    assert "Traceback" in err
    assert "with --debug" not in err
    assert "Traceback" in command("--debug", *encode)[2]
    monkeypatch.setenv("ISTHMUS_DEBUG", "1")
    assert "Traceback" in command(*encode)[2]
    monkeypatch.setenv("ISTHMUS_DEBUG", "0")
    assert "Traceback" not in command(*encode)[2]


def test_a_missing_extra_and_too_little_memory(made, refused, monkeypatch, tmp_path):
    encode = ("encode", made / "model", made / "new.csv", "--to", tmp_path / "codes.csv")
    for error, words in (
        (MissingExtraError("Install it with pip."), "with pip"),
        (MemoryError(), "enough memory"),
    ):

        def transform(self, X, error=error):
            raise error

        monkeypatch.setattr(Autoencoder, "transform", transform)
        refused(1, words, *encode)


def test_warnings_are_notes(made, command, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 4)))
    code, _, err = command("encode", made / "model", tmp_path / "x.npy", "--to", tmp_path / "codes.csv")
    assert code == 0
    notes = [line for line in err.splitlines() if line.startswith("Note: ")]
    assert len(notes) == 1
    assert "feature names" in notes[0]
    assert ".py" not in err
