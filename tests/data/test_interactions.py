"""Interactions: from what a person brings to one sparse matrix, with the person's own ids."""

import gzip
from datetime import date, datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather
from scipy import sparse

from isthmus.data import as_interactions
from isthmus.exceptions import DataError, ParameterError

ROWS = [("bo", 7, 2.0, 10), ("ann", 7, 4.0, 20), ("ann", 9, 5.0, 30), ("cy", 8, 3.0, 5)]
FRAME = pd.DataFrame(ROWS, columns=["userId", "movieId", "rating", "timestamp"])
MATRIX = [[4, 0, 5], [2, 0, 0], [0, 3, 0]]


def check(found, container="auto"):
    assert found.users.tolist() == ["ann", "bo", "cy"]
    assert found.items.tolist() == [7, 8, 9]
    assert found.matrix.toarray().tolist() == MATRIX
    assert found.times.tolist() == [20, 30, 10, 5]
    assert (found.matrix.dtype, found.has_values, found.container) == (np.float32, True, container)
    assert len(found) == 4


@pytest.mark.parametrize("container", ["pandas", "polars", "pyarrow"])
def test_a_frame_by_the_names_of_its_columns(container):
    shuffled = FRAME[["timestamp", "rating", "movieId", "userId"]]
    made = {"pandas": lambda f: f, "polars": pl.from_pandas, "pyarrow": pa.Table.from_pandas}[container]
    check(as_interactions(made(shuffled)), container)


def test_tuples_and_columns_without_telling_names():
    check(as_interactions(ROWS))
    check(as_interactions(FRAME.set_axis(range(4), axis=1)), "pandas")
    with pytest.warns(UserWarning, match="by their place, 'a' as the user, 'b' as the item, 'c' as the value"):
        found = as_interactions(FRAME.set_axis(list("abcd"), axis=1))
    check(found, "pandas")
    with pytest.warns(UserWarning, match="'who' as the user, 'what' as the item, 'rating' as the value"):
        mixed = as_interactions(pd.DataFrame({"rating": [1.0, 2], "who": ["x", "y"], "what": [3, 4]}))
    assert (mixed.users.tolist(), mixed.items.tolist(), mixed.matrix.data.tolist()) == (["x", "y"], [3, 4], [1, 2])


@pytest.mark.parametrize("names", [("asin", "reviewerID", "overall"), ("item_name", "user_name", "stars")])
def test_an_item_before_the_user_is_told_by_its_name(names):
    found = as_interactions(pd.DataFrame([(7, "ann", 4.0), (9, "bo", 5.0)], columns=names))
    assert (found.users.tolist(), found.items.tolist()) == (["ann", "bo"], [7, 9])
    assert found.columns == {"user": names[1], "item": names[0], "value": names[2]}


def test_of_several_columns_the_surer_name_tells():
    frame = pd.DataFrame([("Heat", 3, "ann", 1, 5.0)], columns=["title", "movieId", "userId", "count", "rating"])
    with pytest.warns(UserWarning, match="'rating' and 'count' of the frame given could each be the value: 'rating'"):
        found = as_interactions(frame)
    assert (found.items.tolist(), found.matrix.data.tolist()) == ([3], [5.0])


def test_columns_are_said():
    wide = FRAME.assign(title="t", year=1990, rating=1.0, mine=FRAME["rating"])
    wide.columns = ["u", "m", "rating", "t", "title", "year", "mine"]
    check(as_interactions(wide, columns=("u", "m", "mine", "t")), "pandas")
    check(as_interactions(wide, columns={"time": "t", "item": "m", "value": "mine", "user": "u"}), "pandas")
    with pytest.raises(DataError, match="do not tell which is the user"):
        as_interactions(wide)
    with pytest.raises(DataError, match="names 'who', but"):
        as_interactions(wide, columns=("who", "m"))
    for bad in ("um", ("u",), {"user": "u"}, ("u", "u"), 3):
        with pytest.raises(ParameterError, match="columns="):
            as_interactions(wide, columns=bad)


@pytest.mark.parametrize("name", ["r.csv", "r.csv.gz", "r.tsv", "r.parquet", "r.feather", "r.arrow"])
def test_a_file_of_which_other_columns_are_not_read(tmp_path, name):
    path = tmp_path / name
    frame = FRAME.assign(review=["good", 'he said\n"no"', "x,y", None])
    if name.endswith((".csv", ".gz")):
        frame.to_csv(path, index=False)
    elif name.endswith(".tsv"):
        frame.to_csv(path, index=False, sep="\t")
    elif name.endswith(".parquet"):
        frame.to_parquet(path)
    elif name.endswith(".feather"):
        feather.write_feather(frame, path)
    else:
        table = pa.Table.from_pandas(frame)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
    check(as_interactions(path))


