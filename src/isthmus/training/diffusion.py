"""A density on codes by a network that takes noise away; parts of a row may be given."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from isthmus.exceptions import TrainingError
from isthmus.training.callbacks import Callback
from isthmus.training.drawing import seeded
from isthmus.training.plan import Plan, make_plan

#: Spread of the noise: the logarithm's mean and deviation in training, the largest and least in drawing, and how the
#: steps between them lie (Karras et al., 2022), for codes of variance 1.
LOG_MEAN, LOG_SPREAD = -0.2, 1.2
LARGEST, LEAST, RHO = 20.0, 0.03, 5.0
STEPS = 18
#: Share of the training rows that are shown nothing of, and of the others those that few columns are shown of.
NOTHING, FEW, FEW_COLUMNS = 0.4, 0.7, 2.0
#: Frequencies of the noise level that the network sees.
FREQUENCIES = 16
BATCH, RATE, DECAY, SHARE_OF_STEPS = 256, 2e-3, 0.01, 1.3
#: Decay of the running average of the weights, which is what is kept.
AVERAGE = 0.995
#: Rows that the loss is judged on, few ones again and again, and steps between two looks at it.
JUDGED, LOOK_EVERY = 4000, 100
#: Rows drawn at once.
BLOCK = 8192


@dataclass(frozen=True)
class Rows:
    """Rows to learn from.

    Parameters
    ----------
    mean, spread : Tensor of shape (n, k)
        Of each row's posterior of the code.
    x : Tensor of shape (n, p)
        Prepared rows, 0 where missing.
    known : bool Tensor of shape (n, c)
        Columns that are observed.
    """

    mean: Tensor
    spread: Tensor
    x: Tensor
    known: Tensor

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: Tensor) -> Rows:
        """Give some of them."""
        return Rows(self.mean[index], self.spread[index], self.x[index], self.known[index])

    def draw(self, generator: torch.Generator) -> Tensor:
        """Draw codes from the posteriors: (n, k)."""
        return self.mean + self.spread * torch.randn(self.mean.shape, generator=generator, device=self.mean.device)


class Denoiser(nn.Module):
    """Code without noise, from a code with noise, its spread, and what is given of the row.

    Codes are whitened, and the network adds to what is best for a Gaussian (Karras et al., 2022): it starts as the
    density of a Gaussian with the mean and covariance of the codes.

    Parameters
    ----------
    latent_dim : int
    columns : Tensor of int, of shape (p,)
        Column that each slot of a prepared row belongs to.
    width, depth : int
        Hidden units, and residual layers of them.
    """

    def __init__(self, latent_dim: int, columns: Tensor, width: int, depth: int):
        super().__init__()
        self.columns: Tensor
        self.center: Tensor
        self.whiten: Tensor
        self.color: Tensor
        self.register_buffer("columns", columns)
        self.register_buffer("center", torch.zeros(latent_dim))
        self.register_buffer("whiten", torch.eye(latent_dim))
        self.register_buffer("color", torch.eye(latent_dim))
        given = len(columns) + int(columns.max()) + 1
        self.enter = nn.Linear(latent_dim + 2 * FREQUENCIES, width)
        self.given = nn.Sequential(nn.Linear(given, width), nn.SiLU(), nn.Linear(width, width))
        self.expect = nn.Linear(given, latent_dim)
        self.layers = nn.ModuleList(nn.Sequential(nn.SiLU(), nn.Linear(width, width)) for _ in range(depth))
        self.leave = nn.Sequential(nn.SiLU(), nn.Linear(width, latent_dim))
        for last in (self.leave[-1], self.expect):
            assert isinstance(last, nn.Linear)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def start(self, codes: Tensor) -> None:
        """Learn mean and covariance of codes (n, k)."""
        codes = codes.double()
        center = codes.mean(0)
        covariance = (codes - center).T @ (codes - center) / max(1, len(codes) - 1)
        values, vectors = torch.linalg.eigh(covariance)
        # A direction in which no row differs is left as it is.
        spread = values.clamp(min=max(1e-12, 1e-8 * float(values[-1]))).sqrt()
        self.center.copy_(center)
        self.whiten.copy_(vectors / spread)
        self.color.copy_((vectors * spread).T)

    def forward(self, noisy: Tensor, spread: Tensor, x: Tensor, given: Tensor) -> Tensor:
        """Give whitened codes (n, k) of noisy ones, the noise's spread (n, 1), rows (n, p) and what is given (n, c)."""
        total = (1 + spread.square()).rsqrt()
        level = spread.log() / 4
        waves = level * (2 ** torch.linspace(0, 5, FREQUENCIES, device=noisy.device))
        shown = given.to(noisy)
        told = torch.cat([x * shown[:, self.columns], shown], 1)
        h = self.enter(torch.cat([noisy * total, waves.sin(), waves.cos()], 1))
        context = self.given(told)
        for layer in self.layers:
            h = h + layer(h + context)
        # What is given tells the more the more noise there is.
        found = self.leave(h) + spread * total * self.expect(told)
        return total.square() * noisy + spread * total * found


