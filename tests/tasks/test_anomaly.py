"""The detector: what it finds, what its probabilities mean, reasons, lines, files, and bad input."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from isthmus import AnomalyDetector, load
from isthmus.exceptions import DataError, ParameterError
from isthmus.tasks.anomaly_parts import PARTS

FAST = ("knn", "mahalanobis")


def usual(n, seed=0):
    """Rows of four columns near a plane in which the last two follow from the first two."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 2))
    return np.column_stack([z, z[:, 0] - z[:, 1], z[:, 0] + z[:, 1]]) + 0.1 * rng.normal(size=(n, 4))


def strange(n, seed=1):
    """Rows whose columns each look usual, but do not go together: the third has the wrong sign."""
    rows = usual(8 * n, seed)
    return rows[np.abs(rows[:, 2]) > 1][:n] * [1, 1, -1, 1]


def mixed():
    return np.vstack([usual(380), strange(20)]), np.repeat([0, 1], [380, 20])


@pytest.fixture
def short(monkeypatch):
    """Networks that are hardly trained: for what does not hang on how good they are."""
    monkeypatch.setattr("isthmus.tasks.anomaly_parts.denoiser.STEPS", 60)


@pytest.fixture(scope="module")
def clean():
    return AnomalyDetector(novelty=True, parts=FAST, random_state=0).fit(usual(1000))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("novelty", [True, False])
@pytest.mark.usefixtures("short")
def test_each_part_finds_strange_rows(part, novelty):
    X, y = mixed()
    X[-20:] *= 3
    detector = AnomalyDetector(novelty=novelty, parts=(part,), random_state=0, device="cpu")
    scores = -detector.fit(usual(300) if novelty else X).score_samples(X)
    assert detector.parts_ == (part,)
    assert scores.min() >= 0
    assert roc_auc_score(y, scores) > 0.9


def test_what_does_not_go_together_is_found_by_default_with_clean_rows():
    X, y = mixed()
    detector = AnomalyDetector(novelty=True, random_state=0, device="cpu").fit(usual(300, seed=5))
    assert detector.parts_ == ("knn", "noise", "residual", "mahalanobis")
    assert roc_auc_score(y, -detector.score_samples(X)) > 0.95


def test_rows_left_out_do_not_hide_one_another():
    """Forty equal strange rows are each other's neighbours; the first look sees past them."""
    X = np.vstack([usual(960), np.tile([4.0, 4.0, 4.0, -4.0], (40, 1)) + 1e-3 * usual(40, 3)])
    scores = -AnomalyDetector(random_state=0).fit(X).score_samples(X)
    assert scores[-40:].min() > np.quantile(scores[:-40], 0.99)


@pytest.mark.usefixtures("short")
def test_the_same_seed_gives_the_same_scores():
    X, _ = mixed()
    a, b, other = (
        AnomalyDetector(parts=("noise",), random_state=seed, device="cpu").fit(X).score_samples(X) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - other).max() > 0


def test_conformal_p_values_flag_at_most_alpha_of_usual_rows():
    """On average over fits: 60 fits of 99 rows held out; the standard error of the mean is about 0.0015."""
    rates = {0.01: [], 0.1: []}
    for seed in range(60):
        X = np.random.default_rng(seed).normal(size=(990 + 300, 2))
        detector = AnomalyDetector(novelty=True, parts=("mahalanobis",), random_state=seed).fit(X[:990])
        p = detector.p_values(X[990:])
        for alpha, found in rates.items():
            found.append((p <= alpha).mean())
    assert np.mean(rates[0.01]) <= 0.01 + 0.004
    assert 0.08 < np.mean(rates[0.1]) <= 0.1 + 0.012


def test_rows_held_out_are_not_fitted_on(clean):
    assert len(clean.calibration_scores_) == 100
    kept, judged = clean._rows.kept, clean._rows.judged
    assert not set(kept) & set(judged)
    assert len(kept) == 900
    assert clean.p_values(np.full((1, 4), 50.0))[0] == 1 / 101


def test_false_discoveries_are_bounded(clean):
    X = np.vstack([usual(200, 7), strange(200, 8) * 4])
    flagged = clean.predict(X, fdr=0.2) == -1
    assert flagged[200:].mean() > 0.5
    assert flagged[:200].sum() / flagged.sum() < 0.35
    with pytest.raises(ParameterError, match="fdr=2"):
        clean.predict(X, fdr=2)


def test_contamination_flags_that_share():
    X, _ = mixed()
    detector = AnomalyDetector(contamination=0.05, parts=FAST, random_state=0).fit(X)
    assert (detector.predict(X) == -1).sum() == 20


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("parts", [FAST, ("noise", "residual", "forest")])
def test_contributions_add_up_to_the_score_and_name_the_column(parts):
    X = usual(300)
    detector = AnomalyDetector(novelty=True, parts=parts, random_state=0, device="cpu").fit(
        pd.DataFrame(X, columns=list("abcd"))
    )
    row = pd.DataFrame(usual(1, 9), columns=list("abcd"))
    row["c"] += 8.0
    told = detector.explain(row)
    np.testing.assert_allclose(told.contributions.sum(1), -detector.score_samples(row))
    name, value, expected, contribution = told.reasons(0)[0]
    assert name == "c"
    assert value == row["c"][0]
    assert abs(expected - (value - 8)) < abs(expected - value)
    assert contribution > 0.4 * told.scores[0]
    frame = told.to_table().to_pandas()
    assert list(frame.columns) == ["row", "column", "value", "expected", "contribution", "score"]
    assert len(frame) == 4


