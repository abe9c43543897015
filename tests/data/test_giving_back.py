"""Results come back in the container, names, dtypes and row labels that a person brought."""

import numpy as np
import pandas as pd
import polars as pl
import polars.testing
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from isthmus.data import PREPARATIONS, as_raw
from isthmus.data.giving_back import to_integers


def round_trip(X, kind="auto"):
    raw = as_raw(X, kind=kind)
    preparation = PREPARATIONS[raw.kind]().fit(raw)
    x = preparation.transform(raw, torch.float64).x
    return preparation.give_back(preparation.inverse(x.numpy()), raw)


PANDAS = pd.DataFrame(
    {
        "i": np.array([1, -2, 3], dtype=np.int16),
        "n": pd.array([10, 20, 30], dtype="Int64"),
        "b": [True, False, True],
        "m": pd.array([True, False, True], dtype="boolean"),
        "f": np.array([0.5, 0.25, 0.75], dtype=np.float32),
        "g": [1.5, 2.5, -3.5],
        "a": pd.array([7, 8, 9], dtype="uint8[pyarrow]"),
    },
    index=pd.Index(["x", "y", "z"], name="who"),
)


def test_pandas_frames():
    pd.testing.assert_frame_equal(round_trip(PANDAS), PANDAS)


def test_polars_frames():
    frame = pl.DataFrame(
        {"i": [1, 2, 3], "b": [True, False, True], "f": [0.5, 0.25, 2.0], "g": [1.5, 2.5, 3.5]},
        schema={"i": pl.UInt8, "b": pl.Boolean, "f": pl.Float32, "g": pl.Float64},
    )
    polars.testing.assert_frame_equal(round_trip(frame), frame)


def test_arrow_tables():
    table = pa.table(
        {
            "i": pa.array([1, 2, 3], pa.int8()),
            "b": pa.array([True, False, True]),
            "f": pa.array([0.5, 0.25, 2.0], pa.float32()),
            "g": pa.array([1.5, 2.5, 3.5]),
        }
    )
    assert round_trip(table).equals(table)


def test_decimals_come_back_as_floats():
    frame = pl.DataFrame({"d": pl.Series(["1.5", "2.5"]).cast(pl.Decimal(10, 2))})
    assert round_trip(frame)["d"].to_list() == [1.5, 2.5]
    assert round_trip(frame.to_arrow())["d"].to_pylist() == [1.5, 2.5]


@pytest.mark.parametrize("labels", [[0, 1], [3, 5], [3, "b"]])
def test_labels_that_are_not_text(labels):
    frame = pd.DataFrame([[1.0, 2.0], [3.0, 5.0]], columns=labels, index=[7, 9])
    pd.testing.assert_frame_equal(round_trip(frame), frame)


def test_values_that_are_still_missing_are_nulls():
    schema_of = as_raw(PANDAS)
    values = np.full((3, 7), np.nan)
    back = PREPARATIONS["table"]().fit(schema_of).give_back(values, schema_of)
    assert back.isna().all(axis=None)
    assert str(back["n"].dtype) == "Int64"
    assert back["i"].dtype == np.float64  # plain integers have no missing value
    table = as_raw(pa.table({"i": [1, 2], "f": [0.5, 1.5]}))
    back = PREPARATIONS["table"]().fit(table).give_back(np.full((1, 2), np.nan), table)
    assert back.to_pylist() == [{"i": None, "f": None}]
    frame = as_raw(pl.DataFrame({"i": [1, 2], "f": [0.5, 1.5]}))
    back = PREPARATIONS["table"]().fit(frame).give_back(np.full((1, 2), np.nan), frame)
    assert back.rows() == [(None, None)]


def test_integers_are_rounded_and_clipped():
    raw = as_raw(pd.DataFrame({"a": np.array([1, 2], dtype=np.uint8), "b": [True, False]}))
    back = PREPARATIONS["table"]().fit(raw).give_back(np.array([[254.6, 0.49], [300.0, 2.0], [-5.0, -1.0]]))
    assert back["a"].tolist() == [255, 255, 0]
    assert back["b"].tolist() == [False, True, False]
    assert back["a"].dtype == np.uint8


@settings(deadline=None)
@given(
    st.sampled_from(["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]),
    st.floats(-1e20, 1e20),
)
def test_integers_never_wrap_around(name, value):
    dtype = np.dtype(name)
    got = int(to_integers(np.array([value]), dtype)[0])
    nearest = min(max(round(value), np.iinfo(dtype).min), np.iinfo(dtype).max)
    assert abs(got - nearest) <= max(0.0, np.spacing(abs(float(nearest)))) * (dtype.itemsize == 8)


def test_other_numbers_of_rows_come_back_without_row_labels():
    raw = as_raw(PANDAS)
    back = PREPARATIONS["table"]().fit(raw).give_back(np.ones((5, 7)))
    assert list(back.index) == [0, 1, 2, 3, 4]
    assert list(back.columns) == list(PANDAS.columns)


def test_rows_like_others_come_back_like_them():
    raw = as_raw(PANDAS[["f", "g"]])
    preparation = PREPARATIONS["table"]().fit(raw)
    values = np.array([[1.0, 2.0]])
    assert isinstance(preparation.give_back(values), pd.DataFrame)
    assert isinstance(preparation.give_back(values, as_raw(np.ones((1, 2)))), np.ndarray)
    assert preparation.give_back(values, as_raw(pl.DataFrame({"f": [1.0], "g": [2.0]}))).columns == ["f", "g"]


def test_plain_integer_arrays_come_back_as_floats():
    back = round_trip(np.array([[1, 2], [3, 5]]))
    assert back.dtype == np.float64
    np.testing.assert_allclose(back, [[1, 2], [3, 5]])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3, 9, 10), (3, 9, 10, 3)])
def test_pictures(shape, dtype):
    values = np.random.default_rng(0).integers(0, 256, size=shape).astype(dtype)
    back = round_trip(values, "image")
    assert back.dtype == dtype
    np.testing.assert_allclose(back, values, rtol=1e-6, atol=1e-4)


def test_pictures_of_booleans():
    values = np.random.default_rng(0).random((3, 9, 9)) > 0.5
    back = round_trip(values)
    assert back.dtype == bool
    np.testing.assert_array_equal(back, values)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.rand(3, 4),
        torch.rand(3, 4, dtype=torch.float64),
        torch.rand(3, 3, 9, 10),
        torch.rand(3, 9, 10, 3),
        torch.randint(0, 256, (3, 1, 9, 10), dtype=torch.uint8),
    ],
)
def test_tensors(tensor):
    back = round_trip(tensor)
    assert back.dtype == tensor.dtype
    torch.testing.assert_close(back, tensor)


def test_sequences_brought_flat_come_back_flat():
    values = np.random.default_rng(0).normal(size=(4, 30))
    np.testing.assert_allclose(round_trip(values, "sequence"), values)
    frame = pd.DataFrame(values, columns=[f"t{i}" for i in range(30)])
    pd.testing.assert_frame_equal(round_trip(frame, "sequence"), frame)


def test_sparse_matrices_come_back_dense():
    matrix = sparse.csr_array(np.array([[0.0, 2.0], [3.0, 0.0]]))
    np.testing.assert_allclose(round_trip(matrix), matrix.toarray(), atol=1e-12)
