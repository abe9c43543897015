"""Tables with more than numbers: each column owns some slots of a prepared row, with a likelihood of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import torch

from isthmus.data.batches import DenseRows, LazyRows, Prepared, Rows
from isthmus.data.checks import check_width, refuse_too_large, tell_missing
from isthmus.data.column import BOOLEAN, CATEGORY, DATE, DAY
from isthmus.data.columns import CODERS, Coder, Head, choose
from isthmus.data.columns.categories import Embedding, directions
from isthmus.data.identifiers import refuse_identifiers
from isthmus.data.raw import Raw, Schema
from isthmus.data.same_columns import as_fitted
from isthmus.data.table import TablePreparation, columns_of
from isthmus.exceptions import ParameterError

#: Scalings of the numbers among the columns.
SCALINGS = ("auto", "standard", "quantile")
#: Prepared values that are held for training; of larger tables each batch is prepared when it is taken.
MOST_HELD = 200_000_000
#: Of the spread of ties; none that rows were likely drawn with, of which it would not be independent.
SEED = 0x15_7A_3B
#: Rows from which embeddings are learnt.
MOST_ROWS = 100_000


class MixedPreparation(TablePreparation):
    """Columns of a frame that are not all numbers, or whose numbers are prepared by their ranks.

    Numbers become standard scores, or normal scores of their ranks with `scaling="quantile"` and where standard scores
    would be those of a few large values; categories indicators, or an embedding where there are many; truth values one
    indicator; dates their age and their places in the year, the week and the day: see `isthmus.data.columns`.

    Attributes
    ----------
    coders_ : list of Coder
        One a column.
    heads_ : tuple of Head
        Runs of slots, each with one likelihood.
    """

    kind: ClassVar[str] = "table"

    def __init__(self, scaling: str = "auto"):
        super().__init__(scaling)
        self.coders_: list[Coder] = []
        self._heads: tuple[Head, ...] = ()

    def fit(self, raw: Raw) -> Self:
        """Learn the columns from training rows."""
        if self.scaling not in SCALINGS:
            raise ParameterError(
                f"scaling={self.scaling!r} cannot be used with {raw.origin}, whose columns are not all numbers. Give "
                f"one of {', '.join(map(repr, SCALINGS))}."
            )
        self._check_kind(raw, type(self).__name__)
        self.refuse_infinite(raw)
        columns = columns_of(raw.schema)
        refuse_identifiers(columns, raw.values, raw.origin)
        self.scaling_ = self.scaling
        self.schema_ = replace(raw.schema, columns=columns)
        values = np.asarray(raw.values, dtype=np.float64)
        tell_missing(np.asarray(np.isnan(values).all(axis=0)), raw.origin, [column.name for column in columns])
        chosen = [choose(column, values[:, j], self.scaling)(column) for j, column in enumerate(columns)]
        self._fit_coders(chosen, values)
        self._set_coders(chosen)
        return self

    @staticmethod
    def _fit_coders(coders: list[Coder], values: np.ndarray) -> None:
        """Fit one a column; embeddings last, since they learn from the others."""
        few = values
        if len(values) > MOST_ROWS:
            few = values[np.sort(np.random.default_rng(0).choice(len(values), MOST_ROWS, replace=False))]
        beside = []
        for j, coder in enumerate(coders):
            if not isinstance(coder, Embedding):
                beside.append(np.nan_to_num(coder.fit(values[:, j]).encode(few[:, j])).astype(np.float32))
        embedded = [(j, coder) for j, coder in enumerate(coders) if isinstance(coder, Embedding)]
        if embedded:
            others = directions(np.concatenate(beside, axis=1) if beside else np.zeros((len(few), 0)))
            for j, coder in embedded:
                coder.fit_beside(few[:, j], others)

    def _set_coders(self, coders: list[Coder]) -> None:
        self.coders_, heads, start = coders, [], 0
        for j, coder in enumerate(coders):
            heads += [replace(h, column=j, start=start + h.start, stop=start + h.stop) for h in coder.heads()]
            start += coder.width
        self._heads, self.shape_ = tuple(heads), (start,)

    # --- Columns and slots

    @property
    def heads_(self) -> tuple[Head, ...]:
        """Runs of slots of a prepared row, with a likelihood each."""
        return self._heads

    @property
    def slot_columns_(self) -> np.ndarray:
        """Column that each slot belongs to: ints of shape (p,)."""
        return np.repeat(np.arange(len(self.coders_)), [coder.width for coder in self.coders_])

    @property
    def slot_names_(self) -> tuple[str, ...]:
        """Name of each slot: that of its column where it is the only one."""
        names: list[str] = []
        for coder in self.coders_:
            name, width = coder.column.name, coder.width
            names += [name] if width == 1 else [f"{name}[{i}]" for i in range(width)]
        return tuple(names)

    # --- There

    def check(self, raw: Raw, name: str = "Autoencoder") -> None:
        """Refuse rows whose column names or number are not those fitted on."""
        self._check_kind(raw, name)
        self._check_names(raw, name)
        check_width(raw.item_shape[0], self.schema_.item_shape[0], name)

    def _numbers(self, raw: Raw, name: str) -> Raw:
        self.check(raw, name)
        return as_fitted(raw, columns_of(self.schema_))

    def _scale(self, block: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        return np.concatenate([c.encode(block[:, j], rng) for j, c in enumerate(self.coders_)], axis=1)

    def _is_prepared(self, values: Any, dtype: torch.dtype) -> bool:
        return False

    def _refuse_too_large(self, out: np.ndarray, start: int, origin: str) -> None:
        slots = self.slot_columns_
        refuse_too_large(out, start, origin, lambda at: self.cell((int(slots[at[0]]),), self.feature_names_))

    def rows(self, raw: Raw, dtype: torch.dtype = torch.float32, *, name: str = "Autoencoder") -> Rows:
        """Give rows as training takes them: ties are spread; large tables are prepared a batch at a time."""
        raw = self._numbers(raw, name)
        self.refuse_infinite(raw)
        rng = np.random.default_rng(SEED)

        def prepare(values: np.ndarray) -> Prepared:
            return self._prepare(values, dtype, raw.origin, rng)

        if len(raw) * self.shape_[0] > MOST_HELD:
            return LazyRows(raw.values, prepare, True, self.shape_)
        prepared = prepare(raw.values)
        return DenseRows(prepared.x, prepared.mask)

    # --- And back

    def inverse(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Give values of prepared slots: what is most likely; with `rng`, categories are drawn by their chances."""
        x, start = np.asarray(x), 0
        out = np.empty((len(x), len(self.coders_)))
        for j, coder in enumerate(self.coders_):
            out[:, j] = coder.decode(x[:, start : start + coder.width], rng)
            start += coder.width
        return out

    def values(self, raw: Raw, name: str = "Autoencoder") -> np.ndarray:
        """Values of rows with the meaning that they had in fit: ndarray of shape (n, d)."""
        return self._numbers(raw, name).values

    def by_column(self, cells: np.ndarray) -> np.ndarray:
        """Add up figures of slots (n, p) by column: (n, d); NaN where all are."""
        starts = np.cumsum([0] + [coder.width for coder in self.coders_[:-1]])
        missing = np.isnan(cells)
        sums = np.add.reduceat(np.where(missing, 0.0, cells), starts, axis=1)
        sums[np.logical_and.reduceat(missing, starts, axis=1)] = np.nan
        return sums

    def comparable(self, values: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
        """Give values whose differences from the first ones are 1 for another category, and days for dates."""
        found = [np.array(part, dtype=np.float64) for part in (values, *others)]
        for j, coder in enumerate(self.coders_):
            if coder.column.type in (CATEGORY, BOOLEAN):
                for other in found[1:]:
                    other[:, j] = found[0][:, j] + (other[:, j] != found[0][:, j])
            elif coder.column.type == DATE:
                for part in found:
                    part[:, j] /= DAY
        return found

    def give_back(self, values: np.ndarray, like: Raw | None = None) -> Any:
        """Give values in the container that a person uses; categories are those fitted on."""
        if like is not None:
            like = replace(like, columns=self.schema_.columns)
        return super().give_back(values, like)

    # --- To a file and back

    def config(self) -> dict[str, Any]:
        """Give all that was learnt but the arrays, as JSON-able values."""
        return super().config() | {"coders": [coder.name for coder in self.coders_]}

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the arrays that were learnt, by name."""
        return {f"{j}/{key}": array for j, coder in enumerate(self.coders_) for key, array in coder.arrays().items()}

    @classmethod
    def restore(cls, config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """Rebuild a fitted preparation from its `config` and `arrays`."""
        preparation = cls(config["scaling"])
        preparation.scaling_ = config["scaling_used"]
        preparation.schema_ = Schema.from_config(config["schema"])
        coders = []
        for j, (name, column) in enumerate(zip(config["coders"], columns_of(preparation.schema_), strict=True)):
            own = {key.partition("/")[2]: array for key, array in arrays.items() if key.startswith(f"{j}/")}
            coders.append(CODERS[name](column).restore(own))
        preparation._set_coders(coders)
        return preparation
