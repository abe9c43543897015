"""Tokenisers and the preparation of rows of tokens: exactly there and back, and what cannot be read is named."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.data import as_raw, preparation_for, read, restore_preparation
from isthmus.data.tokens import END, UNKNOWN, Bytes, Events, Words, make_tokenizer
from isthmus.exceptions import DataError, ParameterError

TEXTS = ["hello", "", "naïve café", "line\nbreak", "nul\0", "👩‍👩‍👧 e\u0301", "  two  spaces "]
#: Everything that can stand in a text: all of Unicode but surrogates.
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(ANY_TEXT)
def test_any_text_comes_back_from_its_bytes(text):
    assert Bytes().decode(Bytes().encode(text)) == text


@given(ANY_TEXT)
def test_any_text_comes_back_from_byte_pairs_that_never_saw_it(text):
    assert PAIRS.decode(PAIRS.encode(text)) == text


PAIRS = make_tokenizer("bpe(300)").fit(["the cat sat on the mat", "the dog"] * 3)


@given(ANY_TEXT)
def test_any_text_comes_back_from_words_that_are_known(text):
    words = Words().fit([text])
    assert words.decode(words.encode(text)) == text


def test_words_not_known_are_shown_as_such():
    words = Words(2).fit(["a a b b c"])
    assert words.size == 2 + 3
    assert words.encode("a c b").tolist() == [3, UNKNOWN, 4]
    assert words.decode(words.encode("a c b")) == "a \ufffd b"


def test_byte_pairs_are_fewer_than_bytes():
    assert len(PAIRS.encode("the cat")) < len(b"the cat")
    assert PAIRS.size <= 300 + 3


def test_bytes_that_are_no_text_become_the_replacement_character():
    assert Bytes().decode(np.array([0xC3 + 3, ord("a") + 3])) == "\ufffda"


@pytest.mark.parametrize("tokenizer", ["bytes", "words", "bpe", "words(50)"])
def test_there_and_back_and_through_a_file(tokenizer):
    raw = as_raw(TEXTS)
    preparation = preparation_for(raw, "auto", tokenizer).fit(raw)
    prepared = preparation.transform(raw)
    again = restore_preparation(json.loads(json.dumps(preparation.config())), preparation.arrays())
    for one in (preparation, again):
        assert one.give_back(one.inverse(prepared.x.numpy())) == TEXTS
        assert one.vocabulary_ == preparation.vocabulary_
    assert prepared.mask is not None
    np.testing.assert_array_equal(again.transform(raw).x, prepared.x)
    lengths = prepared.mask.sum(1)
    assert all(prepared.x[i, n - 1] == END for i, n in enumerate(lengths.tolist())), "each row ends with its end"
    assert (prepared.x[~prepared.mask] == 0).all()
    assert prepared.x.shape[1] >= 1.2 * int(lengths.max()), "there is room for longer rows"


def test_events_come_back_and_unseen_ones_are_unknown():
    events = Events().fit([[5, -3], [10**12]])
    assert events.decode(events.encode([10**12, 5])).tolist() == [10**12, 5]
    assert events.encode([7]).tolist() == [UNKNOWN]
    raw = as_raw([[1, 2, 3], [2]], kind="events")
    preparation = preparation_for(raw).fit(raw)
    back = preparation.inverse(preparation.transform(raw).x.numpy())
    assert [row.tolist() for row in back] == [[1, 2, 3], [2]]
    assert back[0].dtype == np.int64


def test_containers_come_back_as_they_were():
    series = pd.Series(["a", "b"], index=[7, 8], name="said")
    for given_, kind in ((["a", "b"], list), (np.array(["a", "b"]), np.ndarray), (series, pd.Series)):
        raw = as_raw(given_)
        assert raw.kind == "text"
        preparation = preparation_for(raw).fit(raw)
        back = preparation.give_back(preparation.inverse(preparation.transform(raw).x.numpy()), raw)
        assert type(back) is kind
        assert list(back) == ["a", "b"]
    assert back.index.tolist() == [7, 8]
    assert back.name == "said"


@pytest.mark.parametrize(
    ("items", "words"),
    [
        (["a", None], r"Row 1 .* is missing \(None\). Drop it, or write ''"),
        (["a", float("nan")], r"Row 1 .* is missing \(nan\)"),
        (["a", pd.NA], r"Row 1 .* is missing"),
        ([b"a", "b"], r"Row 0 .* holds bytes, b'a'. Give text: item.decode"),
        (["a", 3], r"Row 1 .* is no text: 3 \(int\). Give str"),
        (["a", "bad \ud800"], r"Row 1 .* lone surrogate, '\\ud800' at character 4"),
        (["", ""], "Every text of the list given is empty"),
    ],
)
def test_what_is_no_text_is_named_by_its_row(items, words):
    with pytest.raises(DataError, match=words):
        prepared(items)


def prepared(items):
    raw = as_raw(items)
    preparation_for(raw).refuse_infinite(raw)
    return preparation_for(raw).fit(raw).transform(raw)


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([[1, 2], [0.5]], r"Row 1 .*; expected a list of whole numbers"),
        ([[1], "b"], r"Row 1 .* is no list of whole numbers: 'b'"),
        ([[1], None], r"Row 1 .* is no list of whole numbers: None"),
        ([[1], [[2]]], r"Row 1"),
        ([], "0 sample"),
    ],
)
def test_what_is_no_list_of_events_is_named_by_its_row(items, words):
    with pytest.raises(DataError, match=words):
        as_raw(items, kind="events")


def test_a_text_that_is_too_long_is_refused_not_cut():
    raw = as_raw(["abc", "de"])
    preparation = preparation_for(raw).fit(raw)
    with pytest.raises(DataError, match=r"Row 1 .* has 50 tokens, but at most 7 fit.*nothing is cut"):
        preparation.transform(as_raw(["a", "b" * 50]))
    with pytest.raises(DataError, match=r"Row 0 .* has 5,000 tokens, but at most 4,095 can be fitted"):
        preparation_for(raw).fit(as_raw(["a" * 5000]))


@pytest.mark.parametrize(
    ("asked", "words"),
    [("letters", "not known; choose one of 'bytes'"), ("bytes(5)", "256 bytes"), ("bpe(10)", "from 256 on")],
)
def test_tokenizers_that_there_are_not(asked, words):
    with pytest.raises(ParameterError, match=words):
        make_tokenizer(asked)


def test_a_tokenizer_is_for_texts_alone():
    with pytest.raises(ParameterError, match="kind 'vector'; leave tokenizer"):
        preparation_for(as_raw(np.zeros((3, 2))), tokenizer="words")
    with pytest.raises(ParameterError, match="tokens already"):
        preparation_for(as_raw([[1]], kind="events"), tokenizer="words")


def test_files_of_texts(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffone\r\n\r\nthrée\u2028x\n".encode())
    raw = read(tmp_path / "a.txt")
    assert (raw.kind, raw.values.tolist()) == ("text", ["one", "", "thrée\u2028x"])
    (tmp_path / "b.jsonl").write_text('"one\\ntwo"\n{"text": "three", "id": 4}\n')
    assert read(tmp_path / "b.jsonl").values.tolist() == ["one\ntwo", "three"]
    (tmp_path / "c.jsonl").write_text("[1, 2]\n[3]\n")
    assert read(tmp_path / "c.jsonl").kind == "events"


@pytest.mark.parametrize("kind", ["text", "bag"])
@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl", ".ndjson"])
def test_texts_of_a_named_column(kind, ending, tmp_path):
    path, frame = tmp_path / f"a{ending}", pd.DataFrame({"id": ["7", "8"], "q": ["one", "two"], "text": ["x", "y"]})
    if "json" in ending:
        path.write_text("".join(json.dumps(row) + "\n" for row in frame.to_dict("records")) + "\n")
    else:
        frame.to_parquet(path) if ending == ".parquet" else frame.to_csv(path, index=False)
    for columns, texts in ((["q"], ["one", "two"]), (None, ["x", "y"])):
        raw = read(path, kind=kind, columns=columns)
        assert raw.kind == kind
        assert (raw.values if kind == "text" else raw.extra[columns[0] if columns else "text"]).tolist() == texts
        assert [str(value) for value in raw.extra["id"]] == ["7", "8"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", b"fine\n\xff\xfe\n", "line 2: byte 0xff is no UTF-8"),
        ("a.jsonl", b'"fine"\n{oops\n', "line 2: this is no JSON"),
        ("b.jsonl", b'"fine"\n{"id": 3}\n', "line 2: the object has no 'text'"),
        ("c.jsonl", b'"fine"\nnull\n', r"Row 1 .* is missing \(None\)"),
        ("b.txt", b"", "is empty"),
    ],
)
def test_files_that_hold_no_texts(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        read(tmp_path / name)


def test_numbers_are_no_texts_and_texts_no_numbers():
    with pytest.raises(DataError, match="kind='text' needs"):
        as_raw(np.zeros((3, 2)), kind="text")
    with pytest.raises(DataError, match="holds texts, for example 'a', but kind='vector'"):
        as_raw(as_raw(["a"]), kind="vector")
