"""The one training step, with its fixed places."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from isthmus.exceptions import ParameterError
from isthmus.networks import Network
from isthmus.objectives import Batch, Chain, Loss, Objective
from isthmus.objectives.checks import check_code, check_terms, refuse_given, shown

RECONSTRUCTION = "reconstruction"
#: Columns of the record, which no term may be called.
RESERVED = (
    *("epoch", "train_loss", "validation_loss", "learning_rate", "seconds"),
    *("total", "gradient_norm", RECONSTRUCTION),
)


class Step:
    """The loss of one batch: hide, corrupt, encode, code, decode, reconstruction loss plus the objective's terms.

    Parameters
    ----------
    network : Network
    objective : Objective
    loss : Loss
    precision : str
        "bf16" runs the network under autocast; the losses stay in float32.
    latent_dim : int, optional
        Width that codes must have; None: not checked.

    Raises
    ------
    ParameterError
        When called, if the objective gives no code, or terms that are none: it may be a person's own.
    """

    def __init__(
        self,
        network: Network,
        objective: Objective,
        loss: Loss,
        precision: str = "float32",
        latent_dim: int | None = None,
    ):
        self.network = network
        self.latent_dim = latent_dim
        #: Share of the training that is over; measured is what the end of it asks for.
        self.progress = torch.ones((), device=next(network.parameters()).device)
        self.objective = objective.bind(network, self.progress)
        self.loss = loss
        self.half = precision == "bf16"
        self.corrupts = objective.corrupts()
        self.hides = objective.hides()

    def row_losses(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Reconstruction loss of each row, as at inference: (n,)."""
        cells = self.loss.cells(self._decode(self.objective.encode(self.network.encode(x, mask)), x), x).flatten(1)
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
        seen, told = x, mask
        if generator is not None and self.hides:
            told = objective.hide(x, mask, generator)
            seen = x if told is None else x.masked_fill(~told, 0)
        if generator is not None and self.corrupts:
            # A copy: what corrupts in place would change the target.
            seen = objective.corrupt(seen.clone(), told, generator)
        if self.network.ends and seen is not x:
            # Where a sequence ends is told as it is.
            seen = torch.cat([seen[..., :-1], x[..., -1:]], dim=-1)
            told = told if told is None or mask is None else torch.cat([told[..., :-1], mask[..., -1:]], dim=-1)
        with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=self.half):
            h = self.network.encode(seen, told)
            z, terms = self._code(h)
            output = self._decode(z, x if generator is None else objective.feed(x, z, generator))
        known = mask
        if learnt is not None:
            like = x if mask is None else mask
            learnt = learnt.view(-1, *[1] * (like.ndim - 1)).expand_as(like)
            known = learnt if mask is None else mask & learnt
        batch = Batch(x, known, seen, told, h, z, output.to(x.dtype), self.loss)
        reconstruction = objective.reconstruction(batch)
        if not isinstance(reconstruction, Tensor) or reconstruction.ndim:
            raise refuse_given(
                objective, "reconstruction", reconstruction, "a scalar tensor: the mean over rows and values"
            )
        late = objective.terms(batch)
        check_terms(objective, late)
        for name, term in late.items():
            terms[Chain.numbered(name, terms)] = term
        for name, term in terms.items():
            if name in RESERVED or not isinstance(term, Tensor) or term.ndim:
                raise ParameterError(
                    f"The term {name!r} of {objective!r} is {shown(term)}; expected a scalar tensor under a name of "
                    f"its own (not one of {', '.join(RESERVED)}): give its mean, or another name."
                )
        parts = {RECONSTRUCTION: reconstruction, **terms}
        total = reconstruction
        for term in terms.values():
            total = total + term
        return total, parts

    def _decode(self, z: Tensor, told: Tensor) -> Tensor:
        """Decode codes; a decoder may be shown the rows: one of tokens always, any other in training alone."""
        shown = self.loss.told or self.network.training
        return self.network.decode(z, told, self.progress) if shown else self.network.decode(z)

    def _code(self, h: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Code of a batch, and terms: checked, because the objective may be a person's own."""
        given = self.objective.code(h)
        check_code(self.objective, given)
        self._check_width("code", given[0], len(h))
        return given[0], given[1]

    @torch.no_grad()
    def check_encode(self, x: Tensor, mask: Tensor | None) -> None:
        """Refuse an `encode` that gives no codes of the width (ParameterError): training may never call it."""
        self._check_width("encode", self.objective.encode(self.network.encode(x, mask)), len(x))

    def _check_width(self, place: str, z: Any, rows: int) -> None:
        width = self.latent_dim
        fits = isinstance(z, Tensor) and (width is None or (z.ndim == 2 and z.shape[1] == width and not len(z) % rows))
        if not fits:
            expected = f"codes of shape ({rows}, {width}); code_dim says where the encoder must give more values"
            raise refuse_given(self.objective, place, z, expected)
