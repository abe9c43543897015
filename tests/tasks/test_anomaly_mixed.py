"""Strange rows of frames with columns of every type: scores, reasons in labels, files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from isthmus import AnomalyDetector, load
from mixed_frames import mixed


@pytest.mark.parametrize("novelty", [True, False])
def test_a_row_that_does_not_hang_together_is_strange_for_its_columns(novelty, tmp_path):
    frame = mixed(500, gaps=False)
    detector = AnomalyDetector(novelty=novelty, random_state=0).fit(frame)
    odd = frame.iloc[:20].copy()
    old = odd["age"] > 45
    odd["grade"] = pd.Categorical(np.where(old, "low", "high"), ["low", "high"], ordered=True)
    odd["member"] = ~old
    usual, strange = -detector.score_samples(frame.iloc[20:120]), -detector.score_samples(odd)
    assert np.median(strange) > np.quantile(usual, 0.9)

    told = detector.explain(odd)
    assert told.columns == tuple(frame.columns)
    np.testing.assert_allclose(told.contributions.sum(1), strange, rtol=1e-4)
    top = [told.reasons(row, 2)[0][0] for row in range(20)]
    # Age and class go with the two that were changed: which of the four is wrong nobody can tell.
    assert sum(name in ("grade", "member", "age", "class") for name in top) > 14
    table = told.to_table().to_pandas()
    assert set(table.loc[table["column"] == "grade", "value"]) <= {"low", "high"}
    assert table.loc[table["column"] == "joined", "value"].str.match(r"20\d\d-\d\d-\d\d$").all()

    detector.save(tmp_path / "detector")
    np.testing.assert_array_equal(load(tmp_path / "detector").score_samples(odd), detector.score_samples(odd))


def test_rows_with_gaps_are_scored():
    frame = mixed(200)
    detector = AnomalyDetector(random_state=0).fit(frame)
    assert np.isfinite(detector.score_samples(frame)).all()


def test_a_group_of_a_rarer_value_is_not_strange_for_that():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(2000, 4)), columns=list("abcd"))
    frame["flag"] = rng.random(2000) < 0.1
    frame.loc[:9, "a"] = 8.0
    detector = AnomalyDetector(random_state=0).fit(frame)
    flagged = detector.predict(frame) == -1
    assert flagged[:10].all()
    assert flagged[frame["flag"]].mean() < 0.4


def test_a_missing_category_does_not_make_a_row_strange():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(1000, 2)), columns=["x", "y"])
    frame["g"] = rng.choice(["a", "b", "c"], 1000)
    clean = frame.copy()
    frame.loc[frame.index[::12], "g"] = None
    for novelty, train in ((False, frame), (True, clean)):
        detector = AnomalyDetector(novelty=novelty, random_state=0).fit(train)
        assert (detector.predict(frame)[::12] == -1).mean() < 0.2


def test_a_row_beyond_all_measure_is_strange():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    for novelty in (True, False):
        detector = AnomalyDetector(novelty=novelty, random_state=0).fit(X)
        odd = np.array([[1e200, 0.0, 0.0]])
        assert np.isfinite(detector.score_samples(odd)).all()
        assert detector.predict(odd).tolist() == [-1]
