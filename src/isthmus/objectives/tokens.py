"""The loss of rows of tokens: cross entropy of each token."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.objectives.reconstruction import Loss

#: Ids that are no tokens.
PADDING, UNKNOWN, END = 0, 1, 2


class Tokens(Loss):
    """Cross entropy of each token, in nats; the network's output is a logit for each id it may be.

    Parameters
    ----------
    vocabulary : int
        Number of ids; 0 is padding, 1 the unknown token, 2 the end of a row.
    lossless : bool, default=True
        Whether no token is unknown, so that none is given as such.
    """

    name = "tokens"

    def __init__(self, vocabulary: int, lossless: bool = True):
        self.vocabulary = vocabulary
        #: The first id that can be given.
        self.first = END if lossless else UNKNOWN

    def cells(self, output: Tensor, x: Tensor) -> Tensor:
        """Loss of each token (..., time), 0 where there is none; outputs may end with the longest row."""
        time = output.shape[-2]
        ids = x[..., :time].long()
        if output.device.type == "cpu":
            # Most of a batch is padding, which costs as much as tokens do.
            there = ids.flatten().nonzero()[:, 0]
            losses = F.cross_entropy(output.flatten(0, -2)[there], ids.flatten()[there], reduction="none")
            cells = torch.zeros(ids.numel(), dtype=losses.dtype).index_put((there,), losses).view(ids.shape)
        else:
            cells = F.cross_entropy(output.flatten(0, -2), ids.flatten(), reduction="none", ignore_index=0)
            cells = cells.view(ids.shape)
        return F.pad(cells, (0, x.shape[-1] - time))

    def link(self, output: Tensor) -> Tensor:
        """Give the likeliest ids (..., time), 0 after the end of a row."""
        return ended(output[..., self.first :].argmax(-1) + self.first).to(output.dtype)

    def distance(self, value: Tensor, x: Tensor) -> Tensor:
        """Give 1 where a token is another one."""
        return (value != x).to(x.dtype)

    def spread(self, x: Tensor, mean: Tensor) -> Tensor:
        """Give 1 for every token: the score is the share of those that are right."""
        return torch.ones_like(x)


def ended(ids: Tensor) -> Tensor:
    """Ids with padding after the first end of each row."""
    is_end = (ids == END).to(torch.int32)
    return ids * (is_end.cumsum(-1) - is_end == 0)
