"""as_raw: every container, the inference of kinds, and what is refused."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from PIL import Image
from scipy import sparse
from torch.utils.data import IterableDataset, Subset, TensorDataset

from isthmus.data import Raw, as_raw
from isthmus.exceptions import DataError, ParameterError

RNG = np.random.default_rng(0)


def pictures(n=4, h=10, w=12, c=3):
    return RNG.integers(0, 256, size=(n, h, w, c), dtype=np.uint8)


# --- kinds


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.zeros((5, 3)), "vector"),
        (np.zeros((5, 30, 30)), "image"),
        (np.zeros((5, 8, 16)), "image"),
        (np.zeros((5, 8, 17)), "sequence"),
        (np.zeros((5, 7, 7)), "sequence"),
        (np.full((5, 30, 30), -1.0), "sequence"),
        (np.zeros((5, 100, 2)), "sequence"),
        (np.zeros((5, 4, 40), dtype=np.uint8), "image"),
        (np.zeros((5, 4, 40), dtype=np.uint16), "image"),
        (np.zeros((5, 9, 9, 3)), "image"),
        (sparse.csr_array(np.eye(3)), "vector"),
        (pd.DataFrame({"a": [1.0]}), "table"),
        (pl.DataFrame({"a": [1.0]}), "table"),
        (pl.LazyFrame({"a": [1.0]}), "table"),
        (pa.table({"a": [1.0]}), "table"),
        (torch.zeros(4, 3), "vector"),
        (torch.zeros(4, 3, 16, 16), "image"),
        ([[1, 2], [3, 4]], "vector"),
    ],
)
def test_kind_is_inferred(values, kind):
    assert as_raw(values).kind == kind


def test_a_missing_value_does_not_hide_a_picture():
    values = np.zeros((3, 9, 9))
    values[0, 0, 0] = np.nan
    assert as_raw(values).kind == "image"


def test_kind_given_goes_before_what_it_looks_like():
    assert as_raw(np.zeros((5, 30, 30)), kind="sequence").kind == "sequence"
    assert as_raw(np.zeros((5, 3)), kind="table").kind == "table"
    assert as_raw(pd.DataFrame({"a": [1.0]}), kind="vector").names == ("a",)


def test_rows_of_a_table_can_be_sequences_of_one_channel():
    raw = as_raw(np.zeros((5, 30)), kind="sequence")
    assert raw.item_shape == (30, 1)
    assert raw.flat
    back = as_raw(raw, kind="vector")
    assert back.item_shape == (30,)
    assert not back.flat


def test_unknown_kind_lists_the_known():
    with pytest.raises(ParameterError, match=r"kind='picture' is not known.*'image'"):
        as_raw(np.zeros((5, 3)), kind="picture")


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        (np.zeros((5, 784)), "image", "X.reshape\\(len\\(X\\), h, w\\)"),
        (np.zeros((5, 28, 28)), "vector", "X.reshape\\(len\\(X\\), -1\\)"),
        (np.zeros((5, 28, 28, 3)), "sequence", "\\(n, time, channels\\)"),
        (sparse.csr_array(np.eye(3)), "sequence", "sparse"),
        (sparse.csr_array(np.eye(3)), "image", "needs pictures"),
        (np.zeros((2, 2, 2, 2, 2)), "auto", "5 axes"),
        (np.zeros((2, 3, 32, 32)), "auto", "transpose\\(0, 2, 3, 1\\)"),
    ],
)
def test_axes_that_do_not_suit_the_kind(values, kind, words):
    with pytest.raises(DataError, match=words):
        as_raw(values, kind=kind)


# --- containers


def test_array_is_not_copied_and_keeps_its_dtype():
    values = RNG.normal(size=(5, 3)).astype(np.float32)
    assert as_raw(values).values is values


def test_raw_is_given_back_as_it_is():
    raw = as_raw(np.zeros((5, 3)))
    assert as_raw(raw) is raw
    with pytest.raises(ParameterError, match="drop= cannot be used with rows that are already read"):
        as_raw(raw, drop="a")


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"])
def test_sparse_of_any_format_becomes_csr(form):
    matrix = sparse.random_array((6, 4), density=0.4, rng=np.random.default_rng(0)).asformat(form)
    raw = as_raw(matrix)
    assert raw.values.format == "csr"
    assert raw.container == "scipy"
    np.testing.assert_array_equal(raw.values.toarray(), matrix.toarray())


def test_sparse_duplicates_are_summed_without_touching_the_one_given():
    given = sparse.csr_matrix((np.ones(3), np.array([1, 1, 0]), np.array([0, 2, 3])), shape=(2, 2))
    raw = as_raw(given)
    assert raw.values.nnz == 2
    assert given.nnz == 3
    np.testing.assert_array_equal(raw.values.toarray(), [[0, 2], [1, 0]])


def test_pandas_frame_of_one_dtype_is_taken_without_a_copy():
    frame = pd.DataFrame(RNG.normal(size=(50, 3)), columns=list("abc"), index=range(7, 57))
    raw = as_raw(frame)
    assert np.shares_memory(raw.values, frame.to_numpy())
    assert raw.names == ("a", "b", "c")
    assert raw.column_dtypes == ("float64",) * 3
    assert raw.index.equals(frame.index)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"i": pd.array([1, None], dtype="Int64"), "b": [True, False], "f": [0.5, np.nan]}),
        pd.DataFrame({"i": pd.array([1, None], dtype="int64[pyarrow]"), "b": [True, False], "f": [0.5, None]}),
        pl.DataFrame({"i": [1, None], "b": [True, False], "f": [0.5, None]}),
        pa.table({"i": [1, None], "b": [True, False], "f": [0.5, None]}),
    ],
    ids=["pandas", "pandas-arrow", "polars", "pyarrow"],
)
def test_nulls_become_nan_and_booleans_numbers(frame):
    raw = as_raw(frame)
    np.testing.assert_array_equal(raw.values, [[1, 1, 0.5], [np.nan, 0, np.nan]])


def test_missing_booleans_decimals_and_columns_of_nulls():
    frame = pl.DataFrame({"b": [True, None], "d": pl.Series(["1.5", None]).cast(pl.Decimal(10, 2)), "n": [None, None]})
    np.testing.assert_array_equal(as_raw(frame).values, [[1, 1.5, np.nan], [np.nan, np.nan, np.nan]])


def test_object_column_of_numbers_converts():
    frame = pd.DataFrame({"a": pd.Series([1, None, 2.5], dtype=object), "b": [1.0, 2.0, 3.0]})
    np.testing.assert_array_equal(as_raw(frame).values[:, 0], [1, np.nan, 2.5])


def test_integers_stay_integers():
    assert as_raw(pd.DataFrame({"a": [1, 2], "b": [3, 4]})).values.dtype == np.int64
    assert as_raw(pl.DataFrame({"a": [1, 2], "b": [3, 4]})).values.dtype == np.int64


def test_labels_of_columns_that_are_not_text():
    raw = as_raw(pd.DataFrame({3: [1.0], 5: [2.0]}))
    assert raw.names is None
    assert raw.labels == (3, 5)


def test_tensor_of_pictures_with_channels_first():
    values = torch.arange(2 * 3 * 8 * 9, dtype=torch.uint8).reshape(2, 3, 8, 9)
    raw = as_raw(values)
    assert raw.container == "torch_nchw"
    np.testing.assert_array_equal(raw.values, values.permute(0, 2, 3, 1).numpy())
    assert as_raw(torch.zeros(2, 8, 9, 3)).container == "torch"


def test_tensors_of_other_kinds():
    assert as_raw(torch.ones(3, 2, dtype=torch.bfloat16)).values.dtype == np.float32
    assert as_raw(torch.ones(3, 2, requires_grad=True)).container == "torch"
    lattice = torch.eye(3).to_sparse()
    assert as_raw(lattice).is_sparse
    np.testing.assert_array_equal(as_raw(lattice).values.toarray(), np.eye(3))


def test_datasets():
    x, y = torch.rand(6, 4), torch.arange(6)
    whole = as_raw(TensorDataset(x, y))
    np.testing.assert_array_equal(whole.values, x.numpy())
    np.testing.assert_array_equal(whole.extra["y"], y.numpy())
    part = as_raw(Subset(TensorDataset(x, y), [4, 1]))
    np.testing.assert_array_equal(part.values, x.numpy()[[4, 1]])
    np.testing.assert_array_equal(part.extra["y"], [4, 1])


class Items(torch.utils.data.Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def test_dataset_of_items():
    values = pictures()
    tensors = as_raw(Items([(torch.from_numpy(p).permute(2, 0, 1), i) for i, p in enumerate(values)]))
    assert tensors.container == "torch_nchw"
    np.testing.assert_array_equal(tensors.values, values)
    np.testing.assert_array_equal(tensors.extra["y"], range(4))
    opened = as_raw(Items([(Image.fromarray(p), "word") for p in values]))
    np.testing.assert_array_equal(opened.values, values)
    assert list(opened.extra["y"]) == ["word"] * 4
    plain = as_raw(Items([[np.ones(3)], [np.zeros(3)]]))
    assert plain.kind == "vector"


def test_dataset_of_unequal_or_no_items():
    with pytest.raises(DataError, match=r"item 0 has \(2,\), item 2 has \(3,\)"):
        as_raw(Items([np.ones(2), np.ones(2), np.ones(3)]))
    with pytest.raises(DataError, match=r"0 sample\(s\)"):
        as_raw(Items([]))

    class Stream(IterableDataset):
        def __iter__(self):
            return iter([torch.ones(3)])

    with pytest.raises(DataError, match="not map style"):
        as_raw(Stream())


def test_lists():
    assert as_raw([[1, None], [2, 3]]).values.tolist()[1] == [2, 3]
    assert np.isnan(as_raw([[1, None], [2, 3]]).values[0, 1])
    assert as_raw([np.ones((5, 2)), np.zeros((5, 2))]).item_shape == (5, 2)
    assert as_raw([torch.ones(3), torch.zeros(3)]).container == "torch"
    values = pictures()
    np.testing.assert_array_equal(as_raw([Image.fromarray(p) for p in values]).values, values)
    assert as_raw([Image.fromarray(p) for p in values], size=(5, 6)).item_shape == (5, 6, 3)


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([torch.ones(5), torch.ones(4)], r"item 0 has \(5,\), item 1 has \(4,\)"),
        ([[1, 2], [3]], r"item 0 has \(2,\), item 1 has \(1,\)"),
        ([np.ones((5, 2)), np.ones((0, 2))], "Sequence 1 .* is empty"),
        ([np.ones((5, 2)), np.ones((4, 3))], "Sequence 1 .* has 3 channels, but sequence 0 has 2"),
        (["a", b"b"], "Row 1 .* of the list given holds bytes, b'b'. Give text"),
        ([], r"0 sample\(s\)"),
        ([Image.new("L", (4, 3)), Image.new("L", (4, 3)), Image.new("L", (4, 5))], "picture 2 is 5 x 4.*size="),
        ([Image.new("L", (4, 3)), np.ones((3, 4))], "item 1 is a ndarray"),
    ],
)
def test_lists_of_unequal_items(items, words):
    with pytest.raises(DataError, match=words):
        as_raw(items)


def test_masked_arrays_are_missing_where_masked():
    values = np.ma.masked_array([[1, 2], [3, 4]], mask=[[False, True], [False, False]])
    np.testing.assert_array_equal(as_raw(values).values, [[1, np.nan], [3, 4]])


# --- what is refused


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.ones(5), "Reshape your data"),
        (np.float64(3.0), "Reshape your data"),
        (pd.Series([1.0, 2.0]), "Reshape your data"),
        (torch.ones(5), "Reshape your data"),
        (
            np.ones((0, 3)),
            r"Found array with 0 sample\(s\) \(shape=\(0, 3\)\) while a minimum of 1 is required\.",
        ),
        (np.ones((3, 0)), r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1 is required\."),
        (pd.DataFrame({"a": []}), r"0 sample\(s\)"),
        (pd.DataFrame(index=[1, 2]), r"0 feature\(s\)"),
        (sparse.csr_array((0, 3)), r"0 sample\(s\)"),
        (sparse.csr_array((3, 0)), r"0 feature\(s\)"),
        (np.ones((3, 0, 2)), "sequences are empty"),
        (np.ones((3, 2)) * 1j, "Complex data not supported"),
        (np.array([[1, 1j]], dtype=object), "Complex data not supported"),
        (np.array([[1.0, "abc"]]), "'abc' at row 0, column 1"),
        (np.array([["1.0", "2.0"]]), r"X.astype\(float\)"),
        (np.array([[1.0, 2.0], [3.0, "abc"]], dtype=object), "'abc' .str. at row 1, column 1"),
        (np.array([["2020-01-01"]], dtype="datetime64[D]"), "dates"),
        (np.zeros((3, 1), dtype=[("a", float)]), "structured array with fields 'a'"),
        ({"a": [1]}, "dict"),
        (None, "Expected an array"),
        (5, "Expected an array"),
    ],
)
def test_what_is_no_data(values, words):
    with pytest.raises(DataError, match=words):
        as_raw(values)


def test_objects_that_are_no_numbers_are_a_type_error_too():
    values = np.ones((3, 2)).astype(object)
    values[2, 1] = {"foo": "bar"}
    with pytest.raises(TypeError, match=r"argument must be .* string.* number") as caught:
        as_raw(values)
    assert isinstance(caught.value, DataError)
    assert "row 2, column 1" in str(caught.value)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize(
    ("column", "words"),
    [
        (["1.5", "abc"], "numbers and something else.*row 1.*column 'c', value 'abc'"),
        (["1.5", "2.5"], "holds numbers, but its type is"),
        (
            np.array([5, 6], dtype="timedelta64[ms]"),
            "Column 'c' of the frame given holds spans.*row 0.*drop=\\['c'\\].*--drop c",
        ),
    ],
    ids=["mixed", "numbers-as-text", "spans"],
)
def test_columns_that_are_not_numeric(make, column, words):
    with pytest.raises(DataError, match=words):
        as_raw(make({"a": [1, 2], "c": column}))


def test_odd_object_column_is_named():
    frame = pd.DataFrame({"a": [1, 2], "c": pd.Series([1, object()], dtype=object)})
    with pytest.raises(DataError, match=r"Column 'c'.*row 1"):
        as_raw(frame)


@pytest.mark.parametrize("frame", [pd.DataFrame([[1, 2]], columns=["a", "a"]), pa.table([[1], [2]], names=["a", "a"])])
def test_two_columns_of_one_name(frame):
    with pytest.raises(DataError, match="'a'"):
        as_raw(frame)


# --- columns and drop


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "pyarrow"])
def test_columns_are_set_aside(make):
    frame = make({"a": [1, 2], "b": [3.0, 4.0], "c": ["x", "y"]})
    dropped = as_raw(frame, drop="c")
    assert dropped.names == ("a", "b")
    assert list(dropped.extra["c"]) == ["x", "y"]
    kept = as_raw(frame, columns=["b"])
    assert kept.names == ("b",)
    assert set(kept.extra) == {"a", "c"}
    assert as_raw(frame, columns=["b", "a"]).values.tolist() == [[3, 1], [4, 2]]
    assert as_raw(frame, columns=["a", "c"], drop=["c"]).names == ("a",)


def test_unknown_columns_name_the_near_ones():
    frame = pd.DataFrame({"height": [1.0], "weight": [2.0]})
    with pytest.raises(DataError, match=r"drop='hieght'.*no such column.*Did you mean 'height'"):
        as_raw(frame, drop="hieght")
    with pytest.raises(DataError, match=r"columns='zzz'.*There are 'height', 'weight'"):
        as_raw(frame, columns=["zzz"])
    with pytest.raises(DataError, match="more than one column named 'height'"):
        as_raw(frame, columns=["height", "height"])
    with pytest.raises(DataError, match=r"0 feature\(s\)"):
        as_raw(frame, drop=["height", "weight"])


def test_parameters_that_do_not_go_with_the_data():
    with pytest.raises(ParameterError, match="columns= cannot be used"):
        as_raw(np.ones((3, 2)), columns=["a"])
    with pytest.raises(ParameterError, match="size= cannot be used"):
        as_raw(np.ones((3, 9, 9)), size=(4, 4))
    with pytest.raises(ParameterError, match="size= cannot be used"):
        as_raw(pd.DataFrame({"a": [1.0]}), size=(4, 4))
    with pytest.raises(ParameterError, match="size= resizes"):
        as_raw([[1.0]], size=(4, 4))
    for size in ((4,), (0, 4), "big", (4, 4, 4)):
        with pytest.raises(ParameterError, match="is no size"):
            as_raw([Image.new("L", (4, 3))], size=size)


def test_result_is_a_raw():
    assert isinstance(as_raw([[1.0]]), Raw)
