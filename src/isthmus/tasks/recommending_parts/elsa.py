"""Low-rank linear autoencoder for many items: ELSA, whose weights A A^T - I are never written out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from isthmus.data.raw import Csr
from isthmus.parameters import AUTO, Check, either, number, whole, word
from isthmus.tasks.recommending_parts.base import Holdout, Model, Settings
from isthmus.tasks.recommending_parts.products import LargestProducts, largest_products
from isthmus.tasks.recommending_parts.ranking import blocks, mean_ndcg, top_k
from isthmus.training.threads import threads_for

#: Most items for which the softmax runs over all of them; above, over a sample.
FULL = 20_000
SAMPLE = 4096
#: Most steps between two looks at the users held out (an epoch, if shorter), and looks that end the fit where
#: none of them gains this share of the figure.
ROUND = 100
PATIENCE = 5
GAIN = 0.003
#: Steps whose codes are averaged: so a large rate, which gets there soon, does not end in noise.
AVERAGED = 50
#: Values of scores of held-out users at one look, at most.
LOOK = 2**27
#: Rows of A that are summed at once, so that no sum depends on the number of threads.
CHUNK = 1024


class _SparseProduct(torch.autograd.Function):
    """Sparse rows times a dense matrix, by SciPy: on one thread, so that it is the same on any number."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, rows: Csr) -> Tensor:  # type: ignore[override]
        ctx.rows = rows
        return torch.from_numpy(rows @ matrix.detach().numpy())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return torch.from_numpy(ctx.rows.T @ gradient.contiguous().numpy()), None


def cosine_loss(A: Tensor, rows: Csr) -> Tensor:
    """Mean of |x / |x| - y / |y||^2 with y = x A A^T - x, without a dense y.

    Both x . y and |y|^2 are quadratic forms of the code z = x A: |z|^2 - |x|^2 and z A^T A z - 2 |z|^2 + |x|^2.
    """
    z = _SparseProduct.apply(A, rows)
    assert isinstance(z, Tensor)
    squares = torch.from_numpy(np.asarray(rows.multiply(rows).sum(1), np.float32).ravel())
    chunks = functional.pad(A, (0, 0, 0, -len(A) % CHUNK)).reshape(-1, CHUNK, A.shape[1])
    own = (chunks.mT @ chunks).sum(0)
    energy = (z * z).sum(1)
    long = ((z @ own) * z).sum(1) - 2 * energy + squares
    return (2 - 2 * (energy - squares) / (squares * long.clamp(min=1e-6)).sqrt()).mean()


def softmax_loss(A: Tensor, scale: Tensor, rows: Csr, sample: tuple[np.ndarray, np.ndarray] | None = None) -> Tensor:
    """Mean over users of -x . log softmax(scale * (x A A^T - x)), the multinomial likelihood.

    Parameters
    ----------
    A : Tensor of shape (n_items, d)
    scale : Tensor of shape (1, 1)
    rows : csr_matrix of shape (m, n_items)
    sample : (items, expected counts), optional
        Items drawn for the normaliser, and how often each was to be expected (log-q correction). A user's own items
        are always in it.
    """
    z = _SparseProduct.apply(A, rows)
    assert isinstance(z, Tensor)
    # One factor a row: its gradient is then summed in an order that does not depend on threads.
    z = z * scale.expand(len(z), 1)
    weights = scale.expand(len(z), 1)
    if sample is None:
        x = torch.from_numpy(rows.toarray())
        return -(x * torch.log_softmax(z @ A.T - weights * x, 1)).sum(1).mean()
    items, expected = sample
    users = torch.from_numpy(np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr)))
    values = torch.from_numpy(rows.data)
    taken = torch.from_numpy(rows.indices.astype(np.int64))
    own = (z[users] * A[taken]).sum(1) - weights[users, 0] * values
    drawn = z @ A[torch.from_numpy(items)].T - torch.from_numpy(np.log(expected).astype(np.float32))
    drawn = drawn.masked_fill(torch.from_numpy(rows[:, items].toarray() > 0), -math.inf)
    # Sums over a user's items, as a product with the pattern of the rows.
    top = torch.maximum(drawn.detach().amax(1), torch.zeros(len(z)).scatter_reduce(0, users, own.detach(), "amax"))
    total = torch.exp(drawn - top[:, None]).sum(1).index_add(0, users, torch.exp(own - top[users]))
    return (torch.zeros(len(z)).index_add(0, users, values * (top + total.log())[users] - values * own)).mean()


