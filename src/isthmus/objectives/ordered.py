"""Ordered codes: any number of first units is a code of its own, because training keeps the first few alone."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.objectives.base import Objective, Terms
from isthmus.objectives.checks import check_number, check_word

#: How the lengths of the prefixes that training keeps are distributed.
DISTRIBUTIONS = ("uniform", "geometric")


class Ordered(Objective):
    """Nested dropout: units are dropped from the end, so that they are ordered by what they tell (Rippel et al., 2014).

    In training each row keeps the first b units of its code, b drawn anew each time; the others are 0. Any prefix of
    the code is then a code: `Autoencoder.truncate` gives the model of a shorter one without another fit, and
    `isthmus.evaluation.prefix_curve` the error by length, which says what size of code the data need. The curve stands
    in the report as well.

    Put it last in a list, but for what leaves the code as it is.

    Parameters
    ----------
    distribution : {"uniform", "geometric"}, default="uniform"
        Of the length of the prefix: all lengths alike, or "geometric", short ones more often: each unit is the last
        with probability `rate` if the one before was not. What lies beyond the code counts as the whole of it.
    rate : float, default=0.1
        For "geometric", from 0 to 1.
    whole : float, default=0.2
        Share of the rows that keep the whole code besides, from 0 to 1.

    Raises
    ------
    ParameterError
        At `fit`, if a parameter cannot be used.

    References
    ----------
    O. Rippel, M. Gelbart, R. Adams, "Learning ordered representations with nested dropout", ICML 2014.

    Examples
    --------
    >>> import torch
    >>> ordered = Ordered()
    >>> ordered.begin((5,), 3)
    >>> z, _ = ordered.code(torch.ones(4, 3))
    >>> bool((z[:, 0] == 1).all()), bool((z[:, 1:] <= z[:, :-1]).all()), ordered.encode(torch.ones(1, 3)).tolist()
    (True, True, [[1.0, 1.0, 1.0]])
    """

    def __init__(self, distribution: str = "uniform", rate: float = 0.1, whole: float = 0.2):
        self.distribution = distribution
        self.rate = rate
        self.whole = whole

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        check_word(self, "distribution", DISTRIBUTIONS)
        check_number(self, "rate", 0, 1, "a share from 0 to 1")
        check_number(self, "whole", 0, 1, "a share from 0 to 1")

    def _keeping(self, unit: Tensor) -> Tensor:
        """Share of the rows that keep each unit, by its number: falling from 1."""
        shares = {
            "uniform": lambda: 1 - unit / len(unit),
            "geometric": lambda: (1 - float(self.rate)) ** unit,
        }
        return float(self.whole) + (1 - float(self.whole)) * shares[self.distribution]()

    def code(self, h: Tensor) -> tuple[Tensor, Terms]:
        n = len(h)
        # One number of each n-th of the unit interval, in random order: every batch has its share of each length.
        order = torch.rand(n, device=h.device).argsort()
        drawn = (order + torch.rand(n, device=h.device)) / n
        keeping = self._keeping(torch.arange(h.shape[1], device=h.device))
        return h * (drawn[:, None] < keeping), {}
