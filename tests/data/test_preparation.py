"""Preparations: every kind there and exactly back, and what is refused on the way."""

import json
import time
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from isthmus.data import PREPARATIONS, DenseRows, LazyRows, as_raw
from isthmus.data.scaling import SCALERS
from isthmus.exceptions import DataError, ParameterError

SCALINGS = ["auto", *sorted(SCALERS)]
SHAPES = {
    "vector": st.tuples(st.integers(1, 8), st.integers(1, 5)),
    "table": st.tuples(st.integers(1, 8), st.integers(1, 5)),
    "image": st.one_of(
        st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5)),
        st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.integers(1, 4)),
    ),
    "sequence": st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 3)),
}
FLOATS = st.one_of(st.floats(-1e6, 1e6, width=32), st.just(np.nan))


def fitted(values, kind="auto", scaling="auto", **options):
    raw = as_raw(values, kind=kind, **options)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No row of")
        return raw, PREPARATIONS[raw.kind](scaling).fit(raw)


def there_and_back(values, kind, scaling, dtype=torch.float64):
    raw, preparation = fitted(values, kind, scaling)
    prepared = preparation.transform(raw, dtype)
    return raw, prepared, preparation.give_back(preparation.inverse(prepared.x.numpy()), raw)


# --- there and back


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("kind", sorted(PREPARATIONS))
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_inverse_undoes_transform(kind, scaling, data):
    values = data.draw(hnp.arrays(np.float64, SHAPES[kind], elements=FLOATS))
    if np.isnan(values).all():
        return
    _, prepared, back = there_and_back(values, kind, scaling)
    seen = ~np.isnan(values)
    span = np.abs(values[seen]).max()
    np.testing.assert_allclose(back[seen], values[seen], rtol=1e-9, atol=1e-9 * (1 + span))
    assert torch.isfinite(prepared.x).all()
    assert back.shape == values.shape
    assert (prepared.mask is None) == seen.all()


@pytest.mark.parametrize("scaling", SCALINGS)
@settings(deadline=None, max_examples=25)
@given(values=hnp.arrays(np.uint8, SHAPES["image"], elements=st.integers(0, 255)))
def test_pictures_come_back_bit_by_bit_through_float32(scaling, values):
    _, _, back = there_and_back(values, "image", scaling, torch.float32)
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, values)


@pytest.mark.parametrize("kind", sorted(PREPARATIONS))
@pytest.mark.parametrize("scaling", SCALINGS)
def test_restored_from_json_and_arrays_it_does_the_same(kind, scaling):
    values = np.random.default_rng(0).normal(size={"image": (5, 4, 6, 3), "sequence": (5, 7, 2)}.get(kind, (5, 3)))
    raw, preparation = fitted(values, kind, scaling)
    config = json.loads(json.dumps(preparation.config()))
    again = PREPARATIONS[config["kind"]].restore(config, preparation.arrays())
    x = preparation.transform(raw).x
    assert torch.equal(again.transform(raw).x, x)
    np.testing.assert_array_equal(again.inverse(x.numpy()), preparation.inverse(x.numpy()))
    assert (again.shape_, again.scaling_, again.binary_) == (
        preparation.shape_,
        preparation.scaling_,
        preparation.binary_,
    )
    assert again.give_back(values).shape == values.shape


# --- shapes, scaling, dtypes


@pytest.mark.parametrize(
    ("values", "kind", "shape"),
    [
        (np.zeros((5, 3)), "vector", (3,)),
        (np.zeros((5, 28, 30)), "image", (1, 28, 30)),
        (np.zeros((5, 28, 30, 3)), "image", (3, 28, 30)),
        (np.zeros((5, 90, 2)), "sequence", (90, 2)),
        (np.zeros((5, 90)), "sequence", (90, 1)),
    ],
)
def test_prepared_shape(values, kind, shape):
    raw, preparation = fitted(values, kind)
    prepared = preparation.transform(raw)
    assert preparation.shape_ == shape
    assert tuple(prepared.x.shape) == (5, *shape)
    assert prepared.x.is_contiguous()
    assert prepared.x.dtype == torch.float32