class ELSA(Model):
    """Scores x A A^T - x with rows of A of unit norm: an item-item model of rank d, by gradient descent.

    Parameters
    ----------
    dim : int or "auto", default="auto"
        Size of the code; "auto" is 64, or half the items where these are fewer.
    loss : "cosine" or "softmax", default="cosine"
        Squared error between normalised rows, or multinomial likelihood (above 20,000 items over a sample).
    max_epochs : int, default=100
        It ends earlier where held-out users gain next to nothing more.
    learning_rate : float, default=0.1

    References
    ----------
    Vancura, Alves, Kasalicky, Kordik, "Scalable Linear Shallow Autoencoder for Collaborative Filtering", RecSys 2022.
    Bengio, Senecal, "Adaptive Importance Sampling to Accelerate Training of a Neural Probabilistic Language Model",
    IEEE TNN, 2008: the sampled normaliser.
    """

    name = "elsa"
    PARAMETERS: ClassVar[Mapping[str, tuple[Check, str]]] = {
        "dim": (either(whole(1), AUTO), "a whole number from 1 on, or 'auto'"),
        "loss": (word("cosine", "softmax"), "'cosine' or 'softmax'"),
        "max_epochs": (whole(1), "a whole number from 1 on"),
        "learning_rate": (number(0, open_left=True), "a number above 0"),
    }

    def __init__(
        self, dim: int | str = "auto", loss: str = "cosine", max_epochs: int = 100, learning_rate: float = 0.1
    ) -> None:
        self.dim = dim
        self.loss = loss
        self.max_epochs = max_epochs
        self.learning_rate = learning_rate
        #: Steps to take, where it is known how many were best.
        self._steps: int | None = None
        #: The items' codes, and what finds their largest products, made when first asked for.
        self._largest: tuple[np.ndarray, LargestProducts | None] | None = None

    def fit(self, interactions: Csr, holdout: Holdout | None, settings: Settings) -> Self:
        """Learn the codes of items; the best of all looks at the users held out is kept."""
        n_items = interactions.shape[1]
        asked = settings.latent_dim if self.dim == "auto" else self.dim
        dim = asked if not isinstance(asked, str) else min(64, max(1, n_items // 2))
        self._chosen = {"dim": int(dim)}
        rng = np.random.default_rng(settings.seed)
        raw = torch.from_numpy(rng.standard_normal((n_items, int(dim)), dtype=np.float32)).requires_grad_()
        log_scale = torch.zeros(1, 1, requires_grad=True)
        optimiser = torch.optim.Adam([raw, log_scale], lr=self.learning_rate, fused=True)
        size = self._batch_size(interactions)
        work = len(raw) * int(dim) * (int(dim) if self.loss == "cosine" else min(size, 2 * SAMPLE))
        with threads_for(work):
            self._chosen["steps"] = self._descend(interactions, holdout, rng, raw, log_scale, optimiser, size)
        return self

    def _descend(
        self,
        interactions: Csr,
        holdout: Holdout | None,
        rng: np.random.Generator,
        raw: Tensor,
        log_scale: Tensor,
        optimiser: torch.optim.Optimizer,
        size: int,
    ) -> int:
        """Take the steps; what was best on the users held out is kept, and after how many steps that was is given."""
        n_items, step = len(raw), 0
        best, least, waited, kept, kept_at = -1.0, -1.0, 0, None, 0
        there = np.flatnonzero(np.diff(interactions.indptr))
        epoch = -(-len(there) // size)
        most = self.max_epochs * epoch if self._steps is None else self._steps
        looks = min(ROUND, epoch)
        counts = np.bincount(interactions.indices, minlength=n_items) + 1.0
        mean = raw.detach().clone()
        for step, rows in enumerate(islice(_batches(interactions, there, size, rng), most), start=1):
            A = functional.normalize(raw, dim=1)
            if self.loss == "cosine":
                loss = cosine_loss(A, rows)
            else:
                loss = softmax_loss(A, log_scale.exp(), rows, _drawn(counts, rng) if n_items > FULL else None)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            mean.lerp_(raw.detach(), 1 / min(step, AVERAGED))
            if holdout is None or step % looks:
                continue
            now = _normal(mean)
            self.items_ = now
            figure = self._figure(holdout)
            if figure > best:
                best, kept, kept_at = figure, now, step
            waited = 0 if figure > least else waited + 1
            if not waited:
                least = figure + max(1e-5, GAIN * figure)
            elif waited >= PATIENCE:
                break
        self.items_ = _normal(mean) if kept is None else kept
        return kept_at or step

    def _batch_size(self, interactions: Csr) -> int:
        """Users of one step: at least four steps an epoch."""
        n = interactions.shape[0]
        return max(1, min(1024 if interactions.shape[1] <= FULL else 4096, n // 4))

    def _figure(self, holdout: Holdout) -> float:
        """NDCG@100 on the users held out, or the first of them."""
        n = max(1, LOOK // holdout.history.shape[1])
        return mean_ndcg(self.scores, holdout.history[:n], holdout.targets[:n])

    def scores(self, history: Csr) -> np.ndarray:
        """Score all items for each history."""
        return self._score(history, np.empty((history.shape[0], len(self.items_)), np.float32))

    def _score(self, history: Csr, out: np.ndarray) -> np.ndarray:
        np.matmul(self.codes(history), self.items_.T, out=out)
        rows = np.repeat(np.arange(history.shape[0]), np.diff(history.indptr))
        out[rows, history.indices] -= history.data
        return out

    def top(self, history: Csr, k: int, hidden: Csr | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Best k items of each history; scores of some users at a time, never of all."""
        if self._largest is None or self._largest[0] is not self.items_:
            self._largest = self.items_, largest_products(self.items_)
        fast = self._largest[1]
        # What a user took counts less by its value, but then it is not to be given.
        if fast is not None and hidden is not None and history.multiply(hidden != 0).nnz == history.nnz:
            return fast(self.codes(history), k, hidden)
        # One block of memory for all: fresh pages for each would cost as much as the product.
        spans = blocks(history)
        room = np.empty((spans[0].stop, len(self.items_)), np.float32)
        found = []
        for rows in spans:
            shown = history[rows]
            scores = self._score(shown, room[: shown.shape[0]])
            found.append(top_k(scores, k, None if hidden is None else hidden[rows]))
        items, scores = zip(*found, strict=True)
        return np.concatenate(items), np.concatenate(scores)

    def codes(self, history: Csr) -> np.ndarray:
        """Sum of the codes of what each user took: float32 (m, dim)."""
        return np.asarray(history @ self.items_, np.float32)

    def similar(self, items: np.ndarray) -> np.ndarray:
        """Cosine of the codes of items."""
        return self.items_[np.asarray(items)] @ self.items_.T

    def contributions(self, history: Csr, item: int) -> np.ndarray:
        """How much the score of an item falls without each entry of one history."""
        return history.data * (self.items_[history.indices] @ self.items_[item] - (history.indices == item))

    @property
    def chosen(self) -> dict[str, Any]:
        """What was chosen in place of "auto"."""
        return dict(self._chosen)

    def settled(self) -> ELSA:
        """Give a model that is not fitted: of the same size, to take as many steps as were best."""
        model = ELSA(self._chosen["dim"], self.loss, self.max_epochs, self.learning_rate)
        model._steps = self._chosen["steps"]
        return model

    def learnt(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Give what was learnt as JSON values and as arrays."""
        return {"chosen": self.chosen}, {"items": self.items_}

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """Take back what `learnt` gave."""
        self._chosen, self.items_ = dict(values["chosen"]), arrays["items"]
        return self


def _batches(interactions: Csr, users: np.ndarray, size: int, rng: np.random.Generator) -> Iterator[Csr]:
    """Some users in random order, epoch by epoch, without end."""
    while True:
        order = rng.permutation(users)
        for start in range(0, len(order), size):
            yield interactions[order[start : start + size]]


def _normal(raw: Tensor) -> np.ndarray:
    return functional.normalize(raw.detach(), dim=1).numpy()


def _drawn(counts: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Items drawn by the root of their counts, each once, and how often each was to be drawn."""
    chance = np.sqrt(counts)
    edges = np.cumsum(chance / chance.sum())
    items = np.searchsorted(edges, rng.random(SAMPLE)).clip(max=len(counts) - 1)
    drawn, times = np.unique(items, return_counts=True)
    return drawn, SAMPLE * (chance / chance.sum())[drawn] / times
