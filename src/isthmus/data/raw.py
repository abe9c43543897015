"""What a person brought, held in memory as one array, not yet prepared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

from isthmus.data.column import BOOLEAN, Column

#: A scipy csr_matrix or csr_array; scipy has no types for its matrices.
Csr: TypeAlias = Any
#: Values as brought: an array, or a sparse matrix.
Values: TypeAlias = np.ndarray | Csr


def mixed(columns: tuple[Column, ...] | None) -> bool:
    """Whether any column is not of numbers, or is what a schema says; columns of truth values alone are numbers."""
    if columns is None:
        return False
    if any(column.given or column.low is not None or column.high is not None for column in columns):
        return True
    return not all(column.is_numeric for column in columns) and not all(column.type == BOOLEAN for column in columns)


@dataclass(frozen=True)
class Schema:
    """How a person's data look, apart from their values: enough to give results back in the same form.

    Parameters
    ----------
    kind : str
        "vector", "table", "image", "sequence" or "bag".
    item_shape : tuple of int
        Shape of one item as brought: (d,), (h, w), (h, w, c) or (time, channels).
    dtype : str
        NumPy dtype of the values as brought.
    container : str
        "numpy", "scipy", "pandas", "polars", "pyarrow", "torch", "torch_nchw" or "text".
    names : tuple of str, optional
        Column names, where a frame had them and all are strings.
    column_dtypes : tuple of str, optional
        dtype of each column of a frame.
    flat : bool
        Whether items of more than one axis were brought flat: a sequence of one channel as (n, time).
    labels : tuple of int or str, optional
        Column labels of a pandas frame that are not all strings, so that results come back with them.
    columns : tuple of Column, optional
        What each column of a frame is; None where all are numbers, as their dtypes say.
    """

    kind: str
    item_shape: tuple[int, ...]
    dtype: str
    container: str = "numpy"
    names: tuple[str, ...] | None = None
    column_dtypes: tuple[str, ...] | None = None
    flat: bool = False
    labels: tuple[int | str, ...] | None = None
    columns: tuple[Column, ...] | None = None

    @property
    def is_mixed(self) -> bool:
        """Whether any column is not of numbers; columns of truth values alone are numbers."""
        return mixed(self.columns)

    def to_config(self) -> dict[str, Any]:
        """Give the schema as JSON-able values."""
        return {
            "kind": self.kind,
            "item_shape": list(self.item_shape),
            "dtype": self.dtype,
            "container": self.container,
            "names": None if self.names is None else list(self.names),
            "column_dtypes": None if self.column_dtypes is None else list(self.column_dtypes),
            "flat": self.flat,
            "labels": None if self.labels is None else list(self.labels),
            "columns": None if self.columns is None else [column.to_config() for column in self.columns],
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Schema:
        """Rebuild the schema from what `to_config` gave."""
        known: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
        known["item_shape"] = tuple(known["item_shape"])
        if known.get("columns") is not None:
            known["columns"] = tuple(Column.from_config(column) for column in known["columns"])
        return cls(**known)


@dataclass(frozen=True)
class Raw:
    """Data in memory, not yet prepared: what `as_raw` and `read` give.

    Parameters
    ----------
    values : ndarray or scipy csr of shape (n, *item_shape)
        The values in the numeric dtype brought; NaN means missing.
    kind : str
        "vector", "table", "image", "sequence" or "bag": counts of words, which `names` lists.
    names : tuple of str, optional
        Column names; frames only, and only where all are strings.
    container : str, default="numpy"
        "numpy", "scipy", "pandas", "polars", "pyarrow", "torch" or "torch_nchw" (pictures channels first).
    column_dtypes : tuple of str, optional
        dtype of each column of a frame as brought.
    index : pandas.Index, optional
        Row labels of a pandas frame, so that results come back with them.
    row_names : tuple of str, optional
        File names of pictures, relative to the folder read.
    extra : mapping of str to ndarray of shape (n,)
        Columns set aside: not fitted, but there to colour a plot with.
    origin : str, default="the array given"
        What messages call the data: "people.csv".
    flat : bool, default=False
        Whether sequences of one channel were brought as (n, time).
    labels : tuple of int or str, optional
        Column labels of a pandas frame that are not all strings.
    columns : tuple of Column, optional
        What each column of a frame is; None where all are numbers, as their dtypes say.
    lengths : int ndarray of shape (n,), optional
        Steps of each sequence, where they are unequal: the values after them are padding (NaN).

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus.data import as_raw
    >>> raw = as_raw(np.zeros((5, 3)))
    >>> len(raw), raw.item_shape, raw.kind
    (5, (3,), 'vector')
    """

    values: Values
    kind: str
    names: tuple[str, ...] | None = None
    container: str = "numpy"
    column_dtypes: tuple[str, ...] | None = None
    index: Any = None
    row_names: tuple[str, ...] | None = None
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)
    origin: str = "the array given"
    flat: bool = False
    labels: tuple[int | str, ...] | None = None
    columns: tuple[Column, ...] | None = None
    lengths: np.ndarray | None = None

    def __len__(self) -> int:
        return int(self.values.shape[0])

    @property
    def item_shape(self) -> tuple[int, ...]:
        """Shape of one item."""
        return tuple(int(size) for size in self.values.shape[1:])

    @property
    def is_sparse(self) -> bool:
        """Whether the values are a scipy sparse matrix."""
        return sparse.issparse(self.values)

    @property
    def schema(self) -> Schema:
        """Form of the data, without their values."""
        return Schema(
            kind=self.kind,
            item_shape=self.item_shape,
            dtype=str(self.values.dtype),
            container=self.container,
            names=self.names,
            column_dtypes=self.column_dtypes,
            flat=self.flat,
            labels=self.labels,
            columns=self.columns,
        )

    def take(self, rows: np.ndarray | slice) -> Raw:
        """Give some of the rows, with everything that belongs to them.

        Parameters
        ----------
        rows : ndarray of int or bool, or slice
            Rows to keep, in this order.

        Returns
        -------
        Raw
            The rows asked for.
        """
        if not isinstance(rows, slice):
            rows = np.asarray(rows)
            if rows.dtype == bool:
                rows = np.flatnonzero(rows)
            rows = rows.astype(np.intp, copy=False)
        row_names = None
        if self.row_names is not None:
            kept = np.arange(len(self))[rows]
            row_names = tuple(self.row_names[i] for i in kept)
        return replace(
            self,
            values=self.values[rows],
            index=None if self.index is None else self.index[rows],
            row_names=row_names,
            lengths=None if self.lengths is None else self.lengths[rows],
            extra={name: column[rows] for name, column in self.extra.items()},
        )