def test_zeros_before_a_number_make_it_a_text(tmp_path):
    (tmp_path / "r.csv").write_text("user,item\n7,007\n7,12\n08,12\n")
    found = as_interactions(tmp_path / "r.csv")
    assert (found.users.tolist(), found.items.tolist()) == (["08", "7"], ["007", "12"])
    assert not found.has_values
    (tmp_path / "r.csv").write_text("user,item\n7,-3\n12,5\n")
    assert as_interactions(tmp_path / "r.csv").users.tolist() == [7, 12]


def test_a_sparse_matrix_with_and_without_names():
    matrix = sparse.csr_matrix(np.array(MATRIX, float))
    found = as_interactions(matrix, users=["z", "b", "c"], items=[9, 8, 7])
    assert (found.users.tolist(), found.items.tolist()) == (["z", "b", "c"], [9, 8, 7])
    assert found.matrix.toarray().tolist() == MATRIX
    plain = as_interactions(sparse.coo_array(matrix > 0))
    assert (plain.users.tolist(), plain.has_values) == ([0, 1, 2], False)
    stored = sparse.csr_matrix((np.array([0.0, 2.0]), ([0, 1], [0, 1])))
    assert as_interactions(stored).matrix.nnz == 2, "a zero among other values is a value"
    stored.data[1] = 1
    assert as_interactions(stored).matrix.nnz == 1
    with pytest.raises(ParameterError, match="2 names"):
        as_interactions(matrix, users=[1, 2])
    with pytest.raises(ParameterError, match="more than once"):
        as_interactions(matrix, items=[1, 2, 1])
    with pytest.raises(ParameterError, match="which X is not"):
        as_interactions(ROWS, users=["a"])


def test_the_last_of_a_pair_wins_by_time_or_by_row():
    pairs = [("a", 1, 1.0, 5), ("b", 1, 2.0, 1), ("a", 1, 3.0, 9), ("a", 1, 4.0, 7), ("a", 2, 5.0, 0)]
    assert as_interactions(pairs).matrix.toarray().tolist() == [[3, 5], [2, 0]]
    assert as_interactions([p[:3] for p in pairs]).matrix.toarray().tolist() == [[4, 5], [2, 0]]
    assert as_interactions([p[:2] for p in pairs]).matrix.toarray().tolist() == [[1, 1], [1, 0]]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-3, 3), st.sampled_from(["x", "y", "z"]), st.integers(-4, 4), st.integers(0, 3)),
        min_size=1,
    )
)
def test_it_is_what_a_dictionary_would_hold(rows):
    held = {}
    for user, item, value, _ in sorted(rows, key=lambda row: row[3]):
        held[user, item] = value
    found = as_interactions(rows)
    coo = found.matrix.tocoo()
    users, items = found.users[coo.row].tolist(), found.items[coo.col].tolist()
    assert dict(zip(zip(users, items, strict=True), coo.data.tolist(), strict=True)) == held
    assert found.matrix.has_sorted_indices


def test_ids_keep_their_type():
    found = as_interactions(pd.DataFrame({"user": pd.Categorical(["b", "a", "b"]), "item": np.array([3, 1, 2], "u1")}))
    assert (found.users.tolist(), found.items.dtype) == (["a", "b"], np.int64)
    floats = as_interactions(pd.DataFrame({"user": [1.0, 2.0], "item": ["x", "y"]}))
    assert floats.users.tolist() == [1, 2]
    assert floats.users.dtype == np.int64
    assert as_interactions(np.array([[1, 2], [3, 4]])).users.tolist() == [1, 3]


def test_times_are_numbers_or_dates():
    for times in (["2024-01-02", "2024-01-01"], pd.to_datetime(["2024-01-02", "2024-01-01"])):
        found = as_interactions(pd.DataFrame({"user": [1, 1], "item": [2, 2], "rating": [5, 3], "time": times}))
        assert found.matrix.data.tolist() == [5]
        assert found.times.tolist() == [pd.Timestamp("2024-01-02").value]


