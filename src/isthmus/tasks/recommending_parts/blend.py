"""Two models that judge together, by a weight chosen on users that neither has seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from isthmus.autoencoder import Autoencoder
from isthmus.data.raw import Csr
from isthmus.exceptions import ParameterError
from isthmus.parameters import AUTO, either, number
from isthmus.tasks.recommending_parts.base import Holdout, Model, Settings
from isthmus.tasks.recommending_parts.ranking import blocks, hits, ndcg, top_k
from isthmus.tasks.recommending_parts.values import predictions

#: Weights that are tried, one model alone first: on a tie the simpler one is taken.
WEIGHTS = (0.0, 1.0, 0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9)
#: Length of the rankings that are compared.
AT = 100


class Blend(Model):
    """Weighted mean of two models' scores, each user's first brought to mean 0 and standard deviation 1.

    Values that two models predict have one scale already: they are averaged as they are.

    Parameters
    ----------
    first, second : Model
        Both of values, or neither; fitted with the blend.
    weight : float or "auto", default="auto"
        Share of the second, from 0 to 1. "auto": the best NDCG@100 of 11 weights on the users held out; of values,
        the least squares solution there. Where no users are held out, 0.5.

    Raises
    ------
    ParameterError
        If one predicts values and the other does not.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from isthmus.tasks.recommending_parts.base import Settings
    >>> from isthmus.tasks.recommending_parts.bias import Bias
    >>> values = csr_matrix(np.array([[5, 3, 0], [4, 2, 3]], np.float32))
    >>> blend = Blend(Bias(0, 0), Bias(9, 9)).fit(values, None, Settings(seed=0))
    >>> blend.chosen["weight"]
    0.5
    """

    name = "blend"
    PARAMETERS: ClassVar = {"weight": (either(lambda v: number(0)(v) and v <= 1, AUTO), "from 0 to 1, or 'auto'")}

    def __init__(self, first: Model, second: Model, weight: float | str = "auto"):
        if first.values != second.values:
            valued, other = (first, second) if first.values else (second, first)
            raise ParameterError(
                f"A blend of {first.name!r} and {second.name!r} cannot be made: {valued.name!r} predicts values, "
                f"{other.name!r} ranks; expected two that predict values, or two that do not."
            )
        self.first, self.second, self.weight = first, second, weight
        self.values = first.values

    def fit(self, interactions: Csr, holdout: Holdout | None, settings: Settings) -> Self:
        for model in (self.first, self.second):
            model.fit(interactions, holdout, settings)
        self._weight = self._choose(holdout) if self.weight == "auto" else float(self.weight)
        return self

    def _choose(self, holdout: Holdout | None) -> float:
        if holdout is None or not holdout.targets.nnz:
            return 0.5
        if self.values:
            return self._least_squares(holdout)
        found = np.concatenate([self._ndcg(holdout, span) for span in blocks(holdout.history)], axis=1)
        return WEIGHTS[int(np.argmax(np.nanmean(found, axis=1)))]

    def _least_squares(self, holdout: Holdout) -> float:
        first, second = (predictions(m.scores, holdout.history, holdout.targets) for m in (self.first, self.second))
        apart = second - first
        return float(np.clip(apart @ (holdout.targets.data - first) / max(float(apart @ apart), 1e-12), 0, 1))

    def _ndcg(self, holdout: Holdout, span: slice) -> np.ndarray:
        """Judge each weight on some users: ndarray of shape (weights, users)."""
        history, targets = holdout.history[span], holdout.targets[span]
        first, second = (_standardised(model.scores(history)) for model in (self.first, self.second))
        found = []
        for weight in WEIGHTS:
            items, _ = top_k(_mean(first, second, weight), AT, history)
            found.append(ndcg(hits(items, targets), targets))
        return np.stack(found)

    def scores(self, history: Csr) -> np.ndarray:
        return self._joined(self.first.scores, self.second.scores, history)

    def similar(self, items: np.ndarray) -> np.ndarray:
        return self._joined(self.first.similar, self.second.similar, items)

    def _joined(self, first: Any, second: Any, given: Any) -> np.ndarray:
        """Join what two methods give for one thing; a model without weight is not asked."""
        if self._weight in (0, 1):
            return (second if self._weight else first)(given)
        found = first(given), second(given)
        if not self.values:
            found = _standardised(found[0]), _standardised(found[1])
        return _mean(*found, self._weight)

    def codes(self, history: Csr) -> np.ndarray:
        """Put the codes of both side by side."""
        return np.hstack([self.first.codes(history), self.second.codes(history)])

    def settled(self) -> Blend:
        return Blend(self.first.settled(), self.second.settled(), self._weight)

    @property
    def chosen(self) -> dict[str, Any]:
        return {"weight": self._weight, "0": self.first.chosen, "1": self.second.chosen}

    # --- To a folder and back: all that a part gives is kept under "0." or "1."

    def learnt(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        values: dict[str, Any] = {"weight": self._weight}
        arrays: dict[str, np.ndarray] = {}
        for name, model in self._parts.items():
            values[name], own = model.learnt()
            arrays |= {f"{name}.{key}": array for key, array in own.items()}
        return values, arrays

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        self._weight = float(values["weight"])
        for name, model in self._parts.items():
            model.restore(values[name], _own(name, arrays))
        return self

    def autoencoders(self) -> dict[str, Autoencoder]:
        return {f"{name}.{key}": a for name, model in self._parts.items() for key, a in model.autoencoders().items()}

    def take_autoencoders(self, autoencoders: Mapping[str, Autoencoder]) -> None:
        for name, model in self._parts.items():
            model.take_autoencoders(_own(name, autoencoders))

    @property
    def _parts(self) -> dict[str, Model]:
        return {"0": self.first, "1": self.second}


def _own(name: str, things: Mapping[str, Any]) -> dict[str, Any]:
    """Give what belongs to one part, by its own names."""
    start = f"{name}."
    return {key.removeprefix(start): thing for key, thing in things.items() if key.startswith(start)}


def _mean(first: np.ndarray, second: np.ndarray, weight: float) -> np.ndarray:
    return np.float32(1 - weight) * first + np.float32(weight) * second


def _standardised(scores: np.ndarray) -> np.ndarray:
    """Bring each row to mean 0 and standard deviation 1; one of equal scores to zeros."""
    scores = scores - scores.mean(1, keepdims=True)
    return scores / np.maximum(scores.std(1, keepdims=True), np.finfo(np.float32).tiny)
