"""Rows made by a synthesizer: of the same form, alike, with columns given, and refused where that cannot be."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris

from isthmus import Synthesizer, load
from isthmus.data import Column, as_raw
from isthmus.evaluation.fidelity import fidelity
from isthmus.exceptions import DataError, ParameterError
from isthmus.tasks.synthesis_parts.gapless import Gapless, units
from isthmus.tasks.synthesis_parts.marginals import Marginal
from isthmus.tasks.synthesis_parts.raking import Raking
from mixed_frames import in_container, mixed

FRAME = mixed(600)


@pytest.fixture(scope="module")
def fitted():
    return Synthesizer(max_epochs=200, random_state=0).fit(FRAME)


@pytest.fixture(scope="module")
def made(fitted):
    return fitted.sample(2000, random_state=0)


def test_rows_have_the_form_of_those_fitted_on(made):
    assert list(made.columns) == list(FRAME.columns)
    assert list(made.dtypes) == list(FRAME.dtypes)
    assert set(made["class"].dropna()) == {"gold", "silver", "bronze"}
    assert made["age"].between(18, 79).all()
    assert made["joined"].dropna().dt.normalize().equals(made["joined"].dropna())
    assert made["income"].dropna().between(FRAME["income"].min(), FRAME["income"].max()).all()


def test_columns_and_pairs_are_alike(made):
    raw = as_raw(FRAME)
    found = fidelity(raw.values, as_raw(made, like=raw.schema).values, raw.columns)
    assert found.column_error < 0.04
    assert found.pair_error < 0.07
    for older in (True, False):
        share = made["member"][(made["age"] > 45) == older].mean()
        assert share == pytest.approx(FRAME["member"][(FRAME["age"] > 45) == older].mean(), abs=0.2)
    # Log income rises by 0.02 a year, with a deviation of 0.3 about it.
    there = made["income"].notna()
    slope, start = np.polyfit(made["age"][there], np.log(made["income"][there]), 1)
    assert slope == pytest.approx(0.02, abs=0.003)
    left = np.log(made["income"][there]) - start - slope * made["age"][there]
    assert left.std() == pytest.approx(0.3, abs=0.04)


def test_cells_are_missing_as_often(made):
    share, real = made.isna().mean(), FRAME.isna().mean()
    np.testing.assert_allclose(share, real, atol=0.03)
    assert (share[real == 0] == 0).all()


def test_a_seed_repeats_the_rows(fitted, made):
    pd.testing.assert_frame_equal(fitted.sample(2000, random_state=0), made)
    assert not fitted.sample(20, random_state=1).equals(made.head(20))


def test_given_columns_stay_and_the_others_go_with_them(fitted):
    gold = fitted.sample(300, conditions={"class": "gold"}, random_state=0)
    assert (gold["class"] == "gold").all()
    # Gold are those above 45, who are 55 % of all.
    assert (gold["age"] > 45).mean() > 0.85
    assert (gold["grade"] == "high").mean() > 0.85
    young = fitted.sample(300, conditions={"age": 30}, random_state=0)
    assert (young["age"] == 30).all()
    assert (young["class"] == "gold").mean() < 0.2
    assert np.log(young["income"]).mean() == pytest.approx(9.6, abs=0.1)


def test_one_value_a_row_and_missing_ones(fitted):
    ages = [20, 70, 50, 21]
    rows = fitted.sample(4, {"age": ages, "member": True}, random_state=0)
    assert rows["age"].tolist() == ages
    assert rows["member"].all()
    rows = fitted.sample(50, {"income": None, "class": np.nan, "joined": "2021-03-01"}, random_state=0)
    assert rows[["income", "class"]].isna().all(axis=None)
    assert (rows["joined"] == pd.Timestamp("2021-03-01")).all()
    assert set(fitted.sample(30, {"grade": "low"}, random_state=0)["grade"]) == {"low"}


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({"clas": "gold"}, "'clas', which was not there in fit. Did you mean 'class'"),
        ({"class": "platinum"}, "'platinum' cannot be used; expected one of those seen in fit: 'gold', 'silver'"),
        ({"age": 300}, "expected a number from 18 to 79"),
        ({"age": 30.5}, "expected a whole number"),
        ({"age": "old"}, "expected a number"),
        ({"age": None}, "no cell of it was missing in fit"),
        ({"member": "maybe"}, "expected True or False"),
        ({"joined": "soon"}, "expected a date"),
        ({"joined": "1999-01-01"}, "expected a date from 2020-"),
        ({"age": [20, 30]}, "has 2 values, but 5 rows are asked for"),
    ],
)
def test_conditions_that_cannot_be(fitted, conditions, said):
    with pytest.raises(DataError) as error:
        fitted.sample(5, conditions)
    assert said in str(error.value).replace("bronze', 'gold', 'silver", "gold', 'silver")


def test_parameters_that_cannot_be(fitted):
    with pytest.raises(ParameterError, match="n=0 cannot be used"):
        fitted.sample(0)
    with pytest.raises(ParameterError, match="expected a mapping"):
        fitted.sample(1, ["class"])
    with pytest.raises(ParameterError, match="random_state='x'"):
        fitted.sample(1, random_state="x")
    with pytest.raises(ParameterError, match="Synthesizer: max_epochs=-1"):
        Synthesizer(max_epochs=-1).fit(FRAME)
    with pytest.raises(ParameterError, match="kind='image'"):
        Synthesizer(kind="image").fit(FRAME)


def test_a_combination_never_seen_is_told(fitted):
    with pytest.warns(UserWarning, match="rows like these were hardly seen"):
        rows = fitted.sample(20, {"age": 20, "class": "gold"}, random_state=0)
    assert (rows["class"] == "gold").all()


def test_it_comes_back_from_its_folder(fitted, made, tmp_path):
    fitted.save(tmp_path / "model")
    again = load(tmp_path / "model", device="cpu")
    assert type(again) is Synthesizer
    pd.testing.assert_frame_equal(again.sample(2000, random_state=0), made)
    assert again.history_ == fitted.history_
    given = {"class": "silver"}
    pd.testing.assert_frame_equal(again.sample(5, given, 0), fitted.sample(5, given, 0))


@pytest.mark.parametrize("container", ["polars", "pyarrow"])
def test_other_containers(container):
    frame = in_container(mixed(120), container)
    synthesizer = Synthesizer(max_epochs=2, random_state=0).fit(frame)
    rows = synthesizer.sample(30, {"class": "gold"}, random_state=0)
    assert type(rows) is type(frame)
    assert rows.schema == frame.schema if container == "polars" else rows.schema.equals(frame.schema)


def test_arrays_of_numbers():
    X = load_iris().data
    synthesizer = Synthesizer(max_epochs=3, random_state=0).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it was hardly fitted
        rows = synthesizer.sample(40, {3: 1.0}, random_state=0)
    assert rows.shape == (40, 4)
    assert (rows[:, 3] == 1.0).all()
    # One decimal, as it was measured.
    np.testing.assert_allclose(rows, np.round(rows, 1), atol=1e-12)


def test_labels_that_are_numbers_and_values_of_any_size():
    frame = pd.DataFrame({2001: np.linspace(-1e30, 1e30, 40), 2000: ["x", "y"] * 20})
    synthesizer = Synthesizer(max_epochs=1, random_state=0).fit(frame)
    rows = synthesizer.sample(20, {2000: "x"}, random_state=0)
    assert (rows[2000] == "x").all()
    assert rows[2001].between(-1e30, 1e30).all()


def test_few_rows_odd_columns_and_bounds():
    frame = pd.DataFrame(
        {
            "one": [7] * 12,
            "none": [np.nan] * 12,
            "size": np.linspace(1, 2, 12),
            "word": list("abcabcabcabc"),
            "count": range(12),
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        synthesizer = Synthesizer(schema={"size": {"type": "number", "low": 1.3, "high": 1.6}}, random_state=0)
        rows = synthesizer.fit(frame).sample(50, random_state=0)
    assert (rows["one"] == 7).all()
    assert rows["none"].isna().all()
    assert rows["size"].between(1.3, 1.6).all()
    assert rows["count"].isin(range(12)).all()
    assert list(rows.dtypes) == list(frame.dtypes)


def test_small_data_are_not_learnt_by_heart():
    iris = load_iris(as_frame=True).frame
    real, held = iris.iloc[::2], iris.iloc[1::2]
    rows = Synthesizer(max_epochs=300, random_state=0).fit(real).sample(500, random_state=0)
    scale = iris.std().to_numpy()

    def nearest(a, b):
        return np.sqrt((((a[:, None] - b[None]) / scale) ** 2).sum(-1)).min(1)

    to_real, to_held = (nearest(rows.to_numpy(), part.to_numpy()).mean() for part in (real, held))
    assert to_real > 0.7 * to_held


def test_it_is_an_estimator_as_others():
    synthesizer = clone(Synthesizer(3, max_epochs=1, random_state=1))
    assert synthesizer.get_params()["latent_dim"] == 3
    assert synthesizer.fit(FRAME.head(60)).autoencoder_.latent_dim_ == 3
    assert synthesizer.n_features_in_ == 7
    assert synthesizer.n_rows_ == 60
    assert list(synthesizer.feature_names_in_) == list(FRAME.columns)
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        Synthesizer().sample(1)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (load_digits().images[:20], "Synthesizer makes rows of columns"),
        (pd.DataFrame({"a": [1.0, np.inf] * 20, "b": ["x", "y"] * 20}), "inf .infinity. at row 1"),
        (pd.DataFrame({"id": [f"row-{i}" for i in range(60)], "b": range(60)}), "looks like"),
        (pd.DataFrame(np.zeros((4, 2)), columns=["a", "a"]), "more than one column"),
        (pd.DataFrame({"a": []}), "0 sample"),
    ],
)
def test_data_that_cannot_be(data, said):
    with pytest.raises(DataError, match=said):
        Synthesizer(max_epochs=1).fit(data)


def test_fidelity_in_closed_form():
    columns = [Column("x"), Column("y"), Column("c", "category", ("a", "b"))]
    real = np.array([[0, 0, 0], [1, 1, 0], [2, 2, 1], [3, 3, np.nan]], dtype=float)
    made = real.copy()
    made[:, 1] = [3, 2, 1, 0]
    made[3, 2] = 0
    found = fidelity(real, made, columns)
    np.testing.assert_allclose(found.columns, [0, 0, 0.25])
    # From a correlation of 1 to one of -1; and one row of four moved between cells.
    assert found.pairs[0, 1] == pytest.approx(1)
    assert found.pairs[0, 2] == pytest.approx(0.25)
    assert found.pairs[1, 2] == pytest.approx(0.75)
    assert found.pair_error == pytest.approx((1 + 0.25 + 0.75) / 3)


def test_weights_give_categories_the_shares_of_the_real_ones():
    rng = np.random.default_rng(0)

    def rows(chances, share):
        first = rng.choice(3, 4000, p=chances)
        return np.column_stack([first, rng.normal(size=4000), rng.random(4000) < share + 0.2 * (first == 0)])

    real, made = rows([0.6, 0.3, 0.1], 0.5), rows([0.4, 0.3, 0.3], 0.3)
    again = Raking.restore(Raking.learn(real, made, [3, 0, 2]).arrays())
    kept = made[again.keeps(made, rng)]
    assert 0.2 < len(kept) / len(made) < 0.9
    for place in range(3):
        assert (kept[:, 0] == place).mean() == pytest.approx((real[:, 0] == place).mean(), abs=0.03)
    assert kept[:, 2].mean() == pytest.approx(real[:, 2].mean(), abs=0.03)


def test_ranks_give_numbers_the_distribution_of_the_real_ones():
    rng = np.random.default_rng(0)
    real = np.where(rng.random(3000) < 0.4, 0.0, rng.lognormal(size=3000))
    made = np.where(rng.random(3000) < 0.3, 0.0, rng.exponential(size=3000))
    marginal = Marginal.learn(real, made)
    out = marginal.corrected(np.append(made, np.nan), rng)
    assert np.isnan(out[-1])
    assert (out[:-1] == 0).mean() == pytest.approx(0.4, abs=0.01)
    for share in (0.5, 0.7, 0.9):
        assert np.quantile(out[:-1], share) == pytest.approx(np.quantile(real, share), rel=0.06)
    # The order stays, but for what is tied.
    above = made > 0.5
    assert (np.diff(out[:-1][above][np.argsort(made[above])]) >= 0).all()
    assert marginal.ranks(np.array([0.0]))[0] == pytest.approx(0.2, abs=0.01)


def test_gaps_are_values_and_come_back():
    columns = [Column("c", "category", ("a", "b")), Column("t", "boolean"), Column("x"), Column("k", "whole")]
    nan = np.nan
    values = np.array([[0, 1, 1.5, 3], [nan, nan, nan, 3], [1, 0, 2.5, 4]] * 10)
    table = Gapless.learn(columns, values)
    assert [column.type for column in table.inner] == ["category"] * 4
    many = values.copy()
    many[:, 2] = np.where(np.isnan(many[:, 2]), nan, np.arange(30.0))
    table = Gapless.learn(columns, many)
    assert [column.type for column in table.inner] == ["category", "category", "number", "category", "boolean"]
    inner = table.there(many)
    assert not np.isnan(np.delete(inner, 2, axis=1)).any()
    np.testing.assert_array_equal(table.back(inner), many)
    np.testing.assert_array_equal(Gapless.from_config(columns, table.to_config()).there(many), inner)


def test_units_of_numbers():
    columns = [Column("whole", "whole"), Column("price"), Column("any"), Column("day", "date")]
    values = np.array([[3.0, 1.25, np.pi, 86_400.0], [4.0, np.nan, 1.0, 864_000.0]])
    assert units(columns, values).tolist() == [1.0, 0.01, 0.0, 86_400.0]


def test_one_row_is_refused():
    with pytest.raises(DataError, match=r"has 1 sample\(s\)"):
        Synthesizer().fit(mixed(1))
