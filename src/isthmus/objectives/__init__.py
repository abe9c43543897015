"""One idea a file: what a kind of autoencoder adds to the training step, and the reconstruction losses."""

from isthmus.objectives.base import Chain, Objective
from isthmus.objectives.reconstruction import LOSSES, Loss, make_loss

__all__ = ["LOSSES", "Chain", "Loss", "Objective", "make_loss"]
