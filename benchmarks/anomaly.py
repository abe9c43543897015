"""Strange rows found: `AnomalyDetector` beside 5 nearest neighbours, LOF, isolation forest, and PyOD where it is there.

    python benchmarks/anomaly.py                                 # the 14 sets of ../shared/data/adbench
    python benchmarks/anomaly.py --mode unsupervised --seeds 1 --sets cardio fraud
    python benchmarks/anomaly.py --conformal                     # false alarms of p-values on normal rows

A folder of .npz files with X and y (1: anomaly). One-class: fitted on a random half of the normal rows, tested on the
other half and all anomalies. Unsupervised: fitted on all rows without labels, and the same rows scored. Area under the
ROC curve, average precision, seconds of fit and score, means over seeds; ranks by area, 1 the best. Rows are
standardised by the rows fitted on for the peers; everything is at its default but the seed (neighbours: mean distance
to 5, the row itself left out). Neighbours and LOF are fitted on at most --cap rows.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

from isthmus import AnomalyDetector

#: Fit on rows; give seconds-free scorer of other rows, higher is stranger.
Fit = Callable[[np.ndarray, int, bool], Callable[[np.ndarray], np.ndarray]]
OURS = "Isthmus"


def ours(X: np.ndarray, seed: int, clean: bool) -> Callable[[np.ndarray], np.ndarray]:
    detector = AnomalyDetector(novelty=clean, random_state=seed, device="cpu").fit(X)
    return lambda rows: -detector.score_samples(rows)


def neighbours(X: np.ndarray, seed: int, clean: bool) -> Callable[[np.ndarray], np.ndarray]:
    index = NearestNeighbors(n_neighbors=6).fit(X)
    first = 0 if clean else 1
    return lambda rows: index.kneighbors(rows)[0][:, first : first + 5].mean(1)


def lof(X: np.ndarray, seed: int, clean: bool) -> Callable[[np.ndarray], np.ndarray]:
    model = LocalOutlierFactor(n_neighbors=20, novelty=True).fit(X)
    return lambda rows: -model.score_samples(rows)


def forest(X: np.ndarray, seed: int, clean: bool) -> Callable[[np.ndarray], np.ndarray]:
    model = IsolationForest(random_state=seed).fit(X)
    return lambda rows: -model.score_samples(rows)


def pyod_fit(name: str) -> Fit:
    """Fit a detector of PyOD at its defaults."""

    def fit(X: np.ndarray, seed: int, clean: bool) -> Callable[[np.ndarray], np.ndarray]:
        made: Any
        if name == "ECOD":
            from pyod.models.ecod import ECOD

            made = ECOD()
        else:
            from pyod.models.auto_encoder import AutoEncoder

            made = AutoEncoder(random_state=seed, verbose=0)
        made.fit(X)
        return made.decision_function

    return fit


def methods() -> dict[str, Fit]:
    """List what is compared: PyOD's only where it is installed."""
    found: dict[str, Fit] = {OURS: ours, "5-NN": neighbours, "LOF": lof, "IForest": forest}
    if importlib.util.find_spec("pyod") is None:
        return found
    return found | {"PyOD AE": pyod_fit("AE"), "ECOD": pyod_fit("ECOD")}


