"""Texts in, texts out: share of the bytes of unseen lines that come back right, beside PCA at the same code size.

    python benchmarks/text.py                 # all rows of the table
    python benchmarks/text.py "conv, 200"     # some of them

wiki-sentences (English, lower case, mean length 51 bytes, at most 158): 10,000 of the 11,000 lines to fit, 1,000 to
test, drawn with seed 0; each byte and the end of each line are compared with the original at their place, decoded
without looking at it. Everything that the name of a row does not say is left at its default. Seconds are those of the
processor, on one core.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from isthmus import Autoencoder
from isthmus.evaluation import compare

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "wiki-sentences" / "sentences.txt"
TRAIN = 10_000
#: By name: what is not left at its default, and the lines that are fitted.
CASES: dict[str, tuple[dict[str, Any], int]] = {
    "the defaults": ({}, TRAIN),
    "the defaults, 1,000 lines": ({}, 1000),
    "conv, 200": ({"latent_dim": 200}, TRAIN),
    "conv, 100": ({"latent_dim": 100}, TRAIN),
    "words, the defaults": ({"tokenizer": "words"}, TRAIN),
    "byte pairs, the defaults": ({"tokenizer": "bpe"}, TRAIN),
    "gru, 128, 1 epoch": ({"network": "gru", "latent_dim": 128, "max_epochs": 1}, TRAIN),
}


def lines() -> tuple[list[str], list[str]]:
    """Give the lines to fit and those to test."""
    every = DATA.read_text("utf-8").splitlines()
    order = np.random.default_rng(0).permutation(len(every))
    return [every[i] for i in order[:TRAIN]], [every[i] for i in order[TRAIN:]]


def figures(name: str) -> list[str]:
    """Fit one case, and give its row of the table."""
    given, n = CASES[name]
    train, test = lines()
    start = time.process_time()
    ae = Autoencoder(random_state=0, **given).fit(train[:n])
    seconds = time.process_time() - start
    found = compare(ae, test)
    shares = (found.ours, found.pca, found.commonest, found.whole)
    nats = float(np.mean(ae.reconstruction_error(test)))
    return [name, f"{ae.latent_dim_:,}", *(f"{share:.4f}" for share in shares), f"{nats:.4f}", f"{seconds:.0f}"]


def main(names: list[str]) -> None:
    """Print the table."""
    table = Table(title="1,000 unseen lines: tokens right, beside PCA and the commonest token at each place")
    columns = ("", "code", "Isthmus", "PCA", "commonest", "whole lines right", "nats a token", "fit, s")
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left")
    for name in names or CASES:
        row = figures(name)
        Console(stderr=True).print(*row)
        table.add_row(*row)
    Console(width=120).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
