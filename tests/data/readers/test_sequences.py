"""Recordings in a folder, and archives of padded sequences."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from isthmus.data import read
from isthmus.exceptions import DataError, ParameterError


def test_a_folder_of_tables_is_one_sequence_a_file(tmp_path):
    (tmp_path / "b.csv").write_text("u,v\n1,2\n3,4\n5,6\n")
    (tmp_path / "a.csv").write_text("u,v\n7,8\n")
    raw = read(tmp_path)
    assert raw.kind == "sequence"
    assert raw.row_names == ("a.csv", "b.csv")
    assert raw.lengths.tolist() == [1, 3]
    np.testing.assert_array_equal(raw.values[1], [[1, 2], [3, 4], [5, 6]])


def test_recordings_of_one_length_are_an_array(tmp_path):
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", np.ones((4, 2)))
    raw = read(tmp_path)
    assert raw.lengths is None
    assert raw.values.shape == (2, 4, 2)


def test_a_table_beside_pictures_is_no_recording(tmp_path):
    (tmp_path / "a.csv").write_text("file,label\nb.png,3\n")
    Image.new("L", (4, 3)).save(tmp_path / "b.png")
    assert read(tmp_path).kind == "image"


def test_columns_can_be_left_out(tmp_path):
    (tmp_path / "a.csv").write_text("when,u\nMonday,1\nTuesday,2\n")
    (tmp_path / "b.csv").write_text("when,u\nMonday,1\n")
    with pytest.raises(DataError, match=r"a.csv is no table of numbers"):
        read(tmp_path)
    assert read(tmp_path, drop="when").values.shape == (2, 2, 1)


def test_recordings_of_other_columns_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("u\n1\n")
    (tmp_path / "b.csv").write_text("v\n1\n")
    with pytest.raises(DataError, match=r"b.csv has the columns \('v',\), but .*a.csv has \('u',\)"):
        read(tmp_path)
    with pytest.raises(ParameterError, match="size="):
        read(tmp_path, size=8)


def test_an_archive_says_how_long_sequences_are(tmp_path):
    np.savez(tmp_path / "x.npz", X=np.ones((3, 5, 2)), lengths=[5, 2, 1])
    raw = read(tmp_path / "x.npz")
    assert raw.lengths.tolist() == [5, 2, 1]
    assert np.isnan(raw.values[1, 2:]).all()
    assert not np.isnan(raw.values[1, :2]).any()
    np.savez(tmp_path / "x.npz", X=np.ones((3, 5, 2)), lengths=[5, 9, 1])
    with pytest.raises(DataError, match="says 9 steps of sequence 1"):
        read(tmp_path / "x.npz")
