"""A trained network put to use: rows to codes and back, block by block, in the precision of the data."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix, issparse, vstack
from torch import Tensor

from isthmus.data import Preparation, Prepared, Raw
from isthmus.exceptions import DataError
from isthmus.networks import Members, Network, each_of
from isthmus.objectives import Loss, Objective, Tokens
from isthmus.training.decoding import Decoding
from isthmus.training.threads import threads_for, work_per_row

#: Values of a block of rows at the widest layer: enough to keep the processor busy, few enough for its cache.
BLOCK = 1 << 19


class Inference:
    """Codes, reconstructions and errors of a fitted autoencoder.

    Data in float64 are worked on in float64, so that a row's code does not depend on the rows beside it; all other data
    in float32.

    Parameters
    ----------
    network : Network or Members
    objective : Objective
    loss : Loss
    preparation : Preparation
    device : torch.device
    """

    def __init__(
        self,
        network: Network | Members,
        objective: Objective,
        loss: Loss,
        preparation: Preparation,
        device: torch.device,
    ):
        self.objective = objective
        self.loss = loss
        self.preparation = preparation
        self.device = device
        self._networks = {next(network.parameters()).dtype: network.eval()}
        work = work_per_row(network, preparation.shape_)
        self._work = work.products
        self.rows_at_once = max(64, BLOCK // work.widest)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the copies in other precisions out of a pickle."""
        first = next(iter(self._networks.items()))
        return {**self.__dict__, "_networks": dict([first])}

    def dtype_for(self, values_dtype: np.dtype | torch.dtype) -> torch.dtype:
        """Precision in which to work on data of a dtype."""
        double = values_dtype in (np.float64, torch.float64) and self.device.type != "mps"
        return torch.float64 if double else torch.float32

    def network(self, dtype: torch.dtype) -> Network | Members:
        """Return the network in a precision; copies are kept."""
        if dtype not in self._networks:
            first = next(iter(self._networks.values()))
            self._networks[dtype] = copy.deepcopy(first).to(dtype).eval()
        return self._networks[dtype]

    def blocks(self, raw: Raw) -> Iterator[tuple[slice, Prepared]]:
        """Prepare rows block by block."""
        rows = self.rows_at_once
        dtype = self.dtype_for(raw.values.dtype)
        for start in range(0, len(raw), rows):
            part = raw if len(raw) <= rows else raw.take(slice(start, start + rows))
            try:
                prepared = self.preparation.transform(part, dtype)
            except DataError:
                if start:  # asked again from the first row on, which says its number among all rows
                    self.preparation.refuse_infinite(raw)
                    self.preparation.transform(raw.take(slice(0, start + rows)), dtype)
                raise
            yield slice(start, start + rows), prepared.to(self.device)

    @torch.no_grad()
    def encode(self, prepared: Prepared) -> Tensor:
        """Codes of prepared rows: (n, latent_dim)."""
        with threads_for(len(prepared) * self._work):
            network = self.network(prepared.x.dtype)
            return self.objective.bind(network).encode(network.encode(prepared.x, prepared.mask))

    @torch.no_grad()
    def decode(self, z: Tensor, decoding: Decoding | None = None, generator: torch.Generator | None = None) -> Tensor:
        """Prepared values of codes: (n, *shape); `generator` is that of `decoding`."""
        if decoding is not None:
            return self._write(z, decoding, generator)
        x = self.loss.link(self.outputs_of(z))
        if self.objective.given:
            # Known exactly, and the last units of the code.
            x[:, self.objective.given] = z[:, -len(self.objective.given) :].to(x)
        return x

    def _write(self, z: Tensor, decoding: Decoding, generator: torch.Generator | None) -> Tensor:
        """Write rows of tokens in another way than the likeliest at each step: (n, time)."""
        assert isinstance(self.loss, Tokens)
        network = self.network(z.dtype)
        decoder = (network.chosen if isinstance(network, Members) else network).decoder
        return decoding.write(decoder, z, self.preparation.shape_[0], self.loss.first, generator).to(z.dtype)

    @torch.no_grad()
    def outputs_of(self, z: Tensor, x: Tensor | None = None) -> Tensor:
        """What the network makes of codes, before the loss's link: (n, *shape); `x` as in `Network.decode`."""
        with threads_for(len(z) * self._work):
            return self.network(z.dtype).decode(z, x)

    @torch.no_grad()
    def outputs(self, prepared: Prepared, told: bool = False) -> list[Tensor]:
        """What each network makes of prepared rows, before the loss's link: K Tensors of shape (n, *shape).

        A decoder that goes from token to token is `told` those that came before, or else goes by its own.
        """
        x = prepared.x if told else None
        with threads_for(len(prepared) * self._work):
            return [
                network.decode(self.objective.bind(network).encode(network.encode(prepared.x, prepared.mask)), x)
                for network in each_of(self.network(prepared.x.dtype))
            ]

    @torch.no_grad()
    def cell_losses(self, prepared: Prepared) -> Tensor:
        """Loss of each cell by each network, NaN where missing: (K, n, *shape)."""
        outputs = self.outputs(prepared, told=self.loss.told)
        cells = torch.stack([self.loss.cells(output, prepared.x) for output in outputs])
        return cells if prepared.mask is None else cells.masked_fill(~prepared.mask, torch.nan)

    def member_codes(self, raw: Raw) -> list[np.ndarray]:
        """Codes of rows by each network: K ndarrays of shape (n, latent_dim)."""
        codes: list[list[np.ndarray]] = []
        with torch.no_grad():
            for _, prepared in self.blocks(raw):
                networks = each_of(self.network(prepared.x.dtype))
                encoded = [self.objective.bind(n).encode(n.encode(prepared.x, prepared.mask)) for n in networks]
                codes.append([z.cpu().numpy() for z in encoded])
        return [np.concatenate(parts) for parts in zip(*codes, strict=True)]

    def codes(self, raw: Raw) -> np.ndarray:
        """Codes of rows as brought: ndarray of shape (n, latent_dim)."""
        with torch.inference_mode():
            blocks = [self.encode(prepared).cpu().numpy() for _, prepared in self.blocks(raw)]
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    def sparse_codes(self, raw: Raw) -> Any:
        """Codes of rows as a csr_matrix of shape (n, latent_dim), of which one block at a time is ever dense."""
        with torch.inference_mode():
            blocks = [csr_matrix(self.encode(prepared).cpu().numpy()) for _, prepared in self.blocks(raw)]
        return vstack(blocks, format="csr")

    def values(
        self, codes: Any, rng: np.random.Generator | None = None, decoding: Decoding | None = None
    ) -> np.ndarray:
        """Rows in the person's units from codes, an ndarray or a csr matrix of shape (n, latent_dim).

        With `rng` categories are drawn by their chances, else each is the likeliest.
        """
        dtype, rows = self.dtype_for(codes.dtype), self.rows_at_once
        generator = None if decoding is None else decoding.generator()
        parts = []
        for start in range(0, codes.shape[0], rows):
            part = codes[start : start + rows]
            z = torch.as_tensor(part.toarray() if issparse(part) else part, dtype=dtype, device=self.device)
            parts.append(self.preparation.inverse(self.decode(z, decoding, generator).cpu().numpy(), rng))
        return np.concatenate(parts)

    def reconstruct(self, raw: Raw, decoding: Decoding | None = None) -> np.ndarray:
        """Rows in the person's units, after the code and back."""
        generator = None if decoding is None else decoding.generator()
        return np.concatenate(
            [
                self.preparation.inverse(
                    self.preparation.keep_form(self.decode(self.encode(p), decoding, generator), p).cpu().numpy()
                )
                for _, p in self.blocks(raw)
            ]
        )

    @torch.no_grad()
    def draw(self, n: int, seed: int) -> np.ndarray | None:
        """Draw n codes from the objective's prior: (n, latent_dim); None where it has none."""
        network = next(iter(self._networks.values()))
        drawn = self.objective.bind(network).draw(n, torch.Generator().manual_seed(seed))
        return None if drawn is None else drawn.cpu().numpy()