def test_auto_scales_each_column_of_vectors():
    values = np.random.default_rng(0).normal([0, 100], [1, 50], size=(400, 2))
    raw, preparation = fitted(values)
    x = preparation.transform(raw, torch.float64).x
    assert preparation.scaling_ == "standard"
    torch.testing.assert_close(x.mean(0), torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(x.std(0, correction=0), torch.ones(2, dtype=torch.float64))


def test_auto_scales_pictures_and_sequences_by_channel():
    rng = np.random.default_rng(0)
    for values, axes in (
        (rng.normal(5, 2, (20, 9, 9, 3)), (0, 2, 3)),
        (rng.normal(5, 2, (20, 30, 3)), (0, 1)),
    ):
        raw, preparation = fitted(values)
        x = preparation.transform(raw, torch.float64).x
        torch.testing.assert_close(x.mean(axes), torch.zeros(3, dtype=torch.float64), atol=1e-9, rtol=0)
        torch.testing.assert_close(x.std(axes, correction=0), torch.ones(3, dtype=torch.float64))
        assert preparation.arrays()["center"].shape == (3,)


def test_auto_leaves_zeros_and_ones_alone():
    values = (np.random.default_rng(0).random((30, 4)) > 0.5).astype(float)
    values[0, 0] = np.nan
    raw, preparation = fitted(values)
    assert (preparation.scaling_, preparation.binary_) == ("none", True)
    assert set(preparation.transform(raw).x.unique().tolist()) == {0.0, 1.0}
    assert fitted(values, scaling="minmax")[1].binary_
    assert not fitted(values, scaling="standard")[1].binary_
    assert not fitted(values * 2)[1].binary_


def test_minmax_of_integer_pictures_is_the_range_of_their_dtype():
    raw, preparation = fitted(np.full((2, 9, 9), 51, dtype=np.uint8), scaling="minmax")
    torch.testing.assert_close(preparation.transform(raw).x.unique(), torch.tensor([0.2]))
    deep, preparation = fitted(np.full((2, 9, 9), 13107, dtype=np.uint16), scaling="minmax")
    torch.testing.assert_close(preparation.transform(deep).x.unique(), torch.tensor([0.2]))
    raw, preparation = fitted(np.linspace(2, 4, 162).reshape(2, 9, 9), scaling="minmax")
    assert preparation.transform(raw).x.aminmax() == (0, 1)


def test_unknown_scaling():
    with pytest.raises(ParameterError, match=r"scaling='zscore' is not known.*'standard'"):
        PREPARATIONS["vector"]("zscore").fit(as_raw(np.ones((3, 2))))


@pytest.mark.parametrize(
    ("given_dtype", "back"), [("float32", "float32"), ("float64", "float64"), ("float16", "float16")]
)
def test_the_dtype_brought_comes_back(given_dtype, back):
    values = np.random.default_rng(0).normal(size=(5, 3)).astype(given_dtype)
    raw, preparation = fitted(values)
    result = preparation.give_back(preparation.inverse(preparation.transform(raw).x.numpy()), raw)
    assert result.dtype == back


def test_float64_is_prepared_in_float64():
    values = 1e6 + np.random.default_rng(0).normal(size=(50, 2))
    raw, preparation = fitted(values, scaling="none")
    x = preparation.transform(raw, torch.float64).x
    assert x.dtype == torch.float64
    np.testing.assert_array_equal(x.numpy(), values)
    assert preparation.transform(raw, torch.bfloat16).x.dtype == torch.bfloat16


def test_what_is_given_is_not_changed_even_if_read_only():
    values = np.random.default_rng(0).normal(size=(20, 3))
    values[3, 1] = np.nan
    before = values.copy()
    values.flags.writeable = False
    raw, preparation = fitted(values)
    prepared = preparation.transform(raw)
    preparation.inverse(prepared.x.numpy())
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("order", ["C", "F"])
def test_order_in_memory_makes_no_difference(order):
    values = np.random.default_rng(0).normal(size=(50, 7))
    expected = fitted(values)[1].transform(as_raw(values)).x
    assert torch.equal(fitted(np.array(values, order=order))[1].transform(as_raw(values)).x, expected)


# --- missing values


@pytest.mark.parametrize("kind", sorted(PREPARATIONS))
def test_missing_cells_are_zero_and_masked(kind):
    values = np.random.default_rng(0).normal(3, 2, {"image": (5, 4, 6), "sequence": (5, 7, 2)}.get(kind, (5, 3)))
    values[2, 1] = np.nan
    raw, preparation = fitted(values, kind)
    prepared = preparation.transform(raw)
    assert prepared.mask is not None
    seen = preparation.forward(~np.isnan(values))
    np.testing.assert_array_equal(prepared.mask.numpy(), seen)
    assert (prepared.x[~prepared.mask] == 0).all()
    assert preparation.transform(raw.take(np.array([0, 1]))).mask is None


def test_columns_without_any_value_come_back_as_nan_and_are_told_once():
    frame = pd.DataFrame({"a": [1.0, 2.0], "empty": [np.nan, np.nan]})
    raw = as_raw(frame)
    with pytest.warns(UserWarning, match="No row of the frame given has a value in column 'empty'") as told:
        preparation = PREPARATIONS["table"]().fit(raw)
    assert len(told) == 1
    prepared = preparation.transform(raw)
    assert prepared.mask is not None
    assert prepared.mask[:, 1].logical_not().all()
    pd.testing.assert_frame_equal(preparation.give_back(preparation.inverse(prepared.x.numpy()), raw), frame)
    later = preparation.transform(as_raw(pd.DataFrame({"a": [1.0], "empty": [5.0]})))
    assert later.x.isfinite().all()
    assert later.mask is not None
    assert later.mask.tolist() == [[True, False]]


@pytest.mark.parametrize("shape", [(4, 3), (4, 9, 9), (4, 30, 2)])
def test_nothing_but_missing_values(shape):
    with pytest.raises(DataError, match="Every value of the array given is missing"):
        fitted(np.full(shape, np.nan))


def test_one_row_and_constant_columns():
    raw, preparation = fitted(np.array([[3.0, -7.0]]))
    assert preparation.transform(raw).x.tolist() == [[0, 0]]
    assert preparation.inverse(np.zeros((2, 2))).tolist() == [[3, -7], [3, -7]]


# --- what is refused


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda v: np.array([[1.0, 2.0], [v, np.nan]]), "row 1 .*column 0"),
        (lambda v: pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, v]}), "row 1 .*column 'b'"),
        (lambda v: sparse.csr_array(np.array([[0.0, 2.0], [0.0, v]])), "row 1 .*column 1"),
        (lambda v: np.where(np.arange(162).reshape(2, 9, 9) == 100, v, 1.0), r"row 1 .*pixel \(2, 1\)"),
        (lambda v: np.where(np.arange(120).reshape(2, 30, 2) == 71, v, -1.0), "row 1 .*step 5, channel 1"),
    ],
    ids=["array", "frame", "sparse", "image", "sequence"],
)
def test_infinity_is_refused_by_name(make, words, value):
    sign = "-inf" if value < 0 else " inf"
    raw, preparation = fitted(make(3.0))
    with pytest.raises(DataError, match=f"{sign}.*{words}"):
        fitted(make(value), raw.kind)
    assert len(preparation.transform(raw).x) == 2
    with pytest.raises(DataError, match=f"{sign}.*{words}"):
        preparation.transform(as_raw(make(value), kind=raw.kind))


