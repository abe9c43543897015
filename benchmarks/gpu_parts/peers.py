"""Other people's libraries on a device, each through its public face; one whole fit of a dense network.

As benchmarks/engine_parts/peers.py has them, but for the device, the batch and the rounds' watch. Imports stand
inside: they are seldom all there.
"""

from __future__ import annotations

import logging
import tempfile

import numpy as np
import torch
from engine_parts.jobs import Network
from engine_parts.peers import pythae_pair
from engine_parts.plain import dense
from gpu_parts.cases import RATE
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def pythae(network: Network, X: np.ndarray, epochs: int, batch: int, device: str) -> None:
    """pythae's AE by its TrainingPipeline; it sums the error over columns, and writes the model to a folder."""
    from pythae.models import AE, AEConfig
    from pythae.pipelines import TrainingPipeline
    from pythae.trainers import BaseTrainerConfig

    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=epochs,
            learning_rate=RATE,
            per_device_train_batch_size=batch,
            optimizer_cls="AdamW",
            optimizer_params={"weight_decay": 0.0},
            no_cuda=device == "cpu",
            seed=0,
        )
        model = AE(AEConfig(input_dim=(network.sizes[0],), latent_dim=network.code), *pythae_pair(network))
        TrainingPipeline(model=model, training_config=config)(train_data=X)


def lightning(network: Network, X: np.ndarray, epochs: int, batch: int, device: str) -> None:
    """Lightning's Trainer over a DataLoader, pinned where there is a GPU."""
    import lightning as L

    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)

    class Module(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layers = dense(network.sizes, len(network.encoder))

        def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
            return nn.functional.mse_loss(self.layers(batch[0]), batch[0])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters(), lr=RATE, weight_decay=0.0, fused=True)

    chosen = torch.device(device)
    trainer = L.Trainer(
        max_epochs=epochs,
        accelerator="cpu" if chosen.type == "cpu" else "gpu",
        devices=1 if chosen.type == "cpu" else [chosen.index or 0],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    rows = TensorDataset(torch.from_numpy(X))
    trainer.fit(Module(), DataLoader(rows, batch_size=batch, shuffle=True, pin_memory=chosen.type != "cpu"))
