"""pythae's VAE on pictures, in a process of its own: samples of both of its samplers, written as arrays.

    python pythae_vae.py train.npy 16 10 10000 folder mse

Encoder and decoder are the layers of Isthmus's convolutional network, without the linear path; pythae's loss, trainer
and samplers are its own, at their defaults but for batch and rate, which are those that Isthmus takes.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

BATCH, RATE = 128, 1e-3
HIDDEN = (32, 64, 128)


def pair(latent: int) -> tuple[Any, Any]:
    """Encoder and decoder in pythae's classes; its log is silenced."""
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    from isthmus.networks.base import Layout
    from isthmus.networks.conv import build_image

    for name in list(logging.root.manager.loggerDict):
        if name.startswith("pythae"):
            logging.getLogger(name).setLevel(logging.ERROR)
    torch.manual_seed(0)
    down, up = build_image(Layout((1, 28, 28), latent_dim=latent, code_dim=2 * latent, hidden=HIDDEN))

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            BaseEncoder.__init__(self)
            self.layers = down

        def forward(self, x: torch.Tensor) -> ModelOutput:
            mean, log_variance = self.layers(x).chunk(2, 1)
            return ModelOutput(embedding=mean, log_covariance=log_variance)

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            BaseDecoder.__init__(self)
            self.layers = up

        def forward(self, z: torch.Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.layers(z).sigmoid())

    return Encoder(), Decoder()


def main() -> None:
    """Train, sample, write."""
    from pythae.models import VAE, VAEConfig
    from pythae.pipelines import TrainingPipeline
    from pythae.samplers import GaussianMixtureSampler, GaussianMixtureSamplerConfig, NormalSampler
    from pythae.trainers import BaseTrainerConfig

    file, latent, epochs, n, folder, loss = sys.argv[1:]
    # pythae wants shares of one.
    X = np.load(file)[:, None].astype(np.float32) / 255
    config = BaseTrainerConfig(
        output_dir=folder,
        num_epochs=int(epochs),
        learning_rate=RATE,
        per_device_train_batch_size=BATCH,
        optimizer_cls="Adam",
        no_cuda=True,
        seed=0,
    )
    model = VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=int(latent), reconstruction_loss=loss), *pair(int(latent)))
    start = time.perf_counter()
    TrainingPipeline(model=model, training_config=config)(train_data=X)
    seconds = {"fit": time.perf_counter() - start}
    mixture = GaussianMixtureSampler(model=model, sampler_config=GaussianMixtureSamplerConfig())
    for name, sampler in {"normal": NormalSampler(model=model), "mixture": mixture}.items():
        start = time.perf_counter()
        if name == "mixture":
            sampler.fit(torch.from_numpy(X))
        made = sampler.sample(num_samples=int(n), return_gen=True)
        seconds[name] = time.perf_counter() - start
        pictures = (made[:, 0].clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        np.save(Path(folder) / f"{name}.npy", pictures)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
