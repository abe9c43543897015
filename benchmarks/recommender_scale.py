"""A recommender at scale: 1,000,000 users x 100,000 items x 50 million synthetic interactions, on two cores.

Run: `python benchmarks/recommender_scale.py [--model "elsa"] [--users 1000000] [--items 100000] [--mean 50]`. It prints
seconds of the fit, peak memory of the process (data included), users scored per second (top 20, what they have taken
hidden), and NDCG@100 and Recall@20 on users held out, beside popularity.

The data: items are popular by a power law and belong to clusters; a user has three clusters and takes most from these,
by popularity, and the rest from all; histories are log-normal in size. Nothing dense is made.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from scipy import sparse

from isthmus.data.raw import Csr
from isthmus.tasks.recommending_parts.base import Holdout, Model, Settings
from isthmus.tasks.recommending_parts.models import make_model
from isthmus.tasks.recommending_parts.popularity import Popularity
from isthmus.tasks.recommending_parts.ranking import hits, ndcg, recall

#: Users made at once, held out, and of those scored for the clock.
CHUNK = 50_000
HELD = 10_000
#: Share of a history that is from the user's own clusters; exponent of popularity; spread of log sizes.
OWN = 0.7
EXPONENT = 0.9
SPREAD = 0.8


def synthetic(users: int, items: int, mean: float, clusters: int = 500, seed: int = 0) -> Csr:
    """Interactions of many users, float32 csr_matrix (users, items) with int32 indices, the same for the same seed."""
    rng = np.random.default_rng(seed)
    # Items of a cluster stand together, so that a draw within it is a draw from a stretch of one cumulated sum.
    edges = np.linspace(0, items, clusters + 1).astype(np.int64)
    popularity = rng.permutation(np.arange(1, items + 1, dtype=float) ** -EXPONENT)
    reach = np.concatenate([[0], np.cumsum(popularity)])
    # Columns are shuffled, so that the order of items tells nothing.
    names = rng.permutation(items).astype(np.int32)
    indices, sizes = [], []
    for start in range(0, users, CHUNK):
        m = min(CHUNK, users - start)
        wanted = np.clip(rng.lognormal(np.log(mean * 1.25) - SPREAD**2 / 2, SPREAD, m), 5, 2000).astype(np.int64)
        user = np.repeat(np.arange(m), wanted)
        liked = rng.integers(clusters, size=(m, 3))[user, rng.integers(3, size=len(user))]
        own = rng.random(len(user)) < OWN
        low = np.where(own, reach[edges[liked]], 0)
        high = np.where(own, reach[edges[liked + 1]], reach[-1])
        item = np.searchsorted(reach, low + rng.random(len(user)) * (high - low), side="right") - 1
        keys = np.unique(user * items + names[item.clip(0, items - 1)])
        indices.append((keys % items).astype(np.int32))
        sizes.append(np.bincount(keys // items, minlength=m))
    columns = np.concatenate(indices)
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(sizes))])
    indptr = indptr.astype(np.int32) if indptr[-1] < 2**31 else indptr
    return sparse.csr_matrix((np.ones(len(columns), np.float32), columns, indptr), shape=(users, items))


def folded(users: Csr, seed: int) -> Holdout:
    """Hide a fifth of each history."""
    rng = np.random.default_rng(seed)
    rows = np.repeat(np.arange(users.shape[0]), np.diff(users.indptr))
    order = np.lexsort((rng.random(users.nnz), rows))
    place = np.empty(users.nnz, np.int64)
    place[order] = np.arange(users.nnz) - users.indptr[rows]
    target = place < 0.2 * np.diff(users.indptr)[rows]
    parts = [
        sparse.csr_matrix((users.data[which], (rows[which], users.indices[which])), shape=users.shape)
        for which in (~target, target)
    ]
    return Holdout(*parts)


def judged(model: Model, test: Holdout) -> str:
    """NDCG@100 and Recall@20."""
    found = hits(model.top(test.history, 100, test.history)[0], test.targets)
    return (
        f"NDCG@100 {np.nanmean(ndcg(found, test.targets)):.4f}  "
        f"Recall@20 {np.nanmean(recall(found[:, :20], test.targets)):.4f}"
    )


def peak() -> float:
    """Peak resident memory of this process, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Make the data, fit, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="elsa")
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--mean", type=float, default=50.0)
    given = parser.parse_args()
    start = time.perf_counter()
    data = synthetic(given.users + 2 * HELD, given.items, given.mean)
    train = data[: given.users]
    aside, test = folded(data[given.users : given.users + HELD], 1), folded(data[given.users + HELD :], 2)
    print(
        f"{train.shape[0]:,} users x {train.shape[1]:,} items, {train.nnz:,} interactions: made in "
        f"{time.perf_counter() - start:.0f} s, peak {peak():.1f} GiB",
        flush=True,
    )
    popular = Popularity().fit(train, None, Settings(seed=0))
    print(f"popularity: {judged(popular, Holdout(test.history[:2000], test.targets[:2000]))}", flush=True)
    start = time.perf_counter()
    model = make_model(given.model).fit(train, aside, Settings(seed=0))
    print(
        f"{given.model}: fitted in {time.perf_counter() - start:.0f} s, peak {peak():.1f} GiB {model.chosen}",
        flush=True,
    )
    model.top(test.history[:500], 20, test.history[:500])
    start = time.perf_counter()
    model.top(test.history, 20, test.history)
    took = time.perf_counter() - start
    print(f"top 20 of {HELD:,} users in {took:.2f} s: {HELD / took:,.0f} users a second", flush=True)
    print(f"{given.model}: {judged(model, test)}, peak {peak():.1f} GiB")


if __name__ == "__main__":
    main()
