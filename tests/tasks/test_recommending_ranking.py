"""Figures of rankings against values computed by hand, and users held out by the protocol of Liang et al."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from isthmus.data import as_interactions
from isthmus.evaluation.recommending import figures_verdict
from isthmus.exceptions import DataError, ParameterError
from isthmus.tasks import split_users
from isthmus.tasks.recommending_parts import ranking
from isthmus.tasks.recommending_parts.base import Holdout, Model, Settings
from isthmus.tasks.recommending_parts.bias import Bias
from isthmus.tasks.recommending_parts.judging import judge_ranking, judge_values
from isthmus.tasks.recommending_parts.popularity import Popularity
from isthmus.tasks.recommending_parts.ranking import (
    average_precision,
    coverage,
    hits,
    ndcg,
    novelty,
    recall,
    top_k,
)

TARGETS = sparse.csr_matrix(np.array([[1, 0, 0, 1, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]], np.float32))
#: The first user has hits at the places 1 and 3 of 3, the second none in 3, the third has no targets.
ITEMS = np.array([[3, 1, 0], [0, 1, 4], [0, 1, 2]])


def test_figures_by_hand():
    found = hits(ITEMS, TARGETS)
    assert found.tolist() == [[True, False, True], [False] * 3, [False] * 3]
    ideal = 1 + 1 / np.log2(3)
    np.testing.assert_allclose(ndcg(found, TARGETS), [(1 + 1 / np.log2(4)) / ideal, 0, np.nan])
    np.testing.assert_allclose(recall(found, TARGETS), [1, 0, np.nan])
    np.testing.assert_allclose(recall(found[:, :1], TARGETS), [1, 0, np.nan], err_msg="of as many as k can hold")
    np.testing.assert_allclose(average_precision(found, TARGETS), [(1 + 2 / 3) / 2, 0, np.nan])
    np.testing.assert_allclose(average_precision(found[:, :1], TARGETS), [1, 0, np.nan])
    assert coverage(ITEMS, 10) == 0.5
    counts = np.array([8, 4, 2, 1, 0])
    bits = novelty(np.array([[0, 1], [2, 3], [4, -1], [-1, -1]]), counts, 8)
    np.testing.assert_allclose(bits, [0.5, 2.5, 4, np.nan])


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 12))
def test_bounds_and_the_best_ranking(seed, k):
    rng = np.random.default_rng(seed)
    scores = rng.permuted(np.tile(np.arange(9.0, dtype=np.float32), (4, 1)), axis=1)
    targets = sparse.csr_matrix((rng.random((4, 9)) < 0.4).astype(np.float32))
    found = hits(top_k(scores.copy(), k)[0], targets)
    best = hits(top_k(scores + 100 * targets.toarray(), k)[0], targets)
    known = np.diff(targets.indptr) > 0
    for figure in (ndcg, recall, average_precision):
        values = figure(found, targets)
        assert ((values[known] >= 0) & (values[known] <= 1)).all()
        assert np.isnan(values[~known]).all()
        np.testing.assert_allclose(figure(best, targets)[known], 1)


def test_what_is_hidden_is_not_given():
    hidden = sparse.csr_matrix(np.array([[1, 1, 0], [0, 0, 0]], np.float32))
    items, scores = top_k(np.array([[3, 2, 1], [3, 2, 1]], np.float32), 2, hidden)
    assert items.tolist() == [[2, -1], [0, 1]]
    assert scores.tolist() == [[1, -np.inf], [3, 2]]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 900), st.integers(1, 6))
def test_fewer_are_the_first_of_more(seed, n, levels):
    """Among equal scores, plain and by groups: top-k is a prefix of the stable ranking of all."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, (3, n)).astype(np.float32)
    hidden = sparse.csr_matrix(rng.random((3, n)) < 0.3)
    shown = np.where(hidden.toarray(), -np.inf, scores)
    full = np.where(np.isneginf(np.sort(-shown) * -1), -1, np.argsort(-shown, kind="stable"))
    for k in (1, 2, 5, n):
        assert (top_k(scores.copy(), k, hidden)[0][:, :n] == full[:, :k]).all()


def test_standard_errors_are_over_users():
    taken = sparse.csr_matrix(np.array([[1, 1, 0], [1, 0, 1], [1, 1, 1]], np.float32))
    popular = Popularity().fit(taken, None, Settings(0))
    holdout = Holdout(sparse.csr_matrix((3, 3), dtype=np.float32), sparse.csr_matrix(np.eye(3, dtype=np.float32)))
    found = judge_ranking(popular, popular, holdout, np.array([3, 2, 2]), 3, 1)
    assert found["Recall@1"]["value"] == pytest.approx(1 / 3)
    assert found["Recall@1"]["error"] == pytest.approx(np.std([1, 0, 0], ddof=1) / np.sqrt(3))
    assert found["coverage@1"] == {
        "value": pytest.approx(1 / 3),
        "error": None,
        "popularity": pytest.approx(1 / 3),
        "popularity_error": None,
    }


