"""Published figures of each kind of autoencoder, on Fashion-MNIST: likelihoods, features, sizes, robustness.

    python benchmarks/published.py                       # all four tables, hours on one core: see --rows
    python benchmarks/published.py --only features --rows 5000 --seeds 1

nll: pixels above one half are 1; 784-200-200-50 tanh; nats a picture, by importance sampling with 500 samples on the
first 1,000 test pictures. Burda et al. (2016) print 86.8 for the VAE and 84.8 with 50 samples, on MNIST.
features: 784-256-32, a logistic regression on the codes of the training rows, accuracy on the 10,000 test pictures.
reduction: 784-1000-500-250-30 of Hinton and Salakhutdinov (2006), who print a squared error, summed over a picture with
pixels in 0..1, of 3.0 beside PCA's 13.9, on MNIST.
robustness: the same probe and the squared error where the test pictures are corrupted: normal noise of standard
deviation 0.3, or 30 % of the pixels set to 0; the probe was trained on the codes of clean ones.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from isthmus import Autoencoder, Denoising, read
from isthmus.objectives import Objective

DATA = Path("../shared/data/fashion-mnist")
CODE = 32
#: By name: the objective of each kind, all else at its default.
KINDS: dict[str, Any] = {
    "plain": None,
    "denoising, mask 0.3": Denoising("mask", 0.3),
    "denoising, gaussian 0.5": Denoising("gaussian", 0.5),
    "sparse, l1": "sparse(l1, weight=0.01)",
    "contractive": "contractive(0.1)",
    "variational": "variational",
    "adversarial": "adversarial",
    "wasserstein": "wasserstein",
    "ordered": "ordered",
}
console = Console()


def pictures(part: str, rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Rows of 784 pixels in 0..1, and their labels."""
    raw = read(DATA / f"{part}-images-idx3-ubyte.gz")
    X, y = raw.values.reshape(-1, 784)[:rows], raw.extra["label"][:rows]
    return X.astype(np.float32) / 255, y


def show(title: str, columns: list[str], lines: list[list[str]]) -> None:
    """Print a table."""
    table = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left")
    for line in lines:
        table.add_row(*line)
    console.print(table)


def nll(options: argparse.Namespace) -> None:
    """Bounds with 1 and 50 samples in training, judged by the same estimate."""
    train, test = (np.round(pictures(part)[0]) for part in ("train", "t10k"))
    train = train[: options.rows]
    lines = []
    for name, objective, epochs in (
        ("VAE", "variational(beta=1)", options.epochs or 100),
        ("VAE, as many epochs as IWAE-50", "variational(beta=1)", options.epochs or 15),
        ("IWAE-50", "variational(beta=1, samples=50)", options.epochs or 15),
    ):
        start = time.perf_counter()
        ae = Autoencoder(
            50, objective=objective, hidden=(200, 200), activation="tanh", linear_path=False, batch_size=100,
            learning_rate=1e-3, weight_decay=0.0, max_epochs=epochs, patience=None, random_state=0,
        ).fit(train)  # fmt: skip
        seconds = time.perf_counter() - start
        value = -ae.log_likelihood(test[:1000], samples=500, random_state=0)
        error = value.std() / len(value) ** 0.5
        lines.append(
            [name, str(epochs), f"{value.mean():.2f} ± {error:.2f}", f"{-ae.elbo(test[:1000]).mean():.2f}",
             f"{int(np.sum(ae.active_units(test)))}", f"{seconds:.0f}"]
        )  # fmt: skip
        console.print(f"  {lines[-1]}", style="dim")
    show(
        f"Fashion-MNIST binarised, {len(train):,} rows: nats a picture, lower is better",
        ["fitted", "epochs", "NLL, 500 samples", "-ELBO", "active units of 50", "seconds"],
        lines,
    )


def codes_by_kind(seed: int, options: argparse.Namespace, kinds: dict[str, Any]) -> dict[str, Callable[..., Any]]:
    """Give the fitted encoders by name, PCA first."""
    train, _ = pictures("train", options.rows)
    fitted: dict[str, Any] = {"PCA": PCA(CODE, random_state=seed).fit(train)}
    for name, objective in kinds.items():
        given: Objective | str | None = objective
        ae = Autoencoder(
            CODE, hidden=(256,), objective=given, scaling="none", max_epochs=options.epochs or "auto", random_state=seed
        )
        fitted[name] = ae.fit(train)
        console.print(f"  seed {seed}: {name} fitted", style="dim")
    return fitted


