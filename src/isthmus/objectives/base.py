"""What a kind of autoencoder may change in one training step, and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from isthmus.objectives.reconstruction import Loss

Terms = dict[str, Tensor]


class Coder(Protocol):
    """The network that an objective works on."""

    encoder: nn.Module
    decoder: nn.Module

    def encode(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Rows (n, *shape) to (n, code_dim)."""
        ...

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor:
        """Codes (n, latent_dim) to outputs (n, *shape), before the loss's link; `x` is what a decoder is told."""
        ...


@dataclass
class Batch:
    """One batch after its way through the network.

    Parameters
    ----------
    x : Tensor of shape (n, *shape)
        The clean rows.
    mask : bool Tensor of shape (n, *shape), optional
        True where a value was observed and is learnt from; None where all are.
    seen : Tensor of shape (n, *shape)
        The rows as the encoder saw them.
    seen_mask : bool Tensor of shape (n, *shape), optional
        The mask that the encoder was given.
    h : Tensor of shape (n, code_dim)
        What the encoder gave.
    z : Tensor of shape (m, latent_dim)
        What was decoded: m is n, or S times n where `code` gave S codes of each row, one block of n after another.
    output : Tensor of shape (m, *shape)
        What the decoder gave, before the loss's link.
    loss : Loss
    """

    x: Tensor
    mask: Tensor | None
    seen: Tensor
    seen_mask: Tensor | None
    h: Tensor
    z: Tensor
    output: Tensor
    loss: Loss


