"""One idea a file: what a kind of autoencoder adds to the training step, and the reconstruction losses."""

from isthmus.objectives.base import Chain, Objective
from isthmus.objectives.denoising import Denoising
from isthmus.objectives.reconstruction import LOSSES, Loss, make_loss
from isthmus.objectives.registry import OBJECTIVES, describe, rebuild
from isthmus.objectives.sparse import Sparse
from isthmus.objectives.variational import Variational

__all__ = [
    "LOSSES",
    "OBJECTIVES",
    "Chain",
    "Denoising",
    "Loss",
    "Objective",
    "Sparse",
    "Variational",
    "describe",
    "make_loss",
    "rebuild",
]
