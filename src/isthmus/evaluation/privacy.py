"""How near made rows come to the rows that they were learnt from, beside rows held out. None of it proves anonymity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from isthmus.data import Column

#: Rows of each sort that distances are measured between.
MOST_ROWS = 2000
#: What is said wherever these figures are shown.
NO_PROOF = (
    "None of these figures proves that the made rows are anonymous: they tell of rows and attacks that were tried, on "
    "average, and a rare person can stand out where no average shows it."
)


@dataclass(frozen=True)
class Privacy:
    """How near made rows come to real ones.

    Parameters
    ----------
    copies, held_copies : float
        Share of the made rows, and of the rows held out, that are the same in all columns as a row trained on.
    to_train, to_held : float
        Median distance of made rows to the closest of the rows trained on, and of as many held out.
    nearer : float
        Share of the made rows that lie nearer to a row trained on than to any of as many held out; a half where the
        rows trained on have left no more of a trace than others like them.
    attack : float
        AUC of a membership-inference attack: rows near a made row are taken for rows trained on. 0.5 is chance.
    rows : int
        Rows of each sort between which distances were measured.
    """

    copies: float
    held_copies: float
    to_train: float
    to_held: float
    nearer: float
    attack: float
    rows: int


def privacy(train: np.ndarray, held: np.ndarray, made: np.ndarray, columns: Sequence[Column], seed: int = 0) -> Privacy:
    """Measure how near made rows come to those trained on, beside those held out.

    The distance of two rows is the mean over columns of the difference of ranks for numbers and dates, and of 0 or 1
    for categories and truth values (Gower's distance); what is missing differs by 1 from all that is not.

    Parameters
    ----------
    train, held, made : ndarray of shape (n, d)
        Values as `Raw` has them. The rows held out were not learnt from.
    columns : sequence of Column
    seed : int, default=0
        Of the rows that are compared where there are many.

    Returns
    -------
    Privacy

    References
    ----------
    J. C. Gower, "A general coefficient of similarity and some of its properties", Biometrics (1971). R. Shokri et al.,
    "Membership inference attacks against machine learning models", S&P 2017.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> train, held, made = rng.normal(size=(3, 200, 2))
    >>> found = privacy(train, held, train, [Column("a"), Column("b")])
    >>> found.copies, found.held_copies, found.attack
    (1.0, 0.0, 1.0)
    """
    known = {row.tobytes() for row in _whole(train)}
    copies, held_copies = (float(np.mean([row.tobytes() in known for row in _whole(rows)])) for rows in (made, held))
    rng = np.random.default_rng(seed)
    n = min(len(train), len(held), MOST_ROWS)
    ranked = _ranked(train, columns)
    a, b = (ranked(rows[rng.permutation(len(rows))[:n]]) for rows in (train, held))
    # As many made rows as were trained on: an attacker has them all, but the nearest of many is near to anything.
    c = ranked(made[rng.permutation(len(made))[:MOST_ROWS]])
    numeric = np.array([column.is_numeric or column.type == "date" for column in columns])
    to_train, to_held = _distances(c, a, numeric), _distances(c, b, numeric)
    nearest = to_train.min(1), to_held.min(1)
    members, others = -to_train.min(0), -to_held.min(0)
    attack = roc_auc_score(np.repeat([1, 0], [len(members), len(others)]), np.concatenate([members, others]))
    ties = float(np.mean(nearest[0] == nearest[1]))
    return Privacy(
        copies,
        held_copies,
        float(np.median(nearest[0])),
        float(np.median(nearest[1])),
        float(np.mean(nearest[0] < nearest[1])) + ties / 2,
        float(attack),
        n,
    )


def _whole(values: np.ndarray) -> np.ndarray:
    """Rows whose bytes are the same where the rows are: one NaN, one zero."""
    return np.ascontiguousarray(np.where(np.isnan(values), np.nan, values + 0.0))


class _ranked:
    """Gives values as ranks among the rows trained on, from 0 to 1; categories as they are."""

    def __init__(self, train: np.ndarray, columns: Sequence[Column]):
        self.sorted = [
            np.sort(train[~np.isnan(train[:, j]), j]) if column.is_numeric or column.type == "date" else None
            for j, column in enumerate(columns)
        ]

    def __call__(self, values: np.ndarray) -> np.ndarray:
        out = values.astype(np.float64)
        for j, ordered in enumerate(self.sorted):
            if ordered is None or not len(ordered):
                continue
            sides = [np.searchsorted(ordered, out[:, j], side) for side in ("left", "right")]
            out[:, j] = np.where(np.isnan(out[:, j]), np.nan, (sides[0] + sides[1]) / 2 / len(ordered))
        return out


def _distances(a: np.ndarray, b: np.ndarray, numeric: np.ndarray) -> np.ndarray:
    """Distances (n, m) of rows (n, d) and (m, d)."""
    total = np.zeros((len(a), len(b)), dtype=np.float32)
    for j, number in enumerate(numeric):
        one, other = a[:, j, None].astype(np.float32), b[None, :, j].astype(np.float32)
        difference = np.abs(one - other) if number else (one != other).astype(np.float32)
        missing = np.isnan(one), np.isnan(other)
        either = missing[0] | missing[1]
        if either.any():
            difference = np.where(either, (missing[0] != missing[1]).astype(np.float32), difference)
        total += difference
    return total / len(numeric)
