"""How much the first units of a code tell, by their number: what size of code the data need, from one fit."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
import torch
from sklearn.utils.validation import check_is_fitted

from isthmus import parameters as check
from isthmus.data import as_raw
from isthmus.evaluation import figures
from isthmus.evaluation.wording import number, percent, plural
from isthmus.exceptions import ParameterError
from isthmus.objectives import Ordered, each_objective

if TYPE_CHECKING:
    from isthmus.autoencoder import Autoencoder

#: Lengths looked at, at most.
MOST_LENGTHS = 40
#: Share of what the whole code explains that a prefix must explain to count as enough.
ENOUGH = 0.95


@dataclass(frozen=True)
class PrefixCurve:
    """Errors by the length of the part of the code that is kept.

    Attributes
    ----------
    lengths : ndarray of int of shape (m,)
        Numbers of units, rising to the whole code.
    ours, pca : ndarray of shape (m,)
        Mean squared error over observed cells in prepared units, of the model with the other units at 0, and of PCA
        with as many components.
    spread : float
        Mean square of the prepared values about the training mean: the error without any code.
    """

    lengths: np.ndarray
    ours: np.ndarray
    pca: np.ndarray
    spread: float

    def enough(self, share: float = ENOUGH) -> int:
        """Shortest length that explains a share of the variance that the whole code explains.

        Examples
        --------
        >>> PrefixCurve(np.array([1, 2, 3]), np.array([0.5, 0.11, 0.1]), np.array([0.6, 0.3, 0.2]), 1.0).enough()
        2
        """
        explained = self.spread - self.ours
        return int(self.lengths[np.argmax(explained >= share * explained[-1])])

    def sentence(self) -> str:
        """Say what size of code the curve speaks for."""
        whole, k = int(self.lengths[-1]), self.enough()
        at = int(np.flatnonzero(self.lengths == k)[0])
        return (
            f"The first {plural(k, 'unit')} of {whole} keep {percent(ENOUGH)} of the variance that the whole code "
            f"explains: error {number(float(self.ours[at]))}, PCA with as many components "
            f"{number(float(self.pca[at]))}. truncate({k}) gives the model of that size."
        )


def prefix_curve(model: Autoencoder, X: Any, lengths: Any = None) -> PrefixCurve:
    """Reconstruct rows from the first units of their codes alone, beside PCA with as many components.

    Meant for fits with the objective `Ordered`, whose units are ordered by what they tell; with others it is of
    little use, because nothing taught their first units to do without the rest.

    Parameters
    ----------
    model : Autoencoder
        Fitted; of several members, the best one counts.
    X : array, frame, path, Raw, ...
        Rows, best ones that training never saw. Missing cells are left out.
    lengths : sequence of int, optional
        Rising numbers of units from 1 to the size of the code. None: all of them, or 40 spread evenly on a log scale.

    Returns
    -------
    PrefixCurve

    Raises
    ------
    ParameterError
        If `lengths` cannot be used.
    DataError
        If the rows cannot be used.
    NotFittedError
        If the model is not fitted.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from isthmus import Autoencoder, Ordered
    >>> X = load_iris().data
    >>> ae = Autoencoder(3, objective=Ordered(), max_epochs=2, random_state=0).fit(X[::2])
    >>> prefix_curve(ae, X[1::2]).lengths
    array([1, 2, 3])
    """
    check_is_fitted(model)
    if model.preparation_.vocabulary_:
        raise ParameterError("prefix_curve measures squared errors, which texts and events have none of.")
    size = int(model.latent_dim_)
    chosen = _lengths(size) if lengths is None else _checked_lengths(lengths, size)
    inference = model._inference
    ours, pca, total = np.zeros(len(chosen)), np.zeros(len(chosen)), np.zeros(2)
    for _, prepared in inference.blocks(as_raw(X, kind=model.kind_)):
        x = prepared.x
        seen = torch.ones_like(x) if prepared.mask is None else prepared.mask.to(x)
        codes, scores = inference.encode(prepared), model.pca_.encode(x)
        mean = model.pca_.mean.to(x).reshape(x.shape[1:])
        total += [float(((x - mean).square() * seen).sum()), float(seen.sum())]
        for i, length in enumerate(chosen.tolist()):
            ours[i] += float(((inference.decode(_first(codes, length)) - x).square() * seen).sum())
            theirs = model.pca_.decode(_first(scores, length)).reshape(x.shape)
            pca[i] += float(((theirs - x).square() * seen).sum())
    cells = max(total[1], 1.0)
    return PrefixCurve(chosen, ours / cells, pca / cells, float(total[0] / cells))


def _lengths(size: int) -> np.ndarray:
    if size <= MOST_LENGTHS:
        return np.arange(1, size + 1)
    return np.unique(np.geomspace(1, size, MOST_LENGTHS).round().astype(int))


def _checked_lengths(lengths: Any, size: int) -> np.ndarray:
    given = list(lengths) if isinstance(lengths, (range, np.ndarray)) and np.ndim(lengths) else lengths
    # Between 0 and one more than the size, numbers that all rise are in bounds.
    if not check.sizes(given) or not given or not all(a < b for a, b in pairwise([0, *given, size + 1])):
        raise ParameterError(
            f"lengths={lengths!r:.200} cannot be used; expected rising whole numbers of units from 1 to {size}, "
            f"such as {sorted({1, size})}."
        )
    return np.asarray(given, dtype=int)


def _first(codes: torch.Tensor, length: int) -> torch.Tensor:
    kept = torch.zeros_like(codes)
    kept[:, :length] = codes[:, :length]
    return kept


def is_ordered(model: Autoencoder) -> bool:
    """Whether a model was fitted so that any prefix of its code is a code."""
    return any(isinstance(part, Ordered) for part in each_objective(model._model.objective))


def figure(curve: PrefixCurve) -> go.Figure:
    """Both errors by the number of units, and the error without a code."""
    drawn = figures.blank(340, "units of the code kept (components of PCA)", "mean squared error, scaled units")
    for name, values, colour, dash in (
        ("Isthmus", curve.ours, figures.OURS, "solid"),
        ("PCA", curve.pca, figures.PCA, "dash"),
    ):
        drawn.add_scatter(
            x=curve.lengths, y=values, name=name, mode="lines+markers", marker={"size": 5},
            line={"color": colour, "width": 2, "dash": dash},
        )  # fmt: skip
    drawn.add_scatter(
        x=curve.lengths[[0, -1]], y=[curve.spread] * 2, name="no code", mode="lines",
        line={"color": figures.GREY, "width": 1.5, "dash": "dot"},
    )  # fmt: skip
    if len(curve.lengths) < curve.lengths[-1]:
        drawn.update_xaxes(type="log", **figures.log_ticks(curve.lengths))
    drawn.update_yaxes(rangemode="tozero")
    drawn.update_layout(hovermode="x unified")
    return drawn
