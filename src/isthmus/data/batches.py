"""Prepared rows as training takes them: a batch of given rows at a time, from wherever the rows are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from isthmus.data.raw import Values


@dataclass
class Prepared:
    """Rows as a network takes them.

    Parameters
    ----------
    x : Tensor of shape (n, *shape)
        Prepared values; missing cells are 0.
    mask : bool Tensor of shape (n, *shape), optional
        True where a value was observed; None where nothing is missing.
    """

    x: Tensor
    mask: Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device: torch.device | str) -> Prepared:
        """Give the same rows on another device."""
        return Prepared(self.x.to(device), None if self.mask is None else self.mask.to(device))


@runtime_checkable
class Rows(Protocol):
    """Rows taken in any order, a batch at a time; a source that streams from files is to be one too."""

    def __len__(self) -> int:
        """Count the rows."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one prepared item."""
        ...

    @property
    def has_mask(self) -> bool:
        """Whether `take` gives a mask."""
        ...

    def take(self, index: Tensor, out: Prepared | None = None) -> Prepared:
        """Give the rows of an index, written into `out` where it is given.

        Parameters
        ----------
        index : int64 Tensor of shape (m,)
            Rows to take.
        out : Prepared, optional
            Buffers of at least m rows to write into, so that a training step allocates nothing.

        Returns
        -------
        Prepared
            m rows; views of `out` where it was given.
        """
        ...

    def to(self, device: torch.device | str) -> Rows:
        """Give the same rows with their batches on another device."""
        ...


class DenseRows:
    """Rows resident in one tensor.

    Parameters
    ----------
    x : Tensor of shape (n, *shape)
        Prepared values.
    mask : bool Tensor of shape (n, *shape), optional
        True where observed.
    lengths : int Tensor of shape (n,), optional
        Steps of each sequence, where they are unequal: batches are then made of sequences about as long.

    Examples
    --------
    >>> import torch
    >>> rows = DenseRows(torch.arange(6.0).reshape(3, 2))
    >>> rows.take(torch.tensor([2, 0])).x.tolist()
    [[4.0, 5.0], [0.0, 1.0]]
    """

    def __init__(self, x: Tensor, mask: Tensor | None = None, lengths: Tensor | None = None):
        self.x = x
        self.mask = mask
        self.lengths = lengths

    def __len__(self) -> int:
        return len(self.x)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one prepared item."""
        return tuple(self.x.shape[1:])

    @property
    def has_mask(self) -> bool:
        """Whether any value is missing."""
        return self.mask is not None

    def take(self, index: Tensor, out: Prepared | None = None) -> Prepared:
        """Give the rows of an index, written into `out` where it is given."""
        m = len(index)
        index = index.to(self.x.device)
        if out is None:
            return Prepared(self.x[index], None if self.mask is None else self.mask[index])
        x = torch.index_select(self.x, 0, index, out=out.x[:m])
        mask = None
        if self.mask is not None:
            assert out.mask is not None, "buffers for rows with missing values need a mask"
            mask = torch.index_select(self.mask, 0, index, out=out.mask[:m])
        return Prepared(x, mask)

    def to(self, device: torch.device | str) -> DenseRows:
        """Give the same rows on another device."""
        return DenseRows(self.x.to(device), None if self.mask is None else self.mask.to(device), self.lengths)


class LazyRows:
    """Rows held as they were brought, and prepared a batch at a time: sparse matrices, and tables that are large.

    Parameters
    ----------
    values : ndarray, csr_matrix or csr_array of shape (n, d)
        Rows as brought, checked.
    prepare : callable
        From some rows of the values to a `Prepared`.
    has_mask : bool
        Whether any row has missing values.
    shape : tuple of int, optional
        Shape of one prepared item; (d,) by default.
    device : torch.device or str, default="cpu"
        Where batches go.
    """

    def __init__(
        self,
        values: Values,
        prepare: Callable[[Values], Prepared],
        has_mask: bool,
        shape: tuple[int, ...] | None = None,
        device: torch.device | str = "cpu",
    ):
        self.values = values
        self.prepare = prepare
        self.device = torch.device(device)
        self._shape = (int(values.shape[1]),) if shape is None else shape
        self._has_mask = has_mask

    def __len__(self) -> int:
        return int(self.values.shape[0])

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one prepared item."""
        return self._shape

    @property
    def has_mask(self) -> bool:
        """Whether any value is missing."""
        return self._has_mask

    def take(self, index: Tensor, out: Prepared | None = None) -> Prepared:
        """Give the rows of an index, written into `out` where it is given."""
        batch = self.prepare(self.values[index.cpu().numpy()])
        if self._has_mask and batch.mask is None:
            batch.mask = torch.ones_like(batch.x, dtype=torch.bool)
        if out is None:
            return batch.to(self.device)
        m = len(index)
        x = out.x[:m].copy_(batch.x)
        if batch.mask is None:
            return Prepared(x, None)
        assert out.mask is not None, "buffers for rows with missing values need a mask"
        return Prepared(x, out.mask[:m].copy_(batch.mask))

    def to(self, device: torch.device | str) -> LazyRows:
        """Give the same rows with their batches on another device."""
        return LazyRows(self.values, self.prepare, self._has_mask, self._shape, device)
