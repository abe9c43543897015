"""Users held out: names of their items and users, values and thresholds."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from isthmus import Recommender
from isthmus.data import as_interactions
from isthmus.exceptions import DataError
from isthmus.tasks import split_users

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