def test_drift_is_seen_where_there_is_some(clean):
    still, moved = clean.drift(usual(200, 11)), clean.drift(usual(200, 12) + np.array([0, 0.8, 0, 0]))
    assert still.p_value > 0.01
    assert moved.p_value <= 0.01
    assert next(iter(moved.shifts)) == "1"
    assert moved.shifts["1"] == pytest.approx(0.8, abs=0.35)
    assert 0 <= still.distance < moved.distance <= 1


def test_drift_of_codes_holds_its_level():
    detector = AnomalyDetector(novelty=True, parts=("mahalanobis",), random_state=0).fit(usual(1000))
    p = np.array([detector.drift(usual(60, seed)).p_value for seed in range(20, 60)])
    assert 0.25 < p.mean() < 0.75


def test_lines_by_budget_false_alarms_and_labels(clean):
    detector = pickle.loads(pickle.dumps(clean))
    budget = detector.threshold(budget=50, rows=1000)
    assert detector.offset_ == budget
    assert (detector.predict(usual(2000, 13)) == -1).mean() == pytest.approx(0.05, abs=0.04)
    assert detector.threshold(false_alarms=0.05) == budget
    X, y = np.vstack([usual(20, 14), strange(20, 15) * 4]), np.repeat([0, 1], 20)
    by_labels = detector.threshold(X=X, y=y)
    assert ((detector.predict(X) == -1) == (y == 1)).mean() > 0.9
    assert detector.threshold(X=X, y=1 - 2 * y) == by_labels
    assert detector.threshold(X=X, y=y.astype(bool)) == by_labels


def test_lines_that_cannot_be_drawn_are_refused(clean):
    with pytest.raises(ParameterError, match="Give exactly one"):
        clean.threshold()
    with pytest.raises(ParameterError, match="Give exactly one"):
        clean.threshold(false_alarms=0.1, budget=3, rows=5)
    with pytest.raises(ParameterError, match="needs at least 999 calibration rows"):
        clean.threshold(false_alarms=0.001)
    with pytest.raises(ParameterError, match="budget=50 and rows=None"):
        clean.threshold(budget=50)
    with pytest.raises(DataError, match="labels of both sorts"):
        clean.threshold(X=usual(3), y=[1, 1, 1])


@pytest.mark.usefixtures("short")
def test_partial_fit_learns_a_new_region():
    far = usual(300, 16) + 6
    detector = AnomalyDetector(novelty=True, parts=("knn", "noise"), random_state=0, device="cpu").fit(usual(300))
    before = detector.score_samples(far[:50]).mean()
    detector.partial_fit(far[50:])
    assert detector.n_rows_ == 550
    assert detector.score_samples(far[:50]).mean() > before / 1.8
    assert len(detector.calibration_scores_) == 30 + 25


def test_partial_fit_alone_is_a_fit():
    X, y = mixed()
    detector = AnomalyDetector(parts=FAST, random_state=0).partial_fit(X)
    np.testing.assert_array_equal(detector.score_samples(X), clone(detector).fit(X).score_samples(X))
    assert roc_auc_score(y, -detector.score_samples(X)) > 0.9


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("novelty", [True, False])
def test_a_detector_comes_back_from_its_folder_to_the_bit(tmp_path, novelty):
    X, _ = mixed()
    frame = pd.DataFrame(X, columns=list("abcd"))
    detector = AnomalyDetector(novelty=novelty, parts=tuple(PARTS), random_state=0, device="cpu").fit(frame)
    detector.threshold(false_alarms=0.1)
    detector.save(tmp_path / "model")
    again = load(tmp_path / "model", device="cpu")
    np.testing.assert_array_equal(again.score_samples(frame), detector.score_samples(frame))
    np.testing.assert_array_equal(again.p_values(frame), detector.p_values(frame))
    np.testing.assert_array_equal(again.explain(frame[:5]).contributions, detector.explain(frame[:5]).contributions)
    assert (again.offset_, again.parts_) == (detector.offset_, detector.parts_)
    assert again.partial_fit(frame[:50]).n_rows_ == 450
    assert not [p for p in (tmp_path / "model").iterdir() if p.suffix in (".pkl", ".pt")]


