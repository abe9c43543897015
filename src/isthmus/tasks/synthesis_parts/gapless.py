"""A table as a density takes it: without gaps, and with numbers of few values as categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

from isthmus.data import Column, Raw
from isthmus.data.column import BOOLEAN, CATEGORY, DAY, NUMBER

#: Up to so many different values, each so many times, numbers and dates are categories: their shares are learnt.
MOST_VALUES, FEWEST_TIMES = 20, 10


class Gapless:
    """Columns as brought, and the same without gaps.

    A missing category or truth value is a category of its own; a missing number or date is told by a truth value in a
    column that is added. Numbers and dates of few values, each there many times, are categories.

    Parameters
    ----------
    columns : sequence of Column
        As brought.
    gaps : sequence of bool
        Whether each has missing cells.
    steps : sequence of ndarray or None
        Values of columns of numbers and dates that are categories.
    """

    def __init__(self, columns: Sequence[Column], gaps: Sequence[bool], steps: Sequence[np.ndarray | None]):
        self.columns = tuple(columns)
        self.gaps = tuple(bool(gap) for gap in gaps)
        self.steps = tuple(steps)
        inner = [self._inner(j) for j in range(len(self.columns))]
        #: Columns whose gaps are told by a column that is added, in order.
        self.told = tuple(j for j, gap in enumerate(self.gaps) if gap and inner[j].type != CATEGORY)
        added = (Column(f"{self.columns[j].name} is missing", BOOLEAN, given=True) for j in self.told)
        #: What the columns are without gaps; the first ones are those brought, one by one.
        self.inner = (*inner, *added)

    @classmethod
    def learn(cls, columns: Sequence[Column], values: np.ndarray) -> Self:
        """Look at training values (n, d)."""
        missing = np.isnan(values)
        steps = []
        for j, column in enumerate(columns):
            distinct = np.unique(values[~missing[:, j], j])
            few = len(distinct) <= MOST_VALUES and FEWEST_TIMES * len(distinct) <= len(values) - missing[:, j].sum()
            steps.append(distinct if few and column.type not in (CATEGORY, BOOLEAN) else None)
        return cls(columns, missing.any(axis=0).astype(object).tolist(), steps)

    def _inner(self, j: int) -> Column:
        column, steps = self.columns[j], self.steps[j]
        if column.type == CATEGORY:
            labels: tuple[Any, ...] = column.categories or ()
        elif steps is not None:
            labels = tuple(steps.tolist())
        elif column.type == BOOLEAN and self.gaps[j]:
            labels = (False, True)
        else:
            return replace(column, given=True)
        labels = (*labels, None) if self.gaps[j] else labels
        # Numbers for labels: nothing but their places counts, and no label can be mistaken for that of a gap.
        return Column(column.name, CATEGORY, tuple(range(len(labels))), given=True)

    def is_continuous(self, j: int) -> bool:
        """Whether a column of the inner ones holds numbers or dates."""
        return self.inner[j].type not in (CATEGORY, BOOLEAN)

    def there(self, values: np.ndarray) -> np.ndarray:
        """Give values (n, d) without gaps: (n, d'); only numbers and dates are NaN where they were."""
        missing = np.isnan(values)
        out = np.array(values, dtype=np.float64)
        for j, column in enumerate(self.inner[: len(self.columns)]):
            if column.type == CATEGORY:
                steps = self.steps[j]
                known = values[:, j] if steps is None else nearest(values[:, j], steps)
                out[:, j] = np.where(missing[:, j], len(column.categories or ()) - 1, known)
        return np.concatenate([out, missing[:, self.told].astype(np.float64)], axis=1)

    def back(self, inner: np.ndarray) -> np.ndarray:
        """Give values (n, d) with gaps of those without (n, d')."""
        out = inner[:, : len(self.columns)].copy()
        for j, column in enumerate(self.inner[: len(self.columns)]):
            if column.type != CATEGORY:
                continue
            last = len(column.categories or ()) - 1
            gap = self.gaps[j] & (out[:, j] == last)
            steps = self.steps[j]
            if steps is not None:
                out[:, j] = np.append(steps, np.nan)[out[:, j].astype(np.intp)]
            out[gap, j] = np.nan
        for place, j in enumerate(self.told, len(self.columns)):
            out[inner[:, place] >= 0.5, j] = np.nan
        return out

    def table(self, inner: np.ndarray, origin: str) -> Raw:
        """Give rows without gaps as a table that an autoencoder takes."""
        return Raw(
            values=inner,
            kind="table",
            names=tuple(column.name for column in self.inner),
            container="pyarrow",
            column_dtypes=("double",) * len(self.inner),
            origin=origin,
            columns=self.inner,
        )

    def to_config(self) -> dict[str, Any]:
        """Give what was learnt as JSON-able values."""
        steps = [None if values is None else values.tolist() for values in self.steps]
        return {"gaps": list(self.gaps), "steps": steps}

    @classmethod
    def from_config(cls, columns: Sequence[Column], config: dict[str, Any]) -> Self:
        """Make it again."""
        steps = [None if values is None else np.asarray(values, dtype=np.float64) for values in config["steps"]]
        return cls(columns, config["gaps"], steps)


def nearest(values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Give the places of the nearest of some ascending values; 0 for NaN."""
    if not len(steps):
        return np.zeros(len(values))
    above = np.searchsorted(steps, np.nan_to_num(values, nan=steps[0])).clip(1, max(1, len(steps) - 1))
    if len(steps) == 1:
        return np.zeros(len(values))
    lower, upper = steps[above - 1], steps[above]
    return np.where(np.isnan(values), 0.0, above - 1 + (values - lower > upper - values))


def units(columns: Sequence[Column], values: np.ndarray) -> np.ndarray:
    """Find what all numbers of each column are multiples of, a power of ten (a day or a second, for dates); 0: nothing.

    Examples
    --------
    >>> import numpy as np
    >>> units([Column("price"), Column("pay")], np.array([[1.25, 1200.0], [3.5, 900.0]])).tolist()
    [0.01, 100.0]
    """
    found = np.zeros(len(columns))
    for j, column in enumerate(columns):
        seen = values[~np.isnan(values[:, j]), j]
        if column.type in (CATEGORY, BOOLEAN) or not len(seen):
            continue
        tried = (DAY, 1.0) if column.type not in (NUMBER, "whole") else 10.0 ** np.arange(6, -7, -1.0)
        found[j] = next((unit for unit in tried if np.allclose(seen, _rounded(seen, unit), rtol=1e-12, atol=0)), 0.0)
    return found


def _rounded(values: np.ndarray, unit: float) -> np.ndarray:
    # Dividing by a whole number is exact where multiplying by a decimal fraction is not.
    return np.rint(values / unit) * unit if unit >= 1 else np.rint(values * round(1 / unit)) / round(1 / unit)


def rounded(values: np.ndarray, unit: float) -> np.ndarray:
    """Round to multiples of a unit; 0 leaves values as they are."""
    return _rounded(values, unit) if unit else values
