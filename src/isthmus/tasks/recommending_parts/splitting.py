"""Users held out, and their histories in two: what is shown, and what is to be found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from isthmus import parameters as check
from isthmus.data.entries import reaches, with_entries
from isthmus.data.interactions import Columns, Interactions, as_interactions
from isthmus.data.raw import Csr
from isthmus.exceptions import DataError
from isthmus.tasks.recommending_parts.base import Holdout

#: Share of a held-out history that is to be found, and the shortest one of which so much is hidden.
HIDDEN, SHORTEST = 0.2, 5


@dataclass(frozen=True)
class Split:
    """Interactions to learn from, and users held out.

    Parameters
    ----------
    train : Interactions
        Of the users that are not held out, with the items that any of them took.
    validation, test : Holdout
        With the items of `train`.
    validation_users, test_users : ndarray
        Their names.
    """

    train: Interactions
    validation: Holdout
    test: Holdout
    validation_users: np.ndarray
    test_users: np.ndarray


def split_users(
    X: Any,
    *,
    threshold: float | None = None,
    min_interactions: int = SHORTEST,
    validation_fraction: float = 0.15,
    test_fraction: float = 0.15,
    random_state: Any = None,
    columns: Columns = None,
) -> Split:
    """Hold users out for strong generalisation, by the protocol of Liang et al. (2018).

    Interactions below `threshold` and then users with fewer than `min_interactions` are left out. Of the others, users
    are drawn at random for validation and test. Of their histories only items that a training user took are kept; a
    fifth of each, drawn at random and rounded down, is to be found, the rest is shown. Users who are left with fewer
    than 5 have nothing to be found, and are not counted.

    Parameters
    ----------
    X : same as in `isthmus.data.as_interactions`
    threshold : float, optional
        Values from there on count; None: every interaction does.
    min_interactions : int, default=5
    validation_fraction, test_fraction : float, default=0.15
        Shares of the users; rounded down.
    random_state : int, RandomState instance or None, default=None
    columns : same as in `isthmus.data.as_interactions`

    Returns
    -------
    Split
        Values are kept with the interactions.

    Raises
    ------
    ParameterError
        If a parameter cannot be used.
    DataError
        If no user is left to learn from.

    References
    ----------
    D. Liang, R. G. Krishnan, M. D. Hoffman, T. Jebara, "Variational autoencoders for collaborative filtering", WWW,
    2018.

    Examples
    --------
    >>> from isthmus.tasks import split_users
    >>> pairs = [(user, item) for user in range(20) for item in range(10) if (user + item) % 2]
    >>> split = split_users(pairs, random_state=0)
    >>> len(split.train.users), split.test.history.shape, split.test.targets.sum(1).tolist()
    (14, (3, 10), [[1.0], [1.0], [1.0]])
    """
    given = {"threshold": threshold, "min_interactions": min_interactions, "random_state": random_state}
    given |= {"validation_fraction": validation_fraction, "test_fraction": test_fraction}
    check.check_parameters("split_users", given, _PARAMETERS)
    generator = check_random_state(random_state)
    found = as_interactions(X, columns=columns)
    matrix = found.matrix if threshold is None else with_entries(found.matrix, reaches(found.matrix.data, threshold))
    users = generator.permutation(np.flatnonzero(np.diff(matrix.indptr) >= min_interactions))
    n_validation, n_test = int(validation_fraction * len(users)), int(test_fraction * len(users))
    n_train = len(users) - n_validation - n_test
    if n_train < 1:
        raise DataError(
            f"Of {len(found.users):,} users in {found.origin}, {len(users):,} have {min_interactions} interactions or "
            "more, which leaves none to learn from. Lower min_interactions, threshold or the shares held out."
        )
    train, validation, test = np.split(users, [n_train, n_train + n_validation])
    kept = np.flatnonzero(np.bincount(matrix[train].indices, minlength=matrix.shape[1]))
    learnt: Csr = matrix[train][:, kept]
    learnt.sort_indices()
    items = found.items[kept]
    return Split(
        replace(found, matrix=learnt, users=found.users[train], items=items, times=None),
        replace(fold_in(matrix[validation][:, kept], generator), items=items, users=found.users[validation]),
        replace(fold_in(matrix[test][:, kept], generator), items=items, users=found.users[test]),
        found.users[validation],
        found.users[test],
    )


def fold_in(matrix: Csr, generator: np.random.RandomState) -> Holdout:
    """Hide a fifth of each history of five or more; values stay with the interactions.

    Parameters
    ----------
    matrix : csr_matrix of shape (m, n_items)
    generator : RandomState
    """
    matrix = matrix.sorted_indices()
    sizes = np.diff(matrix.indptr)
    hidden = np.where(sizes >= SHORTEST, (HIDDEN * sizes).astype(np.int64), 0)
    # Each history in an order of its own, of which the first are hidden.
    rows = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((generator.random_sample(matrix.nnz), rows))
    rank = np.empty(matrix.nnz, np.int64)
    rank[order] = np.arange(matrix.nnz) - matrix.indptr[rows]
    wanted = rank < hidden[rows]
    return Holdout(with_entries(matrix, ~wanted), with_entries(matrix, wanted))


#: Values from which on an item counts as taken.
THRESHOLD = (check.either(check.nothing, check.number(-float("inf"), open_left=True)), "None or a number")
_SHARE = (check.number(0, 1), "a number from 0 to below 1")
_PARAMETERS = {
    "threshold": THRESHOLD,
    "min_interactions": (check.whole(1), "a whole number from 1 on"),
    "validation_fraction": _SHARE,
    "test_fraction": _SHARE,
    "random_state": (check.RANDOM, check.RANDOM_WORDS),
}
