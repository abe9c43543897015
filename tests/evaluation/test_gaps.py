"""Filled gaps judged by hidden values, beside simple ways to fill them."""

import numpy as np
import pandas as pd
import pytest

from isthmus import Imputer
from isthmus.data import as_raw
from isthmus.evaluation.gaps import ColumnGaps, GapsComparison, gaps_report, judge_gaps
from isthmus.exceptions import ParameterError

rng = np.random.default_rng(0)
T = rng.normal(size=(300, 1))
X = T @ np.array([[1.0, -2.0, 3.0]]) + 0.1 * rng.normal(size=(300, 3))
GAPS = np.where(rng.random(X.shape) < 0.3, np.nan, X)


@pytest.fixture(scope="module")
def imputer():
    return Imputer(max_epochs=1, members=1, random_state=0).fit(GAPS)


@pytest.mark.parametrize("refit", [True, False])
def test_errors_on_hidden_values_by_column(imputer, refit):
    found = judge_gaps(imputer, GAPS, refit=refit)
    assert [c.name for c in found.columns] == ["0", "1", "2"]
    assert [c.missing for c in found.columns] == np.isnan(GAPS).sum(0).tolist()
    seen = (~np.isnan(GAPS)).sum()
    assert 0.2 * seen < sum(c.hidden for c in found.columns) < 0.4 * seen, "as many as are missing"
    for column, scale in zip(found.columns, X.std(0), strict=True):
        assert column.simple == pytest.approx(scale, rel=0.2), "the mean is off by the deviation"
        assert column.ours < 0.6 * scale
        assert column.chained < 0.6 * scale
    assert found.refitted is refit
    assert found.share("simple") < 0.6


def test_the_verdict_says_who_did_better():
    column = ColumnGaps("a", 1, 10, "", 1.0, 2.0, 0.5)
    said = GapsComparison(10, [column], True).verdict()
    assert "50\xa0% of the error of the mean" in said
    assert "IterativeImputer did better here" in said
    assert "better" not in GapsComparison(10, [ColumnGaps("a", 1, 10, "", 1.0, 2.0, 1.5)], True).verdict()
    assert "IterativeImputer" not in GapsComparison(10, [ColumnGaps("a", 1, 10, "", 1.0, 2.0, np.nan)], True).verdict()
    assert GapsComparison(0, [], True).verdict() == "No value could be hidden to judge by."


def test_categories_are_counted_and_the_page_names_all_columns(tmp_path):
    frame = pd.DataFrame({"x<y>": X[:, 0], "kind": np.where(X[:, 0] > 0, "up", "down"), "z": X[:, 2]}).mask(
        np.isnan(GAPS)
    )
    imputer = Imputer(max_epochs=2, members=1, random_state=0).fit(frame)
    found = judge_gaps(imputer, frame)
    kind = found.columns[1]
    assert kind.what == "share wrong"
    assert 0.3 < kind.simple < 0.7
    assert kind.ours < 0.2
    page = gaps_report(found, as_raw(frame), tmp_path / "r.html", imputer=imputer, model_path="m").read_text()
    assert "x&lt;y&gt;" in page
    assert "x<y>" not in page
    assert found.verdict().replace("'", "&#39;") in page
    assert 'load("m")' in page.replace("&#34;", '"')
    assert "http" not in page.replace("http-equiv", "")


def test_pictures_are_refused():
    pictures = np.random.default_rng(0).random((25, 8, 8))
    imputer = Imputer(max_epochs=0, members=1, random_state=0).fit(pictures)
    with pytest.raises(ParameterError, match="by column"):
        judge_gaps(imputer, pictures)