def test_values_too_large_once_scaled_are_refused_by_name():
    _, preparation = fitted(np.array([[1.0, 1e-30], [2.0, 2e-30]]))
    with pytest.raises(DataError, match=r"row 1 .*column 1 that is too large for float32"):
        preparation.transform(as_raw(np.array([[1.0, 1e-30], [2.0, 1e30]])))
    with pytest.raises(DataError, match="too large"):
        preparation.rows(as_raw(sparse.csr_array(np.array([[1.0, 1e30]])))).take(torch.tensor([0]))


def test_values_of_1e30_are_prepared_and_given_back():
    values = np.random.default_rng(0).normal(size=(50, 3)) * 1e30
    raw, preparation = fitted(values)
    x = preparation.transform(raw).x
    assert x.abs().max() < 10
    np.testing.assert_allclose(preparation.inverse(x.numpy()), values, rtol=1e-5, atol=1e24)


def test_another_width_is_refused_in_the_words_of_scikit_learn():
    _, preparation = fitted(np.ones((4, 5)))
    with pytest.raises(DataError, match="X has 3 features, but Autoencoder is expecting 5 features as input"):
        preparation.transform(as_raw(np.ones((2, 3))))
    with pytest.raises(DataError, match="X has 3 features, but Mine is expecting 5 features as input"):
        preparation.rows(as_raw(sparse.csr_array(np.ones((2, 3)))), name="Mine")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (["b", "a"], "Feature names must be in the same order as they were in fit."),
        (
            ["a", "z"],
            "Feature names unseen at fit time:\n- z\nFeature names seen at fit time, yet now missing:\n- b\n",
        ),
        (["a"], "Feature names seen at fit time, yet now missing:\n- b\n"),
    ],
)
@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_other_columns_are_refused_in_the_words_of_scikit_learn(make, columns, words):
    _, preparation = fitted(make({"a": [1.0, 2.0], "b": [3.0, 5.0]}))
    with pytest.raises(DataError, match="should match those that were passed during fit.\n" + words):
        preparation.transform(as_raw(make({name: [1.0, 2.0] for name in columns})))


