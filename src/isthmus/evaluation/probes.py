"""Small models that predict a known factor from codes, and what they say of each unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LassoCV
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from isthmus.evaluation.factors import Factor

#: Share of the rows on which a prediction is judged.
HELD_OUT = 0.25
#: Trees of a forest, and the fewest rows in a leaf, so that no forest learns rows by heart.
TREES, LEAF = 50, 5
#: Rows that one tree sees, at most: more make it larger, and its importances hardly better.
MOST_ROWS = 2000


def one_unit_knows(unit: np.ndarray, factor: Factor) -> float:
    """How well one unit predicts a factor: R2 of a line, or balanced accuracy of thresholds, as many as categories."""
    if factor.discrete:
        leaves = len(np.unique(factor.values))
        tree = DecisionTreeClassifier(max_leaf_nodes=leaves, class_weight="balanced", random_state=0)
        found = tree.fit(unit[:, None], factor.values).predict(unit[:, None])
        return float(balanced_accuracy_score(factor.values, found))
    if np.ptp(unit) == 0:
        return 0.0
    return float(np.corrcoef(unit, factor.values)[0, 1] ** 2)


def probe(Z: np.ndarray, factor: Factor, method: str, seed: Any) -> tuple[np.ndarray, float]:
    """Predict a factor from whole codes, standardised.

    Returns
    -------
    importances : ndarray of shape (latent_dim,)
    known : float
        On the rows held out, one less the squared error (or the errors, of categories) over that of a constant.
    """
    y = factor.values if factor.discrete else (factor.values - factor.values.mean()) / factor.values.std()
    stratify = y if factor.discrete and can_stratify(y) else None
    rows = train_test_split(np.arange(len(y)), test_size=HELD_OUT, random_state=seed, stratify=stratify)
    train, test, y_train, y_test = Z[rows[0]], Z[rows[1]], y[rows[0]], y[rows[1]]
    if np.ptp(y_train) == 0:  # a rare category, all of whose rows are held out
        return np.zeros(Z.shape[1]), 0.0
    model, importances = PROBES[method](factor.discrete, len(train), seed)
    found = model.fit(train, y_train).predict(test)
    if factor.discrete:
        values, counts = np.unique(y_train, return_counts=True)
        wrong, constant = np.mean(found != y_test), np.mean(y_test != values[counts.argmax()])
    else:
        wrong, constant = np.mean((found - y_test) ** 2), np.mean((y_test - y_train.mean()) ** 2)
    return importances(model), 1 - float(wrong / constant) if constant > 0 else float(wrong == 0)


def can_stratify(y: np.ndarray) -> bool:
    """Whether rows of every category can be on both sides of a split."""
    counts = np.unique(y, return_counts=True)[1]
    return bool(counts.min() >= 2 and len(y) * HELD_OUT >= len(counts))


#: A model, and what tells its importances once it is fitted.
Probe = tuple[Any, Callable[[Any], np.ndarray]]


def _trees(discrete: bool, rows: int, seed: Any) -> Probe:
    forest: Any = RandomForestClassifier if discrete else RandomForestRegressor
    # Every split may look at every unit: else units that know nothing get splits, and with them importance.
    drawn = min(rows, MOST_ROWS)
    model = forest(n_estimators=TREES, max_features=1.0, min_samples_leaf=LEAF, max_samples=drawn, random_state=seed)
    return model, lambda fitted: fitted.feature_importances_


def _lasso(discrete: bool, rows: int, seed: Any) -> Probe:
    if discrete:
        model = LinearSVC(penalty="l1", dual=False, C=0.1, random_state=seed)  # pyright: ignore[reportArgumentType]
    else:
        model = LassoCV(cv=5, random_state=seed)
    return model, lambda fitted: np.abs(np.atleast_2d(fitted.coef_)).mean(axis=0)


#: The models, by the names that `method=` takes.
PROBES: dict[str, Callable[[bool, int, Any], Probe]] = {"trees": _trees, "lasso": _lasso}
