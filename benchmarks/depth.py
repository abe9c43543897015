"""Twelve layers train as well as three: held-out error by depth, with and without the linear path.

    python benchmarks/depth.py

scikit-learn's digits (1,797 rows of 64 pixels in 0..1, 80/20 split by seed), dense layers of 128 units, code of 8;
everything else is left at its default.
"""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits

from isthmus import Autoencoder

DEPTHS = (1, 3, 6, 12)
SEEDS = (0, 1, 2)


def unexplained(depth: int, seed: int, linear_path: bool) -> dict[str, float]:
    """Shares of variance unexplained; smallest and largest gradient norm of a layer in the last epoch."""
    X = load_digits().data / 16
    order = np.random.default_rng(seed).permutation(len(X))
    test, train = X[order[:360]], X[order[360:]]
    ae = Autoencoder(8, hidden=(128,) * depth, linear_path=linear_path, scaling="none", random_state=seed).fit(train)
    last = [norms[-1] for name, norms in ae.gradient_norms_.items() if name.endswith("linear")]
    return {"test": 1 - ae.score(test), "train": 1 - ae.score(train), "least": min(last), "most": max(last)}


def main() -> None:
    """Print the table."""
    table = Table(title=f"Share of variance unexplained, mean of {len(SEEDS)} seeds")
    for column in ("layers a side", "linear path", "held out", "training", "gradient norms of layers, last epoch"):
        table.add_column(column, justify="right")
    for linear_path in (True, False):
        for depth in DEPTHS:
            results = [unexplained(depth, seed, linear_path) for seed in SEEDS]
            means = [f"{np.mean([r[name] for r in results]):.4f}" for name in ("test", "train")]
            norms = f"{min(r['least'] for r in results):.2g} to {max(r['most'] for r in results):.2g}"
            table.add_row(str(depth), "yes" if linear_path else "no", *means, norms)
    Console().print(table)


if __name__ == "__main__":
    main()
