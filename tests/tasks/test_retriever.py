"""Retriever: search beside scikit-learn's, items added and removed, files, every kind of data, refusals."""

import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from isthmus import Autoencoder, Denoising, Neighbours, Retriever, load
from isthmus.exceptions import DataError, ParameterError
from isthmus.tasks.retrieval_parts import exact
from isthmus.tasks.retrieval_parts.approximate import Approximate
from isthmus.tasks.retrieval_parts.exact import search_exact

CPU = torch.device("cpu")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 2)) @ RNG.normal(size=(2, 5)) + 0.1 * RNG.normal(size=(90, 5))
QUICK = Autoencoder(2, max_epochs=2)


@pytest.fixture(scope="module")
def fitted():
    return Retriever(QUICK, random_state=0).fit(X)


def again(retriever, folder):
    retriever.save(folder / "model")
    return load(folder / "model", device="cpu")


# --- Search


@pytest.mark.parametrize("k", [1, 7, 300])
def test_exact_search_is_scikit_learns(k, monkeypatch):
    monkeypatch.setattr(exact, "QUERIES", 11)
    monkeypatch.setattr(exact, "MEASURED", 5000)
    monkeypatch.setattr(exact, "ITEMS", 64)
    codes = RNG.normal(size=(300, 6)).astype(np.float32) + 50
    queries = RNG.normal(size=(25, 6)).astype(np.float32) + 50
    positions, distances = search_exact(codes, queries, k, CPU)
    brute = NearestNeighbors(algorithm="brute").fit(codes.astype(np.float64))
    wanted, places = brute.kneighbors(queries.astype(np.float64), k)
    np.testing.assert_allclose(distances, wanted, atol=1e-4)
    assert (positions == places).mean() > 0.99
    assert (np.diff(distances, axis=1) >= 0).all()


def test_ties_are_broken_by_position_however_many_there_are(monkeypatch):
    monkeypatch.setattr(exact, "ITEMS", 100)
    codes = np.repeat(RNG.normal(size=(4, 3)).astype(np.float32), 60, axis=0)[RNG.permutation(240)]
    positions, distances = search_exact(codes, codes[:20], 30, CPU)
    for row, query in zip(positions, codes[:20], strict=True):
        assert row.tolist() == np.flatnonzero((codes == query).all(1))[:30].tolist()
    assert (distances == 0).all()


def test_an_item_is_its_own_first_hit(fitted):
    ids, distances = fitted.search(X, k=3)
    assert ids.shape == distances.shape == (90, 3)
    assert ids[:, 0].tolist() == list(range(90))
    np.testing.assert_allclose(distances[:, 0], 0, atol=1e-5)
    np.testing.assert_array_equal(ids, fitted.search(X, k=3)[0])


def test_cosine_is_one_less_the_cosine():
    retriever = Retriever(QUICK, metric="cosine", random_state=0).fit(X)
    codes = retriever.autoencoder_.transform(X)
    brute = NearestNeighbors(metric="cosine").fit(codes)
    np.testing.assert_allclose(retriever.search(X[:9], 5)[1], brute.kneighbors(codes[:9], 5)[0], atol=1e-6)


# --- Items


def test_items_are_added_and_removed_and_keep_their_ids(fitted):
    retriever = Retriever(QUICK, random_state=0).fit(X[:80])
    assert retriever.add(X[80:]) is retriever
    assert retriever.search(X[80:], 1)[0][:, 0].tolist() == list(range(80, 90))
    retriever.remove([85, 0]).remove(89)
    assert len(retriever.codes_) == 87
    assert not np.isin([85, 0, 89], retriever.search(X, 87)[0]).any()
    assert retriever.search(X[84:85], 1)[0].tolist() == [[84]]
    assert retriever.add(X[:1]).ids_[-1] == 90, "the number of a removed item is not given again"


