"""Gaps filled: `Imputer` beside the mean, nearest neighbours, and chained regressions by a ridge and by a forest.

    python benchmarks/impute.py                          # the table, ranks and coverage; the forest takes an hour
    python benchmarks/impute.py --sets iris wine --without forest
    python benchmarks/impute.py --large                  # 20,000 rows of cover, processor seconds
    python benchmarks/impute.py --mixed                  # categories, truth values, dates and numbers
    python benchmarks/impute.py --results figures.json   # what is there already is not measured again

Five sets of scikit-learn's and six of ADBench's (normal rows), at most --rows of each, constant columns out. Cells are
hidden completely at random (10, 30, 50 %) or not at random: 30 % on average, in proportion to the rank of the value in
its column. Figure: root mean squared error over the hidden cells in standard deviations of their columns. `Imputer` is
at its defaults; the others get columns standardised. Forest: IterativeImputer with RandomForestRegressor of 100 trees
that try the square root of the columns at each split, ten rounds, as missForest does. Coverage: share of the hidden
values within the 5 % and 95 % quantiles of 100 draws.

The mixed frame is made up: five jobs, twelve towns, a truth value, a date and three numbers that hang on three hidden
normal ones, 30 % missing at random. The others get indicators of the categories and dates as days, each column of the
frame with variance 1, and the largest indicator is the category; the mean so fills in the most frequent one.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy.stats import rankdata
from sklearn import datasets
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - what follows needs it
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from isthmus import Imputer

SCIKIT_LEARN = ("iris", "wine", "breast_cancer", "diabetes", "digits")
ADBENCH = ("annthyroid", "cardio", "mammography", "satellite", "shuttle", "vowels")
PATTERNS = ("10 %", "30 %", "50 %", "not at random")
OURS, FOREST = "Imputer", "forest"
DRAWS = 100


def forest(seed: int) -> Any:
    """Build chained random forests, as missForest does."""
    trees = RandomForestRegressor(100, max_features="sqrt", random_state=seed)
    return IterativeImputer(trees, random_state=seed, max_iter=10)


#: What is compared, from a seed.
METHODS: dict[str, Callable[[int], Any]] = {
    "mean": lambda seed: SimpleImputer(),
    "KNNImputer": lambda seed: KNNImputer(),
    "IterativeImputer": lambda seed: IterativeImputer(random_state=seed),
    FOREST: forest,
    OURS: lambda seed: Imputer(random_state=seed),
}


def load(name: str, data: Path, most: int) -> np.ndarray:
    """Rows of a set, at most some, without constant columns."""
    if name in SCIKIT_LEARN:
        X = getattr(datasets, f"load_{name}")().data
    else:
        with np.load(data / "adbench" / f"{name}.npz") as file:
            X = file["X"][file["y"] == 0]
    X = X.astype(np.float64)
    if len(X) > most:
        X = X[np.sort(np.random.default_rng(0).permutation(len(X))[:most])]
    return X[:, X.std(0) > 0]


def hide(X: np.ndarray, pattern: str, seed: int) -> np.ndarray:
    """Choose the cells to hide: a bool array; one cell of each row stays."""
    rng = np.random.default_rng(100 + seed)
    if pattern == PATTERNS[-1]:
        ties = 1e-9 * rng.normal(size=X.shape) * X.std(0)
        rank = (np.argsort(np.argsort(X + ties, 0), 0) + 0.5) / len(X)
        hidden = rng.random(X.shape) < 0.6 * rank
    else:
        hidden = rng.random(X.shape) < int(pattern.split()[0]) / 100
    whole = hidden.all(1)
    hidden[whole, rng.integers(X.shape[1], size=whole.sum())] = False
    return hidden


def measure(method: str, X: np.ndarray, pattern: str, seed: int) -> dict[str, float]:
    """Error over the hidden cells, seconds, and coverage where draws are to be had."""
    hidden = hide(X, pattern, seed)
    gaps = np.where(hidden, np.nan, X)
    start, used = time.perf_counter(), time.process_time()
    made = METHODS[method](seed)
    if method == OURS:
        filled = made.fit_transform(gaps)
    else:
        scaler = StandardScaler()
        filled = scaler.inverse_transform(make_pipeline(scaler, made).fit_transform(gaps))
    found = {"seconds": time.perf_counter() - start, "processor": time.process_time() - used}
    found["error"] = float(np.sqrt(np.mean(np.square(((filled - X) / X.std(0))[hidden]))))
    if method == OURS:
        draws = np.stack(made.sample_imputations(gaps, DRAWS, random_state=seed))
        low, high = np.quantile(draws, [0.05, 0.95], axis=0)
        found["coverage"] = float((np.clip(X, low, high) == X)[hidden].mean())
    return found


def measured(arguments: argparse.Namespace, methods: list[str]) -> dict[str, dict[str, float]]:
    """All figures, by "set | pattern | method | seed"; what is in the file of results already is taken from there."""
    path: Path | None = arguments.results
    known = json.loads(path.read_text()) if path is not None and path.exists() else {}
    figures = {}
    for name in arguments.sets:
        X = load(name, arguments.data, arguments.rows)
        for pattern in PATTERNS:
            for method in methods:
                for seed in range(arguments.seeds):
                    key = " | ".join([name, pattern, method, str(seed)])
                    if key not in known and arguments.measured:
                        continue
                    if key not in known:
                        known[key] = measure(method, X, pattern, seed)
                        print(key, known[key], flush=True)
                        if path is not None:
                            path.write_text(json.dumps(known, indent=1))
                    figures[key] = known[key]
    return figures


def report(arguments: argparse.Namespace, figures: dict[str, dict[str, float]], methods: list[str]) -> None:
    """Print errors set by set, mean ranks, the ratio to the forest, coverage and seconds."""
    console = Console(width=130)
    table = Table(title="Root mean squared error over hidden cells, in standard deviations")
    for column in ("set", "rows", "columns", "missing", *methods, "coverage", "seconds"):
        table.add_column(column, justify="left" if column in ("set", "missing") else "right", no_wrap=True)
    errors, coverage = [], []
    for name in arguments.sets:
        n, d = load(name, arguments.data, arguments.rows).shape
        for pattern in PATTERNS:

            def mean(method: str, what: str, name: str = name, pattern: str = pattern) -> float:
                keys = [" | ".join([name, pattern, method, str(seed)]) for seed in range(arguments.seeds)]
                return float(np.mean([figures[key][what] if key in figures else np.nan for key in keys]))

            row = [mean(method, "error") for method in methods]
            errors.append(row)
            coverage.append(mean(OURS, "coverage"))
            shown = ["–" if np.isnan(e) else f"[bold]{e:.3f}[/]" if e == np.nanmin(row) else f"{e:.3f}" for e in row]
            seconds = f"{mean(OURS, 'seconds'):.0f}"
            table.add_row(name, f"{n:,}", str(d), pattern, *shown, f"{coverage[-1]:.2f}", seconds)
    complete = [row for row in errors if not np.isnan(row).any()]
    ranks = np.mean([rankdata(row) for row in complete], 0)
    table.add_section()
    table.add_row("mean rank", "", "", "", *(f"{rank:.2f}" for rank in ranks), f"{np.mean(coverage):.3f}", "")
    console.print(table)
    ours = np.array(errors)[:, methods.index(OURS)]
    for other in (method for method in methods if method != OURS):
        ratio = ours / np.array(errors)[:, methods.index(other)]
        seconds = sum(v["seconds"] for k, v in figures.items() if k.split(" | ")[2] == other)
        console.print(
            f"Imputer over {other}: {np.nanmean(ratio):.3f} on average over {np.isfinite(ratio).sum()} cases, from "
            f"{np.nanmin(ratio):.3f} to {np.nanmax(ratio):.3f}; {other} took {seconds:,.0f} s in all"
        )
    console.print(f"Imputer took {sum(v['seconds'] for k, v in figures.items() if f'| {OURS} |' in k):,.0f} s in all")
    inside = np.mean([0.85 <= c <= 0.95 for c in coverage])
    console.print(
        f"Coverage of 90 % intervals: {np.mean(coverage):.3f} on average, .85 to .95 in {inside:.0%} of cases"
    )


def large(arguments: argparse.Namespace, methods: list[str]) -> None:
    """Print error and processor seconds on 20,000 rows of cover, 30 % missing; of the forest, of one round."""
    X = load("cover", arguments.data, 20_000)
    for method in methods:
        if method == FOREST:
            _rounds(X)
            continue
        found = measure(method, X, PATTERNS[1], 0)
        shown = f"error {found['error']:.3f}, {found['processor']:.0f} processor s"
        print(f"{len(X):,} x {X.shape[1]}, {method}: {shown}", flush=True)


def _rounds(X: np.ndarray) -> None:
    """Time one of the ten rounds of chained forests: all ten hold gigabytes of trees."""
    scaled = StandardScaler().fit_transform(np.where(hide(X, PATTERNS[1], 0), np.nan, X))
    for share in ("sqrt", 1.0):
        trees = RandomForestRegressor(100, max_features=share, random_state=0)
        chained = IterativeImputer(trees, random_state=0, max_iter=1)
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            chained.fit_transform(scaled)
        seconds = time.process_time() - start
        print(f"{len(X):,} x {X.shape[1]}, forest, max_features={share}: {seconds:.0f} processor s a round", flush=True)


def people(n: int, seed: int) -> pd.DataFrame:
    """Make a frame of columns of all types, which depend on one another."""
    rng = np.random.default_rng(seed)
    t = rng.normal(size=(n, 3))
    job = np.argmax(1.5 * t @ rng.normal(size=(3, 5)) + 0.7 * rng.gumbel(size=(n, 5)), 1)
    town = np.clip(np.rint(5.5 + 2.5 * t[:, 2] + 0.7 * rng.normal(size=n)), 0, 11).astype(int)
    return pd.DataFrame(
        {
            "job": np.array(["clerk", "nurse", "smith", "judge", "baker"])[job],
            "town": np.array([f"town {i}" for i in range(12)])[town],
            "owner": t[:, 0] + t[:, 1] + 0.5 * rng.normal(size=n) > 0,
            "since": pd.Timestamp("2015-01-01") + pd.to_timedelta(np.rint(1000 + 400 * t[:, 2]), unit="D"),
            "age": np.clip(np.rint(40 + 10 * t[:, 0] + 3 * rng.normal(size=n)), 18, 90),
            "income": np.exp(10 + 0.5 * t[:, 1] + 0.3 * (job == 3) + 0.2 * rng.normal(size=n)),
            "score": t[:, 0] * t[:, 1] + 0.3 * rng.normal(size=n),
        }
    )


def as_numbers(frame: pd.DataFrame, missing: np.ndarray) -> tuple[np.ndarray, list[slice]]:
    """Indicators of categories, days, numbers; NaN where missing; and the place of each column."""
    blocks, places, start = [], [], 0
    for j, name in enumerate(frame.columns):
        column = frame[name]
        if column.dtype.kind in "OUT" or str(column.dtype) == "str":
            block = np.array(pd.get_dummies(column), dtype=float)
        else:
            days = column.dt.as_unit("s").astype("int64") / 86_400 if column.dtype.kind == "M" else column
            block = np.array(days, dtype=float)[:, None]
        block[missing[:, j]] = np.nan
        places.append(slice(start, start + block.shape[1]))
        start += block.shape[1]
        blocks.append(block)
    return np.concatenate(blocks, 1), places


def mixed(arguments: argparse.Namespace, methods: list[str]) -> None:
    """Print accuracy on categories and truth values, and errors of the others in standard deviations."""
    table = Table(title="Mixed frame: share right of categories, root mean squared error of the others")
    for column in ("column", *methods):
        table.add_column(column, justify="right" if column != "column" else "left")
    frame = people(arguments.rows, 0)
    hidden = np.random.default_rng(100).random(frame.shape) < 0.3
    gaps, places = as_numbers(frame, hidden)
    truth, _ = as_numbers(frame, np.zeros_like(hidden))
    mean, variance = np.nanmean(gaps, 0), np.nanvar(gaps, 0)
    scale = np.concatenate([np.full(p.stop - p.start, np.sqrt(variance[p].sum())) for p in places])
    found, seconds = {}, []
    for method in methods:
        start = time.perf_counter()
        if method == OURS:
            filled = METHODS[method](0).fit_transform(frame.mask(hidden))
            found[method] = as_numbers(filled.astype(frame.dtypes), np.zeros_like(hidden))[0]
        else:
            found[method] = METHODS[method](0).fit_transform((gaps - mean) / scale) * scale + mean
        seconds.append(f"{time.perf_counter() - start:.1f}")
    for j, name in enumerate(frame.columns):
        row, at = [], hidden[:, j]
        for method in methods:
            told, true = found[method][at, places[j]], truth[at, places[j]]
            if told.shape[1] > 1:
                row.append(f"{np.mean(told.argmax(1) == true.argmax(1)):.3f}")
            elif name == "owner":
                row.append(f"{np.mean((told >= 0.5) == true):.3f}")
            else:
                row.append(f"{np.sqrt(np.mean((told - true) ** 2)) / truth[:, places[j]].std():.3f}")
        kind = "right" if name in ("job", "town", "owner") else "error"
        table.add_row(f"{name}, {kind}", *row)
    table.add_row("seconds", *seconds)
    Console(width=130).print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--sets", nargs="*", default=[*SCIKIT_LEARN, *ADBENCH])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--without", nargs="*", default=[], choices=[m for m in METHODS if m != OURS])
    parser.add_argument("--results", type=Path, help="JSON file that figures are kept in")
    parser.add_argument(
        "--measured", action="store_true", help="only what is in the file of results; ranks without gaps"
    )
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--mixed", action="store_true")
    arguments = parser.parse_args()
    if (
        not arguments.mixed
        and not (arguments.data / "adbench").is_dir()
        and (arguments.large or set(arguments.sets) - set(SCIKIT_LEARN))
    ):
        parser.exit(2, f"No data in {arguments.data / 'adbench'}: say where they are, --data FOLDER.\n")
    warnings.filterwarnings("ignore", message=".*Early stopping criterion not reached.*")
    methods = [method for method in METHODS if method not in arguments.without]
    if arguments.large:
        large(arguments, methods)
    elif arguments.mixed:
        mixed(arguments, methods)
    else:
        report(arguments, measured(arguments, methods), methods)


if __name__ == "__main__":
    main()
