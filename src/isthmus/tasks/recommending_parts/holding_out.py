"""What a recommender learns from, and users that it is judged by."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state

from isthmus.data.checks import listed
from isthmus.data.entries import reaches, with_entries
from isthmus.data.ids import positions, refuse_unlike
from isthmus.data.interactions import Interactions, as_interactions
from isthmus.data.raw import Csr
from isthmus.exceptions import DataError
from isthmus.tasks.recommending_parts.base import Holdout
from isthmus.tasks.recommending_parts.judging import with_targets
from isthmus.tasks.recommending_parts.splitting import SHORTEST, Split, fold_in

#: Users held out at most: more would make the choice no surer, and take long.
MOST_HELD = 10_000


def counted(found: Interactions, threshold: float | None) -> Csr:
    """Keep the interactions that count as taken, with their values.

    Parameters
    ----------
    found : Interactions
    threshold : float or None

    Raises
    ------
    DataError
        If no value reaches the threshold.
    """
    if threshold is None:
        return found.matrix
    kept = reaches(found.matrix.data, threshold)
    if not kept.any():
        raise DataError(
            f"No value in {found.origin} reaches threshold={threshold}; the largest is {found.matrix.data.max():g}."
        )
    return with_entries(found.matrix, kept)


def without_items_of_nobody(taken: Csr, found: Interactions) -> tuple[Csr, Interactions]:
    """Leave out items that nobody took: a score of them would mean nothing."""
    kept = np.flatnonzero(np.bincount(taken.indices, minlength=taken.shape[1]))
    if len(kept) == taken.shape[1]:
        return taken, replace(found, times=None)
    return taken[:, kept], replace(found, matrix=found.matrix[:, kept], items=found.items[kept], times=None)


def hold_out(taken: Csr, learnt: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, Holdout | None]:
    """Hold a share of the users out, with at least five items each.

    Parameters
    ----------
    taken : csr_matrix of shape (n, n_items)
        What counts as taken; values are kept.
    learnt : int ndarray
        Users to learn from.
    fraction : float
    seed : int

    Returns
    -------
    ndarray
        Users that are left to learn from.
    Holdout or None
        None where no user has five items, or too few are left.
    """
    generator = check_random_state(seed)
    eligible = learnt[np.diff(taken.indptr)[learnt] >= SHORTEST]
    # Of long histories alone no more than their share is taken: without them there were little to learn from.
    n = min(MOST_HELD, len(eligible), max(1, round(fraction * len(eligible))) if fraction else 0)
    if n == 0 or len(learnt) - n < 2:
        return learnt, None
    held = generator.permutation(eligible)[:n]
    left = np.setdiff1d(learnt, held)
    there = np.bincount(taken[left].indices, minlength=taken.shape[1]) > 0
    shown = taken[held]
    holdout = with_targets(fold_in(with_entries(shown, there[shown.indices]), generator))
    return (left, holdout) if holdout.targets.nnz else (learnt, None)


def as_holdout(given: Any, known: Interactions, threshold: float | None, values: bool, seed: int) -> Holdout:
    """Take users that nothing is learnt from, with what they are to be judged by; those with nothing to be found go.

    Parameters
    ----------
    given : Split, Holdout, or what `as_interactions` takes
        Of a split its test users; of interactions a fifth of each history is hidden.
    known : Interactions
        Users and items fitted on.
    threshold : float or None
    values : bool
        Whether the model predicts values: it is shown all of them, and judged by all.
    seed : int

    Raises
    ------
    DataError
        If the items are others, or no user has enough of them.
    """
    if isinstance(given, Split):
        given = given.test
    holdout = given if isinstance(given, Holdout) else _folded(given, known, threshold, values, seed)
    holdout = _in_order(holdout, known.items)
    both = 0 if holdout.users is None else int((positions(holdout.users, known.users) >= 0).sum())
    if both:
        warnings.warn(
            f"{both:,} of the {holdout.history.shape[0]:,} users held out were fitted on: figures of such users are "
            "too good. Hold users out before the fit, by isthmus.tasks.split_users, and fit on its `train`.",
            stacklevel=3,
        )
    holdout = with_targets(holdout)
    if not holdout.targets.nnz:
        raise DataError(
            "No user to judge by has five interactions with items that were fitted on, of which a fifth could be "
            "hidden. Give longer histories."
        )
    return holdout


def _in_order(holdout: Holdout, items: np.ndarray) -> Holdout:
    """Give the columns in the order of the items fitted on; a split may have another."""
    n = holdout.history.shape[1]
    at = np.arange(n) if holdout.items is None else positions(items, holdout.items)
    if n != len(items) or (at < 0).any():
        others = "" if n != len(items) else ", others among them"
        raise DataError(
            f"The users held out have {n:,} items{others}, but {len(items):,} were fitted on. Fit on the training part "
            "of the same split, with the same threshold."
        )
    if np.array_equal(at, np.arange(n)):
        return holdout
    return replace(holdout, history=holdout.history[:, at], targets=holdout.targets[:, at], items=items)


def _folded(given: Any, known: Interactions, threshold: float | None, values: bool, seed: int) -> Holdout:
    # Whether numbers are values is a matter of what was fitted on, not of who else is judged.
    other = as_interactions(given, has_values=known.has_values if sparse.issparse(given) else None).named_as(known)
    refuse_unlike(other.items, known.items, f"The items of {other.origin}")
    if values and not other.has_values:
        raise DataError(f"{other.origin} has no values, but the model predicts values. Give them, to judge it by.")
    other, unknown = other.on_items(known.items)
    if len(unknown):
        warnings.warn(
            f"{len(unknown):,} items of {other.origin} were not fitted on ({listed(unknown.tolist())}): they are left "
            "out.",
            stacklevel=4,
        )
    taken = counted(other, threshold) if other.has_values and not values else other.matrix
    return replace(fold_in(taken, check_random_state(seed)), users=other.users)
