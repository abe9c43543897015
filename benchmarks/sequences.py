"""Sequences: every bar beside what one would use otherwise, in one table.

    python benchmarks/sequences.py                          # all: over half an hour of one core
    python benchmarks/sequences.py --only series gru        # some parts

Each part is a benchmark of its own, which prints more: series.py (strange steps), sound.py (noise, and codes of clips),
text.py (bytes that come back), text_search.py (texts found), recurrent.py (speed of the GRU autoencoder). Data come
from ../shared/data; a figure is one run with one seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import NamedTuple

import recurrent
import series
import sound
import text
import text_search
import torch
from rich.console import Console
from rich.table import Table


class Line(NamedTuple):
    """One figure of the table: higher is better.

    Parameters
    ----------
    what, baseline : str
        What is measured, and what stands beside it.
    theirs, bar, ours : float
    """

    what: str
    baseline: str
    theirs: float
    bar: float
    ours: float


def strange_steps() -> Iterator[Line]:
    for name, bars in series.BARS.items():
        found = series.measured(series.SETS[name](), series.WINDOWS[name])
        ours, pca = found["Isthmus"], found["PCA of windows"]
        yield Line(f"{name}: AUC", "PCA of windows", pca.auc, bars[0], ours.auc)
        if name != "ecg":
            yield Line(f"{name}: AP", "PCA of windows", pca.ap, bars[1], ours.ap)


def noise() -> Iterator[Line]:
    _, noisy, wiener, ours, _ = sound.denoising("auto", 200, None, None, None)
    yield Line("digits in noise, 0 dB: SI-SDR", "Wiener's filter", float(wiener[1]), 7.0, float(ours[1]))
    yield Line("joined to 2 s: STOI", "as they are", float(noisy[2]), float(noisy[2]), float(ours[2]))


def clips() -> Iterator[Line]:
    _, pca, ours = sound.features("auto")
    for i, teller in enumerate(("nearest", "logistic regression"), start=1):
        yield Line(f"digits of other speakers: {teller}", "PCA-32", float(pca[i]), float(pca[i]), float(ours[i]))


def bytes_back() -> Iterator[Line]:
    _, _, ours, pca, *_ = text.figures("the defaults")
    yield Line("wiki-sentences: tokens right", "PCA, same code", float(pca), 0.95, float(ours))


def texts_found() -> Iterator[Line]:
    for size, bar in ((64, 0.699), (128, 0.766)):
        for words, options in (("words", text_search.WORDS), ("parts of words", text_search.PARTS)):
            theirs = float(text_search.line(f"LSA-{size}, {words}", text_search.fitted_lsa(options, size))[1])
            if words == "words":
                ours = float(text_search.line(f"ours, {size}", text_search.fitted_ours(size, "auto"))[1])
            yield Line(f"CLINC150, {size} numbers: 1-NN", f"LSA of {words}", theirs, bar, ours)


def gru() -> Iterator[Line]:
    found = recurrent.measure(4096, 50, 3)
    for name, theirs in found.items():
        if name != "Isthmus":
            yield Line("GRU: sequences / CPU-second", name, theirs, theirs, found["Isthmus"])


PARTS: dict[str, Callable[[], Iterator[Line]]] = {
    "series": strange_steps,
    "noise": noise,
    "clips": clips,
    "text": bytes_back,
    "search": texts_found,
    "gru": gru,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    torch.set_num_threads(1)
    table = Table(title="Sequences", title_justify="left")
    for heading in ("", "beside it", "theirs", "bar", "ours", "met"):
        table.add_column(heading, justify="left" if heading in ("", "beside it") else "right")
    for part in parser.parse_args().only:
        for what, baseline, *figures in PARTS[part]():
            met = "yes" if figures[2] >= figures[1] else "no"
            table.add_row(what, baseline, *(f"{figure:,.4g}" for figure in figures), met)
            Console(stderr=True).print(what, baseline, *figures)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
