"""Users held out: names of their items and users, values and thresholds."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from isthmus import Recommender, load
from isthmus.data import as_interactions
from isthmus.exceptions import DataError, ParameterError
from isthmus.tasks import split_users
from isthmus.tasks.recommending_parts.base import Holdout

N, M = 200, 60


def taken(n=N, m=M, seed=0):
    """Who took what, the first items the most; a matrix of truth values."""
    rng = np.random.default_rng(seed)
    return rng.random((n, m)) < np.linspace(0.6, 0.05, m)


def as_frame(found):
    coo = found.matrix.tocoo()
    return pd.DataFrame({"user": found.users[coo.row], "item": found.items[coo.col], "rating": coo.data})


def test_items_of_a_split_may_stand_in_another_order():
    split = split_users(as_interactions(sparse.csr_matrix(taken()), items=list(reversed(range(M)))), random_state=0)
    in_its_order = Recommender("ease(l2=10)").fit(split.train, validation=split)
    sorted_by_name = Recommender("ease(l2=10)").fit(as_frame(split.train), validation=split)
    assert sorted_by_name.items_.tolist() == sorted(in_its_order.items_.tolist())
    for held in (split, split.test, split.validation):
        ours, theirs = sorted_by_name.evaluate(held, 10)["NDCG@10"], in_its_order.evaluate(held, 10)["NDCG@10"]
        assert ours["value"] == pytest.approx(theirs["value"], rel=1e-3)
    ours, theirs = (model.chosen_["NDCG@100 of ease"] for model in (sorted_by_name, in_its_order))
    assert ours == pytest.approx(theirs, rel=1e-3)


def test_as_many_items_by_other_names_are_refused():
    split = split_users(as_interactions(sparse.csr_matrix(taken())), random_state=0)
    others = as_interactions(split.train.matrix, items=[f"i{item}" for item in range(split.train.matrix.shape[1])])
    model = Recommender("popularity").fit(others)
    with pytest.raises(DataError, match=r"others among them.*training part of the same split"):
        model.evaluate(split)


def test_users_of_a_split_who_were_learnt_from_are_noticed():
    found = as_interactions(as_frame(as_interactions(sparse.csr_matrix(taken()), users=[f"u{u}" for u in range(N)])))
    split = split_users(found, random_state=0)
    with pytest.warns(UserWarning, match="30 of the 30 users held out were fitted on"):
        model = Recommender("popularity").fit(found, validation=split)
    for held in (split, split.test):
        with pytest.warns(UserWarning, match="30 of the 30 users held out were fitted on"):
            model.evaluate(held)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Recommender("popularity").fit(split.train, validation=split).evaluate(split)


def rated(n=N, m=30, seed=0):
    """Values 1 to 5 that biases explain in part, as a matrix with a value for each pair that is there."""
    rng = np.random.default_rng(seed)
    there = taken(n, m, seed)
    values = 3 + rng.normal(0, 0.7, (n, 1)) + rng.normal(0, 0.7, m) + rng.normal(0, 0.5, (n, m))
    return sparse.csr_matrix(there * values.clip(1, 5).round(1))


def test_a_threshold_hides_no_value_from_the_judging_of_values():
    found = as_frame(as_interactions(rated()))
    other = as_frame(as_interactions(rated(40, seed=0))).assign(user=lambda f: 1000 + f["user"])
    figures = [Recommender("bias", threshold=t, random_state=0).fit(found).evaluate(other, 5) for t in (None, 3.5)]
    assert figures[1]["RMSE"] == figures[0]["RMSE"]
    assert figures[1]["MAE"] == figures[0]["MAE"]
    assert figures[1]["Recall@5"]["value"] != figures[0]["Recall@5"]["value"]
    one, two = (Recommender("bias", threshold=t, random_state=0).fit(found, validation=other) for t in (None, 3.5))
    assert one.chosen_ == two.chosen_


def test_what_is_ranked_by_values_is_a_hit_from_the_threshold_on(tmp_path):
    model = Recommender("bias", threshold=4, random_state=0).fit(rated())
    # A user likes the first item that is to be found, and not the second.
    history = np.zeros((1, len(model.items_)), np.float32)
    history[0, 10:14] = 3
    best = [int(item) for item in model.recommend({"x": {int(i): 3 for i in range(10, 14)}}, 2)["item"]]
    targets = np.zeros_like(history)
    targets[0, best] = 5, 2
    held = Holdout(sparse.csr_matrix(history), sparse.csr_matrix(targets))
    targets[0, best] = 2, 5
    other = Holdout(sparse.csr_matrix(history), sparse.csr_matrix(targets))
    assert model.evaluate(held, 1)["Recall@1"]["value"] == 1
    assert model.evaluate(other, 1)["Recall@1"]["value"] == 0
    model.save(tmp_path / "m")
    assert load(tmp_path / "m").evaluate(other, 1) == model.evaluate(other, 1)
    nobody = model.evaluate(Holdout(held.history, held.targets / 3), 1)
    assert nobody["RMSE"]["value"] > 0
    assert nobody["Recall@1"]["error"] is None


@pytest.mark.parametrize("kind", [float, np.float32, np.float64])
def test_a_threshold_of_any_kind_is_that_of_the_values(kind):
    # 4.1 in 32 bits is less than in 64.
    values = as_frame(as_interactions(rated())).assign(rating=4.1)
    threshold = kind(4.1)
    assert split_users(values, threshold=threshold, random_state=0).train.matrix.nnz > 0
    assert as_interactions(values).taken(threshold).nnz == len(values)
    model = Recommender("popularity", threshold=threshold).fit(values)
    held = [1000 + user for user in values["user"]]
    assert model.evaluate(values.assign(user=held), 5)["Recall@5"]["value"] > 0
    known = model.recommend({"x": dict.fromkeys([0, 1], 4.1)}, 1)["score"][0]
    assert known == model.recommend({"x": [0, 1]}, 1)["score"][0]


def test_of_few_long_histories_only_a_share_is_held_out():
    few, many = taken(50, 20, 1) | True, np.zeros((950, 20), bool)
    many[np.arange(950), np.arange(950) % 20] = many[np.arange(950), (np.arange(950) + 1) % 20] = True
    model = Recommender("popularity", random_state=0).fit(sparse.csr_matrix(np.vstack([few, many])))
    assert model.chosen_["users held out"] == 5
    alone = Recommender("popularity", validation_fraction=0.01, random_state=0).fit(sparse.csr_matrix(few))
    assert alone.chosen_["users held out"] == 1


def test_numbers_of_a_history_mean_the_same_whoever_else_asks():
    whole = rated()
    model = Recommender("ease(l2=10)", threshold=3, random_state=0).fit(whole)
    low, high = np.zeros((2, 1, len(model.items_)), np.float32)
    low[0, :5], high[0, 5:10] = 1, 5
    with pytest.warns(UserWarning, match="nothing but ones"):
        alone = model.transform(sparse.csr_matrix(low))
    np.testing.assert_allclose(alone[0], model.transform(sparse.csr_matrix(np.vstack([low, high])))[0])
    of_values = Recommender("bias", random_state=0).fit(whole)
    ours = of_values.recommend(sparse.csr_matrix(low), 3)
    theirs = of_values.recommend({"x": dict.fromkeys(range(5), 1)}, 3)
    assert ours["item"].tolist() == theirs["item"].tolist()
    np.testing.assert_allclose(ours["score"], theirs["score"])
    with pytest.warns(UserWarning, match=r"nothing but ones, which do not reach threshold=3"):
        model.recommend(sparse.csr_matrix(low), 3)
    with pytest.raises(DataError, match=r"No value .* reaches threshold=3"):
        model.evaluate(sparse.csr_matrix(low))


def test_zeros_stored_are_what_they_were_in_the_fit():
    stored = sparse.csr_matrix((np.array([1, 1, 0], np.float32), ([0, 0, 0], [0, 1, 2])), shape=(1, M))
    plain = Recommender("ease(l2=10)", random_state=0).fit(sparse.csr_matrix(taken()))
    odd = stored.copy()
    odd.data[0] = 2
    np.testing.assert_allclose(plain.transform(odd), plain.transform([[0, 1]]))
    assert 2 in plain.recommend(odd, M)["item"].tolist(), "a zero is no interaction where numbers are none of values"
    valued = Recommender("bias", random_state=0).fit(rated())
    assert 2 not in valued.recommend(stored[:, :30], 30)["item"].tolist()


def test_a_model_of_values_is_not_judged_without_values():
    model = Recommender("bias", random_state=0).fit(as_frame(as_interactions(rated())))
    other = as_frame(as_interactions(rated())).assign(user=lambda f: 1000 + f["user"])
    with pytest.raises(DataError, match="has no values"):
        model.evaluate(other[["user", "item"]])
    with pytest.raises(ParameterError, match="has_values="):
        as_interactions(other, has_values=True)