def train_denoiser(
    network: Denoiser, train: Rows, held: Rows | None, plan: Plan, callbacks: Sequence[Callback] = ()
) -> dict[str, list[float]]:
    """Train in place; the best weights are those with the least loss on rows held out, the start among them.

    Parameters
    ----------
    network : Denoiser
    train : Rows
    held : Rows or None
        Without them, the last weights are kept.
    plan : Plan
        For `train`.
    callbacks : sequence of Callback

    Returns
    -------
    dict of list
        "epoch", "train_loss", "validation_loss", "learning_rate" and "seconds", by stretch of training.
    """
    device = train.x.device
    generator = torch.Generator(device).manual_seed(plan.seed)
    network.start(train.draw(generator))
    average = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=plan.weight_decay, betas=(0.9, 0.99))
    judge = None if held is None else _Judge(held, device, plan.seed)
    best = math.nan if judge is None else judge(average)
    kept, worse, began = copy.deepcopy(average.state_dict()), 0, time.perf_counter()
    stretch = max(1, -(-LOOK_EVERY // plan.steps_per_epoch))
    history: dict[str, list[float]] = {}
    for callback in callbacks:
        callback.on_fit_start({"max_epochs": plan.max_epochs, "epoch": 0})
    epoch, stopped = 0, "max_epochs"
    network.train()
    try:
        for epoch in range(stretch, plan.max_epochs + stretch, stretch):
            steps = range((epoch - stretch) * plan.steps_per_epoch, epoch * plan.steps_per_epoch)
            total = sum(_step(network, average, optimizer, train, plan, step, generator) for step in steps)
            found = math.nan if judge is None else judge(average)
            record = {
                "epoch": epoch,
                "train_loss": total / len(steps),
                "validation_loss": found,
                "learning_rate": optimizer.param_groups[0]["lr"],
                "seconds": time.perf_counter() - began,
            }
            for name, value in record.items():
                history.setdefault(name, []).append(value)
            if not math.isfinite(record["train_loss"]):
                raise TrainingError(
                    f"The loss of the density on codes was {record['train_loss']} in epoch {epoch}. Look for values "
                    "far from all others, or fit with another random_state."
                )
            if judge is None or found < best:
                best, worse = found, 0
                kept = copy.deepcopy(average.state_dict())
            else:
                worse += stretch
            told = [callback.on_epoch_end(record) for callback in callbacks]
            if any(told) or (judge is not None and plan.patience is not None and worse > plan.patience):
                stopped = "callback" if any(told) else "patience"
                break
    finally:
        for callback in callbacks:
            callback.on_fit_end({"epoch": epoch, "stopped": stopped})
    network.load_state_dict(kept)
    network.eval()
    return history


def _step(
    network: Denoiser,
    average: Denoiser,
    optimizer: torch.optim.Optimizer,
    train: Rows,
    plan: Plan,
    step: int,
    generator: torch.Generator,
) -> float:
    """Take one step, and move the running average of the weights along; give the loss."""
    for group in optimizer.param_groups:
        group["lr"] = plan.rate(min(step, plan.total_steps))
    index = torch.randint(len(train), (plan.batch_size,), generator=generator, device=train.x.device)
    loss = _loss(network, train.take(index), generator)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), plan.clip_norm)
    optimizer.step()
    # Early on the average is over what there is.
    share = min(AVERAGE, (step + 1) / (step + 11))
    with torch.no_grad():
        for mean, now in zip(average.parameters(), network.parameters(), strict=True):
            mean.lerp_(now, 1 - share)
    return float(loss.detach())


