"""Gaps filled: what is observed stays, what is filled is good, draws vary as they should."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.utils.estimator_checks import parametrize_with_checks

from isthmus import Imputer, load
from isthmus.exceptions import DataError, ParameterError
from isthmus.tasks.residuals import Residuals


def holes(X, rate=0.3, seed=0):
    X = np.array(X, dtype=float)
    hidden = np.random.default_rng(seed).random(X.shape) < rate
    hidden[hidden.reshape(len(X), -1).all(1)] = False
    X[hidden] = np.nan
    return X, hidden


def curve(n=600, seed=0):
    """A parabola, of which a Gaussian knows nothing."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(-1, 1, n)
    return np.column_stack([t, t**2, t**3]) + 0.02 * rng.normal(size=(n, 3))


IRIS = load_iris().data
GAPS, HIDDEN = holes(IRIS)
QUICK = {"max_epochs": 3, "members": 2, "random_state": 0}


@pytest.fixture(scope="module")
def imputer():
    return Imputer(**QUICK).fit(GAPS)


@parametrize_with_checks([Imputer(max_epochs=1, members=1)])
def test_scikit_learn(estimator, check):
    check(estimator)


def test_observed_values_stay_and_filled_ones_are_within_bounds(imputer):
    filled = imputer.transform(GAPS)
    np.testing.assert_array_equal(filled[~HIDDEN], IRIS[~HIDDEN])
    assert not np.isnan(filled).any()
    assert (filled >= np.nanmin(GAPS, 0)).all()
    assert (filled <= np.nanmax(GAPS, 0)).all()
    np.testing.assert_array_equal(imputer.fit_transform(GAPS), filled)


def test_bounds_bind_where_the_line_leads_beyond_them():
    x = np.linspace(0, 1, 40)
    X = np.column_stack([x, x])
    X[X[:, 1] > 0.7, 1] = np.nan
    filled = Imputer(max_epochs=0, random_state=0).fit_transform(X)
    assert filled[-1, 1] == np.nanmax(X[:, 1])


def test_what_is_not_linear_is_learnt():
    X, hidden = holes(curve(), 0.25)
    error = {}
    for epochs in (0, 40):
        imputer = Imputer(max_epochs=epochs, members=1, random_state=0)
        error[epochs] = np.sqrt(((imputer.fit_transform(X) - curve()) / curve().std(0))[hidden].__pow__(2).mean())
    assert error[40] < 0.75 * error[0]


def test_gaussian_rows_are_filled_as_well_as_by_the_true_conditional_mean():
    rng = np.random.default_rng(0)
    covariance = np.array([[1.0, 0.8], [0.8, 1.0]])
    truth = rng.multivariate_normal([5, -5], covariance, 1000)
    X = truth.copy()
    X[::2, 1] = np.nan
    filled = Imputer(max_epochs=5, members=1, random_state=0).fit_transform(X)
    best = -5 + 0.8 * (truth[::2, 0] - 5)
    assert np.sqrt(np.mean((filled[::2, 1] - best) ** 2)) < 0.1


def test_new_rows_are_filled_by_what_was_learnt(imputer):
    new = IRIS[:5].copy()
    new[:, 2] = np.nan
    filled = imputer.transform(new)
    assert np.abs(filled[:, 2] - IRIS[:5, 2]).max() < 1
    np.testing.assert_allclose(imputer.transform(new[:1]), filled[:1], atol=1e-5)
    complete = Imputer(**QUICK).fit(IRIS)
    assert np.abs(complete.transform(new)[:, 2] - IRIS[:5, 2]).max() < 1, "fitted without any gap"


