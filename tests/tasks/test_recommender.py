"""Recommender: fitting, asking in all ways, explaining, judging, and to a folder and back."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.base import clone

from isthmus import Autoencoder, Recommender, load
from isthmus.data import as_interactions
from isthmus.exceptions import DataError, ParameterError
from isthmus.tasks import split_users
from isthmus.tasks.recommending_parts import choosing

GROUPS, ITEMS = 3, 30


def frame(n_users=120, seed=0):
    """Users who take items of one of three groups, mostly; values are higher within the group."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(n_users):
        group = user % GROUPS
        own = rng.choice(ITEMS // GROUPS, 7, replace=False) * GROUPS + group
        other = rng.choice(ITEMS, 2, replace=False)
        rows += [(f"u{user:03}", f"i{item:02}", 4 + (item % 2)) for item in own]
        rows += [(f"u{user:03}", f"i{item:02}", 2) for item in other if item not in own]
    return pd.DataFrame(rows, columns=["user", "item", "rating"])


FRAME = frame()


def group_of(items):
    return [int(item[1:]) % GROUPS for item in items]


@pytest.fixture(scope="module")
def fitted():
    return Recommender("ease", threshold=3, random_state=0).fit(FRAME)


def test_known_users_are_given_items_of_their_group(fitted):
    found = fitted.recommend(["u000", "u001"], k=3)
    assert list(found.columns) == ["user", "item", "score", "rank"]
    assert found["user"].tolist() == ["u000"] * 3 + ["u001"] * 3
    assert found["rank"].tolist() == [1, 2, 3] * 2
    assert group_of(found["item"]) == [0, 0, 0, 1, 1, 1]
    assert (np.diff(found["score"].to_numpy().reshape(2, 3), axis=1) <= 0).all()
    seen = set(FRAME.query("user == 'u000'")["item"])
    assert not seen & set(found["item"][:3])
    every = fitted.recommend("u000", k=ITEMS)
    assert set(every["item"]) == set(fitted.items_) - seen, "what was seen below the threshold is hidden as well"
    assert len(fitted.recommend("u000", k=ITEMS, filter_seen=False)) == ITEMS
    assert len(fitted.recommend(k=2)) == 2 * 120


def test_histories_in_all_forms_are_the_same(fitted):
    history = ["i00", "i03", "i06", "i09", "i12"]
    first = fitted.recommend({"new": history}, k=4)
    assert set(group_of(first["item"])) == {0}
    one_hot = sparse.csr_matrix(np.isin(fitted.items_, history)[None] * 5.0)
    frames = pd.DataFrame({"user": "new", "item": history, "rating": 5})
    for asked in (
        [history],
        [tuple(history)],
        {"new": set(history)},
        {"new": [*history, "i00"]},
        {"new": dict.fromkeys(history, 4)},
        {"new": {**dict.fromkeys(history, 4), "i01": 1}},
        one_hot,
        frames,
        frames[["user", "item"]],
        as_interactions(frames),
        pl.from_pandas(frames),
    ):
        found = fitted.recommend(asked, k=4)
        if isinstance(asked, dict) and "i01" in asked["new"]:
            assert "i01" not in set(found["item"])
        assert found["item"].tolist()[:3] == first["item"].tolist()[:3], asked
    np.testing.assert_allclose(fitted.transform([history]), fitted.transform({"x": history}))


def test_a_known_user_and_the_same_history_are_the_same(fitted):
    own = FRAME.query("user == 'u004'")
    np.testing.assert_array_equal(
        fitted.transform("u004"), fitted.transform({"x": dict(own[["item", "rating"]].values)})
    )
    assert fitted.transform(["u004", "u005"]).dtype == np.float32
    assert len(fitted.transform()) == 120


def test_cold_users_get_what_is_popular(fitted):
    popular = FRAME.query("rating >= 3")["item"].value_counts()
    with pytest.warns(UserWarning, match=r"1 of the users were not fitted on \('nobody'\)"):
        found = fitted.recommend(["u000", "nobody"], k=3)
    cold = found[found["user"] == "nobody"]
    assert cold["score"].tolist() == sorted(popular, reverse=True)[:3]
    assert found[found["user"] == "u000"]["item"].tolist() == fitted.recommend("u000", k=3)["item"].tolist()
    empty = fitted.recommend({"new": []}, k=3)
    assert empty["item"].tolist() == cold["item"].tolist()


def test_unknown_items_of_a_history_are_left_out_and_named(fitted):
    with pytest.warns(UserWarning, match="2 items of the histories were not fitted on .*'soap'.*: 3 interactions"):
        found = fitted.recommend({"a": ["i00", "i03", "soap"], "b": ["soap", "soup"]}, k=2)
    assert found["item"].tolist()[:2] == fitted.recommend([["i00", "i03"]], k=2)["item"].tolist()
    with pytest.raises(DataError, match=r"whole numbers, such as 7.*texts"):
        fitted.recommend([[7, 8]])


def test_only_some_items_and_not_others(fitted):
    some = ["i01", "i02", "i05", "i08"]
    found = fitted.recommend("u000", k=10, items=some, exclude=["i02"], filter_seen=False)
    assert sorted(found["item"]) == ["i01", "i05", "i08"]
    plain = fitted.recommend("u000", k=ITEMS, filter_seen=False).set_index("item")["score"]
    np.testing.assert_allclose(found["score"], plain[found["item"]], rtol=1e-5)
    with pytest.raises(DataError, match="1 of items= were not fitted on, such as 'soap'"):
        fitted.recommend("u000", items=["soap"])
    with pytest.raises(DataError, match="leave none"):
        fitted.recommend("u000", items=["i01"], exclude="i01")


def test_scores_of_pairs_come_in_their_order(fitted):
    scores = fitted.recommend(["u000", "u007"], k=ITEMS, filter_seen=False).set_index(["user", "item"])["score"]
    asked = [("u007", "i03"), ("u000", "i03"), ("u007", "i01"), ("u000", "i03")]
    np.testing.assert_allclose(fitted.predict(asked), scores[asked], rtol=1e-6)
    with pytest.warns(UserWarning, match="1 items were not fitted on"):
        assert np.isnan(fitted.predict(pd.DataFrame({"user": ["u000"], "item": ["soap"]}))).all()


def test_similar_items_are_of_the_same_group(fitted):
    found = fitted.similar_items(["i00", "i04"], k=3)
    assert list(found.columns) == ["item", "similar", "score", "rank"]
    assert found["item"].tolist() == ["i00"] * 3 + ["i04"] * 3
    assert group_of(found["similar"]) == [0, 0, 0, 1, 1, 1]
    assert "i00" not in found["similar"].tolist()[:3]
    assert len(fitted.similar_items("i00", k=99)) == ITEMS - 1


def test_an_explanation_is_what_the_score_would_lose(fitted):
    history = ["i00", "i03", "i01", "i06"]
    told = fitted.explain(history, "i09")
    assert set(told["item"]) == set(history)
    assert set(group_of(told["item"][:3])) == {0}
    assert told["share"].abs().sum() == pytest.approx(1)
    scores = [
        fitted.recommend([[i for i in history if i != left]], k=ITEMS, filter_seen=False).set_index("item").score["i09"]
        for left in ("", "i03")
    ]
    assert told.set_index("item").contribution["i03"] == pytest.approx(scores[0] - scores[1], rel=1e-4)
    assert len(fitted.explain("u000", "i01")) >= 7
    assert len(fitted.explain([], "i01")) == 0


def test_more_items_than_there_are(fitted):
    assert len(fitted.recommend("u000", k=10**12)) == len(fitted.recommend("u000", k=ITEMS))
    assert len(fitted.recommend("u000", k=10**12, exclude=["i00", "i01"], filter_seen=False)) == ITEMS - 2
    assert len(fitted.similar_items("i00", k=10**12)) == ITEMS - 1
    others = frame(seed=1).replace({"user": "u"}, {"user": "v"}, regex=True)
    found, all_of_them = fitted.evaluate(others, k=10**12), fitted.evaluate(others, k=ITEMS)
    assert found[f"NDCG@{10**12}"] == all_of_them[f"NDCG@{ITEMS}"]


def test_containers_come_back():
    found = Recommender("knn", random_state=0).fit(pl.from_pandas(FRAME)).recommend("u000", 2)
    assert isinstance(found, pl.DataFrame)
    found = Recommender("knn", random_state=0).fit(pa.Table.from_pandas(FRAME)).similar_items("i00", 2)
    assert isinstance(found, pa.Table)
    numbers = Recommender("popularity").fit([(u, i) for u in range(9) for i in range(u + 1)])
    assert numbers.recommend(3, 2)["item"].tolist() == [4, 5]
    assert numbers.users_.dtype == np.int64


def test_it_is_judged_on_other_users_beside_popularity():
    split = split_users(FRAME, threshold=3, random_state=0)
    model = Recommender("edlae", random_state=0).fit(split.train, validation=split.validation)
    figures = model.evaluate(split)
    assert figures == model.evaluate(split.test)
    by_split = Recommender("edlae", random_state=0).fit(split.train, validation=split)
    assert by_split.chosen_ == model.chosen_, "of a split, users to choose by are those of validation"
    assert model.evaluation_ == model.evaluate(split.validation)
    assert figures["NDCG@10"]["value"] > 2 * figures["NDCG@10"]["popularity"]
    assert figures["NDCG@10"]["error"] > 0
    assert set(model.evaluate(split, k=5)) == {"NDCG@5", "Recall@5", "MAP@5", "coverage@5", "novelty@5"}
    assert model.chosen_["users held out"] > 0
    assert "fitted to those held out as well" not in model.chosen_
    other = frame(60, seed=1).assign(user=lambda f: "new" + f["user"])
    assert model.evaluate(other, k=5)["Recall@5"]["value"] > 0.5
    with pytest.warns(UserWarning, match="were fitted on: figures of such users are too good"):
        model.evaluate(FRAME, k=5)
    with pytest.raises(DataError, match="training part of the same split"):
        Recommender("edlae").fit(FRAME[FRAME["item"] != "i00"], validation=split)


def test_what_was_chosen_is_chosen_on_users_held_out():
    model = Recommender("edlae", validation_fraction=0.3, random_state=0).fit(FRAME)
    assert model.chosen_["users held out"] == 36
    assert model.chosen_["fitted to those held out as well"]
    assert model.n_rows_ == 120
    assert model.chosen_["NDCG@100 of edlae"] > model.chosen_["NDCG@100 of popularity"]
    again = Recommender("edlae", validation_fraction=0.3, random_state=0).fit(FRAME.sample(frac=1, random_state=1))
    assert again.chosen_ == model.chosen_, "the order of the rows does not matter"
    alone = Recommender("ease(l2=10)", validation_fraction=0).fit(FRAME)
    assert alone.chosen_ == {"model": "ease"}


def test_two_models_are_blended():
    model = Recommender(("ease", "knn"), random_state=0).fit(FRAME)
    assert 0 <= model.chosen_["weight"] <= 1
    assert group_of(model.recommend("u000", 2)["item"]) == [0, 0]


def test_values_are_predicted_beside_the_biases(tmp_path):
    model = Recommender("bias", random_state=0).fit(FRAME)
    predicted = model.predict(FRAME)
    assert np.sqrt(np.mean((predicted - FRAME["rating"]) ** 2)) < FRAME["rating"].std()
    figures = model.evaluate(frame(60, seed=1).assign(user=lambda f: "new" + f["user"]))
    assert figures["RMSE"]["value"] == pytest.approx(figures["RMSE"]["bias"], rel=0.05)
    assert "NDCG@10" in figures
    high = model.recommend({"x": {"i01": 5, "i02": 5}}, 1)["score"][0]
    low = model.recommend({"x": {"i01": 1, "i02": 1}}, 1)["score"][0]
    assert high > low
    with pytest.warns(UserWarning, match="not fitted on"):
        assert np.isfinite(model.predict([("u000", "soap")])).all()
    with pytest.raises(DataError, match="without a value"):
        model.recommend([["i01"]])
    with pytest.raises(DataError, match="predicts values, but"):
        Recommender("bias").fit(FRAME[["user", "item"]])
    model.save(tmp_path / "m")
    np.testing.assert_array_equal(load(tmp_path / "m").predict(FRAME), predicted)


def test_the_bias_baseline_is_chosen_as_the_bias_model_is():
    rng = np.random.default_rng(0)
    values = rng.normal(3, 1, (90, 25)) + rng.normal(0, 1, (90, 1)) + rng.normal(0, 1, (1, 25))
    rows, columns = np.nonzero(rng.random(values.shape) < 0.3)
    rated = pd.DataFrame({"user": rows, "item": columns, "rating": values[rows, columns]})
    model = Recommender("bias", random_state=0).fit(rated)
    for figures in (model.evaluation_, model.evaluate(rated.assign(user=rated["user"] + 1000))):
        for name in ("RMSE", "MAE"):
            assert figures[name]["value"] == figures[name]["bias"]


@pytest.mark.parametrize("model", ["popularity", "edlae", ("ease", "knn")])
def test_a_folder_and_back(tmp_path, model):
    one = Recommender(model, threshold=3, random_state=0).fit(FRAME)
    one.save(tmp_path / "m")
    two = load(tmp_path / "m")
    pd.testing.assert_frame_equal(two.recommend(k=5), one.recommend(k=5))
    pd.testing.assert_frame_equal(two.similar_items("i03", 5), one.similar_items("i03", 5))
    np.testing.assert_array_equal(two.transform("u007"), one.transform("u007"))
    assert two.chosen_ == one.chosen_
    assert (two.users_ == one.users_).all()
    assert two.get_params() == one.get_params()
    assert two.evaluate(frame(30, seed=2).assign(user=lambda f: "n" + f["user"])) == one.evaluate(
        frame(30, seed=2).assign(user=lambda f: "n" + f["user"])
    )
    assert {p.suffix for p in (tmp_path / "m").iterdir()} == {".json", ".safetensors", ".md"}
    card = (tmp_path / "m" / "README.md").read_text()
    assert "isthmus recommend" in card
    assert "users held out" in card


def test_a_hundred_thousand_names_are_kept(tmp_path):
    rng = np.random.default_rng(0)
    users = np.array([f"user-{i:06}-é" for i in range(100_000)], dtype=object)
    matrix = sparse.csr_matrix(
        (np.ones(200_000), (np.repeat(np.arange(100_000), 2), rng.integers(0, 20, 200_000))), shape=(100_000, 20)
    )
    one = Recommender("popularity", random_state=0).fit(as_interactions(matrix > 0, users=users))
    one.save(tmp_path / "m")
    two = load(tmp_path / "m")
    assert (two.users_ == users).all()
    pd.testing.assert_frame_equal(two.recommend(users[5:7], 3), one.recommend(users[5:7], 3))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"model": 3}, "model=3"),
        ({"model": "eese"}, "did you mean 'ease'"),
        ({"model": "ease(l3=1)"}, "no parameter 'l3'"),
        ({"model": ("ease", "knn", "knn")}, "a pair"),
        ({"threshold": "high"}, "threshold='high'"),
        ({"min_interactions": 0}, "min_interactions=0"),
        ({"validation_fraction": 1}, "validation_fraction=1"),
        ({"latent_dim": 0}, "latent_dim=0"),
        ({"model": ("ease", "bias")}, "blend"),
    ],
)
def test_parameters_are_checked_before_the_data(parameters, words):
    with pytest.raises(ParameterError, match=words):
        Recommender(**parameters).fit("nowhere.csv")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("a", 1), ("a", 2)], "1 users"),
        ([("a", 1), ("b", 1)], "1 items"),
        ([("a", 1), ("b", 2)], "0 users with 2"),
    ],
)
def test_too_few_are_refused(rows, words):
    with pytest.raises(DataError, match=words):
        Recommender("ease").fit(rows)


