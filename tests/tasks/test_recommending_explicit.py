"""Models that predict what a person would say of an item."""

import numpy as np
import pytest
from scipy import sparse

from isthmus.tasks.recommending_parts.base import Holdout, Settings
from isthmus.tasks.recommending_parts.bias import DAMPINGS, Bias
from isthmus.tasks.recommending_parts.values import hold_out_values, keep, predictions, rmse

SETTINGS = Settings(seed=0)


def rated(n=300, m=40, seed=0, noise=0.5, rank=0, share=0.3):
    """Values of users with biases, and with `rank` tastes that items answer to."""
    rng = np.random.default_rng(seed)
    values = 3.5 + rng.normal(0, 0.5, (n, 1)) + rng.normal(0, 0.5, (1, m)) + rng.normal(0, noise, (n, m))
    if rank:
        values += rng.normal(size=(n, rank)) @ rng.normal(size=(rank, m)) / np.sqrt(rank)
    rows, columns = np.nonzero(rng.random((n, m)) < share)
    return sparse.csr_matrix((values[rows, columns].astype(np.float32), (rows, columns)), shape=(n, m))


def row(m, **values):
    """A history: i3=4.0 is item 3 with the value 4."""
    columns = [int(name[1:]) for name in values]
    return sparse.csr_matrix((np.float32(list(values.values())), ([0] * len(values), columns)), shape=(1, m))


# --- What is hidden, and how far off a prediction is


def test_all_values_are_either_history_or_target_zeros_among_them():
    values = rated()
    values.data[::7] = 0
    held = hold_out_values(values, seed=1)
    assert held.history.nnz + held.targets.nnz == values.nnz
    assert held.history.multiply(held.targets).nnz == 0
    assert 0.05 < held.targets.nnz / values.nnz < 0.15
    assert (held.targets.data == 0).any()
    there = (held.history.astype(bool) + held.targets.astype(bool)).toarray()
    assert np.array_equal(there, values.astype(bool).toarray())


def test_predictions_of_pairs_are_the_cells_of_the_scores_block_by_block(monkeypatch):
    held, model = hold_out_values(rated(), seed=0), Bias(2, 2).fit(rated(), None, SETTINGS)
    monkeypatch.setattr("isthmus.tasks.recommending_parts.values.BLOCK", 7 * 40)
    found = predictions(model.scores, held.history, held.targets)
    rows, columns = held.targets.nonzero()
    assert np.allclose(found, model.scores(held.history)[rows, columns])
    assert np.allclose(found, model.at(held.history, held.targets), atol=1e-5)
    assert rmse(np.array([1.0, 3.0]), row(3, i0=1, i2=1)) == pytest.approx(np.sqrt(2))


# --- Bias


def test_bias_is_the_exact_ridge_solution():
    values, users, items = rated(30, 8), 2.0, 3.0
    model = Bias(users, items).fit(values, None, SETTINGS)
    rows, columns = values.nonzero()
    design = np.zeros((len(rows), 38))
    design[np.arange(len(rows)), rows] = design[np.arange(len(rows)), 30 + columns] = 1
    penalty = np.diag([users] * 30 + [items] * 8)
    exact = np.linalg.solve(design.T @ design + penalty, design.T @ (values.data - values.data.mean()))
    expected = values.data.mean() + exact[:30, None] + exact[None, 30:]
    assert np.allclose(model.scores(values), expected, atol=1e-4)
    assert np.allclose(model.codes(values)[:, 0], exact[:30], atol=1e-4)


def test_who_said_nothing_gets_the_means_of_the_items_and_what_nobody_rated_the_mean():
    values = keep(rated(), rated().indices != 5)
    model = Bias(0, 0).fit(values, None, SETTINGS)
    nobody = model.scores(sparse.csr_matrix((1, 40), dtype=np.float32))[0]
    assert nobody[5] == pytest.approx(values.data.mean(), abs=1e-5)
    assert np.isfinite(nobody).all()
    means = np.asarray(values.sum(0)).ravel() / np.maximum(values.getnnz(0), 1)
    assert np.corrcoef(np.delete(nobody, 5), np.delete(means, 5))[0, 1] > 0.95
    # One value of a new user moves all items alike, by what is left of it after damping.
    damped = Bias(3, 0).fit(values, None, SETTINGS)
    moved = damped.scores(row(40, i2=5.0)) - damped.scores(sparse.csr_matrix((1, 40), dtype=np.float32))
    assert np.allclose(moved, (5 - nobody[2]) / 4, atol=0.02)


def test_a_zero_is_a_value():
    low, none = row(40, i1=0.0), sparse.csr_matrix((1, 40), dtype=np.float32)
    model = Bias(2, 2).fit(rated(), None, SETTINGS)
    assert low.nnz == 1
    assert (model.scores(low) < model.scores(none) - 0.5).all()
    assert model.residuals(low).nnz == 1


def test_damping_is_chosen_on_values_that_were_not_learnt_from():
    noisy, clean = rated(200, 40, noise=1.5, share=0.15), rated(200, 40, noise=0.05, share=0.15)
    chosen = [Bias().fit(values, None, SETTINGS).chosen for values in (noisy, clean)]
    assert chosen[0]["damping_user"] > chosen[1]["damping_user"]
    # With users held out: no damping of the grid predicts theirs better, given the other.
    values, new = rated(seed=1), hold_out_values(rated(seed=1)[200:], seed=2, share=0.3)
    model = Bias().fit(values[:200], new, SETTINGS)
    best = rmse(model.at(new.history, new.targets), new.targets)
    for damping in DAMPINGS:
        other = Bias(damping, model.chosen["damping_item"]).fit(values[:200], new, SETTINGS)
        assert best <= rmse(other.at(new.history, new.targets), new.targets)


@pytest.mark.parametrize("values", [sparse.csr_matrix((3, 4), dtype=np.float32), row(4, i1=3.0)])
def test_bias_of_next_to_nothing(values):
    model = Bias().fit(values, None, SETTINGS)
    assert np.isfinite(model.scores(values)).all()
    empty = Holdout(values[:0], values[:0])
    assert np.isfinite(Bias().fit(values, empty, SETTINGS).scores(values)).all()


def test_bias_there_and_back():
    values = rated()
    model = Bias().fit(values, None, SETTINGS)
    back = Bias().restore(*model.learnt())
    assert np.array_equal(back.scores(values), model.scores(values))
    assert back.chosen == model.chosen
    alike = model.similar(np.array([3]))
    assert alike.shape == (1, 40)
    assert alike.argmax() == 3


def test_leaving_an_entry_out_is_what_it_counts():
    values = rated()
    model = Bias(3, 1).fit(values, None, SETTINGS)
    one = values[0].copy()
    one.data[0] = 0
    counts = model.contributions(one, 7)
    for entry in range(one.nnz):
        without = keep(one, np.arange(one.nnz) != entry)
        assert counts[entry] == pytest.approx(float((model.scores(one) - model.scores(without))[0, 7]), abs=1e-5)