def test_frames_come_back_as_they_were():
    frame = pd.DataFrame(GAPS[:, :2], columns=["long", "wide"], index=[f"r{i}" for i in range(150)])
    frame["count"] = pd.array(np.where(HIDDEN[:, 2], 0, np.rint(IRIS[:, 2])), dtype="Int64")
    frame.loc[HIDDEN[:, 2], "count"] = pd.NA
    frame["kind"] = load_iris().target
    imputer = Imputer(**QUICK).fit(frame)
    filled = imputer.transform(frame)
    assert filled.dtypes.equals(frame.dtypes)
    assert filled.index.equals(frame.index)
    assert not filled.isna().any().any()
    assert list(imputer.get_feature_names_out()) == list(frame.columns)
    pd.testing.assert_frame_equal(filled[frame.notna()].astype(float), frame.astype(float))
    doubt = imputer.uncertainty(frame)
    assert (doubt.to_numpy() > 0)[:, :3].sum() > 0
    assert list(doubt.columns) == list(frame.columns)


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table])
def test_other_frames_come_back_in_kind(make):
    columns = {"a": GAPS[:, 0].tolist(), "b": [None if np.isnan(v) else round(v) for v in GAPS[:, 2].tolist()]}
    columns["a"] = [None if np.isnan(v) else v for v in columns["a"]]
    frame = make(columns)
    filled = Imputer(**QUICK).fit(frame).transform(frame)
    assert type(filled) is type(frame)
    assert filled.schema == frame.schema
    assert not any(value is None for value in filled["b"].to_pylist()) if make is pa.table else True
    assert filled["a"].null_count == 0 if make is pa.table else filled["a"].null_count() == 0


def test_whole_numbers_stay_whole():
    X, hidden = holes(np.column_stack([IRIS[:, 0], np.rint(IRIS[:, 2])]))
    imputer = Imputer(**QUICK).fit(X)
    assert imputer.bounds_.whole.tolist() == [False, True]
    assert (imputer.transform(X)[:, 1] % 1 == 0).all()
    assert (imputer.sample_imputations(X, 1, random_state=0)[0][:, 1] % 1 == 0).all()
    assert (imputer.transform(X)[hidden[:, 0], 0] % 1 != 0).any()


def test_draws_vary_about_what_is_expected_and_uncertainty_is_their_spread(imputer):
    draws = np.stack(imputer.sample_imputations(GAPS, 200, random_state=0))
    assert (draws[:, ~HIDDEN] == IRIS[~HIDDEN]).all()
    spread, doubt = draws.std(0), imputer.uncertainty(GAPS)
    assert (doubt[~HIDDEN] == 0).all()
    assert (doubt[HIDDEN] > 0).all()
    assert np.corrcoef(spread[HIDDEN], doubt[HIDDEN])[0, 1] > 0.95
    np.testing.assert_allclose(spread[HIDDEN].mean(), doubt[HIDDEN].mean(), rtol=0.05)
    again = imputer.sample_imputations(GAPS, 2, random_state=0)
    np.testing.assert_array_equal(again[1], imputer.sample_imputations(GAPS, 2, random_state=0)[1])
    assert (again[0][HIDDEN] != again[1][HIDDEN]).mean() > 0.9


def test_intervals_of_draws_cover_and_follow_correlation():
    rng = np.random.default_rng(0)
    covariance = np.array([[1, 0.5, 0.5], [0.5, 1, 0.9], [0.5, 0.9, 1]])
    truth = rng.multivariate_normal(np.zeros(3), covariance, 1500)
    X = truth.copy()
    X[::3, 1:] = np.nan
    imputer = Imputer(max_epochs=2, members=1, random_state=0).fit(X)
    draws = np.stack(imputer.sample_imputations(X, 200, random_state=0))[:, ::3]
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    inside = (truth[::3, 1:] >= low[:, 1:]) & (truth[::3, 1:] <= high[:, 1:])
    assert 0.85 < inside.mean() < 0.95
    # Given the first, the other two are correlated by (0.9 - 0.25) / (1 - 0.25).
    rest = draws[:, :, 1:] - draws[:, :, 1:].mean(0)
    assert np.corrcoef(rest[..., 0].ravel(), rest[..., 1].ravel())[0, 1] == pytest.approx(0.65 / 0.75, abs=0.05)


