"""How fast the GRU autoencoder trains beside a plain PyTorch loop over the same modules, and beside Keras.

    python benchmarks/recurrent.py [--rounds 3] [--rows 2048] [--time 50]

Equal work: 64 units a side, a code of 16, batches of 128, Adam, 10 epochs, one thread. What our fit does besides is
counted: a training loss after each epoch, the comparison with PCA, codes kept to sample from. Rounds are interleaved;
the figure is sequences per second of processor time, the median of the rounds. Keras (with its PyTorch
backend) is left out, and said to be, where it is not installed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from isthmus import Autoencoder
from isthmus.networks import FAMILIES, Layout

UNITS, CODE, BATCH, EPOCHS = 64, 16, 128, 10


def waves(rows: int, steps: int, channels: int = 8) -> np.ndarray:
    rng = np.random.default_rng(0)
    t = np.arange(steps)[None, :, None]
    rate, phase = rng.uniform(0.05, 0.4, (rows, 1, channels)), rng.uniform(0, 6, (rows, 1, channels))
    return (np.sin(rate * t + phase) + 0.1 * rng.normal(size=(rows, steps, channels))).astype(np.float32)


def ours(X: np.ndarray) -> Callable[[], None]:
    def train() -> None:
        Autoencoder(
            CODE, network="gru", hidden=(UNITS,), linear_path=False, max_epochs=EPOCHS, batch_size=BATCH, patience=None,
            validation_fraction=0, random_state=0,
        ).fit(X)  # fmt: skip

    return train


def plain(X: np.ndarray) -> Callable[[], None]:
    """Train the same modules as a person writes it: a data loader, Adam, the mean squared error."""

    def train() -> None:
        torch.manual_seed(0)
        layout = Layout(X.shape[1:], CODE, CODE, (UNITS,), zero_start=False)
        encoder, decoder = FAMILIES["gru"][2].build(layout)
        optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
        scaled = torch.from_numpy((X - X.mean((0, 1))) / X.std((0, 1)))
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(scaled), BATCH, shuffle=True)
        for _ in range(EPOCHS):
            for (x,) in loader:
                optimiser.zero_grad()
                (decoder(encoder(x)) - x).square().mean().backward()
                optimiser.step()

    return train


def keras(X: np.ndarray) -> Callable[[], None] | None:
    """Train the pair of Keras' own layers: GRU, dense, code, dense, repeated at each step, GRU, dense."""
    try:
        import keras
    except ImportError:
        return None
    scaled = (X - X.mean((0, 1))) / X.std((0, 1))

    def train() -> None:
        keras.utils.set_random_seed(0)
        layers = keras.layers
        model = keras.Sequential(
            [
                layers.Input(X.shape[1:]),
                layers.GRU(UNITS),
                layers.Dense(UNITS, "silu"),
                layers.Dense(CODE),
                layers.Dense(UNITS, "silu"),
                layers.RepeatVector(X.shape[1]),
                layers.GRU(UNITS, return_sequences=True),
                layers.TimeDistributed(layers.Dense(X.shape[2])),
            ]
        )
        model.compile("adam", "mse")
        model.fit(scaled, scaled, batch_size=BATCH, epochs=EPOCHS, verbose=0)

    return train


def measure(rows: int, steps: int, rounds: int) -> dict[str, float]:
    """Sequences per second of processor time, by who trains."""
    X = waves(rows, steps)
    trainers = {"Isthmus": ours(X), "plain PyTorch loop": plain(X), "Keras": keras(X)}
    found: dict[str, list[float]] = {name: [] for name, train in trainers.items() if train is not None}
    for _ in range(rounds):
        for name in found:
            train = trainers[name]
            assert train is not None
            start = time.process_time()
            train()
            found[name].append(EPOCHS * rows / (time.process_time() - start))
    return {name: statistics.median(values) for name, values in found.items()}


def table(found: dict[str, float], rows: int, steps: int) -> Table:
    shown = Table(title=f"GRU autoencoder, {rows:,} sequences of {steps} steps x 8 channels")
    for name in ("trained by", "sequences / CPU-second", "ours / theirs"):
        shown.add_column(name, justify="right" if name != "trained by" else "left")
    for name, value in found.items():
        shown.add_row(name, f"{value:,.0f}", f"{found['Isthmus'] / value:.2f}")
    if "Keras" not in found:
        shown.add_row("Keras", "not installed", "")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--time", type=int, default=50)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = measure(arguments.rows, arguments.time, arguments.rounds)
    Console().print(table(found, arguments.rows, arguments.time))


if __name__ == "__main__":
    main()
