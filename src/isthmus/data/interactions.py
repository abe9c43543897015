"""Who took what, and what they said of it: from frames, files, tuples or a sparse matrix to one sparse matrix."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
from scipy import sparse

from isthmus.data.checks import shorten
from isthmus.data.entries import reaches, with_entries
from isthmus.data.frames import as_frame
from isthmus.data.ids import as_ids, as_texts_like, encoded, positions
from isthmus.data.raw import Csr
from isthmus.data.readers.few_columns import names_in, read_few
from isthmus.data.roles import ROLES, Columns, choose_columns
from isthmus.exceptions import DataError, ParameterError

#: Name and values of the column of each role.
Table = dict[str, tuple[Any, pa.ChunkedArray]]
#: What messages call interactions that come as tuples.
TUPLES = "the interactions given"


@dataclass(frozen=True)
class Interactions:
    """Interactions of users with items; each pair stands once.

    Parameters
    ----------
    matrix : csr_matrix of float32 of shape (n_users, n_items)
        Values, or ones; sorted. A value of 0 is stored as such.
    users, items : ndarray of int64, or of str objects
        Names of the rows and columns.
    times : int64 or float64 ndarray of shape (n_interactions,), optional
        When, in the order of `matrix.data`; dates as nanoseconds since 1970.
    has_values : bool
        Whether the values say more than that there was an interaction.
    container : str, default="auto"
        "pandas", "polars" or "pyarrow", as brought; "auto": none of these.
    origin : str, default="the interactions given"
        What messages call them.
    columns : dict of role to name, optional
        The columns of a frame or file that they were taken from.
    written : bool, default=False
        Whether they are of a text file, in which whole numbers are texts as well.
    """

    matrix: Csr
    users: np.ndarray
    items: np.ndarray
    times: np.ndarray | None
    has_values: bool
    container: str = "auto"
    origin: str = TUPLES
    columns: dict[str, Any] | None = None
    written: bool = False

    def __len__(self) -> int:
        return int(self.matrix.nnz)

    def taken(self, threshold: float | None) -> Csr:
        """Give ones where there is an interaction, or where its value is at least `threshold`."""
        matrix = self.matrix
        if threshold is None:
            return sparse.csr_matrix((np.ones_like(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)
        kept = reaches(matrix.data, threshold)
        return with_entries(matrix, kept, np.ones(int(kept.sum()), np.float32))

    def named_as(self, known: Interactions) -> Interactions:
        """Give whole numbers of a text file as texts where users or items are known as texts."""
        if not self.written:
            return self
        users, items = as_texts_like(self.users, known.users), as_texts_like(self.items, known.items)
        return replace(self, users=users, items=items)

    def on_items(self, items: np.ndarray) -> tuple[Interactions, np.ndarray]:
        """Give the interactions with the items named, in their order, and the names of those left out.

        Parameters
        ----------
        items : ndarray
            Names of the columns wanted.

        Returns
        -------
        Interactions
            With all users; those whose items are all unknown have none left.
        ndarray
            Names of the items that are not among these.
        """
        at = positions(self.items, items)
        matrix = self.matrix
        known = at[matrix.indices] >= 0
        left: Csr = with_entries(matrix, known)
        left = sparse.csr_matrix((left.data, at[left.indices], left.indptr), shape=(matrix.shape[0], len(items)))
        times = None
        if self.times is not None:
            order = np.lexsort((left.indices, np.repeat(np.arange(left.shape[0]), np.diff(left.indptr))))
            times = self.times[known][order]
        left.sort_indices()
        return replace(self, matrix=left, items=items, times=times), self.items[at < 0]


def as_interactions(
    X: Any, *, columns: Columns = None, users: Any = None, items: Any = None, has_values: bool | None = None
) -> Interactions:
    """Take interactions as a person has them.

    Parameters
    ----------
    X : frame, path, list of tuples, ndarray, scipy sparse matrix, or Interactions
        A pandas, polars or pyarrow frame; a CSV, TSV, Parquet, Feather or Arrow file (perhaps gzipped), of which only
        the columns needed are read, or "-" for CSV on standard input; tuples or lines of an array (user, item),
        (user, item, value) or (user, item, value, time); or a matrix of users by items. Its stored zeros are values,
        unless it holds nothing but 0 and 1.
    columns : sequence of str, or mapping, optional
        Names of the columns of a frame or file with the user, the item, the value and the time, in this order, or as
        {"user": ..., "item": ...}. By default those whose names tell ("user_id", "movieId", "rating",
        "timestamp"); where user or item are not told, columns by their place, with a warning.
    users, items : sequence of int or str, optional
        Names of the rows and columns of a sparse matrix; by default their positions.
    has_values : bool, optional
        Whether the numbers of a sparse matrix, stored zeros among them, say more than that there was an interaction; by
        default unless all are 0 or 1.

    Returns
    -------
    Interactions
        Users and items are sorted by name, those of a matrix stay as they are. Of a pair that is there more than once,
        the value is that of the last by time, or else by row; in a
        sparse matrix such values are added up, as SciPy does.

    Raises
    ------
    DataError
        Where there are none, an id is missing or neither a whole number nor a text, or a value is not finite.
    ParameterError
        Where `columns`, `users`, `items` or `has_values` do not go with X.

    Examples
    --------
    >>> from isthmus.data import as_interactions
    >>> found = as_interactions([("ann", 7, 4.0), ("bo", 7, 2.0), ("ann", 9, 5.0)])
    >>> found.users.tolist(), found.items.tolist(), found.matrix.toarray().tolist()
    (['ann', 'bo'], [7, 9], [[4.0, 5.0], [2.0, 0.0]])
    """
    if isinstance(X, Interactions):
        return X
    if sparse.issparse(X):
        if columns is not None:
            raise ParameterError("columns= names columns of a frame or file, but X is a sparse matrix. Leave it out.")
        return _from_matrix(X, users, items, has_values)
    if users is not None or items is not None or has_values is not None:
        raise ParameterError(
            "users=, items= and has_values= tell of the rows, columns and numbers of a scipy sparse matrix, which X is "
            "not. Leave them out."
        )
    table, container, origin, written = _table(X, columns)
    named = None if origin == TUPLES else {role: name for role, (name, _) in table.items()}
    return replace(_from_table(table, container, origin), columns=named, written=written)


# Sparse matrices -------------------------------------------------------------------------------------------


def _from_matrix(X: Any, users: Any, items: Any, has_values: bool | None) -> Interactions:
    origin = "the sparse matrix given"
    if X.ndim != 2 or X.dtype.kind not in "biuf":
        raise DataError(f"{origin[4:].capitalize()} has shape {X.shape} and dtype {X.dtype}; expected numbers, 2-D.")
    # Entries of a place are added up in a type that holds their sum.
    matrix: Csr = sparse.csr_matrix(X if X.dtype.kind == "b" else X.astype(np.result_type(X, np.float32)), copy=True)
    matrix.sum_duplicates()
    coo = matrix.tocoo()
    _refuse_not_finite(matrix.data, lambda at: f"row {coo.row[at]}, column {coo.col[at]} of {origin}")
    matrix.data = matrix.data.astype(np.float32)
    if has_values is None:
        has_values = not np.isin(matrix.data, (0, 1)).all()
    if not has_values:
        matrix.eliminate_zeros()
    names = []
    for given, n, what in ((users, matrix.shape[0], "users"), (items, matrix.shape[1], "items")):
        ids = np.arange(n, dtype=np.int64) if given is None else as_ids(given, f"{what}=")
        if len(ids) != n:
            raise ParameterError(f"{what}= has {len(ids):,} names, but {origin} has {n:,} {what}. Give one for each.")
        if len(np.unique(ids)) < n:
            values, times = np.unique(ids, return_counts=True)
            raise ParameterError(f"{what}= names {shorten(values[times.argmax()])} more than once. Give each its own.")
        names.append(ids)
    if matrix.nnz == 0:
        raise DataError(f"There are no interactions in {origin}: it holds nothing but zeros.")
    return Interactions(matrix, names[0], names[1], None, has_values, origin=origin)


# Tables ----------------------------------------------------------------------------------------------------


def _table(X: Any, columns: Columns) -> tuple[Table, str, str, bool]:
    """Columns of X by role as Arrow arrays, the container, what messages call X, and whether it is a text file."""
    if isinstance(X, (str, os.PathLike)):
        origin = "standard input" if str(X) == "-" else str(X)
        source = names_in(X)
        chosen = choose_columns(source.names, columns, origin)
        read = read_few(source, list(chosen.values()), [chosen["user"], chosen["item"]])
        return {role: (name, read[name]) for role, name in chosen.items()}, "auto", origin, source.text
    origin = "the frame given"
    frame = as_frame(X, origin)
    if frame is not None:
        chosen = choose_columns(list(frame.columns), columns, origin)
        table = {role: (name, _arrow(frame.get_column(name), name, origin)) for role, name in chosen.items()}
        return table, _kind(frame), origin, False
    if columns is not None:
        raise ParameterError("columns= names columns of a frame or file; tuples have an order instead. Leave it out.")
    return _columns_of_tuples(X), "auto", TUPLES, False


def _kind(frame: nw.DataFrame[Any]) -> str:
    kind = frame.implementation
    return "polars" if kind.is_polars() else "pyarrow" if kind.is_pyarrow() else "pandas"


def _arrow(series: Any, name: Any, origin: str) -> Any:
    try:
        return _chunked(series.to_arrow())
    except (pa.ArrowException, TypeError, OverflowError) as error:
        raise DataError(
            f"Column {name!r} of {origin} mixes values of several types ({str(error).splitlines()[0][:120]}). Make all "
            "of them whole numbers, or all texts."
        ) from None


def _chunked(array: Any) -> pa.ChunkedArray:
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _columns_of_tuples(X: Any) -> Table:
    """Columns of tuples, or of the lines of an array."""
    expected = (
        "expected a frame, the path of a CSV, TSV, Parquet or Feather file, a list of tuples (user, item), (user, "
        "item, value) or (user, item, value, time), or a scipy sparse matrix of users by items"
    )
    if isinstance(X, (bytes, Mapping)) or not hasattr(X, "__len__") or not hasattr(X, "__iter__"):
        raise DataError(f"Interactions of type {type(X).__name__} cannot be taken; {expected}.")
    if isinstance(X, np.ndarray):
        if X.ndim != 2 or not 2 <= X.shape[1] <= len(ROLES):
            raise DataError(
                f"An array of shape {X.shape} cannot be taken; {expected}. Of a whole matrix make a sparse one, "
                "scipy.sparse.csr_matrix(X)."
            )
        columns: list[Any] = [X[:, j].tolist() if X.dtype.kind in "OU" else X[:, j] for j in range(X.shape[1])]
    else:
        rows = list(X)
        width = len(rows[0]) if rows and isinstance(rows[0], (tuple, list)) else 0
        for i, row in enumerate(rows):
            if not isinstance(row, (tuple, list)) or len(row) != width or not 2 <= width <= len(ROLES):
                raise DataError(f"Row {i} (counted from 0) of the interactions given is {row!r:.80}; {expected}.")
        columns = [list(column) for column in zip(*rows, strict=True)]
    if not columns:
        raise DataError(f"There are no interactions: the list given is empty; {expected}.")
    arrays = {}
    for role, column in zip(ROLES, columns, strict=False):
        try:
            arrays[role] = (role, _chunked(pa.array(column)))
        except (pa.ArrowException, TypeError, OverflowError):
            first = type(column[0])
            other = next((i for i, v in enumerate(column) if type(v) is not first), 0)
            raise DataError(
                f"The {role} of row {other} (counted from 0) is {shorten(column[other])}, that of row 0 is "
                f"{shorten(column[0])}: they are of unlike types, or of none that is known. Make all of them whole "
                "numbers, or all texts."
            ) from None
    return arrays


def _from_table(table: Table, container: str, origin: str) -> Interactions:
    """Ids to numbers, pairs to a sparse matrix."""
    n = len(table["user"][1])
    if n == 0:
        raise DataError(f"There are no interactions: {origin} has no rows.")
    (rows, users), (cells, items) = (encoded(table[role][1], table[role][0], origin) for role in ("user", "item"))
    values = _values(*table["value"], origin) if "value" in table else None
    times = _times(*table["time"], origin) if "time" in table else None
    key = rows.astype(np.int64) * len(items)
    key += cells
    del rows, cells
    order = _last_of_each(key, times)
    key = key[order]
    ends = np.searchsorted(key, np.arange(len(users) + 1, dtype=np.int64) * len(items))
    key %= len(items)
    data = np.ones(len(order), np.float32) if values is None else values[order]
    matrix = sparse.csr_matrix(
        (data, key.astype(np.int32), ends.astype(np.int32 if n < 2**31 else np.int64)), shape=(len(users), len(items))
    )
    return Interactions(
        matrix, users, items, None if times is None else times[order], values is not None, container, origin
    )


def _last_of_each(key: np.ndarray, times: np.ndarray | None) -> np.ndarray:
    """Positions of the keys in rising order, each key once: the last by time, then by position."""
    order = np.argsort(key)
    same = key[order[1:]] == key[order[:-1]]
    if not same.any():
        return order
    # Few pairs are there more than once, and only those are looked at again.
    twice = np.flatnonzero(np.concatenate([same, [False]]) | np.concatenate([[False], same]))
    of = order[twice]
    by = (of, key[of]) if times is None else (of, times[of], key[of])
    order[twice] = of[np.lexsort(by)]
    return order[np.concatenate([~same, [True]])]


def _values(name: Any, column: pa.ChunkedArray, origin: str) -> np.ndarray:
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise DataError(
            f"The values in column {name!r} of {origin} are of type {kind}, such as {shorten(column[0].as_py())}; "
            "expected numbers. Say by columns= which column holds them, or leave it out."
        )
    column = column.cast(pa.float64(), safe=False) if not pa.types.is_floating(kind) else column
    values = column.to_numpy().astype(np.float64, copy=False)
    _refuse_not_finite(values, lambda at: f"row {at} (counted from 0), column {name!r} of {origin}")
    return values.astype(np.float32)


def _refuse_not_finite(values: np.ndarray, where: Callable[[int], str]) -> None:
    with np.errstate(over="ignore"):
        fine = np.isfinite(values.astype(np.float32, copy=False)) if values.dtype.kind == "f" else np.array(True)
    if not fine.all():
        at = int(np.flatnonzero(~fine)[0])
        said = "no value (NaN)" if np.isnan(values[at]) else f"the value {values[at]:g}"
        raise DataError(
            f"There is {said} at {where(at)}. Values must be finite numbers that 32 bits can hold: give one, or leave "
            "the row out."
        )


def _times(name: Any, column: pa.ChunkedArray, origin: str) -> np.ndarray:
    kind = column.type
    texts = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if texts or pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        try:
            column = column.cast(pa.timestamp("ns"))
        except pa.ArrowInvalid as error:
            raise DataError(
                f"The times in column {name!r} of {origin} cannot be read ({str(error)[:120]}); expected numbers, or "
                "dates such as 2024-05-31 12:00:00 of 1678 to 2261. Say by columns= which columns there are, or none."
            ) from None
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise DataError(f"The times in column {name!r} of {origin} are of type {kind}; expected numbers or dates.")
    if column.null_count or (pa.types.is_floating(kind) and not np.isfinite(column.to_numpy()).all()):
        gone = np.flatnonzero(~np.isfinite(column.cast(pa.float64()).to_numpy())) if not column.null_count else None
        at = int(gone[0]) if gone is not None else int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise DataError(f"There is no time at row {at} (counted from 0), column {name!r} of {origin}. Give one.")
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return column.to_numpy()


def as_pairs(X: Any, known: Interactions) -> tuple[np.ndarray, np.ndarray, str]:
    """Take pairs of a user and an item as they stand, in their order; other columns are left alone.

    Parameters
    ----------
    X : frame, path or list of tuples
        As in `as_interactions`.
    known : Interactions
        Users and items fitted on: those of a text file are named in their manner.

    Returns
    -------
    users, items : ndarray of int64, or of str objects, of shape (n,)
    origin : str
        What messages call them.
    """
    if sparse.issparse(X):
        raise DataError("Pairs of a user and an item are expected, as a frame or tuples, but X is a sparse matrix.")
    if isinstance(X, Interactions):
        X, coo = X.named_as(known), X.matrix.tocoo()
        return X.users[coo.row], X.items[coo.col], X.origin
    table, _, origin, written = _table(X, None)
    if not len(table["user"][1]):
        raise DataError(f"There are no pairs: {origin} has no rows.")
    (rows, users), (cells, items) = (encoded(table[role][1], table[role][0], origin) for role in ("user", "item"))
    if written:
        users, items = as_texts_like(users, known.users), as_texts_like(items, known.items)
    return users[rows], items[cells], origin
