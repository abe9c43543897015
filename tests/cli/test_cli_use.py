"""`encode`, `decode`, `reconstruct` and `sample`: formats, what is carried along, pipes."""

from __future__ import annotations

import csv
import io
import subprocess
import sys

import numpy as np
import pytest
from cli_files import write_photos
from PIL import Image
from pyarrow import feather, parquet

import isthmus
from isthmus.cli.writing import Result, csv_bytes

TABLES = {".csv": None, ".parquet": parquet.read_table, ".feather": feather.read_table}
CODES = ["autoencoder0", "autoencoder1"]
NUMBERS = ["age", "height", "weight", "children"]


def columns(path) -> dict[str, list]:
    """Columns of a written table, whatever its format."""
    if path.suffix != ".csv":
        return TABLES[path.suffix](path).to_pydict()
    with path.open(newline="") as file:
        return rows_to_columns(file)


def rows_to_columns(file) -> dict[str, list]:
    heading, *rows = csv.reader(file)
    values = list(zip(*rows, strict=True))
    return {
        name: [text if name in ("name", "file_name", "folder") else float(text) for text in column]
        for name, column in zip(heading, values, strict=True)
    }


def numbers(table, names) -> np.ndarray:
    return np.array([table[name] for name in names], dtype=float).T


@pytest.fixture
def expected(made) -> np.ndarray:
    return isthmus.load(made / "model").transform(isthmus.read(made / "new.csv", drop="name"))


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".feather", ".npy", ".npz", ".CSV"])
def test_the_ending_says_the_format(made, command, tmp_path, expected, ending):
    to = tmp_path / f"codes{ending}"
    code, out, err = command("encode", made / "model", made / "new.csv", "--to", to)
    assert (code, out) == (0, ""), err
    assert f"25 codes written to {to}" in err
    if ending == ".npy":
        assert "no place for name" in err
        found = np.load(to)
    elif ending == ".npz":
        with np.load(to) as archive:
            found = archive["X"]
            assert archive["name"][3] == "Ann 3"
    else:
        table = columns(to.rename(tmp_path / f"codes{ending.lower()}"))
        assert list(table) == [*CODES, "name"], "the text column was set aside by itself, and is carried along"
        assert table["name"][3] == "Ann 3"
        found = numbers(table, CODES)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".feather", ".npz", ".npy"])
def test_decoding_codes_is_reconstruction(made, command, tmp_path, ending):
    codes, decoded, direct = (tmp_path / f"{name}{ending}" for name in ("codes", "decoded", "direct"))
    assert command("encode", made / "model", made / "new.csv", "--to", codes)[0] == 0
    assert command("decode", made / "model", codes, "--to", decoded)[0] == 0
    assert command("reconstruct", made / "model", made / "new.csv", "--to", direct)[0] == 0
    if ending in TABLES:
        a, b = columns(decoded), columns(direct)
        assert list(a) == list(b) == [*NUMBERS, "name"]
        assert a["name"] == b["name"]
        np.testing.assert_allclose(numbers(a, NUMBERS), numbers(b, NUMBERS), rtol=1e-5)
        assert all(float(value).is_integer() for value in a["children"]), "the dtype brought"
    else:
        a, b = (np.load(path) if ending == ".npy" else np.load(path)["X"] for path in (decoded, direct))
        assert a.shape == (25, 4)
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_codes_in_other_columns_are_named(made, command, refused, tmp_path):
    (tmp_path / "own.csv").write_text("u,v\n0.1,0.2\n")
    decode = ("decode", made / "model", tmp_path / "own.csv", "--to", tmp_path / "out.csv")
    refused(3, "autoencoder0", *decode)
    assert command(*decode, "--columns", "u,v")[0] == 0
    assert list(columns(tmp_path / "out.csv")) == NUMBERS


