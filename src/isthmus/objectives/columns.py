"""One likelihood a column, for tables whose columns are not all numbers, balanced so that each counts the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.objectives.reconstruction import Loss

#: Least entropy that a column's loss is divided by, in nats: a value of one row in a thousand is not to rule the rest.
LEAST_ENTROPY = 0.1
#: Least share of a category where the linear path starts: its logit is the deviation from the share over this at most.
LEAST_SHARE = 0.1


class Head(Protocol):
    """A run of slots with one likelihood; the preparation of tables says what its members mean."""

    @property
    def column(self) -> int: ...
    @property
    def start(self) -> int: ...
    @property
    def stop(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def weight(self) -> float: ...
    @property
    def center(self) -> np.ndarray: ...
    @property
    def scale(self) -> float: ...


class Columns(Loss):
    """Squared error for numbers, cross entropy for truth values and categories.

    Each column's loss is about 1 for a network that knows nothing but the column itself: numbers have variance 1, and
    cross entropies are divided by the column's entropy. A column counts as one, however many slots it has: the mean
    over slots is the mean over columns where nothing is missing.

    Parameters
    ----------
    heads : sequence of Head
        Runs of slots that cover a prepared row, in order.
    """

    name = "columns"

    def __init__(self, heads: Sequence[Head]):
        size = heads[-1].stop
        columns = len({head.column for head in heads})
        weight, center, scale = torch.ones(size), torch.zeros(size), torch.ones(size)
        slope, start = torch.ones(size), torch.zeros(size)
        numbers, binary, groups = [], [], []
        for head in heads:
            run, slots = slice(head.start, head.stop), range(head.start, head.stop)
            weight[run] = head.weight * size / columns / len(slots)
            if head.kind == "number":
                numbers += slots
                continue
            share = torch.as_tensor(head.center, dtype=torch.float32)
            center[run], scale[run] = share, head.scale
            if head.kind == "binary":
                binary += slots
                held = share.clamp(0.02, 0.98)
                start[run], slope[run] = held.logit(), head.scale / (held * (1 - held)).clamp(min=LEAST_SHARE)
                weight[run] /= _entropy(torch.cat([share, 1 - share]))
            else:
                groups.append(list(slots))
                held = share.clamp(min=1e-4)
                start[run], slope[run] = held.log(), head.scale / held.clamp(min=LEAST_SHARE)
                weight[run] /= _entropy(share)
        most = max(map(len, groups), default=1)
        # A place after the last slot holds what runs shorter than the longest are filled up with.
        padded = [group + [size] * (most - len(group)) for group in groups]
        self._constants = {
            "weight": weight,
            "center": center,
            "scale": scale,
            "numbers": torch.tensor(numbers, dtype=torch.long),
            "binary": torch.tensor(binary, dtype=torch.long),
            "groups": torch.tensor(padded, dtype=torch.long).reshape(-1, most),
            "grouped": torch.tensor([slot for group in groups for slot in group], dtype=torch.long),
            "group": torch.tensor([g for g, group in enumerate(groups) for _ in group], dtype=torch.long),
        }
        #: Column of each slot.
        self.columns = torch.tensor([head.column for head in heads for _ in range(head.start, head.stop)])
        self.per_value = columns / size
        self._start = slope, start
        self._there: dict[tuple[torch.device, torch.dtype], dict[str, Tensor]] = {}

    def linear_start(self, mean: Tensor) -> tuple[Tensor, Tensor]:
        """Slopes and output for the mean row: logits follow the shares to first order."""
        slope, start = self._start
        known = start.clone()
        numbers = self._constants["numbers"]
        known[numbers] = mean.flatten().float().cpu()[numbers]
        return slope, known

    def cells(self, output: Tensor, x: Tensor) -> Tensor:
        at = self._at(output)
        cells = (output - x).square()
        told = x * at["scale"] + at["center"]
        if len(at["binary"]):
            logits, true = output[..., at["binary"]], told[..., at["binary"]].clamp(0, 1)
            loss = F.binary_cross_entropy_with_logits(logits, true, reduction="none")
            cells = cells.index_copy(-1, at["binary"], loss)
        if len(at["grouped"]):
            logs = self._log_shares(output, at)
            true = told[..., at["grouped"]].clamp(0, 1)
            losses = torch.zeros(*output.shape[:-1], len(at["groups"]), dtype=output.dtype, device=output.device)
            losses = losses.index_add(-1, at["group"], -true * logs)
            # Each slot of a column holds the column's loss; the weights divide by how many there are.
            cells = cells.index_copy(-1, at["grouped"], losses[..., at["group"]])
        return cells * at["weight"]

    def link(self, output: Tensor) -> Tensor:
        at = self._at(output)
        value = output
        for key, shares in (("binary", self._binary_shares), ("grouped", self._group_shares)):
            if len(at[key]):
                slots = at[key]
                prepared = (shares(output, at) - at["center"][slots]) / at["scale"][slots]
                value = value.index_copy(-1, slots, prepared)
        return value

    @staticmethod
    def _binary_shares(output: Tensor, at: dict[str, Tensor]) -> Tensor:
        return output[..., at["binary"]].sigmoid()

    def _group_shares(self, output: Tensor, at: dict[str, Tensor]) -> Tensor:
        return self._log_shares(output, at).exp()

    @staticmethod
    def _log_shares(output: Tensor, at: dict[str, Tensor]) -> Tensor:
        """Logarithm of the share of each category, of all columns of categories, end to end."""
        filled = F.pad(output, (0, 1), value=-torch.inf)
        totals = torch.logsumexp(filled[..., at["groups"]], -1)
        return output[..., at["grouped"]] - totals[..., at["group"]]

    def _at(self, output: Tensor) -> dict[str, Tensor]:
        """Give the constants where the output is, in its precision."""
        key = output.device, output.dtype
        if key not in self._there:
            self._there[key] = {
                name: held.to(output.device, output.dtype if held.is_floating_point() else None)
                for name, held in self._constants.items()
            }
        return self._there[key]


def _entropy(shares: Tensor) -> float:
    return max(LEAST_ENTROPY, float(torch.special.entr(shares).sum()))
