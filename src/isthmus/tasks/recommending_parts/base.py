"""What all models of a `Recommender` share: a user's history in, a score for each item out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse

from isthmus.autoencoder import Autoencoder
from isthmus.data.raw import Csr
from isthmus.parameters import Check
from isthmus.tasks.recommending_parts.ranking import blocks, top_k


@dataclass(frozen=True)
class Holdout:
    """Users that nothing is learnt from, whose histories are in part hidden: what hyperparameters are chosen on.

    Parameters
    ----------
    history : csr_matrix of shape (m, n_items)
        What a model is shown.
    targets : csr_matrix of shape (m, n_items)
        What it should find; no user has an item in both.
    items : ndarray of shape (n_items,), optional
        Names of the columns; None: those of the model, in its order.
    users : ndarray of shape (m,), optional
        Names of the rows, to tell whether something was learnt from them after all.
    """

    history: Csr
    targets: Csr
    items: np.ndarray | None = None
    users: np.ndarray | None = None


@dataclass(frozen=True)
class Settings:
    """What a person chose for the whole fit.

    Parameters
    ----------
    seed : int
    device : str, default="auto"
    verbose : int, default=0
    latent_dim : int or "auto", default="auto"
        Size of the code, of models that have one.
    threshold : float, optional
        From which a value counts as taken.
    """

    seed: int
    device: str = "auto"
    verbose: int = 0
    latent_dim: int | str = "auto"
    threshold: float | None = None


class Model(ABC):
    """One way of scoring items; its parameters are those of its constructor, each a number, a truth value or a text.

    A history is a csr_matrix (m, n_items) of float32, sorted, without duplicates: 1 where a user took an item, or for
    models of `values` what the user said of it.
    """

    name: ClassVar[str]
    #: What each parameter may be: a check, and words for a message.
    PARAMETERS: ClassVar[Mapping[str, tuple[Check, str]]] = {}
    #: Whether it learns from values ("4 of 5 stars") and predicts them, rather than who took what.
    values: bool = False

    @abstractmethod
    def fit(self, interactions: Csr, holdout: Holdout | None, settings: Settings) -> Self:
        """Learn from users (n, n_items); what is left open is chosen on the users held out."""

    @abstractmethod
    def scores(self, history: Csr) -> np.ndarray:
        """Score all items for each history: float32 ndarray of shape (m, n_items), the higher the better."""

    @abstractmethod
    def codes(self, history: Csr) -> np.ndarray:
        """Short description of each user: float32 ndarray of shape (m, d)."""

    @abstractmethod
    def similar(self, items: np.ndarray) -> np.ndarray:
        """How like each item all others are: float32 ndarray of shape (m, n_items), the higher the more alike."""

    def top(self, history: Csr, k: int, hidden: Csr | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Best k items of each history, and their scores: ndarrays of shape (m, k), -1 and -inf where there is none.

        Users are scored in blocks; as many may be asked for as there are.

        Parameters
        ----------
        history : csr_matrix of shape (m, n_items)
        k : int
        hidden : csr_matrix of shape (m, n_items), optional
            Items that are not to be given.
        """
        found = [
            top_k(self.scores(history[span]), k, None if hidden is None else hidden[span]) for span in blocks(history)
        ]
        return np.concatenate([items for items, _ in found]), np.concatenate([scores for _, scores in found])

    def contributions(self, history: Csr, item: int) -> np.ndarray:
        """How much the score of an item falls without each entry of one history (1, n_items): float32 (entries,)."""
        n, n_items = history.nnz, history.shape[1]
        without = np.empty(n, np.float32)
        for span in blocks(sparse.csr_matrix((n, n_items))):
            others = np.arange(n) != np.arange(n)[span, None]
            data, indices = (np.broadcast_to(a, others.shape)[others] for a in (history.data, history.indices))
            ends = np.arange(len(others) + 1) * (n - 1)
            some = sparse.csr_matrix((data, indices, ends), shape=(len(others), n_items))
            without[span] = self.scores(some)[:, item]
        return self.scores(history)[0, item] - without

    # --- To a folder and back

    @abstractmethod
    def learnt(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Give what was learnt as JSON values and as arrays."""

    @abstractmethod
    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """Take back what `learnt` gave."""

    def autoencoders(self) -> dict[str, Autoencoder]:
        """Fitted autoencoders within; given back by `take_autoencoders` after `restore`."""
        return {}

    def take_autoencoders(self, autoencoders: Mapping[str, Autoencoder]) -> None:
        """Take back what `autoencoders` gave."""
        assert not autoencoders, f"{self.name} holds no autoencoders"

    @property
    def chosen(self) -> dict[str, Any]:
        """What was chosen in place of "auto", by name; JSON-able."""
        return {}

    def settled(self) -> Model:
        """Give a model that is not fitted, with what this one chose in place of "auto": to be fitted to all users."""
        return type(self)(**{name: self.chosen.get(name, getattr(self, name)) for name in self.PARAMETERS})
