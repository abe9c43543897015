"""Items that nobody took yet, by what is known of them."""

import json
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from isthmus import Recommender
from isthmus.exceptions import DataError
from isthmus.tasks.recommending_parts import cold_items
from isthmus.tasks.recommending_parts.cold_items import L2, ItemFeatures

FRAME = pd.DataFrame(
    {
        "item": [1, 2, 3, 4, 5, 6],
        "type": ["red", "red", "white", "white", "red", "orange"],
        "food": ["beef|pork", "beef", "fish|pork", None, " fish | beef", "snails"],
        "abv": [13.0, 14.0, 11.0, np.nan, 13.5, 500.0],
        "name": ["a", "b", "c", "d", "e", "f"],
        "still": [True, True, True, False, True, False],
    }
)


def made(n=80, cold=10, seed=0, noise=0.1, users=30):
    """Items with two columns of labels and a number, and scores that these explain up to noise."""
    rng = np.random.default_rng(seed)
    kind, country, price = rng.integers(0, 4, n), rng.integers(0, 6, n), rng.normal(20, 5, n)
    frame = pd.DataFrame({"id": [f"w{i}" for i in range(n)], "kind": kind, "country": country, "price": price})
    frame = frame.astype({"kind": str, "country": str})
    tastes = [rng.normal(size=(users, size)) for size in (4, 6)]
    truth = 2 + tastes[0][:, kind] + tastes[1][:, country] + rng.normal(size=(users, 1)) * (price - 20) / 5
    scores = (truth + rng.normal(0, noise, truth.shape)).astype(np.float32)
    warm = n - cold
    return frame, list(frame["id"][:warm]), scores[:, :warm], scores[:, warm:]


# --- Features


@pytest.mark.parametrize("container", [pd.DataFrame, pl.from_pandas, pa.Table.from_pandas])
def test_numbers_categories_and_lists_become_features_alike_in_every_frame(container):
    features = ItemFeatures().fit(container(FRAME), [1, 2, 3, 4])
    warm = features._warm.toarray()
    # Of type, food, abv and still; names are of one item each, and snails of none that is warm.
    assert [column.name for column in features._columns] == ["type", "food", "abv", "still"]
    assert warm.shape == (4, 6)
    assert np.array_equal(warm[:, :2], [[1, 0], [1, 0], [0, 1], [0, 1]])
    half = np.sqrt(0.5)
    assert np.allclose(warm[:, 2:4], [[half, half], [1, 0], [0, 1], [0, 0]])
    abv = np.array([13, 14, 11])
    assert np.allclose(warm[:, 4], [*(abv - abv.mean()) / abv.std(), 0], atol=1e-6)
    cold = features._cold.toarray()
    assert features.cold_ids == [5, 6]
    assert np.allclose(cold[:, :4], [[1, 0, 1, 0], [0, 0, 0, 0]])
    assert cold[1, 4] == 5


def test_real_lists_and_dates_are_features_too():
    frame = pl.DataFrame(
        {
            "movieId": [1, 2, 3, 4],
            "genres": [["a", "b"], ["a"], ["b"], None],
            "out": pl.Series(["2001-01-01", "2003-01-01", "2002-01-01", None]).str.to_date(),
        }
    )
    warm = ItemFeatures().fit(frame, [1, 2, 3])._warm.toarray()
    assert np.allclose(warm[:, :2], [[np.sqrt(0.5), np.sqrt(0.5)], [1, 0], [0, 1]])
    assert warm[0, 2] < warm[2, 2] < warm[1, 2]


def test_the_most_frequent_features_are_kept(monkeypatch):
    monkeypatch.setattr(cold_items, "MOST", 4)
    features = ItemFeatures().fit(FRAME.assign(item=[1, 2, 3, 4, 5, 6]), [1, 2, 3, 4, 5])
    kept = {column.name: list(column.labels) for column in features._columns}
    assert kept == {"type": ["red"], "food": ["beef"], "abv": [], "still": []}