def test_a_folder_gives_back_the_same(imputer, tmp_path):
    imputer.save(tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.transform(GAPS), imputer.transform(GAPS))
    np.testing.assert_array_equal(again.uncertainty(GAPS), imputer.uncertainty(GAPS))
    one, other = (i.sample_imputations(GAPS, 1, random_state=3)[0] for i in (again, imputer))
    np.testing.assert_array_equal(one, other)


def test_a_column_without_values_is_named_and_given_back_missing():
    X = np.column_stack([GAPS, np.full(len(GAPS), np.nan)])
    with pytest.warns(UserWarning, match=r"has a value in column \[?4"):
        imputer = Imputer(**QUICK).fit(X)
    filled = imputer.transform(X)
    assert np.isnan(filled[:, 4]).all()
    assert not np.isnan(filled[:, :4]).any()
    assert np.isnan(imputer.uncertainty(X)[:, 4]).all()
    assert not np.isnan(imputer.sample_imputations(X, 1)[0][:, :4]).any()


def test_rare_values_are_learnt_from_wherever_they_stand():
    for seed in range(6):
        X = np.column_stack([IRIS, np.full(150, np.nan)])
        X[7, 4] = 3.0
        assert Imputer(max_epochs=1, members=1, random_state=seed).fit(X).transform(X)[9, 4] == 3.0


def test_constant_columns_and_rows_without_values():
    X = np.column_stack([GAPS, np.where(HIDDEN[:, 0], np.nan, 4.0)])
    X[3] = np.nan
    filled = Imputer(**QUICK).fit_transform(X)
    assert (filled[:, 4] == 4).all()
    assert not np.isnan(filled[3]).any()


@pytest.mark.parametrize("rows", [1, 5, 19])
def test_few_rows_are_filled_by_the_gaussian_alone(rows):
    X = GAPS[20 : 20 + rows].copy()
    X[0] = IRIS[20]
    imputer = Imputer(random_state=0).fit(X)
    assert not np.isnan(imputer.transform(X)).any()
    assert imputer.autoencoder_.best_epoch_ == 0
    assert np.isfinite(imputer.sample_imputations(X, 2, random_state=0)).all()


def test_pictures_and_sequences():
    pictures, hidden = holes(load_digits().images[:200], 0.3)
    imputer = Imputer(**QUICK).fit(pictures)
    filled = imputer.transform(pictures)
    assert imputer.kind_ == "image"
    assert filled.shape == pictures.shape
    truth = load_digits().images[:200]
    assert np.std((filled - truth)[hidden]) < 0.7 * truth.std()
    time = np.linspace(0, 6, 40)
    waves = np.sin(time + np.linspace(0, 6, 100)[:, None])[:, :, None] * [1.0, -1.0]
    hidden = np.zeros(waves.shape, dtype=bool)
    for row, start in enumerate(np.random.default_rng(0).integers(0, 35, 100)):
        hidden[row, start : start + 5, 0] = True
    gaps = np.where(hidden, np.nan, waves)
    imputer = Imputer(kind="sequence", **QUICK).fit(gaps)
    assert np.abs(imputer.transform(gaps) - waves)[hidden].mean() < 0.2 * np.abs(waves).mean()
    assert imputer.sample_imputations(gaps, 1)[0].shape == gaps.shape
    assert (imputer.uncertainty(gaps)[hidden] > 0).all()


def test_whole_arrays_come_back_as_they_are():
    X = np.rint(10 * IRIS).astype(np.int32)
    filled = Imputer(**QUICK).fit_transform(X)
    np.testing.assert_array_equal(filled, X)


