"""The pictures of docs/guide/gallery.md: what each kind of autoencoder makes of Fashion-MNIST.

    python benchmarks/gallery.py                      # all of them, some minutes
    python benchmarks/gallery.py --only sparse ordered

20,000 training pictures (all 60,000 for neighbours), test pictures shown; seed 0. Dense networks: with one hidden layer
of 256 units, with two of 512 and 256 for samples and neighbours, and with none where weights are shown.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from isthmus import Autoencoder, Denoising, Retriever, read
from isthmus.objectives import Sparse

DATA = Path("../shared/data/fashion-mnist")
OUT = Path("docs/guide/gallery")
SIDE, GAP, ZOOM, ROWS = 28, 2, 2, 20_000
SHOWN = 12


@cache
def pictures(part: str) -> np.ndarray:
    """Rows of 784 pixels in 0..1."""
    X = read(DATA / f"{part}-images-idx3-ubyte.gz").values.reshape(-1, SIDE * SIDE)
    return X[:ROWS].astype(np.float32) / 255


def fit(objective: Any, code: int = 32, **params: Any) -> Autoencoder:
    """Fit on the training pictures."""
    given: dict[str, Any] = {"hidden": (256,), "loss": "bce", "scaling": "none", "random_state": 0}
    return Autoencoder(code, objective=objective, **given | params).fit(pictures("train"))


def save(name: str, rows: Sequence[np.ndarray], signed: bool = False) -> None:
    """Write rows of pictures as one; `signed` ones have 0 as mid grey, each scaled to its largest value."""
    shown = []
    for row in rows:
        tiles = np.asarray(row, np.float32).reshape(-1, SIDE, SIDE)
        if signed:
            tiles = 0.5 + 0.5 * tiles / np.abs(tiles).max((1, 2), keepdims=True).clip(1e-9)
        tiles = np.pad(tiles.clip(0, 1), ((0, 0), (GAP, GAP), (GAP, GAP)), constant_values=1.0 if signed else 0.0)
        shown.append(np.concatenate(list(tiles), 1))
    grid = (255 * np.concatenate(shown, 0)).round().astype(np.uint8)
    image = Image.fromarray(255 - grid if not signed else grid)
    OUT.mkdir(parents=True, exist_ok=True)
    image.resize((image.width * ZOOM, image.height * ZOOM), Image.Resampling.NEAREST).save(
        OUT / f"{name}.png", optimize=True
    )


def plain() -> None:
    """Test pictures, PCA's and ours from codes of 16."""
    ae, test = fit(None, 16), pictures("t10k")[:SHOWN]
    again = ae.pca_.reconstruct(_tensor(test)).numpy()
    save("plain", [test, again, ae.reconstruct(test)])


def denoising() -> None:
    """Corrupted pictures, and what is made of them."""
    ae, test = fit(Denoising("mask", (0.2, 0.7))), pictures("t10k")[:SHOWN]
    noisy = test * (np.random.default_rng(0).random(test.shape) >= 0.5)
    save("denoising", [test, noisy.astype(np.float32), ae.reconstruct(noisy.astype(np.float32))])


def sparse() -> None:
    """The decoder's columns that are used most."""
    ae = fit(Sparse("topk", k=16), 512, hidden=(), loss="mse")
    codes = ae.transform(pictures("t10k"))
    often = np.argsort(-(codes != 0).mean(0), kind="stable")[: 4 * SHOWN]
    base = ae.inverse_transform(np.zeros((1, codes.shape[1]), np.float32))
    columns = ae.inverse_transform(np.eye(codes.shape[1], dtype=np.float32)[often]) - base
    save("sparse", columns.reshape(4, SHOWN, -1), signed=True)


def contractive() -> None:
    """The first layer's weights: what the code looks at."""
    ae = fit("contractive(0.1)", 4 * SHOWN, hidden=(), code_activation="sigmoid", loss="bce")
    weights = next(p for name, p in ae.network_.named_parameters() if p.ndim == 2 and p.shape[1] == SIDE * SIDE)
    save("contractive", weights.detach().numpy()[: 4 * SHOWN].reshape(4, SHOWN, -1), signed=True)


def _samples(objective: str) -> Autoencoder:
    """Fit, and save samples under the name of the objective."""
    ae = fit(objective, 10, hidden=(512, 256), max_epochs=25)
    save(objective.partition("(")[0], ae.sample(3 * SHOWN, random_state=0, density="prior").reshape(3, SHOWN, -1))
    return ae


def variational() -> None:
    """Samples from the prior, and the way between two pictures."""
    ae, test = _samples("variational(warmup=0.2)"), pictures("t10k")
    ways = [ae.interpolate(test[i : i + 1], test[j : j + 1], steps=SHOWN) for i, j in ((0, 1), (2, 3), (4, 5))]
    save("interpolation", ways)


def adversarial() -> None:
    """Samples from the prior."""
    _samples("adversarial")


def wasserstein() -> None:
    """Samples from the prior."""
    _samples("wasserstein")


def vector_quantised() -> None:
    """The pictures that entries of the codebook stand for."""
    ae = fit("vector_quantised(codes=48)", 16)
    codes = np.unique(ae.transform(pictures("train")), axis=0)[: 4 * SHOWN]
    shown = ae.inverse_transform(codes)
    full = np.concatenate([shown, np.zeros((-len(shown) % SHOWN, shown.shape[1]), shown.dtype)])
    save("vector_quantised", full.reshape(-1, SHOWN, full.shape[1]))


def ordered() -> None:
    """Reconstructions by 1, 2, 4, 8, 16 and 32 units of the same code."""
    ae, test = fit("ordered", 32), pictures("t10k")[:SHOWN]
    save("ordered", [test, *(ae.truncate(k).reconstruct(test) for k in (1, 2, 4, 8, 16, 32))])


def neighbours() -> None:
    """Test pictures, and below each those of all training pictures whose codes are nearest."""
    train, test = (read(DATA / f"{part}-images-idx3-ubyte.gz").values for part in ("train", "t10k"))
    found = Retriever(Autoencoder(8), random_state=0).fit(train).search(test[:SHOWN], 5)[0]
    save("neighbours", [rows / 255 for rows in (test[:SHOWN], *train[found.T])])


def _tensor(rows: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(rows)


PICTURES: dict[str, Callable[[], None]] = {
    make.__name__: make
    for make in (
        *(plain, denoising, sparse, contractive, variational, adversarial),
        *(wasserstein, vector_quantised, ordered, neighbours),
    )
}


def main() -> None:
    """Make the pictures asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=list(PICTURES), default=list(PICTURES))
    warnings.simplefilter("ignore", RuntimeWarning)
    for name in parser.parse_args().only:
        PICTURES[name]()
        print(f"{OUT / name}.png")


if __name__ == "__main__":
    main()
