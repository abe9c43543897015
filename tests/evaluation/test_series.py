"""Metrics of strange steps against values worked out by hand, and PCA of windows beside a detector."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from isthmus import AnomalyDetector
from isthmus.data.windowing import runs
from isthmus.evaluation.series import WindowPCA, beside_pca
from isthmus.evaluation.series_metrics import event_f1, told, vus_pr
from isthmus.exceptions import DataError, ParameterError


def series(n=300, seed=0):
    return np.sin(np.arange(n) / 4) + 0.05 * np.random.default_rng(seed).normal(size=n)


def test_vus_pr_of_width_0_by_hand():
    """Lines at 3, 2, 1: precision 1, 1/2, 2/4; recall 1/2, 1/2, 1, times runs found 1/2, 1/2, 1."""
    y, s = [1, 0, 0, 1], [3.0, 2.0, 1.0, 1.0]
    recall, precision = np.array([0, 0.25, 0.25, 1.0]), np.array([1, 0.5, 0.5])
    assert vus_pr(y, s, 0) == pytest.approx(float((np.diff(recall) * precision).sum()))


def test_vus_pr_of_width_2_by_hand():
    """One step beside the run is soft: sqrt(1/2). A score of that step alone is half right."""
    y, s = np.array([0, 0, 1, 0, 0]), np.array([0.0, 1.0, 0.0, 0.0, 0.0])
    soft = np.sqrt(0.5)
    total = (1 + 1 + 2 * soft) / 2
    first = soft / total
    last = min(1.0, (1 + 2 * soft) / total)
    width_2 = first * soft + (last - first) * (1 + 2 * soft) / 5
    assert vus_pr(y, s, 2) == pytest.approx((0.2 + 0.2 + width_2) / 3)


def test_a_near_miss_counts_in_part_and_a_far_one_does_not():
    y = np.zeros(200, dtype=bool)
    y[100:110] = True
    near, far = np.zeros(200), np.zeros(200)
    near[95:100], far[20:25] = 1, 1
    assert vus_pr(y, near, 0) == pytest.approx(vus_pr(y, far, 0))
    assert vus_pr(y, near, 20) > 2 * vus_pr(y, far, 20)
    assert vus_pr(y, y, 0) == 1.0


def test_event_f1_by_hand():
    y = [1, 1, 1, 1, 0, 0, 0, 0, 1, 0]
    assert event_f1(y, [1, 0, 0, 0, 0, 0, 0, 0, 1, 0]) == 1.0
    assert event_f1(y, [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]) == pytest.approx(2 * 0.5 / 1.5)
    assert event_f1(y, np.ones(10)) == pytest.approx(2 * 0.5 / 1.5)
    assert event_f1(y, np.zeros(10)) == 0.0
    assert runs(np.zeros(3, dtype=bool)).shape == (0, 2)


def test_labels_of_one_sort_are_refused():
    with pytest.raises(DataError, match="both sorts"):
        told([0, 0], [1.0, 2.0], 1)


def test_pca_of_windows_is_the_mean_error_of_the_windows_that_hold_a_step():
    x = series()
    detector = AnomalyDetector(window=10, novelty=True, random_state=0, device="cpu").fit(x)
    x[150] += 2
    z = (x - series().mean()) / series().std()
    train = np.lib.stride_tricks.sliding_window_view((series() - series().mean()) / series().std(), 10)
    pca = PCA(0.9).fit(train)
    W = np.lib.stride_tricks.sliding_window_view(z, 10)
    errors = ((W - pca.inverse_transform(pca.transform(W))) ** 2).mean(1)
    wanted = [errors[max(0, t - 9) : t + 1].mean() for t in range(300)]
    np.testing.assert_allclose(WindowPCA(detector).score(x), wanted, rtol=1e-4)


def test_the_verdict_names_the_winner_and_says_what_cannot_be_told():
    x = series()
    detector = AnomalyDetector(window=25, random_state=0, device="cpu").fit(x)
    x[200:220] += 2
    found = beside_pca(detector, x, np.isin(np.arange(300), np.arange(200, 220)))
    assert found.ours.ap > 0.5
    assert len(found.table()) == 3
    unknown = beside_pca(detector, x)
    assert "without labels" in unknown.verdict()
    assert unknown.shared > 0.5
    worse = type(found)(300, type(found.pca)(0.5, 0.5, 0.5), type(found.pca)(1.0, 1.0, 1.0), 0.5, 0.5)
    assert worse.verdict().startswith("PCA of the same windows tells strange steps better")
    with pytest.raises(ParameterError, match="window="):
        WindowPCA(AnomalyDetector(parts=("knn",)).fit(np.random.default_rng(0).normal(size=(50, 2))))
