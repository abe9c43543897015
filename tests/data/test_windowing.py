"""Recordings cut into windows and put together again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus import Autoencoder
from isthmus.data import cut_windows, join_windows
from isthmus.exceptions import DataError, ParameterError


@settings(max_examples=100, deadline=None)
@given(st.data(), st.integers(1, 40), st.integers(1, 3))
def test_there_and_back(data, time, channels):
    length = data.draw(st.integers(1, time))
    stride = data.draw(st.none() | st.integers(1, length))
    x = np.random.default_rng(0).normal(size=(time, channels))
    windows = cut_windows(x, length, stride)
    assert windows.shape[1:] == (length, channels)
    np.testing.assert_allclose(join_windows(windows, time, stride), x, rtol=1e-12)
    assert join_windows(windows[..., 0], time, stride).shape == (time,)


def test_each_step_is_the_mean_over_its_windows_and_missing_ones_count_for_nothing():
    windows = np.array([[1.0, 1.0], [3.0, np.nan], [np.nan, np.nan]])
    joined = join_windows(windows, 4, stride=1)
    np.testing.assert_array_equal(joined, [1.0, 2.0, np.nan, np.nan])


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda: cut_windows(np.zeros(3), 4), DataError, "3 steps, fewer than a window of 4"),
        (lambda: cut_windows(np.zeros(9), 4, 5), ParameterError, "left out"),
        (lambda: cut_windows(np.zeros(9), 0), ParameterError, "length=0"),
        (lambda: cut_windows(np.zeros(9), 4, 1.5), ParameterError, "stride=1.5"),
        (lambda: cut_windows(np.zeros((9, 1, 1)), 4), DataError, r"\(9, 1, 1\)"),
        (lambda: join_windows(np.zeros((2, 4)), 20), DataError, "2 windows of 4 steps, but a recording of 20"),
    ],
)
def test_what_makes_no_sense_is_refused(act, error, words):
    with pytest.raises(error, match=words):
        act()


def test_a_long_recording_through_an_autoencoder():
    t = np.arange(600)
    x = np.column_stack([np.sin(t / 9), np.cos(t / 9)])
    windows = cut_windows(x, 40)
    ae = Autoencoder(3, kind="sequence", max_epochs=5, random_state=0).fit(windows)
    back = join_windows(ae.reconstruct(windows), len(x))
    assert np.square(back - x).mean() < 0.1 * x.var()
