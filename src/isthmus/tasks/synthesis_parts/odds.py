"""Odds that a row is real, by which made rows are kept: what a classifier can still tell them by is corrected so."""

from __future__ import annotations

import copy
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.training.drawing import seeded
from isthmus.training.split import held_out

#: Hidden units; rows of each sort a step, rate, decay, and steps between two looks at the rows held out.
WIDTH, BATCH, RATE, DECAY, EVERY = 128, 256, 2e-3, 0.05, 40
#: Passes over the rows, steps at least, and looks without a better one after which training stops.
PASSES, FEWEST_STEPS, PATIENCE = 12, 400, 6
#: Fewer real rows tell too little.
FEWEST_ROWS = 500
#: Share of the made rows whose odds are above those that are always kept, and the most that these may be.
ABOVE, MOST = 0.01, 5.0


class Odds(nn.Module):
    """A classifier of real and made rows: a linear one, with a small network beside it that starts at zero.

    Kept with a probability in proportion to its odds, made rows have the density of the real ones, as far as the
    classifier knows it (Azadi et al., "Discriminator rejection sampling", ICLR 2019).

    Parameters
    ----------
    size : int
        Slots of a prepared row.
    """

    def __init__(self, size: int):
        super().__init__()
        self.linear = nn.Linear(size, 1)
        self.bent = nn.Sequential(nn.Linear(size, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU())
        self.leave = nn.Linear(WIDTH, 1)
        self.ceiling: Tensor
        self.register_buffer("ceiling", torch.ones(()))
        for layer in (self.linear, self.leave):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Give the logarithm of the odds (n,) of prepared rows (n, p)."""
        return (self.linear(x) + self.leave(self.bent(x)))[:, 0]

    @classmethod
    def learn(cls, real: Tensor, made: Tensor, seed: int) -> Self:
        """Learn to tell prepared rows apart; where rows held out cannot be, the odds are all 1."""
        with seeded(seed):
            odds = cls(real.shape[1])
        generator = torch.Generator().manual_seed(seed)
        sorts = []
        for rows in (real, made):
            learnt, out = held_out(len(rows), 0.15, seed)
            sorts.append((rows[torch.from_numpy(learnt)], rows[torch.from_numpy(out)]))
        optimizer = torch.optim.AdamW(odds.parameters(), lr=RATE, weight_decay=DECAY)
        best, kept, worse = np.inf, copy.deepcopy(odds.state_dict()), 0
        steps = max(FEWEST_STEPS, PASSES * len(real) // BATCH)
        for step in range(steps + 1):
            if step % EVERY == 0:
                with torch.no_grad():
                    loss = float(_loss(*(odds(out) for _, out in sorts)))
                if loss < best:
                    best, kept, worse = loss, copy.deepcopy(odds.state_dict()), 0
                else:
                    worse += 1
                if worse > PATIENCE:
                    break
            batches = [rows[torch.randint(len(rows), (BATCH,), generator=generator)] for rows, _ in sorts]
            loss = _loss(*(odds(batch) for batch in batches))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        odds.load_state_dict(kept)
        odds.eval()
        with torch.no_grad():
            odds.ceiling.copy_(torch.quantile(odds(made[:100_000]).exp(), 1 - ABOVE).clamp(1.0, MOST))
        return odds

    @torch.no_grad()
    def keeps(self, x: Tensor, rng: np.random.Generator) -> np.ndarray:
        """Say which of some made rows are kept: bools of shape (n,)."""
        return rng.random(len(x)) < (self(x).exp() / self.ceiling).numpy()


def _loss(real: Tensor, made: Tensor) -> Tensor:
    """Cross entropy, both sorts counting the same."""
    return (F.softplus(-real).mean() + F.softplus(made).mean()) / 2
