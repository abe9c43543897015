"""Colouring and placing of the codes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from isthmus.data import as_raw
from isthmus.evaluation.codes import MOST_CATEGORIES, Colouring, _categories, chosen, colouring, plane
from isthmus.exceptions import ParameterError


@pytest.fixture
def raw():
    frame = pd.DataFrame({"age": [31.5, 40.0, 8.25], "height": [1.0, 2.0, 3.0], "town": ["a", "b", "a"]})
    return as_raw(frame, drop=["town"])


def test_columns_of_the_data_and_columns_set_aside(raw):
    assert chosen("age", raw).values.tolist() == [31.5, 40.0, 8.25]
    assert chosen("town", raw).values.tolist() == ["a", "b", "a"]
    assert chosen(1, raw).values.tolist() == ["1", "2", "3"]


def test_unknown_column_names_those_there_are(raw):
    with pytest.raises(ParameterError, match=r"'town'.*'age'"):
        chosen("weight", raw)


def test_array_of_another_length(raw):
    with pytest.raises(ParameterError, match="3 rows"):
        chosen(np.zeros(4), raw)


@pytest.mark.parametrize(
    ("values", "categorical"),
    [
        (["x", "y", None], True),
        ([True, False, True], True),
        ([0, 1, 2, 1], True),
        ([0.0, 1.0, np.nan], True),
        (np.linspace(0, 1, 30), False),
        (np.arange(100), False),
        (pd.Series(["a", "b"], dtype="category"), True),
        (pd.Series([1.5, None, 2.25]), False),
    ],
)
def test_numbers_and_categories(values, categorical):
    assert colouring("name", values).categorical == categorical


def test_missing_values_are_their_own_category():
    assert colouring("name", [1.0, np.nan]).values.tolist() == ["1", "missing"]


def test_many_categories_end_in_other():
    values = np.array([f"c{i % 50}" for i in range(500)])
    found = _categories(values)
    assert len(found) == MOST_CATEGORIES
    assert found[-1][0] == "other"
    assert sum(rows.sum() for _, rows, _, _ in found) == 500


def test_numbers_as_categories_are_in_order():
    names = [name for name, *_ in _categories(Colouring("", np.array(["10", "9", "missing", "1"])).values)]
    assert names == ["1", "9", "10", "missing"]


def test_plane_of_long_codes_is_that_of_most_variance():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(500, 5)) * [1, 10, 0.1, 5, 0.1]
    points, axes, how = plane(codes)
    assert abs(np.corrcoef(points[:, 0], codes[:, 1])[0, 1]) > 0.99
    assert abs(np.corrcoef(points[:, 1], codes[:, 3])[0, 1]) > 0.99
    assert len(axes) == 2
    assert "5 dimensions" in how


@pytest.mark.parametrize("k", [1, 2])
def test_short_codes_are_shown_as_they_are(k):
    codes = np.random.default_rng(0).normal(size=(20, k))
    np.testing.assert_array_equal(plane(codes)[0], codes)
