"""What a detector takes for recordings: series, lists, labels in lists, and what it refuses with words."""

import numpy as np
import pandas as pd
import pytest

from isthmus import AnomalyDetector
from isthmus.exceptions import DataError


def noise(n, seed=0, channels=1):
    return np.random.default_rng(seed).normal(size=(n, channels))


def detector(window: int | str = 8):
    return AnomalyDetector(window=window, random_state=0, device="cpu")


@pytest.fixture(scope="module")
def fitted():
    return detector().fit([noise(60, 0), noise(50, 1)])


def test_series_are_recordings_of_one_channel(fitted):
    series = [pd.Series(noise(30, 2)[:, 0]), pd.Series(noise(20, 3)[:, 0])]
    found = fitted.score_samples(series)
    assert [len(one) for one in found] == [30, 20]
    np.testing.assert_array_equal(found[1], fitted.score_samples(noise(20, 3)))
    assert fitted.score_samples(series[0]).shape == (30,)


@pytest.mark.parametrize("X", [[[1, 2, 3], [4, 5]], [[[1, 2], [3]], [[1, 2]]]])
def test_lists_of_unequal_lengths_are_refused_with_words(fitted, X):
    with pytest.raises(DataError, match="unequal lengths"):
        detector().fit(X)
    with pytest.raises(DataError, match="unequal lengths"):
        fitted.score_samples(X)


def test_a_refusal_says_what_was_understood(fitted):
    with pytest.raises(DataError, match=r"Recording 0 of 2 .* has 3 steps of 1 channel"):
        detector().fit([np.arange(3.0), np.arange(3.0)])
    with pytest.raises(DataError, match=r"Recording 0 of 1 .* has 2 steps of 3 channel"):
        detector().fit([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    with pytest.raises(DataError, match="has 3 steps of 1 channel"):
        fitted.score_samples([np.arange(3.0), np.arange(3.0)])


def test_auto_refuses_a_recording_of_one_step():
    with pytest.raises(DataError, match=r"Recording 1 of 2 .* has 1 steps of 2 channel"):
        detector("auto").fit([noise(60, channels=2), noise(1, channels=2)])


def test_labels_of_several_recordings_are_a_list():
    X, y = [noise(40, 2), noise(30, 3)], [np.zeros(40, int), np.zeros(30, int)]
    X[0][20:25] += 6
    y[0][20:25] = 1
    one, several = (detector().fit([noise(60, 0), noise(50, 1)]) for _ in range(2))
    line = several.threshold(X=X, y=y)
    scores = several.score_samples(X)
    assert (scores[0][20:25] < line).all()
    assert line == one.threshold(X=X, y=[one.tolist() for one in y])
    with pytest.raises(DataError, match=r"lengths \[40, 30\]; got shapes \[\(30,\), \(40,\)\]"):
        several.threshold(X=X, y=y[::-1])
    with pytest.raises(DataError, match="2 recordings"):
        several.threshold(X=X, y=np.concatenate(y))
    with pytest.raises(DataError, match="2 recordings"):
        several.threshold(X=X)


def test_no_rows_settle_nothing(fitted):
    fitted.reset()
    assert fitted.update(np.zeros((0, 1))).shape == (0,)
    fitted.update(noise(10))
    pending = fitted.pending()
    assert fitted.update(np.zeros((0, 1))).shape == (0,)
    np.testing.assert_array_equal(fitted.pending(), pending)


def test_a_fit_on_rows_forgets_the_window():
    again = detector().fit(noise(60))
    again.set_params(window=None, parts=("knn",)).fit(noise(60))
    assert not hasattr(again, "window_")
    assert again.score_samples(noise(5)).shape == (5,)