def test_names_on_one_side_only_are_a_warning():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 5.0]})
    with pytest.warns(UserWarning, match="X does not have valid feature names, but Autoencoder was fitted with"):
        fitted(frame)[1].transform(as_raw(frame.to_numpy()))
    with pytest.warns(UserWarning, match="X has feature names, but Autoencoder was fitted without"):
        fitted(frame.to_numpy())[1].transform(as_raw(frame))


@pytest.mark.parametrize(
    ("seen", "new", "words"),
    [
        (
            np.zeros((2, 9, 9)),
            np.zeros((2, 10, 9)),
            "pictures of 10 x 9 .*1 channel .*Autoencoder is expecting .*9 x 9",
        ),
        (np.zeros((2, 9, 9)), np.zeros((2, 9, 9, 3)), "with 3 channels.*with 1 channel"),
        (np.zeros((2, 30, 2)), np.zeros((2, 31, 2)), "sequences of 31 steps with 2 channels.*of 30 steps"),
        (np.zeros((2, 9, 9)), np.zeros((2, 30, 2)), "kind 'image'.*kind 'sequence'"),
        (np.zeros((2, 9)), np.zeros((2, 9, 9)), "kind 'vector'.*kind 'image'"),
    ],
)
def test_other_shapes_are_refused(seen, new, words):
    _, preparation = fitted(seen + 1.0)
    with pytest.raises(DataError, match=words):
        preparation.transform(as_raw(new))


def test_a_channel_axis_of_one_is_the_same_picture():
    _, preparation = fitted(np.random.default_rng(0).random((4, 9, 9)))
    assert preparation.transform(as_raw(np.zeros((2, 9, 9, 1)))).x.shape == (2, 1, 9, 9)


# --- rows for training


def test_rows_of_arrays_are_dense():
    raw, preparation = fitted(np.random.default_rng(0).normal(size=(6, 3)))
    rows = preparation.rows(raw)
    assert isinstance(rows, DenseRows)
    assert torch.equal(rows.x, preparation.transform(raw).x)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("missing", [False, True])
def test_rows_of_sparse_matrices_are_prepared_as_the_dense(scaling, missing):
    matrix = sparse.random_array((20, 5), density=0.5, rng=np.random.default_rng(0), format="csr")
    if missing:
        matrix.data[3] = np.nan
    raw, preparation = fitted(matrix, scaling=scaling)
    rows, whole = preparation.rows(raw), preparation.transform(raw)
    assert isinstance(rows, LazyRows)
    assert rows.has_mask == missing
    index = torch.tensor([4, 0, 4, 19])
    batch = rows.take(index)
    assert torch.equal(batch.x, whole.x[index])
    assert (batch.mask is None) == (not missing)
    if batch.mask is not None and whole.mask is not None:
        assert torch.equal(batch.mask, whole.mask[index])
    dense = PREPARATIONS["vector"](scaling).fit(as_raw(matrix.toarray()))
    torch.testing.assert_close(dense.transform(as_raw(matrix.toarray())).x, whole.x)


def test_large_sparse_matrices_are_never_made_dense():
    matrix = sparse.random_array((20_000, 100_000), density=1e-5, rng=np.random.default_rng(0), format="csr")
    raw, preparation = fitted(matrix)  # dense it would be 16 GB
    batch = preparation.rows(raw).take(torch.arange(8))
    assert batch.x.shape == (8, 100_000)


def test_a_million_rows_are_prepared_fast():
    values = np.random.default_rng(0).normal(size=(1_000_000, 30))
    start = time.process_time()
    raw, preparation = fitted(values)
    preparation.transform(raw)
    assert time.process_time() - start < 5  # about half a second on an idle core
