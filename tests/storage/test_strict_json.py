"""Strict JSON: what goes in comes out, and every reader can read it."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.exceptions import ModelFileError
from isthmus.storage import strict_json

keys = st.text() | st.sampled_from(["__float__", "___float__", "_____float__", "nan"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["nan", "inf"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


def same(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return a == b


@given(values)
def test_round_trip(value):
    data = strict_json.dumps(value)
    assert same(strict_json.loads(data), value)
    json.loads(data, parse_constant=pytest.fail)  # no reader meets a bare NaN


def test_numpy_scalars_and_tuples_become_pythons_own():
    value = {
        "a": (np.float32(0.1), np.int64(3)),
        "b": np.bool_(True),
        "c": np.float64("-inf"),
        "d": np.str_("x"),
    }
    back = strict_json.loads(strict_json.dumps(value))
    assert back == {"a": [float(np.float32(0.1)), 3], "b": True, "c": -math.inf, "d": "x"}
    assert [type(item) for item in back["a"]] == [float, int]


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"a": [1, {"b": object()}]}, r"config\['a'\]\[1\]\['b'\]"),
        ({"a": {1: 2}}, r"config\['a'\].*key 1"),
        ([np.zeros(2)], r"config\[0\].*ndarray"),
        ([1j], r"complex"),
    ],
)
def test_what_has_no_json_form_is_named(value, where):
    with pytest.raises(ModelFileError, match=where):
        strict_json.dumps(value, "config")


@pytest.mark.parametrize(
    "data",
    [b"NaN", b"[Infinity]", b"\xff", b"{", b'{"__float__": "one"}', b'{"__float__": 1}', b"[" * 100_000],
)
def test_what_is_not_strict_json_is_a_value_error(data):
    with pytest.raises(ValueError):  # noqa: PT011 the words are json's own
        strict_json.loads(data)