def test_bad_input_is_named(imputer):
    bad = GAPS.copy()
    bad[2, 1] = np.inf
    with pytest.raises(DataError, match=r"row 2 .*column 1"):
        Imputer(**QUICK).fit(bad)
    with pytest.raises(DataError, match=r"row 2 .*column 1"):
        imputer.transform(bad)
    with pytest.raises(DataError, match="Imputer is expecting 4"):
        imputer.transform(GAPS[:, :3])
    with pytest.raises(DataError, match="missing"):
        Imputer(**QUICK).fit(np.full((30, 2), np.nan))
    with pytest.raises(ParameterError, match="m=0"):
        imputer.sample_imputations(GAPS, 0)
    with pytest.raises(ParameterError, match="random_state='x'"):
        imputer.sample_imputations(GAPS, 1, random_state="x")
    with pytest.raises(ParameterError, match="members=0"):
        Imputer(members=0).fit(GAPS)
    with pytest.raises(ParameterError, match="network='tree'"):
        Imputer(network="tree").fit(GAPS)
    with pytest.raises(ParameterError, match="rate='all'"):
        Imputer(rate="all").fit(GAPS)


def test_residuals_trust_many_rows_and_take_few_for_normal():
    rng = np.random.default_rng(0)
    expected = rng.uniform(-1, 1, size=(20_000, 1))
    errors = (1 + expected) * rng.normal(size=expected.shape)
    many = Residuals.of(expected, errors, len(expected))
    at = np.array([[-0.9], [0.9]])
    narrow, wide = many.at(at, np.full((2, 1), 0.8413))[:, 0]
    assert narrow == pytest.approx(0.1, abs=0.05)
    assert wide == pytest.approx(1.9, abs=0.15)
    few = Residuals.of(expected, 0 * errors + 0.01 * np.sign(errors), 10, unit=1.2)
    assert few.at(at, np.full((2, 1), 0.8413))[0, 0] == pytest.approx(1.2 * np.sqrt(50 / 60), rel=0.2)
    none = Residuals.of(expected, np.full(expected.shape, np.nan), 1)
    assert np.isfinite(none.at(at, np.full((2, 1), 0.5))).all()


def people(n=400, seed=0):
    """Numbers, whole numbers, categories, truth values and dates that depend on one another."""
    rng = np.random.default_rng(seed)
    t = rng.normal(size=(n, 2))
    job = np.array(["clerk", "judge", "nurse"])[np.digitize(t[:, 0] + 0.2 * rng.normal(size=n), [-0.5, 0.5])]
    return pd.DataFrame(
        {
            "job": pd.Categorical(job),
            "age": np.clip(np.rint(40 + 10 * t[:, 0]), 18, 70),
            "owner": pd.array(t[:, 1] > 0, dtype="boolean"),
            "since": pd.Timestamp("2015-01-01") + pd.to_timedelta(np.rint(900 + 300 * t[:, 1]), unit="D"),
            "income": 1000 * (5 + t[:, 0] + t[:, 1]),
        }
    )


FRAME = people()
MISSING = np.random.default_rng(1).random(FRAME.shape) < 0.2
MIXED = FRAME.mask(MISSING)


@pytest.fixture(scope="module")
def of_people():
    return Imputer(max_epochs=15, members=2, random_state=0).fit(MIXED)


def test_mixed_frames_come_back_whole_with_valid_values(of_people):
    filled = of_people.transform(MIXED)
    assert filled.dtypes.equals(MIXED.dtypes)
    assert not filled.isna().any().any()
    pd.testing.assert_frame_equal(filled.mask(MISSING), MIXED)
    assert (filled["age"] % 1 == 0).all()
    assert (filled["since"] == filled["since"].dt.normalize()).all()
    assert filled["since"].between(MIXED["since"].min(), MIXED["since"].max()).all()


