"""One training of sae-lens's TopK, in an environment where it is installed.

    python sae_lens_worker.py ROWS.npz RESULT.npz '{"k": 32, ...}'

Rows are the array "train"; what comes back are the encoder and decoder, and the seconds of the processor that training
took. All but the sizes, the steps and the rate is at its default, and so is the rate where none is given.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

import numpy as np
import torch
from sae_lens import TopKTrainingSAE, TopKTrainingSAEConfig
from sae_lens.config import SAETrainerConfig
from sae_lens.training.sae_trainer import SAETrainer


def batches(x: torch.Tensor, size: int) -> Iterator[torch.Tensor]:
    """Batches of all rows in a new order each epoch, without end."""
    while True:
        yield from (x[index] for index in torch.randperm(len(x)).split(size) if len(index) == size)


def main() -> None:
    """Train once."""
    source, target, told = sys.argv[1:]
    options = json.loads(told)
    torch.set_num_threads(1)
    torch.manual_seed(options["seed"])
    x = torch.from_numpy(np.load(source)["train"])
    config = TopKTrainingSAEConfig(d_in=x.shape[1], d_sae=options["width"], k=options["k"], device="cpu")
    rate = options["rate"] or SAETrainerConfig.lr
    steps = options["epochs"] * -(-len(x) // options["batch"])
    trainer = SAETrainer(
        SAETrainerConfig(
            total_training_samples=steps * options["batch"],
            train_batch_size_samples=options["batch"],
            lr_warm_up_steps=100,
            lr_decay_steps=steps // 5,
            lr=rate,
            lr_end=rate / 10,
        ),
        TopKTrainingSAE(config),
        batches(x, options["batch"]),
    )
    start = time.process_time()
    sae = trainer.fit()
    seconds = time.process_time() - start
    sae.fold_W_dec_norm()
    kept = {name: getattr(sae, name).detach().numpy() for name in ("W_enc", "b_enc", "W_dec", "b_dec")}
    np.savez(target, seconds=seconds, **kept)


if __name__ == "__main__":
    main()
