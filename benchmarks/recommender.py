"""Wines recommended: `Recommender` beside popularity, item-kNN, EASE and `implicit`'s iALS; values beside biases.

    python benchmarks/recommender.py                            # both tables, 5 splits of ../shared/data/ratings
    python benchmarks/recommender.py --splits 1 --models edlae deep
    python benchmarks/recommender.py --neighbours "Dom Pérignon"  # what is like a wine, and goes with it, by name

Protocol of Liang et al. (2018): ratings from 4 on count as taken, users with 5 such; of them 15 % are for validation
and 15 % for the test. A fifth of what each of those took is hidden, to be found by the rest; items are those of
training. Nobody learns from the users of the test; what a model leaves open is chosen on the users for validation: of
peers here, by NDCG@100 over a grid, of ours by `fit(..., validation=)`. Seconds count that choice; memory is what the
process grew by. Values: 4 of 5 of all ratings are fitted on and the fifth predicted, beside biases in numpy.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import time
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy.sparse import csr_matrix

from isthmus import Recommender
from isthmus.tasks import split_users
from isthmus.tasks.recommending_parts.base import Holdout
from isthmus.tasks.recommending_parts.splitting import Split

#: Best items of each of m histories, as columns: (histories, k) -> int64 ndarray (m, k).
Ranker = Callable[[csr_matrix], np.ndarray]
OURS = ("rdlae", "edlae", "ease", "elsa", "deep", "auto", "deep+rdlae")
DEPTH = 100


# --- Measures, apart from the package's own


def metrics(ranked: np.ndarray, part: Holdout) -> np.ndarray:
    """NDCG@100, Recall@20 and Recall@50, means over users."""
    judged = np.flatnonzero(part.targets.getnnz(1))
    targets, ranked = part.targets[judged], ranked[judged]
    wanted = targets.getnnz(1)
    hit = np.take_along_axis(targets.toarray(), ranked.clip(min=0), axis=1) * (ranked >= 0)
    gain = 1 / np.log2(np.arange(2, DEPTH + 2))
    ideal = np.cumsum(gain)[np.minimum(wanted, DEPTH) - 1]
    recalls = [(hit[:, :k].sum(1) / np.minimum(wanted, k)).mean() for k in (20, 50)]
    return np.array([(hit @ gain / ideal).mean(), *recalls])


def best(scores: np.ndarray, shown: csr_matrix) -> np.ndarray:
    """Columns of the highest scores of each row, of items not shown."""
    scores[shown.nonzero()] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]


def chosen(rankers: Iterable[Ranker], part: Holdout) -> Ranker:
    """Give the ranker that is best on the users for validation."""
    return max(rankers, key=lambda ranker: metrics(ranker(part.history), part)[0])


# --- What is compared: each fits on a split, and gives what ranks


def popularity(data: Split, seed: int) -> Ranker:
    counts = data.train.matrix.sum(0).A1
    return lambda shown: best(np.tile(counts, (shown.shape[0], 1)), shown)


def linear(weights: np.ndarray) -> Ranker:
    return lambda shown: best(np.asarray(shown @ weights), shown)


def neighbours(data: Split, seed: int) -> Ranker:
    """Item-kNN: damped cosines of the nearest items."""
    gram = (data.train.matrix.T @ data.train.matrix).toarray().astype(np.float64)
    norms = np.sqrt(np.diag(gram))

    def fitted(size: int, damping: float) -> Ranker:
        cosines = gram / (np.outer(norms, norms) + damping)
        np.fill_diagonal(cosines, 0)
        least = -np.partition(-cosines, size, axis=0)[size]
        return linear(np.where(cosines > least, cosines, 0))

    return chosen((fitted(*point) for point in product((20, 50, 100, 200), (0, 10, 30, 100))), data.validation)


def ease(data: Split, seed: int) -> Ranker:
    """EASE (Steck, 2019) in float64, as it is written there."""
    gram = (data.train.matrix.T @ data.train.matrix).toarray().astype(np.float64)

    def fitted(l2: float) -> Ranker:
        inverse = np.linalg.inv(gram + l2 * np.eye(len(gram)))
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0)
        return linear(weights)

    return chosen((fitted(l2) for l2 in (50, 100, 200, 400, 800, 1600)), data.validation)


def ials(data: Split, seed: int) -> Ranker:
    """`implicit`'s alternating least squares; users are computed from what is shown."""
    from implicit.als import AlternatingLeastSquares

    def fitted(factors: int, regularization: float, alpha: float) -> Ranker:
        model = AlternatingLeastSquares(
            factors=factors, regularization=regularization, alpha=alpha, iterations=15, random_state=seed, num_threads=1
        )
        model.fit(data.train.matrix, show_progress=False)

        def rank(shown: csr_matrix) -> np.ndarray:
            users = model.recalculate_user(np.arange(shown.shape[0]), shown)
            return best(users @ model.item_factors.T, shown)

        return rank

    grid = product((16, 64, 128), (10.0, 30.0, 100.0), (1.0, 5.0, 20.0))
    return chosen((fitted(*point) for point in grid), data.validation)