class Objective(BaseEstimator):
    """One idea added to the plain autoencoder; a subclass overrides the places that it needs.

    The training step calls, in this order, `hide` and `corrupt` on the prepared batch, the encoder, `code` on what
    the encoder gave, the decoder, and `reconstruction` and `terms` on the batch as it then is; the loss is the
    reconstruction plus the sum of the named terms that `code` and `terms` returned. After training only `encode` is
    called, and it must be deterministic.

    Weights and buffers of an objective's own are one module that `make` gives: it becomes part of the network, is
    trained, kept and saved with it, and is there as `self.own`. What pulls against the network is marked as `Rival`.

    Parameters are stored as scikit-learn's estimators store them: the constructor only assigns.

    Attributes
    ----------
    network : Coder
        The network that is worked on; in every place but `begin`, `code_dim` and `make`.
    own : nn.Module or None
        What `make` gave.
    progress : Tensor of shape ()
        Share of the training that is over, from 0 to 1; 1 where the loss is measured, and after training.

    Examples
    --------
    A small code, by its mean absolute value:

    >>> class SmallCode(Objective):
    ...     def __init__(self, weight=0.1):
    ...         self.weight = weight
    ...
    ...     def code(self, h):
    ...         return h, {"small_code": self.weight * h.abs().mean()}
    >>> SmallCode(0.5).get_params()
    {'weight': 0.5}
    """

    network: Coder
    own: Any = None
    progress: Tensor = torch.ones(())
    #: Objectives of the same list that the code has passed when it comes to this one.
    earlier: Sequence[Objective] = ()

    #: Rows that can be taken; those of tokens and ratings are no arrays of numbers, which some objectives reckon with.
    takes: Sequence[str] = ("numbers", "tokens", "ratings")
    #: Whether a linear path started at PCA suits the codes; without, `linear_path="auto"` means none.
    linear_path = True
    #: Places of values in a prepared row that are not encoded but follow the code as they are.
    given: Sequence[int] = ()
    #: Whether what `draw` gives was learnt from codes of training rows; a prior fixed beforehand they meet but roughly.
    learns_prior: bool = False
    #: Share of the training after which the loss asks for the same to the end: patience is counted from there.
    settles = 0.0
    #: Share of the network's usual learning rate that suits the codes; `learning_rate="auto"` goes by it.
    pace = 1.0

    # Before training --------------------------------------------------------------------------------------------------

    def meet(self, loss: Loss, names: Sequence[str] | None) -> None:
        """Take the loss, and the names of the columns where they have any; called before `begin`."""

    def begin(self, shape: tuple[int, ...], latent_dim: int) -> None:
        """Look at the shape of one prepared item and the size of the code, once, before any training.

        Called on the model's own copy, before `code` and `encode`; refuse here what cannot be used.
        """

    def code_dim(self, latent_dim: int) -> int:
        """Width that must come from the encoder, with what is `given`, for a code of `latent_dim`."""
        return latent_dim

    def make(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module | None:
        """Make the weights and buffers that the objective has of its own; torch's generator is seeded."""
        return None

    def filling(self, shape: tuple[int, ...]) -> nn.Module | None:
        """Make what fills missing cells on the way into the encoder: a module that is called with rows and their mask.

        It becomes part of the network, as `fill`; its `start(x, mask)` is called with up to 4,096 prepared training
        rows before the first step. None: missing cells stay 0. In a list, that of the first objective that has one.
        """
        return None

    def start(self, x: Tensor, mask: Tensor | None) -> None:
        """Start `own`, or the network, by up to 4,096 prepared training rows (n, *shape), before the first step."""

    def bind(self, network: Any, progress: Tensor | None = None) -> Self:
        """Give a copy that works on a network, whose attribute `own` is what `make` gave."""
        return self._bound(network, network.own, progress)

    def _bound(self, network: Any, own: Any, progress: Tensor | None) -> Self:
        bound = copy.copy(self)
        bound.network, bound.own = network, own
        if progress is not None:
            bound.progress = progress
        return bound

    def follow(self, earlier: Sequence[Objective]) -> None:
        """Take the bound objectives that come before this one in a list."""
        self.earlier = tuple(earlier)

    def coded(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Encode rows as far as this objective: the deterministic code of the objectives before it in a list."""
        h = self.network.encode(x, mask)
        for objective in self.earlier:
            h = objective.encode(h)
        return h

    # In a step --------------------------------------------------------------------------------------------------------

    def hide(self, x: Tensor, mask: Tensor | None, generator: torch.Generator) -> Tensor | None:
        """Give the mask of the cells that the encoder is to see, of those observed; it comes before `corrupt`.

        Cells hidden are 0 to it and told as missing; they stay in the target. Draw from `generator` alone.
        """
        return mask

    def corrupt(self, x: Tensor, mask: Tensor | None, generator: torch.Generator) -> Tensor:
        """Change what the encoder sees; the target stays clean.

        Draw from `generator` alone: `torch.randn(x.shape, generator=generator, device=generator.device).to(x)`.
        """
        return x

    def code(self, h: Tensor) -> tuple[Tensor, Terms]:
        """Turn what the encoder gave into the code that is decoded, in training, with terms to add to the loss.

        S codes of each row may be given, (S n, latent_dim): then `reconstruction` must bring their losses together.
        """
        return self.encode(h), {}

    def feed(self, x: Tensor, z: Tensor, generator: torch.Generator) -> Tensor:
        """Give what a decoder that writes token by token is told, in training, of the rows that `z` are codes of."""
        return x

    def reconstruction(self, batch: Batch) -> Tensor:
        """Reconstruction loss of the batch: a scalar. In a list, that of the first objective that overrides it."""
        return batch.loss(batch.output, batch.x, batch.mask)

    def terms(self, batch: Batch) -> Terms:
        """Terms of the loss that need the decoder's output, or the rows."""
        return {}

    def before_update(self) -> None:
        """Change gradients, which are there as each parameter's `grad`, before the optimiser takes its step."""

    def after_update(self) -> None:
        """Change weights after the optimiser's step, without gradients."""

    # After training ---------------------------------------------------------------------------------------------------

    def encode(self, h: Tensor) -> Tensor:
        """Turn what the encoder gave into the deterministic code."""
        return h

    def draw(self, n: int, generator: torch.Generator) -> Tensor | None:
        """Draw n codes from the prior, on the CPU: (n, latent_dim); None where the objective has no prior."""
        return None

    # What it changes --------------------------------------------------------------------------------------------------

    def overrides(self, *places: str) -> bool:
        """Whether any of some places is not the plain autoencoder's."""
        return any(getattr(type(self), place) is not getattr(Objective, place) for place in places)

    def corrupts(self) -> bool:
        """Whether `corrupt` changes anything."""
        return self.overrides("corrupt")

    def hides(self) -> bool:
        """Whether `hide` hides anything: the encoder is then given a mask, whether values are missing or not."""
        return self.overrides("hide")

    def is_plain(self) -> bool:
        """Whether nothing is added: only then is PCA, the starting point, a candidate for the best weights."""
        places = ("code_dim", "make", "filling", "hide", "corrupt", "code", "feed", "reconstruction", "terms", "encode")
        return not self.overrides(*places)


class Rival(nn.Module):
    """Weights that pull against the network's, such as a discriminator's: they get an optimiser step of their own.

    Parameters
    ----------
    module : nn.Module
    rate : float, default=1.0
        Their learning rate over that of the network.
    """

    def __init__(self, module: nn.Module, rate: float = 1.0):
        super().__init__()
        self.module = module
        self.rate = rate

    def forward(self, *inputs: Tensor) -> Tensor:
        """Call the module."""
        return self.module(*inputs)
