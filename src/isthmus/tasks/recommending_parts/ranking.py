"""The best items of each user, and how good a ranking is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from isthmus.data.raw import Csr

#: Values of scores of one block of users: 128 MB.
BLOCK_VALUES = 2**25
#: Items of which the largest score is found first.
GROUP = 64


def blocks(history: Csr) -> list[slice]:
    """Cut users into blocks whose scores take little memory; one of none where there are no users."""
    m, n_items = history.shape
    step = max(1, BLOCK_VALUES // max(1, n_items))
    return [slice(start, min(start + step, m)) for start in range(0, max(1, m), step)]


def top_k(scores: np.ndarray, k: int, hidden: Csr | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Find the k best items of each row of scores; of equal ones the first.

    Parameters
    ----------
    scores : float32 ndarray of shape (m, n_items)
        Overwritten.
    k : int
    hidden : csr_matrix of shape (m, n_items), optional
        Items that are not to be given.

    Returns
    -------
    items : int64 ndarray of shape (m, k)
        -1 where there is none left.
    scores : float32 ndarray of shape (m, k)
        Falling; -inf where there is none left.
    """
    if hidden is not None:
        rows = np.repeat(np.arange(len(scores)), np.diff(hidden.indptr))
        scores[rows, hidden.indices] = -np.inf
    items, values = _best(torch.from_numpy(scores), min(k, scores.shape[1]))
    items[np.isneginf(values)] = -1
    if k > scores.shape[1]:
        more = ((0, 0), (0, k - scores.shape[1]))
        items, values = np.pad(items, more, constant_values=-1), np.pad(values, more, constant_values=-np.inf)
    return items, values


def _best(scores: torch.Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Items and scores of the k best of each row."""
    m, n = scores.shape
    groups = n // GROUP
    if groups < 4 * k:
        items, values = largest(scores, k)
        return items.numpy(), values.numpy()
    # The k best lie in the k groups of the largest maxima, and in what is left over behind the last group.
    split = groups * GROUP
    grouped = scores[:, :split].unflatten(1, (groups, GROUP))
    near = largest(grouped.amax(2), k)[0].sort(1).values
    items = (near[:, :, None] * GROUP + torch.arange(GROUP)).flatten(1)
    items = torch.cat([items, torch.arange(split, n).expand(m, -1)], 1)
    at, values = largest(scores.gather(1, items), k)
    return items.gather(1, at).numpy(), values.numpy()


def largest(scores: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Places and values of the k largest of each row; of equal ones the first, so that fewer are a part of more."""
    n = scores.shape[1]
    if k >= n:
        values, at = torch.sort(scores, dim=1, descending=True, stable=True)
        return at, values
    values, at = torch.topk(scores, k + 1, dim=1)
    least, at = values[:, k - 1], at[:, :k]
    tied = torch.nonzero((least == values[:, k]) & (least > -torch.inf)).flatten()
    if len(tied):
        # Which of those that equal the least: by a second ranking, in which places count.
        some, bound = scores[tied], least[tied, None]
        order = torch.where(some == bound, torch.arange(n - 1, -1, -1, dtype=torch.int32), -1)
        at[tied] = torch.topk(order.masked_fill_(some > bound, n), k, dim=1).indices
    at = at.sort(1).values
    values, order = torch.sort(scores.gather(1, at), dim=1, descending=True, stable=True)
    return at.gather(1, order), values


def hits(items: np.ndarray, targets: Csr) -> np.ndarray:
    """Whether each item of a ranking is a target: bool ndarray of shape (m, k).

    Parameters
    ----------
    items : int64 ndarray of shape (m, k)
        Best first; -1 where there is none.
    targets : csr_matrix of shape (m, n_items)
    """
    wanted = targets.sorted_indices()
    n = wanted.shape[1]
    rows = np.repeat(np.arange(len(items)), np.diff(wanted.indptr))
    keys = rows * n + wanted.indices
    asked = np.arange(len(items))[:, None] * n + items
    at = np.searchsorted(keys, asked).clip(max=max(0, len(keys) - 1))
    return (items >= 0) & (keys[at] == asked) if len(keys) else np.zeros(items.shape, dtype=bool)


def ndcg(found: np.ndarray, targets: Csr) -> np.ndarray:
    """Normalised discounted cumulative gain of each user, float64 (m,); NaN where a user has no target.

    Parameters
    ----------
    found : bool ndarray of shape (m, k)
        What `hits` gives.
    targets : csr_matrix of shape (m, n_items)
    """
    discounts = 1 / np.log2(np.arange(2, found.shape[1] + 2))
    most = np.concatenate([[0], np.cumsum(discounts)])
    wanted = np.diff(targets.indptr)
    with np.errstate(invalid="ignore"):
        return found @ discounts / most[np.minimum(wanted, found.shape[1])]


def recall(found: np.ndarray, targets: Csr) -> np.ndarray:
    """Share of the targets among the first k, of as many as k can hold: float64 (m,); NaN where there is no target."""
    with np.errstate(invalid="ignore"):
        return found.sum(1) / np.minimum(np.diff(targets.indptr), found.shape[1]).astype(float)


def average_precision(found: np.ndarray, targets: Csr) -> np.ndarray:
    """Mean precision at the hits, over as many targets as k can hold: float64 (m,); NaN where there is no target.

    Its mean over users is MAP@k.

    Parameters
    ----------
    found : bool ndarray of shape (m, k)
        What `hits` gives.
    targets : csr_matrix of shape (m, n_items)
    """
    precision = np.cumsum(found, axis=1) / np.arange(1, found.shape[1] + 1)
    with np.errstate(invalid="ignore"):
        return (precision * found).sum(1) / np.minimum(np.diff(targets.indptr), found.shape[1])


def coverage(items: np.ndarray, n_items: int) -> float:
    """Share of all items that any user is given.

    Parameters
    ----------
    items : int64 ndarray of shape (m, k)
        -1 where there is none.
    n_items : int
    """
    return len(np.unique(items[items >= 0])) / n_items


def novelty(items: np.ndarray, counts: np.ndarray, n_users: int) -> np.ndarray:
    """Mean self-information of what each user is given, in bits: float64 (m,); NaN where that is nothing.

    The self-information of an item is -log2 of the share of users who took it: of one that everybody knows, 0.

    Parameters
    ----------
    items : int64 ndarray of shape (m, k)
        -1 where there is none.
    counts : ndarray of shape (n_items,)
        Users of each item; one that nobody took is counted as if half a user had.
    n_users : int

    References
    ----------
    T. Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 107, 2010.
    """
    bits = -np.log2(np.maximum(counts, 0.5) / n_users)
    there = items >= 0
    with np.errstate(invalid="ignore"):
        return np.where(there, bits[items], 0.0).sum(1) / there.sum(1)


def mean_ndcg(score: Callable[[Csr], np.ndarray], history: Csr, targets: Csr, k: int = 100) -> float:
    """Mean NDCG@k over users that have a target, what they have taken hidden; scored in blocks of users.

    Parameters
    ----------
    score : callable
        From a history (m, n_items) to scores (m, n_items), which are overwritten.
    history, targets : csr_matrix of shape (m, n_items)
    k : int, default=100

    Returns
    -------
    float
        0 where no user has a target.
    """
    gains = []
    for rows in blocks(history):
        items, _ = top_k(score(history[rows]), k, history[rows])
        gains.append(ndcg(hits(items, targets[rows]), targets[rows]))
    known = np.concatenate(gains)
    return float(np.nanmean(known)) if np.isfinite(known).any() else 0.0
