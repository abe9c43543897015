"""What is good and what is off about a fitted model, in words, each with its figure and what to do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.evaluation.comparison import LITTLE, TIE, column_names
from isthmus.evaluation.evidence import Evidence, gather
from isthmus.evaluation.metrics import shares
from isthmus.evaluation.wording import number, percent, plural

if TYPE_CHECKING:
    from isthmus.autoencoder import Autoencoder

SEVERITIES = ("warning", "note", "good")


@dataclass(frozen=True)
class Advice:
    """One finding.

    Attributes
    ----------
    topic : str
        Short name of what was looked at, such as "overfitting".
    severity : str
        "warning" (act on it), "note" (worth knowing) or "good".
    title : str
        The finding in a few words.
    figure : str
        The figure it rests on.
    action : str
        What to do; empty where nothing needs doing.
    """

    topic: str
    severity: str
    title: str
    figure: str
    action: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.title + ".", self.figure, self.action) if part)

    def to_dict(self) -> dict[str, str]:
        """Give the fields as a dict, ready for JSON."""
        return asdict(self)


def advice(
    model: Autoencoder, X: Any = None, *, held_out: bool | None = None, evidence: Evidence | None = None
) -> list[Advice]:
    """Look a fitted model over and say what is good and what is off.

    Parameters
    ----------
    model : Autoencoder
        Fitted.
    X : array, frame, path, Raw, ...
        The training data (its held-out part is recognised), or better other rows.
    held_out : bool, optional
        Whether training never saw the rows `X`; None: find out where that is possible.
    evidence : Evidence, optional
        What `gather` found already; `X` is then not needed.

    Returns
    -------
    list of Advice
        Warnings first, then notes, then what is good.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from isthmus import Autoencoder
    >>> from isthmus.evaluation import advice
    >>> X = load_iris().data
    >>> found = advice(Autoencoder(latent_dim=3, max_epochs=2, random_state=0).fit(X), X)
    >>> {a.severity for a in found} <= {"warning", "note", "good"}
    True
    """
    seen = evidence if evidence is not None else gather(model, X, held_out=held_out)
    found = [item for check in CHECKS for item in check(seen)]
    return sorted(found, key=lambda item: SEVERITIES.index(item.severity))


def beside_pca(seen: Evidence) -> Iterator[Advice]:
    """Nearly as good as PCA is not good enough to be worth a network."""
    c = seen.comparison
    figure = f"Mean squared error on the {c.rows_are}: Isthmus {number(c.ours)}, PCA {number(c.pca)}."
    if c.pca <= 1e-9:
        yield Advice(
            "pca", "note", "PCA already reconstructs these rows exactly", figure,
            "Use PCA, it is simpler; or ask for a smaller code.",
        )  # fmt: skip
    elif c.ratio > 1 + TIE:
        yield Advice(
            "pca", "warning", "PCA is better on these rows", figure,
            "Use PCA, it is simpler. If more training rows can be had, fit again with them.",
        )  # fmt: skip
    elif c.ratio > 1 - LITTLE:
        yield Advice(
            "pca", "note", "PCA is nearly as good", figure,
            "Use PCA, it is simpler; a network pays off only where the data bend.",
        )  # fmt: skip
    else:
        yield Advice("pca", "good", f"{percent(1 - c.ratio)} less error than PCA", figure)


def overfitting(seen: Evidence) -> Iterator[Advice]:
    """Compare the gap between the two splits at the best epoch with the gap at the start."""
    train, validation, best = _history(seen)
    if validation is None or not 0 <= best < len(train) or min(train[best], train[0]) <= 0:
        return
    gap = validation[best] / train[best]
    # Held-out rows may simply be harder: what counts is by how much the gap has grown since the start.
    growth = gap / max(1.0, validation[0] / train[0]) if validation[0] > 0 else gap
    figure = (
        f"At the best epoch ({best}) the loss is {number(train[best])} on training rows and "
        f"{number(validation[best])} on held-out rows, {number(gap)} times as much."
    )
    if min(gap, growth) > 1.3:
        yield Advice(
            "overfitting",
            "warning" if min(gap, growth) > 2 else "note",
            "Training rows are learned better than new ones",
            figure,
            "More rows help most; else a smaller hidden, some dropout (0.1 to 0.3) or more weight_decay.",
        )
    elif gap <= 1.3:
        yield Advice("overfitting", "good", "It does as well on rows it never saw", figure)


def still_improving(seen: Evidence) -> Iterator[Advice]:
    """Training that stopped at its limit while the loss was still falling."""
    train, validation, best = _history(seen)
    loss = train if validation is None else validation
    last = len(loss) - 1
    stopped = str(getattr(seen.model, "stopped_", ""))
    if stopped == "interrupted":
        yield Advice(
            "training", "note", "Training was interrupted",
            f"It ended after epoch {last}; the best weights so far are those of epoch {best}.",
            "Fit again without interruption for a final model.",
        )  # fmt: skip
        return
    if stopped != "max_epochs" or last < 1:
        return
    # The last third: the rate falls to its end, and with it the gain.
    span = max(1, round(last / 3))
    before, now = float(np.min(loss[: last - span + 1])), float(np.min(loss))
    if best > last - span and before > 0 and (before - now) / before > 0.02:
        yield Advice(
            "training", "note", "It was still improving when training ended",
            f"The {'training' if validation is None else 'held-out'} loss fell by "
            f"{percent((before - now) / before)} in the last {plural(span, 'epoch')} of {last}.",
            f"Train longer: max_epochs={_round_up(2 * last)}.",
        )  # fmt: skip


def code_size(seen: Evidence) -> Iterator[Advice]:
    """Hold the code size against the spectrum of PCA."""
    known, k = shares(seen.model), int(seen.model.latent_dim_)
    explained = seen.comparison.overall.ours_explained
    enough = int(np.searchsorted(known, 0.99)) + 1 if len(known) else 0
    if 0 < enough <= k / 2 and k >= 3:
        yield Advice(
            "code size", "note", "The code is larger than it needs to be",
            f"PCA holds {percent(known[enough - 1])} of the variance in {plural(enough, 'dimension')}; "
            f"the code has {k}.",
            f"Try latent_dim={enough} or less.",
        )  # fmt: skip
    # The spectrum of few training rows promises too much.
    twice = min(2 * k, len(known))
    if twice > k and int(seen.model.n_rows_) >= 5 * twice and explained < 0.9:
        gain = float(known[twice - 1]) - explained
        if gain > 0.05:
            yield Advice(
                "code size", "note", "The code is too small to hold these rows",
                f"It explains {percent(explained)} of the variance; PCA with {twice} dimensions would "
                f"explain {percent(known[twice - 1])}.",
                f"Try latent_dim={twice}, if a longer code is of use to you.",
            )  # fmt: skip


def dead_units(seen: Evidence) -> Iterator[Advice]:
    """Code dimensions and hidden units that never move."""
    spread = seen.codes.std(axis=0)
    k = len(spread)
    if len(seen.codes) >= 20:
        dead = np.flatnonzero(spread <= 1e-4 * max(spread.max(), 1e-12))
        weak = np.flatnonzero(spread**2 < 1e-2 * np.mean(spread**2))
        if len(dead):
            listed = ", ".join(map(str, dead[:8])) + (", ..." if len(dead) > 8 else "")
            yield Advice(
                "dead units", "warning", f"{plural(len(dead), 'code dimension')} of {k} never moves"
                if len(dead) == 1 else f"{len(dead)} of {k} code dimensions never move",
                f"No variance over {plural(len(seen.codes), 'row')} in {listed}.",
                f"Try latent_dim={max(1, k - len(dead))}: nothing would be lost.",
            )  # fmt: skip
        elif k >= 4 and len(weak) > k / 4:
            yield Advice(
                "dead units", "note", f"{len(weak)} of {k} code dimensions hardly move",
                "Each has less than a hundredth of the average variance of a code dimension.",
                f"Try latent_dim={max(1, k - len(weak))}.",
            )  # fmt: skip
    for layer, (silent, units) in seen.silent.items():
        if silent > units / 4:
            yield Advice(
                "dead units", "warning" if silent > units / 2 else "note",
                f"Many hidden units do nothing (layer {layer})",
                f"{silent} of {units} give the same value for every row.",
                'Lower learning_rate, or use activation="gelu", which rarely dies.',
            )  # fmt: skip


def gradients(seen: Evidence) -> Iterator[Advice]:
    """Gradients that vanish towards one end of the network, or explode."""
    norms = {name: np.asarray(v, dtype=float) for name, v in (seen.model.gradient_norms_ or {}).items()}
    typical: dict[str, float] = {}
    for name, values in norms.items():
        late = values[len(values) // 2 :]
        late = late[np.isfinite(late)]
        if len(late):
            typical[name] = float(np.median(late))
    if len(typical) < 2:
        return
    low, high = min(typical, key=typical.__getitem__), max(typical, key=typical.__getitem__)
    if typical[high] > 0 and typical[low] < 1e-4 * typical[high]:
        yield Advice(
            "gradients", "warning", f"Gradients vanish in layer {low}",
            f"Their size there is {number(typical[low])}, against {number(typical[high])} in layer {high}.",
            'That layer hardly learns. Use fewer layers in hidden, or activation="gelu".',
        )  # fmt: skip
    for name, values in norms.items():
        middle = typical.get(name, 0.0)
        peak = float(np.fmax.reduce(values, initial=0.0))  # an epoch without a figure is NaN
        if math.isinf(peak) or (middle > 0 and peak > 1000 * middle and peak > 100):
            yield Advice(
                "gradients", "warning", f"Gradients explode in layer {name}",
                f"Their size rose to {number(peak)}; it is {number(middle)} as a rule.",
                "Lower learning_rate by a factor of 3 to 10.",
            )  # fmt: skip
            return  # one such layer is enough to say so


def outliers(seen: Evidence) -> Iterator[Advice]:
    """Few rows with an error far beyond all others."""
    far = outlying(seen.measured.rows)
    if len(far):
        middle = float(np.nanmedian(seen.measured.rows))
        times = number(float(seen.measured.rows[far[0]]) / middle)
        worst = [seen.row_name(int(i)) for i in far[:3]]
        yield Advice(
            "outliers", "note", f"{plural(len(far), 'row')} cannot be reconstructed",
            f"The worst, {worst[0]}, has {times} times the median error"
            + (f"; then {' and '.join(worst[1:])}." if worst[1:] else "."),
            "Look at them below: they may be mistakes in the data, or what you are looking for.",
        )  # fmt: skip


def outlying(rows: np.ndarray) -> np.ndarray:
    """Positions of rows with an error far beyond the others', worst first; at most one row in twenty.

    Far is ten times the median error and five robust standard deviations of its logarithm.

    Parameters
    ----------
    rows : ndarray of shape (n,)
        Errors, NaN where there is none.

    Examples
    --------
    >>> outlying(np.r_[np.linspace(1, 2, 40), 500.0])
    array([40])
    """
    known = rows[np.isfinite(rows) & (rows > 0)]
    if len(known) < 20:
        return np.empty(0, int)
    middle = float(np.median(known))
    width = 1.4826 * float(np.median(np.abs(np.log(known / middle))))
    with np.errstate(invalid="ignore", divide="ignore"):
        far = np.flatnonzero((rows > 10 * middle) & (np.log(rows / middle) > 5 * width))
    return far[np.argsort(-rows[far])] if len(far) <= max(1, len(rows) // 20) else np.empty(0, int)


def columns(seen: Evidence) -> Iterator[Advice]:
    """Columns that hold one value, or none."""
    if seen.comparison.by_column is None or len(seen.raw) < 2:
        return
    names, own = column_names(seen.model, seen.raw), seen.measured.own
    constant = [names[i] for i in np.flatnonzero((own.count > 0) & (own.low == own.high))]
    empty = [names[i] for i in np.flatnonzero(own.count == 0)]
    if constant:
        yield Advice(
            "constant columns", "note", f"{plural(len(constant), 'column')} of {len(names):,} "
            f"{'holds' if len(constant) == 1 else 'hold'} a single value",
            _listed(constant), "They tell nothing apart; leave them out, unless new rows will differ there.",
        )  # fmt: skip
    if empty:
        yield Advice(
            "empty columns", "warning", f"{plural(len(empty), 'column')} of {len(names):,} "
            f"{'has' if len(empty) == 1 else 'have'} no value at all",
            _listed(empty), "Nothing can be learned about them; leave them out.",
        )  # fmt: skip


def few_rows(seen: Evidence) -> Iterator[Advice]:
    """Too little to learn from, or to judge by."""
    n, k = int(seen.model.n_rows_), int(seen.model.latent_dim_)
    if n < 100 or n < 10 * k:
        yield Advice(
            "few rows", "warning" if n < 50 or n < 5 * k else "note", "There are few rows to learn from",
            f"The model was fitted on {plural(n, 'row')}, for a code of {plural(k, 'number')}.",
            "Trust the figures with care, and gather more rows before relying on them.",
        )  # fmt: skip
    if seen.split == "training":
        yield Advice(
            "no held-out rows", "warning", "Nothing was held out",
            f"Every row compared here ({seen.comparison.rows:,}) was used for training.",
            "Figures on training rows flatter; set validation_fraction=0.1, or report on other rows.",
        )  # fmt: skip
    elif seen.split == "held-out" and seen.comparison.rows < 30 and n >= 100:
        yield Advice(
            "few rows", "note", "The verdict rests on few held-out rows",
            f"Only {plural(seen.comparison.rows, 'row')} were held out.",
            "Set a larger validation_fraction for a firmer figure.",
        )  # fmt: skip


#: Every check, in the order in which findings of equal severity are listed.
CHECKS: tuple[Callable[[Evidence], Iterator[Advice]], ...] = (
    beside_pca,
    overfitting,
    few_rows,
    still_improving,
    code_size,
    dead_units,
    gradients,
    outliers,
    columns,
)


def _history(seen: Evidence) -> tuple[np.ndarray, np.ndarray | None, int]:
    """Losses by epoch of both splits (None where nothing was held out), and the best epoch."""
    history = seen.model.history_
    train = np.asarray(history["train_loss"], dtype=float)
    validation = np.asarray(history.get("validation_loss", np.nan), dtype=float)
    return train, None if np.isnan(validation).all() else validation, int(seen.model.best_epoch_)


def _listed(names: list[str], most: int = 8) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more." if len(names) > most else f"{shown}."


def _round_up(n: int) -> int:
    """Round up to two leading digits: 137 becomes 140."""
    step = 10 ** max(0, len(str(n)) - 2)
    return -(-n // step) * step