def ours(model: str) -> Callable[[Split, int], Ranker]:
    """`Recommender`, by its public verbs alone."""

    def fit(data: Split, seed: int) -> Ranker:
        words = model.split("+")
        recommender = Recommender(words[0] if len(words) == 1 else tuple(words), random_state=seed, device="cpu")
        recommender.fit(data.train, validation=data.validation)

        def rank(shown: csr_matrix) -> np.ndarray:
            found = recommender.recommend(shown, k=DEPTH)
            ranked = np.full((shown.shape[0], DEPTH), -1)
            ranked[found["user"], found["rank"] - 1] = np.searchsorted(data.train.items, found["item"])
            return ranked

        return rank

    return fit


PEERS = {"popularity": popularity, "item-kNN": neighbours, "EASE, numpy": ease, "iALS, implicit": ials}


def measured(name: str, folder: Path, seed: int) -> list[float]:
    """Metrics on the test, seconds to fit and choose, seconds to rank, MiB that the process grew by."""
    warnings.simplefilter("ignore")  # the children of `spawn` have filters of their own
    frame = pd.read_csv(folder / "xwines_ratings.csv.gz")
    data = split_users(frame.loc[frame.rating >= 4, ["user", "item"]], random_state=seed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    rank = (PEERS[name] if name in PEERS else ours(name))(data, seed)
    middle = time.perf_counter()
    ranked = rank(data.test.history)
    end = time.perf_counter()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return [*metrics(ranked, data.test), middle - start, end - middle, grown / 1024]


def rankings(console: Console, folder: Path, splits: int, names: list[str]) -> None:
    table = Table(title=f"Mean (standard error) over {splits} splits", title_justify="left")
    for column in ("model", "NDCG@100", "Recall@20", "Recall@50", "fit, s", "rank, s", "MiB"):
        table.add_column(column, justify="left" if column == "model" else "right")
    for name in names:
        runs = np.array([apart(measured, name, folder, seed) for seed in range(splits)])
        quality = [f"{mean:.4f}" for mean in runs.mean(0)[:3]]
        if splits > 1:
            errors = runs.std(0, ddof=1)[:3] / np.sqrt(splits)
            quality = [f"{mean} ({error:.4f})" for mean, error in zip(quality, errors, strict=True)]
        table.add_row(name, *quality, *(f"{figure:.1f}" for figure in runs.mean(0)[3:5]), f"{runs[:, 5].max():.0f}")
        console.print(name, *quality, runs[:, 0].round(4).tolist(), style="dim")
    console.print(table)


def apart(run: Callable[..., Any], *arguments: Any) -> Any:
    """Run in a process of its own, whose peak of memory is then the run's."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(run, *arguments).result()


# --- Values


def biases(train: pd.DataFrame, asked: pd.DataFrame) -> np.ndarray:
    """Mean, item bias and user bias, damped by 10 and 5 ratings."""
    mean = train.rating.mean()
    item = (train.rating - mean).groupby(train.item).agg(lambda left: left.sum() / (len(left) + 10))
    left = train.rating - mean - train.item.map(item)
    user = left.groupby(train.user).agg(lambda left: left.sum() / (len(left) + 5))
    return (mean + asked.item.map(item).fillna(0) + asked.user.map(user).fillna(0)).to_numpy()


def values(console: Console, folder: Path, splits: int) -> None:
    frame = pd.read_csv(folder / "xwines_ratings.csv.gz")[["user", "item", "rating"]]
    found: dict[str, list[list[float]]] = {}
    warnings.simplefilter("ignore")  # users and items that are in the test alone
    for seed in range(splits):
        first = np.random.default_rng(seed).random(len(frame)) < 0.8
        train, test = frame[first], frame[~first]
        for name in ("mean of all", "biases, numpy", "bias", "autorec"):
            start = time.perf_counter()
            if name == "mean of all":
                predicted = np.full(len(test), train.rating.mean())
            elif name == "biases, numpy":
                predicted = biases(train, test)
            else:
                model = Recommender(name, random_state=seed, device="cpu").fit(train)
                predicted = np.asarray(model.predict(test[["user", "item"]]))
            wrong = predicted - test.rating.to_numpy()
            figures = [float(np.sqrt(np.mean(wrong**2))), float(np.abs(wrong).mean()), time.perf_counter() - start]
            found.setdefault(name, []).append(figures)
    table = Table("model", "RMSE", "MAE", "s", title=f"Values predicted, means over {splits} splits")
    for name, runs in found.items():
        rmse, mae, seconds = np.mean(runs, axis=0)
        table.add_row(name, f"{rmse:.4f}", f"{mae:.4f}", f"{seconds:.1f}")
    console.print(table)


# --- By name


def by_name(console: Console, folder: Path, name: str, model: str) -> None:
    """Print what is like a wine, and what is recommended to who took it alone."""
    wines = pd.read_csv(folder / "xwines_items.csv.gz").set_index("item")
    wines["label"] = wines.name + ", " + wines.winery
    frame = pd.read_csv(folder / "xwines_ratings.csv.gz")
    recommender = Recommender(model, threshold=4, random_state=0, device="cpu").fit(frame[["user", "item", "rating"]])
    rated = wines.loc[wines.index.isin(frame.item)]
    matches = rated[[all(word in label.lower() for word in name.lower().split()) for label in rated.label]]
    if matches.empty:
        raise SystemExit(f"No wine with ratings has {name!r} in its name and winery.")
    item = frame.item[frame.item.isin(matches.index)].mode().iloc[0]
    for title, found, column in (
        ("Like it", recommender.similar_items([item], k=10), "similar"),
        ("To who took it", recommender.recommend([[item]], k=10), "item"),
    ):
        table = Table(
            title=f"{title}: {wines.label[item]} ({wines.type[item]}, {wines.country[item]})", title_justify="left"
        )
        for heading in ("score", "wine", "type", "country", "region", "grapes"):
            table.add_column(heading)
        for row in found.itertuples():
            wine = wines.loc[getattr(row, column)]
            table.add_row(f"{row.score:.3f}", wine.label, wine.type, wine.country, wine.region, wine.grapes)
        console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared/data/ratings")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--models", nargs="*", default=[*PEERS, *OURS], help="rows; of ours the words of `model=`")
    parser.add_argument("--part", choices=("rankings", "values", "both"), default="both")
    parser.add_argument("--neighbours", metavar="NAME", help="words of a wine's name and winery")
    parser.add_argument("--model", default="auto", help="what --neighbours is answered by")
    asked = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `implicit` asks for, in the processes to come
    console = Console(width=140)
    if asked.neighbours:
        by_name(console, asked.data, asked.neighbours, asked.model)
        return
    if asked.part != "values":
        rankings(console, asked.data, asked.splits, asked.models)
    if asked.part != "rankings":
        values(console, asked.data, asked.splits)


if __name__ == "__main__":
    main()
