"""The base of all coders: one column of a table to slots of a row that a network takes, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np

from isthmus.data.column import Column

#: Kinds of heads: what the network's output for a run of slots stands for.
NUMBERS, BINARY, CATEGORIES = "number", "binary", "category"


@dataclass(frozen=True)
class Head:
    """A run of slots with one likelihood.

    Parameters
    ----------
    column : int
        Place of the column that it belongs to.
    start, stop : int
        Slots of a prepared row.
    kind : {"number", "binary", "category"}
        "number": each slot a mean, in prepared units. "binary": one logit. "category": logits of categories.
    weight : float
        Share of its column's loss; those of a column add up to 1.
    center : ndarray of shape (stop - start,)
        Shares of the categories, or of true, in training; the prepared value of an indicator is (0 or 1, less the
        center) / scale. Empty for numbers.
    scale : float, default=1.0
    """

    column: int
    start: int
    stop: int
    kind: str
    weight: float = 1.0
    center: np.ndarray = field(default_factory=lambda: np.zeros(0))
    scale: float = 1.0


class Coder(ABC):
    """One column to slots and back; fitted on training rows.

    Attributes
    ----------
    column : Column
        The column fitted on.
    """

    name: ClassVar[str]

    def __init__(self, column: Column):
        self.column = column

    @abstractmethod
    def fit(self, values: np.ndarray) -> Self:
        """Learn from values of shape (n,) as `Raw` has them, NaN where missing; at least one is there."""

    @abstractmethod
    def heads(self) -> list[Head]:
        """Give the heads, their slots counted from 0."""

    @abstractmethod
    def encode(self, values: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Give the slots (n, width) of values (n,), NaN where missing; with `rng`, ties are spread at random."""

    @abstractmethod
    def decode(self, slots: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Give values (n,) of slots (n, width) in prepared units.

        What is most likely; with `rng`, what is told by probabilities is drawn by them.
        """

    @property
    def width(self) -> int:
        """Count the slots."""
        return self.heads()[-1].stop

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """Give what was learnt, by name; `restore` takes it back."""

    @abstractmethod
    def restore(self, arrays: Mapping[str, np.ndarray]) -> Self:
        """Take what `arrays` gave."""

    def bounded(self, values: np.ndarray) -> np.ndarray:
        """Keep values within what the schema allows."""
        low, high = self.column.low, self.column.high
        return values if low is None and high is None else np.clip(values, low, high)