def test_words_as_ids(tmp_path):
    names = [f"row {i}" for i in range(90)]
    retriever = Retriever(QUICK, random_state=0).fit(X, ids=names)
    assert retriever.search(X[5:6], 1)[0].tolist() == [["row 5"]]
    with pytest.raises(DataError, match=r"have names, such as 'row 0'.*Give ids="):
        retriever.add(X[:1])
    retriever.add(X[:1], ids=["a copy"]).remove("row 0")
    assert retriever.search(X[:1], 1)[0].tolist() == [["a copy"]]
    np.testing.assert_array_equal(again(retriever, tmp_path).ids_, retriever.ids_)


def test_file_names_are_the_ids_of_pictures(tmp_path):
    images = load_digits().images[:40].astype(np.uint8) * 15
    for folder, some in (("first", range(30)), ("then", range(30, 40))):
        (tmp_path / folder).mkdir()
        for i in some:
            Image.fromarray(images[i]).save(tmp_path / folder / f"digit{i:02}.png")
    retriever = Retriever(QUICK, random_state=0).fit(tmp_path / "first").add(tmp_path / "then")
    assert retriever.search(images[[3, 35]], 1)[0].tolist() == [["digit03.png"], ["digit35.png"]]


# --- Files


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_a_folder_brings_the_database_back(metric, tmp_path):
    retriever = Retriever(QUICK, metric=metric, random_state=0).fit(X, ids=np.arange(90) * 10).remove([30])
    found = again(retriever, tmp_path)
    for given, wanted in zip(found.search(X[:7], 4), retriever.search(X[:7], 4), strict=True):
        np.testing.assert_array_equal(given, wanted)
    assert found.add(X[:1]).ids_[-1] == 891
    assert isinstance(found.autoencoder, Autoencoder)
    assert found.fit(X).codes_.shape == (90, 2)


# --- Approximate


@pytest.mark.parametrize(("index", "least"), [("hnsw", 0.99), ("ivfpq", 0.9)])
def test_an_index_of_faiss_finds_nearly_all(index, least):
    pytest.importorskip("faiss")
    codes = RNG.normal(size=(10_500, 8)).astype(np.float32)
    wanted, away = search_exact(codes, codes[:50], 10, CPU)
    found, distances = Approximate(index, codes).search(codes[:50], 10)
    assert np.mean([len(set(a) & set(b)) for a, b in zip(found, wanted, strict=True)]) >= 10 * least
    np.testing.assert_allclose(distances[:, 0], 0, atol=1e-9)
    assert (distances >= away - 1e-6).all()


def test_what_an_index_misses_is_looked_for_among_all():
    pytest.importorskip("faiss")
    codes = RNG.normal(size=(10_000, 4)).astype(np.float32)
    index = Approximate("ivfpq", codes)
    index.index.nprobe = 1
    found, distances = index.search(codes[:3], 400)
    wanted, away = search_exact(codes, codes[:3], 400, CPU)
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_allclose(distances, away)


def test_items_of_an_index_change_and_it_comes_back(tmp_path):
    pytest.importorskip("faiss")
    retriever = Retriever(QUICK, index="hnsw", random_state=0).fit(X[:80])
    plain = Retriever(QUICK, random_state=0).fit(X[:80]).add(X[80:]).remove([3])
    retriever.search(X[:1], 1)
    retriever.add(X[80:]).remove([3])
    for model in (retriever, again(retriever, tmp_path)):
        np.testing.assert_array_equal(model.search(X, 5)[0], plain.search(X, 5)[0])
    # More are asked for than the graph is searched for by itself.
    assert set(retriever.search(X[:1], 89)[0][0]) == set(plain.ids_)


def test_what_an_index_needs_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ParameterError, match=r"index='hnsw' needs faiss.*pip install 'isthmus\[index\]'"):
        Retriever(QUICK, index="hnsw").fit(X)


def test_ivfpq_wants_many_items():
    pytest.importorskip("faiss")
    with pytest.raises(ParameterError, match="at least 9,984 items, but there are 90"):
        Retriever(QUICK, index="ivfpq").fit(X)


# --- What is chosen, and for what


def test_the_size_of_the_code_alone(tmp_path):
    retriever = Retriever(latent_dim=3, random_state=0).fit(X[:30])
    assert retriever.codes_.shape == (30, 3)
    assert again(retriever, tmp_path).autoencoder is None


