"""Ratings: who took which of many items, or what was said of it; of each row only its entries are held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from isthmus.data.batches import Prepared, Rows
from isthmus.data.checks import check_width
from isthmus.data.preparation import Preparation
from isthmus.data.raw import Csr, Raw, Schema
from isthmus.exceptions import DataError, ParameterError
from isthmus.packed import MOST_COLUMNS, pack, there

RATINGS = "ratings"
#: Values beyond have squares that are lost in float32.
LARGEST = 1e15


class RatingsPreparation(Preparation):
    """Rows of a sparse matrix, users by items: an entry is what is known, all else is not 0 but unknown.

    Values stay as they are. Rows are packed (`isthmus.packed`), a batch at a time.
    """

    kind: ClassVar[str] = RATINGS
    tells_mask = False
    #: Whether values may be below 0.
    signed_: bool = True

    # --- What a kind says of itself

    @classmethod
    def arrange(cls, values: Any, origin: str) -> Any:
        """Give a csr matrix of float32; of a dense array what is neither 0 nor NaN is an entry."""
        if values.ndim != 2:
            raise DataError(
                f"kind='ratings' needs users in rows and items in columns, but {origin} has shape "
                f"{tuple(values.shape)}. Give a scipy sparse matrix, or rows (user, item, value)."
            )
        if values.shape[1] > MOST_COLUMNS:
            raise DataError(f"{origin} has {values.shape[1]:,} items; kind='ratings' takes {MOST_COLUMNS:,} at most.")
        if not sparse.issparse(values):
            values = sparse.csr_matrix(np.where(np.isnan(values), 0, values) if values.dtype.kind == "f" else values)
        matrix = values.tocsr()
        if not matrix.has_sorted_indices:
            matrix = matrix.sorted_indices()
        with np.errstate(over="ignore"):
            matrix = matrix if matrix.dtype == np.float32 else matrix.astype(np.float32)
        _refuse(
            matrix, ~(np.abs(matrix.data) < LARGEST), origin, f"within {LARGEST:g}, and what is not known is no entry"
        )
        return matrix

    @classmethod
    def prepared_shape(cls, item_shape: tuple[int, ...]) -> tuple[int, ...]:
        """As many items."""
        return item_shape

    @classmethod
    def width(cls, item_shape: tuple[int, ...]) -> int:
        """Nothing is scaled."""
        return 0

    @classmethod
    def cell(cls, position: tuple[int, ...], names: tuple[str, ...] | None) -> str:
        """Call an item by its name, or else by its number."""
        return f"item {position[0] if names is None else repr(names[position[0]])}"

    @classmethod
    def describe(cls, item_shape: tuple[int, ...]) -> str:
        """Ratings of how many items."""
        return f"ratings of {item_shape[0]:,} items"

    # --- Fitting

    def fit(self, raw: Raw) -> Self:
        """Learn how many items there are."""
        if self.scaling not in ("auto", "none"):
            raise ParameterError(
                f"scaling={self.scaling!r} cannot be used with kind='ratings', whose values stay as they are; leave "
                "scaling='auto'."
            )
        self._check_kind(raw, type(self).__name__)
        if not len(raw.values.data):
            raise DataError(f"{raw.origin} has no entries: there is nothing to fit.")
        self.scaling_ = "none"
        self.schema_ = raw.schema
        self.shape_ = raw.item_shape
        return self

    def refuse_negative(self, raw: Raw) -> None:
        """Refuse values below 0, here and from now on: they are to weigh entries."""
        self.signed_ = False
        self._refuse_negative(raw)

    def _refuse_negative(self, raw: Raw) -> None:
        if not self.signed_:
            _refuse(
                raw.values,
                np.asarray(raw.values.data) < 0,
                raw.origin,
                "0 or more, as loss='multinomial' weighs entries by them",
            )

    def refuse_infinite(self, raw: Raw) -> None:
        """Values were looked at when they were brought."""

    # --- There

    def check(self, raw: Raw, name: str = "Autoencoder") -> None:
        """Refuse rows of another kind, or of other items."""
        self._check_kind(raw, name)
        self._check_names(raw, name)
        check_width(raw.item_shape[0], self.shape_[0], name)
        self._refuse_negative(raw)

    def transform(self, raw: Raw, dtype: torch.dtype = torch.float32, *, name: str = "Autoencoder") -> Prepared:
        """Pack rows; the mask says where there are entries."""
        self.check(raw, name)
        return _packed(raw.values, dtype)

    def rows(self, raw: Raw, dtype: torch.dtype = torch.float32, *, name: str = "Autoencoder") -> Rows:
        """Give rows as training takes them: packed a batch at a time."""
        self.check(raw, name)
        return PackedRows(raw.values, dtype)

    # --- And back

    def inverse(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Give values as they are: nothing was scaled."""
        return np.asarray(x)

    # --- To a file and back

    def config(self) -> dict[str, Any]:
        """Give all that was learnt as JSON-able values."""
        return super().config() | {"signed": self.signed_}

    def arrays(self) -> dict[str, np.ndarray]:
        """Give no arrays: there are none."""
        return {}

    @classmethod
    def restore(cls, config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """Rebuild a fitted preparation from its `config`."""
        preparation = cls(config["scaling"])
        preparation.scaling_ = config["scaling_used"]
        preparation.schema_ = Schema.from_config(config["schema"])
        preparation.shape_ = preparation.schema_.item_shape
        preparation.signed_ = config["signed"]
        return preparation


class PackedRows:
    """Rows of a sparse matrix, packed a batch at a time: batches are as wide as their longest row.

    Parameters
    ----------
    matrix : csr_matrix of shape (n, d)
    dtype : torch.dtype
    device : torch.device or str, default="cpu"
    """

    #: Batches have no size known beforehand: no memory is kept for them.
    has_mask = True

    def __init__(self, matrix: Csr, dtype: torch.dtype, device: torch.device | str = "cpu"):
        self.matrix = matrix
        self.dtype = dtype
        self.device = torch.device(device)

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    @property
    def shape(self) -> tuple[int, ...]:
        """Items of a row."""
        return (int(self.matrix.shape[1]),)

    def take(self, index: Tensor, out: Prepared | None = None) -> Prepared:
        """Give the rows of an index, in memory of their own."""
        return _packed(self.matrix[index.cpu().numpy()], self.dtype).to(self.device)

    def to(self, device: torch.device | str) -> PackedRows:
        """Give the same rows with their batches on another device."""
        return PackedRows(self.matrix, self.dtype, device)


def _refuse(matrix: Csr, odd: np.ndarray, origin: str, expected: str) -> None:
    """Refuse the first odd value (DataError), by its row and column."""
    if odd.any():
        at = int(odd.argmax())
        row = int(np.searchsorted(matrix.indptr, at, side="right")) - 1
        raise DataError(
            f"{origin} has the value {matrix.data[at]:g} in row {row}, column {matrix.indices[at]} (counted from 0). "
            f"Values must be {expected}: correct it, or leave it out."
        )


def _packed(matrix: Csr, dtype: torch.dtype) -> Prepared:
    x = pack(matrix, dtype)
    return Prepared(x, there(x))
