"""How well scores of steps tell strange ones: by step, by stretch with a tolerance, by event; never point-adjusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from isthmus.data.windowing import runs
from isthmus.exceptions import DataError

#: Lines that a curve is drawn through at most.
LINES = 250


def vus_pr(labels: Any, scores: Any, tolerance: int) -> float:
    """Volume under the surface of precision and recall, over lines and widths of tolerance.

    Labels of steps are made soft: a run of strange ones is surrounded by slopes of `width // 2` steps, from 1 down by
    the square root of the distance. Precision is the share of what is flagged that is strange, by the soft labels;
    recall the share of what is strange that is flagged, by the mean of the lengths of hard and soft labels, times the
    share of runs of which anything is flagged. The area under that curve is averaged over the widths 0 to `tolerance`:
    what is flagged a little early or late counts in part.

    Parameters
    ----------
    labels : array of shape (n,)
        True or 1 for strange steps.
    scores : array of shape (n,)
        Higher for stranger ones.
    tolerance : int
        Steps: a period, or the length of a window.

    Returns
    -------
    float
        1 for scores that tell all steps apart.

    Raises
    ------
    DataError
        If not both sorts of steps are there.

    References
    ----------
    J. Paparrizos et al., "Volume Under the Surface: a new accuracy evaluation measure for time-series anomaly
    detection", VLDB 15(11), 2022.

    Examples
    --------
    >>> vus_pr([0, 0, 1, 1, 0, 0], [0, 0, 5, 4, 0, 0], 0)
    1.0
    """
    y, s = _checked(labels, scores)
    order = np.argsort(-s, kind="stable")
    last = np.flatnonzero(np.append(np.diff(s[order]) != 0, True))  # of steps that score alike, all are flagged or none
    last = last[np.unique(np.linspace(0, len(last) - 1, LINES).round().astype(int))]
    flagged, lines = last + 1, s[order][last]
    areas = []
    for width in range(tolerance + 1):
        soft = _soft(y, width)
        true = np.cumsum(soft[order])[last]
        highest = np.array([s[first:end].max() for first, end in runs(soft > 0)])
        found = (highest[:, None] >= lines).mean(0)
        recall = np.minimum(1.0, true / ((y.sum() + soft.sum()) / 2)) * found
        areas.append(np.sum(np.diff(recall, prepend=0.0) * true / flagged))
    return float(np.mean(areas))


def _soft(labels: np.ndarray, width: int) -> np.ndarray:
    """Surround runs by slopes."""
    soft, half = labels.astype(np.float64), width // 2
    slope = np.sqrt(1 - np.arange(1, half + 1) / max(1, width))
    for first, end in runs(labels):
        after, before = soft[end : end + half], soft[max(0, first - half) : first]
        after += slope[: len(after)]
        before += slope[: len(before)][::-1]
    return soft.clip(max=1.0)


def event_f1(labels: Any, flagged: Any) -> float:
    """Harmonic mean of the share of events found and the share of flagged steps that are strange.

    An event is a run of strange steps; it is found where any step of it is flagged. Precision is by steps, so that
    flagging all of them does not pay: the composite F-score.

    Parameters
    ----------
    labels, flagged : arrays of shape (n,)
        True or 1 for steps that are strange, and for those said to be.

    Returns
    -------
    float
        0 where nothing is flagged.

    References
    ----------
    A. Garg et al., "An evaluation of anomaly detection and diagnosis in multivariate time series", IEEE TNNLS, 2021.

    Examples
    --------
    >>> round(event_f1([1, 1, 0, 0, 1, 0], [0, 1, 1, 0, 0, 0]), 3)
    0.5
    """
    y, said = (np.asarray(v).astype(bool) for v in (labels, flagged))
    events = runs(y)
    if not said.any() or len(events) == 0:
        return 0.0
    recall = np.mean([said[first:end].any() for first, end in events])
    precision = (said & y).sum() / said.sum()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


@dataclass(frozen=True)
class Told:
    """How well scores tell strange steps: areas under the curves of ROC and of precision and recall, VUS-PR."""

    auc: float
    ap: float
    vus_pr: float


def told(labels: Any, scores: Any, tolerance: int) -> Told:
    """Give the areas for scores of steps, higher for stranger ones.

    Examples
    --------
    >>> told([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.2], 2).ap
    1.0
    """
    y, s = _checked(labels, scores)
    return Told(float(roc_auc_score(y, s)), float(average_precision_score(y, s)), vus_pr(y, s, tolerance))


def _checked(labels: Any, scores: Any) -> tuple[np.ndarray, np.ndarray]:
    y, s = np.asarray(labels).astype(bool), np.asarray(scores, dtype=np.float64)
    if y.shape != s.shape or y.ndim != 1 or y.all() or not y.any():
        raise DataError(
            f"labels and scores cannot be used: expected one of each for every step, of both sorts, got {y.shape} "
            f"labels, of which {int(y.sum())} strange, and {s.shape} scores."
        )
    return y, s
