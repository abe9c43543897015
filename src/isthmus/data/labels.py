"""Labels of rows, which no model is trained on: to draw new rows of one class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.data.raw import Raw
from isthmus.exceptions import DataError

#: Number of a row that has no label.
NONE = -1
Label = str | int | float | bool


@dataclass(frozen=True)
class Labels:
    """A class for each row.

    Parameters
    ----------
    classes : tuple of str, int, float or bool
        In order, each once.
    index : int64 ndarray of shape (n,)
        Position among the classes; -1 where a row has no label.
    """

    classes: tuple[Label, ...]
    index: np.ndarray

    def take(self, rows: np.ndarray) -> Labels:
        """Give the labels of some rows, with the classes that these have."""
        kept = self.index[rows]
        used = np.unique(kept[kept != NONE])
        places = np.full(len(self.classes) + 1, NONE)  # the last one is that of rows without a label
        places[used] = np.arange(len(used))
        return Labels(tuple(self.classes[i] for i in used), places[kept])

    def wanted(self, condition: Any, n: int) -> np.ndarray:
        """Take what `{"label": ...}` asks for, one label or one a row, as positions among the classes: (n,).

        Raises
        ------
        DataError
            If it is no such mapping, there is no such class, or the labels are not n.
        """
        if not isinstance(condition, Mapping) or set(condition) != {"label"}:
            raise DataError(
                f"condition={condition!r} cannot be used; expected {{'label': LABEL}}, or a list of labels."
            )
        labels = condition["label"]
        if getattr(labels, "ndim", None) == 0:  # an array or a tensor of one label
            labels = labels.item()
        if isinstance(labels, (str, int, float)):
            return np.full(n, self._find(labels))
        if not isinstance(labels, Iterable):
            raise DataError(f"condition={condition!r} cannot be used; expected a label, or a list of {n} labels.")
        labels = list(labels)
        if len(labels) != n:
            raise DataError(f"condition has {len(labels)} labels, but {n} rows are to be made: give one, or {n}.")
        return np.array([self._find(label) for label in labels])

    def _find(self, label: Any) -> int:
        for i, known in enumerate(self.classes):
            # By its text as well: on a command line there is nothing else.
            if label is not None and (known == label or str(known) == str(label)):
                return i
        listed = ", ".join(map(repr, self.classes[:20])) + (", ..." if len(self.classes) > 20 else "")
        raise DataError(f"There is no label {label!r}; those that the model was fitted with are {listed}.")


def as_labels(y: Any, raw: Raw) -> Labels | None:
    """Take labels of rows; None where y holds none.

    Parameters
    ----------
    y : array, Series or list of shape (n,), str or None
        Words, whole numbers or truth values; a str names a column that was set aside, such as "folder". Missing ones
        and empty words are no labels. Measured numbers, and arrays of several columns, are targets of another step of
        a pipeline and no labels.
    raw : Raw
        The rows.

    Raises
    ------
    DataError
        If there are not as many as rows, or no such column of labels was set aside.

    Examples
    --------
    >>> rows = Raw(np.zeros((4, 2)), "vector")
    >>> as_labels(["b", "a", None, "b"], rows)
    Labels(classes=('a', 'b'), index=array([ 1,  0, -1,  1]))
    >>> as_labels([0.5, 1.5, 2.0, 1.0], rows) is None
    True
    """
    if y is None:
        return None
    if isinstance(y, str):
        if y not in raw.extra:
            there = f"those set aside are {', '.join(map(repr, raw.extra))}" if raw.extra else "none was set aside"
            raise DataError(f"y={y!r} names no column that was set aside of {raw.origin}; {there}.")
        labels = as_labels(raw.extra[y], raw)
        # Pictures that lie in no subfolder are not told that they have no labels, which they were not asked for.
        if labels is None and not all(is_missing(value) for value in raw.extra[y].tolist()):
            raise DataError(
                f"y={y!r}: this column of {raw.origin} holds no labels, but measured numbers, times or the like. "
                "Name a column of words, whole numbers or truth values."
            )
        return labels
    try:
        array = np.asarray(y.detach().cpu() if hasattr(y, "detach") else y)
    except ValueError:  # lists of unequal lengths
        return None
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    # Times of nanoseconds would come out of a list as whole numbers.
    if array.ndim != 1 or array.dtype.kind in "mM":
        return None
    if len(array) != len(raw):
        raise DataError(f"y has {len(array):,} labels, but there are {len(raw):,} rows: give one for each.")
    known = np.array([not is_missing(value) for value in array.tolist()], dtype=bool)
    try:
        # From a list again: objects are then words or numbers, as all of them allow.
        values = np.array(array[known].tolist())
    except ValueError:  # objects of unequal lengths
        return None
    if values.dtype.kind == "f" and np.all(np.isfinite(values) & (values == np.round(values))):
        values = values.astype(np.int64)
    if values.ndim != 1 or values.dtype.kind not in "biuU" or not known.any():
        return None
    classes, found = np.unique(values, return_inverse=True)
    index = np.full(len(array), NONE)
    index[known] = found
    return Labels(tuple(classes.tolist()), index)


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, NaN, NaT, pandas.NA or an empty word."""
    try:
        return value is None or not bool(value == value) or value == ""
    except TypeError:  # pandas.NA, which equals nothing
        return True
    except ValueError:  # an array, of more than one value
        return False
