"""Wide sparse codes: `Sparse("topk")` beside a plain TopK loop and sae-lens, at equal k, width, batches and steps.

    python benchmarks/wide.py
    python benchmarks/wide.py --data patches --k 16
    python benchmarks/wide.py --sae-lens /path/to/python        # of an environment that has sae-lens

fashion: the 60,000 training pictures of Fashion-MNIST, measured on the 10,000 test pictures. patches: 60,000 grey
patches of 12 x 12 pixels, each less its own mean, from two thirds of the photographs of BSDS500's training part;
measured on 10,000 from the others. Either as 64 principal components, divided by one number so that values have unit
variance on average; codes of 2,048 units, 32 times as wide.

FVU is the fraction of variance unexplained, L0 the units active for a row, dead the share of units that are active for
none of the rows measured. Beside them PCA with k components, and orthogonal matching pursuit with k directions of a
random dictionary of the same width. Ours is at its defaults, without held-out rows, sae-lens at its default rate,
the plain loop at three rates. Seconds are of one core's processor.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from sklearn.decomposition import PCA
from wide_parts.plain import train as train_plain

from isthmus import Autoencoder, Sparse, read
from isthmus.evaluation import sparsity_figures

DATA = Path("../shared/data")
SIZE, WIDTH, BATCH = 64, 2048, 256
ROWS, HELD_OUT, SIDE = 60_000, 10_000, 12
#: Of the plain loop. Gao et al.'s rule, as dictionary_learning has it, 2e-4 / sqrt(width / 2^14), is 5.7e-4.
PLAIN_RATES = (5.7e-4, 1e-3, 2e-3)
#: Of sae-lens: its default, 3e-4.
LENS_RATES = (None,)
console = Console()


def fashion() -> tuple[np.ndarray, np.ndarray]:
    """Pictures as rows of 784 pixels in 0..1."""
    names = (DATA / f"fashion-mnist/{part}-images-idx3-ubyte.gz" for part in ("train", "t10k"))
    train, test = (np.asarray(read(name).values, dtype=np.float64).reshape(-1, 784) / 255 for name in names)
    return train, test


def patches() -> tuple[np.ndarray, np.ndarray]:
    """Patches as rows of 144 grey values in 0..1, less the mean of each."""
    names = sorted((DATA / "bsds500-train").glob("*.jpg"))
    rng = np.random.default_rng(0)
    names = [names[i] for i in rng.permutation(len(names))]
    cut = 2 * len(names) // 3
    return _patches(names[:cut], ROWS, rng), _patches(names[cut:], HELD_OUT, rng)


def _patches(names: list[Path], rows: int, rng: np.random.Generator) -> np.ndarray:
    found = []
    for i, name in enumerate(names):
        grey = np.asarray(Image.open(name).convert("L"), dtype=np.float64) / 255
        here = len(range(i, rows, len(names)))
        down, right = (rng.integers(0, side - SIDE + 1, here) for side in grey.shape)
        found += [grey[y : y + SIDE, x : x + SIDE].ravel() for y, x in zip(down, right, strict=True)]
    values = np.stack(found)
    return values - values.mean(1, keepdims=True)


SETS = {"fashion": fashion, "patches": patches}


def prepared(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Principal components on one scale."""
    train, test = SETS[name]()
    pca = PCA(SIZE, random_state=0).fit(train)
    train, test = pca.transform(train), pca.transform(test)
    scale = np.sqrt(train.var(0).mean())
    return (train / scale).astype(np.float32), (test / scale).astype(np.float32)


def line(name: str, z: np.ndarray, made: np.ndarray, train: np.ndarray, test: np.ndarray, seconds: float) -> list[str]:
    """Figures of codes and what was made of them."""
    unexplained = np.square(made - test).sum() / np.square(test - train.mean(0)).sum()
    active = z != 0
    return [name, f"{unexplained:.4f}", f"{active.sum(1).mean():.1f}", f"{100 * (~active.any(0)).mean():.1f} %",
            f"{seconds:.0f}"]  # fmt: skip


