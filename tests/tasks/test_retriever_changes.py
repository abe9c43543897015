"""Retriever: parameters changed after the fit, items removed, codes that cannot be compared, what a folder keeps."""

import numpy as np
import pytest

from isthmus import Autoencoder, Retriever, load
from isthmus.exceptions import DataError, ParameterError
from isthmus.tasks.retrieval_parts import approximate

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 2)) @ RNG.normal(size=(2, 5)) + 0.1 * RNG.normal(size=(90, 5))
QUICK = Autoencoder(2, max_epochs=1)


def again(retriever, folder):
    retriever.save(folder / "model")
    return load(folder / "model", device="cpu")


@pytest.mark.parametrize(("first", "then"), [("euclidean", "cosine"), ("cosine", "euclidean")])
def test_the_metric_is_that_of_the_fit(first, then, tmp_path):
    retriever = Retriever(QUICK, metric=first, random_state=0).fit(X)
    wanted = retriever.search(X[:5], 4)
    retriever.set_params(metric=then)
    assert retriever.metric_ == first
    for model in (retriever, again(retriever, tmp_path)):
        np.testing.assert_array_equal(model.search(X[:5], 4)[1], wanted[1])
    assert retriever.add(X[:1]).search(X[:1], 2)[1].tolist()[0] == pytest.approx([0, 0], abs=1e-5)
    assert retriever.fit(X).metric_ == then


def test_an_index_asked_for_after_a_search_is_made():
    pytest.importorskip("faiss")
    retriever = Retriever(QUICK, index="hnsw", random_state=0).fit(X)
    retriever.search(X[:1], 1)
    made = retriever._index
    assert made is not None
    made.name = "another"
    retriever.search(X[:1], 1)
    assert retriever._index is not made
    with pytest.raises(ParameterError, match="index='annoy'"):
        retriever.set_params(index="annoy").search(X[:1], 1)


def test_too_few_items_are_refused_before_the_fit_and_searched_one_by_one_after_it(monkeypatch):
    pytest.importorskip("faiss")
    monkeypatch.setattr(Autoencoder, "fit", lambda *_: pytest.fail("the fit was begun"))
    with pytest.raises(ParameterError, match="at least 9,984 items"):
        Retriever(QUICK, index="ivfpq").fit(X)
    monkeypatch.undo()
    monkeypatch.setitem(approximate.FEWEST_ITEMS, "ivfpq", 80)
    retriever = Retriever(QUICK, index="ivfpq", random_state=0).fit(X).remove(range(20))
    ids, distances = retriever.search(X[30:33], 3)
    assert ids[:, 0].tolist() == [30, 31, 32]
    np.testing.assert_array_equal(distances, retriever.set_params(index="exact").search(X[30:33], 3)[1])


def test_a_code_that_is_not_finite_is_refused_by_its_row():
    retriever = Retriever(QUICK, random_state=0).fit(X)
    far = X[:3].copy()
    far[1] = 1e300
    for act in (retriever.add, lambda rows: retriever.search(rows, 1)):
        with pytest.raises(DataError, match=r"row 1 .*not finite"):
            act(far)
    assert len(retriever.ids_) == 90


def test_the_cosine_distance_to_a_code_of_zeros_is_1(monkeypatch):
    retriever = Retriever(QUICK, metric="cosine", random_state=0).fit(X[:4])
    codes = np.array([[0, 0], [1, 0], [0.6, 0.8], [-1, 0]], np.float32)
    retriever._hold(codes, retriever.ids_, 4)
    ids, distances = retriever._nearest(codes, 4)
    assert ids[1].tolist() == [1, 2, 0, 3]
    np.testing.assert_allclose(distances[1], [0, 0.4, 1, 2], atol=1e-6)
    np.testing.assert_allclose(distances[0], 1, atol=1e-6)


@pytest.mark.parametrize("wide", [2**63, 2**70, -(2**70)])
def test_ids_that_64_bits_cannot_hold_are_refused(wide):
    with pytest.raises(DataError, match="64 bits cannot hold"):
        Retriever(QUICK).fit(X[:2], ids=[0, wide])


def test_no_number_follows_the_largest():
    retriever = Retriever(QUICK, random_state=0).fit(X[:20], ids=[*range(19), 2**63 - 1])
    with pytest.raises(DataError, match="Give ids="):
        retriever.add(X[:1])
    assert retriever.add(X[:1], ids=[50]).ids_[-1] == 50


def test_parameters_come_back_as_they_were_given(tmp_path):
    retriever = Retriever(QUICK, random_state=3).fit(X)
    given, back = retriever.get_params(), again(retriever, tmp_path).get_params()
    assert (given.pop("device"), back.pop("device")) == ("auto", "cpu")
    assert repr(given) == repr(back)
