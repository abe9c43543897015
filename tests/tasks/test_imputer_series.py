"""Gaps of recordings and of sequences of unequal lengths."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from isthmus import Imputer, load
from isthmus.evaluation.gaps_in_time import judge_recordings
from isthmus.exceptions import DataError, ParameterError

QUICK = {"max_epochs": 0, "random_state": 0}


def recording(n=600, seed=0):
    t, rng = np.arange(n), np.random.default_rng(seed)
    waves = np.stack([np.sin(t / 4), np.cos(t / 4), np.sin(t / 4 + 1) + 5], axis=1)
    return waves + 0.05 * rng.normal(size=waves.shape)


def with_gaps(x, runs=12, seed=1):
    rng, out = np.random.default_rng(seed), x.copy()
    for _ in range(runs):
        start, j = rng.integers(5, len(x) - 20), rng.integers(x.shape[1])
        out[start : start + rng.integers(4, 14), j] = np.nan
    return out


def straight(x):
    out, steps = x.copy(), np.arange(len(x))
    for j in range(x.shape[1]):
        seen = ~np.isnan(x[:, j])
        out[:, j] = np.interp(steps, steps[seen], x[seen, j])
    return out


def error(found, truth, gapped):
    return float(np.sqrt(np.square((found - truth)[np.isnan(gapped)]).mean()))


def test_gaps_are_filled_far_better_than_by_straight_lines_and_nothing_else_changes(tmp_path):
    x = recording()
    gapped = with_gaps(x)
    imputer = Imputer(window="auto", **QUICK).fit(gapped)
    filled = imputer.transform(gapped)
    seen = ~np.isnan(gapped)
    np.testing.assert_array_equal(filled[seen], x[seen])
    assert error(filled, x, gapped) < 0.3 * error(straight(gapped), x, gapped)
    imputer.save(tmp_path / "m")
    np.testing.assert_array_equal(load(tmp_path / "m").transform(gapped), filled)


def test_a_gap_in_all_channels_longer_than_most():
    x = recording()
    gapped = x.copy()
    gapped[200:215] = np.nan
    imputer = Imputer(window="auto", **QUICK).fit(gapped)
    assert imputer.window_ >= 45
    assert error(imputer.transform(gapped), x, gapped) < 0.3 * error(straight(gapped), x, gapped)


def test_lists_of_unequal_lengths():
    items = [recording(n, seed=n) for n in (80, 120, 65, 90)]
    gapped = [with_gaps(x, 2, seed=i) for i, x in enumerate(items)]
    filled = Imputer(**QUICK).fit_transform(gapped)
    for ours, x, gaps in zip(filled, items, gapped, strict=True):
        assert ours.shape == x.shape
        assert np.isfinite(ours).all()
        np.testing.assert_array_equal(ours[~np.isnan(gaps)], x[~np.isnan(gaps)])


def test_containers_come_back():
    gapped = with_gaps(recording(300))
    imputer = Imputer(window=20, **QUICK).fit(gapped)
    tensor = imputer.transform(torch.tensor(gapped, dtype=torch.float32))
    assert tensor.dtype == torch.float32
    line = Imputer(window=20, **QUICK).fit(gapped[:, 0]).transform(gapped[:, 0])
    assert line.shape == (300,)
    index = pd.date_range("2026-01-01", periods=300, freq="h")
    frame = pd.DataFrame(gapped, columns=list("abc"), index=index).assign(when=index)
    with pytest.warns(UserWarning, match="'when' .* is set aside"):
        found = Imputer(window=20, **QUICK).fit(frame).transform(frame)
    assert found.columns.tolist() == ["a", "b", "c", "when"]
    assert (found.index == index).all()
    assert (found["when"] == frame["when"]).all()
    assert not found[["a", "b", "c"]].isna().any().any()


def test_a_channel_without_any_value_stays_missing():
    gapped = with_gaps(recording(200))
    gapped[:, 1] = np.nan
    with pytest.warns(UserWarning, match="channel 1"):
        filled = Imputer(window=20, **QUICK).fit_transform(gapped)
    assert np.isnan(filled[:, 1]).all()
    assert np.isfinite(filled[:, [0, 2]]).all()


def test_it_stands_beside_straight_lines_and_says_where_they_win():
    gapped = with_gaps(recording())
    found = judge_recordings(Imputer(window="auto", **QUICK).fit(gapped), gapped)
    assert found.ours < 0.5 * found.straight
    assert "better" not in found.verdict()
    line = np.arange(400.0) + 0.0
    found = judge_recordings(Imputer(window=20, **QUICK).fit(line), line)
    assert found.straight < 1e-9
    assert "Straight lines did better" in found.verdict()


def test_what_cannot_be_used_is_refused():
    gapped = with_gaps(recording(200))
    imputer = Imputer(window=20, **QUICK).fit(gapped)
    with pytest.raises(DataError, match="10 steps, fewer than a window of 20"):
        imputer.transform(gapped[:10])
    with pytest.raises(ParameterError, match="whole recordings"):
        imputer.sample_imputations(gapped)
    with pytest.raises(ParameterError, match="window="):
        Imputer(window=1).fit(gapped)
    infinite = gapped.copy()
    infinite[3, 1] = np.inf
    with pytest.raises(DataError, match=r"inf .* row 3 .*channel 1"):
        Imputer(window=20).fit(infinite)
