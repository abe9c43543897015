"""Pictures: all figures that Isthmus is held to, each beside what a person would otherwise use.

    python benchmarks/images.py                          # hours on two cores: see --only and --minutes
    python benchmarks/images.py --only mending --minutes 20 --models /tmp/models
    python benchmarks/images.py --quick                  # does it run

mending: noise and holes on Kodak's pictures, learnt from BSDS500's. retrieval: the share of the ten nearest with the
query's label on Fashion-MNIST. generation: Frechet distance of samples, beside pythae's VAE. throughput: convolutional
training beside a plain loop and pythae. Data are looked for in ../shared/data; peers are opencv-python-headless,
scikit-image, faiss-cpu and, in an environment of its own, pythae. Each part is a script of its own as well.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "images_parts"))

import generation
import mending
import retrieval
import throughput

Tables = list[tuple[str, list[tuple[str, ...]]]]


def tables(quick: bool, minutes: float, models: Path | None) -> dict[str, Callable[[], Tables]]:
    """What each part prints, by its name: titles and tables, the heading of each its first line."""
    few, minutes = (2, 0.2) if quick else (None, minutes)
    return {
        "mending": lambda: [
            ("Noise", mending.denoising(minutes, few, models)),
            ("Holes", mending.filling(minutes, few, models)),
        ],
        "retrieval": lambda: [("Search, Fashion-MNIST", [retrieval.HEADING, *retrieval.rows(quick)])],
        "generation": lambda: [("Samples, Fashion-MNIST", generation.rows(quick))],
        "throughput": lambda: [("Convolutional training", throughput.rows(quick))],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tables(True, 0, None))
    parser.add_argument("--minutes", type=float, default=45.0, help="of each fit on pictures of any size")
    parser.add_argument("--models", type=Path, help="folder to keep what was fitted in, and to take it from")
    parser.add_argument("--quick", action="store_true", help="little of everything: does it run")
    asked = parser.parse_args()
    for name, part in tables(asked.quick, asked.minutes, asked.models).items():
        if asked.only in (None, name):
            for title, lines in part():
                mending.show(title, lines)
