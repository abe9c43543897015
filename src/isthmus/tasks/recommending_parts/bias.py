"""Values predicted by what is general: how a person rates, and how an item is rated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse

from isthmus.data.raw import Csr
from isthmus.parameters import AUTO, either, number
from isthmus.tasks.recommending_parts.base import Holdout, Model, Settings
from isthmus.tasks.recommending_parts.values import hold_out_values, rmse

#: What "auto" tries, in values: a damping of 5 is 5 values of no deviation beside those there are.
DAMPINGS = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 25.0, 50.0, 100.0)
#: Change, in standard deviations of the values, below which the alternation has converged; and its most rounds.
TOLERANCE, ROUNDS = 1e-5, 200

_DAMPING = (either(number(0), AUTO), "a number from 0 on, or 'auto'")


class Bias(Model):
    """Damped user and item biases: value = mean + bias of the item + bias of the user.

    Both biases minimise the squared error plus `damping_item` and `damping_user` times their squares (the baseline
    estimates of Koren, 2010), by alternating damped means. A new user's bias is the damped mean of what is left of the
    history; one without a history gets the means of the items.

    Parameters
    ----------
    damping_user, damping_item : float or "auto", default="auto"
        As a number of values. "auto": chosen by the squared error on the users held out or, where there are none, on a
        tenth of the values.

    References
    ----------
    Y. Koren, "Factor in the neighbors: scalable and accurate collaborative filtering", ACM TKDD 4(1), 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from isthmus.tasks.recommending_parts.base import Settings
    >>> values = csr_matrix(np.array([[5, 3, 0], [4, 2, 3], [3, 0, 2]], np.float32))
    >>> model = Bias(damping_user=0, damping_item=0).fit(values, None, Settings(seed=0))
    >>> model.scores(csr_matrix(np.array([[0, 4, 0]], np.float32))).round(2)
    array([[6., 4., 5.]], dtype=float32)
    """

    name = "bias"
    values = True
    PARAMETERS: ClassVar = {"damping_user": _DAMPING, "damping_item": _DAMPING}

    def __init__(self, damping_user: float | str = "auto", damping_item: float | str = "auto"):
        self.damping_user = damping_user
        self.damping_item = damping_item

    def fit(self, interactions: Csr, holdout: Holdout | None, settings: Settings) -> Self:
        self._user_damping, self._item_damping = self._choose(interactions, holdout, settings)
        self._mean = _mean(interactions)
        self._learn(interactions)
        return self

    def _choose(self, interactions: Csr, holdout: Holdout | None, settings: Settings) -> tuple[float, float]:
        """Choose what is "auto" on held-out values, one after the other: users', items', users' again."""
        best = {"_user_damping": 4.0, "_item_damping": 4.0}
        given = {"_user_damping": self.damping_user, "_item_damping": self.damping_item}
        best.update({name: float(value) for name, value in given.items() if value != "auto"})
        seen = interactions
        if holdout is None:
            holdout = hold_out_values(interactions, settings.seed)
            seen = holdout.history
        if not holdout.targets.nnz or not seen.nnz:
            return best["_user_damping"], best["_item_damping"]
        open_names = [name for name in best if given[name] == "auto"]
        trial = Bias()
        trial._mean = _mean(seen)
        for name in open_names if len(open_names) < 2 else [*open_names, open_names[0]]:
            errors = []
            for damping in DAMPINGS:
                vars(trial).update(best | {name: damping})
                trial._learn(seen)
                errors.append(rmse(trial.at(holdout.history, holdout.targets), holdout.targets))
            best[name] = DAMPINGS[int(np.argmin(errors))]
        return best["_user_damping"], best["_item_damping"]

    def _learn(self, interactions: Csr) -> None:
        """Alternate damped means of users and items until they stay."""
        there = _pattern(interactions)
        deviations = interactions.astype(np.float64, copy=True)
        deviations.data -= self._mean
        sums = np.asarray(deviations.sum(1)).ravel(), np.asarray(deviations.sum(0)).ravel()
        # Above 0, so that without damping too what nobody rated has the bias 0.
        of_users = np.maximum(np.asarray(there.sum(1)).ravel() + self._user_damping, 1e-9)
        of_items = np.maximum(np.asarray(there.sum(0)).ravel() + self._item_damping, 1e-9)
        close = TOLERANCE * (float(deviations.data.std()) if deviations.nnz else 0.0)
        across, items = there.T, np.zeros(interactions.shape[1])
        for _ in range(ROUNDS):
            users = (sums[0] - there @ items) / of_users
            before, items = items, (sums[1] - across @ users) / of_items
            if np.abs(items - before).max(initial=0) <= close:
                break
        self._items = items.astype(np.float32)

    def users(self, history: Csr) -> np.ndarray:
        """Bias of each user: float32 ndarray of shape (m,); 0 without a history."""
        left = history.astype(np.float64, copy=True)
        left.data -= self._mean + self._items[history.indices]
        counts = np.maximum(np.diff(history.indptr) + self._user_damping, 1e-9)
        return (np.asarray(left.sum(1)).ravel() / counts).astype(np.float32)

    def at(self, history: Csr, targets: Csr) -> np.ndarray:
        """Predict the value of each target: float64 ndarray of shape (nnz of targets,)."""
        of_users = np.repeat(self.users(history), np.diff(targets.indptr))
        return self._mean + self._items[targets.indices].astype(np.float64) + of_users

    def residuals(self, history: Csr) -> Csr:
        """Give what the biases leave of each value of a history; float32, zeros kept."""
        left = history.astype(np.float32, copy=True)
        left.data = (history.data - self.at(history, history)).astype(np.float32)
        return left

    def scores(self, history: Csr) -> np.ndarray:
        return (np.float32(self._mean) + self._items)[None] + self.users(history)[:, None]

    def codes(self, history: Csr) -> np.ndarray:
        return self.users(history)[:, None]

    def similar(self, items: np.ndarray) -> np.ndarray:
        """How near the biases are; nothing else is known of items here."""
        return -np.abs(self._items[items][:, None] - self._items[None])

    def learnt(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {"mean": self._mean, **self.chosen}, {"items": self._items}

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        self._mean = float(values["mean"])
        self._user_damping, self._item_damping = float(values["damping_user"]), float(values["damping_item"])
        self._items = np.asarray(arrays["items"], dtype=np.float32)
        return self

    @property
    def chosen(self) -> dict[str, Any]:
        return {"damping_user": self._user_damping, "damping_item": self._item_damping}


def _mean(interactions: Csr) -> float:
    return float(interactions.data.mean(dtype=np.float64)) if interactions.nnz else 0.0


def _pattern(rows: Csr) -> Csr:
    """Give 1 for every entry, zeros among them."""
    return sparse.csr_matrix((np.ones(rows.nnz), rows.indices, rows.indptr), shape=rows.shape)
