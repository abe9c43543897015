"""The detector on recordings: what it finds, rows as they come, gaps, time stamps, lists, files, and bad input."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score

from isthmus import AnomalyDetector, load
from isthmus.exceptions import DataError, ParameterError
from isthmus.tasks.series.windows import period
from isthmus.tasks.series.yardstick import DELAY, Yardstick

LENGTH = 24


def usual(n, seed=0, start=0):
    """Two channels that swing together every 24 steps, with noise."""
    t = (start + np.arange(n)) / LENGTH * 2 * np.pi
    return np.column_stack([np.sin(t), np.cos(t)]) + 0.1 * np.random.default_rng(seed).normal(size=(n, 2))


@pytest.fixture(scope="module")
def detector():
    return AnomalyDetector(window=LENGTH, random_state=0, device="cpu").fit(usual(400))


def other(kind):
    """A recording of 600 steps, of which 300 to 340 are strange in the second channel."""
    X, inside = usual(600, 1), slice(300, 340)
    t = np.arange(40)
    changed = {
        "faster": lambda: np.cos(t / 8 * 2 * np.pi),
        "shift": lambda: X[inside, 1] + 0.6,
        "spike": lambda: X[inside, 1] + 3 * (t == 20),
        "flat": lambda: np.zeros(40),
        "noise": lambda: X[inside, 1] + np.random.default_rng(2).normal(size=40) * 0.4,
    }
    X[inside, 1] = changed[kind]()
    return X, (np.arange(600) >= 300) & (np.arange(600) < 340)


@pytest.mark.parametrize("kind", ["faster", "shift", "spike", "flat", "noise"])
def test_each_sort_of_change_is_found_at_its_step_and_channel(detector, kind):
    X, strange = other(kind)
    scores, cells = detector.score_samples(X), detector.score_cells(X)
    assert scores.shape == (600,)
    assert cells.shape == X.shape
    assert scores.max() <= 0
    assert cells.max() <= 0
    assert roc_auc_score(strange, -scores) > 0.97
    assert cells[strange, 1].sum() < 3 * cells[strange, 0].sum()
    at = 320 if kind == "spike" else slice(305, 335)
    assert np.all(detector.predict(X)[at] == -1)
    assert (detector.predict(usual(600, 3)) == -1).mean() < 0.1


@settings(max_examples=12, deadline=None)
@given(cuts=st.lists(st.integers(1, 199), max_size=8), gaps=st.booleans())
def test_rows_as_they_come_have_the_scores_of_the_whole(detector, cuts, gaps):
    X = other("shift")[0][200:400].copy()
    if gaps:
        X[60:75, 0] = np.nan
        X[130] = np.nan
    detector.reset()
    pieces = [detector.update(piece) for piece in np.split(X, sorted(set(cuts)))]
    whole = detector.score_samples(X)
    np.testing.assert_allclose(np.concatenate([*pieces, detector.pending()]), whole, rtol=1e-9)


def test_a_step_is_settled_a_window_later_and_a_reset_begins_anew(detector):
    X = usual(100, 4)
    detector.reset()
    assert len(detector.update(X[: LENGTH - 1])) == 0
    assert np.isnan(detector.pending()).all()
    assert len(detector.update(X[LENGTH - 1])) == 1
    assert len(detector.pending()) == LENGTH - 1
    detector.reset()
    assert len(detector.pending()) == 0
    np.testing.assert_allclose(detector.update(X), detector.score_samples(X)[: 100 - LENGTH + 1], rtol=1e-9)


def test_a_missing_run_is_no_anomaly_and_counts_for_nothing(detector):
    X = usual(400, 5)
    X[100:110, 1] = np.nan
    X[200:260] = np.nan
    scores, cells = detector.score_samples(X), detector.score_cells(X)
    assert np.isfinite(scores).all()
    assert scores.min() > detector.offset_ - 2
    assert (cells[np.isnan(X)] == 0).all()
    # What is not there can be anything: only the values seen count.
    np.testing.assert_allclose(scores[300:], detector.score_samples(usual(400, 5))[300:], atol=0.5)


def test_a_gap_in_training_is_learnt_around():
    X = usual(400)
    X[50:80, 0] = np.nan
    scores = AnomalyDetector(window=LENGTH, random_state=0, device="cpu").fit(X).score_samples(other("shift")[0])
    assert roc_auc_score(other("shift")[1], -scores) > 0.97


def test_recordings_of_unequal_lengths_are_a_list_in_and_out(detector):
    several = AnomalyDetector(window=LENGTH, random_state=0, device="cpu").fit([usual(200), usual(150, 7)])
    X = [usual(100, 8), other("faster")[0]]
    for verb in ("score_samples", "predict", "p_values", "decision_function", "score_cells"):
        found = getattr(several, verb)(X)
        assert [len(one) for one in found] == [100, 600]
    np.testing.assert_array_equal(several.score_samples(X)[1], several.score_samples(X[1]))
    assert several.n_rows_ == 350


def test_one_channel_comes_with_one_axis_or_two():
    x = usual(300)[:, 0]
    a = AnomalyDetector(window=LENGTH, random_state=0, device="cpu").fit(x)
    b = AnomalyDetector(window=LENGTH, random_state=0, device="cpu").fit(x[:, None])
    np.testing.assert_array_equal(a.score_samples(x), b.score_samples(x.tolist()))


def test_time_stamps_are_set_aside_and_categories_refused(tmp_path):
    frame = pd.DataFrame(usual(200), columns=["flow", "heat"])
    frame.insert(0, "when", pd.date_range("2024-01-01", periods=200, freq="h"))
    frame.to_csv(tmp_path / "series.csv", index=False)
    with pytest.warns(UserWarning, match="'when'.*time stamps"):
        detector = AnomalyDetector(window=LENGTH, random_state=0, device="cpu").fit(frame)
    assert list(detector.feature_names_in_) == ["flow", "heat"]
    with pytest.warns(UserWarning, match="time stamps"):
        scores = detector.score_samples(tmp_path / "series.csv")
    np.testing.assert_allclose(scores, detector.score_samples(frame[["flow", "heat"]]), rtol=1e-6)
    with pytest.raises(DataError, match=r"'state'.*categories"):
        AnomalyDetector(window=LENGTH).fit(frame.assign(state=["on", "off"] * 100))


def test_reasons_name_the_channel_and_add_up(detector):
    X, strange = other("shift")
    told = detector.explain(X)
    np.testing.assert_allclose(told.contributions.sum(1), -detector.score_samples(X))
    assert told.reasons(320)[0][0] == "1"
    assert np.abs(told.expected[~strange] - X[~strange]).mean() < 0.15


def test_what_lasts_becomes_usual_after_four_windows(detector):
    X = usual(400 + 40 * LENGTH, 9)
    X[300:] += 1.0
    scores = -detector.score_samples(X)
    assert scores[300 + LENGTH : 300 + DELAY * LENGTH].min() > scores[:250].max()
    assert scores[-100:].mean() < 0.5 * scores[300 + LENGTH : 300 + DELAY * LENGTH].mean()


def test_the_yardstick_learns_mean_and_spread_after_its_delay():
    rng = np.random.default_rng(0)
    first, then = rng.normal(3, 1, (200, 2)), rng.normal(5, 2, (3000, 2))
    yardstick = Yardstick.of(first, 5)
    early = yardstick.follow(then[:20])
    np.testing.assert_allclose(early, (then[:20] - first.mean(0)) / (first.std(0) + 0.05 * first.mean(0)), rtol=1e-6)
    yardstick.follow(then[20:])
    both = np.concatenate([first, then[:-21]])
    np.testing.assert_allclose(yardstick.mean, both.mean(0), rtol=0.02)
    np.testing.assert_allclose(yardstick.spread, both.std(0), rtol=0.05)


@pytest.mark.parametrize("novelty", [False, True])
def test_the_share_asked_for_is_flagged_and_strange_training_steps_are_left_out(novelty):
    X, strange = other("spike")
    detector = AnomalyDetector(window=LENGTH, novelty=novelty, contamination=0.1, random_state=0, device="cpu")
    flagged = detector.fit_predict(X) == -1
    assert flagged.sum() == 60
    assert flagged[320]
    assert roc_auc_score(strange, -detector.score_samples(X)) > 0.9


@pytest.mark.parametrize("steps", [9, 24, 60])
def test_auto_finds_the_period(steps):
    t = np.arange(400)
    x = np.sin(t / steps * 2 * np.pi) + 0.5 * np.sin(t / steps * 4 * np.pi) + t / 100
    assert abs(period([x[:, None]]) - steps) <= 1
    assert AnomalyDetector(window="auto", random_state=0, device="cpu").fit(x).window_ == period([x[:, None]])


def test_auto_without_a_period_takes_what_the_length_allows():
    noise = np.random.default_rng(0).normal(size=(1000, 1))
    assert period([noise]) == 50
    assert period([noise[:80]]) == 10


def test_saved_and_loaded_it_scores_alike(detector, tmp_path):
    X = other("faster")[0]
    detector.save(tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.score_samples(X), detector.score_samples(X))
    np.testing.assert_array_equal(again.predict(X), detector.predict(X))
    np.testing.assert_array_equal(again.p_values(X), detector.p_values(X))
    again.update(X[:50])
    assert again.window_ == LENGTH


def test_constant_channels_and_steps_are_scored():
    X = np.column_stack([usual(300)[:, 0], np.full(300, 7.0)])
    detector = AnomalyDetector(window=LENGTH, random_state=0, device="cpu").fit(X)
    X[200:210, 1] = 8.0
    scores = detector.score_samples(X)
    assert np.isfinite(scores).all()
    assert 195 <= scores.argmin() <= 215
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        flat = AnomalyDetector(window=LENGTH, random_state=0, device="cpu").fit(np.ones((100, 1)))
    assert np.isfinite(flat.score_samples(np.ones((100, 1)))).all()


def test_bad_input_is_refused_with_words(detector):
    with pytest.raises(ParameterError, match="window=1"):
        AnomalyDetector(window=1).fit(usual(100))
    with pytest.raises(DataError, match="too few to learn windows of 24"):
        AnomalyDetector(window=LENGTH).fit(usual(25))
    with pytest.raises(DataError, match=r"has 10 steps of 2 channel\(s\), fewer than the window of 24"):
        detector.score_samples(usual(10))
    with pytest.raises(DataError, match=r"\(2, 3, 4\)"):
        AnomalyDetector(window=2).fit(np.zeros((2, 3, 4)))
    with pytest.raises(DataError, match="expecting 2"):
        detector.score_samples(np.zeros((100, 3)))
    with pytest.raises(DataError, match="recording 0"):
        AnomalyDetector(window=5).fit([usual(50), usual(50)[:, :1]])
    infinite = usual(100)
    infinite[7, 1] = np.inf
    with pytest.raises(DataError, match="row 7"):
        detector.score_samples(infinite)
    with pytest.raises(DataError, match="missing"):
        AnomalyDetector(window=5).fit(np.full((60, 2), np.nan))
    with pytest.raises(ParameterError, match="parts="):
        AnomalyDetector(window=5, parts=("knn",)).fit(usual(100))
    with pytest.raises(ParameterError, match="fit with window="):
        AnomalyDetector(parts=("knn",)).fit(usual(50)).score_cells(usual(50))
    with pytest.raises(ParameterError, match="partial_fit"):
        detector.partial_fit(usual(100))
    with pytest.raises(ParameterError, match="drift"):
        detector.drift(usual(100))
    with pytest.raises(NotFittedError):
        AnomalyDetector(window=5).update(usual(5))
