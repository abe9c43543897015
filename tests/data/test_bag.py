"""Texts as bags of words: counted, weighted, put on axes, found again, read from files; what is refused."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from isthmus import Autoencoder, load
from isthmus.data import as_raw, preparation_for, read, restore_preparation
from isthmus.data.texts import words_of
from isthmus.evaluation import compare
from isthmus.exceptions import DataError, ParameterError

THEMES = {
    "money": ["transfer money to my savings account", "pay the bank", "what is my bank balance", "pay my savings bill"],
    "music": ["play some loud music", "play the next song", "turn the music down", "stop the song"],
    "food": ["how do i cook rice", "cook the soup", "recipe for rice soup", "what is in the soup recipe"],
}
TEXTS = [f"{text} {end}" for texts in THEMES.values() for text in texts for end in ("please", "now", "today", "again")]
LABELS = [name for name, texts in THEMES.items() for _ in texts for _ in range(4)]


@pytest.fixture(scope="module")
def fitted():
    raw = as_raw(TEXTS, kind="bag")
    return preparation_for(raw).fit(raw)


def put(preparation, texts):
    return preparation.transform(as_raw(texts, kind="bag"), torch.float64).x.numpy()


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_words_are_counted_without_case_or_order():
    raw = as_raw(["Pay, pay the bank!", "BANK the pay pay"], kind="bag")
    assert raw.names == ("pay", "the", "bank")
    np.testing.assert_array_equal(raw.values.toarray(), [[2, 1, 1], [2, 1, 1]])
    assert raw.extra["text"][0] == "Pay, pay the bank!"


@pytest.mark.parametrize("brought", [tuple, np.array, pd.Series, lambda t: np.array(t, dtype=object)])
def test_any_list_of_strings_is_taken(brought, fitted):
    np.testing.assert_array_equal(put(fitted, brought(TEXTS[:3])), put(fitted, TEXTS[:3]))


def test_where_a_text_lies_depends_neither_on_order_nor_on_the_texts_beside_it(fitted):
    together = put(fitted, TEXTS)
    np.testing.assert_allclose(put(fitted, TEXTS[5:6])[0], together[5], atol=1e-6)
    turned = " ".join(reversed(TEXTS[5].split())).upper()
    np.testing.assert_allclose(put(fitted, [turned])[0], together[5], atol=1e-6)


def test_axes_have_unit_spread(fitted):
    x = put(fitted, TEXTS)
    assert np.square(x).mean() == pytest.approx(1, rel=1e-3)


def test_a_word_misspelt_is_known_by_its_parts(fitted):
    music, misspelt, other = put(fitted, ["music", "musik", "soup"])
    assert cosine(music, misspelt) > cosine(other, misspelt) + 0.2


def test_words_are_found_again(fitted):
    found = [t.split() for t in fitted.give_back(fitted.inverse(put(fitted, ["play loud music", "rice soup"])))]
    assert "music" in found[0][:3]
    assert set(found[1][:2]) == {"rice", "soup"}
    assert all(len(set(words)) == len(words) <= fitted.words_per_text_ for words in found)


def test_restored_it_does_the_same(fitted):
    again = restore_preparation(json.loads(json.dumps(fitted.config())), fitted.arrays())
    np.testing.assert_array_equal(put(again, TEXTS), put(fitted, TEXTS))
    x = put(fitted, TEXTS)
    assert again.give_back(again.inverse(x)) == fitted.give_back(fitted.inverse(x))
    assert again.words_per_text_ == fitted.words_per_text_ > 1


def test_texts_of_which_nothing_is_known_are_told():
    raw = as_raw(TEXTS, kind="bag")
    preparation = preparation_for(raw).fit(raw)
    with pytest.warns(UserWarning, match="1 of 2 texts.*such as '漢字'"):
        x = put(preparation, ["play", "漢字"])
    assert np.linalg.norm(x[0]) > 0
    np.testing.assert_array_equal(x[1], 0)


def test_texts_without_letters_have_words_too():
    assert as_raw(["!!! ???", "漢字"], kind="bag").names == ("!!!", "???", "漢字")


# --- In an autoencoder


def test_an_autoencoder_takes_texts_and_gives_words(tmp_path):
    ae = Autoencoder(3, kind="bag", max_epochs=5, random_state=0).fit(TEXTS)
    codes = ae.transform(TEXTS)
    assert codes.shape == (len(TEXTS), 3)
    unit = codes / np.linalg.norm(codes, axis=1, keepdims=True)
    alike = unit @ unit.T
    same = np.equal.outer(LABELS, LABELS)
    assert alike[same].mean() > alike[~same].mean() + 0.4
    assert as_raw(ae.reconstruct(TEXTS), kind="bag").values.shape[0] == len(TEXTS), "words come back as texts"
    assert len(ae.inverse_transform(codes[:2])) == len(ae.sample(2, random_state=0)) == 2
    assert ae.reconstruction_error(TEXTS).shape == (len(TEXTS),)
    assert ae.score(TEXTS) > 0
    ae.save(tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.transform(TEXTS), codes)
    assert again.reconstruct(TEXTS) == ae.reconstruct(TEXTS)


def test_the_starting_point_is_pca_of_the_axes():
    ae = Autoencoder(2, kind="bag", max_epochs=0, random_state=0).fit(TEXTS)
    assert ae.comparison_["ratio"] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("objective", ["denoising", "sparse(topk, k=1)", "variational", "neighbours", "ordered"])
def test_other_objectives_take_texts(objective):
    ae = Autoencoder(2, kind="bag", objective=objective, max_epochs=2, random_state=0).fit(TEXTS)
    assert np.isfinite(ae.transform(TEXTS)).all()


@pytest.mark.parametrize("texts", [["hello"], ["same"] * 30, ["a", "b"]], ids=["one", "duplicates", "two letters"])
def test_few_texts_are_fitted(texts):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        ae = Autoencoder(2, kind="bag", max_epochs=2, random_state=0).fit(texts)
    assert np.isfinite(ae.transform(texts)).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("CAFE\u0301, café", ["café", "café"]),
        ("i \u2764\ufe0fyou", ["i", "you"]),
        ("don't", ["don", "t"]),
        ("?! ...", ["?!", "..."]),
    ],
    ids=["Hindi", "decomposed", "emoji", "apostrophe", "signs"],
)
def test_words_keep_their_marks(text, words):
    assert words_of(text) == words


# --- Files


@pytest.mark.parametrize("ending", [".txt", ".csv", ".tsv", ".jsonl", ".parquet"])
def test_files_give_the_texts_that_they_hold(ending, tmp_path):
    path, texts = tmp_path / f"texts{ending}", ["pay the bank", "12 songs, please", "a bill"]
    frame = pd.DataFrame({"id": [7, 8, 9], "said": texts})
    if ending == ".txt":
        path.write_text("\n".join(texts) + "\n\n")
    elif ending == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif ending == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if ending == ".tsv" else ",")
    raw = read(path, kind="bag", **({} if ending == ".txt" else {"columns": ["said"]}))
    assert next(iter(raw.extra.values())).tolist() == texts
    np.testing.assert_array_equal(raw.values.toarray(), as_raw(texts, kind="bag").values.toarray())
    if ending != ".txt":
        assert [str(i) for i in raw.extra["id"]] == ["7", "8", "9"]
        assert read(path, kind="bag", drop="id").names == raw.names


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("a.txt", "hello\n\nbye\n", {}, "Text 1 .* is empty"),
        ("a.txt", "hello", {"columns": "x"}, "one text a line"),
        ("a.csv", "id,said\n1,hello\n", {}, "'id', 'said': name the one"),
        ("a.csv", "id,said\n1,hello\n", {"columns": "text"}, "no column 'text'; it has 'id', 'said'"),
        ("a.csv", "id,said\n1,hello\n2,\n", {"columns": "said"}, "Text 1 .* of column 'said' .* is None"),
        ("a.jsonl", '{"said": "hello"}\n{"said"\n', {}, "line 2: this is no JSON"),
        ("a.jsonl", '["hello"]\n', {}, r"Text 0 .* \(list\)"),
        ("a.doc", "hello", {}, "Known are .txt"),
    ],
)
def test_files_that_do_not_do_are_refused(name, content, options, message, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises((DataError, ParameterError), match=message):
        read(tmp_path / name, kind="bag", **options)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match="is no UTF-8"):
        read(tmp_path / "a.txt", kind="bag")


# --- What is refused


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "0 samples"),
        (["a", None], r"Text 1 .* is None \(NoneType\)"),
        (["a", 3], r"Text 1 .* is 3 \(int\)"),
        (["a", "  "], "Text 1 .* is empty"),
        ([b"a"], "bytes"),
        (np.zeros((3, 2)), r"ndarray of shape \(3, 2\)"),
        ({"a": 1}, "dict"),
        (as_raw(np.zeros((3, 2))), "holds numbers"),
    ],
    ids=["none", "None", "number", "spaces", "bytes", "array", "dict", "rows"],
)
def test_what_is_no_list_of_texts_is_refused(given, message):
    with pytest.raises(DataError, match=message):
        Autoencoder(2, kind="bag").fit(given)


def test_texts_are_no_other_kind():
    with pytest.raises(DataError, match="holds texts"):
        Autoencoder(2, kind="vector").fit(as_raw(TEXTS, kind="bag"))
    with pytest.raises(DataError, match="holds texts"):
        Autoencoder(1, max_epochs=0).fit(np.zeros((5, 2))).transform(as_raw(TEXTS, kind="bag"))


@pytest.mark.parametrize(
    "params", [{"scaling": "minmax"}, {"loss": "bce"}, {"loss": "bce", "scaling": "none"}, {"loss": "poisson"}]
)
def test_scalings_and_losses_of_other_data_are_refused(params):
    with pytest.raises(ParameterError, match="cannot be used with texts"):
        Autoencoder(2, kind="bag", **params).fit(TEXTS)


def test_words_have_no_error_to_compare():
    ae = Autoencoder(2, kind="bag", max_epochs=0, random_state=0).fit(TEXTS)
    with pytest.raises(DataError, match="no error to compare"):
        compare(ae, TEXTS)
