"""Figures of sparse codes: by hand, beside PCA and a random dictionary, and across seeds."""

import json

import numpy as np
import pytest
import torch
from sklearn.linear_model import orthogonal_mp

from isthmus import Autoencoder, Sparse, Variational
from isthmus.evaluation import match_directions, report, sparsity_figures
from isthmus.evaluation.sparsity import figure, pursuit
from isthmus.exceptions import DataError, ParameterError


@pytest.fixture(scope="module")
def rows():
    """Rows that are each made of two of twelve directions."""
    rng = np.random.default_rng(0)
    made = rng.normal(size=(12, 6))
    codes = np.zeros((700, 12))
    for row in codes:
        row[rng.choice(12, 2, replace=False)] = rng.uniform(0.5, 2, 2)
    return (codes @ made + 0.01 * rng.normal(size=(700, 6))).astype(np.float32)


def fitted(X, seed=0, width=24, **params):
    given = {"objective": Sparse("topk", k=2), "max_epochs": 40, "batch_size": 64, "learning_rate": 1e-2} | params
    return Autoencoder(width, hidden=(), random_state=seed, **given).fit(X[:500])


@pytest.fixture(scope="module")
def model(rows):
    return fitted(rows)


def test_figures_are_those_of_the_codes(model, rows):
    held_out = rows[500:]
    found = sparsity_figures(model, held_out)
    active = model.transform(held_out) != 0
    assert found.ours.l0 == pytest.approx(active.sum(1).mean())
    np.testing.assert_allclose(found.ours.frequencies, active.mean(0))
    assert found.ours.dead == pytest.approx((~active.any(0)).mean())
    assert found.ours.unexplained == pytest.approx(1 - model.score(held_out), rel=1e-5)
    assert found.active == 2
    assert {found.ours.rows, found.pca.rows, found.random.rows} == {200}


def test_pca_has_as_many_components_as_units_are_active(model, rows):
    held_out = rows[500:]
    found = sparsity_figures(model, held_out)
    x = model.preparation_.transform(_raw(held_out), torch.float64).x
    left = (model.pca_.first(2).reconstruct(x) - x).square().sum() / (x - model.pca_.mean).square().sum()
    assert found.pca.unexplained == pytest.approx(float(left), rel=1e-5)
    assert found.pca.l0 == 2
    # What is made of two of twelve directions is no plane.
    assert found.ours.unexplained < found.pca.unexplained
    assert found.ours.unexplained < found.random.unexplained


def _raw(values):
    from isthmus.data import as_raw

    return as_raw(values, kind="vector")


def test_pursuit_is_orthogonal_matching_pursuit():
    rng = np.random.default_rng(1)
    x, atoms = rng.normal(size=(20, 8)), rng.normal(size=(30, 8))
    made, places = pursuit(torch.from_numpy(x), torch.from_numpy(atoms), 4)
    unit = atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
    theirs = orthogonal_mp(unit.T, x.T, n_nonzero_coefs=4).T
    np.testing.assert_allclose(made.numpy(), theirs @ unit, atol=1e-8)
    assert [set(row) for row in places.tolist()] == [set(np.flatnonzero(row)) for row in theirs]


def test_pursuit_by_as_many_directions_as_there_are_values_leaves_nothing():
    x = torch.randn(5, 4, dtype=torch.float64)
    made, _ = pursuit(x, torch.randn(9, 4, dtype=torch.float64), 4)
    torch.testing.assert_close(made, x, atol=1e-7, rtol=0)


def test_missing_cells_are_left_out(rows):
    X = rows.copy()
    X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    model = fitted(X, max_epochs=3)
    found = sparsity_figures(model, X[500:])
    assert found.ours.unexplained == pytest.approx(1 - model.score(X[500:]), rel=1e-5)
    assert 0 <= found.random.unexplained <= 1


def test_sigmoid_units_are_active_above_one_half(rows):
    model = Autoencoder(4, objective=Sparse("kl"), max_epochs=3, random_state=0).fit(rows)
    assert sparsity_figures(model, rows).ours.l0 == pytest.approx((model.transform(rows) > 0.5).sum(1).mean())


def test_any_code_has_figures_and_they_are_told_in_words(rows):
    model = Autoencoder(3, objective=Variational(), max_epochs=2, random_state=0).fit(rows)
    found = sparsity_figures(model, rows)
    assert found.ours.l0 == 3
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["active"] == 3
    said = str(found)
    assert "random dictionary" in said
    assert "PCA leaves less" in said or found.pca.unexplained >= found.ours.unexplained
    assert len(figure(found).to_dict()["data"]) == 2


def test_directions_of_the_same_model_match_and_random_ones_do_not(model, rows):
    same = match_directions([model, model])
    assert same.mean == pytest.approx(1)
    other = match_directions([model, fitted(rows, 1), fitted(rows, 2)])
    assert other.by_pair.shape == (3,)
    assert other.random < other.mean < 1
    assert str(other).startswith("matched cosine")


def test_matching_is_blind_to_order_and_by_the_best_assignment(model, rows):
    """A model whose units stand in another order is the same model."""
    other = fitted(rows, max_epochs=0)
    order = torch.randperm(24, generator=torch.Generator().manual_seed(0))
    weight = model.network_.decoder.state_dict()["last.weight"]
    with torch.no_grad():
        other.network_.decoder.get_parameter("last.weight").copy_(weight[:, order])
    assert match_directions([model, other]).mean == pytest.approx(1, abs=1e-5)


def test_members_are_models(model, rows):
    assert match_directions(fitted(rows, members=2, max_epochs=3)).by_pair.shape == (1,)
    with pytest.raises(ParameterError, match="two or more"):
        match_directions([model])


def test_models_of_other_rows_are_refused(model, rows):
    with pytest.raises(DataError, match="6, 4 values"):
        match_directions([model, fitted(rows[:, :4], max_epochs=0)])


def test_the_report_has_a_block_of_sparsity_for_sparse_models_alone(model, rows, tmp_path):
    page = report(model, rows[500:], tmp_path / "sparse.html").read_text()
    assert "How sparse the codes are" in page
    assert 'id="figure-sparsity"' in page
    plain = Autoencoder(2, max_epochs=0).fit(rows)
    assert "How sparse the codes are" not in report(plain, rows, tmp_path / "plain.html").read_text()
