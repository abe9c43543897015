"""The one training step, with its fixed places."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.exceptions import ParameterError
from isthmus.networks import Network
from isthmus.objectives import Batch, Chain, Loss, Objective

RECONSTRUCTION = "reconstruction"
#: Columns of the record, which no term may be called.
RESERVED = (
    *("epoch", "train_loss", "validation_loss", "learning_rate", "seconds"),
    *("total", "gradient_norm", RECONSTRUCTION),
)


class Step:
    """The loss of one batch: corrupt, encode, code, decode, reconstruction loss plus the objective's terms.

    Parameters
    ----------
    network : Network
    objective : Objective
    loss : Loss
    precision : str
        "bf16" runs the network under autocast; the losses stay in float32.
    """

    def __init__(self, network: Network, objective: Objective, loss: Loss, precision: str = "float32"):
        self.network = network
        #: Share of the training that is over; measured is what the end of it asks for.
        self.progress = torch.ones((), device=next(network.parameters()).device)
        self.objective = objective.bind(network, self.progress)
        self.loss = loss
        self.half = precision == "bf16"
        self.corrupts = objective.corrupts()

    def row_losses(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Reconstruction loss of each row, as at inference: (n,)."""
        cells = self.loss.cells(self.network.decode(self.objective.encode(self.network.encode(x, mask))), x).flatten(1)
        if mask is None:
            return cells.mean(1)
        seen = mask.flatten(1)
        return (cells * seen).sum(1) / seen.sum(1).clamp(min=1)

    def __call__(
        self,
        x: Tensor,
        mask: Tensor | None,
        generator: torch.Generator | None = None,
        learnt: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the total loss and its parts by name; without a generator nothing is corrupted.

        Rows that are False in `learnt` are left out of the reconstruction loss.
        """
        objective = self.objective
        # A copy: what corrupts in place would change the target.
        seen = x if generator is None or not self.corrupts else objective.corrupt(x.clone(), mask, generator)
        with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=self.half):
            h = self.network.encode(seen, mask)
            z, terms = objective.code(h)
            output = self.network.decode(z)
        known = mask
        if learnt is not None:
            learnt = learnt.view(-1, *[1] * (x.ndim - 1)).expand_as(x)
            known = learnt if mask is None else mask & learnt
        batch = Batch(x, known, seen, mask, h, z, output.to(x.dtype), self.loss)
        reconstruction = objective.reconstruction(batch)
        for name, term in objective.terms(batch).items():
            terms[Chain.numbered(name, terms)] = term
        for name, term in terms.items():
            if name in RESERVED or term.ndim:
                raise ParameterError(
                    f"The term {name!r} of {self.objective!r} has shape {tuple(term.shape)}; expected a scalar under a "
                    f"name of its own (not one of {', '.join(RESERVED)}): give its mean, or another name."
                )
        parts = {RECONSTRUCTION: reconstruction, **terms}
        total = reconstruction
        for term in terms.values():
            total = total + term
        return total, parts
