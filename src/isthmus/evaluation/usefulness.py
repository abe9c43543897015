"""What made rows are good for: a classifier trained on them, tested on real rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from isthmus.data import Column
from isthmus.exceptions import DataError

#: Categories that the trees take; those seen less often are taken together.
MOST_CATEGORIES = 250
#: Rows trained on at most.
MOST_ROWS = 50_000


@dataclass(frozen=True)
class Usefulness:
    """Areas under the ROC curve on real rows held out.

    Parameters
    ----------
    target : str
        Column that is told.
    real, made : float
        Of gradient-boosted trees trained on real and on made rows.
    """

    target: str
    real: float
    made: float


def usefulness(
    train: np.ndarray,
    held: np.ndarray,
    made: np.ndarray,
    columns: Sequence[Column],
    target: str | None = None,
    seed: int = 0,
) -> Usefulness:
    """Train gradient-boosted trees on real and on made rows, and test both on real rows held out.

    Parameters
    ----------
    train, held, made : ndarray of shape (n, d)
        Values as `Raw` has them.
    columns : sequence of Column
    target : str, optional
        Column to tell from all others; by default the last one of categories or truth values, or the last one of all.
        Of more than two categories, the figure is the mean over each against all others; of numbers and dates, it is
        whether they are above the median of the rows trained on.
    seed : int, default=0

    Returns
    -------
    Usefulness
        NaN where the target does not vary.

    Raises
    ------
    DataError
        If there is no such column.
    """
    names = [column.name for column in columns]
    if target is None:
        classes = [j for j, column in enumerate(columns) if column.type in ("category", "boolean")]
        place = classes[-1] if classes else len(columns) - 1
    elif target in names:
        place = names.index(target)
    else:
        raise DataError(f"target={target!r} is no column; there are {', '.join(map(repr, names[:20]))}.")
    classes_known = columns[place].type in ("category", "boolean")
    cut = None if classes_known else float(np.nanmedian(train[:, place]))
    kept = {j: _common(train[:, j]) for j, column in enumerate(columns) if column.type == "category"}
    found = [
        _auc(*_problem(rows, place, cut, kept), *_problem(held, place, cut, kept), sorted(kept), place, seed)
        for rows in (train, made)
    ]
    return Usefulness(names[place], *found)


def _common(values: np.ndarray) -> np.ndarray:
    places, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    return places[np.sort(np.argsort(-counts, kind="stable")[:MOST_CATEGORIES])]


def _problem(
    rows: np.ndarray, place: int, cut: float | None, kept: dict[int, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Give features and target of rows whose target is known."""
    rows = rows[~np.isnan(rows[:, place])]
    y = rows[:, place] if cut is None else (rows[:, place] > cut).astype(float)
    x = rows.copy()
    for j, common in kept.items():
        at = np.searchsorted(common, x[:, j]).clip(0, len(common) - 1)
        known = common[at] == x[:, j] if len(common) else np.zeros(len(x), dtype=bool)
        x[:, j] = np.where(np.isnan(x[:, j]), np.nan, np.where(known, at, len(common)))
    return np.delete(x, place, axis=1), y


def _auc(
    x: np.ndarray, y: np.ndarray, test_x: np.ndarray, test_y: np.ndarray, categories: list[int], place: int, seed: int
) -> float:
    if len(x) > MOST_ROWS:
        few = np.random.default_rng(seed).choice(len(x), MOST_ROWS, replace=False)
        x, y = x[few], y[few]
    if len(np.unique(y)) < 2 or not x.shape[1]:
        return float("nan")
    coded = [j - (j > place) for j in categories if j != place]
    settings: dict[str, Any] = {"categorical_features": coded, "random_state": seed}
    trees = HistGradientBoostingClassifier(**settings).fit(x, y)
    chances = trees.predict_proba(test_x)
    known = list(trees.classes_)
    # A class that the rows trained on lack is told by chance alone.
    areas = [
        roc_auc_score(test_y == label, chances[:, known.index(label)]) if label in known else 0.5
        for label in np.unique(test_y)
        if np.sum(test_y == label) < len(test_y)
    ]
    return float(np.mean(areas)) if areas else float("nan")