def test_what_cannot_be_asked_is_said(fitted):
    with pytest.raises(DataError, match=r"threshold=9; the largest is 5"):
        Recommender("ease", threshold=9).fit(FRAME)
    with pytest.raises(ParameterError, match="k=0"):
        fitted.recommend("u000", k=0)
    with pytest.raises(DataError, match="30 items"):
        fitted.recommend(sparse.csr_matrix((1, 3)))
    with pytest.raises(DataError, match="expected names of users"):
        fitted.recommend(3.5)
    with pytest.raises(DataError, match="history of user 'a' is 'i00'"):
        fitted.recommend({"a": "i00"})
    with pytest.raises(DataError, match="value nan for item"):
        fitted.recommend({"a": {"i00": float("nan")}})
    with pytest.raises(DataError, match="empty"):
        fitted.recommend({})
    with pytest.raises(DataError, match="no pairs"):
        fitted.predict(FRAME.iloc[:0])


def test_few_users_are_fitted_without_a_choice():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = Recommender("edlae", random_state=0).fit([("a", 1), ("a", 2), ("b", 2), ("b", 3)])
    assert "users held out" not in model.chosen_
    assert len(model.recommend("a")) == 1


def test_it_is_an_estimator_like_others():
    model = Recommender("ease", threshold=4, random_state=3)
    assert clone(model).get_params() == model.get_params()
    assert Recommender().set_params(model="knn").model == "knn"
    with pytest.raises(Exception, match="not fitted"):
        model.recommend("u000")


