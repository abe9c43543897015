"""Tables of columns of every type: there and back, in every container, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.data import as_raw, describe_columns, preparation_for, restore_preparation
from isthmus.exceptions import DataError
from mixed_frames import in_container, mixed

CONTAINERS = ("pandas", "polars", "pyarrow")


def there_and_back(frame, scaling="auto", **asked):
    raw = as_raw(frame, **asked)
    preparation = preparation_for(raw, scaling).fit(raw)
    prepared = preparation.transform(raw)
    x = prepared.x.numpy().astype(np.float64)
    return preparation, prepared, preparation.give_back(preparation.inverse(x), raw)


def test_types_are_inferred():
    found = {name: about["type"] for name, about in describe_columns(as_raw(mixed())).items()}
    assert found == {
        **{"age": "whole", "income": "number", "member": "boolean", "class": "category"},
        **{"grade": "category", "joined": "date", "seen": "date"},
    }


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("scaling", ["auto", "standard", "quantile"])
def test_every_type_comes_back_as_it_was(container, scaling):
    frame = in_container(mixed(gaps=False), container)
    _, _, back = there_and_back(frame, scaling)
    if container == "pandas":
        exact = ["age", "member", "class", "grade", "joined"]
        pd.testing.assert_frame_equal(back[exact], frame[exact])
        assert list(back.dtypes) == list(frame.dtypes)
        assert abs(back["seen"] - frame["seen"]).max() < pd.Timedelta("10s")
        np.testing.assert_allclose(back["income"], frame["income"], rtol=1e-4)
    elif container == "polars":
        assert back.schema == frame.schema
        assert back.select("age", "member", "class", "grade", "joined").equals(
            frame.select("age", "member", "class", "grade", "joined")
        )
    else:
        assert back.schema.names == frame.schema.names
        assert back.schema.types == frame.schema.types
        for name in ("age", "member", "class", "joined"):
            assert back[name].to_pylist() == frame[name].to_pylist()


@pytest.mark.parametrize("container", CONTAINERS)
def test_gaps_are_masked(container):
    preparation, prepared, _ = there_and_back(in_container(mixed(), container))
    seen = preparation.by_column(np.where(prepared.mask.numpy(), 1.0, np.nan))
    missing = np.isnan(seen).mean(axis=0)
    expected = mixed().isna().mean().to_numpy()
    np.testing.assert_allclose(missing, expected)
    assert prepared.x[~prepared.mask].abs().max() == 0


def test_each_column_has_variance_one_and_one_loss():
    preparation, prepared, _ = there_and_back(mixed(gaps=False))
    spread = preparation.by_column(((prepared.x - prepared.x.mean(0)) ** 2).numpy()).mean(axis=0)
    names = [coder.column.name for coder in preparation.coders_]
    for name in ("age", "income", "member", "class", "grade"):
        assert spread[names.index(name)] == pytest.approx(1, abs=0.02)
    weights = np.zeros(len(names))
    for head in preparation.heads_:
        weights[head.column] += head.weight
    np.testing.assert_allclose(weights, 1)


def test_unseen_categories_are_other_where_there_are_rare_ones():
    labels = ["a"] * 200 + ["b"] * 200 + ["rare1", "rare2"]
    frame = pd.DataFrame({"x": np.arange(402.0), "c": labels})
    raw = as_raw(frame)
    preparation = preparation_for(raw).fit(raw)
    new = as_raw(pd.DataFrame({"x": [1.0, 2.0], "c": ["rare1", "never seen"]}))
    with pytest.warns(UserWarning, match=r"'c' .*holds 'never seen', which was not there in fit \(row 1"):
        prepared = preparation.transform(new)
    assert (prepared.x[0, 1:] == prepared.x[1, 1:]).all()
    back = preparation.give_back(preparation.inverse(prepared.x.numpy()), new)
    assert set(back["c"]) <= {"rare1", "rare2"}


def test_unseen_categories_are_missing_where_none_is_rare():
    frame = pd.DataFrame({"x": np.arange(40.0), "c": ["a", "b"] * 20})
    raw = as_raw(frame)
    preparation = preparation_for(raw).fit(raw)
    with pytest.warns(UserWarning, match="never seen"):
        prepared = preparation.transform(as_raw(pd.DataFrame({"x": [1.0], "c": ["never seen"]})))
    assert prepared.mask[0].tolist() == [True, False, False]


def test_the_order_of_labels_in_new_rows_does_not_matter():
    frame = mixed(gaps=False)
    raw = as_raw(frame)
    preparation = preparation_for(raw).fit(raw)
    whole = preparation.transform(raw).x
    for rows in (slice(0, 1), slice(5, 9)):
        part = as_raw(frame.iloc[rows], like=preparation.schema_)
        np.testing.assert_array_equal(preparation.transform(part).x, whole[rows])


@pytest.mark.parametrize("scaling", ["auto", "quantile"])
def test_saved_and_restored(scaling):
    raw = as_raw(mixed())
    preparation = preparation_for(raw, scaling).fit(raw)
    again = restore_preparation(preparation.config(), preparation.arrays())
    np.testing.assert_array_equal(again.transform(raw).x, preparation.transform(raw).x)
    assert again.schema_ == preparation.schema_
    assert [h.kind for h in again.heads_] == [h.kind for h in preparation.heads_]


# --- Numbers


def test_a_value_that_stands_out_has_an_indicator():
    rng = np.random.default_rng(0)
    gain = np.where(rng.random(1000) < 0.6, 0.0, np.exp(rng.normal(8, 1, 1000)))
    preparation, prepared, back = there_and_back(pd.DataFrame({"gain": gain, "ok": rng.random(1000) < 0.5}))
    assert [head.kind for head in preparation.heads_] == ["binary", "number", "binary"]
    np.testing.assert_allclose(back["gain"], gain, rtol=1e-3)
    assert not prepared.mask[gain == 0, 1].any()


def test_ranks_are_normal_and_ties_are_spread_in_training_alone():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"grade": rng.choice([1, 2, 3, 4], 4000, p=[0.1, 0.2, 0.3, 0.4]), "x": rng.random(4000)})
    raw = as_raw(frame)
    preparation = preparation_for(raw, "quantile").fit(raw)
    trained = preparation.rows(raw).x[:, 0].numpy()
    assert len(np.unique(trained)) > 3000
    assert trained.std() == pytest.approx(1, abs=0.05)
    assert len(np.unique(preparation.transform(raw).x[:, 0])) == 4
    shares = preparation.inverse(rng.standard_normal((20_000, 2)))[:, 0]
    np.testing.assert_allclose([np.mean(shares == v) for v in (1, 2, 3, 4)], [0.1, 0.2, 0.3, 0.4], atol=0.015)


def test_whole_numbers_come_back_whole_and_within_the_range_seen():
    frame = pd.DataFrame({"n": [1.0, 5.0, None, 9.0] * 20, "c": ["a", "b"] * 40})
    raw = as_raw(frame)
    preparation = preparation_for(raw).fit(raw)
    assert preparation.schema_.columns[0].type == "whole"
    values = preparation.inverse(np.array([[50.0, 0, 0], [-50.0, 0, 0], [0.11, 0, 0]]))[:, 0]
    assert values[0] == 9
    assert values[1] == 1
    assert values[2] == round(values[2])


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60), st.sampled_from(["standard", "quantile"]))
@settings(deadline=None, max_examples=50)
def test_numbers_come_back(values, scaling):
    frame = pd.DataFrame({"x": values, "c": ["a", "b"] * (len(values) // 2) + ["a"] * (len(values) % 2)})
    _, _, back = there_and_back(frame, scaling)
    spread = max(abs(v) for v in values) + 1
    np.testing.assert_allclose(back["x"], values, atol=1e-4 * spread)


# --- Many categories


def test_many_categories_are_embedded_and_come_back():
    rng = np.random.default_rng(0)
    place = rng.integers(0, 300, 20_000)
    frame = pd.DataFrame({"x": place * 1.0 + rng.normal(0, 1, 20_000), "c": [f"c{i}" for i in place]})
    preparation, prepared, back = there_and_back(frame, scaling="standard")
    assert prepared.x.shape[1] < 20
    assert (back["c"] == frame["c"]).mean() > 0.9
    # Near one another are those with which the other columns are alike.
    table = preparation.coders_[1].table
    order = [preparation.schema_.columns[1].categories.index(f"c{i}") for i in range(300)]
    assert abs(np.corrcoef(table[order][:, 0], np.arange(300))[0, 1]) > 0.9


def test_a_hundred_thousand_categories_do_not_take_memory():
    n = 150_000
    frame = pd.DataFrame({"x": np.arange(n) * 1.0, "c": np.char.add("c", (np.arange(n) % 100_000).astype(str))})
    raw = as_raw(frame, schema={"c": "category"})
    preparation = preparation_for(raw).fit(raw)
    prepared = preparation.transform(raw)
    assert prepared.x.shape[1] <= 20


def test_chances_are_drawn_where_asked():
    frame = pd.DataFrame({"c": ["a"] * 700 + ["b"] * 300, "x": np.arange(1000.0)})
    raw = as_raw(frame)
    preparation = preparation_for(raw).fit(raw)
    unknown = np.zeros((5000, preparation.shape_[0]))
    assert set(preparation.inverse(unknown)[:, 0]) == {0.0}
    drawn = preparation.inverse(unknown, np.random.default_rng(0))[:, 0]
    assert drawn.mean() == pytest.approx(0.3, abs=0.03)


# --- Schemas


def test_a_schema_says_what_columns_are():
    frame = pd.DataFrame({"zip": [10001, 90210] * 20, "day": ["2024-01-01", "2024-02-01"] * 20, "id": range(40)})
    schema = {"zip": "category", "day": {"type": "date"}, "id": "ignore"}
    raw = as_raw(frame, schema={"columns": schema})
    assert [column.type for column in raw.columns] == ["category", "date"]
    assert raw.columns[0].categories == (10001, 90210)
    _, _, back = there_and_back(frame, schema=schema)
    assert back["zip"].tolist() == frame["zip"].tolist()


def test_bounds_of_a_schema_hold():
    frame = pd.DataFrame({"x": np.linspace(0, 10, 40), "c": ["a", "b"] * 20})
    raw = as_raw(frame, schema={"x": {"low": 2, "high": 8}})
    preparation = preparation_for(raw).fit(raw)
    back = preparation.inverse(preparation.transform(raw).x.numpy())[:, 0]
    assert (back.min(), back.max()) == (2, 8)


def test_what_is_described_can_be_given_back():
    frame = mixed()
    frame["id"] = [f"row-{i}" for i in range(len(frame))]
    described = describe_columns(as_raw(frame))
    assert described["id"]["type"] == "ignore"
    again = as_raw(frame, schema=described)
    assert [c.name for c in again.columns] == [name for name in described if name != "id"]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"nope": "number"}, "has a column 'nope', but the frame given has none"),
        ({"age": "integer"}, "'integer'; choose one of 'number', 'whole'"),
        ({"age": {"kind": "number"}}, "it can say type, low, high"),
        ({"age": {"low": "a"}}, "low='a'; expected a number"),
        ({"class": "number"}, "Column 'class' .*is not numeric"),
        ({"age": "boolean"}, "schema says boolean"),
        ({"class": "date"}, "Column 'class' .*date that cannot be taken"),
        ({"class": {"type": "category", "categories": ["gold"]}}, "'class' .*holds 'bronze', 'silver', which"),
        ({"age": {"low": 5, "high": -5}}, "low=5 above high=-5"),
        ({"class": {"low": 5}}, "bounds column 'class'"),
        ([1], "expected a mapping"),
    ],
)
def test_schemas_that_cannot_be_followed(schema, words):
    with pytest.raises(DataError, match=words):
        as_raw(mixed(), schema=schema)


# --- Refusals


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([f"user-{i}" for i in range(60)], "'c' .*looks like an identifier.*for example 'user-0'.*--drop c"),
        ([f"it was row {i} of the great table" for i in range(60)], r"looks like free text \(8 words"),
        ([f"{2000 + i}-01-05" for i in range(60)], "looks like dates written as text.*pandas.to_datetime"),
    ],
)
def test_names_and_texts_are_refused(column, words):
    raw = as_raw(pd.DataFrame({"x": np.arange(60.0), "c": column}))
    with pytest.raises(DataError, match=words):
        preparation_for(raw).fit(raw)


def test_a_numbered_column_is_refused_by_its_name():
    frame = pd.DataFrame({"user_id": np.arange(60), "c": ["a", "b"] * 30})
    raw = as_raw(frame)
    with pytest.raises(DataError, match=r"'user_id' .*identifier"):
        preparation_for(raw).fit(raw)
    raw = as_raw(frame, schema={"user_id": "number"})
    preparation_for(raw).fit(raw)


def test_all_missing_columns_are_told_and_given_back_missing():
    frame = mixed(60)
    frame["none"] = pd.Series([None] * 60, index=frame.index, dtype=object)
    with pytest.warns(UserWarning, match="'none'"):
        _, _, back = there_and_back(frame)
    assert back["none"].isna().all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"age": "old"}, "'age' .*held whole numbers in fit, but now holds 'old' at row 0"),
        ({"joined": 5}, "'joined' .*date"),
        ({"member": 3}, "'member' .*boolean"),
        ({"class": pd.Timestamp("2020-01-01")}, "'class'"),
    ],
)
def test_columns_that_changed_their_type(change, words):
    raw = as_raw(mixed())
    preparation = preparation_for(raw).fit(raw)
    frame = mixed(10).assign(**change)
    with pytest.raises(DataError, match=words):
        preparation.transform(as_raw(frame, like=preparation.schema_))


def test_infinity_and_1e30_in_a_mixed_frame():
    frame = mixed(gaps=False)
    frame.loc[105, "income"] = np.inf
    raw = as_raw(frame)
    with pytest.raises(DataError, match=r"inf .*row 5 .*column 'income'"):
        preparation_for(raw).fit(raw)
    frame.loc[105, "income"] = 1e30
    there_and_back(frame)


def test_dates_beyond_what_pandas_holds():
    dates = pa.array([253370764800, -62135596800] * 20, type=pa.int64()).cast(pa.timestamp("s"))
    frame = pa.table({"d": dates, "c": ["a", "b"] * 20})
    _, _, back = there_and_back(frame)
    assert back["d"].to_pylist() == frame["d"].to_pylist()


def test_kind_vector_wants_numbers():
    with pytest.raises(DataError, match=r"'member' .*kind='vector'"):
        as_raw(mixed(), kind="vector")


def test_bounds_hold_in_frames_of_numbers_alone():
    frame = pd.DataFrame({"k": np.arange(60), "x": np.linspace(0, 1, 60)})
    raw = as_raw(frame, schema={"k": {"low": 20, "high": 25}})
    preparation = preparation_for(raw).fit(raw)
    back = preparation.give_back(preparation.inverse(preparation.transform(raw).x.numpy()), raw)
    assert (back["k"].min(), back["k"].max()) == (20, 25)


def test_identifiers_among_numbers_are_refused_and_words_that_end_alike_are_not():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"user_id": np.arange(60), "x": rng.random(60)})
    raw = as_raw(frame)
    with pytest.raises(DataError, match="'user_id'"):
        preparation_for(raw).fit(raw)
    raw = as_raw(frame.rename(columns={"user_id": "amount_paid"}))
    preparation_for(raw).fit(raw)


def test_an_array_cannot_say_what_labels_and_dates_do():
    raw = as_raw(mixed())
    preparation = preparation_for(raw).fit(raw)
    with pytest.raises(DataError, match="column 'class' held categories in fit: give a frame"):
        preparation.transform(as_raw(np.zeros((2, 7))))


def test_whole_numbers_that_would_change_are_refused():
    frame = pd.DataFrame({"n": 2**60 + 7 * np.arange(40), "c": ["a", "b"] * 20})
    with pytest.raises(DataError, match=r"'n' .*beyond 2\*\*53"):
        as_raw(frame)


def test_labels_of_several_types_are_taken_where_a_schema_says_so():
    frame = pd.DataFrame({"i": [1, "a", None] * 20})
    assert as_raw(frame, schema={"i": "category"}).columns[0].categories == ("1", "a")