def ours(train: np.ndarray, test: np.ndarray, k: int, options: argparse.Namespace) -> Iterator[list[str]]:
    """Ours, and what it is set beside."""
    start = time.process_time()
    ae = Autoencoder(
        WIDTH, hidden=(), objective=Sparse("topk", k=k), scaling="none", batch_size=BATCH, max_epochs=options.epochs,
        validation_fraction=0.0, random_state=options.seed,
    ).fit(train)  # fmt: skip
    seconds = time.process_time() - start
    codes = ae.transform(test, sparse=True).toarray()
    yield line("Isthmus", codes, ae.inverse_transform(codes), train, test, seconds)
    found = sparsity_figures(ae, test)
    for name, beside in ((f"PCA, {k} components", found.pca), ("random dictionary, pursuit", found.random)):
        yield [name, f"{beside.unexplained:.4f}", f"{beside.l0:.1f}", f"{100 * beside.dead:.1f} %", ""]


def plain(train: np.ndarray, test: np.ndarray, k: int, options: argparse.Namespace) -> Iterator[list[str]]:
    """The plain loop at each rate."""
    for rate in PLAIN_RATES:
        start = time.process_time()
        model = train_plain(torch.from_numpy(train), WIDTH, k, options.epochs, BATCH, rate, options.seed)
        seconds = time.process_time() - start
        with torch.no_grad():
            z = model.encode(torch.from_numpy(test))[1]
            made = z @ model.decoder + model.bias
        yield line(f"plain loop, rate {rate:g}", z.numpy(), made.numpy(), train, test, seconds)


def lens(train: np.ndarray, test: np.ndarray, k: int, options: argparse.Namespace) -> Iterator[list[str]]:
    """sae-lens at each rate, each in a process of its own."""
    worker = Path(__file__).parent / "wide_parts" / "sae_lens_worker.py"
    with tempfile.TemporaryDirectory() as folder:
        source, target = f"{folder}/rows.npz", f"{folder}/found.npz"
        np.savez(source, train=train)
        for rate in LENS_RATES:
            told = {"k": k, "width": WIDTH, "epochs": options.epochs, "batch": BATCH, "rate": rate}
            command = [options.sae_lens, str(worker), source, target, json.dumps(told | {"seed": options.seed})]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"sae-lens failed:\n{done.stderr[-2000:]}")
            found = np.load(target)
            every = np.maximum((test - found["b_dec"]) @ found["W_enc"] + found["b_enc"], 0)
            places = np.argpartition(-every, k, axis=1)[:, :k]
            z = np.zeros_like(every)
            np.put_along_axis(z, places, np.take_along_axis(every, places, 1), 1)
            made = z @ found["W_dec"] + found["b_dec"]
            name = f"sae-lens, rate {'default, 3e-4' if rate is None else f'{rate:g}'}"
            yield line(name, z, made, train, test, float(found["seconds"]))


CONTENDERS = {"ours": ours, "plain": plain, "lens": lens}


def main() -> None:
    """Print a table for each k."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=list(SETS), default="fashion")
    parser.add_argument("--k", type=int, nargs="+", default=[16, 32])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS))
    parser.add_argument("--sae-lens", metavar="PYTHON", help="a Python that has sae-lens")
    options = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"{DATA} is not there: this benchmark needs fashion-mnist or bsds500-train in it.")
    torch.set_num_threads(1)
    train, test = prepared(options.data)
    for k in options.k:
        table = Table(title=f"{options.data}, k = {k}, {options.epochs} epochs of {len(train):,} rows")
        for i, column in enumerate(("", "FVU", "L0", "dead", "seconds")):
            table.add_column(column, justify="right" if i else "left")
        for name in options.only:
            if name == "lens" and not options.sae_lens:
                continue
            for cells in CONTENDERS[name](train, test, k, options):
                print(*cells, sep=" | ", file=sys.stderr, flush=True)
                table.add_row(*cells)
        console.print(table)


if __name__ == "__main__":
    main()
