"""Between rows, along units, and what moves with them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits, load_iris

from isthmus import Autoencoder, load
from isthmus.exceptions import DataError, ParameterError
from isthmus.latents import _spherical


@pytest.fixture(scope="module")
def table():
    frame = load_iris(as_frame=True).data
    return Autoencoder(3, max_epochs=3, random_state=0).fit(frame), frame


@pytest.fixture(scope="module")
def digits():
    X = load_digits().images[:300].astype(np.uint8)
    return Autoencoder(4, max_epochs=1, random_state=0).fit(X), X


@pytest.fixture(scope="module")
def waves():
    rng = np.random.default_rng(0)
    X = np.sin(np.linspace(0, 6, 24) + rng.uniform(0, 6, (80, 1)))[..., None] * [1.0, 10.0]
    X = X + 0.05 * rng.normal(size=X.shape)
    X[3, 5:9, 0] = np.nan
    return Autoencoder(2, kind="sequence", max_epochs=1, random_state=0).fit(X), X


@pytest.fixture(scope="module")
def linear():
    """A model that is PCA, of columns of very different units: all is known in closed form."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 5)) * [1.0, 1000.0, 0.01, 1.0, 1.0] + 3.0
    return Autoencoder(2, max_epochs=0, random_state=0, validation_fraction=0).fit(X), X


