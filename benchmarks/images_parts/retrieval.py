"""Search: the share of the ten nearest that have the query's label, beside pixels and PCA; and how long a search takes.

    python benchmarks/images_parts/retrieval.py            # Fashion-MNIST, smaller sets, and search
    python benchmarks/images_parts/retrieval.py --quick    # 5,000 pictures: does it run
    python benchmarks/images_parts/retrieval.py --only search

Fashion-MNIST: the 60,000 training pictures are the database, the first 1,000 test pictures the queries; no label is
seen in a fit, and the seconds are those of the fit and of the search for all queries. The smaller sets are
scikit-learn's digits and breast cancer and the ECG beats of ../shared/data, a random fifth of which are the queries,
means over three splits. Search: 1,000 queries, k of 10, a single thread for all, each way in turn, the least of three
times; recall is beside exact search.
"""

from __future__ import annotations

import argparse
import gzip
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from isthmus import Autoencoder, Retriever
from isthmus.tasks.retrieval_parts.approximate import Approximate
from isthmus.tasks.retrieval_parts.exact import search_exact

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
HEADING = ("search", "P@10", "bar", "fit and search, s", "CPU, s")
CPU = torch.device("cpu")
#: What is to be beaten on Fashion-MNIST, by the size of the code.
BARS = {8: 0.79, 32: 0.8198}