def test_auto_says_what_it_compared(monkeypatch):
    monkeypatch.setattr(choosing, "DEEP", "knn")  # a network takes longer
    model = Recommender(random_state=0).fit(FRAME)
    figures = {name: value for name, value in model.chosen_.items() if name.startswith("NDCG@100 of")}
    best = max(figures, key=lambda name: figures[name])
    assert set(figures) == {f"NDCG@100 of {choosing.CLOSED}", "NDCG@100 of knn", "NDCG@100 of popularity"}
    assert best == f"NDCG@100 of {model.chosen_['model']}"


def test_items_that_nobody_took_are_recommended_by_what_they_are_like(tmp_path):
    about = pd.DataFrame({"item": [f"i{i:02}" for i in range(ITEMS + 3)]})
    about["sort"] = [f"sort {i % GROUPS}" for i in range(len(about))]
    model = Recommender("ease", threshold=3, random_state=0).fit(FRAME, items=about)
    assert len(model.items_) == ITEMS
    new = ["i30", "i31", "i32"]
    found = model.recommend(["u000", "u001", "u002"], k=1, items=new)
    assert found["item"].tolist() == new
    every = model.recommend("u000", k=ITEMS + 3, filter_seen=False)
    assert len(every) == ITEMS + 3
    assert every["item"].tolist().index("i30") < every["item"].tolist().index("i31")
    scores = every.set_index("item")["score"]
    np.testing.assert_allclose(model.predict([("u000", "i30"), ("u000", "i00")]), scores[["i30", "i00"]], rtol=1e-5)
    cold = model.recommend({"x": []}, k=ITEMS + 3)
    assert set(cold["item"][-3:]) == set(new)
    assert not set(new) & set(model.recommend("u000", k=ITEMS + 3, exclude=new)["item"])
    model.save(tmp_path / "m")
    pd.testing.assert_frame_equal(load(tmp_path / "m").recommend(k=5), model.recommend(k=5))
    with pytest.raises(DataError, match="items: none of the 30"):
        Recommender("ease").fit(FRAME, items=about.assign(item=range(len(about))))


