"""Items that nobody took yet: scored by what is known of them, from the scores of the others."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Self

import narwhals as nw
import numpy as np
import pyarrow as pa
from scipy import sparse

from isthmus.data.checks import near
from isthmus.data.frames import as_frame
from isthmus.data.raw import Csr
from isthmus.data.readers.few_columns import names_in, read_few
from isthmus.exceptions import DataError
from isthmus.tasks.recommending_parts.item_columns import FeatureColumn, learn_column

#: Names of a column of ids, in order; without one of them it is the first.
IDS = ("item", "item_id", "itemid", "id", "movieid", "movie_id", "product_id", "productid", "asin", "isbn")
#: Features kept at most, the most frequent ones: their Gram matrix is solved whole.
MOST = 1000
#: Penalties that are tried, and items at most that each is left out of.
L2, LEFT_OUT = tuple(float(l2) for l2 in 10 ** np.arange(-1, 4.25, 0.25)), 10_000


class ItemFeatures:
    """Features of items, and the map from any model's scores of warm items to those of cold ones.

    A user's score of a cold item is what a ridge regression of the user's scores of the warm items on their features
    gives for its features: S_cold = S_warm P^T with P = F_cold (F^T F + l I)^-1 F^T, features and scores centred. One
    l serves all users: that of the least squared error when each warm item is left out in turn, which has a closed form
    (Allen's PRESS). A factor, too, is fitted on the items left out, so that predicted scores are neither too near nor
    too far from a user's mean: then cold items stand among warm ones where they are to be expected.

    Parameters
    ----------
    id_column : str, optional
        Column with the ids of the items; by default one named like it ("item", "item_id", "movieId"), or the first.

    Attributes
    ----------
    cold_ids : list
        Items of the frame that are not among those of the interactions, in its order.
    l2 : float
        Penalty that was chosen.
    slope : float
        Factor on the regression's scores; 0 where features tell nothing of the scores.

    References
    ----------
    D. M. Allen, "The relationship between variable selection and data augmentation and a method for prediction",
    Technometrics 16(1), 1974. The map itself is the linear case of Gantner et al., "Learning attribute-to-feature
    mappings for cold-start recommendations", ICDM 2010.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> wines = pd.DataFrame({"item": [1, 2, 3, 4, 5], "type": ["red", "red", "white", "white", "red"]})
    >>> features = ItemFeatures().fit(wines, [1, 2, 3, 4])
    >>> scores = np.array([[0.9, 0.7, 0.1, 0.1]], dtype=np.float32)
    >>> features.cold_ids, features.fit_map(scores).map(scores).round(1)
    ([5], array([[0.8]], dtype=float32))
    """

    _warm: Csr
    _cold: Csr

    def __init__(self, id_column: str | None = None):
        self.id_column = id_column

    def fit(self, frame: Any, item_ids: Sequence[Any] | np.ndarray) -> Self:
        """Learn what the features are, from the warm items, and keep those of all.

        Parameters
        ----------
        frame : pandas, polars or pyarrow frame, or path of a table
            A row for each item: its id, and columns of numbers, of categories and of lists joined by "|" (or of real
            lists). Categories that fewer than two warm items have are left out, and what is missing counts as nothing.
        item_ids : sequence of length n_warm
            Ids of the items of the interactions, in their order. Those that are not in the frame have no features.

        Raises
        ------
        DataError
            If it is no frame, an id is missing or stands twice, none of the items is in it, it has no feature, or a
            number is infinite.
        """
        table = _table(frame, self.id_column)
        name = self._name_of_ids(table)
        ids = _ids(table[name])
        place = {item: row for row, item in enumerate(ids)}
        warm = np.asarray(item_ids).tolist()
        rows = np.array([place.get(item, -1) for item in warm], dtype=np.int64)
        self._known = rows >= 0
        if not self._known.any():
            raise DataError(
                f"items: none of the {len(warm)} items of the interactions is in column {name!r}, which has such as "
                f"{ids[0]!r}; those of the interactions are such as {warm[0]!r}. Give ids of the same form."
            )
        seen = rows[self._known]
        learnt = [learn_column(table[column], seen) for column in table.columns if column != name]
        self._columns = [column for column in learnt if column is not None]
        self._keep_most_frequent()
        if not self._columns:
            raise DataError(
                f"items: no column beside {name!r} tells items apart: expected numbers that differ, categories that "
                'two or more items share, or lists of such joined by "|".'
            )
        features = self._encode(table)
        at = set(warm)
        cold = [row for row, item in enumerate(ids) if item not in at]
        self.cold_ids = [ids[row] for row in cold]
        self._warm, self._cold = features[seen], features[cold]
        self._mean = np.asarray(self._warm.mean(0), dtype=np.float32).ravel()
        return self

    def _name_of_ids(self, table: nw.DataFrame[Any]) -> str:
        if self.id_column is None:
            return _name_of_ids(table.columns)
        if self.id_column not in table.columns:
            raise DataError(f"items: no column {self.id_column!r} of ids. {near(self.id_column, table.columns)}")
        return self.id_column

    def _keep_most_frequent(self) -> None:
        """Keep at most `MOST` features; numbers always stay."""
        times = {(column.name, label): n for column in self._columns for label, n in column.labels.items()}
        numbers = sum(not column.labels for column in self._columns)
        most = {key for key, _ in Counter(times).most_common(max(0, MOST - numbers))}
        kept = [column.only({label for name, label in most if name == column.name}) for column in self._columns]
        self._columns = [column for column in kept if column is not None]

    def _encode(self, table: nw.DataFrame[Any]) -> Csr:
        """Give the features of rows: csr_matrix of shape (rows, d)."""
        for column in self._columns:
            if column.name not in table.columns:
                raise DataError(f"items: no column {column.name!r}, which was there in fit. There are {table.columns}.")
        return sparse.hstack([column.encode(table[column.name]) for column in self._columns], format="csr")

    def fit_map(self, scores: np.ndarray) -> Self:
        """Choose how far features are to be trusted, on the scores of some users.

        Parameters
        ----------
        scores : ndarray of shape (m, n_warm)
            A model's scores of all warm items, none hidden, of users like those to come; some hundred are enough.
        """
        centred = self._centred(scores)[0].astype(np.float64)
        features, mean = self._warm.astype(np.float64), self._mean.astype(np.float64)
        n = features.shape[0]
        values, vectors = np.linalg.eigh(sparse.csr_matrix(features.T @ features).toarray() - n * np.outer(mean, mean))
        values = np.maximum(values, 0)
        told = (features.T @ centred.T).T @ vectors
        left = np.unique(np.linspace(0, n - 1, min(n, LEFT_OUT)).astype(int))
        rows, truth = (features[left].toarray() - mean) @ vectors, centred[:, left]
        best = (np.inf, L2[-1], 0.0)
        for l2 in L2:
            shrunk = 1 / (values + l2)
            # Nearer to 1 an item explains nothing but itself, and the division would be by rounding errors.
            own = np.minimum((np.square(rows) * shrunk).sum(1) + 1 / n, 1 - 1e-9)
            # Without itself in the regression and in the user's mean, relative to that mean with it.
            guess = ((told * shrunk) @ rows.T - truth * own) / (1 - own)
            error = float(np.square(guess - truth).sum())
            if error < best[0]:
                slope = float((guess * truth).sum() / max(float(np.square(guess).sum()), 1e-300))
                best = (error, l2, max(slope, 0.0))
        _, self.l2, self.slope = best
        self._map = ((vectors * (self.slope / (values + self.l2))) @ vectors.T).astype(np.float32)
        return self

    def map(self, scores: np.ndarray, frame: Any = None) -> np.ndarray:
        """Score cold items for each user: float32 ndarray of shape (m, n_cold).

        Parameters
        ----------
        scores : ndarray of shape (m, n_warm)
            What a model gives for all warm items, none hidden.
        frame : pandas, polars or pyarrow frame, optional
            Rows of other items, in columns as in `fit`; by default the cold items of that frame. Categories
            that were not there are left out.
        """
        cold = self._cold if frame is None else self._encode(_table(frame, self.id_column))
        centred, means = self._centred(scores)
        told = (self._warm.T @ centred.T).T @ self._map
        return means + (cold @ told.T).T - (told @ self._mean)[:, None]

    def _centred(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give scores of items with features less each user's mean, and the means (m, 1)."""
        known = scores[:, self._known].astype(np.float32, copy=False)
        means = known.mean(1, keepdims=True)
        return known - means, means

    # --- To a folder and back

    def learnt(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Give what was learnt as JSON values and as arrays."""
        values = {
            **{"cold_ids": self.cold_ids, "l2": self.l2, "slope": self.slope},
            "columns": [column.to_config() for column in self._columns],
        }
        arrays = {"known": self._known, "mean": self._mean, "map": self._map}
        for name, rows in {"warm": self._warm, "cold": self._cold}.items():
            arrays |= {f"{name}.data": rows.data, f"{name}.indices": rows.indices, f"{name}.ends": rows.indptr}
        return values, arrays

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """Take back what `learnt` gave."""
        self.cold_ids = list(values["cold_ids"])
        self.l2, self.slope = float(values["l2"]), float(values["slope"])
        self._columns = [FeatureColumn.from_config(config) for config in values["columns"]]
        self._known, self._mean, self._map = np.asarray(arrays["known"], bool), arrays["mean"], arrays["map"]
        self._warm, self._cold = (
            sparse.csr_matrix(
                tuple(arrays[f"{name}.{part}"] for part in ("data", "indices", "ends")),
                shape=(len(arrays[f"{name}.ends"]) - 1, len(self._mean)),
            )
            for name in ("warm", "cold")
        )
        return self


def _table(frame: Any, id_column: str | None) -> nw.DataFrame[Any]:
    if isinstance(frame, (str, os.PathLike)):
        source = names_in(frame)
        ids = id_column if id_column in source.names else _name_of_ids(source.names)
        frame = pa.table(read_few(source, source.names, [ids]))
    table = as_frame(frame, "items")
    if table is None or not len(table):
        given = "a frame without rows" if table is not None else f"a {type(frame).__name__}"
        raise DataError(f"items: {given} cannot be used; expected a frame with a row for each item: id and features.")
    return table.rename({name: str(name) for name in table.columns})


def _name_of_ids(names: Sequence[str]) -> str:
    by_name = {name.lower(): name for name in reversed(names)}
    return next((by_name[name] for name in IDS if name in by_name), names[0])


def _ids(series: nw.Series[Any]) -> list[Any]:
    """Give the ids of the rows, each there once."""
    first: dict[Any, int] = {}
    ids = series.to_list()
    for row, item in enumerate(ids):
        if item is None or item != item:
            raise DataError(f"items: row {row} of column {series.name!r} has no id. Give each item one, or drop it.")
        if first.setdefault(item, row) != row:
            raise DataError(f"items: {item!r} stands in rows {first[item]} and {row}. Give each item one row.")
    return ids
