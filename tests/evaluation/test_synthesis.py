"""Figures on made rows: what they come to where that is known, and the page."""

import numpy as np
import pandas as pd
import pytest

from isthmus import Synthesizer
from isthmus.data import Column
from isthmus.evaluation import compare_made, privacy, synthesis_report, usefulness
from isthmus.evaluation.privacy import NO_PROOF
from isthmus.exceptions import DataError
from mixed_frames import mixed

COLUMNS = [Column("a"), Column("b"), Column("c", "category", ("x", "y"))]


def rows(n, seed, slope=2.0):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    c = (rng.random(n) < 1 / (1 + np.exp(-slope * a))).astype(float)
    return np.column_stack([a, rng.normal(size=n), c])


def test_rows_that_are_the_training_rows_are_found_out():
    train, held = rows(300, 0), rows(300, 1)
    found = privacy(train, held, train, COLUMNS)
    assert found.copies == 1
    assert found.held_copies == 0
    assert found.to_train == 0 < found.to_held
    assert found.nearer == 1
    assert found.attack == 1


def test_rows_of_the_same_density_tell_nothing():
    found = privacy(rows(1500, 0), rows(1500, 1), rows(1500, 2), COLUMNS)
    assert found.copies == found.held_copies == 0
    assert found.nearer == pytest.approx(0.5, abs=0.05)
    assert found.attack == pytest.approx(0.5, abs=0.05)


def test_missing_cells_differ_from_all_others():
    train = np.array([[0.0, 0, 0], [np.nan, 0, 0]])
    found = privacy(train, train + 5, train[1:], COLUMNS)
    assert found.copies == 1
    assert found.to_train == 0


def test_trees_learn_from_rows_of_the_same_density_and_not_from_others():
    train, held = rows(1500, 0), rows(1500, 1)
    good = usefulness(train, held, rows(1500, 2), COLUMNS)
    assert good.target == "c"
    assert good.made == pytest.approx(good.real, abs=0.03)
    assert usefulness(train, held, rows(1500, 2, slope=-2.0), COLUMNS).made < 0.3
    # Numbers: whether they are above the median.
    assert usefulness(train, held, train, COLUMNS, target="a").real > 0.7
    with pytest.raises(DataError, match="'d' is no column"):
        usefulness(train, held, train, COLUMNS, target="d")


def test_a_target_that_does_not_vary_has_no_figure():
    train = rows(100, 0)
    train[:, 2] = 1
    assert np.isnan(usefulness(train, train, train, COLUMNS).real)


def test_the_page_says_it_all(tmp_path):
    frame = mixed(240)
    frame["class"] = frame["class"].str.replace("gold", "<b>gold</b>")
    train, held = frame.iloc[:160], frame.iloc[160:]
    synthesizer = Synthesizer(max_epochs=3, random_state=0).fit(train)
    made = synthesizer.sample(300, random_state=0)
    found = compare_made(synthesizer, train, held, made, target="grade")
    assert found.usefulness.target == "grade"
    assert found.usefulness.real > 0.9
    assert found.privacy.copies == 0
    synthesis_report(synthesizer, train, held, tmp_path / "report.html", made=made)
    page = (tmp_path / "report.html").read_text()
    assert NO_PROOF in page
    for name in frame.columns:
        assert f"<h4>{name} · off by" in page
    assert "membership-inference attack" in page
    assert "<b>gold" not in page
    assert "https://" not in page.split("<script>")[0]


def test_rows_that_do_not_fit_are_refused(tmp_path):
    frame = mixed(60)
    synthesizer = Synthesizer(max_epochs=1, random_state=0).fit(frame)
    with pytest.raises(DataError, match="0 sample"):
        compare_made(synthesizer, frame, frame.iloc[:0])
    with pytest.raises(DataError):
        compare_made(synthesizer, frame, pd.DataFrame({"other": [1.0]}))
