"""Never worse than PCA: held-out error of `Autoencoder` over PCA's at the same code size, set by set.

    python benchmarks/pca.py                       # the 14 tabular sets and Fashion-MNIST
    python benchmarks/pca.py --seeds 3 --no-images

Tabular sets: normal rows, 75/25 split by seed, constant columns out, standardised by training rows, code of
max(1, d // 4). Fashion-MNIST: the 60,000 training and 10,000 test pictures, code of 32, error in 0..1 units. Everything
is left at its default but the size of the code and the seed. Data are looked for in ../shared/data (see --data).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.decomposition import PCA

from isthmus import Autoencoder, read


def tabular(path: Path, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and test rows, standardised."""
    with np.load(path) as file:
        X = file["X"][file["y"] == 0].astype(np.float64)
    order = np.random.default_rng(seed).permutation(len(X))
    train, test = np.split(X[order], [int(0.75 * len(X))])
    varies = np.ptp(train, axis=0) > 0
    train, test = train[:, varies], test[:, varies]
    mean, scale = train.mean(0), train.std(0)
    return (train - mean) / scale, (test - mean) / scale


def mean_squared_errors(train: np.ndarray, test: np.ndarray, k: int, seed: int, **params) -> dict[str, float]:
    """Held-out error of both, and the seconds that each took to fit."""
    start = time.perf_counter()
    pca = PCA(k, svd_solver="full" if train[0].size < 500 else "auto", random_state=seed)
    pca.fit(train.reshape(len(train), -1))
    middle = time.perf_counter()
    ours = Autoencoder(k, random_state=seed, **params).fit(train)
    end = time.perf_counter()
    flat = test.reshape(len(test), -1).astype(np.float64)
    theirs = pca.inverse_transform(pca.transform(flat))
    again = ours.reconstruct(test).reshape(len(test), -1)
    return {
        "ours": float(((again - flat) ** 2).mean()),
        "pca": float(((theirs - flat) ** 2).mean()),
        "seconds": end - middle,
        "pca_seconds": middle - start,
        "epochs": len(ours.history_["epoch"]) - 1,
        "best": ours.best_epoch_,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--no-images", action="store_true")
    parser.add_argument("--sets", nargs="*", help="names of some of the tabular sets")
    arguments = parser.parse_args()
    console = Console(width=110)
    needed = [arguments.data / "adbench"] + ([] if arguments.no_images else [arguments.data / "fashion-mnist"])
    missing = [str(folder) for folder in needed if not folder.is_dir()]
    if missing:
        parser.exit(2, f"No data in {' and '.join(missing)}: say where they are, --data FOLDER.\n")
    table = Table(title="Held-out mean squared error, ours over PCA's at the same code size")
    for column in (
        "set",
        "rows",
        "columns",
        "code",
        "PCA",
        "ours",
        "ratio",
        "worst seed",
        "epochs",
        "fit, s",
    ):
        table.add_column(column, justify="left" if column == "set" else "right")
    ratios = []
    for path in sorted((arguments.data / "adbench").glob("*.npz")):
        if arguments.sets and path.stem not in arguments.sets:
            continue
        results = []
        for seed in range(arguments.seeds):
            train, test = tabular(path, seed)
            k = max(1, train.shape[1] // 4)
            results.append(mean_squared_errors(train, test, k, seed))
        by_seed = [r["ours"] / r["pca"] for r in results]
        ratios.append(float(np.mean(by_seed)))
        mean = {name: float(np.mean([r[name] for r in results])) for name in results[0]}
        table.add_row(
            path.stem,
            f"{len(train):,}",
            str(train.shape[1]),
            str(k),
            f"{mean['pca']:.4f}",
            f"{mean['ours']:.4f}",
            f"{ratios[-1]:.3f}",
            f"{max(by_seed):.3f}",
            f"{mean['best']:.0f}/{mean['epochs']:.0f}",
            f"{mean['seconds']:.1f}",
        )
        console.print(f"{path.stem}: {ratios[-1]:.3f}", style="dim")
    if not arguments.no_images:
        folder = arguments.data / "fashion-mnist"
        train = read(folder / "train-images-idx3-ubyte.gz").values.astype(np.float32) / 255
        test = read(folder / "t10k-images-idx3-ubyte.gz").values.astype(np.float32) / 255
        r = mean_squared_errors(train, test, 32, 0)
        ratio = f"{r['ours'] / r['pca']:.3f}"
        cells = [f"{r['pca']:.5f}", f"{r['ours']:.5f}", ratio, ratio, f"{r['best']}/{r['epochs']}"]
        table.add_row("fashion-mnist", f"{len(train):,}", "784", "32", *cells, f"{r['seconds']:.0f}")
    console.print(table)
    if ratios:
        console.print(
            f"{len(ratios)} tabular sets, seeds 0 to {arguments.seeds - 1}: "
            f"median ratio {np.median(ratios):.3f}, largest {max(ratios):.3f}"
        )


if __name__ == "__main__":
    main()
