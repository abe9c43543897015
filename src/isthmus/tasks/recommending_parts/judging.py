"""How good a model is on users held out, beside what is popular and what is general."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from isthmus.data.entries import reaches, with_entries
from isthmus.data.raw import Csr
from isthmus.tasks.recommending_parts.base import Holdout, Model, Settings
from isthmus.tasks.recommending_parts.bias import Bias
from isthmus.tasks.recommending_parts.popularity import Popularity
from isthmus.tasks.recommending_parts.ranking import average_precision, coverage, hits, ndcg, novelty, recall
from isthmus.tasks.recommending_parts.values import predictions

#: Figures of a ranking, and the lengths at which they are usual.
USUAL = {"NDCG": (10, 100), "Recall": (20, 50), "MAP": (10,), "coverage": (10,), "novelty": (10,)}
#: What hyperparameters and models are chosen by.
CHOSEN_BY = 100
#: A figure: its value, its standard error over users, and the same of the baseline.
Figures = dict[str, dict[str, float | None]]


def ones(matrix: Csr) -> Csr:
    """Give 1 for every entry, zeros among them."""
    return sparse.csr_matrix((np.ones_like(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)


def as_given_to(model: Model, holdout: Holdout) -> Holdout:
    """Give a holdout as a model takes it: with values, or with ones."""
    return holdout if model.values else Holdout(ones(holdout.history), ones(holdout.targets))


def found_by(model: Model, holdout: Holdout, k: int) -> np.ndarray:
    """Best k items of each user, without those shown: int64 ndarray of shape (m, k)."""
    return model.top(holdout.history, k, holdout.history)[0]


def with_targets(holdout: Holdout) -> Holdout:
    """Leave out users who have nothing to be found."""
    rows = np.flatnonzero(np.diff(holdout.targets.indptr))
    return Holdout(holdout.history[rows], holdout.targets[rows])


def chosen_by(model: Model, holdout: Holdout) -> float:
    """What is compared where models are chosen: NDCG@100, or of values minus the mean squared error."""
    own = as_given_to(model, with_targets(holdout))
    if model.values:
        return -float(np.square(predictions(model.scores, own.history, own.targets) - own.targets.data).mean())
    return float(ndcg(hits(found_by(model, own, CHOSEN_BY), own.targets), own.targets).mean())


@dataclass
class Judge:
    """What a model is held against: what is popular and, of values, what is general.

    Parameters
    ----------
    popularity : Popularity
    counts : ndarray of shape (n_items,)
        Users of each item, of those learnt from.
    n_users : int
        Users learnt from.
    bias : Bias or None
        Of models of values.
    threshold : float, optional
        For rankings of models of values: a target of a lower value is no hit.
    """

    popularity: Popularity
    counts: np.ndarray
    n_users: int
    bias: Bias | None
    threshold: float | None = None

    @classmethod
    def of(cls, values: bool, rows: Csr, everyone: Csr | None, holdout: Holdout | None, settings: Settings) -> Judge:
        """Fit the baselines to everyone or, where that is None, to rows; chosen on those held out, as a model is."""
        taken = rows if everyone is None else everyone
        popularity = Popularity().fit(ones(taken), None, settings)
        counts = np.bincount(taken.indices, minlength=taken.shape[1])
        bias = Bias().fit(rows, holdout, settings) if values else None
        if bias is not None and everyone is not None and holdout is not None:
            bias = Bias(**bias.chosen).fit(everyone, None, settings)
        return cls(popularity, counts, taken.shape[0], bias, settings.threshold)

    def judge(self, model: Model, holdout: Holdout, k: int | None) -> Figures:
        """Judge a model on users held out, each with something to be found."""
        ranked, targets = holdout, holdout.targets
        if self.bias is not None and self.threshold is not None:
            ranked = with_targets(
                replace(holdout, targets=with_entries(targets, reaches(targets.data, self.threshold)))
            )
        figures = judge_ranking(model, self.popularity, ranked, self.counts, self.n_users, k)
        return figures if self.bias is None else judge_values(model, self.bias, holdout) | figures


def judge_ranking(
    model: Model, popularity: Model, holdout: Holdout, counts: np.ndarray, n_users: int, k: int | None
) -> Figures:
    """Judge the rankings of a model beside those of popularity.

    Parameters
    ----------
    model, popularity : Model
    holdout : Holdout
        Each user with something to be found.
    counts : ndarray of shape (n_items,)
        Users of each item, of those learnt from.
    n_users : int
    k : int or None
        Length of the rankings; None: the usual ones.
    """
    lengths = {name: usual if k is None else (k,) for name, usual in USUAL.items()}
    # No ranking is longer than there are items, and no user has more targets.
    longest = min(max(max(usual) for usual in lengths.values()), len(counts))
    judged = []
    for one in (model, popularity):
        own = as_given_to(one, holdout)
        items = found_by(one, own, longest)
        right = hits(items, own.targets)
        measures: dict[str, Callable[[int], Any]] = {
            "NDCG": lambda at, right=right, own=own: ndcg(right[:, :at], own.targets),
            "Recall": lambda at, right=right, own=own: recall(right[:, :at], own.targets),
            "MAP": lambda at, right=right, own=own: average_precision(right[:, :at], own.targets),
            "coverage": lambda at, items=items: coverage(items[:, :at], len(counts)),
            "novelty": lambda at, items=items: novelty(items[:, :at], counts, n_users),
        }
        judged.append({f"{name}@{at}": measures[name](at) for name, usual in lengths.items() for at in usual})
    ours, theirs = judged
    return {name: _figure(ours[name], theirs[name], "popularity") for name in ours}


def judge_values(model: Model, bias: Model, holdout: Holdout) -> Figures:
    """Judge predicted values beside those of the user and item biases: RMSE and MAE.

    Standard errors are over users, that of RMSE by the delta method.
    """
    users = np.repeat(np.arange(holdout.targets.shape[0]), np.diff(holdout.targets.indptr))
    found: list[dict[str, tuple[float, float | None]]] = []
    for one in (model, bias):
        errors = predictions(one.scores, holdout.history, holdout.targets) - holdout.targets.data
        squared, size = _over_users(np.square(errors), users), _over_users(np.abs(errors), users)
        rmse = float(np.sqrt(squared[0]))
        spread = None if squared[1] is None else squared[1] / max(2 * rmse, 1e-12)
        found.append({"RMSE": (rmse, spread), "MAE": size})
    ours, theirs = found
    return {
        name: {"value": ours[name][0], "error": ours[name][1], "bias": theirs[name][0], "bias_error": theirs[name][1]}
        for name in ours
    }


def _over_users(errors: np.ndarray, users: np.ndarray) -> tuple[float, float | None]:
    """Mean over all errors, and its standard error where those of one user hang together (a ratio of sums)."""
    sums, counts = np.bincount(users, errors), np.bincount(users)
    mean, n = float(errors.mean()), len(counts)
    if n < 2:
        return mean, None
    return mean, float(np.sqrt(n / (n - 1) * np.square(sums - mean * counts).sum()) / counts.sum())


def _figure(ours: Any, theirs: Any, baseline: str) -> dict[str, float | None]:
    (value, error), (other, other_error) = _mean(ours), _mean(theirs)
    return {"value": value, "error": error, baseline: other, f"{baseline}_error": other_error}


def _mean(values: Any) -> tuple[float, float | None]:
    """Mean over users, and its standard error; what is one figure for all users has none."""
    if np.ndim(values) == 0:
        return float(values), None
    known = values[np.isfinite(values)]
    error = float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else None
    return float(known.mean()) if len(known) else 0.0, error
