"""The base of all preparations: from a person's values to tensors for a network, and exactly back."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import torch

from isthmus.data.batches import DenseRows, Prepared, Rows
from isthmus.data.checks import check_names, check_width, refuse_infinite, refuse_too_large, tell_missing
from isthmus.data.columns import Head
from isthmus.data.giving_back import give_back
from isthmus.data.moments import dense, only_zeros_and_ones, spans
from isthmus.data.raw import Raw, Schema
from isthmus.data.scaling import SCALERS, Scaler
from isthmus.exceptions import DataError, ParameterError


class Preparation(ABC):
    """From a person's values to tensors for a network, and exactly back: base of one class a kind.

    A kind says how its items look (`arrange`, `prepared_shape`), which of its axes are scaled by themselves
    (`width`), how its axes are ordered for a network (`forward`, `backward`) and what it calls a cell; all
    else is here.

    Parameters
    ----------
    scaling : {"auto", "standard", "minmax", "quantile", "none"}, default="auto"
        How values are scaled. "auto" is "none" where every value is 0 or 1, else "standard".

    Attributes
    ----------
    shape_ : tuple of int
        Shape of one prepared item: (d,), picture (c, h, w), sequence (time, channels).
    feature_names_ : tuple of str or None
        Column names, where a frame was fitted.
    scaling_ : str
        What "auto" became.
    binary_ : bool
        Whether every observed value was 0 or 1 and is still so when prepared (not with "standard" or
        "quantile").
    schema_ : Schema
        Form of the data fitted.

    Raises
    ------
    ParameterError
        For an unknown `scaling`, in `fit`.
    DataError
        For data that do not suit: from `fit`, `transform` and `rows`.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus.data import PREPARATIONS, as_raw
    >>> raw = as_raw(np.array([[1.0, 10.0], [3.0, np.nan]]))
    >>> preparation = PREPARATIONS["vector"]().fit(raw)
    >>> prepared = preparation.transform(raw)
    >>> prepared.x.tolist(), prepared.mask.tolist()
    ([[-1.0, 0.0], [1.0, 0.0]], [[True, True], [True, False]])
    >>> preparation.inverse(prepared.x.numpy()).tolist()
    [[1.0, 10.0], [3.0, 10.0]]
    """

    kind: ClassVar[str]

    def __init__(self, scaling: str = "auto"):
        self.scaling = scaling
        self.shape_: tuple[int, ...] = ()
        self.scaling_ = scaling
        self.binary_ = False
        self.schema_ = Schema(self.kind, (), "float64")
        self.scaler_: Scaler = SCALERS["none"]()

    # --- What a kind says of itself

    @classmethod
    @abstractmethod
    def arrange(cls, values: Any, origin: str) -> Any:
        """Give values of two or more axes in the layout of this kind, or refuse them (DataError)."""

    @classmethod
    @abstractmethod
    def prepared_shape(cls, item_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of one prepared item."""

    @classmethod
    @abstractmethod
    def width(cls, item_shape: tuple[int, ...]) -> int:
        """Count the columns that are scaled by themselves: the last axes of the values."""

    @classmethod
    def forward(cls, block: np.ndarray) -> np.ndarray:
        """Order the axes of (m, *item_shape) for a network: (m, *shape)."""
        return block

    @classmethod
    def backward(cls, block: np.ndarray, item_shape: tuple[int, ...]) -> np.ndarray:
        """Undo `forward`."""
        return block.reshape(len(block), *item_shape)

    @classmethod
    @abstractmethod
    def cell(cls, position: tuple[int, ...], names: tuple[str, ...] | None) -> str:
        """Call a position within an item by its name: "column 'age'"."""

    @classmethod
    @abstractmethod
    def describe(cls, item_shape: tuple[int, ...]) -> str:
        """Say in words what items of a shape are: "pictures of 28 x 28"."""

    @classmethod
    def bounds(cls, dtype: np.dtype) -> tuple[float, float] | None:
        """Range that values of a dtype can have at all, for "minmax"; None: the range seen."""
        return None

    # --- Fitting

    @property
    def heads_(self) -> tuple[Head, ...]:
        """Runs of slots of a prepared row that have a likelihood each; empty where each value is a number."""
        return ()

    @property
    def slot_columns_(self) -> np.ndarray | None:
        """Column that each value of a prepared row belongs to, ints of shape (p,); None where each is its own."""
        return None

    @property
    def slot_names_(self) -> tuple[str, ...] | None:
        """Names of the values of a prepared row, where a frame was fitted."""
        return self.feature_names_

    @property
    def feature_names_(self) -> tuple[str, ...] | None:
        """Column names, where a frame was fitted."""
        return self.schema_.names

    def fit(self, raw: Raw) -> Self:
        """Learn scaling and form from training rows.

        Parameters
        ----------
        raw : Raw
            Training rows only.

        Returns
        -------
        Self
        """
        if self.scaling != "auto" and self.scaling not in SCALERS:
            known = ", ".join(repr(name) for name in ("auto", *SCALERS))
            raise ParameterError(f"scaling={self.scaling!r} is not known. Give one of {known}.")
        self._check_kind(raw, type(self).__name__)
        self.refuse_infinite(raw)
        zeros_and_ones = only_zeros_and_ones(raw.values)
        self.scaling_ = self.scaling if self.scaling != "auto" else ("none" if zeros_and_ones else "standard")
        self.binary_ = zeros_and_ones and self.scaling_ in ("none", "minmax")
        self.schema_ = raw.schema
        self.shape_ = self.prepared_shape(raw.item_shape)
        bounds = self.bounds(raw.values.dtype)
        self.scaler_ = SCALERS[self.scaling_]().fit(raw.values, self.width(raw.item_shape), bounds)
        missing = np.isnan(self.scaler_.transform(np.zeros((1, self.width(raw.item_shape))))[0])
        tell_missing(missing, raw.origin, raw.names, "column" if len(raw.item_shape) == 1 else "channel")
        return self

    def refuse_infinite(self, raw: Raw) -> None:
        """Refuse rows with an infinite value (DataError), by the names of row and cell."""
        refuse_infinite(raw.values, raw.origin, lambda at: self.cell(at, raw.names))

    # --- There

    def check(self, raw: Raw, name: str = "Autoencoder") -> None:
        """Refuse rows whose kind, column names or shape are not those fitted on.

        Parameters
        ----------
        raw : Raw
            Rows to check.
        name : str, default="Autoencoder"
            Estimator that messages speak of.
        """
        self._check_kind(raw, name)
        self._check_names(raw, name)
        if len(self.shape_) == 1:
            check_width(raw.item_shape[0], self.shape_[0], name)
        elif self.prepared_shape(raw.item_shape) != self.shape_:
            raise DataError(
                f"X has {self.describe(raw.item_shape)} (from {raw.origin}), but {name} is expecting "
                f"{self.describe(self.schema_.item_shape)} as input, as in fit."
            )

    def transform(self, raw: Raw, dtype: torch.dtype = torch.float32, *, name: str = "Autoencoder") -> Prepared:
        """Prepare rows, all of them dense.

        Parameters
        ----------
        raw : Raw
            Rows of the kind, names and shape fitted on.
        dtype : torch.dtype, default=torch.float32
            Floating dtype of the result; the arithmetic is float64 either way.
        name : str, default="Autoencoder"
            Estimator that messages speak of.

        Returns
        -------
        Prepared
            Values with missing cells filled with 0, and the mask of observed ones.
        """
        self.check(raw, name)
        return self._prepare(raw.values, dtype, raw.origin)

    def _prepare(
        self, values: Any, dtype: torch.dtype, origin: str, rng: np.random.Generator | None = None
    ) -> Prepared:
        """Prepare values, a piece at a time, so that only the result is held whole; infinite ones are refused."""
        n = values.shape[0]
        x = torch.empty((n, *self.shape_), dtype=dtype if dtype == torch.float64 else torch.float32)
        out, mask, looked = x.numpy(), None, False
        for span in spans(n, math.prod(self.shape_)):
            block = self.forward(self._scale(dense(values[span]), rng))
            with np.errstate(over="ignore", invalid="ignore"):
                out[span] = block
                # What is missing, infinite or too large for the dtype passes through a sum.
                if np.isfinite(out[span].sum()):
                    continue
                if not looked:
                    refuse_infinite(values, origin, lambda at: self.cell(at, self.feature_names_))
                    looked = True
                missing = np.isnan(block)
                if missing.any():
                    out[span][missing] = 0.0
                    if mask is None:
                        mask = torch.ones((n, *self.shape_), dtype=torch.bool)
                    mask.numpy()[span] = ~missing
            if not np.isfinite(out[span]).all():
                self._refuse_too_large(out[span], span.start, origin)
        return Prepared(x.to(dtype), mask)

    def _refuse_too_large(self, out: np.ndarray, start: int, origin: str) -> None:
        """Say which value of some prepared rows, the first of them `start`, is beyond the range of their dtype."""
        cells = self.backward(out, self.schema_.item_shape)
        refuse_too_large(cells, start, origin, lambda at: self.cell(at, self.feature_names_))

    def _is_prepared(self, values: Any, dtype: torch.dtype) -> bool:
        """Whether values are what preparing them would give, so that they need not be copied."""
        return (
            isinstance(values, np.ndarray)
            and type(self).forward.__func__ is Preparation.forward.__func__
            and values.flags.c_contiguous
            and values.flags.writeable
            and values.dtype == (np.float64 if dtype == torch.float64 else np.float32)
            and values.shape[1:] == self.shape_
            and self.scaler_.as_it_is()
            # What is missing passes through a sum, as what is infinite does.
            and not np.isnan(values.sum(dtype=np.float64))
        )

    def _scale(self, block: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Scale a block of items, each column of the last axes by itself; `rng` is for what is random in training."""
        return self.scaler_.transform(block.reshape(-1, self.width(block.shape[1:]))).reshape(block.shape)

    def values(self, raw: Raw, name: str = "Autoencoder") -> Any:
        """Values of rows with the meaning that they had in fit: an ndarray or csr matrix of shape (n, *item_shape)."""
        return raw.values

    def rows(self, raw: Raw, dtype: torch.dtype = torch.float32, *, name: str = "Autoencoder") -> Rows:
        """Give rows as training takes them: resident, a batch at a time.

        Parameters
        ----------
        raw : Raw
            Rows of the kind, names and shape fitted on.
        dtype : torch.dtype, default=torch.float32
            Floating dtype of the batches.
        name : str, default="Autoencoder"
            Estimator that messages speak of.

        Returns
        -------
        Rows
        """
        if self._is_prepared(raw.values, dtype):
            self.check(raw, name)
            self.refuse_infinite(raw)
            # Not copied: training only ever reads them, into batches of its own.
            return DenseRows(torch.from_numpy(raw.values))
        prepared = self.transform(raw, dtype, name=name)
        return DenseRows(prepared.x, prepared.mask)

    # --- And back

    def inverse(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Undo the scaling.

        Parameters
        ----------
        x : ndarray of shape (n, *shape_)
            Prepared values, such as a reconstruction.
        rng : numpy Generator, optional
            Draws categories by their chances; by default each is the likeliest.

        Returns
        -------
        ndarray of shape (n, *item_shape)
            Values in the person's units; float32 where both `x` and what was fitted fit that, else float64.
        """
        x = np.asarray(x)
        item_shape = self.schema_.item_shape
        width = self.width(item_shape)
        out = np.empty((len(x), *item_shape), dtype=np.result_type(x.dtype, np.dtype(self.schema_.dtype), np.float32))
        for span in spans(len(x), math.prod(item_shape)):
            block = self.backward(x[span], item_shape).reshape(-1, width)
            with np.errstate(over="ignore"):
                out[span] = self.scaler_.inverse(block).reshape(-1, *item_shape)
        return out

    def by_column(self, cells: np.ndarray) -> np.ndarray:
        """Add up figures (n, *shape) of what belongs to one value as brought: (n, *item_shape); NaN where all are."""
        return self.backward(cells, self.schema_.item_shape)

    def comparable(self, values: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
        """Give values (n, *item_shape) such that their differences from the first ones say how far off they are."""
        return [values, *others]

    def give_back(self, values: np.ndarray, like: Raw | None = None) -> Any:
        """Give values in the person's units in the container that they use.

        Parameters
        ----------
        values : ndarray of shape (n, *item_shape)
            What `inverse` gives.
        like : Raw, optional
            Data whose container, names, dtypes and row labels to use; by default those fitted on (without row
            labels).

        Returns
        -------
        ndarray, frame or tensor
            Integer columns of frames and integer pictures are rounded and clipped to what their dtype holds;
            integer arrays come back as floats; sparse matrices come back dense.
        """
        return give_back(values, self.schema_ if like is None else like.schema, None if like is None else like.index)

    # --- To a file and back

    def config(self) -> dict[str, Any]:
        """Give all that was learnt but the arrays, as JSON-able values."""
        return {
            "kind": self.kind,
            "scaling": self.scaling,
            "scaling_used": self.scaling_,
            "binary": self.binary_,
            "schema": self.schema_.to_config(),
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the arrays that were learnt, by name."""
        return self.scaler_.arrays()

    @classmethod
    def restore(cls, config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """Rebuild a fitted preparation from its `config` and `arrays`.

        Parameters
        ----------
        config : mapping
            What `config` gave, perhaps by way of JSON.
        arrays : mapping of str to ndarray
            What `arrays` gave.

        Returns
        -------
        Preparation
            Of the class called on: `PREPARATIONS[config["kind"]].restore(config, arrays)`.
        """
        preparation = cls(config["scaling"])
        preparation.scaling_ = config["scaling_used"]
        preparation.binary_ = config["binary"]
        preparation.schema_ = Schema.from_config(config["schema"])
        preparation.shape_ = cls.prepared_shape(preparation.schema_.item_shape)
        preparation.scaler_ = SCALERS[preparation.scaling_].restore(dict(arrays))
        return preparation

    def _check_names(self, raw: Raw, name: str) -> None:
        """Refuse frames with other columns than those fitted on, or in another order."""
        check_names(raw.names, self.feature_names_, name)

    def _check_kind(self, raw: Raw, name: str) -> None:
        """Refuse data of a kind whose items have other axes than this one's."""
        same_axes = len(raw.item_shape) == 1 and not {self.kind, raw.kind} - {"vector", "table"}
        if raw.kind != self.kind and not same_axes:
            raise DataError(
                f"{name} works on kind {self.kind!r} here, but {raw.origin} is of kind {raw.kind!r} (items "
                f"of shape {raw.item_shape})."
            )
