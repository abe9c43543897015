"""What all readers have in common: finding the file and its format."""

import errno

import pytest

from isthmus.data import read
from isthmus.exceptions import DataError, ParameterError


def test_missing_files_name_the_near_ones(write):
    path = write("people.csv", "a\n1\n")
    with pytest.raises(DataError, match=r"no file or folder .*poeple\.csv\. Did you mean people\.csv\?"):
        read(path.with_name("poeple.csv"))
    with pytest.raises(DataError, match=r"Its folder .* does not exist either"):
        read(path.parent / "nowhere" / "people.csv")


@pytest.mark.parametrize("name", ["a\0b.csv", "x" * 5000 + ".csv"])
def test_names_that_no_file_can_have(name):
    with pytest.raises(DataError, match=r"Cannot read|no file or folder"):
        read(name)


def test_unknown_endings_list_the_known(write):
    with pytest.raises(DataError, match=r"Cannot tell the format of .*data\.xlsx.*\.csv, .*\.parquet.*\.npz.*pictures"):
        read(write("data.xlsx", "something"))


def test_files_that_the_system_does_not_let_be_read(write, monkeypatch):
    path = write("t.idx", "something")

    def refusing(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(type(path), "read_bytes", refusing)
    with pytest.raises(DataError, match=r"Cannot read .*t\.idx: Permission denied"):
        read(path)


def test_kinds_are_checked_first(write):
    path = write("t.csv", "a\n1\n")
    with pytest.raises(ParameterError, match="as_interactions"):
        read(path, kind="ratings")
    with pytest.raises(DataError, match="kind='image' needs pictures"):
        read(path, kind="image")


def test_sizes_are_for_pictures(write):
    with pytest.raises(ParameterError, match=r"size= resizes pictures from files, but t\.csv is none"):
        read(write("t.csv", "a\n1\n"), size=(3, 3))


@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "x.feather", "x.npy", "x.npz", "x.idx", "x.png"])
def test_what_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch, name):
    path = tmp_path / name
    path.write_bytes(b"a,b\n1,2\n")

    def forbidden(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    for opener in (
        "pyarrow.input_stream",
        "pyarrow.parquet.ParquetFile",
        "pathlib.Path.open",
        "pathlib.Path.read_bytes",
        "numpy.load",
        "PIL.Image.open",
    ):
        monkeypatch.setattr(opener, forbidden)
    with pytest.raises(DataError, match=r"Cannot read .*: Permission denied\. Change its permissions") as refusal:
        read(path)
    assert "damaged" not in str(refusal.value)
