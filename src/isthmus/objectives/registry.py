"""Objectives by name, so that a saved model can say which it had and they are made again without foreign code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from isthmus.exceptions import ModelFileError
from isthmus.objectives.base import Chain, Objective
from isthmus.objectives.denoising import Denoising
from isthmus.objectives.sparse import Sparse
from isthmus.objectives.variational import Variational

OBJECTIVES: dict[str, type[Objective]] = {kind.__name__: kind for kind in (Denoising, Sparse, Variational)}


def describe(objective: Objective | Sequence[Objective]) -> list[dict[str, Any]] | None:
    """Say in JSON values what objectives are, so that `rebuild` can make them again.

    Parameters
    ----------
    objective : Objective or sequence of Objective
        Lists and chains within are laid out as one list, in the order in which they act.

    Returns
    -------
    list of dict or None
        "name" and "parameters" of each. None where one is not in `OBJECTIVES` (a subclass is not, even under the same
        name), or has a parameter that is no JSON value.

    Examples
    --------
    >>> describe(Sparse("topk", k=3))
    [{'name': 'Sparse', 'parameters': {'k': 3, 'kind': 'topk', 'rate': 0.05, 'weight': 0.1}}]
    """
    described = []
    for part in _parts(objective):
        parameters = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in part.get_params(deep=False).items()
        }
        if OBJECTIVES.get(type(part).__name__) is not type(part) or not _is_json(parameters):
            return None
        described.append({"name": type(part).__name__, "parameters": parameters})
    return described


def rebuild(description: Any) -> Objective | list[Objective]:
    """Make objectives again from what `describe` gave; a single one does not come as a list.

    Parameters
    ----------
    description : list of dict
        As read from a file: nothing in it is trusted. Values of parameters are checked by `Objective.begin`.

    Raises
    ------
    ModelFileError
        If it is no description, or names an objective or a parameter that there is not.

    Examples
    --------
    >>> rebuild([{"name": "Variational", "parameters": {"beta": 4.0}}])
    Variational(beta=4.0)
    """
    if not isinstance(description, list):
        raise ModelFileError(f"{_shown(description)} is no list of objectives")
    made = [_make(entry) for entry in description]
    return made[0] if len(made) == 1 else made


def _make(entry: Any) -> Objective:
    if not isinstance(entry, dict) or set(entry) != {"name", "parameters"} or not isinstance(entry["parameters"], dict):
        raise ModelFileError(f"{_shown(entry)} is no objective with a name and parameters")
    name, parameters = entry["name"], entry["parameters"]
    if not isinstance(name, str) or name not in OBJECTIVES:
        raise ModelFileError(
            f"{_shown(name)} is no objective that this version of Isthmus knows; it knows {', '.join(OBJECTIVES)}"
        )
    known = OBJECTIVES[name]().get_params(deep=False)
    unknown = [parameter for parameter in parameters if parameter not in known]
    if unknown:
        raise ModelFileError(
            f"{name} has no parameter {', '.join(map(_shown, unknown))} in this version of Isthmus; it has "
            f"{', '.join(known)}"
        )
    return OBJECTIVES[name](**parameters)


def _parts(objective: Any) -> list[Any]:
    inner = objective.objectives if type(objective) is Chain else objective
    return [objective] if isinstance(inner, Objective) else [part for item in inner for part in _parts(item)]


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    return value is None or isinstance(value, (bool, int, float, str))


def _shown(value: Any) -> str:
    return f"{value!r:.80}"
