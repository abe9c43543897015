"""Neighbours: rows that are near one another get codes that are near one another."""

from __future__ import annotations

import math
from numbers import Integral

import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.objectives.base import Batch, Objective, Terms
from isthmus.objectives.checks import check_weight, check_word, is_number, refuse

#: What rows are compared by.
AUTO, VALUES, GRADIENTS = "auto", "values", "gradients"
#: Weight of the k-th neighbour over that of the nearest, as minus its logarithm.
FALL = 3.0
#: Directions that the slopes of a picture are sorted by, and cells along its shorter side.
DIRECTIONS, CELLS = 8, 7


class Neighbours(Objective):
    """Keep neighbours: rows that are near one another in a batch get near codes (van der Maaten, 2009).

    Each row of a batch has a distribution over the others, by how near they are: the nearest has the most, the k-th
    nearest a twentieth of that, those beyond next to nothing. The codes give such a distribution too, by a Student-t
    kernel as in t-SNE, of as many degrees of freedom as the code has units, less one; the Kullback-Leibler divergence
    between the two is added to the loss. So a short code spends
    itself on telling which rows are alike, and not on pixels: for search.

    Pictures are compared by their slopes rather than by their pixels: how strong they are in each of eight directions,
    over cells of a seventh of the shorter side that overlap by half (Dalal and Triggs, 2005), beside the brightness of
    the cells; square roots are taken, so that a few strong edges do not decide alone.

    Neighbours are sought within the batch: larger batches have nearer ones.

    Parameters
    ----------
    weight : float, default=1.0
        Of the divergence in nats; the reconstruction loss is a mean over values.
    neighbours : int, default=5
        The k of the k-th nearest row that sets the width of a row's neighbourhood, from 1 on.
    compare : {"auto", "values", "gradients"}, default="auto"
        By prepared values, or, pictures alone, by slopes. "auto": slopes for pictures of 4 pixels a side and more.

    Raises
    ------
    ParameterError
        At `fit`, if a parameter cannot be used.

    References
    ----------
    L. van der Maaten, "Learning a parametric embedding by preserving local structure", AISTATS 2009. L. Zelnik-Manor,
    P. Perona, "Self-tuning spectral clustering", NeurIPS 2004. N. Dalal, B. Triggs, "Histograms of oriented gradients
    for human detection", CVPR 2005.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> ae = Autoencoder(2, objective=Neighbours(), max_epochs=2, random_state=0).fit(X)
    >>> len(ae.history_["neighbours"])
    3
    """

    takes = ("numbers",)

    def __init__(self, weight: float = 1.0, neighbours: int = 5, compare: str = AUTO):
        self.weight = weight
        self.neighbours = neighbours
        self.compare = compare

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        check_weight(self, "weight")
        if not (isinstance(self.neighbours, Integral) and is_number(self.neighbours, 1, 65_536)):
            raise refuse(self, "neighbours", "a whole number from 1 to 65,536")
        check_word(self, "compare", (AUTO, VALUES, GRADIENTS))
        has_slopes = len(shape) == 3 and min(shape[1:]) >= 4
        if self.compare == GRADIENTS and not has_slopes:
            raise refuse(self, "compare", "'values', or 'auto': these are no pictures of at least 4 x 4 pixels")
        self._by_slopes = has_slopes and self.compare != VALUES

    def terms(self, batch: Batch) -> Terms:
        # Of several codes of a row the first stands for it.
        z = batch.z[: len(batch.x)]
        if len(z) < 3:
            return {"neighbours": 0.0 * z.sum()}
        with torch.autocast(z.device.type, enabled=False):
            with torch.no_grad():
                near = shares(squared_distances(self.described(batch.x)), int(self.neighbours))
            z = z if z.dtype == torch.float64 else z.float()
            own = _own(len(z), z.device)
            freedom = max(1, z.shape[1] - 1)
            away = -0.5 * (freedom + 1) * torch.log1p(squared_distances(z) / freedom)
            found = F.log_softmax(away.masked_fill(own, -torch.inf), 1).masked_fill(own, 0.0)
            divergence = (torch.special.xlogy(near, near) - near * found).sum(1).mean()
        return {"neighbours": self.weight * divergence}

    def described(self, x: Tensor) -> Tensor:
        """What prepared rows are compared by: (n, *shape) to (n, values)."""
        return slopes(x) if self._by_slopes else x.flatten(1)


def slopes(x: Tensor) -> Tensor:
    """Describe pictures by the strength of their slopes by direction and cell: (n, c, h, w) to (n, values)."""
    x = x if x.dtype == torch.float64 else x.float()
    grey = x.mean(1)
    across = grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2]
    down = grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1]
    strength, angle = torch.hypot(across, down), torch.atan2(down, across)
    step = 2 * math.pi / DIRECTIONS
    ahead = (angle / step) % DIRECTIONS
    maps = []
    for direction in range(DIRECTIONS):
        off = (ahead - direction).abs()
        maps.append(strength * (1 - torch.minimum(off, DIRECTIONS - off)).clamp(min=0))
    light = x - x.amin((0, 2, 3), keepdim=True)
    maps = torch.cat([torch.stack(maps, 1), light[:, :, 1:-1, 1:-1]], 1)
    cell = max(2, round(min(x.shape[2:]) / CELLS))
    cell = min(cell, *maps.shape[2:])
    return F.avg_pool2d(maps, cell, max(1, cell // 2)).flatten(1).sqrt()


def squared_distances(x: Tensor) -> Tensor:
    """Squared distances between rows: (n, d) to (n, n)."""
    x = x - x.mean(0)
    norms = x.square().sum(1)
    return (norms[:, None] + norms - 2 * x @ x.T).clamp(min=0)


def shares(distances: Tensor, k: int) -> Tensor:
    """Turn squared distances into each row's shares of the others, which fall from the nearest to the k-th: (n, n)."""
    own = _own(len(distances), distances.device)
    distances = distances.masked_fill(own, torch.inf)
    near = distances.topk(min(k, len(distances) - 1), 1, largest=False).values
    width = (near[:, -1:] - near[:, :1]).clamp(min=torch.finfo(distances.dtype).tiny)
    return torch.softmax(-FALL * (distances - near[:, :1]) / width, 1)


def _own(n: int, device: torch.device) -> Tensor:
    return torch.eye(n, dtype=torch.bool, device=device)
