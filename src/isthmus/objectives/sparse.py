"""Sparse codes: few units active for a row, by a penalty or by keeping the largest."""

from __future__ import annotations

from numbers import Integral

import torch
from torch import Tensor

from isthmus.objectives.base import Objective, Terms
from isthmus.objectives.checks import check_number, check_weight, check_word, is_number, refuse

KINDS = ("l1", "kl", "topk")
#: Units this close to 0 or 1 on average count as this close, so that the logarithm stays finite.
EDGE = 1e-6


class Sparse(Objective):
    """Codes of which few units are active.

    Parameters
    ----------
    kind : {"l1", "kl", "topk"}, default="l1"
        "l1" adds the mean absolute value of the code. "kl" passes the code through a sigmoid and adds the
        Kullback-Leibler divergence of each unit's mean over the batch from `rate`, summed over units (Ng, 2011).
        "topk" keeps the `k` values of largest magnitude and sets the others to 0, without a penalty (Makhzani and
        Frey, 2013).
    weight : float, default=0.1
        Of the penalty; the reconstruction loss is a mean over values.
    rate : float, default=0.05
        Share of the time that a unit should be active, for "kl".
    k : int or None, default=None
        Units active for each row, for "topk"; None: a quarter of the code, at least one.

    Raises
    ------
    ParameterError
        At `fit`, if a parameter cannot be used.

    References
    ----------
    A. Ng, "Sparse autoencoder", CS294A lecture notes, 2011. A. Makhzani, B. Frey, "k-Sparse autoencoders", 2013.

    Examples
    --------
    >>> import torch
    >>> Sparse("topk", k=1).encode(torch.tensor([[0.5, -2.0, 1.0]])).tolist()
    [[0.0, -2.0, 0.0]]
    """

    def __init__(self, kind: str = "l1", weight: float = 0.1, rate: float = 0.05, k: int | None = None):
        self.kind = kind
        self.weight = weight
        self.rate = rate
        self.k = k

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        check_word(self, "kind", KINDS)
        check_weight(self, "weight")
        check_number(self, "rate", EDGE, 1 - EDGE, f"a share between 0 and 1, from {EDGE:g} to {1 - EDGE:g}")
        if self.k is not None and not (isinstance(self.k, Integral) and is_number(self.k, 1, latent_dim)):
            raise refuse(self, "k", f"None or a whole number from 1 to the size of the code, {latent_dim}")

    def active(self, width: int) -> int:
        """Units that "topk" keeps of a code of a width."""
        return max(1, width // 4) if self.k is None else int(self.k)

    def code(self, h: Tensor) -> tuple[Tensor, Terms]:
        z = self.encode(h)
        if self.kind == "l1":
            return z, {"sparsity": self.weight * z.abs().mean()}
        if self.kind == "kl":
            mean = z.mean(0).clamp(EDGE, 1 - EDGE)
            on = self.rate * torch.log(self.rate / mean)
            off = (1 - self.rate) * torch.log((1 - self.rate) / (1 - mean))
            return z, {"sparsity": self.weight * (on + off).sum()}
        return z, {}

    def encode(self, h: Tensor) -> Tensor:
        if self.kind == "kl":
            return h.sigmoid()
        if self.kind == "topk":
            places = h.abs().topk(self.active(h.shape[-1]), dim=-1).indices
            return torch.zeros_like(h).scatter(-1, places, h.gather(-1, places))
        return h