def test_pictures_keep_their_names(made, command, tmp_path):
    model, photos = made / "photo-model", made / "photos"
    codes = tmp_path / "codes.csv"
    assert command("encode", model, photos, "--to", codes)[0] == 0
    table = columns(codes)
    assert list(table) == ["file_name", *CODES, "folder"]
    assert table["file_name"][:2] == ["more/photo00.png", "more/photo03.bmp"]
    for how in (("reconstruct", model, photos), ("decode", model, codes)):
        to = tmp_path / how[0]
        code, _, err = command(*how, "--to", to)
        assert code == 0, err
        assert "30 rows written to" in err
        assert (to / "more" / "photo03.png").is_file()
        found = isthmus.read(to)
        assert len(found) == 30
        direct = isthmus.load(model).reconstruct(photos)
        np.testing.assert_allclose(found.values.astype(int), direct.astype(int), atol=1)
    with Image.open(tmp_path / "decode" / "photo01.png") as picture:
        assert (picture.mode, picture.size) == ("RGB", (12, 12))


def test_pictures_as_arrays_keep_their_shape(made, command, tmp_path):
    for ending in (".npy", ".npz", ".parquet"):
        to = tmp_path / f"back{ending}"
        assert command("reconstruct", made / "photo-model", made / "photos", "--to", to)[0] == 0
    array = np.load(tmp_path / "back.npy")
    assert (array.shape, array.dtype) == ((30, 12, 12, 3), np.dtype("uint8"))
    with np.load(tmp_path / "back.npz") as archive:
        assert archive["file_name"][0] == "more/photo00.png"
        assert (archive["X"] == array).all()
    table = columns(tmp_path / "back.parquet")
    assert table["x11_0_2"] == array[:, 11, 0, 2].tolist()


