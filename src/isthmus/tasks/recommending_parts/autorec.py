"""AutoRec: autoencoders of values, on what is left of them by biases and only as far as that helps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from isthmus.autoencoder import Autoencoder
from isthmus.data.raw import Csr
from isthmus.parameters import AUTO, either, number, whole, word
from isthmus.tasks.recommending_parts.base import Holdout, Model, Settings
from isthmus.tasks.recommending_parts.bias import Bias
from isthmus.tasks.recommending_parts.residual_coders import CODERS, Coder, UserCoder
from isthmus.tasks.recommending_parts.values import hold_out_values, predictions

#: Penalties of a user's regression on items' codes that are tried.
L2 = (1.0, 3.0, 10.0, 30.0, 100.0)
#: Standard errors by which the weight is smaller than its estimate: of one, noise was let through on real data.
ERRORS = 2.0
#: Users up to which "auto" tries items' columns too: a network of these has weights for each user.
MOST_USERS = 50_000


class AutoRec(Model):
    """Values predicted by biases and, as far as it helps, by an autoencoder of what these leave.

    Value = bias model + weight * residual told by the autoencoder. The weight is the least squares solution on values
    that were held out, less two standard errors (of sums by user) and within 0 and 1: where it is not certain that the
    autoencoder helps it is 0, and the model is the bias model.

    Parameters
    ----------
    by : {"auto", "user", "item"}, default="auto"
        Whether rows of users or columns of items are encoded; "auto": what has the less error on the values held out.
        By items, a user's weights on the items' codes are a ridge regression of what the user said, so that new users
        can be folded in. "auto" tries items up to 50,000 users.
    weight : float or "auto", default="auto"
        From 0, the bias model, to 1.
    latent_dim : int or "auto", default="auto"
        Size of the code; "auto": 50 of users, 16 of items.
    l2 : float or "auto", default="auto"
        Penalty of a user's regression, by items alone.
    epochs : int, default=40
        Passes over the users at most, three times as many over the items; a tenth of the rows chooses the best.
    damping_user, damping_item : float or "auto", default="auto"
        Of the bias model, `Bias`.

    Notes
    -----
    What is "auto" is chosen on the users held out; where there are none, on a tenth of the values, and the model is
    then fitted to all.

    References
    ----------
    S. Sedhain, A. K. Menon, S. Sanner, L. Xie, "AutoRec: autoencoders meet collaborative filtering", WWW 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> values = sparse.random(60, 20, density=0.3, random_state=0, format="csr", dtype="float32")
    >>> model = AutoRec(by="user", epochs=1).fit(values, None, Settings(seed=0))
    >>> model.scores(values).shape, model.chosen["weight"]
    ((60, 20), 0.0)
    """

    name = "autorec"
    values = True
    PARAMETERS: ClassVar = {
        "by": (word("auto", *CODERS), "'auto', 'user' or 'item'"),
        "weight": (either(lambda v: number(0)(v) and v <= 1, AUTO), "a number from 0 to 1, or 'auto'"),
        "latent_dim": (either(whole(1), AUTO), "a whole number from 1 on, or 'auto'"),
        "l2": (either(number(0, open_left=True), AUTO), "a number above 0, or 'auto'"),
        "epochs": (whole(1), "a whole number from 1 on"),
        **Bias.PARAMETERS,
    }

    def __init__(
        self,
        by: str = "auto",
        weight: float | str = "auto",
        latent_dim: int | str = "auto",
        l2: float | str = "auto",
        epochs: int = 40,
        damping_user: float | str = "auto",
        damping_item: float | str = "auto",
    ):
        self.by, self.weight, self.latent_dim, self.l2, self.epochs = by, weight, latent_dim, l2, epochs
        self.damping_user, self.damping_item = damping_user, damping_item

    def fit(self, interactions: Csr, holdout: Holdout | None, settings: Settings) -> Self:
        judged = hold_out_values(interactions, settings.seed) if holdout is None and self._is_open else holdout
        seen = interactions if judged is holdout or judged is None else judged.history
        self._bias = Bias(self.damping_user, self.damping_item).fit(seen, holdout, settings)
        trained = [self._trained(CODERS[by](), seen, settings) for by in self._tried(seen)]
        self._weight, self._coder = self._choose(trained, judged)
        if seen is not interactions:
            self._bias = Bias(**self._bias.chosen).fit(interactions, None, settings)
            self._coder = None if self._coder is None else self._trained(self._coder, interactions, settings)
        return self

    @property
    def _is_open(self) -> bool:
        """Whether anything has to be chosen on held-out values."""
        return self.weight != 0 and ("auto" in (self.by, self.weight) or (self.by == "item" and self.l2 == "auto"))

    def _tried(self, seen: Csr) -> tuple[str, ...]:
        if self.weight == 0 or min(seen.shape) < 2 or not seen.nnz:
            return ()
        if self.by != "auto":
            return (self.by,)
        return tuple(CODERS) if seen.shape[0] <= MOST_USERS else ("user",)

    def _trained(self, coder: Coder, interactions: Csr, settings: Settings) -> Coder:
        size = settings.latent_dim if self.latent_dim == "auto" else self.latent_dim
        return coder.fit(self._bias.residuals(interactions), size, self.epochs, settings)

    def _choose(self, trained: list[Coder], judged: Holdout | None) -> tuple[float, Coder | None]:
        """Choose what tells most of what the biases leave of held-out values, and how far it is to be believed."""
        found: list[tuple[float, float, float, Coder]] = []
        for coder in trained:
            for l2 in self._penalties(coder, judged):
                coder.l2 = l2
                found.append((*self._judge(coder, judged), l2, coder))
        if not found:
            return 0.0, None
        _, weight, l2, coder = min(found, key=lambda one: one[0])
        if not weight:
            return 0.0, None
        coder.l2 = l2
        return weight, coder

    def _penalties(self, coder: Coder, judged: Holdout | None) -> tuple[float, ...]:
        if coder.by == "user":
            return (0.0,)
        if self.l2 != "auto":
            return (float(self.l2),)
        return L2 if judged is not None else (coder.l2,)

    def _judge(self, coder: Coder, judged: Holdout | None) -> tuple[float, float]:
        """Give the squared error on held-out values with the best weight, and the weight."""
        given = None if self.weight == "auto" else float(self.weight)
        if judged is None or not judged.targets.nnz:
            return 0.0, given or 0.0
        history, targets = judged.history, judged.targets
        left = targets.data - self._bias.at(history, targets)
        told = predictions(lambda rows: coder.predict(self._bias.residuals(rows)), history, targets)
        weight = _shrunk(told, left, targets) if given is None else given
        return float(np.square(left - weight * told).mean()), weight

    def scores(self, history: Csr) -> np.ndarray:
        biases = self._bias.scores(history)
        if self._coder is None:
            return biases
        return biases + np.float32(self._weight) * self._coder.predict(self._bias.residuals(history))

    def codes(self, history: Csr) -> np.ndarray:
        """Give the bias of each user, and the code behind it."""
        biases = self._bias.codes(history)
        if self._coder is None:
            return biases
        return np.hstack([biases, self._coder.codes(self._bias.residuals(history))])

    def similar(self, items: np.ndarray) -> np.ndarray:
        """Cosine of what the autoencoder knows of items; without one, how near their biases are."""
        if self._coder is None:
            return self._bias.similar(items)
        vectors = self._coder.items()
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors[items] @ vectors.T

    @property
    def chosen(self) -> dict[str, Any]:
        found = {"weight": self._weight, **self._bias.chosen}
        if self._coder is None:
            return found
        return found | {"by": self._coder.by} | ({"l2": self._coder.l2} if self._coder.by == "item" else {})

    # --- To a folder and back

    def learnt(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        bias, arrays = self._bias.learnt()
        values = {"bias": bias, "weight": self._weight}
        if self._coder is not None:
            values["by"] = self._coder.by
            values["coder"], own = self._coder.learnt()
            arrays = arrays | own
        return values, arrays

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        self._bias, self._weight = Bias().restore(values["bias"], arrays), float(values["weight"])
        self._coder = CODERS[values["by"]]().restore(values["coder"], arrays) if "by" in values else None
        return self

    def autoencoders(self) -> dict[str, Autoencoder]:
        return {"autorec": self._coder.autoencoder} if isinstance(self._coder, UserCoder) else {}

    def take_autoencoders(self, autoencoders: Mapping[str, Autoencoder]) -> None:
        if isinstance(self._coder, UserCoder):
            self._coder.autoencoder = autoencoders["autorec"]


def _shrunk(told: np.ndarray, left: np.ndarray, targets: Csr) -> float:
    """Regress what is left of values on what is told of it: the slope less two standard errors, within 0 and 1."""
    squares = float(told @ told)
    if not squares:
        return 0.0
    slope = float(told @ left) / squares
    # The errors of one user are no independent ones.
    of_users = np.add.reduceat(np.append(told * (left - slope * told), 0.0), targets.indptr[:-1])
    of_users[np.diff(targets.indptr) == 0] = 0
    return float(np.clip(slope - ERRORS * np.sqrt(np.square(of_users).sum()) / squares, 0, 1))
