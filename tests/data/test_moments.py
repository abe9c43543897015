"""Statistics of columns against NumPy's, dense and sparse, at all scales."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from isthmus.data.moments import PIECE, column_moments, only_zeros_and_ones, spans

VALUES = st.one_of(st.floats(-1e6, 1e6, width=32), st.just(np.nan))


def expected(values):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # columns of NaN alone
        return [f(values, axis=0) for f in (np.nanmin, np.nanmax, np.nanmean, np.nanstd)]


@settings(deadline=None)
@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=VALUES))
def test_moments_are_those_of_numpy(values):
    moments = column_moments(values, values.shape[1])
    np.testing.assert_array_equal(moments.count, (~np.isnan(values)).sum(axis=0))
    span = np.nan_to_num(np.nanmax(np.abs(values), initial=0.0))
    for got, want in zip((moments.low, moments.high, moments.mean, moments.std), expected(values), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9 * (1 + span))


@settings(deadline=None)
@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 12), st.integers(1, 4)),
        elements=st.one_of(st.just(0.0), st.floats(-100, 100), st.just(np.nan)),
    )
)
def test_sparse_moments_are_those_of_the_dense(values):
    dense = column_moments(values, values.shape[1])
    thin = column_moments(sparse.csr_array(values), values.shape[1])
    for name in ("count", "low", "high", "mean", "std"):
        np.testing.assert_allclose(getattr(thin, name), getattr(dense, name), rtol=1e-9, atol=1e-9)


def test_many_pieces_give_what_one_would():
    values = np.random.default_rng(0).normal(5.0, 3.0, size=(PIECE // 2, 5))
    values[::7, 2] = np.nan
    moments = column_moments(values, 5)
    np.testing.assert_allclose(moments.mean, np.nanmean(values, axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.std, np.nanstd(values, axis=0), rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e300, 1.7e308])
def test_extreme_scales_do_not_overflow(scale):
    values = np.array([[-1.0], [1.0], [1.0], [-1.0]]) * scale
    moments = column_moments(values, 1)
    np.testing.assert_allclose(moments.mean / scale, 0.0, atol=1e-12)
    np.testing.assert_allclose(moments.std, scale, rtol=1e-12)


def test_a_small_spread_far_from_zero_is_not_lost():
    values = 1e9 + np.array([[0.0], [1e-3], [2e-3]])
    np.testing.assert_allclose(column_moments(values, 1).std, np.std(values - 1e9), rtol=1e-12)


def test_an_outlier_does_not_swallow_the_others():
    values = np.concatenate([np.random.default_rng(0).normal(size=1000), [1e8]])[:, None]
    np.testing.assert_allclose(column_moments(values, 1).std, np.std(values), rtol=1e-9)


def test_constant_columns_have_no_spread_at_all():
    moments = column_moments(np.full((1000, 1), 0.1), 1)
    assert moments.mean[0] == 0.1
    assert moments.std[0] == 0.0


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float16, bool])
def test_every_dtype(dtype):
    values = np.array([[0, 1], [1, 0], [1, 1]]).astype(dtype)
    np.testing.assert_allclose(column_moments(values, 2).mean, [2 / 3, 2 / 3])


def test_axes_are_folded_to_the_width():
    values = np.random.default_rng(0).normal(size=(6, 4, 5, 3))
    np.testing.assert_allclose(column_moments(values, 3).mean, values.mean(axis=(0, 1, 2)))
    np.testing.assert_allclose(column_moments(values[..., 0], 1).mean, values[..., 0].mean())


@pytest.mark.parametrize(("n", "row"), [(1, 1), (10, 3), (PIECE, 7), (5, PIECE * 2)])
def test_spans_cover_every_row_once(n, row):
    rows = [i for span in spans(n, row) for i in (span.start, span.stop)]
    assert rows[0] == 0
    assert rows[-1] == n
    assert rows[1:-1:2] == rows[2:-1:2]


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ([[0.0, 1.0]], True),
        ([[0.0, np.nan]], True),
        ([[np.nan, np.nan]], False),
        ([[0.0, 0.5]], False),
        ([[0, 255]], False),
        ([[True, False]], True),
    ],
)
def test_zeros_and_ones(values, answer):
    assert only_zeros_and_ones(np.array(values)) is answer
    if not np.isnan(np.array(values, dtype=float)).all():
        assert only_zeros_and_ones(sparse.csr_array(np.array(values))) is answer
