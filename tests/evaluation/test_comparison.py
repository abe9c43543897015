"""The comparison is held against figures computed another way: public methods, and scikit-learn's PCA."""

from __future__ import annotations

import json

import numpy as np
import pytest
from evaluation_data import straight
from scipy import sparse
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from isthmus import Autoencoder
from isthmus.evaluation import compare, metrics
from isthmus.evaluation.comparison import Comparison, Errors
from isthmus.exceptions import DataError


@pytest.fixture(scope="module")
def cancer():
    X = load_breast_cancer().data
    return Autoencoder(5, max_epochs=5, random_state=0).fit(X[::2]), X[::2], X[1::2]


def test_figures_in_own_units_follow_from_reconstruct(cancer):
    model, _, X = cancer
    found = compare(model, X)
    off = (np.asarray(model.reconstruct(X)) - X) ** 2
    assert found.overall.ours_units == pytest.approx(off.mean(), rel=1e-3)
    np.testing.assert_allclose(found.by_column.ours_units, off.mean(axis=0), rtol=1e-3, atol=1e-12)


def test_our_figures_are_those_of_the_estimator(cancer):
    model, _, X = cancer
    found = compare(model, X)
    assert found.ours == pytest.approx(model.reconstruction_error(X).mean(), rel=1e-4)
    assert found.overall.ours_explained == pytest.approx(model.score(X), rel=1e-4)


def test_pca_is_that_of_scikit_learn(cancer):
    model, train, X = cancer
    # Where the start was not beaten, the model is the PCA of all rows.
    learnt = train if model.best_epoch_ == 0 else np.delete(train, model.validation_rows_, axis=0)
    scaler = StandardScaler().fit(learnt)
    pca = PCA(5, svd_solver="full").fit(scaler.transform(learnt))
    x = scaler.transform(X)
    x_hat = pca.inverse_transform(pca.transform(x))
    found = compare(model, X)
    assert found.pca == pytest.approx(((x_hat - x) ** 2).mean(), rel=1e-3)
    np.testing.assert_allclose(found.by_column.pca, ((x_hat - x) ** 2).mean(axis=0), rtol=1e-2)
    own = ((scaler.inverse_transform(x_hat) - X) ** 2).mean()
    assert found.overall.pca_units == pytest.approx(own, rel=1e-3)
    assert found.ratio == pytest.approx(found.ours / found.pca)


def test_missing_cells_are_left_out():
    X = straight(200)
    model = Autoencoder(2, max_epochs=2, random_state=0).fit(X)
    gaps = X.copy()
    gaps[np.random.default_rng(1).random(X.shape) < 0.2] = np.nan
    found = compare(model, gaps)
    seen = ~np.isnan(gaps)
    off = np.where(seen, np.asarray(model.reconstruct(gaps)) - X, 0.0) ** 2
    assert found.missing == (~seen).sum()
    assert found.cells == seen.sum()
    assert found.overall.ours_units == pytest.approx(off.sum() / seen.sum(), rel=1e-3)
    np.testing.assert_allclose(found.by_column.ours_units, off.sum(0) / seen.sum(0), rtol=1e-3)


def test_a_column_never_observed_has_no_figure():
    X = straight(100)
    model = Autoencoder(2, max_epochs=1, random_state=0).fit(X)
    gaps = X.copy()
    gaps[:, 2] = np.nan
    found = compare(model, gaps)
    assert np.isnan(found.by_column.ours[2])
    assert found.by_column.worst_first()[-1] == 2
    assert np.isfinite(found.ours)
    assert found.to_dict()["by_column"]["ours"][2] is None


def test_images_have_maps_of_their_pixels(digits):
    model, images, _ = digits
    found = compare(model, images)
    off = (np.asarray(model.reconstruct(images)) - images) ** 2
    assert found.by_pixel.ours.shape == (8, 8)
    np.testing.assert_allclose(found.by_pixel.ours_units, off.mean(axis=0), rtol=1e-3, atol=1e-6)
    # One scale a channel: both kinds of unit tell the same story.
    assert found.ratio == pytest.approx(found.overall.ours_units / found.overall.pca_units, rel=1e-3)
    assert found.by_column is None


