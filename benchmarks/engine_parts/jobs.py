"""What a contender is asked to do: the networks, the rows, and the watch that reads the held-out loss."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

BATCH, RATE = 256, 1e-3
#: Set before torch, jax or numpy is imported: every contender computes on one thread. NPROC is jax's.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NPROC": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}


@dataclass(frozen=True)
class Network:
    """A dense autoencoder; the decoder mirrors the encoder."""

    columns: int
    hidden: tuple[int, ...]
    code: int
    rows: int = 0
    epochs: int = 1

    @property
    def encoder(self) -> tuple[int, ...]:
        return (*self.hidden, self.code)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Widths of all layers, the row's own first and last."""
        return (self.columns, *self.encoder, *reversed(self.hidden), self.columns)

    @property
    def name(self) -> str:
        return "-".join(map(str, self.sizes))


#: Epochs: such that a whole fit takes some seconds on one core.
NETWORKS = (
    Network(30, (16,), 4, rows=100_000, epochs=20),
    Network(784, (), 64, rows=60_000, epochs=10),
    Network(784, (512,), 64, rows=60_000, epochs=2),
)


def made_up(rows: int, columns: int, seed: int = 0, rank: int | None = None) -> np.ndarray:
    """Rows of low rank bent by a tanh, plus noise; mean 0 and variance 1 by column, float32."""
    random = np.random.default_rng(seed)
    rank = rank or max(2, min(columns // 4, 64))
    factors = random.standard_normal((rows, rank), dtype=np.float32)
    X = np.tanh(factors @ random.standard_normal((rank, columns), dtype=np.float32) / np.float32(rank**0.5))
    X += 0.1 * random.standard_normal((rows, columns), dtype=np.float32)
    return np.ascontiguousarray((X - X.mean(0)) / X.std(0), dtype=np.float32)


class Reached(Exception):
    """Ends a fit from within, where a library has no other way to stop."""


@dataclass
class Watch:
    """Is told the held-out loss after each epoch, and notes when."""

    held: np.ndarray
    target: float
    curve: list[tuple[float, float, float]] = field(default_factory=list)

    def begin(self) -> None:
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def __call__(self, loss: float) -> bool:
        """Note a loss with the seconds so far; True where it is small enough."""
        self.curve.append((float(loss), time.process_time() - self.cpu, time.perf_counter() - self.wall))
        return float(loss) <= self.target


@dataclass
class Job:
    """One whole fit, to be done again and again."""

    network: Network
    X: np.ndarray
    epochs: int
    watch: Watch | None = None

    @property
    def steps(self) -> int:
        return -(-len(self.X) // BATCH) * self.epochs

    @property
    def rows(self) -> int:
        """Rows that pass through the network in training."""
        return len(self.X) * self.epochs


def job_from(message: dict[str, Any]) -> Job:
    """The job that a message describes; its rows are read from files."""
    X = np.load(message["train"])
    network = Network(X.shape[1], tuple(message["hidden"]), message["code"])
    watch = Watch(np.load(message["held"]), message["target"]) if "held" in message else None
    return Job(network, X, message["epochs"], watch)


def one_thread() -> dict[str, str]:
    """The environment of a contender's process."""
    return {**os.environ, **ONE_THREAD}


def standardised(X: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """80 % of the rows to train on and 20 % held out, scaled by the former; constant columns are left out."""
    order = np.random.default_rng(seed).permutation(len(X))
    train, held = np.split(np.asarray(X, np.float64)[order], [int(0.8 * len(X))])
    varies = np.ptp(train, axis=0) > 0
    train, held = train[:, varies], held[:, varies]
    mean, scale = train.mean(0), train.std(0)
    return ((train - mean) / scale).astype(np.float32), ((held - mean) / scale).astype(np.float32)


def save_rows(folder: Path, name: str, X: np.ndarray) -> str:
    """Write rows for the contenders to read; gives the file's name."""
    path = folder / f"{name}.npy"
    if not path.exists():
        np.save(path, X)
    return str(path)


def median(values: Sequence[float]) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def finite(figures: Any) -> Any:
    """The same with null for what is not finite (a loss never reached), as JSON has it."""
    if isinstance(figures, dict):
        return {name: finite(value) for name, value in figures.items()}
    if isinstance(figures, list | tuple):
        return [finite(value) for value in figures]
    return None if isinstance(figures, float) and not math.isfinite(figures) else figures
