"""What a decoder that writes token by token is told in training of the tokens before."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from isthmus.objectives.base import Objective
from isthmus.objectives.checks import check_number
from isthmus.objectives.reconstruction import Loss
from isthmus.objectives.tokens import END, UNKNOWN


class TeacherForcing(Objective):
    """Tell a recurrent decoder less than the whole row in training, so that it leans on the code.

    In training the decoder of "gru" and "lstm" is told the true tokens before each; after it, its own. With all of them
    a strong one may learn to go by them alone, and leave the code empty. The network "conv" is told nothing.

    Parameters
    ----------
    dropout : float, default=0.0
        Share of the tokens told that are made unknown (word dropout, Bowman et al., 2016).
    sampling : float, default=0.0
        Share, at the end of training, of the tokens told that are the decoder's own; it grows from 0 (scheduled
        sampling, Bengio et al., 2015, in two passes over all tokens at once, Mihaylova and Martins, 2019).

    Raises
    ------
    ParameterError
        At `fit`, if a share is not from 0 to 1, or rows are none of tokens.

    References
    ----------
    S. Bengio, O. Vinyals, N. Jaitly, N. Shazeer, "Scheduled sampling for sequence prediction with recurrent neural
    networks", NeurIPS 2015. S. R. Bowman et al., "Generating sentences from a continuous space", CoNLL 2016.
    T. Mihaylova, A. F. T. Martins, "Scheduled sampling for transformers", ACL workshop 2019.

    Examples
    --------
    >>> x = torch.tensor([[5.0, 7.0, 2.0, 0.0]])
    >>> TeacherForcing(dropout=1.0).feed(x, x, torch.Generator()).tolist()
    [[1.0, 1.0, 2.0, 0.0]]
    """

    takes = ("tokens",)

    def __init__(self, dropout: float = 0.0, sampling: float = 0.0):
        self.dropout = dropout
        self.sampling = sampling

    def meet(self, loss: Loss, names: Sequence[str] | None) -> None:
        self._loss = loss

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        check_number(self, "dropout", 0, 1, "a share from 0 to 1")
        check_number(self, "sampling", 0, 1, "a share from 0 to 1")

    def feed(self, x: Tensor, z: Tensor, generator: torch.Generator) -> Tensor:
        told = x
        if self.sampling:
            with torch.no_grad():
                own = self._loss.link(self.network.decode(z.detach(), x))[: len(x)]
            own = torch.nn.functional.pad(own, (0, x.shape[1] - own.shape[1])).to(x)
            # Where its own row is over, the true token is told.
            replaced = (_drawn(x, generator) < self.sampling * self.progress) & (x > END) & (own > END)
            told = torch.where(replaced, own, x)
        if self.dropout:
            told = told.masked_fill((_drawn(x, generator) < self.dropout) & (x > END), UNKNOWN)
        return told


def _drawn(x: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(x.shape, generator=generator, device=generator.device).to(x.device)
