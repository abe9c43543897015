"""Rows by their codes: an autoencoder, a density on its codes, and what its reconstruction leaves over."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from isthmus.autoencoder import Autoencoder
from isthmus.data import Raw
from isthmus.data.mixed import MixedPreparation
from isthmus.objectives import Variational
from isthmus.training.callbacks import as_callbacks
from isthmus.training.diffusion import Denoiser, Pull, Rows, diffusion_plan, draw_codes, make_denoiser, train_denoiser
from isthmus.training.split import held_out

#: Units and layers of the network that takes noise away.
WIDTH, DEPTH = 256, 3
#: Rows that the density learns from at most.
MOST_ROWS = 200_000
#: Fewer rows cannot be held out from: the density is then a Gaussian.
FEWEST_HELD = 2
#: Rows that are encoded or decoded at once.
BLOCK = 8192


class CodeRows:
    """Draws rows of a table: codes from a diffusion model, decoded with the noise that the decoder leaves.

    Parameters
    ----------
    autoencoder : Autoencoder
        Fitted on the table, variational.
    denoiser : Denoiser
    residuals : ndarray of shape (p,)
        Standard deviations of prepared numbers about their reconstruction, 0 for all other slots.
    history : dict of list
        Of the denoiser's training.
    """

    def __init__(
        self, autoencoder: Autoencoder, denoiser: Denoiser, residuals: np.ndarray, history: dict[str, list[float]]
    ):
        self.autoencoder, self.denoiser, self.residuals, self.history = autoencoder, denoiser, residuals, history
        preparation = autoencoder.preparation_
        assert isinstance(preparation, MixedPreparation)
        self.preparation = preparation

    @classmethod
    def learn(cls, autoencoder: Autoencoder, table: Raw, max_epochs: int | str, seed: int, verbose: int) -> Self:
        """Learn the density, and how far the reconstruction is off.

        Parameters
        ----------
        autoencoder : Autoencoder
        table : Raw
            What it was fitted on.
        max_epochs : int or "auto"
        seed : int
        verbose : int
        """
        few = np.sort(np.random.default_rng(seed).permutation(len(table))[:MOST_ROWS])
        rows, errors = _posteriors(autoencoder, table.take(few), seed)
        model, slots = autoencoder._model, torch.as_tensor(autoencoder.preparation_.slot_columns_)
        denoiser = make_denoiser(autoencoder.latent_dim_, slots, WIDTH, DEPTH, seed).to(model.device)
        learnt, out = held_out(len(rows), 0.1, seed)
        if len(out) < FEWEST_HELD:
            max_epochs = 0
        held = rows.take(torch.from_numpy(out)) if len(out) >= FEWEST_HELD else None
        plan = diffusion_plan(len(learnt), max_epochs, seed)
        with torch.enable_grad():
            history = train_denoiser(
                denoiser, rows.take(torch.from_numpy(learnt)), held, plan, as_callbacks(None, verbose)
            )
        return cls(autoencoder, denoiser, errors, history)

    def draw(self, n: int, seed: int, given: Raw | None = None) -> np.ndarray:
        """Draw values of the table: (n, d).

        Parameters
        ----------
        n : int
        seed : int
        given : Raw, optional
            A table of n rows, NaN where nothing is given. What is drawn is likely beside it, but need not repeat it.
        """
        device = self.denoiser.center.device
        x = known = pull = None
        if given is not None:
            prepared = self.preparation.transform(given, torch.float32).to(device)
            x, known = prepared.x, _by_column(prepared.mask, prepared.x, self.denoiser.columns)
            pull = self._pull(x, prepared.mask)
        codes = draw_codes(self.denoiser, n, seed, x, known, pull)
        rng = np.random.default_rng(seed)
        parts = []
        for block in codes.split(BLOCK):
            slots = self.autoencoder._inference.decode(block).cpu().numpy()
            noise = rng.standard_normal(slots.shape) * self.residuals
            parts.append(self.preparation.inverse(slots + noise, rng))
        return np.concatenate(parts)

    def _pull(self, x: Tensor, mask: Tensor | None) -> Pull | None:
        """Move codes towards the numbers that are given, by the decoder's slopes (Song et al., 2023).

        The conditional mean of a Gaussian whose covariance is what the noise leaves; categories need none of it.
        """
        seen = np.ones(x.shape[1], dtype=bool) if mask is None else mask.any(0).cpu().numpy()
        slots = np.flatnonzero(seen & (self.residuals > 0)).tolist()
        if not slots:
            return None
        there = torch.ones_like(x[:, slots]) if mask is None else mask[:, slots].to(x)
        network: Any = self.autoencoder._inference.network(torch.float32)
        left = torch.as_tensor(self.residuals[slots], dtype=x.dtype, device=x.device).square()
        cover = self.denoiser.color.T @ self.denoiser.color

        def pull(z: Tensor, variance: float, rows: slice) -> Tensor:
            with torch.enable_grad():
                z = z.detach().requires_grad_()
                found = network.decode(z)[:, slots]
                slopes = torch.stack(
                    [torch.autograd.grad(found[:, i].sum(), z, retain_graph=True)[0] for i in range(len(slots))], 1
                )
            known = there[rows]
            slopes = slopes * known[:, :, None]
            spread = variance * slopes @ cover
            total = spread @ slopes.transpose(1, 2) + torch.diag_embed(left + (1 - known))
            off = known * (x[rows][:, slots] - found.detach())
            return z.detach() + (spread.transpose(1, 2) @ torch.linalg.solve(total, off[:, :, None]))[:, :, 0]

        return pull

    def arrays(self) -> dict[str, np.ndarray]:
        """Give what was learnt beside the autoencoder."""
        weights = {f"denoiser/{name}": tensor.cpu().numpy() for name, tensor in self.denoiser.state_dict().items()}
        return weights | {"residuals": self.residuals}

    @classmethod
    def restore(cls, autoencoder: Autoencoder, arrays: dict[str, np.ndarray], history: dict[str, Any]) -> Self:
        """Make it again."""
        weights = {
            name.removeprefix("denoiser/"): torch.from_numpy(array)
            for name, array in arrays.items()
            if name.startswith("denoiser/")
        }
        denoiser = make_denoiser(autoencoder.latent_dim_, weights["columns"], WIDTH, DEPTH, 0)
        denoiser.load_state_dict(weights)
        denoiser.to(autoencoder._model.device).eval()
        return cls(autoencoder, denoiser, arrays["residuals"], history)


def _by_column(mask: Tensor | None, x: Tensor, columns: Tensor) -> Tensor:
    """Say which columns are there: those of which any slot is."""
    count = int(columns.max()) + 1
    if mask is None:
        return torch.ones(len(x), count, dtype=torch.bool, device=x.device)
    slots = columns.to(x.device)
    there = torch.zeros(len(x), count, device=x.device).index_add_(1, slots, mask.float())
    return there > 0


@torch.no_grad()
def _posteriors(autoencoder: Autoencoder, table: Raw, seed: int) -> tuple[Rows, np.ndarray]:
    """Posteriors of rows, and the spread of numbers about the reconstruction of codes drawn from them."""
    inference, preparation = autoencoder._inference, autoencoder.preparation_
    objective: Any = inference.objective
    assert isinstance(objective, Variational)
    network: Any = inference.network(torch.float32)
    source = preparation.rows(table, torch.float32)
    generator = torch.Generator(inference.device).manual_seed(seed)
    slots = torch.as_tensor(preparation.slot_columns_, device=inference.device)
    sums = torch.zeros(2, len(slots), dtype=torch.float64, device=inference.device)
    parts: list[Rows] = []
    for index in torch.arange(len(table)).split(BLOCK):
        prepared = source.take(index).to(inference.device)
        mean, log_variance = objective.bind(network).posterior(network.encode(prepared.x, prepared.mask))
        known = _by_column(prepared.mask, prepared.x, slots)
        rows = Rows(mean, (log_variance / 2).exp(), prepared.x, known)
        seen = torch.ones_like(prepared.x) if prepared.mask is None else prepared.mask.to(prepared.x)
        error = (inference.decode(rows.draw(generator)) - prepared.x).square() * seen
        sums += torch.stack([error.sum(0), seen.sum(0)]).double()
        parts.append(rows)
    spread = (sums[0] / sums[1].clamp(min=1)).sqrt().cpu().numpy()
    numbers = np.zeros(len(slots), dtype=bool)
    assert isinstance(preparation, MixedPreparation)
    for head in preparation.heads_:
        column = preparation.coders_[head.column].column
        numbers[head.start : head.stop] = head.kind == "number" and column.type not in ("category", "boolean")
    joined = [torch.cat([getattr(part, name) for part in parts]) for name in ("mean", "spread", "x", "known")]
    return Rows(*joined), np.where(numbers, spread, 0.0)
