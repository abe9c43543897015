"""Sequences of unequal lengths: there and exactly back, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from isthmus.data import as_raw, preparation_for, restore_preparation
from isthmus.exceptions import DataError

VALUES = st.floats(-1e6, 1e6, width=64)
SEQUENCES = st.lists(st.integers(1, 9), min_size=2, max_size=6, unique=True).flatmap(
    lambda lengths: st.tuples(*(hnp.arrays(np.float64, (n, 2), elements=VALUES) for n in lengths))
)


def prepared(X):
    raw = as_raw(list(X))
    preparation = preparation_for(raw).fit(raw)
    return raw, preparation, preparation.transform(raw, torch.float64)


@settings(max_examples=60, deadline=None)
@given(SEQUENCES)
def test_there_and_back(X):
    raw, preparation, there = prepared(X)
    back = preparation.give_back(preparation.inverse(there.x.numpy()), raw)
    restored = restore_preparation(preparation.config(), preparation.arrays())
    again = restored.give_back(restored.inverse(there.x.numpy()))
    for x, y, z in zip(X, back, again, strict=True):
        np.testing.assert_allclose(y, x, rtol=1e-9, atol=1e-6 * (1 + np.abs(x).max()))
        np.testing.assert_array_equal(z, y)


def test_padding_is_zero_masked_and_told_by_the_last_channel():
    _, preparation, there = prepared([np.full((3, 1), 5.0), np.arange(6.0)[:, None]])
    assert preparation.shape_ == (8, 2)
    assert there.x[0, :, 1].tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert (there.x[0, 3:, 0] == 0).all()
    assert there.mask[0, :, 0].tolist() == [True] * 3 + [False] * 5
    assert there.mask[..., 1].all()


def test_padding_is_not_in_the_scaling():
    short, long = np.random.default_rng(0).normal(3, 2, (2, 1)), np.random.default_rng(1).normal(3, 2, (90, 1))
    _, _, there = prepared([short, long])
    values = there.x[..., 0][there.mask[..., 0]]
    assert abs(float(values.mean())) < 1e-9
    assert abs(float(values.std(correction=0)) - 1) < 1e-9


def test_gaps_are_told_apart_from_padding():
    gap = np.arange(8.0).reshape(4, 2)
    gap[3] = np.nan  # the last step is there, and missing
    raw, preparation, there = prepared([gap, np.ones((5, 2))])
    assert preparation.gaps_
    assert raw.lengths.tolist() == [4, 5]
    assert there.x[0, :, 2].sum() == 4
    assert not there.mask[0, 3, :2].any()
    assert len(preparation.give_back(preparation.inverse(there.x.numpy()), raw)[0]) == 4
    assert not prepared([gap[:3], np.ones((5, 2))])[1].gaps_


def test_types_come_back_as_they_came():
    flat = [np.ones(2, np.float32), np.zeros(4, np.float32)]
    raw = as_raw(flat, kind="sequence")
    back = preparation_for(raw).fit(raw)
    given = back.give_back(back.inverse(back.transform(raw).x.numpy()), raw)
    assert [part.shape for part in given] == [(2,), (4,)]
    assert given[0].dtype == np.float32
    _, preparation, there = prepared([torch.ones(2, 3), torch.zeros(4, 3)])
    given = preparation.give_back(preparation.inverse(there.x.numpy()))
    assert isinstance(given[0], torch.Tensor)
    assert given[0].shape == (2, 3)


def test_lists_of_lists_are_taken_too():
    assert as_raw([[[1, 2]], [[1, 2], [3, 4]]]).lengths.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ([np.ones((9, 2))], "Sequence 0 .* has 9 steps, but Autoencoder takes 8 at most: .* had 6"),
        ([np.ones((2, 3)), np.ones((3, 3))], "3 channels.*expecting 2"),
        ([np.array([[1.0, np.inf]]), np.ones((3, 2))], "inf .infinity. at row 0 .*step 0, channel 1"),
        (np.ones((4, 2)), "expecting 2"),
    ],
)
def test_what_does_not_fit_is_refused(X, words):
    _, preparation, _ = prepared([np.ones((2, 2)), np.zeros((6, 2))])
    with pytest.raises(DataError, match=words):
        preparation.transform(as_raw(X, kind="sequence"))


def test_text_in_a_sequence_is_refused_by_its_place():
    with pytest.raises(DataError, match=r"sequence 1 of the list given .*'b'"):
        as_raw([np.ones((2, 1)), np.array([["1"], ["b"], ["3"]])])
