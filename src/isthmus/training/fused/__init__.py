"""The step of dense autoencoders with its gradients written out, for where Python and autograd would cost the most."""

from isthmus.training.fused.steps import FusedSteps
from isthmus.training.fused.tape import Unsupported

__all__ = ["FusedSteps", "Unsupported"]
