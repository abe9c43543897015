"""Everything that the findings and the report rest on, gathered once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from isthmus.data import as_raw
from isthmus.evaluation.comparison import Comparison, summarise
from isthmus.evaluation.metrics import Measured, measure
from isthmus.evaluation.wording import number
from isthmus.exceptions import ParameterError
from isthmus.networks import Members

if TYPE_CHECKING:
    from isthmus.autoencoder import Autoencoder
    from isthmus.data import Raw

#: Rows on which the activity of units is looked at.
SAMPLE_ROWS = 1000


@dataclass
class Evidence:
    """What was seen of a fitted model on some rows.

    Attributes
    ----------
    model : Autoencoder
    raw : Raw
        The rows.
    measured : Measured
        Errors over all of them.
    comparison : Comparison
        Beside PCA: on the held-out rows among them where those are known, else on all.
    held_out : ndarray of int, or None
        Positions of the rows that training never saw; None where that is not known.
    split : str
        What `comparison` rests on: "held-out", "training", or "given" (rows of which it is not known whether
        training saw them).
    sample : ndarray of int
        Positions of the rows whose codes are kept, in order.
    codes : ndarray of shape (len(sample), latent_dim)
    silent : dict of str to (int, int)
        For each activation in the encoder: units with one value for every row of a sample, and all units.
    """

    model: Autoencoder
    raw: Raw
    measured: Measured
    comparison: Comparison
    held_out: np.ndarray | None
    split: str
    sample: np.ndarray
    codes: np.ndarray
    silent: dict[str, tuple[int, int]]

    def unseen(self) -> Raw:
        """Rows that training never saw; all, where those are not known."""
        return self.raw if self.held_out is None or not len(self.held_out) else self.raw.take(self.held_out)

    def row_name(self, position: int) -> str:
        """Name of a row as the person knows it: a file name, an index label, or its number (from 0)."""
        if self.raw.row_names is not None:
            return str(self.raw.row_names[position])
        if self.raw.index is None:
            return f"row {position}"
        name = self.raw.index[position]
        return name if isinstance(name, str) else f"row {name}"

    def shown(self, column: int, value: float) -> str:
        """Value of a column in words: a label, a date or a number."""
        columns = self.model.preparation_.schema_.columns
        if columns is None or math.isnan(value):
            return number(value)
        return columns[column].shown(value) or number(value)

    def is_held_out(self, position: int) -> bool | None:
        """Whether training never saw this row; None where that is not known."""
        return None if self.held_out is None else bool(np.isin(position, self.held_out))


def gather(model: Autoencoder, X: Any, *, held_out: bool | None = None, max_points: int = 5000) -> Evidence:
    """Reconstruct the rows `X` and look at everything that the findings and the report speak of.

    Parameters
    ----------
    model : Autoencoder
        Fitted.
    X : array, frame, path, Raw, ...
        Rows as `fit` takes them.
    held_out : bool, optional
        Whether training never saw these rows. None: where `X` is the training data, which is recognised by
        the error on its held-out part, that part is used; else it is taken as not known.
    max_points : int, default 5000
        Codes are kept of at most so many rows, drawn evenly at random.

    Returns
    -------
    Evidence
    """
    if model.preparation_.vocabulary_:
        raise ParameterError(
            "Findings are on rows of numbers, but this model is of texts or events; compare() and report() set "
            "its rows beside what comes back."
        )
    raw = as_raw(X, kind=model.kind_)
    measured = measure(model, raw)
    positions, comparison, split = _held_out(model, raw, measured, held_out)
    rng = np.random.default_rng(0)  # the same picture each time
    sample = np.sort(rng.permutation(len(raw))[:max_points])
    few = sample if len(sample) <= SAMPLE_ROWS else np.sort(rng.permutation(sample)[:SAMPLE_ROWS])
    prepared = model.preparation_.transform(raw.take(few))
    return Evidence(
        model=model,
        raw=raw,
        measured=measured,
        comparison=comparison,
        held_out=positions,
        split=split,
        sample=sample,
        codes=np.asarray(model.transform(raw.take(sample)), dtype=np.float64).reshape(len(sample), -1),
        silent=silent_units(model, prepared.x, prepared.mask),
    )


def _held_out(
    model: Autoencoder, raw: Raw, measured: Measured, given: bool | None
) -> tuple[np.ndarray | None, Comparison, str]:
    """Positions of the rows that training never saw, the comparison that counts, and what it rests on."""
    if given:
        return np.arange(len(raw)), summarise(model, raw, measured, "held-out rows"), "held-out"
    found, kept, n = model.comparison_, model.validation_rows_, len(raw)
    if given is None and n == model.n_rows_ and kept is not None and len(kept):
        part = raw.take(np.asarray(kept))
        if _same(model, part, found):
            return np.asarray(kept), summarise(model, part, measure(model, part), "held-out rows"), "held-out"
    elif given is None and kept is None and n == model.n_rows_ and found["split"] == "training":
        if _same(model, raw, found):
            return np.empty(0, int), summarise(model, raw, measured, "training rows"), "training"
    elif given is None and kept is None and found["split"] == "validation" and _same(model, raw, found):
        # Rows given to fit as validation=.
        return np.arange(n), summarise(model, raw, measured, "held-out rows"), "held-out"
    return None, summarise(model, raw, measured), "given"


def _same(model: Autoencoder, raw: Raw, found: dict[str, Any]) -> bool:
    """Whether `raw` begins with the rows of the comparison that was made at the end of training."""
    # A model that was cut has a comparison of no rows.
    if not found["rows"] or len(raw) < found["rows"]:
        return False
    part = raw.take(slice(0, int(found["rows"])))
    comparison = summarise(model, part, measure(model, part))
    ours, pca = float(found["ours"]), float(found["pca"])
    # A relative tolerance alone would never hold where the error is zero to rounding.
    return bool(np.allclose([ours, pca], [comparison.ours, comparison.pca], rtol=2e-3, atol=1e-9))


def silent_units(model: Autoencoder, x: torch.Tensor, mask: torch.Tensor | None) -> dict[str, tuple[int, int]]:
    """For each activation module of the encoder: units with the same value for every row, and all units.

    Convolutions count by channel. Fewer than 20 rows say nothing: empty.
    """
    if len(x) < 20:
        return {}
    network = model.network_.chosen if isinstance(model.network_, Members) else model.network_
    found, hooks = {}, []

    def watch(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, torch.Tensor) and output.ndim >= 2:
                values = output.detach().float()
                # Units lie along axis 1; rows and places in an image are all occasions to be active.
                values = values.transpose(0, 1).flatten(1)
                silent = (values.amax(1) - values.amin(1)) <= 1e-7 * values.abs().amax(1).clamp(min=1e-7)
                found[name] = (int(silent.sum()), len(silent))

        return hook

    for name, module in network.encoder.named_modules():
        if type(module).__module__ == "torch.nn.modules.activation" and not isinstance(module, nn.MultiheadAttention):
            hooks.append(module.register_forward_hook(watch(name)))
    try:
        device = next((p.device for p in network.parameters()), torch.device("cpu"))
        with torch.no_grad():
            network.eval()
            network.encode(x.to(device), None if mask is None else mask.to(device))
    finally:
        for hook in hooks:
            hook.remove()
    return found
