"""Contenders that are other people's libraries, each through its public face.

Each takes a job, does one whole fit, and gives the number of rows that passed through training. Imports stand inside:
a process holds one library only, and it imports it in a fit that is not timed.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from typing import Any

import torch
from engine_parts.jobs import BATCH, RATE, Job, Network, Reached
from engine_parts.plain import dense, held_loss, network_of
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def pyod(job: Job) -> int:
    """PyOD's AutoEncoder.

    Its layers are ours but for a ReLU on the code, which cannot be had without. It leaves out the last rows of an
    epoch that do not fill a batch (they are not counted), and scores all training rows at the end of a fit.
    """
    from pyod.models.auto_encoder import AutoEncoder

    watch = job.watch

    class Watched(AutoEncoder):
        def epoch_update(self) -> None:
            """What PyOD calls after each epoch; a fit can be ended from here by an exception only."""
            if watch is None:
                return
            self.model.eval()
            small = watch(held_loss(self.model, watch.held))
            self.model.train()
            if small:
                raise Reached

    model = Watched(
        hidden_neuron_list=list(job.network.encoder),
        hidden_activation_name="relu",
        batch_norm=False,
        dropout_rate=0.0,
        preprocessing=False,
        epoch_num=job.epochs,
        batch_size=BATCH,
        lr=RATE,
        optimizer_name="adam",
        optimizer_params={"weight_decay": 0.0},
        device=torch.device("cpu"),
        random_state=0,
        verbose=0,
    )
    model.fit(job.X)
    return len(job.X) // BATCH * BATCH * job.epochs


def pythae_pair(network: Network) -> tuple[Any, Any]:
    """Make encoder and decoder of a network's layers, in pythae's classes; its log is silenced."""
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    for name in list(logging.root.manager.loggerDict):
        if name.startswith("pythae"):
            logging.getLogger(name).setLevel(logging.ERROR)
    sizes, depth = network.sizes, len(network.encoder)

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            BaseEncoder.__init__(self)
            self.layers = dense(sizes[: depth + 1], depth)

        def forward(self, x: torch.Tensor) -> ModelOutput:
            return ModelOutput(embedding=self.layers(x))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            BaseDecoder.__init__(self)
            self.layers = dense(sizes[depth:], len(sizes) - 1 - depth)

        def forward(self, z: torch.Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.layers(z))

    return Encoder(), Decoder()


def pythae(job: Job) -> int:
    """pythae's AE by its TrainingPipeline, with the same layers as encoder and decoder.

    It sums the error over columns (Adam hardly minds), copies the model after each epoch that was the best so far,
    and writes the final model to a folder.
    """
    from pythae.models import AE, AEConfig
    from pythae.pipelines import TrainingPipeline
    from pythae.trainers import BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback

    encoder, decoder = pythae_pair(job.network)
    sizes, watch = job.network.sizes, job.watch

    class Watching(TrainingCallback):
        def on_log(self, training_config: BaseTrainerConfig, logs: dict[str, float], **kwargs: object) -> None:
            """Read the loss that pythae took of the held-out rows; only an exception ends a fit."""
            if watch is not None and watch(logs["eval_epoch_loss"] / sizes[0]):
                raise Reached

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=job.epochs,
            learning_rate=RATE,
            per_device_train_batch_size=BATCH,
            # One batch: pythae takes the plain mean over batches, however many rows they have.
            per_device_eval_batch_size=BATCH if watch is None else len(watch.held),
            optimizer_cls="Adam",
            no_cuda=True,
            seed=0,
        )
        model = AE(AEConfig(input_dim=(sizes[0],), latent_dim=job.network.code), encoder, decoder)
        pipeline = TrainingPipeline(model=model, training_config=config)
        held = None if watch is None else watch.held
        pipeline(train_data=job.X, eval_data=held, callbacks=None if watch is None else [Watching()])
    return job.rows


def lightning(job: Job) -> int:
    """Lightning's Trainer over a DataLoader, with all that can be switched off switched off."""
    import lightning as L

    watch = job.watch
    warnings.filterwarnings("ignore")
    for name in ("lightning", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)

    class Module(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layers = network_of(job)

        def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
            return nn.functional.mse_loss(self.layers(batch[0]), batch[0])

        def validation_step(self, batch: list[torch.Tensor], index: int) -> None:
            loss = nn.functional.mse_loss(self.layers(batch[0]), batch[0])
            self.log("held", loss, on_epoch=True, batch_size=len(batch[0]))

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=RATE)

    class Watching(L.Callback):
        def on_validation_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
            if watch is not None and watch(float(trainer.callback_metrics["held"])):
                trainer.should_stop = True

    trainer = L.Trainer(
        max_epochs=job.epochs,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=None if watch is None else [Watching()],
    )
    rows = DataLoader(TensorDataset(torch.from_numpy(job.X)), batch_size=BATCH, shuffle=True)
    if watch is None:
        trainer.fit(Module(), rows)
    else:
        trainer.fit(Module(), rows, DataLoader(TensorDataset(torch.from_numpy(watch.held)), batch_size=1024))
    return job.rows


def skorch(job: Job) -> int:
    """skorch's NeuralNetRegressor from the rows to themselves."""
    from skorch import NeuralNetRegressor
    from skorch.callbacks import Callback
    from skorch.dataset import Dataset
    from skorch.helper import predefined_split

    watch = job.watch

    class Watching(Callback):
        def on_epoch_end(self, net: NeuralNetRegressor, **kwargs: object) -> None:
            """Stop as skorch's own EarlyStopping does."""
            if watch is not None and watch(float(net.history[-1, "valid_loss"])):
                raise KeyboardInterrupt

    net = NeuralNetRegressor(
        network_of(job),
        criterion=nn.MSELoss,
        optimizer=torch.optim.Adam,
        lr=RATE,
        batch_size=BATCH,
        max_epochs=job.epochs,
        iterator_train__shuffle=True,
        train_split=None if watch is None else predefined_split(Dataset(watch.held, watch.held)),
        callbacks=None if watch is None else [Watching()],
        verbose=0,
        device="cpu",
    )
    net.fit(job.X, job.X)
    return job.rows


def keras(job: Job) -> int:
    """Keras's Sequential model; the process's KERAS_BACKEND says on what. Each fit builds, and compiles, anew."""
    import keras

    watch = job.watch
    keras.utils.set_random_seed(0)
    keras.backend.clear_session()
    network = job.network

    class Watching(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            if watch is not None and logs is not None and watch(logs["val_loss"]):
                self.model.stop_training = True

    linear = {len(network.encoder), len(network.sizes) - 1}
    layers = [
        keras.layers.Dense(width, activation=None if i in linear else "relu")
        for i, width in enumerate(network.sizes[1:], start=1)
    ]
    model = keras.Sequential([keras.Input((network.columns,)), *layers])
    model.compile(optimizer=keras.optimizers.Adam(RATE), loss="mse")
    held = {} if watch is None else {"validation_data": (watch.held, watch.held), "validation_batch_size": 1024}
    callbacks = None if watch is None else [Watching()]
    model.fit(job.X, job.X, batch_size=BATCH, epochs=job.epochs, verbose=0, callbacks=callbacks, **held)
    return job.rows
