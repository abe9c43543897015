"""Interactions as users by items: what an autoencoder is fitted to."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import sparse

from isthmus.data.interactions import as_interactions
from isthmus.data.ratings import RATINGS
from isthmus.data.raw import Raw, Schema


def raw_of_interactions(X: Any, like: Schema | None) -> Raw:
    """Take interactions, as `as_interactions` does, as users by items; the items are those of `like`, if there is one.

    Items that it does not name are left out, with a warning.
    """
    given = as_interactions(X)
    if like is not None and like.names is not None:
        known = {name: at for at, name in enumerate(like.names)}
        at = np.array([known.get(str(item), -1) for item in given.items], dtype=np.int64)
        if (at < 0).any():
            odd = given.items[at < 0]
            warnings.warn(
                f"{given.origin}: {len(odd):,} of the items were not there in fit: left out, such as {odd[0]!r}.",
                stacklevel=2,
            )
        entries = given.matrix.tocoo()
        kept = at[entries.col] >= 0
        places = (entries.row[kept], at[entries.col[kept]])
        matrix = sparse.csr_matrix((entries.data[kept], places), shape=(len(given.users), len(known)))
        return Raw(matrix, RATINGS, like.names, row_names=tuple(map(str, given.users)), origin=given.origin)
    names, rows = tuple(map(str, given.items)), tuple(map(str, given.users))
    return Raw(given.matrix, RATINGS, names, row_names=rows, origin=given.origin)
