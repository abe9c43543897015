"""A fitted recommender at work: users and items by their places, blocks of users, only the best kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from isthmus.data.ids import as_ids
from isthmus.data.interactions import Interactions
from isthmus.data.raw import Csr
from isthmus.tasks.recommending_parts.base import Model
from isthmus.tasks.recommending_parts.bias import Bias
from isthmus.tasks.recommending_parts.choosing import described, rebuilt
from isthmus.tasks.recommending_parts.cold_items import ItemFeatures
from isthmus.tasks.recommending_parts.histories import Histories
from isthmus.tasks.recommending_parts.judging import Judge, ones
from isthmus.tasks.recommending_parts.popularity import Popularity
from isthmus.tasks.recommending_parts.ranking import blocks, top_k
from isthmus.tasks.retrieval_parts.naming import as_numbers, from_numbers

#: Users on whose scores it is learnt what features of items say.
MOST_MAPPED = 500


@dataclass
class Fitted:
    """A model, who and what it knows, and what it is held against.

    Parameters
    ----------
    model : Model
        Fitted.
    known : Interactions
        Of all users, learnt from or not; with values where these were brought.
    threshold : float or None
        From which a value counts as taken.
    beside : Judge
        The baselines.
    features : ItemFeatures or None
        Of items, by which those that nobody took are scored; they follow the others.
    """

    model: Model
    known: Interactions
    threshold: float | None
    beside: Judge
    features: ItemFeatures | None = None

    @property
    def items(self) -> np.ndarray:
        """Names of all items that can be recommended: those that somebody took, then those that nobody did."""
        warm = self.known.items
        return warm if self.features is None else np.concatenate([warm, as_ids(self.features.cold_ids, "items=")])

    def take_features(self, features: ItemFeatures, rows: Csr) -> None:
        """Learn what features of items say, on the scores of some of the users learnt from.

        Parameters
        ----------
        features : ItemFeatures
            Fitted.
        rows : csr_matrix of shape (n, n_items)
        """
        some = rows[np.unique(np.linspace(0, rows.shape[0] - 1, MOST_MAPPED).astype(int))]
        self.features = features.fit_map(self.model.scores(some if self.model.values else ones(some)))

    def scores(self, history: Csr) -> np.ndarray:
        """Score `items` for each history: float32 ndarray of shape (m, len(items))."""
        scores = self.model.scores(history)
        return scores if self.features is None else np.hstack([scores, self.features.map(scores)])

    def history(self, asked: Histories) -> Csr:
        """Give histories as the model takes them."""
        return asked.given_to(self.model.values, self.threshold, len(self.known.items))

    def best(
        self, asked: Histories, k: int, filter_seen: bool, columns: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Best k items of each history, and their scores; of users without one, what is popular.

        Parameters
        ----------
        asked : Histories
        k : int
        filter_seen : bool
            Whether to leave out the items of the history.
        columns : int ndarray or None
            Items to choose from; None: all.

        Returns
        -------
        items : int64 ndarray of shape (m, k), or as many as there are
            -1 where there is none left.
        scores : float32 ndarray of the same shape
        """
        history, k = self.history(asked), min(k, len(self.items))
        items, scores = np.full((len(asked.users), k), -1), np.full((len(asked.users), k), -np.inf, np.float32)
        plain = columns is None and self.features is None
        # A model cuts blocks of its own, and knows best how.
        for span in [slice(0, len(items))] if plain else blocks(history):
            block, hidden = history[span], asked.matrix[span] if filter_seen else None
            if plain:
                items[span], scores[span] = self.model.top(block, k, hidden)
            else:
                items[span], scores[span] = _best_of(self.scores(block), k, hidden, columns)
            cold = np.flatnonzero(np.diff(block.indptr) == 0)
            if len(cold):
                of_cold = None if hidden is None else hidden[cold]
                found = self._popular(block[cold], k, of_cold, columns)
                items[span.start + cold], scores[span.start + cold] = found
        return items, scores

    def _popular(
        self, history: Csr, k: int, hidden: Csr | None, columns: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        if columns is None and self.features is None:
            return self.beside.popularity.top(history, k, hidden)
        scores = self.beside.popularity.scores(history)
        none = np.zeros((len(scores), len(self.items) - scores.shape[1]), np.float32)
        return _best_of(np.hstack([scores, none]), k, hidden, columns)

    def predict(self, asked: Histories, of_pair: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Score pairs of a user asked for and an item: float32 ndarray of shape (n,).

        Parameters
        ----------
        asked : Histories
        of_pair : int ndarray of shape (n,)
            Position of the user among those asked for.
        at : int ndarray of shape (n,)
            Position of the item; -1 where it is not known.
        """
        history = self.history(asked)
        out = np.full(len(at), np.nan, np.float32)
        order = np.argsort(of_pair, kind="stable")
        for span in blocks(history):
            block = history[span]
            scores = self.scores(block)
            cold = np.flatnonzero(np.diff(block.indptr) == 0)
            if self.beside.bias is None and len(cold):
                scores[cold, : len(self.known.items)] = self.beside.popularity.scores(block[cold])
                scores[cold, len(self.known.items) :] = 0
            low, high = np.searchsorted(of_pair[order], [span.start, span.stop])
            here = order[low:high]
            known, new = here[at[here] >= 0], here[at[here] < 0]
            out[known] = scores[of_pair[known] - span.start, at[known]]
            if self.beside.bias is not None:
                general = self.beside.bias.learnt()[0]["mean"] + self.beside.bias.users(block)
                out[new] = general[of_pair[new] - span.start]
        return out

    def similar(self, at: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Best k others of each item, and how like it they are: as `best`."""
        found = []
        shape = len(at), len(self.known.items)
        k = min(k, len(self.known.items))
        themselves: Csr = sparse.csr_matrix((np.ones(len(at), np.float32), at, np.arange(len(at) + 1)), shape=shape)
        for span in blocks(themselves):
            found.append(top_k(np.array(self.model.similar(at[span]), np.float32), k, themselves[span]))
        return np.concatenate([items for items, _ in found]), np.concatenate([scores for _, scores in found])

    def codes(self, asked: Histories) -> np.ndarray:
        """Codes of users: float32 ndarray of shape (m, d)."""
        history = self.history(asked)
        found = [self.model.codes(history[span]) for span in blocks(history)]
        return np.concatenate(found).astype(np.float32, copy=False)

    # --- To a folder and back

    def learnt(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Give all of it as JSON values and as arrays; the autoencoders within go their own way."""
        known = self.known
        values, own = self.model.learnt()
        arrays = {f"model.{name}": array for name, array in own.items()}
        arrays |= {"users": as_numbers(known.users), "items": as_numbers(known.items), "counts": self.beside.counts}
        arrays |= {"data": known.matrix.data, "indices": known.matrix.indices, "indptr": known.matrix.indptr}
        about: dict[str, Any] = {"model": described(self.model), "learnt": values, "threshold": self.threshold}
        about |= {"n_users": self.beside.n_users, "container": known.container, "has_values": known.has_values}
        if self.beside.bias is not None:
            about["bias"], own = self.beside.bias.learnt()
            arrays |= {f"bias.{name}": array for name, array in own.items()}
        if self.features is not None:
            about["features"], own = self.features.learnt()
            arrays |= {f"features.{name}": array for name, array in own.items()}
        return about, arrays

    @classmethod
    def restored(cls, about: Mapping[str, Any], arrays: Mapping[str, np.ndarray], autoencoders: Any) -> Fitted:
        """Take back what `learnt` gave."""
        users, items, counts = from_numbers(arrays["users"]), from_numbers(arrays["items"]), arrays["counts"]
        parts = arrays["data"], arrays["indices"], arrays["indptr"]
        matrix = sparse.csr_matrix(parts, shape=(len(users), len(items)))
        model = rebuilt(about["model"]).restore(about["learnt"], _named("model.", arrays))
        model.take_autoencoders(autoencoders)
        features = None
        if "features" in about:
            features = ItemFeatures().restore(about["features"], _named("features.", arrays))
        return cls(
            model,
            Interactions(matrix, users, items, None, about["has_values"], about["container"]),
            about["threshold"],
            Judge(
                Popularity().restore({}, {"counts": counts.astype(np.float32)}),
                counts,
                about["n_users"],
                Bias().restore(about["bias"], _named("bias.", arrays)) if "bias" in about else None,
                about["threshold"],
            ),
            features,
        )


def _named(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _best_of(
    scores: np.ndarray, k: int, hidden: Csr | None, columns: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Best k items by their scores, of some or all; histories of users fitted on have no columns of cold items."""
    if hidden is not None:
        hidden = sparse.csr_matrix((hidden.data, hidden.indices, hidden.indptr), shape=scores.shape)
    if columns is None:
        return top_k(scores, k, hidden)
    items, best = top_k(np.ascontiguousarray(scores[:, columns]), k, None if hidden is None else hidden[:, columns])
    return np.where(items >= 0, columns[items], -1), best