def test_every_kind_of_data():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 80, size=(60, 8, 9, 3)).astype(np.uint8)
    pictures[3] += 120
    told = AnomalyDetector(parts=FAST, random_state=0).fit(pictures).explain(pictures[:4])
    assert told.scores.argmax() == 3
    assert told.contributions.shape == (4, 8 * 9 * 3)
    assert told.columns[-1] == "7,8,2"
    np.testing.assert_array_equal(told.values[3], pictures[3].ravel())
    series = np.sin(np.linspace(0, 6, 30))[None, :, None] + 0.1 * rng.normal(size=(60, 30, 2))
    series[5, 10:15] += 2
    told = AnomalyDetector(parts=FAST, random_state=0).fit(series).explain(series[:8])
    assert told.scores.argmax() == 5
    assert told.reasons(5)[0][0].split(",")[0] in {"10", "11", "12", "13", "14"}
    dense = usual(80) * (rng.random((80, 4)) < 0.5)
    a, b = (AnomalyDetector(parts=FAST, random_state=0).fit(X) for X in (dense, sparse.csr_matrix(dense)))
    np.testing.assert_allclose(a.score_samples(dense), b.score_samples(sparse.csr_matrix(dense)))


def test_a_picture_column_by_column_stands_where_it_was():
    """The slots of a picture are ordered otherwise than its values."""
    pictures = np.random.default_rng(0).normal(size=(200, 8, 9, 3)).astype(np.float32)
    detector = AnomalyDetector(novelty=True, parts=FAST, random_state=0).fit(pictures)
    odd = pictures[:1].copy()
    odd[0, 2, 5, 1] += 40
    assert detector.explain(odd).reasons(0)[0][0] == "2,5,1"


def test_missing_cells_are_neither_strange_nor_usual():
    X = usual(300)
    X[::7, 1] = np.nan
    detector = AnomalyDetector(parts=FAST, random_state=0).fit(X)
    row = np.array([[np.nan] * 4])
    scores = detector.score_samples(np.vstack([X, row]))
    assert np.isfinite(scores).all()
    assert scores[-1] > np.quantile(scores, 0.5)
    assert np.isnan(detector.explain(row).values).all()


def test_a_missing_cell_of_zeros_and_ones_is_not_a_zero():
    X = (np.random.default_rng(0).random((400, 3)) < [0.5, 0.9, 0.5]).astype(float)
    detector = AnomalyDetector(novelty=True, parts=("mahalanobis",), random_state=0).fit(X)
    zero, unknown = detector.score_samples([[1, 0, 1], [1, np.nan, 1]])
    assert zero < unknown - 0.3


def test_a_new_value_in_a_column_that_never_varied_counts():
    X = np.column_stack([usual(200), np.ones(200)])
    detector = AnomalyDetector(novelty=True, parts=FAST, random_state=0).fit(X)
    odd = X[:1].copy()
    odd[0, 4] = 9
    assert detector.explain(odd).reasons(0)[0][0] == "4"
    assert detector.predict(odd)[0] == -1


def test_constant_scores_are_warned_of():
    with pytest.warns(UserWarning, match="same anomaly score"):
        AnomalyDetector(parts=FAST, random_state=0).fit(np.ones((30, 2)))


def test_no_warning_on_good_rows():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AnomalyDetector(parts=FAST, random_state=0).fit(usual(50)).predict(usual(5))


def test_a_sample_is_fitted_on_where_there_are_many_rows(monkeypatch):
    monkeypatch.setattr("isthmus.tasks.anomaly.MOST_FITTED", 200)
    monkeypatch.setattr("isthmus.tasks.anomaly.MOST_REFERENCES", 50)
    X, y = mixed()
    detector = AnomalyDetector(parts=FAST, random_state=0).fit(X)
    assert (detector.n_rows_, len(detector._rows.x), len(detector._ensemble_.references)) == (400, 200, 50)
    assert roc_auc_score(y, -detector.score_samples(X)) > 0.9
    detector.partial_fit(usual(300, 17))
    assert (detector.n_rows_, len(detector._rows.x)) == (700, 200)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"parts": ("knn", "gan")}, "parts=.*'mahalanobis'"),
        ({"parts": ()}, "parts="),
        ({"parts": "knn"}, "parts='knn'.*such as"),
        ({"contamination": 0.7}, "contamination=0.7"),
        ({"contamination": "lots"}, "contamination='lots'"),
        ({"novelty": "yes"}, "novelty='yes'"),
    ],
)
def test_parameters_are_checked_in_fit(given, said):
    with pytest.raises(ParameterError, match=f"AnomalyDetector: {said}"):
        AnomalyDetector(**given).fit(usual(20))


def test_bad_rows_are_refused_by_name(clean):
    X = usual(50)
    X[4, 2] = np.inf
    for use in (AnomalyDetector(parts=FAST).fit, clean.score_samples):
        with pytest.raises(DataError, match=r"[Ii]nfinit.*row 4.*column 2"):
            use(X)
    X[4, 2] = 1e30
    assert np.isfinite(clean.score_samples(X)).all()
    assert clean.predict(X)[4] == -1
    assert np.isfinite(AnomalyDetector(parts=FAST, random_state=0).fit(X).score_samples(X)).all()
    with pytest.raises(DataError, match="1 sample"):
        AnomalyDetector().fit(usual(1))
    with pytest.raises(DataError, match="AnomalyDetector is expecting 4"):
        clean.score_samples(usual(3)[:, :2])
    with pytest.raises(DataError, match="2 or more"):
        clean.drift(usual(1))