def with_value(value, column, row=1):
    frame = FRAME.astype(object) if isinstance(value, str) else FRAME.copy()
    frame[column] = frame[column].astype(object if value is None or isinstance(value, str) else float)
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (FRAME.iloc[:0], "no rows"),
        ([], "empty"),
        (FRAME[["userId"]], "1 column"),
        (with_value(np.nan, "rating"), r"no value \(NaN\) at row 1 .*'rating'"),
        (with_value(np.inf, "rating", 2), "inf at row 2"),
        (with_value(1e39, "rating"), r"1e\+39 at row 1"),
        (with_value(None, "userId", 3), "no id .*row 3 .*'userId'"),
        (with_value(np.nan, "movieId"), "no id .*row 1 .*'movieId'"),
        (with_value(1.5, "movieId"), "id 1.5 .*row 1 .*'movieId'"),
        (with_value("x", "movieId"), "'movieId'.*several types"),
        (with_value(np.nan, "timestamp"), "no time at row 1"),
        (FRAME.assign(rating="good"), "'rating'.*expected numbers"),
        (FRAME.assign(timestamp="soon"), "'timestamp'.*cannot be read"),
        (FRAME.assign(userId=pd.Timestamp("2024-01-01")), "'userId'.*of type timestamp"),
        ([("a", 1), ("b",)], "Row 1"),
        ([("a", 1), (2, 1)], "user of row 1"),
        ([3, 4], "Row 0"),
        (np.ones((5, 9)), r"shape \(5, 9\).*csr_matrix"),
        ({"a": [1]}, "type dict"),
        (sparse.csr_matrix((3, 4)), "nothing but zeros"),
        (sparse.csr_matrix([[1.0, np.inf]]), "row 0, column 1"),
        ("nowhere.csv", "no file"),
        (7, "type int"),
    ],
)
def test_what_cannot_be_taken_is_said_by_its_place(given, words):
    with pytest.raises(DataError, match=words):
        as_interactions(given)


def test_files_that_cannot_be_taken(tmp_path):
    def refused(name, content, words):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=words):
            as_interactions(tmp_path / name)

    refused("a.csv", b"", "0 bytes")
    refused("b.csv", b"user,item\n", "no rows")
    refused("c.csv", b"1,31,2.5\n1,1029,3.0\n", "must hold the names")
    refused("d.csv", b"user,item\n1,2\n1\n", "d.csv cannot be read")
    refused("e.csv", b"user,item,rating\n1,2,3\n1,,4\n", "row 1 .*'item'")
    refused("f.csv", b"user,item,rating\n1,2,3\n1,3,good\n", "'rating'.*expected numbers")
    refused("g.csv.gz", gzip.compress(b"user,item\n1,2\n" * 999)[:-20], "g.csv.gz cannot be read")
    refused("h.parquet", b"PAR1nothing", "h.parquet cannot be read")
    refused("i.xyz", b"user,item\n1,2\n", "expected a file whose name ends in")
    refused("j.csv", b"user,user\n1,2\n", "more than one column")


def test_thresholds_and_other_items():
    found = as_interactions(ROWS)
    assert found.taken(None).toarray().tolist() == [[1, 0, 1], [1, 0, 0], [0, 1, 0]]
    assert found.taken(4).toarray().tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 0]]
    on, unknown = found.on_items(np.array([9, 4, 7]))
    assert on.matrix.toarray().tolist() == [[5, 0, 4], [0, 0, 2], [0, 0, 0]]
    assert on.times.tolist() == [30, 20, 10]
    assert unknown.tolist() == [8]


def test_many_rows_are_taken_quickly():
    rng = np.random.default_rng(0)
    n = 1_000_000
    table = pa.table({"user": rng.integers(0, 50_000, n), "item": rng.integers(0, 5_000, n), "rating": rng.random(n)})
    found = as_interactions(table)
    pairs = np.unique(table["user"].to_numpy() * 5_000 + table["item"].to_numpy())
    assert len(found) == len(pairs)


def test_entries_of_a_place_are_added_up_whatever_their_type():
    twice = sparse.coo_matrix((np.array([100, 100, 3], np.int8), ([0, 0, 1], [0, 0, 1])))
    assert as_interactions(twice).matrix.data.tolist() == [200, 3]
    assert as_interactions(twice.astype(bool)).matrix.data.tolist() == [1, 1]


def test_large_numbers_dates_and_lists():
    big = pd.DataFrame({"user": [1, 2], "item": [3, 4], "value": np.array([2**53 + 1, 2], np.uint64)})
    assert as_interactions(big).matrix.data.tolist() == [2.0**53, 2]
    assert as_interactions([(1, 2, 2**60 + 1)]).matrix.data.tolist() == [2.0**60]
    with pytest.raises(DataError, match=r"ids in column 'item' .* of type list"):
        as_interactions(pd.DataFrame({"user": [1, 2], "item": [[3], [4, 5]]}))
    for late in (date(2300, 1, 1), datetime(2300, 1, 1), "2300-01-01"):
        with pytest.raises(DataError, match="'time' of the interactions given cannot be read"):
            as_interactions([(1, 2, 3.0, late)])
