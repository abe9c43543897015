"""The five networks, the rows that they are fitted to, and the sizes of a fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from engine_parts.jobs import NETWORKS, Network, made_up

from isthmus import Autoencoder, Objective
from isthmus.objectives import Variational

RATE = 1e-3
#: The same for all five: no preparation, nothing held out, a plain AdamW; only what is measured differs.
COMMON: dict[str, Any] = {
    "loss": "mse",
    "scaling": "none",
    "learning_rate": RATE,
    "weight_decay": 0.0,
    "patience": None,
    "validation_fraction": 0.0,
    "random_state": 0,
}


@dataclass(frozen=True)
class Case:
    """A network and its rows.

    Parameters
    ----------
    family : str
        "dense", "conv" or "gru": the bounds go by it.
    shape : tuple of int
        Of one row as a person brings it.
    latent : int
    params : dict
        Of `Autoencoder`, beside those that all have in common.
    made : callable
        Makes rows from their number.
    network : Network, optional
        Sizes of a dense one.
    check : tuple of int
        Rows, epochs and batch of the fits that are compared with float64 on the CPU.
    fits : dict of int to (rows, epochs)
        The fits that are timed, by their batch.
    """

    name: str
    family: str
    shape: tuple[int, ...]
    latent: int
    params: dict[str, Any]
    made: Callable[[int], np.ndarray]
    check: tuple[int, int, int]
    fits: dict[int, tuple[int, int]]
    network: Network | None = None

    def estimator(self, **params: Any) -> Autoencoder:
        """An autoencoder of this network, not fitted."""
        return Autoencoder(self.latent, **{**COMMON, **self.params, **params})

    @property
    def rate(self) -> float:
        """Learning rate of all contenders."""
        return self.params.get("learning_rate", RATE)

    def objective(self) -> Objective:
        """Its objective, begun as a fit begins it."""
        objective = Variational() if "objective" in self.params else Objective()
        objective.begin(self.shape, self.latent)
        return objective

    def rows(self, n: int) -> np.ndarray:
        """Rows as a person brings them, mean 0 and variance 1, float32."""
        return _rows(self.made, n)

    def prepared(self, X: np.ndarray) -> np.ndarray:
        """The rows as the network takes them: pictures with their channels first."""
        return np.ascontiguousarray(np.moveaxis(X, -1, 1)) if self.family == "conv" else X


@lru_cache(maxsize=2)
def _rows(made: Callable[[int], np.ndarray], n: int) -> np.ndarray:
    X = made(n)
    return np.ascontiguousarray((X - X.mean()) / X.std(), dtype=np.float32)


@dataclass(frozen=True)
class Setting:
    """One table of the throughput: a network at a batch."""

    case: Case
    batch: int
    rows: int
    epochs: int


def dense(network: Network, check: tuple[int, int, int], fits: dict[int, tuple[int, int]]) -> Case:
    """A dense case of the sizes that benchmarks/engine.py has."""

    def made(n: int) -> np.ndarray:
        return made_up(n, network.columns)

    params = {"hidden": network.hidden, "activation": "relu", "linear_path": False}
    return Case(network.name, "dense", (network.columns,), network.code, params, made, check, fits, network)


def conv(side: int, latent: int, check: tuple[int, int, int], fits: dict[int, tuple[int, int]]) -> Case:
    """A variational autoencoder of colour pictures; all else of the network is at its default."""

    def made(n: int) -> np.ndarray:
        """Smooth pictures: coarse ones enlarged, with some noise."""
        generator = torch.Generator().manual_seed(0)
        coarse = torch.randn(n, 3, 4, 4, generator=generator)
        pictures = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear")
        pictures += 0.1 * torch.randn(pictures.shape, generator=generator)
        return pictures.movedim(1, -1).contiguous().numpy()

    # A lower rate than the others': at 1e-3 so few steps are a chaos, and ends of two fits cannot be compared.
    params = {"kind": "image", "network": "conv", "objective": Variational(), "learning_rate": 1e-4}
    return Case(f"conv VAE, {side} x {side} x 3", "conv", (side, side, 3), latent, params, made, check, fits)


def gru(units: int, time: int, check: tuple[int, int, int], fits: dict[int, tuple[int, int]]) -> Case:
    """A recurrent autoencoder of sequences."""
    channels = 8

    def made(n: int) -> np.ndarray:
        """Two waves a channel, of their own pace and phase, with some noise."""
        random = np.random.default_rng(0)
        steps = np.arange(time, dtype=np.float32)[None, :, None]
        X = 0.1 * random.standard_normal((n, time, channels), dtype=np.float32)
        for _ in range(2):
            pace = random.uniform(0.05, 0.5, (n, 1, channels)).astype(np.float32)
            X += np.sin(pace * steps + random.uniform(0, 6.28, (n, 1, channels)).astype(np.float32))
        return X

    params = {"kind": "sequence", "network": "gru", "hidden": (units,)}
    name = f"GRU {units}, {time} steps x {channels}"
    return Case(name, "gru", (time, channels), 32 if units >= 64 else 4, params, made, check, fits)


@dataclass(frozen=True)
class Sizes:
    """All cases at the sizes of one kind of device; `square` is the side of the matrices whose rate is the limit."""

    cases: Sequence[Case]
    square: int

    def settings(self, cases: Sequence[Case], quick: bool, batches: Sequence[int] | None) -> list[Setting]:
        """The tables: each case at each of its batches."""
        return [
            Setting(case, batch, rows, max(1, epochs // 4) if quick else epochs)
            for case in cases
            for batch, (rows, epochs) in case.fits.items()
            if batches is None or batch in batches
        ]


#: Rows of the large batches are more, so that an epoch is not over after a few steps.
FULL = Sizes(
    cases=(
        # Rows of the checks are no multiple of the batch: the batches of an epoch are then of two sizes.
        dense(
            NETWORKS[0],
            check=(4100, 5, 256),
            fits={256: (100_000, 20), 4096: (524_288, 20), 16_384: (524_288, 20)},
        ),
        *(
            dense(
                network,
                check=(4100, 5, 256),
                fits={256: (60_000, 10), 4096: (131_072, 20), 16_384: (131_072, 20)},
            )
            for network in NETWORKS[1:]
        ),
        # Few rows and small batches where float64 on the CPU is slow.
        conv(64, 32, check=(380, 3, 32), fits={256: (4096, 20)}),
        gru(512, 64, check=(256, 3, 64), fits={256: (4096, 8)}),
    ),
    square=8192,
)
#: For the CPU, where only the script is tried out.
TINY = Sizes(
    cases=(
        *(dense(network, check=(500, 2, 64), fits={64: (512, 4), 256: (1024, 4)}) for network in NETWORKS),
        conv(16, 16, check=(250, 3, 16), fits={64: (128, 4)}),
        gru(16, 8, check=(64, 2, 16), fits={64: (128, 4)}),
    ),
    square=256,
)
