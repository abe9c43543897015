"""Columns that a variational autoencoder is given: rows of a class, of a size."""

import numpy as np
import pandas as pd
import pytest

from isthmus import Autoencoder, Denoising, Sparse, Variational, load
from isthmus.exceptions import DataError, ParameterError

COLUMNS = list("pqrs")


@pytest.fixture(scope="module")
def frame():
    """Three classes, each with a mean of its own."""
    rng = np.random.default_rng(0)
    of = rng.integers(0, 3, 600)
    means, spread = 3 * rng.normal(size=(3, 4)), rng.normal(size=(3, 2, 4))
    values = np.einsum("nj,njk->nk", rng.normal(size=(600, 2)), spread[of]) + means[of]
    return pd.DataFrame(values + 0.1 * rng.normal(size=values.shape), columns=COLUMNS).assign(of=of)


@pytest.fixture(scope="module")
def model(frame):
    return Autoencoder(3, objective=Variational(condition="of"), max_epochs=80, batch_size=32, random_state=0).fit(
        frame
    )


def test_rows_of_a_class_are_like_those_of_the_class(model, frame):
    for k in range(3):
        made = model.sample(500, condition={"of": k}, random_state=0)
        assert (made["of"] == k).all()
        assert made.dtypes.equals(frame.dtypes)
        own, others = frame[frame["of"] == k][COLUMNS], frame[frame["of"] != k][COLUMNS]
        away = np.abs(made[COLUMNS].mean() - own.mean()).max()
        assert away < 0.25 * np.abs(others.mean() - own.mean()).max()
        assert made[COLUMNS].std().mean() > 0.5 * own.std().mean()


def test_one_value_a_row(model):
    made = model.sample(4, condition={"of": [0, 2, 1, 0]}, random_state=0)
    assert made["of"].tolist() == [0, 2, 1, 0]


def test_the_last_units_are_what_is_given(model, frame):
    scaled = (frame["of"] - frame["of"].mean()) / frame["of"].std(ddof=0)
    np.testing.assert_allclose(model.transform(frame)[:, -1], scaled, atol=0.2)
    assert np.corrcoef(model.transform(frame)[:, -1], scaled)[0, 1] > 1 - 1e-9
    assert model.active_units(frame).shape == model.kl_by_unit(frame).shape == (2,)
    assert model.sample_posterior(frame, 2).shape == (2, 600, 3)
    assert np.isfinite(model.log_likelihood(frame, 5)).all()


def test_what_is_given_is_drawn_from_training_rows_where_nothing_is_said(model, frame):
    drawn = np.bincount(model.sample(3000, random_state=0)["of"], minlength=3) / 3000
    np.testing.assert_allclose(drawn, np.bincount(frame["of"]) / len(frame), atol=0.06)


@pytest.mark.parametrize(
    "objective",
    [
        [Denoising("mask", 0.1), Variational(condition=[4])],
        Variational(condition=[-1, 0], samples=3, gradient="dreg"),
        Variational(condition=4, prior="vamp", components=4, free_bits=0.0),
        Variational(condition=4, prior="mixture", components=4, warmup=0.5),
        "variational(condition=4)",
    ],
    ids=str,
)
def test_with_others_and_from_a_file(objective, frame, tmp_path):
    X = frame.to_numpy()
    ae = Autoencoder(3, objective=objective, members=2, max_epochs=2, random_state=0).fit(X)
    given = {4: 1.0} if not isinstance(objective, Variational) or objective.condition == 4 else {-1: 1.0, 0: 0.5}
    made = ae.sample(5, 0, condition=given)
    for column, value in given.items():
        np.testing.assert_array_equal(made[:, column], value)
    ae.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.sample(5, 0, condition=given), made)
    np.testing.assert_array_equal(loaded.sample(5, 0), ae.sample(5, 0))
    np.testing.assert_array_equal(loaded.transform(X), ae.transform(X))


def test_missing_cells_are_taken_as_they_are_elsewhere(frame):
    holes = frame.mask(np.random.default_rng(1).random(frame.shape) < 0.1)
    ae = Autoencoder(3, objective=Variational(condition="of"), max_epochs=2, random_state=0).fit(holes)
    assert np.isfinite(ae.transform(holes)).all()
    assert ae.sample(2, condition={"of": 1})["of"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("objective", "params", "said"),
    [
        (Variational(condition="off"), {}, "'off', which is not there"),
        (Variational(condition=7), {}, "7, which is not there"),
        (Variational(condition=["of", 4]), {}, "names a column twice"),
        (Variational(condition=["of", "of"]), {}, "names a column twice"),
        (Variational(condition=2.5), {}, "condition=2.5 cannot be used"),
        (Variational(condition=["p", "q", "of"]), {}, "fewer columns than the code has units, 3"),
        ([Sparse("topk"), Variational(condition="of")], {}, "leave one of the two out"),
        (Variational(condition="of"), {"linear_path": True}, "linear_path=True cannot be used"),
    ],
    ids=str,
)
def test_what_cannot_be_given_is_refused(objective, params, said, frame):
    with pytest.raises(ParameterError, match=said):
        Autoencoder(3, objective=objective, max_epochs=1, **params).fit(frame)


def test_pictures_have_no_columns():
    with pytest.raises(ParameterError, match="needs rows of columns"):
        Autoencoder(3, objective=Variational(condition=0), max_epochs=1).fit(np.zeros((9, 8, 8, 1)))


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({"p": 1}, "give a value for each"),
        ({"of": 1, "p": 1}, "for no other"),
        ({"of": [0, 1]}, "expected a number, or 3"),
        ({"of": "one"}, "expected a number, or 3"),
        ({"of": np.nan}, "missing or infinite"),
        (1, "expected a mapping"),
    ],
    ids=str,
)
def test_conditions_that_do_not_fit_are_refused(condition, said, model):
    with pytest.raises(DataError, match=said):
        model.sample(3, condition=condition)


def test_only_a_model_that_was_fitted_for_it(frame):
    ae = Autoencoder(2, objective="variational", max_epochs=1).fit(frame)
    with pytest.raises(ParameterError, match=r"Variational\(condition=\[columns"):
        ae.sample(3, condition={"of": 1})
