"""What a part of the anomaly score is: something that scores rows, and says which columns did it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from torch import Tensor

from isthmus.autoencoder import Autoencoder
from isthmus.tasks.anomaly_parts.views import Rows


@dataclass(frozen=True)
class Setting:
    """How parts are to be fitted.

    Parameters
    ----------
    neighbours : int
        Neighbours that a distance is a mean over.
    seed : int
    device : str
    references : ndarray of int
        Rows, of those fitted on, that distances are taken to.
    look : {"clean", "first", "second"}, default="clean"
        Whether the rows are clean, or it is the first look at ones that may not be, or the second at what that left.
    verbose : int, default=0
        Of the networks' fits.
    """

    neighbours: int
    seed: int
    device: str
    references: np.ndarray
    look: str = "clean"
    verbose: int = 0


class Part(ABC):
    """One idea of what is unusual.

    A part gives one raw score a row or several (channels), above 0 and higher for stranger rows; what they are worth
    beside those of other parts is settled by whoever joins them.
    """

    name: ClassVar[str]

    @abstractmethod
    def fit(self, rows: Rows, setting: Setting) -> Self:
        """Learn from rows."""

    @abstractmethod
    def update(self, rows: Rows, new: Rows, setting: Setting) -> None:
        """Learn from new rows too; `rows` are those kept of all, of which `setting` names the references."""

    @abstractmethod
    def scores(self, rows: Rows) -> Tensor:
        """Give raw scores: (n, channels)."""

    @abstractmethod
    def shares(self, rows: Rows) -> Tensor:
        """Give what each slot adds to each raw score, up to a factor: (n, channels, p), not negative."""

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """Give what was learnt but the autoencoders."""

    def autoencoders(self) -> dict[str, Autoencoder]:
        """Give the autoencoders, by name."""
        return {}

    def codes(self, rows: Rows) -> np.ndarray | None:
        """Give codes of rows, (n, k), where the part has a network."""
        return None

    @classmethod
    @abstractmethod
    def restore(cls, arrays: dict[str, np.ndarray], autoencoders: dict[str, Autoencoder], references: Rows) -> Self:
        """Rebuild from `arrays` and `autoencoders`; the references fitted with are kept by whoever joins the parts."""
