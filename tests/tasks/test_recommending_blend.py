"""Two models that judge together."""

import numpy as np
import pytest
from scipy import sparse

from isthmus.exceptions import ParameterError
from isthmus.tasks.recommending_parts.base import Holdout, Model, Settings
from isthmus.tasks.recommending_parts.bias import Bias
from isthmus.tasks.recommending_parts.blend import WEIGHTS, Blend, _standardised
from isthmus.tasks.recommending_parts.ranking import hits, ndcg, top_k

SETTINGS = Settings(seed=0)
M = 60


class Fixed(Model):
    """A model that was told the scores: the same table for whoever asks, by the first item of the history."""

    name = "fixed"

    def __init__(self, table=None, bias=0.0):
        self.table, self.bias = table, bias

    def fit(self, interactions, holdout, settings):
        self.found = 7
        return self

    def scores(self, history):
        return (self.table[history.indices[history.indptr[:-1]]] + self.bias).astype(np.float32)

    def codes(self, history):
        return self.scores(history)[:, :2]

    def similar(self, items):
        return self.table[items].astype(np.float32)

    def learnt(self):
        return {"found": self.found}, {"table": self.table}

    def restore(self, values, arrays):
        self.found, self.table = values["found"], arrays["table"]
        return self

    def autoencoders(self):
        return {"net": self.table}

    def take_autoencoders(self, autoencoders):
        self.taken = autoencoders

    @property
    def chosen(self):
        return {"found": self.found}


class Valued(Fixed):
    values = True


def users(n=M, seed=0):
    """Users whose history is one item, and whose targets are those they like best in truth."""
    truth = np.random.default_rng(seed).normal(size=(n, M))
    np.fill_diagonal(truth, -9)
    rows = np.repeat(np.arange(n), 6)
    best = np.argsort(-truth, axis=1)[:, :6].ravel()
    history = sparse.csr_matrix(np.eye(n, M, dtype=np.float32))
    return truth, Holdout(history, sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, best)), shape=(n, M)))


def test_the_weight_is_the_best_of_the_grid_on_who_was_held_out():
    truth, held = users()
    noise = np.random.default_rng(1).normal(size=(2, M, M))
    first, second = Fixed(truth + 1.5 * noise[0]), Fixed(10 * (truth + noise[1]), bias=50)
    blend = Blend(first, second).fit(held.history, held, SETTINGS)
    found = {}
    for weight in WEIGHTS:
        z = [_standardised(model.scores(held.history)) for model in (first, second)]
        items, _ = top_k(((1 - weight) * z[0] + weight * z[1]).astype(np.float32), 100, held.history)
        found[weight] = np.nanmean(ndcg(hits(items, held.targets), held.targets))
    assert found[blend.chosen["weight"]] == pytest.approx(max(found.values()))
    # Two independent errors are worth more than one, and the larger scale counts for nothing.
    assert 0.5 <= blend.chosen["weight"] < 1
    assert sorted(WEIGHTS) == pytest.approx(np.arange(11) / 10)


def test_a_model_that_adds_nothing_gets_no_weight_and_is_not_asked():
    truth, held = users()
    useless = Fixed(np.zeros((M, M)))
    blend = Blend(Fixed(truth), useless).fit(held.history, held, SETTINGS)
    assert blend.chosen["weight"] == 0
    useless.scores = None
    assert np.array_equal(blend.scores(held.history), truth.astype(np.float32))
    assert np.array_equal(blend.similar(np.array([3])), truth[[3]].astype(np.float32))
    assert Blend(Fixed(-truth), Fixed(truth)).fit(held.history, held, SETTINGS).chosen["weight"] == 1


def test_the_weight_does_not_depend_on_how_users_are_cut_into_blocks(monkeypatch):
    truth, held = users()
    noise = np.random.default_rng(2).normal(size=(2, M, M))
    weights = []
    for block in (10**6, 7 * M):
        monkeypatch.setattr("isthmus.tasks.recommending_parts.ranking.BLOCK_VALUES", block)
        blend = Blend(Fixed(truth + noise[0]), Fixed(truth + 2 * noise[1])).fit(held.history, held, SETTINGS)
        weights.append(blend.chosen["weight"])
    assert weights[0] == weights[1] > 0


def test_predicted_values_are_weighed_by_least_squares():
    truth, held = users()
    noise = np.random.default_rng(3).normal(size=(2, M, M))
    values = held.targets.copy()
    rows, columns = values.nonzero()
    values.data = truth[rows, columns].astype(np.float32)
    first, second = Valued(truth + noise[0]), Valued(truth + 0.5 * noise[1])
    blend = Blend(first, second).fit(held.history, Holdout(held.history, values), SETTINGS)
    a, b = (model.scores(held.history)[rows, columns] for model in (first, second))
    expected = np.linalg.lstsq((b - a)[:, None].astype(float), values.data - a, rcond=None)[0][0]
    assert blend.values
    assert blend.chosen["weight"] == pytest.approx(expected, abs=1e-5)
    assert 0.6 < expected < 1
    # Values stay values.
    assert np.allclose(blend.scores(held.history)[rows, columns], (1 - expected) * a + expected * b, atol=1e-4)
    worse = Blend(Valued(truth), Valued(-truth)).fit(held.history, Holdout(held.history, values), SETTINGS)
    assert worse.chosen["weight"] == 0


def test_without_anybody_held_out_both_count_alike():
    truth, held = users()
    blend = Blend(Fixed(truth), Fixed(-3 * truth)).fit(held.history, None, SETTINGS)
    assert blend.chosen["weight"] == 0.5
    assert np.allclose(blend.scores(held.history), 0, atol=1e-5)
    given = Blend(Fixed(truth), Fixed(truth), weight=0.3).fit(held.history, held, SETTINGS)
    assert given.chosen["weight"] == 0.3


def test_equal_scores_say_nothing():
    assert np.array_equal(_standardised(np.full((2, 5), 3, np.float32)), np.zeros((2, 5)))


def test_values_and_rankings_are_not_blended():
    with pytest.raises(ParameterError, match="'bias' predicts values"):
        Blend(Fixed(), Bias())


def test_blend_there_and_back_with_all_that_is_in_it():
    truth, held = users()
    blend = Blend(Fixed(truth), Blend(Fixed(truth * 2), Fixed(-truth))).fit(held.history, held, SETTINGS)
    values, arrays = blend.learnt()
    assert set(arrays) == {"0.table", "1.0.table", "1.1.table"}
    back = Blend(Fixed(), Blend(Fixed(), Fixed())).restore(values, arrays)
    back.take_autoencoders(blend.autoencoders())
    assert np.array_equal(back.scores(held.history), blend.scores(held.history))
    assert back.chosen == blend.chosen
    assert np.array_equal(back.second.second.taken["net"], -truth)
    assert blend.codes(held.history).shape == (M, 6)


def test_what_was_chosen_is_kept_for_a_fit_to_all_users():
    rng = np.random.default_rng(0)
    values = sparse.random(50, 20, 0.4, "csr", np.float32, rng)
    held = Holdout(values[:9], sparse.random(9, 20, 0.2, "csr", np.float32, rng))
    blend = Blend(Bias(), Bias(1, 1)).fit(values, held, SETTINGS)
    settled = blend.settled()
    assert settled.weight == blend.chosen["weight"]
    assert (settled.first.damping_user, settled.first.damping_item) == tuple(blend.chosen["0"].values())
    assert np.array_equal(settled.fit(values, None, SETTINGS).scores(values), blend.scores(values))