@pytest.mark.parametrize("pair", [False, True])
def test_an_autoencoder_of_ones_own(tmp_path, pair):
    own = Autoencoder(3, kind="ratings", max_epochs=3)
    model = Recommender(("ease", own) if pair else own, threshold=3, random_state=0).fit(FRAME)
    inner = next(iter(model.model_.autoencoders().values()))
    assert inner.latent_dim_ == 3
    assert not hasattr(own, "history_"), "a copy is fitted"
    assert not model.chosen_["fitted to those held out as well"]
    assert len(model.recommend({"new": ["i00", "i03"]}, k=3)) == 3
    model.save(tmp_path / "m")
    again = load(tmp_path / "m")
    pd.testing.assert_frame_equal(again.recommend(k=3), model.recommend(k=3))
    given = again.model[1] if pair else again.model
    assert isinstance(given, Autoencoder)
    assert given.latent_dim == 3
    again.fit(FRAME)
    assert again.n_rows_ > 0


def test_ones_own_autoencoder_is_not_taken_for_that_of_a_word(tmp_path):
    own = Autoencoder(7, kind="ratings", max_epochs=1)
    pair = ("deep(epochs=1, latent_dim=5)", own)
    Recommender(pair, threshold=3, random_state=0).fit(FRAME).save(tmp_path / "m")
    word, given = load(tmp_path / "m").model
    assert word == pair[0]
    assert given.latent_dim == 7


def test_a_model_of_values_keeps_its_autoencoder(tmp_path):
    model = Recommender("autorec", random_state=0).fit(FRAME)
    model.save(tmp_path / "m")
    np.testing.assert_array_equal(load(tmp_path / "m").predict(FRAME), model.predict(FRAME))
