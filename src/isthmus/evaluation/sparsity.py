"""How sparse codes are and what they leave unexplained, beside PCA and a random dictionary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.data import as_raw
from isthmus.evaluation import figures
from isthmus.evaluation.comparison import plain
from isthmus.evaluation.wording import number, percent, plural
from isthmus.objectives import Sparse, each_objective
from isthmus.training.split import evenly

if TYPE_CHECKING:
    from isthmus.autoencoder import Autoencoder

#: Multiply-adds that the pursuit in the random dictionary may take, and rows that it gets whatever they cost.
PURSUIT, FEWEST = 2e11, 100
#: Columns of the histogram of frequencies.
BINS = 40


@dataclass(frozen=True)
class SparseFigures:
    """Figures of one code on some rows.

    Attributes
    ----------
    l0 : float
        Units active for a row, on average.
    unexplained : float
        Fraction of variance unexplained (FVU): squared error over squared distance from the training mean.
    dead : float
        Share of the units that are active for none of the rows.
    frequencies : ndarray of shape (units,)
        Share of the rows for which each unit is active.
    rows : int
        Rows that these figures rest on.
    """

    l0: float
    unexplained: float
    dead: float
    frequencies: np.ndarray
    rows: int

    def to_dict(self) -> dict[str, Any]:
        """Give plain numbers and lists, `None` where there is no figure: ready for JSON."""
        numbers = {name: plain(getattr(self, name)) for name in ("l0", "unexplained", "dead")}
        return {**numbers, "frequencies": self.frequencies.tolist(), "rows": self.rows}


@dataclass(frozen=True)
class Sparsity:
    """Figures of a code, beside PCA with as many components as it has units active, and a random dictionary.

    Attributes
    ----------
    ours, pca, random : SparseFigures
        Of the model; of PCA with `active` components; of matching pursuit with `active` units of a random dictionary
        of the code's width.
    active : int
        Units that the model has active for a row, rounded, at least one.
    """

    ours: SparseFigures
    pca: SparseFigures
    random: SparseFigures
    active: int

    def to_dict(self) -> dict[str, Any]:
        """Give plain numbers and lists, `None` where there is no figure: ready for JSON."""
        parts = {name: getattr(self, name).to_dict() for name in ("ours", "pca", "random")}
        return {**parts, "active": self.active}

    def table(self) -> list[tuple[str, str, str, str, str]]:
        """Rows for printing: what, units active, variance unexplained, units dead, rows; the first is the heading."""
        named = (("Isthmus", self.ours), (f"PCA, {self.active}", self.pca), ("random dictionary", self.random))
        heading = ("", "active for a row (L0)", "variance unexplained", "dead units", "rows")
        return [
            heading,
            *((name, number(f.l0), percent(f.unexplained), percent(f.dead), f"{f.rows:,}") for name, f in named),
        ]

    def sentence(self) -> str:
        """Say how many units are active and dead, and who explains more of the variance."""
        said = (
            f"Of {plural(len(self.ours.frequencies), 'unit')}, {number(self.ours.l0)} are active for a row on average "
            f"and {percent(self.ours.dead)} for none of {plural(self.ours.rows, 'row')}. "
            f"{percent(self.ours.unexplained)} of the variance is left unexplained; PCA with "
            f"{plural(self.active, 'component')} leaves {percent(self.pca.unexplained)}, a random dictionary "
            f"{percent(self.random.unexplained)}."
        )
        ahead = [
            name
            for name, other in (("PCA", self.pca), ("the random dictionary", self.random))
            if other.unexplained < self.ours.unexplained
        ]
        return f"{said} Here {' and '.join(ahead)} leaves less." if ahead else said

    def __str__(self) -> str:
        """Give a table of all three, and say where another is ahead."""
        lines = [[cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row] for row in self.table()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shown = ["  ".join(f"{cell:>{w}}" for cell, w in zip(row, widths, strict=True)) for row in lines]
        return "\n".join([*shown, self.sentence().replace("\N{NO-BREAK SPACE}", " ")])


def sparsity_figures(model: Autoencoder, X: Any, *, random_state: int = 0) -> Sparsity:
    """Measure how sparse a model's codes are and what they explain, beside PCA and a random dictionary.

    Parameters
    ----------
    model : Autoencoder
        Fitted, with any objective; of several members, the best one counts.
    X : array, frame, path, Raw, ...
        Rows, best ones that training never saw. Missing cells are left out.
    random_state : int, default=0
        Of the random dictionary.

    Returns
    -------
    Sparsity
        `print` it.

    Raises
    ------
    DataError
        If `X` does not fit the data that the model was fitted on.

    Notes
    -----
    A unit is active where its value is not 0; with the sigmoid units of `Sparse("kl")`, where it is above one half.
    PCA is that of the model, fitted on its training rows. The random dictionary has as many directions, drawn evenly
    from the sphere about the training mean; orthogonal matching pursuit takes as many of them for each row as the model
    has units active, of either sign, which is more than an encoder of one layer is allowed. Where that would take
    long, it does so for a part of the rows, evenly spread; `rows` says for how many.

    References
    ----------
    Y. C. Pati, R. Rezaiifar, P. S. Krishnaprasad, "Orthogonal matching pursuit", 1993. L. Gao et al., "Scaling and
    evaluating sparse autoencoders", 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus import Autoencoder, Sparse
    >>> X = np.random.default_rng(0).laplace(size=(200, 4))
    >>> ae = Autoencoder(16, hidden=(), objective=Sparse("topk", k=2), max_epochs=5, random_state=0).fit(X[::2])
    >>> found = sparsity_figures(ae, X[1::2])
    >>> found.ours.l0, found.active, found.ours.frequencies.shape
    (2.0, 2, (16,))
    """
    inference = model._inference
    raw = as_raw(X, kind=model.kind_)
    least = _least(model)
    width, size, n = model.latent_dim_, int(np.prod(model.preparation_.shape_)), len(raw)
    counts = torch.zeros(width, dtype=torch.float64)
    ours, spread = _Error(), _Error()
    mean = model.pca_.mean
    for _, prepared in inference.blocks(raw):
        codes = inference.encode(prepared)
        counts += (codes.abs() > least).sum(0).double().cpu()
        ours.add(inference.decode(codes).flatten(1), prepared)
        spread.add(mean.to(prepared.x).expand(len(prepared), -1), prepared)
    l0 = float(counts.sum()) / n
    active = max(1, round(l0))
    pca = model.pca_.first(active)
    steps = min(active, width, size)
    atoms = torch.randn(width, size, generator=torch.Generator().manual_seed(random_state))
    few = raw.take(evenly(n, max(FEWEST, int(PURSUIT / (width * size * steps)))).numpy())
    theirs, theirs_spread, of_pca = _Error(), _Error(), _Error()
    chosen = torch.zeros(width, dtype=torch.float64)
    for _, prepared in inference.blocks(raw):
        of_pca.add(pca.reconstruct(prepared.x).flatten(1), prepared)
    for _, prepared in inference.blocks(few):
        center = mean.to(prepared.x)
        made, places = pursuit(prepared.x.flatten(1) - center, atoms.to(prepared.x), steps)
        theirs.add(made + center, prepared)
        theirs_spread.add(center.expand(len(prepared), -1), prepared)
        chosen += torch.bincount(places.flatten(), minlength=width).double().cpu()
    components = len(pca.components)
    return Sparsity(
        SparseFigures(l0, ours / spread, float((counts == 0).double().mean()), (counts / n).numpy(), n),
        SparseFigures(components, of_pca / spread, 0.0, np.ones(components), n),
        SparseFigures(
            steps,
            theirs / theirs_spread,
            float((chosen == 0).double().mean()),
            (chosen / len(few)).numpy(),
            len(few),
        ),
        active,
    )


def _least(model: Autoencoder) -> float:
    """Size that a value of the code must exceed for its unit to count as active."""
    kinds = [part for part in each_objective(model._model.objective) if isinstance(part, Sparse)]
    return kinds[-1].least if kinds else 0.0


class _Error:
    """Sum of squared errors over observed cells."""

    def __init__(self) -> None:
        self.total = 0.0

    def add(self, made: Tensor, prepared: Any) -> None:
        error = (made - prepared.x.flatten(1)).double().square()
        if prepared.mask is not None:
            error = error * prepared.mask.flatten(1)
        self.total += float(error.sum())

    def __truediv__(self, other: _Error) -> float:
        if other.total == 0:
            return 0.0 if self.total == 0 else float("nan")
        return self.total / other.total


def pursuit(x: Tensor, atoms: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Orthogonal matching pursuit: the direction that correlates most with what is left, a refit, and again.

    Parameters
    ----------
    x : Tensor of shape (n, size)
    atoms : Tensor of shape (width, size)
        Directions, of any norm but 0.
    steps : int
        Directions for each row, at most `min(width, size)`.

    Returns
    -------
    made : Tensor of shape (n, size)
        Least-squares reconstruction from the directions chosen.
    places : int64 Tensor of shape (n, steps)
        Numbers of the directions chosen, none twice in a row.

    Examples
    --------
    >>> made, places = pursuit(torch.tensor([[3.0, 4.0, 0.0]]), torch.eye(3), 1)
    >>> made.tolist(), places.tolist()
    ([[0.0, 4.0, 0.0]], [[1]])
    """
    atoms = F.normalize(atoms, dim=1)
    rest = x.clone()
    basis = x.new_zeros(len(x), steps, x.shape[1])
    places = torch.zeros(len(x), steps, dtype=torch.int64, device=x.device)
    taken = torch.zeros(len(x), len(atoms), dtype=torch.bool, device=x.device)
    for step in range(steps):
        place = (rest @ atoms.T).abs().masked_fill(taken, -1).argmax(1)
        taken[torch.arange(len(x)), place] = True
        places[:, step] = place
        atom = atoms[place]
        # Twice, for the digits: directions chosen late are nearly combinations of earlier ones.
        for _ in range(2):
            atom = atom - torch.einsum("ns,nsd->nd", torch.einsum("nd,nsd->ns", atom, basis), basis)
        atom = F.normalize(atom, dim=1)
        basis[:, step] = atom
        rest = rest - (rest * atom).sum(1, keepdim=True) * atom
    return x - rest, places


def is_sparse(model: Autoencoder) -> bool:
    """Whether a model was fitted with `Sparse`."""
    return any(isinstance(part, Sparse) for part in each_objective(model._model.objective))


def figure(found: Sparsity) -> go.Figure:
    """Histogram of how often units are active, on a log scale; those that never are stand in the text."""
    drawn = figures.blank(300, "share of the rows for which a unit is active (log scale)", "units")
    lowest = 1 / min(found.ours.rows, found.random.rows)
    edges = np.geomspace(0.9 * lowest, 1.0001, BINS + 1)
    for name, frequencies, colour in (
        ("Isthmus", found.ours.frequencies, figures.OURS),
        ("random dictionary", found.random.frequencies, figures.GREY),
    ):
        counts, _ = np.histogram(np.maximum(frequencies[frequencies > 0], lowest), edges)
        drawn.add_scatter(
            x=np.repeat(edges, 2)[1:-1], y=np.repeat(counts, 2), name=name, mode="lines", fill="tozeroy",
            line={"color": colour, "width": 1.5}, opacity=0.9, hoverinfo="skip",
        )  # fmt: skip
    drawn.update_xaxes(type="log", **figures.log_ticks(edges))
    drawn.update_yaxes(rangemode="tozero")
    return drawn