def test_categories_are_filled_better_than_by_the_most_frequent_and_by_neighbours(of_people):
    from sklearn.impute import KNNImputer

    filled = of_people.transform(MIXED)
    numbers = pd.get_dummies(MIXED["job"]).astype(float)
    numbers[MISSING[:, 0]] = np.nan
    rest = MIXED[["age", "income"]].assign(owner=MIXED["owner"].astype(float), since=_days(MIXED["since"]))
    table = pd.concat([numbers, (rest - rest.mean()) / rest.std()], axis=1)
    neighbours = KNNImputer().fit_transform(table)[:, :3].argmax(1)
    truth = FRAME["job"].cat.codes.to_numpy()[MISSING[:, 0]]
    ours = (filled["job"].cat.codes.to_numpy()[MISSING[:, 0]] == truth).mean()
    assert ours > (neighbours[MISSING[:, 0]] == truth).mean()
    assert ours > (MIXED["job"].cat.codes.mode()[0] == truth).mean() + 0.2


def _days(dates):
    days = dates.astype("int64").to_numpy().astype(float)
    days[dates.isna()] = np.nan
    return days


def test_categories_are_drawn_by_their_chances(of_people):
    draws = of_people.sample_imputations(MIXED, 40, random_state=0)
    doubt = of_people.uncertainty(MIXED)
    assert doubt.dtypes.eq("float64").all()
    at = np.flatnonzero(MISSING[:, 0])
    filled = of_people.transform(MIXED)["job"].to_numpy()[at]
    other = np.mean([draw["job"].to_numpy()[at] != filled for draw in draws], axis=0)
    chance = doubt["job"].to_numpy()[at]
    assert chance.min() >= 0
    assert chance.max() < 1
    assert np.abs(other - chance).mean() < 0.08
    assert np.abs(other.mean() - chance.mean()) < 0.03
    assert 10 < doubt["since"].to_numpy()[MISSING[:, 3]].mean() < 300, "days"


def test_new_rows_with_other_categories(of_people, tmp_path):
    new = MIXED.head(20).astype({"job": object})
    new.loc[3, "job"] = "pilot"
    new.loc[4:, "job"] = None
    with pytest.warns(UserWarning, match="'pilot', which was not there in fit"):
        filled = of_people.transform(new)
    assert filled["job"][3] == "pilot", "observed values stay, seen in fit or not"
    assert set(filled["job"][4:]) <= {"clerk", "judge", "nurse"}
    assert not filled.isna().any().any()
    of_people.save(tmp_path / "model")
    known = new.drop(index=3)
    pd.testing.assert_frame_equal(load(tmp_path / "model").transform(known), filled.drop(index=3))


def test_polars_and_arrow_frames_of_any_columns():
    frame = pl.from_pandas(MIXED)
    imputer = Imputer(**QUICK).fit(frame)
    filled = imputer.transform(frame)
    assert filled.schema == frame.schema
    assert sum(filled.null_count().row(0)) == 0
    table = frame.to_arrow()
    assert imputer.transform(table).schema.names == table.schema.names


def test_doubts_about_one_of_many_categories():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=1500), "city": [f"c{i}" for i in rng.integers(0, 100, 1500)]})
    frame.loc[::10, "city"] = None
    imputer = Imputer(members=1, max_epochs=1, random_state=0).fit(frame)
    assert (imputer.uncertainty(frame)["city"][::10] > 0.9).all()


def test_an_order_of_categories_stays_in_order():
    dtype = pd.CategoricalDtype(["lo", "mid", "hi"], ordered=True)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=200)})
    frame["c"] = pd.cut(frame["x"], [-9, -0.5, 0.5, 9], labels=["lo", "mid", "hi"]).astype(dtype)
    imputer = Imputer(members=1, max_epochs=1, random_state=0).fit(frame)
    few = pd.DataFrame({"x": [-2.0, 0.0, 2.0]})
    few["c"] = pd.Categorical(["lo", None, "hi"], ["lo", "hi"], ordered=True)
    filled = imputer.transform(few)["c"]
    assert list(filled.cat.categories) == ["lo", "mid", "hi"]
    assert (filled.iloc[0], filled.iloc[2]) == ("lo", "hi")
