"""Users by name, or histories of new ones: what a person may ask with."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from isthmus.data.checks import listed, shorten
from isthmus.data.entries import reaches, with_entries
from isthmus.data.frames import as_frame
from isthmus.data.ids import as_ids, positions, refuse_unlike
from isthmus.data.interactions import Interactions, as_interactions
from isthmus.data.raw import Csr
from isthmus.exceptions import DataError


@dataclass(frozen=True)
class Histories:
    """What users took.

    Parameters
    ----------
    users : ndarray of shape (m,)
        Names.
    matrix : csr_matrix of shape (m, n_items)
        Values, or ones; behind the items fitted on there may be some that are known by their features alone.
    """

    users: np.ndarray
    matrix: Csr

    def given_to(self, values: bool, threshold: float | None, n_items: int) -> Csr:
        """Give the histories as a model takes them: values, or ones where a value is at least the threshold.

        Of them only the first `n_items` items, which were fitted on.
        """
        found = self.matrix if self.matrix.shape[1] == n_items else self.matrix[:, :n_items]
        if values:
            return found
        found = found if threshold is None else with_entries(found, reaches(found.data, threshold))
        return sparse.csr_matrix((np.ones_like(found.data), found.indices, found.indptr), shape=found.shape)


def as_histories(
    asked: Any, known: Interactions, items: np.ndarray, values: bool, threshold: float | None
) -> Histories:
    """Take users by name, or histories.

    Parameters
    ----------
    asked : id, sequence of ids, mapping of ids to items, sequence of sequences of items, or interactions
        An item of a history is its name, or for models of values a pair (name, value), or the history a mapping of
        names to values.
    known : Interactions
        Users and items fitted on.
    items : ndarray
        Names of these items, and behind them of those that are known by their features alone.
    values : bool
        Whether values are needed.
    threshold : float, optional
        Value that an item without one is given, so that it counts.

    Returns
    -------
    Histories
        Users that are not known have an empty one; items that are not known are left out, each with a warning.
    """
    if asked is None:
        return Histories(known.users, known.matrix)
    if isinstance(asked, Interactions) or sparse.issparse(asked) or as_frame(asked, "the frame given") is not None:
        return _of_interactions(asked, known, items, values, threshold)
    if isinstance(asked, Mapping):
        if not asked:
            raise DataError("No user is asked for: the mapping of users to histories is empty.")
        return _of_lists(as_ids(list(asked), "the names of the users"), list(asked.values()), items, values, threshold)
    if isinstance(asked, (str, int, np.integer)):
        return _of_names(as_ids([asked], "the user"), known)
    if not isinstance(asked, Iterable) or isinstance(asked, bytes):
        raise DataError(
            f"{asked!r:.80} cannot be taken; expected names of users, or histories: a mapping of users to lists of "
            "items, a list of lists of items, or a frame of users and items."
        )
    entries = asked if isinstance(asked, np.ndarray) and asked.ndim == 1 else list(asked)
    if len(entries) and not isinstance(entries[0], (str, int, float, np.generic, type(None))):
        return _of_lists(np.arange(len(entries), dtype=np.int64), list(entries), items, values, threshold)
    return _of_names(as_ids(entries, "the list of users"), known)


def places(items: Any, known: np.ndarray, name: str, more: np.ndarray | None = None) -> np.ndarray:
    """Give the positions of items that a person names; refuse what is not known.

    Parameters
    ----------
    items : id or sequence of ids
    known : ndarray
        Names of all items.
    name : str
        Of the parameter, for messages.
    more : ndarray, optional
        Names of items that are known by their features alone, perhaps with `known` before them.
    """
    asked = as_ids([items] if isinstance(items, (str, int, np.integer)) else items, f"{name}=")
    refuse_unlike(asked, known, f"The names in {name}=")
    at = positions(asked, known)
    if (at < 0).any():
        unknown = asked[at < 0]
        if more is not None and (by_features := positions(unknown, more) >= 0).any():
            raise DataError(
                f"{shorten(unknown[by_features][0])} of {name}= is known by its features alone: nobody took it, so "
                "that it can be recommended and scored, but not explained or compared. Name an item of items_."
            )
        raise DataError(
            f"{len(unknown):,} of {name}= were not fitted on, such as {shorten(unknown[0])}; known are {len(known):,}, "
            f"such as {shorten(known[0])}."
        )
    return at


def choice(items: Any, exclude: Any, known: np.ndarray) -> np.ndarray | None:
    """Give the positions of the items to choose from; None where it is all of them."""
    if items is None and exclude is None:
        return None
    wanted = np.arange(len(known)) if items is None else np.unique(places(items, known, "items"))
    left = wanted if exclude is None else np.setdiff1d(wanted, places(exclude, known, "exclude"))
    if not len(left):
        raise DataError("There is no item left to recommend: items= and exclude= leave none.")
    return left


def _of_names(names: np.ndarray, known: Interactions) -> Histories:
    refuse_unlike(names, known.users, "Users")
    at = positions(names, known.users)
    if (at < 0).any():
        unknown = names[at < 0].tolist()
        warnings.warn(
            f"{len(unknown):,} of the users were not fitted on ({listed(unknown)}): they are given what is popular. "
            "Give their histories, where there are any.",
            stacklevel=4,
        )
    matrix = known.matrix[np.maximum(at, 0)]
    gone = np.repeat(at < 0, np.diff(matrix.indptr))
    return Histories(names, with_entries(matrix, ~gone))


def _of_interactions(
    asked: Any, known: Interactions, items: np.ndarray, values: bool, threshold: float | None
) -> Histories:
    if sparse.issparse(asked):
        if asked.shape[1] != len(known.items):
            raise DataError(
                f"The sparse matrix given has {asked.shape[1]:,} columns, but the model knows {len(known.items):,} "
                "items: give a column for each, in the order of items_."
            )
        found = as_interactions(asked, items=known.items, has_values=known.has_values)
        ones = known.has_values and bool((found.matrix.data == 1).all())
        if ones and not values and threshold is not None and not reaches(found.matrix.data, threshold).any():
            warnings.warn(
                f"The sparse matrix given holds nothing but ones, which do not reach threshold={threshold}: none of "
                "them counts as taken. Give values, or a frame or lists of the items taken.",
                stacklevel=5,
            )
    else:
        found = as_interactions(asked).named_as(known)
    if values and not found.has_values:
        raise DataError(f"{found.origin} has no values, but the model predicts values from values. Give them.")
    on, unknown = found.on_items(items)
    if len(unknown):
        lost = len(found) - len(on)
        _tell_unknown(unknown.tolist(), lost, found.items, known.items)
    if threshold is not None and not found.has_values:
        on.matrix.data[:] = threshold  # what is named without a value counts
    return Histories(found.users, on.matrix)


def _of_lists(
    users: np.ndarray, lists: list[Any], known: np.ndarray, values: bool, threshold: float | None
) -> Histories:
    names: list[Any] = []
    said: list[float] = []
    rows: list[int] = []
    default = 1.0 if threshold is None else float(threshold)
    for row, history in enumerate(lists):
        if isinstance(history, (str, bytes, float)) or not isinstance(history, Iterable):
            raise DataError(f"The history of user {shorten(users[row])} is {history!r:.80}; expected a list of items.")
        pairs = history.items() if isinstance(history, Mapping) else history
        for entry in pairs:
            paired = isinstance(entry, tuple) and len(entry) == 2
            if values and not paired:
                raise DataError(
                    f"The history of user {shorten(users[row])} has the item {shorten(entry)} without a value, but the "
                    "model predicts values from values. Give a mapping of items to values."
                )
            name, value = entry if paired else (entry, default)
            try:
                said.append(float(value))
            except (TypeError, ValueError):
                said.append(float("nan"))
            if not np.isfinite(said[-1]):
                raise DataError(
                    f"The history of user {shorten(users[row])} has the value {value!r:.40} for item {shorten(name)}; "
                    "expected a finite number."
                )
            names.append(name)
            rows.append(row)
    items = as_ids(names, "the items of the histories")
    at = positions(items, known)
    if (at < 0).any():
        _tell_unknown(np.unique(items[at < 0]).tolist(), int((at < 0).sum()), items, known)
    kept = at >= 0
    row_of, data = np.asarray(rows, np.int64)[kept], np.asarray(said, np.float32)[kept]
    # An item that is named twice counts once, with its last value.
    key = row_of * len(known) + at[kept]
    key, first = np.unique(key[::-1], return_index=True)
    data = data[::-1][first]
    ends = np.searchsorted(key, np.arange(len(lists) + 1, dtype=np.int64) * len(known))
    matrix = sparse.csr_matrix((data, key % len(known), ends), shape=(len(lists), len(known)))
    return Histories(users, matrix)


def _tell_unknown(unknown: list[Any], times: int, given: np.ndarray, known: np.ndarray) -> None:
    """Warn of items that are left out; refuse it where texts were given for numbers or the other way round."""
    refuse_unlike(given, known, "Items")
    warnings.warn(
        f"{len(unknown):,} items of the histories were not fitted on ({listed(unknown)}): {times:,} interactions with "
        "them are left out.",
        stacklevel=5,
    )