def fashion(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and labels of "train" or "t10k"."""

    def values(name: str, shape: tuple[int, ...], skip: int) -> np.ndarray:
        with gzip.open(SHARED / "fashion-mnist" / f"{part}-{name}-ubyte.gz") as file:
            return np.frombuffer(file.read()[skip:], np.uint8).reshape(shape)

    return values("images-idx3", (-1, 28, 28), 16), values("labels-idx1", (-1,), 8)


def precision(found: np.ndarray, labels: np.ndarray, wanted: np.ndarray) -> float:
    """Share of the items found that have the query's label."""
    return float((labels[found] == wanted[:, None]).mean())


def flat(X: np.ndarray, scale: np.ndarray | float = 1.0) -> np.ndarray:
    return (X.reshape(len(X), -1) / scale).astype(np.float32)


def by_pca(k: int, X: np.ndarray, queries: np.ndarray) -> np.ndarray:
    pca = PCA(k, random_state=0).fit(X)
    return search_exact(*(pca.transform(rows).astype(np.float32) for rows in (X, queries)), 10, CPU)[0]


def rows(quick: bool = False) -> list[tuple[str, ...]]:
    """Fashion-MNIST: raw pixels, PCA and ours."""
    (X, labels), (queries, wanted) = fashion("train"), fashion("t10k")
    queries, wanted = queries[:1000], wanted[:1000]
    if quick:
        X, labels = X[:5000], labels[:5000]
    told: list[tuple[str, ...]] = []

    def tell(name: str, find: Callable[[], np.ndarray], bar: float | None = None) -> None:
        start, cpu = time.perf_counter(), time.process_time()
        found = find()
        seconds = time.perf_counter() - start, time.process_time() - cpu
        # Bars are those of the whole database.
        said = "" if bar is None or quick else f"> {bar}"
        told.append((name, f"{precision(found, labels, wanted):.4f}", said, *(f"{s:.0f}" for s in seconds)))

    pixels, asked = flat(X, 255.0), flat(queries, 255.0)
    tell("raw pixels, 784", lambda: search_exact(pixels, asked, 10, CPU)[0])
    for k, bar in BARS.items():
        tell(f"PCA, {k}", lambda k=k: by_pca(k, pixels, asked))
        fit = Retriever(Autoencoder(k, max_epochs=3 if quick else "auto"), random_state=0, device="cpu")
        tell(f"Isthmus, {k}", lambda fit=fit: fit.fit(X).search(queries, 10)[0], bar)
    return told


def others(quick: bool = False) -> list[tuple[str, ...]]:
    """P@10 of raw rows, PCA and ours on smaller sets, means over splits."""
    sets = {
        "digits (pictures of 8 x 8)": (load_digits().images, load_digits().target, (4, 8)),
        "breast cancer (30 columns)": (*load_breast_cancer(return_X_y=True), (2, 4)),
    }
    beats = SHARED / "ecg5000-train500" / "beats.csv"
    if beats.exists():
        values = np.genfromtxt(beats, delimiter=",", skip_header=1)
        sets["ECG beats (140 steps)"] = (values[:, :-1, None], values[:, -1], (2, 4))
    told = []
    for name, (X, y, sizes) in sets.items():
        for k in sizes:
            figures = []
            for seed in range(1 if quick else 3):
                order = np.random.default_rng(seed).permutation(len(X))
                out, kept = order[: len(X) // 5], order[len(X) // 5 :]
                pixels = X.ndim > 2
                scale = 1.0 if pixels else X[kept].std(0)
                raw, asked = flat(X[kept], scale), flat(X[out], scale)
                fit = Retriever(Autoencoder(k, max_epochs=3 if quick else "auto"), random_state=seed, device="cpu")
                each = (
                    search_exact(raw, asked, 10, CPU)[0],
                    by_pca(k, raw, asked),
                    fit.fit(X[kept]).search(X[out], 10)[0],
                )
                figures.append([precision(found, y[kept], y[out]) for found in each])
            told.append((name, str(k), *(f"{mean:.3f}" for mean in np.mean(figures, 0))))
    return told


def searching(quick: bool = False) -> list[tuple[str, ...]]:
    """Seconds of 1,000 queries by each way, and the share of the ten nearest that it finds."""
    import faiss

    faiss.omp_set_num_threads(1)
    torch.set_num_threads(1)
    told = []
    for n, d in ((20_000, 32),) if quick else ((60_000, 8), (60_000, 32), (500_000, 32)):
        # Codes come in clusters.
        random = np.random.default_rng(0)
        means = random.normal(size=(100, d)) * 2
        codes, queries = (
            (means[random.integers(100, size=m)] + random.normal(size=(m, d))).astype(np.float32) for m in (n, 1000)
        )
        flat_index = faiss.IndexFlatL2(d)
        flat_index.add(codes)
        brute = NearestNeighbors(n_neighbors=10, algorithm="brute", n_jobs=1).fit(codes)
        ways: dict[str, Callable[[], np.ndarray]] = {
            "ours, exact": lambda c=codes, q=queries: search_exact(c, q, 10, CPU)[0],
            "faiss, flat": lambda f=flat_index, q=queries: f.search(q, 10)[1],
            "scikit-learn, brute": lambda b=brute, q=queries: b.kneighbors(q, return_distance=True)[1],
        }
        made = {"ours, exact": 0.0, "faiss, flat": 0.0, "scikit-learn, brute": 0.0}
        for name in ("hnsw", "ivfpq"):
            start = time.perf_counter()
            index = Approximate(name, codes)
            made[f"ours, {name}"] = time.perf_counter() - start
            ways[f"ours, {name}"] = lambda i=index, q=queries: i.search(q, 10)[0]
        least, found = dict.fromkeys(ways, np.inf), {}
        for _ in range(3):
            for name, search in ways.items():
                start = time.perf_counter()
                found[name] = search()
                least[name] = min(least[name], time.perf_counter() - start)
        right = found["ours, exact"]
        for name in ways:
            recall = np.mean([len(set(a) & set(b)) for a, b in zip(found[name], right, strict=True)]) / 10
            told.append((f"{n:,} x {d}", name, f"{least[name]:.3f}", f"{recall:.4f}", f"{made[name]:.1f}"))
    return told


PARTS = {
    "fashion": (rows, "Fashion-MNIST", HEADING),
    "others": (others, "Other data, P@10", ("set", "code", "raw", "PCA", "Isthmus")),
    "search": (searching, "1,000 queries", ("codes", "by", "search, s", "recall@10", "made in, s")),
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="*", choices=list(PARTS), default=list(PARTS))
    given = parser.parse_args()
    for name in given.only:
        part, title, heading = PARTS[name]
        table = Table(*heading, title=title)
        for row in part(given.quick):
            table.add_row(*row)
        Console(width=120).print(table)


if __name__ == "__main__":
    main()
