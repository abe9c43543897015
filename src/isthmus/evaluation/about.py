"""What the report says of the model and the data themselves."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import torch

from isthmus._version import __version__
from isthmus.data import Column
from isthmus.data.column import DAY
from isthmus.evaluation.comparison import column_names, numbered, to_prepared_layout
from isthmus.evaluation.evidence import Evidence
from isthmus.evaluation.figures import MOST_NAMES
from isthmus.evaluation.wording import number, percent


def about(seen: Evidence, model_path: str | Path | None) -> dict[str, Any]:
    """Say what was chosen, the parameters, the data, and how to load the model.

    Parameters
    ----------
    seen : Evidence
    model_path : str or Path, optional
        Where the model is saved.

    Returns
    -------
    dict
        `chosen`, `parameters`, `versions`: name to text; `schema`: `lines` of cells, `of` how many; `date`,
        `model_path`, `saved`.
    """
    model = seen.model
    return {
        "chosen": {key: _shown(value) for key, value in model.chosen_.items()},
        "parameters": {key: _shown(value) for key, value in model.get_params(deep=False).items()},
        "schema": _schema(seen),
        "versions": {
            "isthmus": __version__,
            "torch": str(torch.__version__),
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
            "Python": platform.python_version(),
        },
        "date": datetime.now().astimezone().strftime("%d %B %Y, %H:%M %Z"),
        "model_path": str(model_path) if model_path is not None else "model",
        "saved": model_path is not None,
    }


def _shown(value: Any) -> str:
    """Give a parameter or a choice as text, short enough for a table."""
    if isinstance(value, Mapping):
        text = ", ".join(f"{key}: {_shown(part)}" for key, part in value.items())
    elif isinstance(value, float):
        text = number(value)
    else:
        text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else text[:199] + "…"


def _schema(seen: Evidence) -> dict[str, Any]:
    """Type, range, mean and missing share of each column or channel, in the person's units."""
    kind, raw = seen.model.kind_, seen.raw
    own = to_prepared_layout(seen.measured.own, kind, raw)
    axes: tuple[int, ...] = ()
    if kind == "image":
        axes, names = (1, 2), numbered("channel", own.count.shape[0])
    elif kind == "sequence":
        axes, names = (0,), numbered("channel", own.count.shape[-1])
    else:
        names = column_names(seen.model, raw)
    count = own.count.sum(axis=axes)
    cells = len(raw) * own.count.size / max(1, count.size)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(own.count > 0, own.mean * own.count, 0.0).sum(axis=axes) / count
    low, high = (own.low.min(axis=axes), own.high.max(axis=axes)) if axes else (own.low, own.high)
    types = raw.column_dtypes or (str(raw.values.dtype),) * len(names)
    figures = {"low": low, "mean": mean, "high": high}
    about = seen.model.preparation_.schema_.columns or (None,) * len(names)
    lines = [
        [
            names[i],
            types[i],
            *(_figure(about[i], name, float(v[i])) if count[i] else "–" for name, v in figures.items()),
            percent(1 - float(count[i]) / cells),
        ]
        for i in range(min(len(names), MOST_NAMES))
    ]
    return {"lines": lines, "of": len(names), "what": "column" if not axes else "channel"}


def _figure(column: Column | None, name: str, value: float) -> str:
    """Least, mean or largest value of a column; of categories, how many there are."""
    if column is None or column.is_numeric:
        return number(value)
    if column.type == "date":
        return str(column.shown(value * DAY))
    if column.type == "boolean":
        return "–"
    return f"{len(column.categories or ())} categories" if name == "mean" else "–"