def probe(train: np.ndarray, y: np.ndarray) -> Any:
    """Logistic regression on standardised codes."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(train, y)


def features(options: argparse.Namespace) -> None:
    """Linear probe and held-out error of PCA and each kind."""
    train, y = pictures("train", options.rows)
    test, y_test = pictures("t10k")
    hits: dict[str, list[float]] = {}
    errors: dict[str, list[float]] = {}
    for seed in range(options.seeds):
        for name, model in codes_by_kind(seed, options, KINDS).items():
            hits.setdefault(name, []).append(probe(model.transform(train), y).score(model.transform(test), y_test))
            again = model.inverse_transform(model.transform(test))
            errors.setdefault(name, []).append(float(((again - test) ** 2).mean()))
    lines = [
        [name, f"{np.mean(hits[name]):.4f} ± {np.std(hits[name]):.4f}", f"{1000 * np.mean(errors[name]):.2f}"]
        for name in hits
    ]
    show(
        f"Codes of {CODE}, {len(train):,} rows, {options.seeds} seeds",
        ["kind", "linear probe, accuracy", "squared error a pixel, thousandths"],
        lines,
    )


def reduction(options: argparse.Namespace) -> None:
    """The deep network of 2006 beside PCA."""
    train, test = pictures("train", options.rows)[0], pictures("t10k")[0]
    pca = PCA(30, random_state=0).fit(train)
    ours = Autoencoder(
        30, hidden=(1000, 500, 250), scaling="none", max_epochs=options.epochs or 40, random_state=0
    ).fit(train)  # fmt: skip
    lines = [
        [name, f"{((again - test) ** 2).sum(1).mean():.2f}"]
        for name, again in (
            ("PCA-30", pca.inverse_transform(pca.transform(test))),
            ("784-1000-500-250-30", ours.reconstruct(test)),
        )
    ]
    show(f"Squared error, summed over a picture, {len(train):,} rows", ["fitted", "held-out error"], lines)


def robustness(options: argparse.Namespace) -> None:
    """What corruption of the test pictures costs."""
    train, y = pictures("train", options.rows)
    test, y_test = pictures("t10k")
    rng = np.random.default_rng(0)
    corrupted = {
        "clean": test,
        "noise 0.3": (test + 0.3 * rng.standard_normal(test.shape)).astype(np.float32),
        "30 % at 0": test * (rng.random(test.shape) >= 0.3).astype(np.float32),
    }
    chosen = ("plain", "denoising, mask 0.3", "denoising, gaussian 0.5", "contractive", "variational")
    lines = []
    for name, model in codes_by_kind(0, options, {kind: KINDS[kind] for kind in chosen}).items():
        judge = probe(model.transform(train), y)
        cells = []
        for given in corrupted.values():
            codes = model.transform(given)
            error = float(((model.inverse_transform(codes) - test) ** 2).mean())
            cells.append(f"{judge.score(codes, y_test):.3f}, {1000 * error:.1f}")
        lines.append([name, *cells])
    show("Probe's accuracy, and squared error against the clean picture in thousandths", ["kind", *corrupted], lines)


TABLES: dict[str, Callable[[argparse.Namespace], None]] = {
    "nll": nll, "features": features, "reduction": reduction, "robustness": robustness,
}  # fmt: skip


def main() -> None:
    """Print the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--rows", type=int, help="training rows: all 60,000")
    parser.add_argument("--epochs", type=int, help="the same for every fit, in place of each one's own")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"{DATA} is not there: this benchmark needs Fashion-MNIST's idx files in it.")
    warnings.simplefilter("ignore", RuntimeWarning)
    for name in options.only:
        start = time.perf_counter()
        TABLES[name](options)
        console.print(f"{time.perf_counter() - start:.0f} s\n", style="dim")


if __name__ == "__main__":
    main()
