"""Training a convolutional autoencoder: pictures per CPU-second, ours beside a plain PyTorch loop and pythae.

    python benchmarks/images_parts/throughput.py             # three rounds, in turn
    python benchmarks/images_parts/throughput.py --quick     # one short round

All train the same layers (28 x 28 pixels, 32, 64 and 128 channels, code of 32, no linear path) on the same pictures of
noise in batches of 128 by Adam on the mean squared error, on one thread of one process, in turn: A B C A B C ...
Counted are CPU-seconds of the epochs after the first, so without what is done once (ours sets up its PCA); ours looks
at the loss of 128 of the same pictures, given as validation, after each epoch, pythae copies its model. Medians of the
rounds are shown, and of the ratios to the plain loop's figure in the same round. bf16 is autocast to bfloat16, which
processors with AVX512-BF16 or AMX multiply faster.

pythae is not installed with Isthmus: all runs in the environment of build/peers, as in benchmarks/engine.py.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs by itself as well

from engine_parts.environment import ROOT, with_peers

from isthmus import Autoencoder
from isthmus.networks.base import Layout
from isthmus.networks.conv import build_image

PEERS = ROOT / "build" / "peers"
LATENT, HIDDEN, BATCH, RATE = 32, (32, 64, 128), 128, 1e-3
HEADING = ("one thread", "pictures a CPU-second", "over the plain loop")
PLAIN = "plain loop, channels_last"
#: Gives CPU-seconds at the end of each epoch.
Contender = Callable[[np.ndarray, int], list[float]]


def pair(code_dim: int = LATENT) -> tuple[nn.Module, nn.Module]:
    """The layers that all train."""
    torch.manual_seed(0)
    return build_image(Layout((1, 28, 28), latent_dim=LATENT, code_dim=code_dim, hidden=HIDDEN))


def ours(X: np.ndarray, epochs: int, precision: str = "float32") -> list[float]:
    """Isthmus."""
    ends: list[float] = []
    Autoencoder(
        LATENT,
        hidden=HIDDEN,
        linear_path=False,
        loss="mse",
        batch_size=BATCH,
        learning_rate=RATE,
        max_epochs=epochs,
        patience=None,
        validation_fraction=0,
        random_state=0,
        precision=precision,
        callbacks=[lambda record: ends.append(time.process_time())],
    ).fit(X, validation=X[:BATCH])
    return ends[-epochs:]


def plain(X: np.ndarray, epochs: int, last: bool = True, half: bool = False) -> list[float]:
    """A loop over resident rows, batches by index, autograd, the fused Adam; `last`: channels last in memory."""
    encoder, decoder = pair()
    x = torch.from_numpy(X)[:, None].sub(X.mean()).div(X.std())
    network = nn.Sequential(encoder, decoder)
    if last:
        network = network.to(memory_format=torch.channels_last)
    else:
        encoder.entry = nn.Identity()
    optimizer = torch.optim.Adam(network.parameters(), RATE, fused=True)
    ends = []
    for _ in range(epochs):
        for index in torch.randperm(len(x)).split(BATCH):
            batch = x[index]
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                made = network(batch)
            nn.functional.mse_loss(made.float(), batch).backward()
            optimizer.step()
        ends.append(time.process_time())
    return ends


def pythae(X: np.ndarray, epochs: int) -> list[float]:
    """pythae's AE by its TrainingPipeline."""
    from pythae.models import AE, AEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.pipelines import TrainingPipeline
    from pythae.trainers import BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback

    down, up = pair()
    ends: list[float] = []

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            BaseEncoder.__init__(self)
            self.layers = down

        def forward(self, x: Tensor) -> ModelOutput:
            return ModelOutput(embedding=self.layers(x))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            BaseDecoder.__init__(self)
            self.layers = up

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.layers(z))

    class Ends(TrainingCallback):
        def on_epoch_end(self, training_config: BaseTrainerConfig, **kwargs: object) -> None:
            ends.append(time.process_time())

    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=epochs,
            learning_rate=RATE,
            per_device_train_batch_size=BATCH,
            optimizer_cls="Adam",
            no_cuda=True,
            seed=0,
        )
        model = AE(AEConfig(input_dim=(1, 28, 28), latent_dim=LATENT), Encoder(), Decoder())
        TrainingPipeline(model=model, training_config=config)(train_data=X[:, None], callbacks=[Ends()])
    return ends


CONTENDERS: dict[str, Contender] = {
    "ours": ours,
    PLAIN: plain,
    "plain loop, channels first": lambda X, epochs: plain(X, epochs, last=False),
    "pythae AE": pythae,
    "ours, bf16": lambda X, epochs: ours(X, epochs, "bf16"),
    "plain loop, channels_last, bf16": lambda X, epochs: plain(X, epochs, half=True),
}


def measured(pictures: int, epochs: int, repeats: int) -> dict[str, list[float]]:
    """Pictures per CPU-second of each contender in each round."""
    torch.set_num_threads(1)
    X = np.random.default_rng(0).random((pictures, 28, 28), dtype=np.float32)
    rates: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for fit in CONTENDERS.values():
        fit(X[: 2 * BATCH], 2)  # libraries import parts of themselves, and convolutions are prepared, at the first step
    for _ in range(repeats):
        for name, fit in CONTENDERS.items():
            ends = fit(X, epochs)
            rates[name].append(pictures * (epochs - 1) / (ends[-1] - ends[0]))
            print(f"{name}: {rates[name][-1]:.0f}", file=sys.stderr)
    return rates


def rows(quick: bool = False, peers: Path = PEERS) -> list[tuple[str, ...]]:
    """Measure, in the environment of the peers; the heading first."""
    python = with_peers(peers, lambda line: print(line, file=sys.stderr)).python
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    one = {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    sizes = ["512", "2", "1"] if quick else ["2048", "3", "3"]
    words = [python, str(Path(__file__).resolve()), "--measure", *sizes]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **one})
    rates = json.loads(done.stdout.splitlines()[-1])
    found: list[tuple[str, ...]] = [HEADING]
    for name, values in rates.items():
        ratio = np.median(np.divide(values, rates[PLAIN]))
        found.append((name, f"{np.median(values):,.0f}", f"{ratio:.2f}"))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--measure", nargs=3, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--peers-folder", type=Path, default=PEERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # what libraries print goes to the error stream
        print(json.dumps(measured(*arguments.measure)), file=answers, flush=True)
        return
    heading, *lines = rows(arguments.quick, arguments.peers_folder)
    table = Table(*heading)
    for line in lines:
        table.add_row(*line)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
