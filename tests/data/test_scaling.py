"""Scalings: exact inverses at every scale, statistics from training rows, arrays there and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from scipy.stats import norm

from isthmus.data.scaling import SCALERS, Quantile

NAMES = sorted(SCALERS)
SHAPES = st.tuples(st.integers(1, 20), st.integers(1, 3))
MODEST = hnp.arrays(np.float64, SHAPES, elements=st.one_of(st.floats(-1e6, 1e6), st.just(np.nan)))


def tolerance(values):
    return 1e-9 * max(1.0, float(np.nan_to_num(np.nanmax(np.abs(values), initial=0.0))))


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None)
@given(values=MODEST)
def test_inverse_undoes_transform(name, values):
    scaler = SCALERS[name]().fit(values, values.shape[1])
    scaled = scaler.transform(values)
    assert np.array_equal(np.isnan(scaled), np.isnan(values))
    np.testing.assert_allclose(scaler.inverse(scaled), values, rtol=1e-9, atol=tolerance(values))


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None)
@given(values=MODEST, new=hnp.arrays(np.float64, (5, 1), elements=st.floats(-1e6, 1e6)))
def test_inverse_undoes_transform_of_rows_never_seen(name, values, new):
    column = values[:, :1]
    if np.isnan(column).all() or 0 < np.nanstd(column) < 1e-3 * np.nanmax(np.abs(column)):
        return  # a spread far below the values leaves few digits to give the others back with
    scaler = SCALERS[name]().fit(column, 1)
    scaled = scaler.transform(new)
    if not np.isfinite(scaled).all():
        return  # beyond the largest number, which preparing refuses by name
    np.testing.assert_allclose(scaler.inverse(scaled), new, rtol=1e-6, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None)
@given(values=MODEST)
def test_arrays_restore_the_same_scaler(name, values):
    scaler = SCALERS[name]().fit(values, values.shape[1])
    again = SCALERS[name].restore(scaler.arrays())
    np.testing.assert_array_equal(again.transform(values), scaler.transform(values))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e300])
def test_extreme_scales(name, scale):
    values = np.random.default_rng(0).normal(size=(50, 2)) * scale
    scaler = SCALERS[name]().fit(values, 2)
    scaled = scaler.transform(values)
    assert np.isfinite(scaled).all()
    if name != "none":
        assert np.abs(scaled).max() < 10
        assert scaled.std() > 0.1
    np.testing.assert_allclose(scaler.inverse(scaled), values, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0.0, 0.1, -3e30, 1e300])
def test_constant_columns_come_back_exactly(name, value):
    values = np.full((1000, 1), value)
    scaler = SCALERS[name]().fit(values, 1)
    scaled = scaler.transform(values)
    assert np.ptp(scaled) == 0
    np.testing.assert_array_equal(scaler.inverse(scaled), values)


@pytest.mark.parametrize("name", NAMES)
def test_columns_never_seen_are_nan_both_ways(name):
    values = np.array([[1.0, np.nan], [2.0, np.nan]])
    scaler = SCALERS[name]().fit(values, 2)
    assert np.isnan(scaler.transform(np.ones((3, 2)))[:, 1]).all()
    assert np.isnan(scaler.inverse(np.zeros((3, 2)))[:, 1]).all()


@pytest.mark.parametrize("name", NAMES)
def test_sparse_is_scaled_as_the_dense(name):
    matrix = sparse.random_array((40, 5), density=0.3, rng=np.random.default_rng(0), format="csr")
    thin, dense = SCALERS[name]().fit(matrix, 5), SCALERS[name]().fit(matrix.toarray(), 5)
    np.testing.assert_allclose(thin.transform(matrix.toarray()), dense.transform(matrix.toarray()), atol=1e-12)


def test_standard_has_mean_0_and_deviation_1():
    values = np.random.default_rng(0).normal(7, 3, size=(500, 3))
    scaled = SCALERS["standard"]().fit(values, 3).transform(values)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), 1)


def test_minmax_has_the_range_seen_or_the_range_possible():
    values = np.array([[10.0], [30.0], [20.0]])
    assert SCALERS["minmax"]().fit(values, 1).transform(values).ravel().tolist() == [0, 1, 0.5]
    fixed = SCALERS["minmax"]().fit(values, 1, bounds=(0, 255))
    np.testing.assert_allclose(fixed.transform(values), values / 255)


def test_none_leaves_values_alone():
    values = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_array_equal(SCALERS["none"]().fit(values, 3).transform(values), values)


def test_quantile_gives_a_normal_distribution_to_a_skewed_one():
    values = np.random.default_rng(0).exponential(size=(20_000, 1)) ** 3
    scaled = Quantile().fit(values, 1).transform(values)
    shares = np.array([0.01, 0.1, 0.5, 0.9, 0.99])
    np.testing.assert_allclose(np.quantile(scaled, shares), norm.ppf(shares), atol=0.02)


def test_quantile_gives_ties_the_middle_of_their_ranks():
    scaler = Quantile().fit(np.array([[0.0]] * 50 + [[1.0]] * 50), 1)
    scaled = scaler.transform(np.array([[0.0], [1.0]])).ravel()
    np.testing.assert_allclose(scaled, norm.ppf([0.25, 0.75]), atol=0.02)


def test_quantile_is_strictly_increasing_even_beyond_the_range():
    scaler = Quantile().fit(np.random.default_rng(0).exponential(size=(3000, 1)), 1)
    line = np.linspace(-5, 30, 2000)[:, None]
    assert (np.diff(scaler.transform(line).ravel()) > 0).all()
    np.testing.assert_allclose(scaler.inverse(scaler.transform(line)), line, atol=1e-9)


def test_quantile_of_many_rows_is_fitted_on_some_of_them_but_knows_the_ends():
    values = np.random.default_rng(0).normal(size=(Quantile.max_rows + 5000, 1))
    values[0], values[-1] = -50.0, 60.0
    knots, _ = Quantile().fit(values, 1).knots_[0]
    assert (knots[0], knots[-1]) == (-50.0, 60.0)
    assert len(knots) <= Quantile.max_knots + 2
