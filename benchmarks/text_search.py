"""Texts found by their codes, beside latent semantic analysis (LSA) of the same size and TF-IDF as it is.

    python benchmarks/text_search.py                    # about five minutes on one core
    python benchmarks/text_search.py --sizes 64 --quick

CLINC150: each test query is given the intent of the nearest training query, by the cosine; the share that is right. No
label is seen in a fit. wiki: 6,000 sentences are fitted on; of 2,000 others, every second word is to find the rest of
its sentence, and a half of the words, drawn at random, the whole sentence: mean of 1 / rank.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import normalize

from isthmus import Autoencoder, Retriever

DATA = Path("../shared/data")
WORDS = {"sublinear_tf": True}
PARTS = {"sublinear_tf": True, "analyzer": "char_wb", "ngram_range": (2, 4)}
Encode = Callable[[list[str]], Any]
console = Console(width=120)


def clinc(part: str) -> tuple[list[str], np.ndarray]:
    """Queries of a split, and their intents."""
    lines = (DATA / "clinc150/queries.tsv").read_text("utf-8").splitlines()[1:]
    rows = [row for row in (line.split("\t") for line in lines) if row[0] == part]
    return [row[3] for row in rows], np.array([row[2] for row in rows])


def sentences() -> tuple[list[str], list[tuple[list[str], list[str]]]]:
    """Sentences to fit on; pairs of queries and what each is to find."""
    lines = (DATA / "wiki-sentences/sentences.txt").read_text("utf-8").splitlines()
    split = [words for words in (line.split() for line in lines) if len(words) >= 8]
    rng = np.random.default_rng(0)
    others = split[6000:8000]
    half = [[w[i] for i in np.sort(rng.permutation(len(w))[: len(w) // 2])] for w in others]
    pairs = [([w[::2] for w in others], [w[1::2] for w in others]), (half, others)]
    return joined(split[:6000]), [(joined(queries), joined(items)) for queries, items in pairs]


def joined(texts: list[list[str]]) -> list[str]:
    """Words as texts."""
    return [" ".join(words) for words in texts]


def cosines(queries: Any, items: Any) -> np.ndarray:
    """Cosine of each query to each item; codes may be sparse."""
    found: Any = normalize(queries) @ normalize(items).T
    return found if isinstance(found, np.ndarray) else found.toarray()


def fitted_lsa(options: dict[str, Any], size: int | None) -> Callable[[list[str]], Encode]:
    """TF-IDF, and LSA of it where a size is given."""
    steps = [TfidfVectorizer(**options), *([] if size is None else [TruncatedSVD(size, random_state=0)])]
    return lambda texts: make_pipeline(*steps).fit(texts).transform


def fitted_ours(size: int, epochs: int | str) -> Callable[[list[str]], Encode]:
    """Codes of a `Retriever`."""

    def fit(texts: list[str]) -> Encode:
        retriever = Retriever(Autoencoder(size, max_epochs=epochs), kind="bag", random_state=0)
        return retriever.fit(texts).autoencoder_.transform

    return fit


def line(name: str, fit: Callable[[list[str]], Encode]) -> list[str]:
    """Figures of one way to make codes."""
    texts, intents = clinc("train")
    queries, wanted = clinc("test")
    start = time.process_time()
    encode = fit(texts)
    seconds = time.process_time() - start
    right = (intents[cosines(encode(queries), encode(texts)).argmax(1)] == wanted).mean()
    texts, pairs = sentences()
    encode = fit(texts)
    ranks = []
    for queries, items in pairs:
        found = cosines(encode(queries), encode(items))
        ranks.append((1 / (1 + (found > np.diag(found)[:, None]).sum(1))).mean())
    console.print(f"{name}: {right:.4f}", style="dim")
    return [name, f"{right:.4f}", *(f"{rank:.3f}" for rank in ranks), f"{seconds:.0f}"]


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--quick", action="store_true", help="our start alone, without training")
    asked = parser.parse_args()
    lines = [line("TF-IDF, words", fitted_lsa(WORDS, None)), line("TF-IDF, parts of words", fitted_lsa(PARTS, None))]
    for size in asked.sizes:
        lines += [
            line(f"LSA-{size}, words", fitted_lsa(WORDS, size)),
            line(f"LSA-{size}, parts of words", fitted_lsa(PARTS, size)),
            line(f"ours, {size}, before training", fitted_ours(size, 0)),
        ]
        if not asked.quick:
            lines.append(line(f"Retriever(Autoencoder({size}), kind='bag')", fitted_ours(size, "auto")))
    table = Table("", "CLINC150, 1-NN", "wiki, every 2nd word", "wiki, half", "CPU s, CLINC150")
    for row in lines:
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main()
