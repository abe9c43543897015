"""Objectives by name, so that a saved model can say which it had and they are made again without foreign code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from isthmus.exceptions import ModelFileError, ParameterError
from isthmus.objectives.adversarial import Adversarial
from isthmus.objectives.base import Objective
from isthmus.objectives.chain import Chain
from isthmus.objectives.collaborative import Collaborative
from isthmus.objectives.contractive import Contractive
from isthmus.objectives.denoising import Denoising
from isthmus.objectives.fold_in import FoldIn
from isthmus.objectives.masking import Masking
from isthmus.objectives.neighbours import Neighbours
from isthmus.objectives.ordered import Ordered
from isthmus.objectives.quantised import VectorQuantised
from isthmus.objectives.sparse import Sparse
from isthmus.objectives.teacher import TeacherForcing
from isthmus.objectives.variational import Variational
from isthmus.objectives.wasserstein import Wasserstein
from isthmus.objectives.words import parse

OBJECTIVES: dict[str, type[Objective]] = {
    kind.__name__: kind
    for kind in (
        *(Denoising, Masking, Sparse, Contractive, Variational),
        *(Adversarial, Wasserstein, VectorQuantised, Ordered, Neighbours),
        *(TeacherForcing, FoldIn, Collaborative),
    )
}


def resolve(objective: Any) -> Objective | list[Objective] | None:
    """Make objectives of words, alone or in a list; objects stay what they are.

    Parameters
    ----------
    objective : None, str, Objective or sequence of str and Objective
        A word is the name of one of `OBJECTIVES` in snake case, with parameters if wanted: "denoising(mask, 0.3)".

    Returns
    -------
    Objective, list of Objective or None
        None for "none" and "plain", which are left out of a list.

    Raises
    ------
    ParameterError
        If a word is not known, or something is no objective.

    Examples
    --------
    >>> resolve(["denoising(swap, level=0.1)", Variational(4.0)])
    [Denoising(level=0.1, noise='swap'), Variational(beta=4.0)]
    """
    if objective is None or isinstance(objective, Objective):
        return objective
    if isinstance(objective, str):
        return parse(objective, OBJECTIVES.values())
    if not isinstance(objective, Sequence) or not all(isinstance(part, (str, Objective)) for part in objective):
        raise ParameterError(
            f"objective={objective!r:.200} is not an objective; give None, a word such as 'denoising' or "
            "'variational(beta=4)', an isthmus.objectives.Objective, or a list of them."
        )
    made = [parse(part, OBJECTIVES.values()) if isinstance(part, str) else part for part in objective]
    return [part for part in made if part is not None]


def describe(objective: str | Objective | Sequence[str | Objective] | None) -> list[dict[str, Any]] | None:
    """Say in JSON values what objectives are, so that `rebuild` can make them again.

    Parameters
    ----------
    objective : str, Objective, or sequence of them
        Lists and chains within are laid out as one list, in the order in which they act.

    Returns
    -------
    list of dict or None
        "name" and "parameters" of each. None for no objective, and where one is not in `OBJECTIVES` (a subclass is not,
        even under the same name), or has a parameter that is no JSON value.

    Examples
    --------
    >>> describe(Denoising("swap", (0.1, 0.3)))
    [{'name': 'Denoising', 'parameters': {'level': [0.1, 0.3], 'noise': 'swap'}}]
    """
    objective = resolve(objective)
    if objective is None:
        return None
    described = []
    for part in _parts(objective):
        parameters = {name: _listed(value) for name, value in part.get_params(deep=False).items()}
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
    return OBJECTIVES[name](
        # JSON has lists alone.
        **{
            parameter: tuple(value) if isinstance(value, list) and isinstance(known[parameter], tuple) else value
            for parameter, value in parameters.items()
        }
    )


def _parts(objective: Any) -> list[Any]:
    inner = objective.objectives if type(objective) is Chain else objective
    return [objective] if isinstance(inner, Objective) else [part for item in inner for part in _parts(item)]


def _listed(value: Any) -> Any:
    """Numbers of NumPy as those of Python, tuples as lists; within lists too."""
    if isinstance(value, (tuple, list)):
        return [_listed(part) for part in value]
    return value.item() if isinstance(value, np.generic) else value


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    return value is None or isinstance(value, (bool, int, float, str))


def _shown(value: Any) -> str:
    return f"{value!r:.80}"
