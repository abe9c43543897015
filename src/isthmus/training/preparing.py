"""The loss and the preparation of a fit: they must agree on the range of the values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isthmus.data import Preparation, Raw, preparation_for
from isthmus.data.moments import only_zeros_and_ones
from isthmus.data.texts import BAG
from isthmus.exceptions import ParameterError
from isthmus.objectives import Columns, Loss
from isthmus.training.setup import loss_for


def prepare(params: Mapping[str, Any], raw: Raw, train: np.ndarray | None) -> tuple[Loss, Preparation]:
    """Choose the loss and fit the preparation; the two must agree on the range of the values."""
    scaling, name = params["scaling"], params["loss"]
    if name == "bce" and scaling in ("standard", "quantile"):
        raise ParameterError(
            f"loss='bce' needs values between 0 and 1, but scaling={scaling!r} gives others; set scaling='minmax'."
        )
    if name == "poisson":
        scaling = _scaling_of_counts(raw, scaling)
    learnt = raw
    if train is not None:
        # Messages name rows of all that was given, so that all of it is checked first.
        preparation_for(raw, scaling).refuse_infinite(raw)
        learnt = raw.take(train)
    preparation = preparation_for(raw, scaling).fit(learnt)
    preparation.make_room(raw)
    if raw.kind == BAG and name in ("bce", "poisson"):
        raise ParameterError(
            f"loss={name!r} cannot be used with texts, whose prepared values fall below 0; leave loss='auto'."
        )
    if preparation.heads_:
        if name not in ("auto", "mse", "mae", "huber"):
            raise ParameterError(
                f"loss={name!r} cannot be used with {raw.origin}, whose columns are not all numbers; leave "
                "loss='auto', which has one likelihood a column."
            )
        return loss_for(Columns.name if name == "auto" else name, preparation), preparation
    binary = preparation.binary_ and (train is None or only_zeros_and_ones(raw.values))
    if scaling == "auto" and preparation.binary_ and not binary:
        preparation = preparation_for(raw, "standard").fit(learnt)
        preparation.make_room(raw)
    if name == "bce" and scaling == "auto" and not binary:
        preparation = preparation_for(raw, "minmax").fit(learnt)
        preparation.make_room(raw)
    if name == "bce" and scaling == "none":
        _refuse_outside_unit_interval(raw)
    automatic = "bce" if binary else "mse"
    return loss_for(automatic if name == "auto" else name, preparation), preparation


def _scaling_of_counts(raw: Raw, scaling: str) -> str:
    values = raw.values.data if raw.is_sparse else raw.values
    least = float(np.nanmin(values)) if np.size(values) and not np.isnan(values).all() else 0.0
    if scaling not in ("auto", "none") or least < 0:
        what = f"has values down to {least:g}" if least < 0 else f"is scaled, scaling={scaling!r}"
        raise ParameterError(
            f"loss='poisson' needs counts, from 0 on and as they are, but {raw.origin} {what}; leave scaling='auto', "
            "or set loss='mse'."
        )
    return "none"


def _refuse_outside_unit_interval(raw: Raw) -> None:
    values = raw.values.data if raw.is_sparse else raw.values
    if len(values) and (np.nanmin(values) < 0 or np.nanmax(values) > 1):
        raise ParameterError(
            f"loss='bce' with scaling='none' needs values between 0 and 1, but {raw.origin} has values from "
            f"{np.nanmin(values):g} to {np.nanmax(values):g}; set scaling='minmax', or loss='mse'."
        )
