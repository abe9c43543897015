"""Rows of tokens: their preparation and loss, the size of a code, and the principal components of their indicators."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from isthmus.data import Preparation, Raw, Rows, TokenPreparation, preparation_for
from isthmus.exceptions import ParameterError
from isthmus.objectives import Loss, Tokens
from isthmus.training.pca import PrincipalComponents
from isthmus.training.split import evenly

#: Units of the code for each token of the longest row, for ids of so many bits; and the largest code of all.
UNITS, BITS, LARGEST = 2.0, 8.0, 2048
#: Rows and indicators, the most frequent ones, from which principal components are learnt.
MOST_ROWS, MOST_INDICATORS = 4096, 10_000
#: Times that the subspace is turned towards the components, and the directions that it has to spare.
TURNS, SPARE = 4, 16
#: Parameters that say something of numbers, and what each must be.
OF_NUMBERS = {"loss": "auto", "scaling": "auto", "output_activation": "linear"}


def prepare(params: Mapping[str, Any], raw: Raw, train: np.ndarray | None) -> tuple[Loss, TokenPreparation]:
    """Fit the preparation of rows of tokens to those that may be learnt from, with room for all; give the loss.

    Raises
    ------
    ParameterError
        If a parameter asks for what only numbers have.
    """
    for name, only in OF_NUMBERS.items():
        if params[name] != only:
            raise ParameterError(
                f"{name}={params[name]!r} cannot be used with kind={raw.kind!r}, whose values are tokens, not numbers; "
                f"leave {name}={only!r}."
            )
    preparation = preparation_for(raw, params["scaling"], params["tokenizer"])
    assert isinstance(preparation, TokenPreparation)
    # Messages name rows of all that was given, so that all of it is checked first.
    preparation.refuse_infinite(raw)
    preparation.fit(raw if train is None else raw.take(train)).make_room(raw)
    return Tokens(preparation.vocabulary_, preparation.lossless_), preparation


def automatic_size(preparation: Preparation) -> int:
    """Size of the code that `latent_dim="auto"` means: 2 units for each byte of the longest row, more for words."""
    bits = math.log2(preparation.vocabulary_)
    return min(LARGEST, math.ceil(preparation.shape_[0] * UNITS * max(1.0, round(bits) / BITS)))


@dataclass
class TokenComponents(PrincipalComponents):
    """Principal component analysis of rows of tokens, as indicators of which token stands at which place.

    It is what a person has without a network: each place is decoded to the token whose indicator comes out largest.

    Parameters
    ----------
    mean, components, variances, spectrum, total : Tensor
        As for numbers, of the m most frequent indicators.
    places, ids : int Tensor of shape (m,)
        Place and id of each indicator.
    """

    places: Tensor
    ids: Tensor

    def _indicators(self, x: Tensor) -> Tensor:
        return (x[:, self.places.to(x.device)] == self.ids.to(x)).to(torch.float32)

    def encode(self, x: Tensor) -> Tensor:
        """Scores of each row: (n, time) to (n, k)."""
        return (self._indicators(x) - self.mean.to(x.device)) @ self.components.to(x.device).T

    def decode(self, scores: Tensor) -> Tensor:
        """Rows of ids from their scores: (n, k) to (n, last place + 1)."""
        indicators = scores @ self.components.to(scores) + self.mean.to(scores)
        places, ids = self.places.to(scores.device), self.ids.to(scores)
        time = int(self.places.max()) + 1
        best = torch.full((len(scores), time), -torch.inf, dtype=scores.dtype, device=scores.device)
        at = places.expand_as(indicators)
        best = best.scatter_reduce(1, at, indicators, "amax")
        chosen = torch.where(indicators == best.gather(1, at), ids, 0)
        return torch.zeros_like(best).scatter_reduce(1, at, chosen, "amax")

    def reconstruct(self, x: Tensor) -> Tensor:
        """Project rows onto the components and back: (n, time) to (n, time)."""
        found = self.decode(self.encode(x)).to(x)
        return torch.nn.functional.pad(found, (0, x.shape[1] - found.shape[1]))

    def frequencies(self, vocabulary: int) -> Tensor:
        """How often each id comes in a row, on average: (vocabulary,)."""
        return torch.zeros(vocabulary, dtype=self.mean.dtype).index_add(0, self.ids.long(), self.mean)

    def first(self, k: int) -> TokenComponents:
        """Keep the first `k` components."""
        return replace(self, components=self.components[:k].clone(), variances=self.variances[:k].clone())


def principal_components(rows: Rows, most: int, seed: int) -> TokenComponents:
    """Find up to `most` principal components of the indicators, by subspace iteration on the sparse matrix.

    Halko, Martinsson and Tropp, "Finding structure with randomness" (2011).
    """
    x = rows.take(evenly(len(rows), MOST_ROWS)).x.cpu().long()
    at, places = x.nonzero(as_tuple=True)
    flat = places * (int(x.max()) + 1) + x[at, places]
    values, which, counts = torch.unique(flat, return_inverse=True, return_counts=True)
    kept = counts.argsort(descending=True, stable=True)[:MOST_INDICATORS].sort().values
    number = torch.full((len(values),), -1).scatter_(0, kept, torch.arange(len(kept)))[which]
    there = number >= 0
    matrix = sparse.csr_matrix(
        (np.ones(int(there.sum()), np.float32), (at[there].numpy(), number[there].numpy())), shape=(len(x), len(kept))
    )
    mean = np.asarray(matrix.mean(0)).ravel().astype(np.float32)
    most = max(1, min(most, len(x), len(kept)))
    width = min(most + SPARE, len(kept))
    basis = np.random.default_rng(seed).standard_normal((len(kept), width)).astype(np.float32)
    for _ in range(TURNS):
        scores = matrix @ basis - mean @ basis
        basis = np.linalg.qr(matrix.T @ scores - np.outer(mean, scores.sum(0)))[0]
    scores = matrix @ basis - mean @ basis
    singular, right = np.linalg.svd(np.linalg.qr(scores)[1], full_matrices=False)[1:]
    components = (right @ basis.T)[:most]
    variances = torch.from_numpy(singular[:most] ** 2 / len(x))
    ids = values[kept] % (int(x.max()) + 1)
    return TokenComponents(
        torch.from_numpy(mean),
        torch.from_numpy(np.ascontiguousarray(components)),
        variances,
        variances,
        torch.tensor(float((mean * (1 - mean)).sum())),
        torch.div(values[kept], int(x.max()) + 1, rounding_mode="floor"),
        ids,
    )
