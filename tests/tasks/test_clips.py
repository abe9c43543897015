"""Windows over the frames of a video."""

import doctest

import numpy as np
import pytest

from isthmus.exceptions import DataError, ParameterError
from isthmus.tasks import clips
from isthmus.tasks.clips import windows


@pytest.mark.parametrize("n", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("context", [0, 1, 2, 3])
def test_each_frame_with_its_neighbours(n, context):
    frames = np.arange(n * 12, dtype=np.uint8).reshape(n, 2, 3, 2)
    found = list(windows(frames, context))
    assert len(found) == n
    for t, window in enumerate(found):
        wanted = [frames[min(max(t + k, 0), n - 1)] for k in range(-context, context + 1)]
        np.testing.assert_array_equal(window, np.concatenate(wanted, axis=-1))


def test_frames_are_read_once_and_no_sooner_than_needed():
    read = []

    def frames():
        for i in range(6):
            read.append(i)
            yield np.zeros((1, 1, 1))

    for made, _ in enumerate(windows(frames(), context=2), 1):
        assert len(read) == min(6, made + 2)
    assert read == list(range(6))


def test_no_frames_no_windows():
    assert list(windows([], 2)) == []


def test_refused():
    with pytest.raises(DataError, match=r"Frame 1 has the shape \(2, 3, 1\), the first one \(2, 2, 1\)"):
        list(windows([np.zeros((2, 2, 1)), np.zeros((2, 3, 1))], 1))
    with pytest.raises(ParameterError, match="context=-1"):
        list(windows([np.zeros((2, 2, 1))], -1))


@pytest.mark.parametrize("module", [clips])
def test_docstrings(module):
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed
