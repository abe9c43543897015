"""How far fits of different seeds find the same directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from isthmus.evaluation.wording import number
from isthmus.exceptions import DataError, ParameterError
from isthmus.networks import each_of

if TYPE_CHECKING:
    from isthmus.autoencoder import Autoencoder


@dataclass(frozen=True)
class DirectionMatch:
    """How far models agree in the directions of their units.

    Attributes
    ----------
    mean : float
        Mean cosine of matched directions over all pairs of models: 1 where each direction is found again.
    by_pair : ndarray of shape (pairs,)
        The same for each pair, in the order (0, 1), (0, 2), ..., (1, 2), ...
    random : float
        The same for random directions of the same number and size: what chance alone gives.
    """

    mean: float
    by_pair: np.ndarray
    random: float

    def __str__(self) -> str:
        """Give both figures."""
        return f"matched cosine {number(self.mean)}, of random directions {number(self.random)}"


def match_directions(models: Any, *, random_state: int = 0) -> DirectionMatch:
    """Measure how far the units of two or more models, of different seeds say, decode to the same directions.

    Each unit of one model is matched with one of the other so that the sum of cosines is largest (the assignment
    problem); the mean over the matched pairs.

    Parameters
    ----------
    models : sequence of Autoencoder, or one with several members
        Fitted on rows of the same shape.
    random_state : int, default=0
        Of the random directions.

    Returns
    -------
    DirectionMatch
        `print` it.

    Raises
    ------
    ParameterError
        If there are fewer than two models or members.
    DataError
        If they were fitted on rows of different shapes.

    Notes
    -----
    The direction of a unit is what a value of 1, all others at 0, adds to the decoder's output for the code 0, before
    the loss's link; for a linear decoder, its column. Where codes have either sign, so have directions, and the
    absolute cosine counts. Units that are dead count like all others. The matching takes a time that grows as the cube
    of the width: some seconds for 2,048 units.

    References
    ----------
    G. Paulo, N. Belrose, "Sparse autoencoders trained on the same data learn different features", 2025.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus import Autoencoder, Sparse
    >>> X = np.random.default_rng(0).laplace(size=(200, 4))
    >>> given = {"hidden": (), "objective": Sparse("topk", k=2), "max_epochs": 5}
    >>> match = match_directions([Autoencoder(8, **given, random_state=seed).fit(X) for seed in (0, 1)])
    >>> match.by_pair.shape, bool(match.mean <= 1)
    ((1,), True)
    """
    listed = list(models) if isinstance(models, Sequence) else [models]
    directions = [found for model in listed for found in _directions(model, len(listed) == 1)]
    if len(directions) < 2:
        raise ParameterError(
            f"models={models!r} is one network; give two or more fitted models, or one fitted with members=2 or more."
        )
    sizes = [found.shape[1] for found in directions]
    if len(set(sizes)) > 1:
        raise DataError(
            f"These models were fitted on rows of {', '.join(map(str, sizes))} values; give models of rows alike."
        )
    signed = all(model._codes.min() >= 0 for model in listed)
    rng = np.random.default_rng(random_state)
    drawn = [_unit(rng.normal(size=found.shape)) for found in directions[:2]]
    by_pair = [_matched(a, b, signed) for a, b in combinations(directions, 2)]
    return DirectionMatch(float(np.mean(by_pair)), np.asarray(by_pair), _matched(drawn[0], drawn[1], signed))


def _directions(model: Autoencoder, all_members: bool) -> list[np.ndarray]:
    """Directions of the units of each network, of unit norm: ndarrays of shape (latent_dim, size)."""
    inference = model._inference
    network = inference.network(torch.float32)
    codes = torch.cat([torch.zeros(1, model.latent_dim_), torch.eye(model.latent_dim_)]).to(inference.device)
    found = []
    with torch.no_grad():
        for member in each_of(network) if all_members else [network]:
            output = torch.cat([member.decode(part).flatten(1) for part in codes.split(inference.rows_at_once)])
            found.append(_unit((output[1:] - output[0]).double().cpu().numpy()))
    return found


def _unit(directions: np.ndarray) -> np.ndarray:
    return directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12)


def _matched(a: np.ndarray, b: np.ndarray, signed: bool) -> float:
    cosines = a @ b.T if signed else np.abs(a @ b.T)
    return float(cosines[linear_sum_assignment(cosines, maximize=True)].mean())