def test_channels_of_colour_images_are_kept_apart():
    X = np.random.default_rng(0).integers(0, 256, (40, 6, 9, 3)).astype(np.uint8)
    model = Autoencoder(2, max_epochs=1, random_state=0).fit(X)
    found = compare(model, X)
    assert found.by_pixel.ours.shape == (6, 9)
    assert found.by_channel.names == ("channel 0", "channel 1", "channel 2")
    assert np.mean(found.by_channel.ours) == pytest.approx(found.ours)
    assert np.mean(found.by_pixel.pca_units) == pytest.approx(found.overall.pca_units)


def test_sequences_by_channel_and_step(waves):
    model, X = waves
    found = compare(model, X)
    off = (np.asarray(model.reconstruct(X)) - X) ** 2
    np.testing.assert_allclose(found.by_channel.ours_units, np.nanmean(off, axis=(0, 1)), rtol=1e-3)
    np.testing.assert_allclose(found.by_step.ours_units, np.nanmean(off, axis=(0, 2)), rtol=1e-3)


def test_batches_give_the_same_figures(waves, monkeypatch):
    model, X = waves
    whole = compare(model, X)
    monkeypatch.setattr(metrics, "BATCH_CELLS", 7 * 80)
    parts = compare(model, X)
    assert parts.rows == whole.rows == len(X)
    assert parts.ours == pytest.approx(whole.ours, rel=1e-4)
    assert parts.overall.pca_explained == pytest.approx(whole.overall.pca_explained, rel=1e-4)
    np.testing.assert_allclose(parts.by_step.pca, whole.by_step.pca, rtol=1e-4)


def test_sparse_rows_are_compared_as_dense_ones():
    X = straight(60) * (np.random.default_rng(0).random((60, 8)) < 0.5)
    model = Autoencoder(2, max_epochs=1, random_state=0).fit(sparse.csr_array(X))
    assert compare(model, sparse.csr_array(X)).ours == pytest.approx(compare(model, X).ours, rel=1e-5)


def test_one_row():
    X = straight(50)
    model = Autoencoder(2, max_epochs=1, random_state=0).fit(X)
    found = compare(model, X[:1])
    assert found.rows == 1
    assert "1 row," in found.verdict()
    assert found.overall.ours_explained == pytest.approx(model.score(X[:1]), rel=1e-4)


def test_rows_of_another_width_are_refused(curve):
    with pytest.raises(DataError):
        compare(curve[0], np.zeros((5, 3)))


def made(ours: float, pca: float) -> Comparison:
    return Comparison(10, 100, 0, 3, "vector", Errors(ours, pca, ours, pca, 1 - ours, 1 - pca))


@pytest.mark.parametrize(
    ("ours", "pca", "winner", "said"),
    [
        (0.3, 0.6, "isthmus", "50\N{NO-BREAK SPACE}% less error than PCA"),
        (0.97, 1.0, "isthmus", "That is little: PCA is simpler"),
        (0.5, 0.5, "tie", "Use PCA: it is simpler"),
        (0.9, 0.6, "pca", "PCA reconstructs better than Isthmus"),
        (0.1, 0.0, "pca", "PCA has no error left"),
        (0.0, 0.0, "tie", "Use PCA"),
    ],
)
def test_verdict_names_the_winner_in_words(ours, pca, winner, said):
    found = made(ours, pca)
    assert found.winner == winner
    assert said in found.verdict()


def test_to_dict_is_json(waves):
    found = compare(*waves).to_dict()
    again = json.loads(json.dumps(found, allow_nan=False))
    assert again["by_step"]["names"][:2] == ["step 0", "step 1"]
    assert again["ours"] == found["ours"]
    assert again["ratio"] == pytest.approx(found["ours"] / found["pca"])


def test_table_has_the_same_figures(curve):
    model, X = curve
    found = compare(model, X)
    head, scaled, own, explained = found.table()
    assert head[1:] == ("Isthmus", "PCA", "ratio")
    assert float(scaled[1]) == pytest.approx(found.ours, rel=0.01)
    assert float(own[2].replace(",", "")) == pytest.approx(found.overall.pca_units, rel=0.01)
    assert explained[1].endswith("%")
