"""Sparse codes: few units active for a row, by a penalty or by keeping the largest."""

from __future__ import annotations

import math
from numbers import Integral

import torch
from torch import Tensor, nn

from isthmus.objectives import dictionary
from isthmus.objectives.base import Batch, Objective, Terms
from isthmus.objectives.checks import LARGEST, check_number, check_weight, check_word, is_number, refuse
from isthmus.objectives.dictionary import REVIVAL
from isthmus.objectives.sparse_kinds import EDGE, KINDS

#: Kinds by which a code wider than a row is a dictionary.
WIDE = ("topk", "batch_topk", "jumprelu")
#: Rows, as a multiple of the code's width, after which a unit that was never active counts as dead.
PATIENCE = 2


class Sparse(Objective):
    """Codes of which few units are active.

    Parameters
    ----------
    kind : {"l1", "kl", "topk", "batch_topk", "jumprelu", "winner_take_all"}, default="l1"
        "l1" adds the mean absolute value of the code. "kl" passes the code through a sigmoid and adds the
        Kullback-Leibler divergence of each unit's mean from `rate`, summed over units (Ng, 2011); the mean is that of
        the last 2,048 rows or so, where a batch has fewer. "topk" keeps the `k` values of largest magnitude and sets
        the others to 0, without a penalty (Makhzani and Frey, 2013). "batch_topk" keeps the n times `k` largest of a
        batch of n rows; afterwards a row's code is what reaches the threshold learnt on the way, whatever rows are
        beside it (Bussmann et al., 2024). "jumprelu" keeps values above a positive threshold that each unit learns
        (Rajamanoharan et al., 2024); its penalty is the share of units active, or, where `k` is given, ten times
        the squared relative distance of their number from `k`. "winner_take_all" lets each unit keep, in training, the
        share `rate` of the batch in which it is largest; afterwards, all positive values (Makhzani and Frey, 2015).
    weight : float, default=0.1
        Of the penalty, for "l1", "kl" and "jumprelu"; the reconstruction loss is a mean over values.
    rate : float, default=0.05
        Share of the time that a unit should be active, for "kl" and "winner_take_all".
    k : int or None, default=None
        Units active for each row, for "topk" and "batch_topk" (on average) and "jumprelu" (aimed at); None: a quarter
        of the code, at least one.
    revive : int, None or "auto", default="auto"
        Rows without activity in training after which a unit of a wide code counts as dead and is trained to
        reconstruct what the others leave (after Gao et al., 2024); "auto": twice the size of the code. None: never.

    Raises
    ------
    ParameterError
        At `fit`, if a parameter cannot be used.

    Notes
    -----
    A code wider than a row, by "topk", "batch_topk" or "jumprelu", is taken as a dictionary: activities are not
    negative ("topk" then keeps at most `k`, fewer only where fewer are positive), and there is no linear path. With
    `hidden=()`, one linear layer a side, directions moreover have unit norm, the encoder starts as the decoder's
    transpose, both about the rows' geometric median, their gradients have unit norm together, and dead units are
    revived: the most active of them for each row learns, by the term "revival" (weight 1/32), to make up for what the
    others leave, and the biases of all are lifted. `learning_rate="auto"` is half of the usual for "topk" and
    "batch_topk". Gao et al. let many dead units share what is left, and lift nothing.

    References
    ----------
    A. Ng, "Sparse autoencoder", CS294A lecture notes, 2011. A. Makhzani, B. Frey, "k-Sparse autoencoders", 2013, and
    "Winner-take-all autoencoders", NeurIPS 2015. L. Gao et al., "Scaling and evaluating sparse autoencoders", 2024.
    B. Bussmann, P. Leask, N. Nanda, "BatchTopK sparse autoencoders", 2024. S. Rajamanoharan et al., "Jumping ahead:
    improving reconstruction fidelity with JumpReLU sparse autoencoders", 2024.

    Examples
    --------
    >>> import torch
    >>> Sparse("topk", k=1).encode(torch.tensor([[0.5, -2.0, 1.0]])).tolist()
    [[0.0, -2.0, 0.0]]

    A dictionary eight times as wide as a row:

    >>> import numpy as np
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(100, 4))
    >>> ae = Autoencoder(32, hidden=(), objective=Sparse("topk", k=2), max_epochs=2, random_state=0).fit(X)
    >>> int((ae.transform(X) > 0).sum(1).max())
    2
    """

    #: Whether the code is a dictionary: wider than a row, and of a kind that suits that.
    wide = False
    _width = 0
    #: What the units got, and gave, since `code`.
    _given: tuple[Tensor, Tensor] | None = None

    def __init__(
        self,
        kind: str = "l1",
        weight: float = 0.1,
        rate: float = 0.05,
        k: int | None = None,
        revive: int | str | None = "auto",
    ):
        self.kind = kind
        self.weight = weight
        self.rate = rate
        self.k = k
        self.revive = revive

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        check_word(self, "kind", KINDS)
        check_weight(self, "weight")
        check_number(self, "rate", EDGE, 1 - EDGE, f"a share between 0 and 1, from {EDGE:g} to {1 - EDGE:g}")
        if self.k is not None and not _is_whole(self.k, latent_dim):
            raise refuse(self, "k", f"None or a whole number from 1 to the size of the code, {latent_dim}")
        automatic = isinstance(self.revive, str) and self.revive == "auto"
        if not (automatic or self.revive is None or _is_whole(self.revive, LARGEST)):
            raise refuse(self, "revive", "'auto', None or a whole number of rows from 1 on")
        self._width = latent_dim
        self.wide = self.kind in WIDE and latent_dim > math.prod(shape)
        self.linear_path = not self.wide
        self.pace = KINDS[self.kind].pace if self.wide else 1.0

    def active(self, width: int) -> int:
        """Units that stay active of a code of a width."""
        return max(1, width // 4) if self.k is None else int(self.k)

    @property
    def least(self) -> float:
        """Size that a unit's value must exceed for the unit to count as active."""
        return KINDS[self.kind].least

    def is_training(self) -> bool:
        """Whether the network learns, and is not measured or put to use; without a network, as if it learnt."""
        return getattr(getattr(self, "network", None), "training", True)

    def make(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module | None:
        own = nn.Module()
        KINDS[self.kind].fill(own, latent_dim)
        if self._revives():
            own.register_buffer("idle", torch.zeros(latent_dim))
        return own if own.state_dict() else None

    def start(self, x: Tensor, mask: Tensor | None) -> None:
        layers = self._layers()
        if layers is not None:
            dictionary.start(layers, x)
        if self.own is not None:
            KINDS[self.kind].start(self, self.coded(x, mask))

    def code(self, h: Tensor) -> tuple[Tensor, Terms]:
        z, terms = KINDS[self.kind].code(self, h)
        if self.own is not None and self._revives():
            if self.is_training():
                idle: Tensor = self.own.idle
                idle.copy_(torch.where((z != 0).any(0), 0, idle + len(z)))
            self._given = h, z
        return z, terms

    def terms(self, batch: Batch) -> Terms:
        given, self._given = self._given, None
        layers = self._layers()
        # What comes after in a list may have changed the code.
        if given is None or layers is None or given[1] is not batch.z:
            return {}
        if not self.is_training():
            # Epochs are judged by what the code explains, not by how many units are dead.
            return {"revival": batch.output.new_zeros(())}
        term = dictionary.revival(layers, batch, given[0], self._dead())
        return {"revival": REVIVAL * term}

    def before_update(self) -> None:
        layers = self._layers()
        if layers is not None:
            if self._revives():
                dictionary.lift(layers, self._dead())
            dictionary.project(layers)
            dictionary.to_unit_gradient(layers)

    def after_update(self) -> None:
        layers = self._layers()
        if layers is not None:
            dictionary.normalise(layers)

    def encode(self, h: Tensor) -> Tensor:
        return KINDS[self.kind].encode(self, h)

    def _dead(self) -> Tensor:
        """Which units were active for none of the last rows."""
        return self.own.idle >= (PATIENCE * self._width if isinstance(self.revive, str) else self.revive)

    def _revives(self) -> bool:
        return self.wide and self.revive is not None

    def _layers(self) -> dictionary.Dictionary | None:
        return dictionary.find(self.network, self._width) if self.wide else None


def _is_whole(value: object, most: float) -> bool:
    return isinstance(value, Integral) and is_number(value, 1, most)
