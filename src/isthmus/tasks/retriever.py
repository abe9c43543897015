"""Content-based retrieval: the items of a database that are most like a query."""

from __future__ import annotations

import math
from inspect import signature
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from isthmus import parameters as check
from isthmus.autoencoder import Autoencoder
from isthmus.data import Raw, as_raw
from isthmus.data.rows_of_tokens import TEXT
from isthmus.data.texts import BAG
from isthmus.exceptions import DataError, ParameterError
from isthmus.objectives import Neighbours
from isthmus.tasks.base import Learnt, Task
from isthmus.tasks.retrieval_parts.approximate import FEWEST_ITEMS, INDEXES, Approximate, check_items, import_faiss
from isthmus.tasks.retrieval_parts.exact import search_exact
from isthmus.tasks.retrieval_parts.naming import as_numbers, from_numbers, named, places

AUTO, EUCLIDEAN, COSINE, EXACT = "auto", "euclidean", "cosine", "exact"
#: Rows of a step, among which neighbours are sought.
BATCH = 512
#: Steps that 60,000 rows get; the number grows as the rows to the power 0.4, from so many on.
STEPS, ROWS, POWER, FEWEST = 2500, 60_000, 0.4, 300
#: Values of a picture up to which a dense network is used, which takes an eighth of a convolutional one's time.
DENSE = 4096


