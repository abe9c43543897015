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
    assert sum(name in ("grade", "member") for name in top) > 10
    table = told.to_table().to_pandas()
    assert set(table.loc[table["column"] == "grade", "value"]) <= {"low", "high"}
    assert table.loc[table["column"] == "joined", "value"].str.match(r"20\d\d-\d\d-\d\d$").all()

    detector.save(tmp_path / "detector")
    np.testing.assert_array_equal(load(tmp_path / "detector").score_samples(odd), detector.score_samples(odd))


def test_rows_with_gaps_are_scored():
    frame = mixed(200)
    detector = AnomalyDetector(random_state=0).fit(frame)
    assert np.isfinite(detector.score_samples(frame)).all()
