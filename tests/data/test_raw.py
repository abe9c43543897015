"""Raw and Schema: rows taken with all that belongs to them; schemas through JSON."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from isthmus.data import Raw, Schema, as_raw


def everything():
    return Raw(
        np.arange(12.0).reshape(4, 3),
        kind="table",
        names=("a", "b", "c"),
        index=pd.Index([10, 11, 12, 13]),
        row_names=("p", "q", "r", "s"),
        extra={"label": np.array(["w", "x", "y", "z"], dtype=object)},
    )


@pytest.mark.parametrize(
    "rows",
    [np.array([2, 0]), np.array([False, True, True, False]), slice(1, 3), [3], np.array([], dtype=int)],
)
def test_take_keeps_what_belongs_to_each_row(rows):
    raw = everything()
    part = raw.take(rows)
    kept = np.arange(4)[rows]
    np.testing.assert_array_equal(part.values, raw.values[kept])
    assert part.row_names == tuple("pqrs"[i] for i in kept)
    assert list(part.index) == [10 + i for i in kept]
    assert list(part.extra["label"]) == ["wxyz"[i] for i in kept]
    assert part.names == raw.names


def test_take_of_sparse_rows_stays_sparse():
    raw = as_raw(sparse.random_array((6, 4), density=0.5, rng=np.random.default_rng(0), format="csc"))
    part = raw.take(np.array([5, 1]))
    assert part.is_sparse
    np.testing.assert_array_equal(part.values.toarray(), raw.values.toarray()[[5, 1]])


@pytest.mark.parametrize(
    "schema",
    [
        Schema("vector", (3,), "float64"),
        Schema("table", (2,), "int64", "pandas", ("a", "b"), ("int64", "Int64")),
        Schema("table", (2,), "int64", "pandas", labels=(3, "b")),
        Schema("sequence", (9, 1), "float32", "torch", flat=True),
    ],
)
def test_schema_survives_json(schema):
    assert Schema.from_config(json.loads(json.dumps(schema.to_config()))) == schema
