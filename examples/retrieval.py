"""Handwritten digits that look like a given one: a database to search, beside pixels and PCA.

You learn here how a Retriever is fitted without labels, asked, added to and taken from, and how to see by labels that
you happen to have whether its short codes find what you are after: of the ten pictures found, how many show the same
digit as the query?

    python examples/retrieval.py               # scikit-learn's digits
    python examples/retrieval.py photos/       # a folder of pictures of one size: what is like the first ones

Writes retrieval.html: queries with what was found. ISTHMUS_QUICK=1 cuts training short.
"""

import os
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from isthmus import Autoencoder, Retriever
from isthmus.data import read
from isthmus.evaluation import neighbours_figure

EPOCHS = 10 if os.environ.get("ISTHMUS_QUICK") else "auto"
SIZE = 4


def same_digit(found: np.ndarray, labels: np.ndarray, wanted: np.ndarray) -> float:
    """Share of the items found that have the query's label."""
    return float((labels[found] == wanted[:, None]).mean())


def nearest(items: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Positions of the ten items nearest to each query."""
    return NearestNeighbors(n_neighbors=10).fit(items).kneighbors(queries, return_distance=False)


def digits() -> None:
    images, labels = load_digits().images, load_digits().target
    X, y, queries, wanted = images[:1500], labels[:1500], images[1500:], labels[1500:]
    retriever = Retriever(Autoencoder(SIZE, max_epochs=EPOCHS), random_state=0).fit(X)

    pixels, asked = X.reshape(len(X), -1), queries.reshape(len(queries), -1)
    pca = PCA(SIZE).fit(pixels)
    print(f"{len(X)} pictures, {len(queries)} queries. Of the ten found, so many show the same digit:")
    print(f"  all 64 pixels       {same_digit(nearest(pixels, asked), y, wanted):.3f}")
    print(
        f"  PCA, {SIZE} numbers      {same_digit(nearest(pca.transform(pixels), pca.transform(asked)), y, wanted):.3f}"
    )
    print(f"  Isthmus, {SIZE} numbers  {same_digit(retriever.search(queries, 10)[0], y, wanted):.3f}")
    neighbours_figure(retriever, queries[:8], X, k=8).write_html("retrieval.html")

    first = queries[:1]
    before, _ = retriever.search(first, 3)
    retriever.add(first, ids=[9000])
    ids, distances = retriever.search(first, 3)
    print(f"The first query finds {before[0].tolist()}. Added as 9000, it finds {ids[0].tolist()},")
    print(f"itself at a distance of {distances[0, 0]:.3f}.")
    retriever.remove(9000)
    assert retriever.search(first, 3)[0].tolist() == before.tolist()


def folder(path: Path) -> None:
    photos = read(path)
    retriever = Retriever(Autoencoder(min(32, len(photos)), max_epochs=EPOCHS), random_state=0).fit(photos)
    some = photos.take(np.arange(min(8, len(photos))))
    k = min(9, len(photos))
    for name, ids in zip(some.row_names or (), retriever.search(some, k)[0], strict=True):
        print(f"{name} is like {', '.join(ids[1:4])}")  # the first hit is the picture itself
    neighbours_figure(retriever, some, photos, k=k).write_html("retrieval.html")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        folder(Path(sys.argv[1]))
    else:
        digits()
    print("Queries and what was found: retrieval.html")
