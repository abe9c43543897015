"""One idea a file: what a kind of autoencoder adds to the training step, and the reconstruction losses."""

from isthmus.objectives.base import Batch, Chain, Coder, Objective, Rival, Terms, each_objective
from isthmus.objectives.denoising import Denoising
from isthmus.objectives.reconstruction import LOSSES, Loss, make_loss
from isthmus.objectives.registry import OBJECTIVES, describe, rebuild
from isthmus.objectives.sparse import Sparse
from isthmus.objectives.variational import Variational

__all__ = [
    "LOSSES",
    "OBJECTIVES",
    "Batch",
    "Chain",
    "Coder",
    "Denoising",
    "Loss",
    "Objective",
    "Rival",
    "Sparse",
    "Terms",
    "Variational",
    "describe",
    "each_objective",
    "make_loss",
    "rebuild",
]