@pytest.mark.parametrize(
    ("frame", "ids", "said"),
    [
        (FRAME.drop(columns=["type", "food", "abv", "still"]), [1, 2], "tells items apart"),
        (FRAME, ["1", "2"], "none of the 2 items"),
        (FRAME.assign(item=[1, 2, 3, 4, 5, 1]), [1], "stands in rows 0 and 5"),
        (FRAME.assign(item=[1, 2, None, 4, 5, 6]), [1.0], "row 2 of column 'item' has no id"),
        (FRAME.assign(abv=[1, 2, 3, np.inf, 5, 6]), [1, 2], "row 3 of column 'abv' is inf"),
        (FRAME[:0], [1], "without rows"),
        ([1, 2], [1], "a list"),
    ],
)
def test_frames_that_cannot_be_used(frame, ids, said):
    with pytest.raises(DataError, match=said):
        ItemFeatures().fit(frame, ids)


def test_the_column_of_ids_is_named_first_or_said():
    moved = FRAME[["type", "item", "abv"]].rename(columns={"item": "Item_ID"})
    assert ItemFeatures().fit(moved, [1, 2, 3]).cold_ids == [4, 5, 6]
    assert ItemFeatures("name").fit(FRAME, ["a", "b", "c"]).cold_ids == ["d", "e", "f"]
    assert ItemFeatures().fit(FRAME[["name", "type"]], ["a", "b", "c"]).cold_ids == ["d", "e", "f"]
    with pytest.raises(DataError, match=r"no column 'nam'.*name"):
        ItemFeatures("nam").fit(FRAME, ["a"])


# --- The map


def test_the_map_is_the_ridge_regression_of_its_formula():
    frame, ids, scores, _ = made()
    features = ItemFeatures().fit(frame, ids).fit_map(scores)
    warm, cold = (rows.toarray().astype(float) - features._mean for rows in (features._warm, features._cold))
    P = cold @ np.linalg.inv(warm.T @ warm + features.l2 * np.eye(warm.shape[1])) @ warm.T
    means = scores.mean(1, keepdims=True)
    expected = means + features.slope * (scores - means) @ P.T
    assert np.allclose(features.map(scores), expected, atol=1e-4)


def test_the_penalty_is_that_of_the_least_error_of_items_left_out_one_by_one():
    frame, ids, scores, _ = made(30, 4, noise=1.0)
    features = ItemFeatures().fit(frame, ids).fit_map(scores)
    F, n = features._warm.toarray().astype(float), len(ids)
    errors, guesses = [], []
    for l2 in L2:
        guess = np.empty_like(scores, dtype=float)
        for out in range(n):
            rest = np.arange(n) != out
            mean, means = F[rest].mean(0), scores[:, rest].mean(1, keepdims=True)
            X = F[rest] - mean
            W = np.linalg.solve(X.T @ X + l2 * np.eye(F.shape[1]), X.T @ (scores[:, rest] - means).T)
            guess[:, out] = means[:, 0] + (F[out] - mean) @ W
        errors.append(np.square(guess - scores).sum())
        guesses.append(guess)
    assert features.l2 == L2[int(np.argmin(errors))]
    means = scores.mean(1, keepdims=True)
    guess, truth = guesses[int(np.argmin(errors))] - means, scores - means
    assert features.slope == pytest.approx((guess * truth).sum() / (guess**2).sum(), rel=1e-3)


def test_cold_scores_are_near_what_the_model_would_have_given():
    frame, ids, scores, truth = made(200, 40)
    features = ItemFeatures().fit(frame, ids).fit_map(scores)
    found = features.map(scores)
    assert found.dtype == np.float32
    assert np.square(found - truth).mean() < 0.05 * truth.var()
    # On the scale of the warm ones: regressed on, neither stretched nor shrunk.
    assert np.polyfit(found.ravel(), truth.ravel(), 1)[0] == pytest.approx(1, abs=0.05)


def test_features_that_tell_nothing_leave_the_mean_of_the_user():
    frame, ids, scores, _ = made(200, 40)
    drawn = np.random.default_rng(0).normal(size=scores.shape).astype(np.float32)
    features = ItemFeatures().fit(frame, ids).fit_map(drawn)
    assert np.abs(features.map(drawn) - drawn.mean(1, keepdims=True)).max() < 0.3 * drawn.std()