@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_the_ends_are_the_reconstructions(table, digits, waves, path):
    for ae, X in (table, digits, waves):
        made = ae.interpolate(X[:1], X[60:61], steps=4, path=path)
        ends = [np.asarray(ae.reconstruct(X[i : i + 1])) for i in (0, 60)]
        assert type(made) is type(X)
        assert len(made) == 4
        np.testing.assert_allclose(np.asarray(made)[[0]], ends[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(np.asarray(made)[[-1]], ends[1], rtol=1e-5, atol=1e-6)


def test_the_middle_of_a_linear_model_is_the_mean(linear):
    ae, X = linear
    made = ae.interpolate(X[0], X[1], steps=3)
    np.testing.assert_allclose(made[1], (made[0] + made[2]) / 2, rtol=1e-5)


def test_rows_need_no_axis_of_rows(table, digits, waves):
    for ae, X in (digits, waves):
        np.testing.assert_array_equal(ae.interpolate(X[0], X[1], 3), ae.interpolate(X[:1], X[1:2], 3))
        np.testing.assert_array_equal(ae.traverse(X[0], 1, 3), ae.traverse(X[:1], 1, 3))
    ae, frame = table
    pd.testing.assert_frame_equal(
        ae.interpolate(frame.iloc[0], frame.iloc[1], 3), ae.interpolate(frame[:1], frame[1:2], 3)
    )


def test_containers_and_types_come_back(table, digits):
    ae, frame = table
    assert isinstance(ae.interpolate(pl.from_pandas(frame[:1]), pl.from_pandas(frame[1:2])), pl.DataFrame)
    assert isinstance(ae.traverse(frame.iloc[4], 0), pd.DataFrame)
    ae, X = digits
    assert ae.traverse(X[0], 0).dtype == np.uint8
    np.testing.assert_array_equal(ae.traverse(Image.fromarray(X[0]), 0, 3).shape, (3, 8, 8))
    colour = np.random.default_rng(0).integers(0, 255, (40, 3, 8, 8)).astype(np.uint8)
    ae = Autoencoder(2, max_epochs=0, random_state=0).fit(torch.from_numpy(colour))
    assert ae.interpolate(torch.from_numpy(colour[0]), torch.from_numpy(colour[1]), 5).shape == (5, 3, 8, 8)


def test_flat_sequences_and_single_columns():
    X = np.random.default_rng(0).normal(size=(40, 12))
    ae = Autoencoder(2, kind="sequence", max_epochs=0, random_state=0).fit(X)
    for one in (X[0], X[:1], X[0][:, None]):
        assert ae.interpolate(one, X[1], 3).shape[:2] == (3, 12)
    ae = Autoencoder(1, max_epochs=0, random_state=0).fit(X[:, :1])
    for one in (X[0, :1], X[:1, :1], [0.5]):
        assert ae.traverse(one, 0, 3).shape == (3, 1)


def test_an_arc_keeps_the_distance_from_the_centre():
    centre = np.array([1.0, 1.0, 0.0])
    made = _spherical(np.array([2.0, 1, 0]), np.array([1.0, 3, 0]), np.linspace(0, 1, 5), centre)
    np.testing.assert_allclose(np.linalg.norm(made - centre, axis=1), np.linspace(1, 2, 5))
    opposite = _spherical(np.array([2.0, 1, 0]), np.array([0.0, 1, 0]), np.array([0, 0.5, 1]), centre)
    np.testing.assert_allclose(opposite[1], centre, atol=1e-12)


def test_traverse_moves_one_unit_over_the_range_of_the_training_codes(linear):
    ae, X = linear
    codes = ae.transform(ae.traverse(X[7], 1, 5))
    low, high = np.quantile(ae.transform(X)[:, 1], [0.01, 0.99])
    np.testing.assert_allclose(codes[:, 1], np.linspace(low, high, 5), atol=1e-4)
    np.testing.assert_allclose(codes[:, 0], ae.transform(X[7:8])[0, 0], atol=1e-4)
    codes = ae.transform(ae.traverse(X[7], np.int64(0), 3, span=(2, -2)))
    np.testing.assert_allclose(codes[:, 0], [2, 0, -2], atol=1e-4)


def test_sensitivities_of_a_linear_model_are_its_weights(linear):
    ae, X = linear
    found = ae.explain_latent()
    codes = ae.transform(X)
    slopes = np.linalg.lstsq(codes - codes.mean(0), X - X.mean(0), rcond=None)[0]
    expected = slopes * codes.std(axis=0)[:, None]
    np.testing.assert_allclose(found.effects / X.std(axis=0), expected / X.std(axis=0), atol=1e-4)
    np.testing.assert_allclose(found.sensitivities, np.abs(found.effects), rtol=1e-5)
    np.testing.assert_allclose(found.scaled, np.abs(expected) / X.std(axis=0), atol=1e-4)
    np.testing.assert_allclose(found.variance_shares.sum(), 1, rtol=1e-3)


def test_explanations_name_inputs_and_say_what_is_unused(table, digits, waves):
    ae, frame = table
    found = ae.explain_latent(frame[:20])
    assert found.rows == 20
    listed = found.to_frame(top=2)
    assert listed.shape == (6, 6)
    assert set(listed["input"]) <= set(frame.columns)
    assert len(found.to_frame()) == 12
    assert "% of the variance" in str(found)
    assert digits[0].explain_latent().sensitivities.shape == (4, 8, 8)
    assert "pixel" in digits[0].explain_latent().name(9)
    assert waves[0].explain_latent().effects.shape == (2, 24, 2)
    assert "step" in str(waves[0].explain_latent())


def test_units_that_never_move_are_unused():
    X = np.random.default_rng(0).normal(size=(100, 1)) * np.ones(4)
    X[:, 3] = 5.0
    found = Autoencoder(3, max_epochs=0, random_state=0).fit(X).explain_latent()
    assert len(found.unused) == 2
    assert "unused: " in str(found)
    np.testing.assert_allclose(found.sensitivities[:, 3], 0, atol=1e-5)
    assert np.isfinite(found.variance_shares).all()


def test_one_row_members_and_files(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 5))
    ae = Autoencoder(2, members=2, max_epochs=1, random_state=0).fit(X)
    ae.save(tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(ae.explain_latent().effects, again.explain_latent().effects)
    np.testing.assert_array_equal(ae.traverse(X[0], 1), again.traverse(X[0], 1))
    made = ae.interpolate(X[0], X[1], 2)
    np.testing.assert_allclose(made, ae.inverse_transform(ae.transform(X[:2])), rtol=1e-6)
    one = Autoencoder(1, max_epochs=0, random_state=0).fit(X[:1])
    assert len(one.explain_latent().unused) == 1


@pytest.mark.parametrize("scaling", ["quantile", "minmax"])
def test_any_scaling_and_missing_values(scaling):
    X = np.exp(np.random.default_rng(0).normal(size=(80, 4)))
    X[::5, 1] = np.nan
    ae = Autoencoder(2, scaling=scaling, max_epochs=1, random_state=0).fit(X)
    assert np.isfinite(ae.explain_latent().effects).all()
    assert np.isfinite(ae.interpolate(X[0], X[1])).all()


def test_a_column_never_seen_is_left_out_of_rankings():
    X = np.random.default_rng(0).normal(size=(60, 3))
    X[:, 1] = np.nan
    with pytest.warns(UserWarning, match="nothing can be learnt"):
        ae = Autoencoder(1, max_epochs=0, random_state=0).fit(X)
    found = ae.explain_latent()
    assert 1 not in found.strongest(0, 2)
    assert "column 1" not in str(found)


@pytest.mark.parametrize("objective", ["variational", "sparse(kind='topk', k=2)", "vector_quantised", "ordered"])
def test_any_objective(objective):
    ae = Autoencoder(4, objective=objective, max_epochs=1, random_state=0).fit(load_iris().data)
    X = load_iris().data
    assert np.isfinite(ae.interpolate(X[0], X[1])).all()
    assert np.isfinite(ae.traverse(X[0], 0)).all()
    assert np.isfinite(ae.explain_latent().effects).all()


def test_what_cannot_be_used_is_refused(table):
    ae, frame = table
    a, b = frame[:1], frame[1:2]
    for steps in (1, 0, 2.5, True, "many"):
        with pytest.raises(ParameterError, match="steps="):
            ae.interpolate(a, b, steps)
    for path in ("round", ["linear"], None):
        with pytest.raises(ParameterError, match="path="):
            ae.interpolate(a, b, path=path)
    for dimension in (3, -1, 1.0, None):
        with pytest.raises(ParameterError, match="numbered from 0 to 2"):
            ae.traverse(a, dimension)
    for span in ((0, np.nan), (1,), 3, ("a", "b")):
        with pytest.raises(ParameterError, match="span="):
            ae.traverse(a, 0, span=span)
    with pytest.raises(DataError, match="b holds 3 rows"):
        ae.interpolate(a, frame[:3])
    with pytest.raises(DataError):
        ae.interpolate(np.zeros(3), b)
    with pytest.raises(ParameterError, match="top="):
        ae.explain_latent().to_frame(top=0)