def split(X: np.ndarray, y: np.ndarray, seed: int, clean: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows to fit on, rows to score, and their labels."""
    if not clean:
        return X, X, y
    normal = np.flatnonzero(y == 0)
    np.random.default_rng(1000 + seed).shuffle(normal)
    train, rest = np.split(normal, [len(normal) // 2])
    test = np.concatenate([rest, np.flatnonzero(y == 1)])
    return X[train], X[test], y[test]


def measured(fit: Fit, name: str, X: np.ndarray, y: np.ndarray, seed: int, clean: bool, cap: int) -> list[float]:
    """Area, average precision, seconds to fit and to score."""
    train, test, labels = split(X, y, seed, clean)
    if name != OURS:
        mean, scale = train.mean(0), train.std(0)
        scale[scale < 1e-12] = 1
        train, test = (train - mean) / scale, (test - mean) / scale
        if name in ("5-NN", "LOF") and len(train) > cap:
            train = train[np.random.default_rng(seed).choice(len(train), cap, replace=False)]
    start = time.perf_counter()
    score = fit(train, seed, clean)
    middle = time.perf_counter()
    scores = score(test)
    end = time.perf_counter()
    return [roc_auc_score(labels, scores), average_precision_score(labels, scores), middle - start, end - middle]


def print_table(console: Console, title: str, sets: list[str], found: dict[str, np.ndarray], which: int) -> None:
    table = Table(title=title, title_justify="left")
    for column in ("set", *found):
        table.add_column(column, justify="left" if column == "set" else "right")
    for i, name in enumerate(sets):
        table.add_row(name, *(f"{values[i, which]:.3f}" for values in found.values()))
    table.add_section()
    table.add_row("mean", *(f"{values[:, which].mean():.4f}" for values in found.values()))
    if which < 2:
        stacked = np.stack([values[:, which].round(3) for values in found.values()], axis=1)
        better = (stacked[:, :, None] < stacked[:, None, :]).sum(2)
        ties = (stacked[:, :, None] == stacked[:, None, :]).sum(2) - 1
        table.add_row("mean rank", *(f"{rank:.2f}" for rank in (1 + better + ties / 2).mean(0)))
    else:
        table.add_row("total", *(f"{values[:, which].sum():.1f}" for values in found.values()))
    console.print(table)


def conformal(console: Console, files: list[Path], seeds: int) -> None:
    """Show the share of normal rows, never fitted on, whose p-value is at most alpha."""
    table = Table(title="Normal rows flagged by p_values(X) <= alpha, mean over sets and seeds", title_justify="left")
    for column in ("alpha", "flagged", "largest of a set"):
        table.add_column(column, justify="right")
    rates: dict[float, list[list[float]]] = {0.01: [], 0.05: [], 0.1: []}
    for path in files:
        with np.load(path) as file:
            X, y = file["X"].astype(np.float64), file["y"].astype(int)
        by_seed: dict[float, list[float]] = {alpha: [] for alpha in rates}
        for seed in range(seeds):
            train, test, labels = split(X, y, seed, True)
            p = AnomalyDetector(novelty=True, random_state=seed, device="cpu").fit(train).p_values(test[labels == 0])
            for alpha, found in by_seed.items():
                found.append(float((p <= alpha).mean()))
        for alpha, found in by_seed.items():
            rates[alpha].append(found)
    for alpha, found in rates.items():
        means = np.mean(found, axis=1)
        table.add_row(f"{alpha:g}", f"{means.mean():.4f}", f"{means.max():.4f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared/data/adbench")
    parser.add_argument("--mode", choices=("one-class", "unsupervised", "both"), default="both")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", nargs="*", default=None)
    parser.add_argument("--without", nargs="*", default=[], help="peers to leave out, such as 'PyOD AE'")
    parser.add_argument("--cap", type=int, default=20_000)
    parser.add_argument("--conformal", action="store_true")
    asked = parser.parse_args()
    files = [path for path in sorted(asked.data.glob("*.npz")) if asked.sets is None or path.stem in asked.sets]
    console = Console(width=130)
    warnings.simplefilter("ignore")
    if asked.conformal:
        conformal(console, files, asked.seeds)
        return
    compared = {name: fit for name, fit in methods().items() if name not in asked.without}
    for mode in ("one-class", "unsupervised") if asked.mode == "both" else (asked.mode,):
        found: dict[str, list[np.ndarray]] = {name: [] for name in compared}
        for path in files:
            with np.load(path) as file:
                X, y = file["X"].astype(np.float64), file["y"].astype(int)
            for name, fit in compared.items():
                runs = [measured(fit, name, X, y, seed, mode == "one-class", asked.cap) for seed in range(asked.seeds)]
                found[name].append(np.mean(runs, axis=0))
        tables = {name: np.stack(rows) for name, rows in found.items()}
        sets = [path.stem for path in files]
        for which, what in enumerate(("area under the ROC curve", "average precision", "seconds to fit", "to score")):
            print_table(console, f"{mode}: {what}", sets, tables, which)


if __name__ == "__main__":
    main()