def test_errors_of_values_by_hand():
    class One(Bias):
        def scores(self, history):
            return np.ones(history.shape, np.float32)

    values = sparse.csr_matrix(np.array([[3.0, 5, 0], [1, 0, 2]], np.float32))
    bias = Bias(0, 0).fit(values, None, Settings(0))
    holdout = Holdout(values, sparse.csr_matrix(np.array([[0, 0, 3.0], [0, 3.0, 0]], np.float32)))
    found = judge_values(One(), bias, holdout)
    assert found["RMSE"]["value"] == pytest.approx(2)
    assert found["MAE"]["value"] == pytest.approx(2)
    assert found["MAE"]["error"] == pytest.approx(0)
    expected = np.abs(bias.scores(values)[[0, 1], [2, 1]] - 3).mean()
    assert found["MAE"]["bias"] == pytest.approx(expected, rel=1e-5)


# Splits ----------------------------------------------------------------------------------------------------


def pairs(n_users=60, n_items=30, seed=0):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 15, n_users)
    return [
        (f"u{user}", int(item), float(rng.integers(1, 6)))
        for user, size in enumerate(sizes)
        for item in rng.choice(n_items, size, replace=False)
    ]


def test_the_split_is_that_of_the_protocol():
    given = as_interactions(pairs())
    split = split_users(pairs(), threshold=3, validation_fraction=0.2, test_fraction=0.3, random_state=0)
    kept = {(u, i): v for u, i, v in pairs() if v >= 3}
    sizes = {user: sum(u == user for u, _ in kept) for user in given.users}
    users = [user for user, size in sizes.items() if size >= 5]
    assert (len(split.validation_users), len(split.test_users)) == (int(0.2 * len(users)), int(0.3 * len(users)))
    parts = [split.train.users, split.validation_users, split.test_users]
    assert sorted(np.concatenate(parts).tolist()) == sorted(users), "each user is in one part"
    train = split.train
    assert {(u, i): v for (u, i), v in kept.items() if u in set(train.users)} == {
        (train.users[row], train.items[column]): value
        for row, column, value in zip(*sparse.find(train.matrix), strict=True)
    }
    assert train.matrix.getnnz(0).min() > 0, "items are those that training users took"
    for part, names in ((split.validation, split.validation_users), (split.test, split.test_users)):
        assert (part.history.multiply(part.targets)).nnz == 0
        for row, user in enumerate(names):
            own = {i for u, i in kept if u == user} & set(train.items.tolist())
            both = part.history[row] + part.targets[row]
            assert {train.items[at] for at in both.indices} == own
            assert part.targets[row].nnz == (int(0.2 * len(own)) if len(own) >= 5 else 0)


def test_a_split_repeats_by_its_seed_alone():
    one, two, other = (split_users(pairs(), random_state=seed) for seed in (1, 1, 2))
    assert one.test_users.tolist() == two.test_users.tolist() != other.test_users.tolist()
    assert (one.test.targets != two.test.targets).nnz == 0


def test_splits_that_cannot_be_made():
    with pytest.raises(DataError, match="none to learn from"):
        split_users(pairs(), min_interactions=100)
    with pytest.raises(DataError, match="none to learn from"):
        split_users(pairs(), test_fraction=0.9, validation_fraction=0.9)
    with pytest.raises(ParameterError, match="split_users: test_fraction=1"):
        split_users(pairs(), test_fraction=1)


def test_a_long_history_is_explained_in_blocks(monkeypatch):
    taken = sparse.random(40, 12, density=0.4, random_state=0, format="csr", dtype=np.float32)
    model, history = Bias().fit(taken, None, Settings(0)), taken[:1]
    whole, sizes, scores = Model.contributions(model, history, 3), [], Bias.scores
    monkeypatch.setattr(ranking, "BLOCK_VALUES", 2 * 12)
    monkeypatch.setattr(Bias, "scores", lambda self, h: sizes.append(h.shape[0]) or scores(self, h))
    np.testing.assert_allclose(Model.contributions(model, history, 3), whole, rtol=1e-5)
    assert max(sizes) == 2
    assert np.abs(whole).min() > 0


def test_the_verdict_is_by_the_longest_ranking():
    figure = {"value": 0.3, "error": 0.01, "popularity": 0.1, "popularity_error": 0.01}
    assert "By NDCG@5 it does better" in figures_verdict({"NDCG@5": figure, "Recall@5": figure})
