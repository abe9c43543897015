"""Approximate search by faiss: candidates in less time than it takes to look at all items."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from isthmus.exceptions import ParameterError
from isthmus.tasks.retrieval_parts.exact import at_once, measure, search_exact

#: Links of an item in the graph, and how widely it is searched: when it is made, and at least when it is asked.
LINKS, MAKING, ASKING = 32, 80, 64
#: Items that faiss wants for each cell and for each of the 256 values of a byte to learn them.
PER_CELL, LEAST_ITEMS = 39, 39 * 256
#: Share of the cells that are looked into.
PROBED = 1 / 8
#: Candidates for each item asked for, which are measured by their codes.
WIDER = 4


def _hnsw(faiss: Any, codes: np.ndarray) -> Any:
    """A graph of near items, in layers (Malkov and Yashunin, 2018)."""
    index = faiss.IndexHNSWFlat(codes.shape[1], LINKS)
    index.hnsw.efConstruction = MAKING
    index.add(codes)
    return index


def _ivfpq(faiss: Any, codes: np.ndarray) -> Any:
    """Cells about means, and within them a byte for every two units (Jegou et al., 2011)."""
    n, d = codes.shape
    cells = max(1, min(int(4 * math.sqrt(n)), n // PER_CELL))
    index = faiss.IndexIVFPQ(faiss.IndexFlatL2(d), d, cells, d // 2 if d % 2 == 0 else d, 8)
    index.train(codes)
    index.add(codes)
    index.nprobe = max(1, round(PROBED * cells))
    return index


#: Kinds of index by name.
INDEXES = {"hnsw": _hnsw, "ivfpq": _ivfpq}
#: Items that an index cannot do without.
FEWEST_ITEMS = {"ivfpq": LEAST_ITEMS}


class Approximate:
    """An index of faiss over codes, whose candidates are measured by the codes themselves.

    Parameters
    ----------
    name : {"hnsw", "ivfpq"}
    codes : ndarray of float32 of shape (n, d)
        At least as many as `FEWEST_ITEMS` says.

    Raises
    ------
    ParameterError
        Where faiss is not installed.
    """

    def __init__(self, name: str, codes: np.ndarray):
        self.name = name
        self.codes = np.ascontiguousarray(codes)
        self.index = INDEXES[name](import_faiss(name), self.codes)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find about the k nearest codes of each query: positions and distances, (m, k) each, as of `search_exact`."""
        wide = min(WIDER * k, len(self.codes))
        if self.name == "hnsw":
            self.index.hnsw.efSearch = max(ASKING, wide)
        _, candidates = self.index.search(np.ascontiguousarray(queries), wide)
        size = at_once(wide, self.codes.shape[1])
        found = [
            self._ordered(queries[i : i + size], candidates[i : i + size], k) for i in range(0, len(queries), size)
        ]
        return np.concatenate([p for p, _ in found]), np.concatenate([d for _, d in found])

    def _ordered(self, queries: np.ndarray, candidates: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Measure candidates (m, j) and keep the k nearest."""
        # Where an index finds fewer than it is asked for, it fills up with -1.
        short = (candidates >= 0).sum(1) < k
        candidates = np.sort(candidates, 1)
        distances = np.where(candidates < 0, np.inf, measure(self.codes, queries, candidates))
        order = distances.argsort(1, kind="stable")[:, :k]
        positions, distances = np.take_along_axis(candidates, order, 1), np.take_along_axis(distances, order, 1)
        for row in np.flatnonzero(short):
            positions[row], distances[row] = self._all(queries[row], k)
        return positions, distances

    def _all(self, query: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Look at every item, for a query of which the index found too few."""
        positions, distances = search_exact(self.codes, query[None], k, torch.device("cpu"))
        return positions[0], distances[0]


def check_items(name: str, n: int) -> None:
    """Refuse an index that cannot be made of so few items."""
    if n < FEWEST_ITEMS.get(name, 0):
        raise ParameterError(
            f"Retriever: index={name!r} needs at least {FEWEST_ITEMS[name]:,} items, but there are {n:,}; 'exact' is "
            "as fast for so few."
        )


def import_faiss(name: str) -> Any:
    """Import faiss, or say which extra brings it."""
    try:
        import faiss  # noqa: PLC0415 - optional
    except ImportError as error:
        raise ParameterError(
            f"Retriever: index={name!r} needs faiss, which is not installed: pip install 'isthmus[index]', or use "
            "index='exact', which needs nothing."
        ) from error
    return faiss