def test_a_folder_in_use_is_written_in_with_force_alone(made, command, refused, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    sample = ("sample", made / "photo-model", "-n", 3, "--to", folder)
    refused(4, "is not empty", *sample)
    assert command(*sample, "--force")[0] == 0
    assert sorted(p.name for p in folder.iterdir()) == ["00000.png", "00001.png", "00002.png", "notes.txt"]


def test_sample(made, command, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        sample = ("sample", made / "model", "-n", 7, "--to", tmp_path / f"{name}.csv", "--random-state", seed)
        assert command(*sample)[0] == 0
    a, b, c = (columns(tmp_path / f"{name}.csv") for name in "abc")
    assert list(a) == NUMBERS
    assert len(a["age"]) == 7
    assert a == b != c


def test_standard_input_to_standard_output(made, command, standard_input, expected):
    text = (made / "new.csv").read_text()
    standard_input(text)
    code, out, err = command("encode", made / "model", "-", "--to", "-")
    assert (code, err) == (0, "")
    table = rows_to_columns(io.StringIO(out))
    np.testing.assert_allclose(numbers(table, CODES), expected, rtol=1e-6)
    standard_input(out)
    code, decoded, err = command("decode", made / "model", "-", "--to", "-")
    assert (code, err) == (0, "")
    standard_input(text)
    code, direct, err = command("reconstruct", made / "model", "-", "--to", "-")
    assert (code, err) == (0, "")
    a, b = (rows_to_columns(io.StringIO(text)) for text in (decoded, direct))
    np.testing.assert_allclose(numbers(a, NUMBERS), numbers(b, NUMBERS), rtol=1e-5)
    code, out, err = command("sample", made / "model", "-n", 2, "--to", "-")
    assert (code, err, len(out.splitlines())) == (0, "", 3)


def test_processes_in_a_pipe(made):
    """Real processes: codes from one to the next, and nothing but the result on standard output."""
    isthmus_ = [sys.executable, "-m", "isthmus"]
    encode = subprocess.Popen(
        [*isthmus_, "encode", made / "model", "-", "--to", "-"],
        stdin=(made / "new.csv").open(),
        stdout=subprocess.PIPE,
    )
    decode = subprocess.run(
        [*isthmus_, "decode", made / "model", "-", "--to", "-"],
        stdin=encode.stdout,
        capture_output=True,
        text=True,
    )
    assert encode.wait() == 0
    assert (decode.returncode, decode.stderr) == (0, "")
    table = rows_to_columns(io.StringIO(decode.stdout))
    assert list(table) == [*NUMBERS, "name"]
    assert len(table["age"]) == 25


def test_columns_set_aside_come_in_any_type(made, command, tmp_path):
    text = "day,ok,age,height,weight,children\n2026-01-02,true,40,1.7,70,1\n2026-01-03,,41,1.8,,0\n"
    (tmp_path / "in.csv").write_text(text)
    for ending in (".csv", ".parquet", ".npz"):
        to = tmp_path / f"out{ending}"
        code, _, err = command("encode", made / "model", tmp_path / "in.csv", "--to", to)
        assert code == 0, err
    table = columns(tmp_path / "out.parquet")
    assert [str(day)[:10] for day in table["day"]] == ["2026-01-02", "2026-01-03"]
    assert table["ok"] == [True, None]


def test_columns_may_come_in_another_order(made, command, tmp_path, expected):
    with (made / "new.csv").open(newline="") as file:
        rows = [row[::-1] for row in csv.reader(file)]
    with (tmp_path / "turned.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    assert command("encode", made / "model", tmp_path / "turned.csv", "--to", tmp_path / "codes.npy")[0] == 0
    np.testing.assert_allclose(np.load(tmp_path / "codes.npy"), expected, rtol=1e-6)


def test_names_that_need_quotes_get_them():
    result = Result(np.array([[1.0, np.nan]]), ['a, "b"', "c"], {"c": np.array(["x, y"], dtype=object)})
    rows = list(csv.reader(io.StringIO(csv_bytes(result).decode())))
    assert rows == [['a, "b"', "c", "c_"], ["1", "", "x, y"]], "a name in use is changed, a gap is empty"


def test_file_names_from_a_table_stay_in_the_folder(made, refused, tmp_path):
    (tmp_path / "codes.csv").write_text("file_name,autoencoder0,autoencoder1\n../evil.png,0,0\n")
    decode = ("decode", made / "photo-model", tmp_path / "codes.csv", "--to", tmp_path / "in" / "pictures")
    refused(3, "leads out of the folder", *decode)
    assert not (tmp_path / "in").exists() or not list((tmp_path / "in").rglob("*.png"))


def opened(path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_samples_in_a_grid(made, command, tmp_path):
    code, _, err = command(
        *("sample", made / "photo-model", "-n", "6", "--random-state", "0", "--to", tmp_path / "grid.png")
    )
    assert code == 0, err
    grid = opened(tmp_path / "grid.png")
    assert grid.shape == (2 * 13 - 1, 3 * 13 - 1, 3)
    expected = isthmus.load(made / "photo-model").sample(6, random_state=0)
    np.testing.assert_array_equal(grid[13:, 26:], expected[5])


def test_samples_of_a_subfolder_and_of_another_density(made, command, tmp_path):
    model = isthmus.load(made / "photo-model")
    assert model.classes_.tolist() == ["more"], "pictures outside a subfolder have no label"
    sample = ["sample", made / "photo-model", "-n", "3", "--random-state", "0", "--to", tmp_path / "made.npy"]
    assert command(*sample, "--condition", "label=more")[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "made.npy"), model.sample(3, 0, condition={"label": "more"}))
    assert command(*sample, "--density", "mixture")[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "made.npy"), model.sample(3, 0, density="mixture"))


def test_labels_of_a_table(made, command, refused, tmp_path):
    fit = ["fit", made / "people.csv", "--to", tmp_path / "model", "--drop", "name,children", "--max-epochs", "1", "-q"]
    assert command(*fit, "--labels", "children")[0] == 0
    sample = ["sample", tmp_path / "model", "-n", "5", "--to", tmp_path / "made.csv"]
    assert command(*sample, "--condition", "label=2")[0] == 0
    assert set(columns(tmp_path / "made.csv")) == {"age", "height", "weight"}
    refused(3, "no label 9; those that the model was fitted with are 0, 1, 2, 3", *sample, "--condition", "label=9")
    refused(2, "--labels weight: ", *fit, "--force", "--labels", "weight")
    refused(2, "needs an objective that has one", *sample, "--density", "prior")


def test_interpolation_in_a_line(made, command, tmp_path):
    ends = [made / "photos" / name for name in ("photo02.png", "more/photo00.png")]
    code, _, err = command("interpolate", made / "photo-model", *ends, "--steps", "5", "--to", tmp_path / "line.png")
    assert code == 0, err
    assert "5 rows written" in err
    line = opened(tmp_path / "line.png")
    assert line.shape == (12, 5 * 13 - 1, 3)
    model = isthmus.load(made / "photo-model")
    np.testing.assert_array_equal(line[:, :12], model.reconstruct(isthmus.read(ends[0]))[0])
    np.testing.assert_array_equal(line[:, 52:], model.reconstruct(isthmus.read(ends[1]))[0])


def test_interpolation_of_rows_and_what_is_refused(made, command, refused, tmp_path):
    (first, second), rows = ((made / "new.csv").read_text().splitlines()[i] for i in (1, 2)), tmp_path
    heading = (made / "new.csv").read_text().splitlines()[0]
    for name, line in (("a.csv", first), ("b.csv", second)):
        (rows / name).write_text(f"{heading}\n{line}\n")
    assert command("interpolate", made / "model", rows / "a.csv", rows / "b.csv", "--to", rows / "between.csv")[0] == 0
    assert len(columns(rows / "between.csv")["age"]) == 8
    words = ["interpolate", made / "model", rows / "a.csv"]
    refused(3, "new.csv holds 25 rows", *words, made / "new.csv", "--to", rows / "to.csv")
    refused(2, "path='round' cannot be used", *words, rows / "b.csv", "--path", "round", "--to", rows / "to.csv")
    refused(2, ".png means a grid of pictures", *words, rows / "b.csv", "--to", rows / "to.png")
    refused(2, "this is the source itself", *words, rows / "b.csv", "--to", rows / "b.csv")


def test_features_beside_pca(made, command, refused, tmp_path):
    fit = ["fit", made / "people.csv", "--to", tmp_path / "model", "--drop", "name,children", "--max-epochs", "1", "-q"]
    assert command(*fit)[0] == 0
    encode = ["encode", tmp_path / "model", made / "people.csv", "--drop", "children", "--labels", "children"]
    code, out, err = command(*encode, "--to", tmp_path / "codes.csv")
    assert code == 0, err
    assert "PCA of" in out
    assert "15 labels" in out, "a quarter of the 60 rows"
    assert {"children", "autoencoder0"} <= set(columns(tmp_path / "codes.csv"))
    code, out, err = command(*encode, "--to", "-")
    assert out.startswith("autoencoder0,"), "results alone"
    assert "PCA of" in err
    refused(2, "--labels shoe: ", *encode[:3], "--labels", "shoe", "--to", "-")


def test_features_of_a_folder_have_names_and_subfolders(command, made, tmp_path):
    write_photos(tmp_path / "photos", side=16)
    encode = ["encode", made / "photo-model", tmp_path / "photos", "--size", "12x12", "--labels", "folder"]
    (tmp_path / "photos" / "other").mkdir()
    for path in (tmp_path / "photos").glob("photo*"):
        path.rename(tmp_path / "photos" / "other" / path.name)
    code, out, err = command(*encode, "--to", tmp_path / "features.parquet")
    assert code == 0, err
    assert "2 labels" in out
    table = columns(tmp_path / "features.parquet")
    assert list(table) == ["file_name", *CODES, "folder"]
    assert set(table["folder"]) == {"more", "other"}
    assert all(name.startswith(folder) for name, folder in zip(table["file_name"], table["folder"], strict=True))
