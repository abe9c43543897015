"""A database of texts: what is found, by which distance, added to, saved, and what is refused."""

import numpy as np
import pytest

from isthmus import Autoencoder, Retriever, load
from isthmus.data import as_raw
from isthmus.exceptions import DataError

THEMES = {
    "money": ["transfer money to my savings account", "pay the bank", "what is my bank balance", "pay my savings bill"],
    "music": ["play some loud music", "play the next song", "turn the music down", "stop the song"],
    "food": ["how do i cook rice", "cook the soup", "recipe for rice soup", "what is in the soup recipe"],
}
TEXTS = [f"{text} {end}" for texts in THEMES.values() for text in texts for end in ("please", "now", "today", "again")]
LABELS = np.array([name for name, texts in THEMES.items() for _ in texts for _ in range(4)])


@pytest.fixture(scope="module")
def retriever():
    return Retriever(Autoencoder(4, max_epochs=5), kind="bag", random_state=0).fit(TEXTS)


def test_texts_about_the_same_are_found(retriever):
    ids, distances = retriever.search(["a song and music", "my savings at the bank", "rice soup recipes"], k=5)
    assert [set(LABELS[row]) for row in ids] == [{"music"}, {"money"}, {"food"}]
    assert ((distances >= 0) & (distances <= 2)).all()


def test_a_text_finds_itself(retriever):
    ids, distances = retriever.search(TEXTS[:7], k=1)
    np.testing.assert_allclose(distances, 0, atol=1e-6)
    np.testing.assert_array_equal(ids[:, 0], range(7))


def test_the_metric_of_texts_is_the_cosine_and_the_autoencoder_a_plain_one(retriever):
    assert retriever.metric_ == "cosine"
    assert retriever.autoencoder_.objective is None
    codes = retriever.autoencoder_.transform(TEXTS)
    np.testing.assert_allclose(retriever.codes_, codes / np.linalg.norm(codes, axis=1, keepdims=True), atol=1e-6)
    euclidean = Retriever(Autoencoder(4, max_epochs=1), kind="bag", metric="euclidean", random_state=0).fit(TEXTS)
    assert euclidean.metric_ == "euclidean"
    assert Retriever(Autoencoder(2, max_epochs=1)).fit(np.eye(30)).metric_ == "euclidean"


def test_texts_come_and_go(retriever, tmp_path):
    retriever.save(tmp_path / "texts")
    again = load(tmp_path / "texts")
    query = ["the music of the next song"]
    for found, expected in zip(again.search(query, 4), retriever.search(query, 4), strict=True):
        np.testing.assert_array_equal(found, expected)
    again.add(query, ids=[900])
    assert again.search(query, 1)[0][0, 0] == 900
    assert again.remove([900]).search(query, 1)[0][0, 0] != 900


def test_ids_may_be_the_texts():
    retriever = Retriever(Autoencoder(4, max_epochs=1), kind="bag", random_state=0).fit(TEXTS, ids=TEXTS)
    assert retriever.search([TEXTS[3]], 1)[0][0, 0] == TEXTS[3]


@pytest.mark.parametrize("query", [[], [""], ["fine", None], np.zeros((2, 3))], ids=["none", "empty", "None", "rows"])
def test_queries_that_are_no_texts_are_refused(retriever, query):
    with pytest.raises(DataError):
        retriever.search(query, 1)


def test_a_query_of_which_nothing_is_known_is_told(retriever):
    with pytest.warns(UserWarning, match="no word or part of a word"):
        retriever.search(["漢字"], 1)


def test_texts_are_taken_by_their_words_unasked(tmp_path):
    texts = ["pay the bank", "play a song", "bank bill due", "song of the day", "the bill of the bank", "day and song"]
    retriever = Retriever(latent_dim=3, random_state=0).fit(texts)
    assert retriever.kind_ == "bag"
    assert retriever.search(["play a song"], k=1)[0].tolist() == [[1]]
    asked = Retriever(latent_dim=3, kind="bag", random_state=0).fit(texts)
    np.testing.assert_array_equal(retriever.codes_, asked.codes_)
    (tmp_path / "texts.txt").write_text("\n".join(texts) + "\n")
    again = Retriever(latent_dim=3, random_state=0).fit(tmp_path / "texts.txt")
    np.testing.assert_array_equal(again.codes_, asked.codes_)
    assert again.search(as_raw(["play a song"]), k=1)[0].tolist() == [[1]]