def test_warm_items_without_features_are_left_out_of_the_regression():
    frame, ids, scores, _ = made()
    features = ItemFeatures().fit(frame, ids).fit_map(scores)
    stranger = np.hstack([np.full((len(scores), 1), 1e3, np.float32), scores])
    other = ItemFeatures().fit(frame, ["not there", *ids]).fit_map(stranger)
    assert np.allclose(other.map(stranger), features.map(scores), atol=1e-4)


def test_items_of_another_frame_with_categories_never_seen():
    frame, ids, scores, _ = made()
    features = ItemFeatures().fit(frame, ids).fit_map(scores)
    new = frame[-10:].sample(frac=1, random_state=0)
    order = [features.cold_ids.index(item) for item in new["id"]]
    assert np.allclose(features.map(scores, new), features.map(scores)[:, order], atol=1e-5)
    strange = features.map(scores, new.assign(kind="?", country="?"))
    assert np.isfinite(strange).all()
    with pytest.raises(DataError, match="no column 'kind'"):
        features.map(scores, new.drop(columns="kind"))
    with pytest.raises(DataError, match="'price' held numbers"):
        features.map(scores, new.assign(price="cheap"))


def test_features_there_and_back():
    frame, ids, scores, _ = made()
    features = ItemFeatures().fit(frame, ids).fit_map(scores)
    values, arrays = features.learnt()
    back = ItemFeatures().restore(json.loads(json.dumps(values)), {k: np.array(a) for k, a in arrays.items()})
    assert back.cold_ids == features.cold_ids
    assert np.array_equal(back.map(scores), features.map(scores))
    assert np.array_equal(back.map(scores, frame[-5:]), features.map(scores, frame[-5:]))
    assert back.learnt()[0] == values


def test_bad_features_are_found_before_the_fit_and_leave_the_old_model_whole(monkeypatch):
    pairs = [(user, item) for user in range(20) for item in range(8) if (user + item) % 3]
    model = Recommender("popularity").fit(pairs)
    before = dict(vars(model))
    monkeypatch.setattr("isthmus.tasks.recommender.fit_best", lambda *_: pytest.fail("it was fitted first"))
    with pytest.raises(DataError):
        model.set_params(model="ease").fit(pairs[:60], items=pd.DataFrame({"item": [1, 1], "size": [2.0, 3.0]}))
    assert {**vars(model), "model": "popularity"} == before


def test_a_fit_that_fails_late_leaves_the_old_model_whole(monkeypatch):
    pairs = [(user, item) for user in range(20) for item in range(8) if (user + item) % 3]
    model = Recommender("popularity").fit(pairs)
    before = dict(vars(model))
    monkeypatch.setattr("isthmus.tasks.recommender.Judge.of", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model.fit(pairs[:60])
    assert vars(model) == before


@pytest.mark.parametrize("word", ["ease", "bias"])
def test_items_known_by_their_features_are_not_given_again(word):
    rng = np.random.default_rng(0)
    took = pd.DataFrame([(f"u{u}", f"i{i:02}", 3 + (u + i) % 3) for u in range(40) for i in rng.permutation(10)[:6]])
    took.columns = ["user", "item", "rating"]
    about = pd.DataFrame({"item": [f"i{i:02}" for i in range(13)]})
    about["sort"] = [f"sort {i % 3}" for i in range(13)]
    model = Recommender(word, random_state=0).fit(took, items=about)
    history = {"i00": 5, "i03": 5, "i10": 5}
    lines = pd.DataFrame({"user": "x", "item": list(history), "rating": list(history.values())})
    warm = {"x": {"i00": 5, "i03": 5}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for asked in ({"x": history}, lines):
            found = model.recommend(asked, k=13)
            assert set(found["item"]) == set(about["item"]) - set(history)
            np.testing.assert_array_equal(model.transform(asked), model.transform(warm))
            assert len(model.recommend(asked, k=13, filter_seen=False)) == 13
        alone = model.recommend({"x": {"i10": 5}}, k=13)
        assert "i10" not in set(alone["item"])
        assert set(model.explain(history, "i06")["item"]) == {"i00", "i03"}
    for ask in (lambda: model.explain(history, "i11"), lambda: model.similar_items("i11")):
        with pytest.raises(DataError, match=r"'i11' of items?= is known by its features alone"):
            ask()
