"""NumPy's files: arrays of numbers, never pickled objects."""

import numpy as np
import pytest

from isthmus.data import read
from isthmus.exceptions import DataError, ParameterError

X = np.random.default_rng(0).normal(size=(50, 3))


def test_npy(tmp_path):
    np.save(tmp_path / "x.npy", X)
    raw = read(tmp_path / "x.npy")
    np.testing.assert_array_equal(raw.values, X)
    assert raw.kind == "vector"
    np.save(tmp_path / "p.npy", np.zeros((4, 9, 9), dtype=np.uint8))
    assert read(tmp_path / "p.npy").kind == "image"
    assert read(tmp_path / "p.npy", kind="sequence").kind == "sequence"


@pytest.mark.parametrize("arrays", [{"X": X}, {"x": X}, {"values": X}, {"X": X, "Z": X[:5]}])
def test_npz(tmp_path, arrays):
    np.savez(tmp_path / "x.npz", **arrays)
    np.testing.assert_array_equal(read(tmp_path / "x.npz").values, X)


def test_npz_with_labels(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", X=X, y=np.arange(50), other=np.arange(3))
    raw = read(tmp_path / "x.npz")
    assert set(raw.extra) == {"y"}
    np.testing.assert_array_equal(raw.extra["y"], range(50))


def test_npz_of_several_arrays_and_none_named_x(tmp_path):
    np.savez(tmp_path / "x.npz", first=X, second=X)
    with pytest.raises(DataError, match="holds the arrays 'first', 'second', and none is named X"):
        read(tmp_path / "x.npz")


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.95])
def test_cut_off(tmp_path, name, share):
    path = tmp_path / name
    if name == "x.npy":
        np.save(path, X)
    else:
        np.savez(path, X=X)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=rf"{name} is (no sound NumPy file|empty)"):
        read(path)


def test_a_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, X=X)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="no sound NumPy file"):
        read(path)


@pytest.mark.parametrize("save", [np.save, lambda path, a: np.savez(path, X=a)], ids=["npy", "npz"])
def test_pickles_are_not_read(tmp_path, save):
    path = tmp_path / ("x.npy" if save is np.save else "x.npz")
    save(path, np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="pickled Python objects, which could run code"):
        read(path)


def test_wrong_endings_are_told(tmp_path):
    np.savez(tmp_path / "x.npz", X=X)
    (tmp_path / "x.npz").rename(tmp_path / "x.npy")
    with pytest.raises(DataError, match=r"Rename it to end in .npz"):
        read(tmp_path / "x.npy")
    np.save(tmp_path / "y.npy", X)
    (tmp_path / "y.npy").rename(tmp_path / "y.npz")
    with pytest.raises(DataError, match=r"Rename it to end in .npy"):
        read(tmp_path / "y.npz")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.ones(5), "Reshape your data"),
        (np.ones((0, 3)), r"0 sample\(s\)"),
        (np.array([["a", "b"]]), "'a' at row 0, column 0"),
        (np.zeros((3, 2), dtype=complex), "Complex"),
        (np.zeros(3, dtype=[("a", float)]), "Reshape"),
    ],
)
def test_arrays_that_are_no_rows_of_numbers(tmp_path, values, words):
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(DataError, match=words):
        read(tmp_path / "x.npy")


def test_columns_have_no_names_here(tmp_path):
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(ParameterError, match="no columns with names"):
        read(tmp_path / "x.npy", drop="a")


def test_adbench(shared):
    raw = read(shared("adbench/cardio.npz"))
    assert raw.kind == "vector"
    assert set(np.unique(raw.extra["y"])) == {0, 1}
