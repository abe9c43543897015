"""One idea a file: what a kind of autoencoder adds to the training step, and the reconstruction losses."""

from isthmus.objectives.adversarial import Adversarial
from isthmus.objectives.base import Batch, Coder, Objective, Rival, Terms
from isthmus.objectives.chain import Chain, each_objective
from isthmus.objectives.collaborative import Collaborative
from isthmus.objectives.columns import Columns
from isthmus.objectives.contractive import Contractive
from isthmus.objectives.denoising import Denoising
from isthmus.objectives.fold_in import FoldIn
from isthmus.objectives.masking import Masking
from isthmus.objectives.neighbours import Neighbours
from isthmus.objectives.ordered import Ordered
from isthmus.objectives.quantised import VectorQuantised
from isthmus.objectives.ratings import OF_RATINGS, Multinomial
from isthmus.objectives.reconstruction import LOSSES, Loss, make_loss
from isthmus.objectives.registry import OBJECTIVES, describe, rebuild, resolve
from isthmus.objectives.sparse import Sparse
from isthmus.objectives.teacher import TeacherForcing
from isthmus.objectives.tokens import Tokens
from isthmus.objectives.variational import Variational
from isthmus.objectives.wasserstein import Wasserstein

__all__ = [
    "LOSSES",
    "OBJECTIVES",
    "OF_RATINGS",
    "Adversarial",
    "Batch",
    "Chain",
    "Coder",
    "Collaborative",
    "Columns",
    "Contractive",
    "Denoising",
    "FoldIn",
    "Loss",
    "Masking",
    "Multinomial",
    "Neighbours",
    "Objective",
    "Ordered",
    "Rival",
    "Sparse",
    "TeacherForcing",
    "Terms",
    "Tokens",
    "Variational",
    "VectorQuantised",
    "Wasserstein",
    "describe",
    "each_objective",
    "make_loss",
    "rebuild",
    "resolve",
]
