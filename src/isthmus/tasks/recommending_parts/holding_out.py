"""What a recommender learns from, and users that it is judged by."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from isthmus.data.checks import listed
from isthmus.data.ids import positions, refuse_unlike
from isthmus.data.interactions import Interactions, as_interactions, with_entries
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
    kept = found.matrix.data >= threshold
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
    n = min(MOST_HELD, len(eligible), round(fraction * len(learnt)))
    if n == 0 or len(learnt) - n < 2:
        return learnt, None
    held = generator.permutation(eligible)[:n]
    left = np.setdiff1d(learnt, held)
    there = np.bincount(taken[left].indices, minlength=taken.shape[1]) > 0
    shown = taken[held]
    holdout = with_targets(fold_in(with_entries(shown, there[shown.indices]), generator))
    return (left, holdout) if holdout.targets.nnz else (learnt, None)


def as_holdout(given: Any, known: Interactions, threshold: float | None, seed: int) -> Holdout:
    """Take users that nothing is learnt from, with what they are to be judged by; those with nothing to be found go.

    Parameters
    ----------
    given : Split, Holdout, or what `as_interactions` takes
        Of a split its test users; of interactions a fifth of each history is hidden.
    known : Interactions
        Users and items fitted on.
    threshold : float or None
    seed : int

    Raises
    ------
    DataError
        If the items are others, or no user has enough of them.
    """
    if isinstance(given, Split):
        given = given.test
    holdout = given if isinstance(given, Holdout) else _folded(given, known, threshold, seed)
    if holdout.history.shape[1] != len(known.items):
        raise DataError(
            f"The users held out have {holdout.history.shape[1]:,} items, but {len(known.items):,} were fitted on. Fit "
            "on the training part of the same split, with the same threshold."
        )
    holdout = with_targets(holdout)
    if not holdout.targets.nnz:
        raise DataError(
            "No user to judge by has five interactions with items that were fitted on, of which a fifth could be "
            "hidden. Give longer histories."
        )
    return holdout


def _folded(given: Any, known: Interactions, threshold: float | None, seed: int) -> Holdout:
    other = as_interactions(given).named_as(known)
    refuse_unlike(other.items, known.items, f"The items of {other.origin}")
    other, unknown = other.on_items(known.items)
    if len(unknown):
        warnings.warn(
            f"{len(unknown):,} items of {other.origin} were not fitted on ({listed(unknown.tolist())}): they are left "
            "out.",
            stacklevel=4,
        )
    both = int((positions(other.users, known.users) >= 0).sum())
    if both:
        warnings.warn(
            f"{both:,} of the {len(other.users):,} users of {other.origin} were fitted on: figures of such users are "
            "too good. Hold users out before the fit, by isthmus.tasks.split_users.",
            stacklevel=4,
        )
    taken = counted(other, threshold) if other.has_values else other.matrix
    return fold_in(taken, check_random_state(seed))
