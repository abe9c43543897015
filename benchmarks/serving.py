"""Serving: what `transform` of one row takes beyond a plain torch call of the same encoder, and rows a second in bulk.

    python benchmarks/serving.py

The plain call is `network.encode(torch.from_numpy(x)).numpy()` under inference_mode: it checks nothing and scales
nothing. Microseconds are medians of 7 rounds of 2,000 calls, the two in turn, on one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from isthmus import Autoencoder

ROUNDS, CALLS, BULK = 7, 2000, 50_000


def microseconds(call: Callable[[], object]) -> float:
    """Time of one call, over many."""
    start = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - start) / CALLS * 1e6


def measure(columns: int, **params) -> list[str]:
    """Figures of one model, as the cells of a row."""
    X = np.random.default_rng(0).normal(size=(BULK, columns)).astype(np.float32)
    ae = Autoencoder(4, max_epochs=1, random_state=0, **params).fit(X[:2000])
    row, encode = X[:1], ae.network_.encode

    def plain() -> object:
        with torch.inference_mode():
            return encode(torch.from_numpy(row)).numpy()

    found = np.array([[microseconds(plain), microseconds(lambda: ae.transform(row))] for _ in range(ROUNDS)])
    alone, ours = np.median(found, 0)
    start = time.perf_counter()
    ae.transform(X)
    bulk = BULK / (time.perf_counter() - start)
    beyond = np.median(found[:, 1] - found[:, 0])
    hidden = "-".join(map(str, (columns, *ae.chosen_["hidden"], 4)))
    path = "yes" if ae.chosen_["linear_path"] else "no"
    return [hidden, path, f"{alone:.0f}", f"{ours:.0f}", f"{beyond:.0f}", f"{bulk:,.0f}"]


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    table = Table(title="transform of one row, microseconds, and rows a second in bulk")
    for name in ("encoder", "linear path", "plain torch", "transform", "beyond it (bar: 100)", "rows/s in bulk"):
        table.add_column(name, justify="right")
    table.add_row(*measure(30, hidden=(16,), activation="relu", linear_path=False))
    table.add_row(*measure(30))
    table.add_row(*measure(784, hidden=(512, 64)))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
