"""Labels: what is one, what is none, and how they are asked for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from isthmus.data import Raw, as_labels
from isthmus.exceptions import DataError

ROWS = Raw(np.zeros((4, 2)), "vector", extra={"folder": np.array(["b", "", "a", "b"], dtype=object)})


@pytest.mark.parametrize(
    ("y", "classes", "index"),
    [
        ([3, 1, 3, 2], (1, 2, 3), [2, 0, 2, 1]),
        ([3.0, 1.0, np.nan, 1.0], (1, 3), [1, 0, -1, 0]),
        (["b", "a", "", None], ("a", "b"), [1, 0, -1, -1]),
        ([True, False, True, True], (False, True), [1, 0, 1, 1]),
        (np.array([[0], [1], [0], [1]]), (0, 1), [0, 1, 0, 1]),
        (torch.tensor([5, 5, 4, 5]), (4, 5), [1, 1, 0, 1]),
        (pd.Series(["x", "y", "x", "y"], dtype="category"), ("x", "y"), [0, 1, 0, 1]),
        (pd.Series([1, None, 2, 1], dtype="Int64"), (1, 2), [0, -1, 1, 0]),
        (["1", 2, "1", 3], ("1", "2", "3"), [0, 1, 0, 2]),
        ("folder", ("a", "b"), [1, -1, 0, 1]),
    ],
    ids=str,
)
def test_words_and_whole_numbers_are_labels(y, classes, index):
    labels = as_labels(y, ROWS)
    assert labels is not None
    assert labels.classes == classes
    assert all(type(label) in (str, int, bool) for label in labels.classes), "plain values, which JSON holds"
    assert labels.index.tolist() == index


@pytest.mark.parametrize(
    "y",
    [None, [0.5, 1.0, 2.0, 3.0], np.zeros((4, 3)), [None] * 4, pd.to_datetime(["2020-01-01"] * 4), [1.0, np.inf, 2, 3]],
    ids=lambda y: type(y).__name__,
)
def test_other_targets_are_none(y):
    assert as_labels(y, ROWS) is None


@pytest.mark.parametrize(
    "y",
    [[[1], [1, 2], [1], [2]], np.array([[1], [1, 2], [1], [2]], object), np.arange(4).astype("datetime64[ns]"),
     np.arange(4).astype("timedelta64[ns]")],
    ids=["ragged", "ragged objects", "times", "spans of time"],
)  # fmt: skip
def test_targets_that_no_classes_can_be_made_of_are_none(y):
    assert as_labels(y, ROWS) is None


def test_a_column_named_that_holds_no_labels_is_refused():
    rows = Raw(np.zeros((2, 2)), "vector", extra={"weight": np.array([1.5, 2.5]), "folder": np.array(["", ""], object)})
    with pytest.raises(DataError, match=r"y='weight': this column .* holds no labels"):
        as_labels("weight", rows)
    assert as_labels("folder", rows) is None


def test_one_label_of_any_form_and_none():
    labels = as_labels([3, 1, 3, 2], ROWS)
    assert labels is not None
    for one in (np.array(2), torch.tensor(2), np.int64(2)):
        assert labels.wanted({"label": one}, 2).tolist() == [1, 1]
    with pytest.raises(DataError, match="expected a label"):
        labels.wanted({"label": None}, 2)
    words = as_labels(["None", "a", "a", "a"], ROWS)
    assert words is not None
    with pytest.raises(DataError, match="no label None"):
        words.wanted({"label": [None, "a"]}, 2)


@pytest.mark.parametrize(
    ("y", "said"), [([1, 2, 3], "3 labels, but there are 4 rows"), ("colour", "set aside are 'folder'")], ids=str
)
def test_what_cannot_be_meant_is_refused(y, said):
    with pytest.raises(DataError, match=said):
        as_labels(y, ROWS)


def test_some_rows_keep_the_classes_that_they_have():
    labels = as_labels(["a", "b", None, "c"], ROWS)
    assert labels is not None
    some = labels.take(np.array([3, 2, 0]))
    assert some.classes == ("a", "c")
    assert some.index.tolist() == [1, -1, 0]


def test_asking_for_labels():
    labels = as_labels([3, 1, 3, 2], ROWS)
    assert labels is not None
    for one in (2, "2", np.int64(2), 2.0):
        assert labels.wanted({"label": one}, 3).tolist() == [1, 1, 1]
    assert labels.wanted({"label": [3, "1"]}, 2).tolist() == [2, 0]
    for condition, said in [
        ({"label": 7}, "no label 7; those that the model was fitted with are 1, 2, 3"),
        ({"label": [1, 2]}, "2 labels, but 3 rows"),
        ({"size": 1}, "expected {'label'"),
        (3, "expected {'label'"),
    ]:
        with pytest.raises(DataError, match=said):
            labels.wanted(condition, 3)
