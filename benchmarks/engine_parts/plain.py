"""What there is without Isthmus or its peers: the products alone, two plain PyTorch loops, scikit-learn's MLP.

Each takes a job, does one whole fit, and gives the number of rows that passed through training.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from engine_parts.jobs import BATCH, RATE, Job
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

# Matrix products alone -----------------------------------------------------------------------------------------------


class Products:
    """The products of a step and nothing else, into buffers that are there already.

    Every layer reads and writes its own buffers, which lie in the cache: no rows are fetched, nothing is added up.
    """

    def __init__(
        self, sizes: Sequence[int], batch: int = BATCH, dtype: torch.dtype = torch.float32, device: str = "cpu"
    ):
        generator = torch.Generator().manual_seed(0)

        def numbers(*shape: int) -> Tensor:
            return (torch.randn(*shape, generator=generator) / shape[-1] ** 0.5).to(device, dtype)

        pairs = list(pairwise(sizes))
        self.weights = [numbers(b, a) for a, b in pairs]
        self.gradients = [torch.empty_like(weight) for weight in self.weights]
        self.values = [numbers(batch, width) for width in sizes]
        self.errors = [numbers(batch, width) for width in sizes]

    def step(self) -> None:
        """Forward, then the weights' and the inputs' gradients; the first layer's inputs need none."""
        weights, values, errors = self.weights, self.values, self.errors
        for i, weight in enumerate(weights):
            torch.mm(values[i], weight.t(), out=values[i + 1])
        for i in range(len(weights) - 1, -1, -1):
            torch.mm(errors[i + 1].t(), values[i], out=self.gradients[i])
            if i:
                torch.mm(errors[i + 1], weights[i], out=errors[i])


def products(job: Job) -> int:
    """As many steps as a fit takes; the last batch of an epoch is a whole one here."""
    work = Products(job.network.sizes)
    for _ in range(job.steps):
        work.step()
    return job.steps * BATCH


# Plain PyTorch -------------------------------------------------------------------------------------------------------


def dense(sizes: tuple[int, ...], code: int) -> nn.Sequential:
    """Linear layers with ReLU between them, none after the code and none at the end."""
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(pairwise(sizes), start=1):
        layers.append(nn.Linear(a, b))
        if i not in (code, len(sizes) - 1):
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def network_of(job: Job) -> nn.Sequential:
    torch.manual_seed(0)
    return dense(job.network.sizes, len(job.network.encoder))


def plain(job: Job) -> int:
    """Resident rows, batches by index, autograd, the fused Adam."""
    X = torch.from_numpy(job.X)
    return _loop(job, True, lambda: (X[index] for index in torch.randperm(len(X)).split(BATCH)))


def loader(job: Job) -> int:
    """What a first PyTorch programme does: a DataLoader over a TensorDataset, and Adam as it comes."""
    batches = DataLoader(TensorDataset(torch.from_numpy(job.X)), batch_size=BATCH, shuffle=True)
    return _loop(job, None, lambda: (x for (x,) in batches))


def _loop(job: Job, fused: bool | None, batches: Any) -> int:
    network = network_of(job)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=fused)
    for _ in range(job.epochs):
        _epoch(network, optimizer, batches())
        if job.watch is not None and job.watch(held_loss(network, job.watch.held)):
            break
    return job.rows


def _epoch(network: nn.Module, optimizer: torch.optim.Optimizer, batches: Iterable[Tensor]) -> None:
    for x in batches:
        optimizer.zero_grad()
        nn.functional.mse_loss(network(x), x).backward()
        optimizer.step()


@torch.no_grad()
def held_loss(network: nn.Module, held: np.ndarray) -> float:
    """Mean squared error of the held-out rows."""
    x = torch.from_numpy(held)
    return float(sum(((network(part) - part) ** 2).sum() for part in x.split(1024)) / x.numel())


# scikit-learn --------------------------------------------------------------------------------------------------------


def mlp(job: Job) -> int:
    """scikit-learn's MLPRegressor from the rows to themselves; its code has a ReLU, as all its hidden layers."""
    model = MLPRegressor(
        hidden_layer_sizes=job.network.sizes[1:-1],
        solver="adam",
        alpha=0.0,
        batch_size=min(BATCH, len(job.X)),
        learning_rate_init=RATE,
        max_iter=job.epochs,
        shuffle=True,
        random_state=0,
        tol=0.0,
        early_stopping=False,
        n_iter_no_change=10**9,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        if job.watch is None:
            model.fit(job.X, job.X)
            return job.rows
        for _ in range(job.epochs):
            # Its way to look in after each epoch: one pass, then another.
            model.partial_fit(job.X, job.X)
            if job.watch(float(((model.predict(job.watch.held) - job.watch.held) ** 2).mean())):
                break
    return job.rows
