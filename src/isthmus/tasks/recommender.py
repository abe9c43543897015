"""Recommending: the user-item matrix filled by autoencoders, linear and deep."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from isthmus import parameters as check
from isthmus.autoencoder import Autoencoder
from isthmus.data.checks import listed
from isthmus.data.ids import positions, refuse_unlike
from isthmus.data.interactions import as_interactions, as_pairs
from isthmus.exceptions import DataError, ParameterError
from isthmus.tasks.base import Learnt, Task
from isthmus.tasks.recommending_parts.base import Settings
from isthmus.tasks.recommending_parts.choosing import candidates, fit_best
from isthmus.tasks.recommending_parts.cold_items import ItemFeatures
from isthmus.tasks.recommending_parts.fitted import Fitted
from isthmus.tasks.recommending_parts.frames import as_frame
from isthmus.tasks.recommending_parts.histories import Histories, as_histories, choice, places
from isthmus.tasks.recommending_parts.holding_out import as_holdout, counted, hold_out, without_items_of_nobody
from isthmus.tasks.recommending_parts.judging import Figures, Judge
from isthmus.tasks.recommending_parts.splitting import THRESHOLD, Split

KIND = "ratings"


class Recommender(Task):
    """Recommend items to users, from who took what; new users are folded in by their histories, nothing is refitted.

    Parameters
    ----------
    model : str, Autoencoder, or a pair of these, default="auto"
        "auto": on users held out, the best of what is popular, a linear autoencoder in closed form ("rdlae") and the
        deep one; above 20,000 items of what is popular and "elsa". A word, perhaps with parameters: "popularity",
        "knn", "ease(l2=300)", "edlae", "elsa(dim=64)", "sparse_inverse", "deep"; of those that predict values, "bias"
        or "autorec". An autoencoder on ratings of your own: the deep model with it. A pair: their blend, by a weight
        chosen on users held out.
    latent_dim : int or "auto", default="auto"
        Size of the code, of models that have one; what a word says ("elsa(dim=64)") comes before.
    threshold : float, optional
        Values from there on count as taken: 4 of 5 stars. None: every interaction does. Models that predict values
        learn from all of them.
    min_interactions : int, default=2
        Nothing is learnt from users with fewer; they are known nevertheless.
    validation_fraction : float, default=0.1
        Share of the users with at least five interactions that is held out to choose by; at most 10,000, at least one.
    random_state : int, RandomState instance or None, default=None
    device : str, default="auto"
        "auto", "cpu", "cuda", "cuda:1" or "mps".
    verbose : int, default=0
        1 shows progress, 2 each epoch.

    Attributes
    ----------
    model_ : isthmus.tasks.recommending_parts.base.Model
        The model in use.
    chosen_ : dict
        Its name, what was chosen in place of "auto", and the figures on users held out that it was chosen by.
    evaluation_ : dict or None
        What `evaluate` gave on the users held out, by whom it was chosen: on others it may do a little worse. None
        where nobody could be held out.
    users_, items_ : ndarray of int64, or of str objects
        Names of the users and items taken, sorted unless a matrix brought its own; items that nobody took are no part.
    kind_ : str
        "ratings".
    n_rows_ : int
        Users learnt from.

    Notes
    -----
    Everything that is chosen is chosen on users held out. Then a linear model or one of biases is fitted once more, to
    all users, with what was chosen; a network is kept as it is, since nobody would be left to say when to stop.

    A user without a history, or not known, is given what is popular; the score is then the number of users who took
    the item. Seen items are hidden even where their value is below the threshold.

    References
    ----------
    H. Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019; "Autoencoders that don't overfit towards
    the identity", NeurIPS 2020. D. Liang et al., "Variational autoencoders for collaborative filtering", WWW 2018.

    Examples
    --------
    >>> from isthmus import Recommender
    >>> pairs = [(user, item) for user in range(40) for item in range(20) if (user + item) % 2 and item != user // 2]
    >>> recommender = Recommender("ease", random_state=0).fit(pairs)
    >>> sorted(recommender.recommend({"new": [1, 3, 5, 7, 9, 11, 13]}, k=3)["item"].to_list())
    [15, 17, 19]
    """

    PARAMETERS: ClassVar = {
        "model": (
            lambda v: (
                isinstance(v, (str, Autoencoder))
                or (isinstance(v, (tuple, list)) and len(v) == 2 and all(isinstance(p, (str, Autoencoder)) for p in v))
            ),
            "a word such as 'auto' or 'edlae', an Autoencoder, or a pair of these",
        ),
        "latent_dim": check.AUTOENCODER["latent_dim"],
        "threshold": THRESHOLD,
        "min_interactions": (check.whole(1), "a whole number from 1 on"),
        "validation_fraction": check.AUTOENCODER["validation_fraction"],
        "random_state": check.AUTOENCODER["random_state"],
        "device": check.AUTOENCODER["device"],
        "verbose": check.AUTOENCODER["verbose"],
    }
    ABOUT = (
        "A recommender: from the items that a user took to those that fit, for known users and for new ones by their "
        "history."
    )
    USAGE: ClassVar = {
        "python": ["model.recommend(users, k=10)", "model.recommend({'new user': [item, other_item]})"],
        "console": ["isthmus recommend path/to/this/folder --user USER"],
    }

    def __init__(
        self,
        model: Any = "auto",
        *,
        latent_dim: int | str = "auto",
        threshold: float | None = None,
        min_interactions: int = 2,
        validation_fraction: float = 0.1,
        random_state: Any = None,
        device: str = "auto",
        verbose: int = 0,
    ):
        self.model = model
        self.latent_dim = latent_dim
        self.threshold = threshold
        self.min_interactions = min_interactions
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, *, validation: Any = None, items: Any = None) -> Self:
        """Learn from interactions.

        Parameters
        ----------
        X : frame, path, list of tuples, scipy sparse matrix, or Interactions
            Users, items, and perhaps values and times, as `isthmus.data.as_interactions` takes them.
        y : ignored
        validation : same as X, Split or Holdout, optional
            Interactions of other users, to choose by (of a split its validation users): a fifth of each history is
            hidden, and all users of X are learnt from. By default a share of these is held out.
        items : frame or path, optional
            What is known of items, a row each: ids in a column named like it, such as "item" (else the first), and
            columns of numbers, of categories, or of lists joined by "|". Those that nobody took are recommended too,
            by what users think of items like them; in a history they are hidden, and say nothing else.

        Returns
        -------
        Recommender

        Raises
        ------
        DataError
            If there are fewer than two users or items, values are needed and not there, or none reaches the threshold.
        ParameterError
            If a parameter cannot be used, or a model would need more memory than there is.
        """
        self._check_parameters()
        candidates(self.model, 0)  # words are checked before the data are read
        found = as_interactions(X)
        compared = candidates(self.model, len(found.items))
        values = compared[0].values
        if values and not found.has_values:
            raise DataError(
                f"model={self.model!r} predicts values, but {found.origin} has none. Give them in a third column, or "
                "take a model that ranks, such as 'edlae'."
            )
        taken = found.matrix if values else counted(found, self.threshold)
        taken, found = without_items_of_nobody(taken, found)
        learnt = np.flatnonzero(np.diff(taken.indptr) >= min(self.min_interactions, taken.shape[1]))
        if len(learnt) < 2 or taken.shape[1] < 2:
            raise DataError(
                f"There are {len(learnt):,} users with {self.min_interactions} interactions or more and "
                f"{taken.shape[1]:,} items to learn from in {found.origin}; two of each are needed."
            )
        features = None if items is None else ItemFeatures().fit(items, found.items)
        seed = self._seed()
        settings = Settings(seed, self.device, int(self.verbose), self.latent_dim, self.threshold)
        if validation is not None:
            given = validation.validation if isinstance(validation, Split) else validation
            rows, everyone, holdout = taken[learnt], None, as_holdout(given, found, self.threshold, values, seed)
        else:
            left, holdout = hold_out(taken, learnt, self.validation_fraction, seed)
            rows, everyone = taken[left], taken[learnt]
        model, chosen, evaluation = fit_best(compared, rows, everyone, holdout, settings)
        beside = Judge.of(values, rows, everyone, holdout, settings)
        fitted = Fitted(model, found, self.threshold, beside)
        if features is not None:
            fitted.take_features(features, rows)
        self._take(fitted, chosen, evaluation)
        return self

    def _take(self, fitted: Fitted, chosen: dict[str, Any], evaluation: Figures | None) -> None:
        self._fitted, self.chosen_, self.evaluation_ = fitted, chosen, evaluation
        self.users_, self.items_ = fitted.known.users, fitted.known.items
        self.model_, self.kind_, self.n_rows_ = fitted.model, KIND, fitted.beside.n_users

    # --- Verbs

    def recommend(
        self, users: Any = None, k: int = 10, *, filter_seen: bool = True, items: Any = None, exclude: Any = None
    ) -> Any:
        """Give each user the k items with the highest scores.

        Parameters
        ----------
        users : id, list of ids, dict of user to items, list of lists of items, frame, sparse matrix or None
            Users fitted on, by name (None: all of them), or histories of any users: a dict or a list of lists (whose
            users are then numbered), a frame of users and items, or a sparse matrix with a column for each of
            `items_`. Where a model needs values, a history is a dict of items to values.
        k : int, default=10
        filter_seen : bool, default=True
            Whether items of the history are left out.
        items : list of ids, optional
            Only of these.
        exclude : list of ids, optional
            None of these.

        Returns
        -------
        frame
            Columns user, item, score and rank (from 1 on), in the container fitted on; pandas, or pyarrow where that is
            not installed, if it was none. Fewer than k lines for a user to whom no more items are left.

        Raises
        ------
        DataError
            If `items` or `exclude` name what is not known, or histories cannot be taken.
        ParameterError
            If k is no whole number from 1 on.
        """
        check_is_fitted(self)
        _check_k(k)
        columns = choice(items, exclude, self._fitted.items)
        asked = self._asked(users)
        return self._ranked("user", asked.users, "item", self._fitted.best(asked, k, filter_seen, columns))

    def predict(self, pairs: Any) -> np.ndarray:
        """Give the score of each pair of a user and an item; of models of values, the value.

        Parameters
        ----------
        pairs : frame, path or list of tuples
            Users fitted on and items, as `fit` takes them.

        Returns
        -------
        ndarray of float32 of shape (n,)
            In the order of the pairs. Users who are not known get what holds of all; an item that is not known is NaN,
            or of models of values what the user says in general. Both with a warning.
        """
        check_is_fitted(self)
        names, items, _ = as_pairs(pairs, self._fitted.known)
        refuse_unlike(items, self.items_, "Items")
        users, of_pair = np.unique(names, return_inverse=True)
        at = positions(items, self._fitted.items)
        if len(unknown := np.unique(items[at < 0])):
            warnings.warn(f"{len(unknown):,} items were not fitted on ({listed(unknown.tolist())}).", stacklevel=2)
        return self._fitted.predict(self._asked(users), of_pair, at)

    def similar_items(self, items: Any, k: int = 10) -> Any:
        """Give the k items that are most like each of some.

        Parameters
        ----------
        items : id or list of ids
        k : int, default=10

        Returns
        -------
        frame
            Columns item, similar, score and rank.
        """
        check_is_fitted(self)
        _check_k(k)
        at = places(items, self.items_, "items", self._fitted.items)
        return self._ranked("item", self.items_[at], "similar", self._fitted.similar(at, k))

    def transform(self, users: Any = None) -> np.ndarray:
        """Give the codes of users: float32 ndarray of shape (m, d).

        Parameters
        ----------
        users : same as in `recommend`
        """
        check_is_fitted(self)
        return self._fitted.codes(self._asked(users))

    def explain(self, user: Any, item: Any) -> Any:
        """Say which items of a history speak for an item, and how much.

        Parameters
        ----------
        user : id, or list of items
            A user fitted on, or a history; of models of values a dict of items to values.
        item : id

        Returns
        -------
        frame
            Columns item, contribution and share, the largest first: by how much the score would fall without that item
            in the history, and the share of that in the sum of all sizes, below 0 where it speaks against.
        """
        check_is_fitted(self)
        one = isinstance(user, (str, int, np.integer))
        asked = self._asked(user if one else [user])
        history = self._fitted.history(asked)
        if history.shape[0] != 1:
            raise DataError(f"explain takes one user, but {history.shape[0]:,} were given.")
        place = int(places(item, self.items_, "item", self._fitted.items)[0])
        told = self.model_.contributions(history, place) if history.nnz else np.empty(0, np.float32)
        order = np.argsort(-told, kind="stable")
        share = told[order] / max(float(np.abs(told).sum()), 1e-12)
        columns = {"item": self.items_[history.indices[order]], "contribution": told[order], "share": share}
        return as_frame(columns, self._fitted.known.container)

    def evaluate(self, X: Any, k: int | None = None) -> Figures:
        """Judge what is recommended to users that were not fitted on, beside what is popular.

        A fifth of each history is hidden, drawn at random by `random_state`; histories of fewer than five have nothing
        hidden and are not counted. This is the protocol of Liang et al. (2018), with items that were fitted on alone.

        Parameters
        ----------
        X : interactions of other users, Split, or Holdout
            Of a split its test users.
        k : int, optional
            Length of the rankings; by default those usual for each figure.

        Returns
        -------
        dict of str to dict
            "NDCG@k", "Recall@k" (of as many as k can hold), "MAP@k", "coverage@k" (share of the items that anybody is
            given) and "novelty@k" (mean self-information, in bits); of models of values also "RMSE" and "MAE". Each
            has "value" and "error", the standard error over users, and "popularity" and "popularity_error", or
            "bias" and "bias_error", the same of the baseline. None where there is no such error.
        """
        check_is_fitted(self)
        _check_k(1 if k is None else k)
        fitted = self._fitted
        holdout = as_holdout(X, fitted.known, fitted.threshold, fitted.model.values, self._seed())
        return fitted.beside.judge(fitted.model, holdout, k)

    # --- Parts of the verbs

    def _asked(self, users: Any) -> Histories:
        return as_histories(users, self._fitted.known, self._fitted.items, self.model_.values, self._fitted.threshold)

    def _ranked(self, of: str, names: np.ndarray, what: str, best: tuple[np.ndarray, np.ndarray]) -> Any:
        """Give rankings as a frame, a line for each item."""
        found, scores = best
        there = found >= 0
        rows, ranks = np.nonzero(there)
        columns = {of: names[rows], what: self._fitted.items[found[there]], "score": scores[there], "rank": ranks + 1}
        return as_frame(columns, self._fitted.known.container)

    # --- To a folder and back

    def _about_data(self) -> dict[str, Any]:
        return {"kind": KIND, "shape": [len(self.users_), len(self.items_)], "dtype": "float32"}

    def _stored(self) -> Any:
        stored = super()._stored()
        stored.config["chosen"] = self.chosen_
        return stored

    def _learnt(self) -> Learnt:
        about, arrays = self._fitted.learnt()
        parts = self.model if isinstance(self.model, (tuple, list)) else [self.model]
        # An autoencoder of a person's own is found again within the model.
        own = [isinstance(part, Autoencoder) for part in parts]
        values = {"fitted": about, "chosen": self.chosen_, "evaluation": self.evaluation_, "own": own}
        return Learnt(values, arrays, self.model_.autoencoders())

    def _restore(self, learnt: Learnt) -> None:
        values = learnt.values
        fitted = Fitted.restored(values["fitted"], learnt.arrays, learnt.autoencoders)
        self._take(fitted, values["chosen"], values["evaluation"])
        own, given = values["own"], self.model_.autoencoders()
        if own == [True]:
            self.model = clone(given["deep"])
        elif any(own):
            pair: Any = self.model
            self.model = tuple(clone(given[f"{at}.deep"]) if own[at] else part for at, part in enumerate(pair))


def _check_k(k: Any) -> None:
    if not check.whole(1)(k):
        raise ParameterError(f"k={k!r} cannot be used; expected a whole number from 1 on.")
