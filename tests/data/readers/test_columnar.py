"""Parquet, Feather and Arrow files."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, ipc, parquet

from isthmus.data import read
from isthmus.exceptions import DataError

TABLE = pa.table({"a": [1, 2, None], "b": [0.5, None, 2.5], "c": ["x", "y", "z"]})


def stream(table, path):
    with ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)


WRITERS = {
    "t.parquet": parquet.write_table,
    "t.feather": feather.write_feather,
    "t.arrow": feather.write_feather,
    "stream.arrow": stream,
}


@pytest.mark.parametrize("name", WRITERS)
def test_read(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](TABLE, str(path))
    raw = read(path, drop="c")
    assert (raw.kind, raw.names, raw.container) == ("table", ("a", "b"), "pyarrow")
    np.testing.assert_array_equal(raw.values, [[1, 0.5], [2, np.nan], [np.nan, 2.5]])
    assert list(raw.extra["c"]) == ["x", "y", "z"]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_cut_off(tmp_path, name, share):
    path = tmp_path / name
    WRITERS[name](pa.table({"a": np.random.default_rng(0).normal(size=5000)}), str(path))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=rf"{name} is (no sound|empty)"):
        read(path)


@pytest.mark.parametrize("name", WRITERS)
def test_another_format(tmp_path, name):
    path = tmp_path / name
    path.write_text("a,b\n1,2\n" * 10)
    with pytest.raises(DataError, match=f"{name} is no sound"):
        read(path)


@pytest.mark.parametrize("name", WRITERS)
def test_no_rows(tmp_path, name):
    WRITERS[name](TABLE.slice(0, 0), str(tmp_path / name))
    with pytest.raises(DataError, match=r"0 sample\(s\)"):
        read(tmp_path / name)


@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_row_labels_of_pandas_are_no_measurements(tmp_path, suffix):
    frame = pd.DataFrame({"a": [1.0, 2.0]}, index=pd.Index([70, 80], name="id"))
    path = tmp_path / f"t.{suffix}"
    if suffix == "parquet":
        frame.to_parquet(path)
    else:
        feather.write_feather(pa.Table.from_pandas(frame), str(path))
    raw = read(path)
    assert raw.names == ("a",)
    assert list(raw.extra["id"]) == [70, 80]
    assert read(path, columns=["id", "a"]).names == ("id", "a")


def test_a_column_of_text_is_one_of_categories(tmp_path):
    parquet.write_table(TABLE, tmp_path / "t.parquet")
    column = read(tmp_path / "t.parquet").columns[-1]
    assert (column.name, column.type) == ("c", "category")
    assert "x" in column.categories
