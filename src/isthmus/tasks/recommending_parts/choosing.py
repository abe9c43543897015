"""From what a person asked for to a fitted model: users held out, candidates compared, the best fitted to all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from isthmus.autoencoder import Autoencoder
from isthmus.data.raw import Csr
from isthmus.exceptions import ModelFileError
from isthmus.tasks.recommending_parts.base import Holdout, Model, Settings
from isthmus.tasks.recommending_parts.blend import Blend
from isthmus.tasks.recommending_parts.judging import Figures, Judge, as_given_to, chosen_by, ones
from isthmus.tasks.recommending_parts.models import MODELS, make_model
from isthmus.tasks.recommending_parts.popularity import Popularity

AUTO = "auto"
#: What "auto" compares with what is popular, up to so many items, and above: there the matrix of a closed form, which
#: grows as their square, and a network take long.
CLOSED, MANY, DEEP = "rdlae", "elsa", "deep"
MOST_ITEMS = 20_000


def candidates(model: Any, n_items: int) -> list[Model]:
    """Give the models that are compared, not yet fitted: one, unless the best is to be found.

    Parameters
    ----------
    model : str, Autoencoder, or a pair of these
    n_items : int
    """
    if isinstance(model, (tuple, list)):
        first, second = model
        return [Blend(_one(first), _one(second))]
    if isinstance(model, str) and model.strip().lower() == AUTO:
        words = (CLOSED, DEEP) if n_items <= MOST_ITEMS else (MANY,)
        return [make_model(word) for word in (Popularity.name, *words)]
    return [_one(model)]


def _one(model: Any) -> Model:
    if isinstance(model, Autoencoder):
        deep: Any = MODELS[DEEP]
        return deep(autoencoder=model)
    return make_model(model)


def fit_best(
    compared: Sequence[Model],
    rows: Csr,
    everyone: Csr | None,
    holdout: Holdout | None,
    settings: Settings,
) -> tuple[Model, dict[str, Any], Figures | None]:
    """Fit models, keep the one that is better on the users held out, and fit it to all users where that is cheap.

    Parameters
    ----------
    compared : sequence of Model
        All of values, or none.
    rows : csr_matrix
        Users to learn from.
    everyone : csr_matrix or None
        The same and those held out; None where these are not to be learnt from.
    holdout : Holdout or None
    settings : Settings

    Returns
    -------
    Model
    dict
        What was chosen, and on which figures.
    dict or None
        The best one beside the baselines, on the users held out, before it was fitted to them.
    """
    values = compared[0].values
    if holdout is None:
        best = compared[0].fit(rows if values else ones(rows), None, settings)
        return best, {"model": best.name, **_plain(best.chosen)}, None
    figures: list[float] = []
    for model in compared:
        model.fit(rows if values else ones(rows), as_given_to(model, holdout), settings)
        figures.append(chosen_by(model, holdout))
    best = compared[int(np.argmax(figures))]
    name = "NDCG@100" if not values else "RMSE"
    shown = figures if not values else [float(np.sqrt(-figure)) for figure in figures]
    about: dict[str, Any] = {f"{name} of {model.name}": figure for model, figure in zip(compared, shown, strict=True)}
    # A network would have to be trained once more, and would have nobody to say when to stop.
    judged = Judge.of(values, rows, None, holdout, settings).judge(best, holdout, None)
    if not values:
        about["NDCG@100 of popularity"] = judged["NDCG@100"]["popularity"]
    chosen = {"model": best.name, **_plain(best.chosen), **about, "users held out": int(holdout.history.shape[0])}
    if everyone is None:
        return best, chosen, judged
    again = not best.autoencoders()
    if again:
        best = best.settled().fit(everyone if values else ones(everyone), None, settings)
    return best, chosen | {"fitted to those held out as well": again}, judged


def _plain(chosen: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Give what was chosen in one level."""
    flat: dict[str, Any] = {}
    for name, value in chosen.items():
        flat |= _plain(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": value}
    return flat


# To a folder and back --------------------------------------------------------------------------------------


def described(model: Model) -> dict[str, Any]:
    """Say what a model is, as JSON values."""
    if isinstance(model, Blend):
        return {"name": model.name, "weight": model.weight, "parts": [described(model.first), described(model.second)]}
    parameters = {name: getattr(model, name) for name in model.PARAMETERS}
    return {
        "name": model.name,
        "parameters": {name: value for name, value in parameters.items() if not isinstance(value, Autoencoder)},
    }


def rebuilt(about: dict[str, Any]) -> Model:
    """Make a model from what `described` gave, not yet fitted."""
    if about["name"] == Blend.name:
        return Blend(rebuilt(about["parts"][0]), rebuilt(about["parts"][1]), about["weight"])
    if about["name"] not in MODELS:
        raise ModelFileError(
            f"The model is one of class {about['name']!r}, which this version of Isthmus does not know. Update it."
        )
    parameters = {name: tuple(v) if isinstance(v, list) else v for name, v in about["parameters"].items()}
    return MODELS[about["name"]](**parameters)
