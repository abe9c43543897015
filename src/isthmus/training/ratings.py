"""Ratings: their loss, the size of a code, and the singular vectors that a person has without a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from isthmus.data import Preparation, Raw
from isthmus.data.ratings import RatingsPreparation
from isthmus.data.raw import Csr
from isthmus.exceptions import ParameterError
from isthmus.networks import Members, Network, each_of
from isthmus.objectives import OF_RATINGS, Loss, Multinomial
from isthmus.packed import places, there
from isthmus.training.pca import PrincipalComponents

#: Size of the code that latent_dim="auto" means, and items for each unit of it where there are few.
SIZE, ITEMS_PER_UNIT = 200, 4
#: Rows from which the singular vectors are learnt, the rounds of the search for them, and spare directions.
MOST_ROWS, ROUNDS, SPARE = 200_000, 4, 16
#: Power of the popularity by which items are drawn for a sampled softmax.
FLATTER = 0.75
#: What is said of nothing but numbers, and what each must be.
OF_NUMBERS = {"output_activation": "linear", "tokenizer": "auto"}


def prepare(params: Mapping[str, Any], raw: Raw, train: np.ndarray | None) -> tuple[Loss, Preparation]:
    """Fit the preparation of ratings, and choose their loss: "auto" is the multinomial likelihood.

    Raises
    ------
    ParameterError
        If the loss is none of ratings, or another parameter is for numbers alone.
    DataError
        If there are no entries, or values below 0 that are to weigh them.
    """
    name = Multinomial.name if params["loss"] == "auto" else params["loss"]
    if name not in OF_RATINGS:
        raise ParameterError(
            f"loss={name!r} cannot be used with kind='ratings'; choose 'auto' or one of "
            f"{', '.join(map(repr, OF_RATINGS))}."
        )
    for other, only in OF_NUMBERS.items():
        if params[other] != only:
            raise ParameterError(
                f"{other}={params[other]!r} cannot be used with kind='ratings'; leave {other}={only!r}."
            )
    if not isinstance(params["network"], str):
        raise ParameterError(
            "network=(encoder, decoder) cannot be used with kind='ratings', whose rows are packed; choose one by name, "
            "such as 'dense(encoder=skip, decoder=linear)'."
        )
    preparation = RatingsPreparation(params["scaling"]).fit(raw if train is None else raw.take(train))
    if name == Multinomial.name:
        preparation.refuse_negative(raw)
    return OF_RATINGS[name](), preparation


def automatic_size(raw: Raw) -> int:
    """Size of the code that `latent_dim="auto"` means: 200, fewer for fewer than 800 items."""
    return max(2, min(SIZE, raw.item_shape[0] // ITEMS_PER_UNIT))


@dataclass
class RatingComponents(PrincipalComponents):
    """Leading right singular vectors of ratings: what a person has without a network (PureSVD, Cremonesi et al., 2010).

    Parameters
    ----------
    mean : Tensor of shape (n_items,)
        How often each item is taken; of values, their mean.
    components, variances, spectrum, total : Tensor
        As for numbers.
    centre : Tensor of shape (n_items,)
        What is taken off each entry: 0, or its item's mean value.
    """

    centre: Tensor

    def encode(self, x: Tensor) -> Tensor:
        """Scores of packed rows: (n, entries, 2) to (n, k)."""
        at = places(x)
        values = (x[..., 1] - self.centre.to(x)[at]) * there(x)
        return torch.nn.functional.embedding_bag(
            at, self.components.T.contiguous().to(x), per_sample_weights=values, mode="sum"
        )

    def decode(self, scores: Tensor) -> Tensor:
        """Values of all items from scores: (n, k) to (n, n_items)."""
        return scores @ self.components.to(scores) + self.centre.to(scores)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Project packed rows onto the components and back: (n, entries, 2) to (n, n_items)."""
        return self.decode(self.encode(x))

    def first(self, k: int) -> RatingComponents:
        """Keep the first `k` components."""
        return replace(self, components=self.components[:k].clone(), variances=self.variances[:k].clone())


def principal_components(raw: Raw, most: int, loss: Loss, seed: int) -> RatingComponents:
    """Find up to `most` right singular vectors, by subspace iteration on the sparse matrix.

    Halko, Martinsson and Tropp, "Finding structure with randomness" (2011).
    """
    matrix: Csr = raw.values
    if matrix.shape[0] > MOST_ROWS:
        matrix = matrix[np.sort(np.random.default_rng(seed).permutation(matrix.shape[0])[:MOST_ROWS])]
    n, n_items = matrix.shape
    counts = np.bincount(matrix.indices, minlength=n_items)
    if isinstance(loss, Multinomial):
        mean, centre = (counts / n).astype(np.float32), np.zeros(n_items, np.float32)
    else:
        sums = np.bincount(matrix.indices, weights=matrix.data, minlength=n_items)
        overall = sums.sum() / max(1, counts.sum())
        mean = np.where(counts > 0, sums / np.maximum(counts, 1), overall).astype(np.float32)
        centre = mean
        matrix = sparse.csr_matrix((matrix.data - mean[matrix.indices], matrix.indices, matrix.indptr), matrix.shape)
    most = max(1, min(most, n, n_items))
    basis = np.random.default_rng(seed).standard_normal((n_items, min(most + SPARE, n_items))).astype(np.float32)
    for _ in range(ROUNDS):
        basis = np.linalg.qr(matrix.T @ (matrix @ basis))[0]
    singular, right = np.linalg.svd(np.linalg.qr(matrix @ basis)[1], full_matrices=False)[1:]
    variances = torch.from_numpy((singular[:most] ** 2 / n).astype(np.float32))
    total = float(np.square(matrix.data, dtype=np.float64).sum()) / n
    components = torch.from_numpy(np.ascontiguousarray((right @ basis.T)[:most]))
    return RatingComponents(
        torch.from_numpy(mean), components, variances, variances, torch.tensor(total), torch.from_numpy(centre)
    )


@torch.no_grad()
def start_at_ratings(network: Network | Members, components: RatingComponents, loss: Loss) -> None:
    """Start the scores of items at how often they are taken, or their means; tell how likely each is drawn."""
    mean = components.mean
    rare = mean[mean > 0].min() / 2 if bool((mean > 0).any()) else mean.new_tensor(1.0)
    for member in each_of(network):
        decoder: Any = member.decoder
        seldom = mean.clamp(min=float(rare)).to(decoder.last.bias)
        decoder.last.bias.copy_(seldom.log() if isinstance(loss, Multinomial) else mean.to(seldom))
        if isinstance(loss, Multinomial):
            decoder.chance.copy_(seldom**FLATTER / (seldom**FLATTER).sum())