def test_the_objective_is_chosen_unless_it_is_given():
    chosen = Retriever(QUICK, random_state=0).fit(X).autoencoder_
    assert isinstance(chosen.objective, Neighbours)
    assert QUICK.objective is None, "the person's own stays as it was"
    for own in (Denoising(), "plain"):
        kept = Retriever(Autoencoder(2, objective=own, max_epochs=1), random_state=0).fit(X).autoencoder_
        assert kept.objective == own or isinstance(kept.objective, Denoising)
        assert kept.batch_size == "auto"


def test_codes_for_search_find_more_of_the_same_digit_than_pca():
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8)
    database, queries = np.arange(800), np.arange(800, 1100)
    retriever = Retriever(Autoencoder(4, max_epochs=30), random_state=0).fit(images[database])
    found = retriever.search(images[queries], 10)[0]
    pca = PCA(4).fit(images[database].reshape(800, -1))
    codes = [pca.transform(images[rows].reshape(len(rows), -1)).astype(np.float32) for rows in (database, queries)]
    theirs = search_exact(codes[0], codes[1], 10, CPU)[0]
    ours, pcas = ((labels[p] == labels[queries][:, None]).mean() for p in (found, theirs))
    assert ours > pcas + 0.08


FRAME = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": np.where(X[:, 2] > 0, "up", "down")}).mask(
    np.random.default_rng(1).random((90, 3)) < 0.1
)


@pytest.mark.parametrize(
    "rows",
    [FRAME, X.astype(np.float32), RNG.random((40, 12, 10, 3)), np.cumsum(RNG.normal(size=(40, 30, 2)), 1)],
    ids=["table", "vector", "image", "sequence"],
)
def test_every_kind_of_data(rows, tmp_path):
    retriever = Retriever(Autoencoder(3, max_epochs=2), random_state=0).fit(rows)
    some = rows.iloc[:6] if isinstance(rows, pd.DataFrame) else rows[:6]
    ids, distances = retriever.search(some, 4)
    assert ids[:, 0].tolist() == list(range(6))
    assert np.isfinite(distances).all()
    np.testing.assert_array_equal(again(retriever, tmp_path).search(some, 4)[0], ids)


# --- Refused


@pytest.mark.parametrize(
    ("act", "error", "said"),
    [
        (lambda r: r.search(X, 91), ParameterError, "k=91 cannot be used; the database has 90 items"),
        (lambda r: r.search(X, 0), ParameterError, "k=0 cannot be used"),
        (lambda r: r.search(X[:, :3], 1), DataError, "expecting 5"),
        (lambda r: r.search(X[:0], 1), DataError, "no rows|0 "),
        (lambda r: r.remove([3, 1000, 1001]), DataError, "2 of the ids are not in the database, such as 1000"),
        (lambda r: r.remove("a"), DataError, "not in the database, such as 'a'"),
        (lambda r: r.remove(range(90)), DataError, "nothing to search"),
        (lambda r: r.add(X[:2], ids=[100, 100]), DataError, "more than once, such as 100"),
        (lambda r: r.add(X[:2], ids=[3, 100]), DataError, "in the database already, such as 3"),
        (lambda r: r.add(X[:2], ids=["a", "b"]), DataError, "ids= are words, but those of the database are whole"),
        (lambda r: r.add(X[:2], ids=[100]), DataError, "1 entries, but the array given has 2 items"),
        (lambda r: r.add(X[:2], ids=[1.5, 2]), DataError, "ids= holds 1.5"),
        (lambda r: r.add(X[:2], ids="ab"), DataError, "is no list of names"),
    ],
)
def test_what_is_refused(fitted, act, error, said):
    with pytest.raises(error, match=said):
        act(fitted)
    assert len(fitted.ids_) == 90, "nothing has changed"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [({"metric": "manhattan"}, "metric='manhattan'"), ({"index": "annoy"}, "index='annoy'"),
     ({"autoencoder": 8}, "autoencoder=8"), ({"latent_dim": 0}, "latent_dim=0")],
)  # fmt: skip
def test_bad_parameters(parameters, said):
    with pytest.raises(ParameterError, match=f"Retriever: {said} cannot be used"):
        Retriever(**parameters).fit(X)