class Retriever(Task):
    """Find the items of a database that are most like a query: vectors, rows of tables, pictures, sequences or texts.

    Items and queries are compared by their codes. Unless the autoencoder brings an objective of its own, it is fitted
    with `Neighbours`, which gives near rows near codes; the prepared texts of kind="bag" are near enough as they are.
    No labels are needed.

    Parameters
    ----------
    autoencoder : Autoencoder, optional
        What makes the codes; a copy of it is fitted. What it leaves at its default is chosen for search: the objective,
        the batch, the number of epochs, and a dense network for pictures of up to 4,096 values.
    latent_dim : int or "auto", default=32
        Size of the code, where no autoencoder is given.
    metric : {"auto", "euclidean", "cosine"}, default="auto"
        Distance of codes; "auto" is "cosine" for texts and "euclidean" for all else. "cosine" is one less the cosine,
        from 0 to 2; to a code of zeros it is 1. It is that of the fit: set later, it holds from the next fit on.
    index : {"exact", "hnsw", "ivfpq"}, default="exact"
        "exact" looks at every item. The others look at fewer of them and miss some, by faiss (`isthmus[index]`):
        "hnsw" by a graph, "ivfpq" by cells and a byte for two units, for a million items and more, from 9,984 on; where
        fewer are left, all are looked at. Set after the fit, it holds from the next search on.
    kind : {"auto", "vector", "table", "image", "sequence", "bag"}, default="auto"
        What the data are; "auto" looks at them. "bag": texts, by their words, as which "auto" takes them unless the
        autoencoder brings an objective.
    random_state : int, RandomState instance or None, default=None
        Of an autoencoder that has none of its own.
    device : str, default="auto"
        "auto", "cpu", "cuda", "cuda:1" or "mps"; of an autoencoder whose own is "auto".
    verbose : int, default=0
        1 shows progress, 2 each epoch; of an autoencoder whose own is 0.

    Attributes
    ----------
    autoencoder_ : Autoencoder
        What makes the codes.
    codes_ : ndarray of float32 of shape (n, latent_dim)
        Codes of the items.
    ids_ : ndarray of int64, or of str objects, of shape (n,)
        Names of the items.
    metric_ : str
        Distance that the codes are kept for, chosen in fit.
    kind_, schema_, n_features_in_, feature_names_in_, n_rows_
        As of `Autoencoder`; `n_rows_` counts the rows fitted on, which `add` and `remove` leave alone.

    Notes
    -----
    A query that is in the database is its own first hit, at a distance of 0 up to rounding; leave it out by asking for
    one more. Exact search breaks ties by the order of the items. An index of faiss is made at the first search, and
    again at the first one after the items have changed or a model was loaded; made by several threads, it may find
    other items from run to run.

    References
    ----------
    L. van der Maaten, "Learning a parametric embedding by preserving local structure", AISTATS 2009. Y. A. Malkov,
    D. A. Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical navigable small world
    graphs", 2018. H. Jegou, M. Douze, C. Schmid, "Product quantization for nearest neighbor search", 2011.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import Autoencoder, Retriever
    >>> X = load_digits().images[:300]
    >>> retriever = Retriever(Autoencoder(8, max_epochs=5), random_state=0).fit(X)
    >>> ids, distances = retriever.search(X[:2], k=3)
    >>> ids.shape, ids[:, 0].tolist()
    ((2, 3), [0, 1])
    >>> _ = retriever.remove([1]).add(X[1:2], ids=[900])
    >>> retriever.search(X[:2], k=1)[0].tolist()
    [[0], [900]]
    """

    PARAMETERS: ClassVar = {
        **Task.PARAMETERS,
        "autoencoder": (
            check.either(check.nothing, lambda v: isinstance(v, Autoencoder)),
            "None or an Autoencoder, such as Autoencoder(32)",
        ),
        "latent_dim": check.AUTOENCODER["latent_dim"],
        "metric": (check.word(AUTO, EUCLIDEAN, COSINE), f"'{AUTO}', '{EUCLIDEAN}' or '{COSINE}'"),
        "index": (check.word(EXACT, *INDEXES), ", ".join(map(repr, (EXACT, *INDEXES)))),
    }
    ABOUT: ClassVar = "A retriever: it finds the items of its database that are most like a query."
    USAGE: ClassVar = {
        "python": [
            "ids, distances = model.search(queries, k=10)  # (n, 10) each; queries as under Data",
            "model.add(more, ids=[...])",
            "model.remove(ids)",
        ],
        "console": ["isthmus search path/to/this/folder queries.csv -k 10"],
    }

    autoencoder: Any
    autoencoder_: Autoencoder

    def __init__(
        self,
        autoencoder: Autoencoder | None = None,
        *,
        latent_dim: int | str = 32,
        metric: str = AUTO,
        index: str = EXACT,
        kind: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: int = 0,
    ):
        self.autoencoder = autoencoder
        self.latent_dim = latent_dim
        self.metric = metric
        self.index = index
        self.kind = kind
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, *, ids: Any = None) -> Self:
        """Fit the autoencoder on rows, and make them the database.

        Parameters
        ----------
        X : array, frame, sparse matrix, tensor, Dataset, list or path
            Rows; NaN means missing.
        y : ignored
        ids : sequence of int or str, optional
            Names of the rows, each its own; by default file names for pictures from a folder, else positions.

        Returns
        -------
        Retriever
            Itself.

        Raises
        ------
        ParameterError
            If a parameter has a value that cannot be used, or `index` needs more items, or faiss and it is not
            installed.
        DataError
            If the data or the ids cannot be used, or the codes are not finite.
        """
        self._check_parameters()
        if self.index != EXACT:
            import_faiss(self.index)
        own = self.autoencoder
        kind = self.kind if own is None or self.kind != "auto" else own.kind
        raw = as_raw(X, kind=kind)
        if kind == "auto" and raw.kind == TEXT and (own is None or own.objective is None):
            raw = as_raw(raw, kind=BAG)
        names = named(ids, raw)
        check_items(self.index, len(raw))
        unfitted, left = self._chosen(raw)
        autoencoder = unfitted.fit(raw)
        metric = self.metric if self.metric != AUTO else COSINE if raw.kind == BAG else EUCLIDEAN
        codes = _encoded(autoencoder, raw, metric)
        self.autoencoder_, self.metric_, self._left = autoencoder, metric, left
        self._fitted_on(autoencoder.preparation_, len(raw))
        self._hold(codes, names, len(raw))
        return self

    def search(self, queries: Any, k: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """Find the items that are most like each query.

        Parameters
        ----------
        queries : same as X in fit
            Of any number of rows.
        k : int, default=10
            How many, from 1 to the number of items.

        Returns
        -------
        ids : ndarray of shape (n, k)
            Names of the items, the nearest first.
        distances : ndarray of float64 of shape (n, k)
            In the space of codes.

        Raises
        ------
        ParameterError
            If k is no whole number from 1 on, or larger than the database.
        DataError
            If the queries cannot be used, or their codes are not finite.
        """
        check_is_fitted(self)
        self._check_parameters()
        if not check.whole(1)(k):
            raise ParameterError(f"Retriever: k={k!r} cannot be used; expected a whole number from 1 on.")
        if k > len(self.codes_):
            raise ParameterError(
                f"Retriever: k={k} cannot be used; the database has {len(self.codes_):,} items. Give at most as many."
            )
        found, distances = self._nearest(self._encode(self._given(queries)), int(k))
        return self.ids_[found], distances

    def add(self, X: Any, ids: Any = None) -> Self:
        """Add items to the database; the autoencoder stays as it is.

        Parameters
        ----------
        X : same as in fit
        ids : sequence of int or str, optional
            Names of the items, of the kind that the others have. By default file names, else the numbers that follow.

        Returns
        -------
        Retriever
            Itself.

        Raises
        ------
        DataError
            If the rows cannot be used, or the ids are of another number, not each its own, or there already.
        """
        raw = self._given(X)
        names = named(ids, raw, self.ids_, self._following)
        codes = np.concatenate([self.codes_, self._encode(raw)])
        self._hold(codes, np.concatenate([self.ids_, names]), self._following)
        return self

    def remove(self, ids: Any) -> Self:
        """Take items out of the database; the others keep their ids.

        Parameters
        ----------
        ids : sequence of int or str, or a single one

        Returns
        -------
        Retriever
            Itself.

        Raises
        ------
        DataError
            If an id is not there, or nothing would be left.
        """
        check_is_fitted(self)
        stays = np.ones(len(self.ids_), dtype=bool)
        stays[places(ids, self.ids_)] = False
        if not stays.any():
            raise DataError("Removing all items would leave nothing to search. Fit a new Retriever instead.")
        self._hold(self.codes_[stays], self.ids_[stays], self._following)
        return self

    # --- Parts

    def _chosen(self, raw: Raw) -> tuple[Autoencoder, list[str]]:
        """Give a copy of the autoencoder, with what it leaves open chosen for search, and the names of that."""
        own: Any = Autoencoder(self.latent_dim) if self.autoencoder is None else clone(self.autoencoder)
        steps = max(FEWEST, STEPS * (len(raw) / ROWS) ** POWER)
        choices = {
            "objective": (None, Neighbours()),
            "batch_size": ("auto", BATCH),
            "max_epochs": ("auto", max(2, math.ceil(steps / math.ceil(len(raw) / BATCH)))),
            "kind": ("auto", raw.kind),
            "random_state": (None, self._seed()),
            "device": ("auto", self.device),
            "verbose": (0, self.verbose),
        }
        if raw.kind == "image" and math.prod(raw.item_shape) <= DENSE:
            choices["network"] = ("auto", "dense")
        params = own.get_params(deep=False)
        if raw.kind == BAG or not _is(params["objective"], None):
            # Made for an objective of its own, the rest is as well left to the autoencoder.
            for name in ("objective", "batch_size", "max_epochs", "network"):
                choices.pop(name, None)
        left = {name: choice for name, (default, choice) in choices.items() if _is(params[name], default)}
        return own.set_params(**left), list(left)

    def _encode(self, raw: Raw) -> np.ndarray:
        return _encoded(self.autoencoder_, raw, self.metric_)

    def _nearest(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        codes, cosine = self.codes_, self.metric_ == COSINE
        if cosine:
            queries = _with_zeros_apart(queries, 1)
        if self.index == EXACT or len(codes) < FEWEST_ITEMS.get(self.index, 0):
            codes = _with_zeros_apart(codes, 0) if cosine else codes
            found, distances = search_exact(codes, queries, k, self.autoencoder_._model.device)
        else:
            if self._index is None or self._index.name != self.index:
                self._index = Approximate(self.index, _with_zeros_apart(codes, 0) if cosine else codes)
            found, distances = self._index.search(queries, k)
        return found, np.square(distances) / 2 if cosine else distances

    def _hold(self, codes: np.ndarray, ids: np.ndarray, following: int) -> None:
        """Make codes the database."""
        self.codes_, self.ids_ = codes, ids
        # Numbers of items that were removed are not given again.
        self._following = max(following, int(ids.max()) + 1) if ids.dtype != object else following
        self._index: Approximate | None = None

    # --- To a folder and back

    def _learnt(self) -> Learnt:
        arrays = {"codes": self.codes_, "ids": as_numbers(self.ids_)}
        values = {"following": self._following, "given": self.autoencoder is not None}
        values |= {"metric": self.metric_, "left": self._left}
        return Learnt(values, arrays, {"main": self.autoencoder_})

    def _restore(self, learnt: Learnt) -> None:
        self.autoencoder_ = learnt.autoencoders["main"]
        # Folders of an earlier version hold neither.
        self.metric_, self._left = learnt.values.get("metric", self.metric), learnt.values.get("left", [])
        if learnt.values["given"]:
            own: Any = clone(self.autoencoder_)
            parameters = signature(Autoencoder).parameters
            self.autoencoder = own.set_params(**{name: parameters[name].default for name in self._left})
        self._hold(learnt.arrays["codes"], from_numbers(learnt.arrays["ids"]), learnt.values["following"])


def _is(value: Any, default: Any) -> bool:
    """Whether a parameter is left at its default; arrays and modules are none."""
    return value is default or (isinstance(value, (str, int)) and value == default)


def _encoded(autoencoder: Autoencoder, raw: Raw, metric: str) -> np.ndarray:
    """Codes as they are compared: for "cosine" of length 1, or 0."""
    with np.errstate(over="ignore"):
        codes = autoencoder._inference.codes(raw).astype(np.float32)
    endless = ~np.isfinite(codes).all(1)
    if endless.any():
        row = int(endless.argmax())
        name = f" ({raw.row_names[row]})" if raw.row_names is not None else ""
        raise DataError(
            f"The code of row {row}{name} (counted from 0) of {raw.origin} is not finite: its values are too far from "
            "those that the autoencoder was fitted on. Correct them, or leave the row out."
        )
    if metric != COSINE:
        return codes
    # In float64, in which the squares of small codes do not vanish.
    lengths = np.linalg.norm(codes.astype(np.float64), axis=1, keepdims=True)
    return np.divide(codes, lengths, out=np.zeros_like(codes), where=lengths > 0, casting="same_kind")


def _with_zeros_apart(codes: np.ndarray, side: int) -> np.ndarray:
    """Give codes of zeros a direction that none of the other side has, so that the cosine to them is 0."""
    apart = np.zeros((len(codes), 2), dtype=np.float32)
    apart[~codes.any(1), side] = 1
    return np.concatenate([codes, apart], 1)
