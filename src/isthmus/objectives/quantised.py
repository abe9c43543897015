"""Vector-quantised: the code is the nearest of a list of vectors, or a sum of such, and so a few integers."""

from __future__ import annotations

from numbers import Integral

import torch
from torch import Tensor, nn

from isthmus.objectives.base import Objective, Terms
from isthmus.objectives.checks import check_number, check_weight, is_number, refuse

#: Most vectors of a codebook, and most codebooks.
MOST_CODES, MOST_LEVELS = 65_536, 64
#: Rounds of k-means from which the codebook starts.
ROUNDS = 10
#: Shares under this are no shares: nothing is divided by them.
TINY = 1e-8


class Codebooks(nn.Module):
    """The vectors of each level, and running averages of what they stand for.

    Parameters
    ----------
    levels, codes, width : int

    Attributes
    ----------
    vectors : Tensor of shape (levels, codes, width)
    shares : Tensor of shape (levels, codes)
        Share of the rows that each vector stands for.
    sums : Tensor of shape (levels, codes, width)
        Mean over the rows of what a vector stands for, and 0 for other rows.
    """

    def __init__(self, levels: int, codes: int, width: int):
        super().__init__()
        self.vectors: Tensor
        self.shares: Tensor
        self.sums: Tensor
        self.register_buffer("vectors", torch.zeros(levels, codes, width))
        self.register_buffer("shares", torch.full((levels, codes), 1 / codes))
        self.register_buffer("sums", torch.zeros(levels, codes, width))

    def nearest(self, rows: Tensor, level: int) -> Tensor:
        """Number of the nearest vector of a level: (n, width) to (n,)."""
        vectors = self.vectors[level]
        return (vectors.square().sum(1) - 2 * rows @ vectors.T).argmin(1)

    def averages(self, rows: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Give share and mean of the rows that each vector stands for, of one batch."""
        one_hot = rows.new_zeros(len(rows), self.shares.shape[1]).scatter_(1, index[:, None], 1.0)
        return one_hot.mean(0), one_hot.T @ rows / len(rows)

    def settle(self, rows: Tensor, level: int) -> None:
        """Start a level by k-means on rows (n, width) (Lloyd, 1982)."""
        codes = self.shares.shape[1]
        order = torch.randperm(len(rows), device=rows.device)
        self.vectors[level] = rows[order[torch.arange(codes, device=rows.device) % len(rows)]]
        for _ in range(ROUNDS):
            share, total = self.averages(rows, self.nearest(rows, level))
            found = total / share.clamp(min=TINY)[:, None]
            self.vectors[level] = torch.where(share[:, None] > TINY, found, self.vectors[level])
        self.shares[level], self.sums[level] = self.averages(rows, self.nearest(rows, level))

    def learn(self, rows: Tensor, index: Tensor, level: int, decay: float, revive: float) -> None:
        """Bring the vectors of a level to the running mean of their rows; put those hardly used at a row each."""
        shares, sums, codes = self.shares[level], self.sums[level], self.shares.shape[1]
        share, total = self.averages(rows, index)
        shares.lerp_(share, 1 - decay)
        sums.lerp_(total, 1 - decay)
        found = torch.where(shares[:, None] > TINY, sums / shares.clamp(min=TINY)[:, None], self.vectors[level])
        if revive:
            dead = shares < revive / codes
            anew = rows[torch.randint(len(rows), (codes,), device=rows.device)]
            found = torch.where(dead[:, None], anew, found)
            shares.copy_(torch.where(dead, 1 / codes, shares))
            sums.copy_(torch.where(dead[:, None], anew / codes, sums))
        self.vectors[level].copy_(found)


class VectorQuantised(Objective):
    """Codes from a codebook: a row's code is the nearest of its vectors (van den Oord et al., 2017).

    The vectors follow the running mean of the codes that they stand for; they start by k-means on the codes of training
    rows, and one that is hardly used is put in place of a row's code. Gradients pass the choice as if it were not
    there. With several levels each quantises what the one before has left, and the code is the sum: `levels` integers
    stand for a row, one of `codes ** levels` codes.

    `transform` gives the vectors, `Autoencoder.code_indices` the integers, and `Autoencoder.from_indices` rows from
    them. With one level, `sample` draws vectors as often as training rows had them.

    Parameters
    ----------
    codes : int, default=512
        Vectors of each level, from 2 to 65,536.
    levels : int, default=1
        Codebooks, from 1 to 64.
    commitment : float, default=0.25
        Weight of the mean squared distance of the encoder's output from its vector.
    decay : float, default=0.95
        Of the running means, by step.
    revive : float, default=0.05
        A vector with less than this share of the use that it would have if all were used alike is put elsewhere; 0:
        never.

    Raises
    ------
    ParameterError
        At `fit`, if a parameter cannot be used.

    References
    ----------
    A. van den Oord, O. Vinyals, K. Kavukcuoglu, "Neural discrete representation learning", NeurIPS 2017. A. Razavi et
    al., "Generating diverse high-fidelity images with VQ-VAE-2", NeurIPS 2019. N. Zeghidour et al., "SoundStream: an
    end-to-end neural audio codec", 2021 (levels).

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> ae = Autoencoder(2, objective=VectorQuantised(codes=8), max_epochs=2, random_state=0).fit(X)
    >>> len(np.unique(ae.transform(X), axis=0)) <= 8
    True
    """

    def __init__(
        self,
        codes: int = 512,
        levels: int = 1,
        commitment: float = 0.25,
        decay: float = 0.95,
        revive: float = 0.05,
    ):
        self.codes = codes
        self.levels = levels
        self.commitment = commitment
        self.decay = decay
        self.revive = revive

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        for name, least, most in (("codes", 2, MOST_CODES), ("levels", 1, MOST_LEVELS)):
            value = getattr(self, name)
            if not (isinstance(value, Integral) and is_number(value, least, most)):
                raise refuse(self, name, f"a whole number from {least} to {most:,}")
        check_weight(self, "commitment")
        check_number(self, "decay", 0, 0.999999, "a number from 0 to less than 1")
        check_number(self, "revive", 0, 1, "a share from 0 to 1")

    learns_prior = True

    def make(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module | None:
        return Codebooks(int(self.levels), int(self.codes), latent_dim)

    def start(self, x: Tensor, mask: Tensor | None) -> None:
        left = self.coded(x, mask)
        for level in range(self.levels):
            self.own.settle(left, level)
            left = left - self.own.vectors[level][self.own.nearest(left, level)]

    @torch.no_grad()
    def _quantise(self, h: Tensor, learn: bool = False) -> tuple[Tensor, Tensor]:
        """Give vectors (n, width) and their numbers (n, levels)."""
        left, total, index = h, torch.zeros_like(h), []
        for level in range(self.levels):
            found = self.own.nearest(left, level)
            vectors = self.own.vectors[level][found]
            if learn:
                self.own.learn(left, found, level, float(self.decay), float(self.revive))
            left, total = left - vectors, total + vectors
            index.append(found)
        return total, torch.stack(index, 1)

    def code(self, h: Tensor) -> tuple[Tensor, Terms]:
        with torch.autocast(h.device.type, enabled=False):
            h = h.to(self.own.vectors.dtype)
            # What is measured must not change what measures.
            vectors, _ = self._quantise(h, learn=torch.is_grad_enabled() and self.own.training)
            commitment = self.commitment * (h - vectors).square().mean()
            return h + (vectors - h).detach(), {"commitment": commitment}

    def encode(self, h: Tensor) -> Tensor:
        return self._quantise(h)[0]

    def indices(self, h: Tensor) -> Tensor:
        """Numbers of the vectors that stand for what the encoder gave: (n, width) to (n, levels)."""
        return self._quantise(h)[1]

    def vectors(self, index: Tensor) -> Tensor:
        """Codes of which these are the numbers: (n, levels) to (n, width)."""
        total = torch.zeros_like(self.own.vectors[0][index[:, 0]])
        for level in range(self.levels):
            total = total + self.own.vectors[level][index[:, level]]
        return total

    def draw(self, n: int, generator: torch.Generator) -> Tensor | None:
        if self.levels > 1:
            # The levels of a row go together: their numbers cannot be drawn each by itself.
            return None
        index = torch.multinomial(self.own.shares[0].cpu().float(), n, replacement=True, generator=generator)
        return self.own.vectors[0].cpu()[index]
