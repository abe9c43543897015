"""Pictures made: Frechet distance of samples, ours beside pythae's VAE and beside PCA with a mixture.

    python benchmarks/images_parts/generation.py             # the table: about six minutes on two idle cores
    python benchmarks/images_parts/generation.py --quick     # a look at whether it runs
    python benchmarks/images_parts/generation.py --bce       # with pythae's VAE by its other loss as well

Fashion-MNIST. A small classifier learns the labels of all training pictures; the distance is that of its 64 features
(Heusel et al., 2017, with this classifier), 10,000 samples against the 10,000 test pictures, less is better. Both VAEs
have the same convolutional layers (32, 64, 128 channels, code of 16), see the same 10,000 training pictures for 10
epochs in batches of 128, and give the decoder's mean as the picture. Ours is at its defaults but for the linear path,
which is left out so that the networks are equal, and holds out a tenth of the pictures, as it does by default; pythae's
is at its own, but for a rate of 1e-3 in place of 1e-4, which would have learnt little in so few epochs. "PCA and a
mixture": scikit-learn's GaussianMixture of 10 full covariances on 16 components.

pythae is not installed with Isthmus: it comes from build/peers, as in benchmarks/engine.py.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs by itself as well

from engine_parts.environment import ROOT, with_peers
from images_parts.frechet import Classifier, frechet

from isthmus import Autoencoder, Variational
from isthmus.data.readers.idx import load_idx

DATA = ROOT.parent / "shared" / "data" / "fashion-mnist"
PEERS = ROOT / "build" / "peers"
LATENT, HIDDEN, BATCH, COMPONENTS = 16, (32, 64, 128), 128, 10
HEADING = ("10,000 samples of", "Frechet distance", "seconds to fit", "to sample")


def fashion(part: str, data: Path = DATA) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and labels of "train" or "t10k"."""
    X, y = (load_idx(data / f"{part}-{what}-ubyte.gz") for what in ("images-idx3", "labels-idx1"))
    return np.asarray(X), np.asarray(y).ravel()


def as_bytes(pictures: np.ndarray) -> np.ndarray:
    """Pictures in bytes, as real ones are."""
    return np.clip(np.rint(pictures), 0, 255).astype(np.uint8)


def by_pca(X: np.ndarray, n: int) -> tuple[np.ndarray, float, float]:
    """Samples of a mixture on principal components, and seconds to fit and to sample."""
    start = time.perf_counter()
    flat = X.reshape(len(X), -1).astype(np.float32)
    pca = PCA(LATENT, random_state=0).fit(flat)
    mixture = GaussianMixture(COMPONENTS, random_state=0).fit(pca.transform(flat))
    fitted = time.perf_counter()
    made = as_bytes(pca.inverse_transform(mixture.sample(n)[0])).reshape(n, *X.shape[1:])
    return made, fitted - start, time.perf_counter() - fitted


def by_us(X: np.ndarray, y: np.ndarray, n: int, epochs: int) -> dict[str, tuple[np.ndarray, float, float]]:
    """Samples of our VAE by density, and seconds to fit and to sample."""
    model = Autoencoder(
        LATENT,
        objective=Variational(),
        hidden=HIDDEN,
        linear_path=False,
        batch_size=BATCH,
        max_epochs=epochs,
        patience=None,
        random_state=0,
    )
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    labels = np.random.default_rng(0).choice(y, n)
    asked = {
        "prior": {"density": "prior"},
        "mixture, the default": {},
        "mixture by class": {"condition": {"label": labels}},
    }
    made = {}
    for name, words in asked.items():
        start = time.perf_counter()
        made[name] = (model.sample(n, random_state=0, **words), seconds, time.perf_counter() - start)
    return made


def by_pythae(X: np.ndarray, n: int, epochs: int, loss: str, python: str) -> dict[str, tuple[np.ndarray, float, float]]:
    """Samples of pythae's VAE by sampler, from a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "train.npy", X)
        script = Path(__file__).with_name("pythae_vae.py")
        words = [python, str(script), f"{folder}/train.npy", str(LATENT), str(epochs), str(n), folder, loss]
        path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path}
        )
        if done.returncode:
            sys.exit(f"pythae's VAE failed:\n{done.stderr[-2000:]}")
        seconds = json.loads(done.stdout.splitlines()[-1])
        return {
            name: (np.load(Path(folder) / f"{name}.npy"), seconds["fit"], seconds[name])
            for name in ("normal", "mixture")
        }


def rows(quick: bool = False, bce: bool = False, peers: Path = PEERS) -> list[tuple[str, ...]]:
    """Measure; the heading first.

    Parameters
    ----------
    quick : bool, default=False
        Few pictures and epochs: whether it runs, not what it comes to.
    bce : bool, default=False
        Whether pythae's VAE is trained with its binary cross entropy as well.
    peers : Path
        The environment that pythae is in, or is to be installed in.
    """
    used, n, epochs, lessons = (2000, 1000, 1, 1) if quick else (10_000, 10_000, 10, 2)
    python = with_peers(peers, lambda line: print(line, file=sys.stderr)).python
    X, y = fashion("train")
    test, answers = fashion("t10k")
    classifier = Classifier(X[:used] if quick else X, y[:used] if quick else y, lessons)
    real = classifier.features(test)
    found: list[tuple[str, ...]] = [HEADING]

    def add(name: str, made: np.ndarray, fit: float | None = None, sample: float | None = None) -> None:
        distance = frechet(classifier.features(as_bytes(made)), real)
        found.append((name, f"{distance:.2f}", *("–" if s is None else f"{s:.0f}" for s in (fit, sample))))
        print(found[-1], file=sys.stderr)

    # None of those that the VAEs see: what chance comes to.
    add(f"real training pictures (classifier: {classifier.accuracy(test, answers):.3f})", X[-n:])
    add("PCA and a mixture", *by_pca(X[:used], n))
    for name, made in by_us(X[:used], y[:used], n, epochs).items():
        add(f"ours, {name}", *made)
    for loss in ("mse", "bce") if bce else ("mse",):
        for name, made in by_pythae(X[:used], n, epochs, loss, python).items():
            add(f"pythae VAE ({loss}), {name} sampler", *made)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few pictures and epochs")
    parser.add_argument("--bce", action="store_true", help="pythae's VAE by binary cross entropy as well")
    parser.add_argument("--peers-folder", type=Path, default=PEERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    heading, *lines = rows(arguments.quick, arguments.bce, arguments.peers_folder)
    table = Table(*heading)
    for line in lines:
        table.add_row(*line)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
