"""Models that predict what a person would say of an item."""

import json

import numpy as np
import pytest
from scipy import sparse

from isthmus.data.entries import with_entries
from isthmus.exceptions import ParameterError
from isthmus.tasks.recommending_parts.autorec import AutoRec, _shrunk
from isthmus.tasks.recommending_parts.base import Holdout, Settings
from isthmus.tasks.recommending_parts.bias import DAMPINGS, Bias
from isthmus.tasks.recommending_parts.models import make_model
from isthmus.tasks.recommending_parts.residual_coders import ItemCoder
from isthmus.tasks.recommending_parts.values import hold_out_values, predictions, rmse

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
    monkeypatch.setattr("isthmus.tasks.recommending_parts.ranking.BLOCK_VALUES", 7 * 40)
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
    values = with_entries(rated(), rated().indices != 5)
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
        without = with_entries(one, np.arange(one.nnz) != entry)
        assert counts[entry] == pytest.approx(float((model.scores(one) - model.scores(without))[0, 7]), abs=1e-5)


# --- AutoRec


def split_of(values, share=0.2):
    """Values learnt from, and values hidden of the same users, to be told from the others."""
    held = hold_out_values(values, seed=5, share=share)
    return held.history, held


TASTES = rated(600, 60, rank=1, noise=0.2, seed=3, share=0.5)


@pytest.fixture(scope="module", params=["user", "item"])
def fitted(request):
    seen, held = split_of(TASTES)
    return AutoRec(request.param, epochs=30).fit(seen, held, SETTINGS), seen, held


def test_autorec_tells_what_biases_leave(fitted):
    model, _, held = fitted
    biases = Bias(model.chosen["damping_user"], model.chosen["damping_item"]).fit(held.history, None, SETTINGS)
    of_bias, ours = (rmse(predictions(m.scores, held.history, held.targets), held.targets) for m in (biases, model))
    assert ours < 0.75 * of_bias
    assert 0.5 < model.chosen["weight"] <= 1
    assert rmse(predictions(model.scores, held.history, held.targets), held.targets) == ours


def test_what_is_said_by_new_users_moves_their_predictions_and_silence_leaves_the_biases(fitted):
    model, _, _ = fitted
    nobody = sparse.csr_matrix((1, 60), dtype=np.float32)
    biases = Bias().restore(*model._bias.learnt())
    assert np.allclose(model.scores(nobody), biases.scores(nobody), atol=1e-6)
    # Who likes what one user dislikes is told the contrary.
    picky = int(np.argmax(model._bias.residuals(TASTES).power(2).sum(1)))
    one, other = TASTES[[picky]], TASTES[[picky]]
    other.data = one.data - 2 * model._bias.residuals(one).data
    moved = [model.scores(history)[0] - biases.scores(history)[0] for history in (one, other)]
    assert np.abs(moved[0]).max() > 0.1
    assert np.corrcoef(*moved)[0, 1] < -0.9


def test_autorec_there_and_back(fitted):
    model, seen, _ = fitted
    values, arrays = model.learnt()
    back = AutoRec().restore(json.loads(json.dumps(values)), arrays)
    back.take_autoencoders(model.autoencoders())
    assert np.array_equal(back.scores(seen[:9]), model.scores(seen[:9]))
    assert back.chosen == model.chosen
    assert back.codes(seen[:9]).shape[0] == 9
    assert np.isfinite(back.codes(seen[:9])).all()


def test_items_that_the_same_people_like_are_alike(fitted):
    model, _, _ = fitted
    dense = np.where(TASTES.toarray() == 0, np.nan, TASTES.toarray())
    left = dense - np.nanmean(dense, axis=1, keepdims=True)
    left -= np.nanmean(left, axis=0)
    there = ~np.isnan(left)
    left = np.where(there, left, 0)
    correlation = (left.T @ left) / np.sqrt((left**2).T @ there * (there.T @ left**2))
    found, others = model.similar(np.arange(60)), ~np.eye(60, dtype=bool)
    assert np.allclose(np.diag(found), 1, atol=1e-4)
    assert np.corrcoef(found[others], correlation[others])[0, 1] > 0.4


def test_a_user_is_folded_into_item_codes_by_ridge_regression():
    coder = ItemCoder(l2=2.0)
    coder.of_items = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    residuals = rated()[:5, :].copy()
    residuals = sparse.csr_matrix(sparse.hstack([residuals, np.zeros((5, 20), np.float32)]))
    for user in range(5):
        rows = coder.of_items[residuals[user].indices].astype(float)
        expected = np.linalg.solve(rows.T @ rows + 2 * np.eye(3), rows.T @ residuals[user].data)
        assert np.allclose(coder.codes(residuals)[user], expected, atol=1e-4)


@pytest.mark.parametrize("by", ["user", "item"])
def test_where_nothing_is_left_but_noise_the_model_is_the_bias_model(by):
    seen, held = split_of(rated(300, 40))
    model = AutoRec(by, epochs=5).fit(seen, held, SETTINGS)
    of_bias = Bias().fit(seen, held, SETTINGS)
    assert model.chosen["weight"] < 0.05
    left = [rmse(predictions(m.scores, seen, held.targets), held.targets) for m in (of_bias, model)]
    assert left[1] <= left[0]
    assert AutoRec(by, weight=0).fit(seen, held, SETTINGS).autoencoders() == {}
    assert np.array_equal(AutoRec(by, weight=0).fit(seen, held, SETTINGS).scores(seen), of_bias.scores(seen))


def test_the_weight_is_the_slope_less_two_standard_errors():
    rng = np.random.default_rng(0)
    targets = rated(400, 30, share=0.2)
    told = rng.normal(size=targets.nnz)
    left = 0.4 * told + rng.normal(size=targets.nnz)
    slope = (told @ left) / (told @ told)
    error = left - slope * told
    of_users = np.bincount(np.repeat(np.arange(400), np.diff(targets.indptr)), told * error)
    expected = slope - 2 * np.sqrt((of_users**2).sum()) / (told @ told)
    assert _shrunk(told, left, targets) == pytest.approx(expected)
    assert _shrunk(told, -left, targets) == 0
    assert _shrunk(told, 9 * left, targets) == 1
    assert _shrunk(0 * told, left, targets) == 0


def test_auto_takes_the_better_of_users_and_items_and_is_then_fitted_to_all():
    model = AutoRec(epochs=20).fit(TASTES, None, SETTINGS)
    assert model.chosen["by"] in ("user", "item")
    assert model.chosen["weight"] > 0.5
    settled = model.settled()
    assert settled.by == model.chosen["by"]
    again = settled.fit(TASTES, None, SETTINGS)
    assert np.allclose(again.scores(TASTES[:9]), model.scores(TASTES[:9]), atol=1e-5)


def test_autorec_of_next_to_nothing():
    one = row(4, i1=3.0)
    assert np.isfinite(AutoRec().fit(one, None, SETTINGS).scores(one)).all()
    values = rated(6, 5)
    assert np.isfinite(AutoRec(epochs=1).fit(values, None, SETTINGS).scores(values)).all()


def test_models_of_values_are_had_by_name():
    assert make_model("autorec(user, epochs=3)").by == "user"
    assert make_model("bias(damping_user=2)").damping_user == 2
    with pytest.raises(ParameterError, match="weight=2"):
        make_model("autorec(weight=2)")
