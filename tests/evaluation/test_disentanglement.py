"""Figures of disentanglement at values that are known."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.exceptions import NotFittedError

from isthmus import Autoencoder
from isthmus.evaluation import dci, disentanglement, explanation_figure, mutual_information_gap, sap
from isthmus.evaluation.disentangling import importance_scores
from isthmus.evaluation.factors import as_factors, binned
from isthmus.exceptions import DataError, ParameterError

RNG = np.random.default_rng(0)
N = 1500
#: Two numbers and two categories; a code that is them; one that is turned; one that knows nothing.
FACTORS = np.column_stack([RNG.uniform(size=(N, 2)), RNG.integers(0, 4, (N, 2))])
PERFECT = FACTORS * [3.0, -1.0, 2.0, 0.5] + 1.0
NOISE = RNG.normal(size=(N, 4))


def turned(Z: np.ndarray) -> np.ndarray:
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    return Z @ np.linalg.qr(np.random.default_rng(1).normal(size=(Z.shape[1], Z.shape[1])))[0]


def test_a_code_that_is_the_factors_is_near_one():
    assert mutual_information_gap(PERFECT, FACTORS) > 0.9
    assert sap(PERFECT[:, :2], FACTORS[:, :2]) > 0.95
    # Of four categories a guess is right for a quarter.
    assert 0.65 < sap(PERFECT[:, 2:], FACTORS[:, 2:]) < 0.75
    found = dci(PERFECT, FACTORS)
    assert min(found.disentanglement, found.completeness, found.informativeness) > 0.95
    np.testing.assert_array_equal(found.importances.argmax(axis=0), range(4))


def test_a_code_that_knows_nothing_is_near_zero():
    assert mutual_information_gap(NOISE, FACTORS) < 0.05
    assert sap(NOISE, FACTORS) < 0.1
    found = dci(NOISE, FACTORS)
    assert found.informativeness < 0.1
    assert found.disentanglement < 0.2


def test_a_turn_keeps_what_is_known_and_lowers_the_rest():
    mixed, straight = dci(turned(PERFECT), FACTORS), dci(PERFECT, FACTORS)
    assert mixed.informativeness > 0.6
    assert mixed.disentanglement < straight.disentanglement - 0.3
    assert mixed.completeness < straight.completeness - 0.3
    assert mutual_information_gap(turned(PERFECT), FACTORS) < mutual_information_gap(PERFECT, FACTORS) - 0.3
    assert sap(turned(PERFECT), FACTORS) < sap(PERFECT, FACTORS) - 0.3


def test_the_gap_by_hand():
    """Unit 0 is the factor; unit 1 tells half of it: the gap is half an entropy."""
    factor = np.tile([0, 1, 2, 3], 50)
    codes = np.column_stack([factor, factor // 2]).astype(float)
    assert mutual_information_gap(codes, factor) == pytest.approx(0.5)
    assert sap(codes, factor) == pytest.approx(1 - 0.5)
    assert mutual_information_gap(codes[:, :1], factor) == pytest.approx(1)
    assert sap(codes[:, :1], factor) == pytest.approx(0.75)


def test_lines_in_one_unit_by_hand():
    """With a unit of noise beside, the gap is the squared correlation of the other."""
    x = RNG.normal(size=N)
    codes = np.column_stack([x, np.zeros(N)])
    factor = x + RNG.normal(size=N)
    assert sap(codes, factor) == pytest.approx(np.corrcoef(x, factor)[0, 1] ** 2)


def test_a_rare_category_counts_as_much_as_a_common_one():
    """A threshold is right for 63 of 90 rows of the one and 9 of 10 of the other; a guess for half."""
    factor = np.repeat(["common", "rare"], [90, 10])
    unit = np.repeat([0.0, 1.0, 0.0, 1.0], [63, 27, 1, 9])
    assert sap(unit[:, None], factor) == pytest.approx((63 / 90 + 9 / 10) / 2 - 0.5)


def test_importances_by_hand():
    importances = np.array([[3.0, 1.0], [0.0, 4.0], [0.0, 0.0]])
    entropy = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
    disentangled = 0.5 * (1 - entropy) + 0.5 * 1
    complete = (1 + (1 - -(0.2 * np.log(0.2) + 0.8 * np.log(0.8)) / np.log(3))) / 2
    np.testing.assert_allclose(importance_scores(importances), [disentangled, complete])
    np.testing.assert_allclose(importance_scores(np.ones((3, 2))), [0, 0], atol=1e-12)
    np.testing.assert_allclose(importance_scores(np.zeros((3, 2))), [0, 0], atol=1e-12)
    assert np.isnan(importance_scores(np.ones((3, 1)))[0])
    assert np.isnan(importance_scores(np.ones((1, 3)))[1])


def test_lasso_and_trees_agree_on_straight_codes():
    found = dci(PERFECT[:, :2], FACTORS[:, :2], method="lasso")
    assert min(found.disentanglement, found.completeness, found.informativeness) > 0.95
    found = dci(PERFECT, FACTORS[:, 2:], method="lasso")
    np.testing.assert_array_equal(found.importances.argmax(axis=0), [2, 3])


def test_the_same_seed_gives_the_same_figures():
    a, b = (dci(NOISE[:200], FACTORS[:200], random_state=3) for _ in range(2))
    np.testing.assert_array_equal(a.importances, b.importances)


def test_ties_stay_together():
    values = np.repeat([0.0, 5.0, 6.0, 7.0], [90, 5, 3, 2])
    bins = binned(values, 20)
    assert all(len(np.unique(bins[values == v])) == 1 for v in np.unique(values))
    assert len(np.unique(binned(RNG.normal(size=1000), 20))) == 20


@pytest.mark.parametrize("bins", [2, 3, 7, 20])
def test_bins_do_not_depend_on_the_sign(bins):
    """Counts that bins divide or not, ties at the top, at the bottom, in the middle and everywhere."""
    rng = np.random.default_rng(0)
    for n in (40, 101, 330):
        normal = rng.normal(size=n)
        for values in (normal, np.maximum(normal, np.sort(normal)[-3]), np.maximum(normal, 0), normal.round()):
            found, turned_round = binned(values, bins), binned(-values, bins)
            np.testing.assert_array_equal(turned_round, found.max() - found)
            assert (np.diff(found[np.argsort(values)]) >= 0).all()
            assert found.max() >= 1


def test_a_value_that_fills_bins_is_alone():
    values = np.r_[np.arange(-30.0, 0), np.zeros(100), np.arange(1.0, 71)]
    bins = binned(values, 10)
    assert np.unique(bins[values == 0]).size == 1
    assert (values[bins == bins[values == 0][0]] == 0).all()
    np.testing.assert_array_equal(np.bincount(bins), [20, 10, 100, 10, 20, 20, 20])


def test_the_gap_does_not_depend_on_the_sign():
    rng = np.random.default_rng(0)
    factor = rng.normal(size=3000)
    unit = np.where(factor > 1.75, factor, 0.0)
    codes = unit[:, None]
    gap = mutual_information_gap(codes, factor)
    assert gap > 0.04
    assert mutual_information_gap(-codes, factor) == pytest.approx(gap)
    assert mutual_information_gap(codes, -factor) == pytest.approx(gap)


def test_a_number_that_is_mostly_its_largest():
    rng = np.random.default_rng(0)
    factor = np.r_[np.zeros(2950), rng.normal(size=50) - 3]
    assert mutual_information_gap(factor[:, None], factor) == pytest.approx(1)


def test_factors_of_any_kind():
    words = np.array(["a", "b", "c"])[RNG.integers(0, 3, 90)]
    frame = pd.DataFrame({"colour": words, "size": RNG.normal(size=90), "round": RNG.integers(0, 2, 90) > 0})
    for given in (frame, pl.from_pandas(frame)):
        found = as_factors(given, 90)
        assert [(f.name, f.discrete) for f in found] == [("colour", True), ("size", False), ("round", True)]
    assert as_factors(frame["colour"], 90)[0].name == "colour"
    assert as_factors(frame["colour"].astype("category"), 90)[0].discrete
    assert as_factors(torch.arange(90), 90)[0].discrete is False
    assert as_factors(words.tolist(), 90)[0].discrete
    assert as_factors(np.column_stack([words, words]), 90)[1].name == "factor 1"


def test_a_category_of_one_row():
    factor = np.array(["a"] * 30 + ["b"] * 29 + ["c"])
    codes = np.column_stack([factor == "a", RNG.normal(size=60)]).astype(float)
    assert dci(codes, factor).informativeness > 0.5
    assert dci(codes, ["a"] * 59 + ["b"]).informativeness >= 0


def test_a_model_stands_beside_pca():
    X = turned(FACTORS)[:300] @ RNG.normal(size=(4, 9))
    ae = Autoencoder(4, max_epochs=1, random_state=0).fit(X)
    found = disentanglement(ae, X, pd.DataFrame(FACTORS[:300], columns=["u", "v", "w", "x"]))
    assert found.factors == ("u", "v", "w", "x")
    assert (found.latent_dim, found.pca_dim, found.rows) == (4, 4, 300)
    assert "PCA" in str(found)
    assert json.loads(json.dumps(found.to_dict()))["ours"]["mig"] == found.ours.mig
    given = disentanglement(ae.transform(X), X, FACTORS[:300])
    assert given.ours == found.ours
    assert given.pca.informativeness == pytest.approx(found.pca.informativeness, abs=0.15)
    assert disentanglement(PERFECT[:300], X, FACTORS[:300]).ours.mig > found.pca.mig


def test_where_pca_is_ahead_is_said():
    X = FACTORS[:300, :2] * [1.0, 1.5]
    found = disentanglement(NOISE[:300, :2], X, FACTORS[:300, :2])
    assert "ahead in mig" in str(found)
    assert disentanglement(NOISE[:300, :1], X, FACTORS[:300, 0]).to_dict()["ours"]["disentanglement"] is None


def test_what_cannot_be_used_is_refused():
    Z, factor = NOISE[:50], np.arange(50) % 3
    broken = Z.copy()
    broken[4, 2] = np.nan
    cases = [
        (broken, factor, "nan at row 4, unit 2"),
        (Z[:, 0], factor, r"shape \(50,\)"),
        ([["a", "b"]] * 50, factor, "must be numbers"),
        (Z, factor[:40], "40 rows, but there are 50 codes"),
        (Z, np.zeros(50), "one value alone"),
        (Z, np.where(factor == 1, np.nan, 1.0), "holds nan at row 1"),
        (Z, np.array(["a", None] * 25, dtype=object), "holds None at row 1"),
        (Z, np.zeros((50, 2, 2)), "is expected"),
        (Z, np.zeros((50, 0)), "no factor"),
        (Z[:3], factor[:3], "at least 20"),
    ]
    for codes, factors, said in cases:
        with pytest.raises(DataError, match=said):
            dci(codes, factors)
    for method in ("svm", ["trees"], None):
        with pytest.raises(ParameterError, match="method="):
            dci(Z, factor, method=method)
    for random_state in ("a", -1, 1.5, True):
        with pytest.raises(ParameterError, match="random_state="):
            dci(Z, factor, random_state=random_state)
    with pytest.raises(ParameterError, match="bins=1"):
        mutual_information_gap(Z, factor, bins=1)
    with pytest.raises(DataError, match="codes of the rows of X"):
        disentanglement(Z, NOISE, FACTORS)
    with pytest.raises(NotFittedError):
        disentanglement(Autoencoder(2), NOISE, FACTORS)


def test_a_figure_for_every_kind(table, digits, waves):
    figure = explanation_figure(table[0].explain_latent(), units=3)
    assert figure.data[0].z.shape == (3, 30)
    pictures = explanation_figure(digits[0].explain_latent())
    assert len(pictures.data) == 8
    assert pictures.data[0].z.shape == (8, 8)
    lines = explanation_figure(waves[0].explain_latent())
    assert len(lines.data) == 3 * 2
    assert len(lines.data[0].y) == 40
    for drawn in (figure, pictures, lines):
        assert "unit 0" in drawn.to_json()
    with pytest.raises(ParameterError, match="units=0"):
        explanation_figure(table[0].explain_latent(), units=0)


def test_names_in_the_figure_are_harmless(wide):
    text = explanation_figure(wide[0].explain_latent()).to_json()
    assert "alert(" in text
    assert "<script" not in text
    assert "\\u003cscript" not in text