def _loss(network: Denoiser, rows: Rows, generator: torch.Generator) -> Tensor:
    """Squared error of the code without noise, weighted so that each level of noise counts the same."""
    n, device = len(rows), rows.x.device
    clean = (rows.draw(generator) - network.center) @ network.whiten

    def uniform(*size: int) -> Tensor:
        return torch.rand(*size, generator=generator, device=device)

    spread = (LOG_MEAN + LOG_SPREAD * torch.randn(n, 1, generator=generator, device=device)).exp()
    noisy = clean + spread * torch.randn(clean.shape, generator=generator, device=device)
    count = rows.known.shape[1]
    share = torch.where(uniform(n, 1) < FEW, torch.full((n, 1), FEW_COLUMNS / count, device=device), uniform(n, 1))
    share = torch.where(uniform(n, 1) < NOTHING, torch.zeros_like(share), share)
    given = (uniform(n, count) < share) & rows.known
    error = network(noisy, spread, rows.x, given) - clean
    return (error.square().mean(1, keepdim=True) * (1 + spread.square()) / spread.square()).mean()


class _Judge:
    """Loss on rows held out, always with the same noise."""

    def __init__(self, rows: Rows, device: torch.device, seed: int):
        times = max(1, -(-JUDGED // len(rows)))
        self.rows = rows.take(torch.arange(len(rows), device=device).repeat(times)[: max(JUDGED, len(rows))])
        self.device, self.seed = device, seed

    @torch.no_grad()
    def __call__(self, network: Denoiser) -> float:
        return float(_loss(network, self.rows, torch.Generator(self.device).manual_seed(self.seed)))


#: Moves codes without noise towards what is given: codes (m, k), the variance left in each of their whitened units, and
#: the rows that they are of, to codes.
Pull = Callable[[Tensor, float, slice], Tensor]


@torch.no_grad()
def draw_codes(
    network: Denoiser,
    n: int,
    seed: int,
    x: Tensor | None = None,
    given: Tensor | None = None,
    pull: Pull | None = None,
) -> Tensor:
    """Draw codes.

    Parameters
    ----------
    network : Denoiser
    n : int
    seed : int
    x : Tensor of shape (n, p), optional
        Prepared rows of which something is given.
    given : bool Tensor of shape (n, c), optional
        What is given of them.
    pull : callable, optional

    Returns
    -------
    Tensor of shape (n, k)
    """
    device = network.center.device
    generator = torch.Generator(device).manual_seed(seed)
    count, p = int(network.columns.max()) + 1, len(network.columns)
    x = torch.zeros(1, p, device=device).expand(n, p) if x is None else x
    given = torch.zeros(1, count, dtype=torch.bool, device=device).expand(n, count) if given is None else given
    ends = LARGEST ** (1 / RHO), LEAST ** (1 / RHO)
    spreads = (ends[0] + torch.linspace(0, 1, STEPS, device=device) * (ends[1] - ends[0])) ** RHO
    parts = []
    for start in range(0, n, BLOCK):
        rows = slice(start, start + BLOCK)
        z = spreads[0] * torch.randn(len(x[rows]), len(network.center), generator=generator, device=device)
        parts.append(_flow(network, z, spreads, x[rows], given[rows], rows, pull))
    return torch.cat(parts) @ network.color + network.center


def _flow(
    network: Denoiser, z: Tensor, spreads: Tensor, x: Tensor, given: Tensor, rows: slice, pull: Pull | None
) -> Tensor:
    """Follow the flow from noise to whitened codes by Heun's steps (Karras et al., 2022, algorithm 1)."""

    def clean(z: Tensor, spread: Tensor) -> Tensor:
        found = network(z, spread.expand(len(z), 1), x, given)
        if pull is None:
            return found
        left = float(spread**2 / (1 + spread**2))
        return (pull(found @ network.color + network.center, left, rows) - network.center) @ network.whiten

    for now, then in pairwise(spreads):
        slope = (z - clean(z, now)) / now
        ahead = z + (then - now) * slope
        z = z + (then - now) * (slope + (ahead - clean(ahead, then)) / then) / 2
    return clean(z, spreads[-1])


def diffusion_plan(n_rows: int, max_epochs: int | str, seed: int) -> Plan:
    """Say how long, and in what steps, to train on some rows."""
    return make_plan(
        n_rows,
        batch_size=BATCH,
        max_epochs=max_epochs,
        learning_rate=RATE,
        weight_decay=DECAY,
        patience="auto",
        seed=seed,
        default_rate=RATE,
        share_of_steps=SHARE_OF_STEPS,
    )


def make_denoiser(latent_dim: int, columns: Tensor, width: int, depth: int, seed: int) -> Denoiser:
    """Make one, its weights from a seed."""
    with seeded(seed):
        return Denoiser(latent_dim, columns, width, depth)
