"""Texts as bags of words: words and their parts, weighted, on the axes along which texts differ."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from scipy import sparse

from isthmus.data.batches import DenseRows, Prepared, Rows
from isthmus.data.preparation import Preparation
from isthmus.data.raw import Csr, Raw, Schema
from isthmus.data.texts import BAG
from isthmus.exceptions import DataError, ParameterError

#: Axes of a prepared text, at most.
AXES = 256
#: Lengths of the parts of words that are counted beside the words.
PARTS = (2, 3, 4)
#: Texts from which words and parts that stand in one text alone are left out, and the most that are kept.
ENOUGH_TEXTS, MOST_FEATURES = 100, 100_000
#: Texts from which the axes are learnt, at most; spare directions and rounds of the search for them.
MOST_TEXTS, SPARE, ROUNDS = 50_000, 16, 3
#: Share of what the first word found explains, below which no more words are read off a code.
FAINT = 0.3


class BagPreparation(Preparation):
    """Texts as bags of words, (n, 256): what words and parts of words say, and not their order.

    A text is counted by its words and the runs of two to four letters in each (`"pay"` holds " p", "pa", "pay" and so
    on), 1 + log of each count times its inverse document frequency, at length 1. Of that, the (at most) 256 principal
    axes are kept, as in latent semantic analysis. Then the axes are turned and scaled such that a word dropped at
    random moves a text as far in every direction: directions in which texts differ by single words count less than
    those in which words come together. So a word misspelt or never seen is known by its parts.

    Attributes
    ----------
    features_ : ndarray of str
        Words (after "=") and parts that are counted.
    words_ : ndarray of str
        Words of the texts fitted on, which `inverse` finds.
    words_per_text_ : int
        Different words of a text, on average: as many are given back at most.

    References
    ----------
    S. Deerwester et al., "Indexing by latent semantic analysis", JASIS 1990. P. Bojanowski et al., "Enriching word
    vectors with subword information", TACL 2017. M. Chen, "Efficient vector representation for documents through
    corruption", ICLR 2017.

    Examples
    --------
    >>> from isthmus.data.texts import from_texts
    >>> raw = from_texts(["pay the bill", "pay my bill", "play some music"])
    >>> preparation = BagPreparation().fit(raw)
    >>> x = preparation.transform(raw).x
    >>> preparation.give_back(preparation.inverse(x.numpy()))[2]
    'music'
    """

    kind: ClassVar[str] = BAG

    def __init__(self, scaling: str = "auto"):
        super().__init__(scaling)
        self.words_per_text_ = 1
        self._set(np.zeros(0, "U1"), np.zeros(0, np.float32), np.zeros((0, 0), np.float32), np.zeros(0, "U1"))

    def _set(self, features: np.ndarray, weights: np.ndarray, axes: np.ndarray, words: np.ndarray) -> None:
        self.features_, self.weights_, self.axes_, self.words_ = features, weights, axes, words
        self._places = {name: i for i, name in enumerate(features.tolist())}
        self.shape_ = (axes.shape[1],)

    # --- What a kind says of itself

    @classmethod
    def arrange(cls, values: Any, origin: str) -> Any:
        """Refuse what is no texts: those are counted before."""
        raise DataError(f"kind='bag' takes a list of strings, one a text, but {origin} holds numbers.")

    @classmethod
    def prepared_shape(cls, item_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Rows of 256 axes; fewer of few texts."""
        return (AXES,)

    @classmethod
    def width(cls, item_shape: tuple[int, ...]) -> int:
        """Every axis by itself."""
        return item_shape[0]

    @classmethod
    def cell(cls, position: tuple[int, ...], names: tuple[str, ...] | None) -> str:
        """Call an axis by its number: none has a name."""
        return f"axis {position[0]}"

    @classmethod
    def describe(cls, item_shape: tuple[int, ...]) -> str:
        """Texts of how many words."""
        return f"texts of {item_shape[0]} different words"

    # --- Learning

    def fit(self, raw: Raw) -> Self:
        """Learn the words, their parts and the axes from training texts."""
        if self.scaling not in ("auto", "none"):
            raise ParameterError(
                f"scaling={self.scaling!r} cannot be used with texts, which kind='bag' weights by itself; leave "
                "scaling='auto' (and loss='auto')."
            )
        self.check(raw)
        raw = _within(raw)
        self.scaling_ = "none"
        # Words are no columns: those of other texts are others.
        self.schema_ = replace(raw.schema, names=None)
        counts: Any = raw.values
        self.words_per_text_ = max(1, round(counts.nnz / len(raw)))
        words = np.array(raw.names, dtype=np.str_)
        parts, features = _parts(words.tolist(), {}, grow=True)
        bags = (counts @ parts).tocsr()
        seen = np.bincount(bags.indices, minlength=len(features))
        kept = np.argsort(-seen, kind="stable")[:MOST_FEATURES]
        if len(raw) >= ENOUGH_TEXTS:
            kept = kept[seen[kept] > 1] if (seen > 1).any() else kept
        kept = np.sort(kept)
        weights = (1 + np.log((1 + len(raw)) / (1 + seen[kept]))).astype(np.float32)
        axes = _axes(_weighted(bags[:, kept], weights), counts, parts[:, kept].multiply(weights).tocsr())
        self._set(np.array(features, dtype=np.str_)[kept], weights, axes, words)
        return self

    # --- There

    def check(self, raw: Raw, name: str = "Autoencoder") -> None:
        """Refuse what is no texts; their words may be any."""
        self._check_kind(raw, name)

    def transform(self, raw: Raw, dtype: torch.dtype = torch.float32, *, name: str = "Autoencoder") -> Prepared:
        """Put texts on the axes: (n, axes). Of texts without a word or part that was seen in fit a warning tells."""
        self.check(raw, name)
        raw = _within(raw)
        parts, _ = _parts(raw.names or (), self._places)
        bags = (raw.values @ parts).tocsr()
        unknown = np.flatnonzero(np.diff(bags.indptr) == 0)
        if len(unknown):
            row: Any = raw.values[int(unknown[0])]
            words = " ".join(np.array(raw.names)[row.indices].tolist())
            warnings.warn(
                f"{len(unknown)} of {len(raw)} texts of {raw.origin} have no word or part of a word that was seen in "
                f"fit, such as {words!r}: nothing is known of them, and all have the same code.",
                stacklevel=3,
            )
        return Prepared(torch.from_numpy(_weighted(bags, self.weights_) @ self.axes_).to(dtype))

    def rows(self, raw: Raw, dtype: torch.dtype = torch.float32, *, name: str = "Autoencoder") -> Rows:
        """Give texts as training takes them: on their axes, in memory."""
        return DenseRows(self.transform(raw, dtype, name=name).x)

    # --- And back

    def inverse(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Find words that together lie where texts do, by matching pursuit: the one that explains most, and again.

        Parameters
        ----------
        x : ndarray of shape (n, axes)
        rng : ignored

        Returns
        -------
        ndarray of object of shape (n,)
            A string of words each, the most telling first.
        """
        parts, _ = _parts(self.words_.tolist(), self._places)
        vectors = parts.multiply(self.weights_).tocsr() @ self.axes_
        lengths = np.linalg.norm(vectors, axis=1)
        known = np.flatnonzero(lengths > 0)
        vectors = vectors[known] / lengths[known, None]
        found = np.empty(len(x), dtype=object)
        for i, left in enumerate(np.array(x, dtype=np.float32)):
            found[i] = " ".join(self.words_[known[_pursued(left, vectors, self.words_per_text_)]].tolist())
        return found

    def by_column(self, cells: np.ndarray) -> np.ndarray:
        """Give figures by axis as they are: (n, axes)."""
        return cells

    def give_back(self, values: np.ndarray, like: Raw | None = None) -> list[str]:
        """Give words as a string for each text."""
        return list(values)

    # --- To a file and back

    def config(self) -> dict[str, Any]:
        """Give all that was learnt but the arrays, as JSON-able values."""
        return super().config() | {"words_per_text": self.words_per_text_}

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the words, features, weights and axes."""
        return {"features": self.features_, "weights": self.weights_, "axes": self.axes_, "words": self.words_}

    @classmethod
    def restore(cls, config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """Rebuild a fitted preparation from its `config` and `arrays`."""
        preparation = cls(config["scaling"])
        preparation.scaling_ = config["scaling_used"]
        preparation.schema_ = Schema.from_config(config["schema"])
        preparation.words_per_text_ = config["words_per_text"]
        preparation._set(*(arrays[name] for name in ("features", "weights", "axes", "words")))
        return preparation


def _within(raw: Raw) -> Raw:
    """Leave out words that none of some rows has."""
    counts: Any = raw.values
    used = np.unique(counts.indices)
    if len(used) == counts.shape[1]:
        return raw
    return replace(raw, values=counts[:, used], names=tuple((raw.names or ())[j] for j in used))


def _parts(words: Sequence[str], places: dict[str, int], *, grow: bool = False) -> tuple[Csr, list[str]]:
    """Say which features each word has, those known or, with `grow`, all: ones (words, features), and their names."""
    found: list[int] = []
    ends = [0]
    for word in words:
        edged = f" {word} "
        own = {edged[i : i + size] for size in PARTS for i in range(len(edged) - size + 1)}
        # Sorted: the order of a set of strings differs from run to run.
        for name in ("=" + word, *sorted(own)):
            place = places.setdefault(name, len(places)) if grow else places.get(name)
            if place is not None:
                found.append(place)
        ends.append(len(found))
    ones = np.ones(len(found), dtype=np.float32)
    return sparse.csr_matrix((ones, found, ends), shape=(len(words), len(places))), list(places)


def _weighted(bags: Csr, weights: np.ndarray) -> Csr:
    """Weight counts of features, at length 1 for each text that has any."""
    bags = bags.copy()
    bags.data = (1 + np.log(bags.data)) * weights[bags.indices]
    lengths = np.sqrt(np.asarray(bags.power(2).sum(1)).ravel())
    return (sparse.diags(1 / np.where(lengths > 0, lengths, 1)) @ bags).astype(np.float32).tocsr()


def _axes(bags: Csr, counts: Csr, vectors: Csr) -> np.ndarray:
    """Find the axes of weighted bags (n, features), turned and scaled: (features, axes).

    `counts` (n, words) and `vectors` (words, features) say what a text loses with a word.
    """
    rng = np.random.default_rng(0)
    if bags.shape[0] > MOST_TEXTS:
        some = np.sort(rng.choice(bags.shape[0], MOST_TEXTS, replace=False))
        bags, counts = bags[some], counts[some]
    n, size = bags.shape
    principal = _principal(bags, min(AXES, n, size), rng)
    texts = (bags @ principal).astype(np.float64)
    of_words = (vectors @ principal).astype(np.float64)
    lengths = np.asarray((counts @ vectors).power(2).sum(1)).ravel()
    # Square of the share that each word has in each text, summed: how far texts move when words are dropped.
    share = np.asarray((sparse.diags(1 / np.where(lengths > 0, lengths, 1)) @ counts.power(2)).sum(0)).ravel()
    moved = (of_words.T * share) @ of_words / n
    # As much again in every direction keeps rare words from being blown up.
    values, turns = np.linalg.eigh(moved + np.eye(len(moved)) * np.square(texts).sum() / texts.size)
    whitening = (turns / np.sqrt(values)) @ turns.T
    spread = np.sqrt(np.square(texts @ whitening).mean())
    return (principal @ (whitening / max(spread, 1e-12))).astype(np.float32)


def _principal(bags: Csr, most: int, rng: np.random.Generator) -> np.ndarray:
    """Right singular vectors by subspace iteration (Halko, Martinsson and Tropp, 2011): (features, most)."""
    basis = rng.standard_normal((bags.shape[1], min(most + SPARE, *bags.shape)), dtype=np.float32)
    for _ in range(ROUNDS):
        basis = np.linalg.qr(bags.T @ (bags @ basis))[0]
    on_basis = (bags @ basis).astype(np.float64)
    _, turns = np.linalg.eigh(on_basis.T @ on_basis)
    return basis @ turns[:, ::-1][:, :most].astype(np.float32)


def _pursued(left: np.ndarray, vectors: np.ndarray, most: int) -> list[int]:
    """Take the vector that lies nearest to what is left, up to `most` times."""
    found: list[int] = []
    first = 0.0
    for _ in range(min(most, len(vectors))):
        shares = vectors @ left
        shares[found] = -np.inf
        best = int(shares.argmax())
        if shares[best] <= max(first * FAINT, 0):
            break
        first = first or float(shares[best])
        found.append(best)
        left = left - shares[best] * vectors[best]
    return found
