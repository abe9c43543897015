"""The network of the parts that denoise: what it takes for noise at a clean row is how strange the row is."""

from __future__ import annotations

import math

from torch import Tensor

from isthmus.autoencoder import Autoencoder
from isthmus.data import Prepared
from isthmus.objectives import Denoising
from isthmus.tasks.anomaly_parts.base import Setting
from isthmus.training.plan import default_weight_decay

#: Standard deviation of the noise, in those of the columns: drawn anew for each batch.
LEVEL = (0.1, 0.7)
WIDTH = 128
#: Steps of training, each on a batch: more of them did not tell strange rows apart any better. Few rows are repeated
#: until there are so many batches to an epoch, each with noise of its own: short epochs are mostly overhead.
STEPS, BATCH, BATCHES = 1000, 128, 10


def fit_denoiser(rows: Tensor, setting: Setting) -> Autoencoder:
    """Fit a network that gives back clean rows from noisy ones.

    It is wide and has no linear path: what it can give back is close to the rows fitted on, also for rows far off.
    The clean row less the output is the noise predicted, and for small noise the gradient of the log density (Alain
    and Bengio, 2014).

    Parameters
    ----------
    rows : Tensor of shape (n, p)
    setting : Setting

    Returns
    -------
    Autoencoder
    """
    shown = rows.float().repeat(math.ceil(BATCH * BATCHES / len(rows)), 1)
    denoiser = Autoencoder(
        WIDTH,
        kind="vector",
        objective=Denoising("gaussian", LEVEL),
        hidden=(WIDTH,),
        activation="relu",
        code_activation="relu",
        linear_path=False,
        loss="mse",
        scaling="none",
        validation_fraction=0.0,
        batch_size=BATCH,
        max_epochs=math.ceil(STEPS * BATCH / len(shown)),
        weight_decay=default_weight_decay(len(rows)),
        random_state=setting.seed,
        device=setting.device,
        verbose=setting.verbose,
    )
    return denoiser.fit(shown.numpy())


def predicted_noise(denoiser: Autoencoder, rows: Tensor) -> Tensor:
    """Give what the network takes for noise in rows: (n, p)."""
    return rows - denoiser.reconstruct_prepared(Prepared(rows))
