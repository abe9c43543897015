"""The models of a recommender by name, and by word: "ease(l2=300)"."""

from __future__ import annotations

import inspect

from isthmus.exceptions import ParameterError
from isthmus.parameters import check_parameters
from isthmus.tasks.recommending_parts.autorec import AutoRec
from isthmus.tasks.recommending_parts.base import Model
from isthmus.tasks.recommending_parts.bias import Bias
from isthmus.tasks.recommending_parts.closed import EASE, EDLAE, RDLAE
from isthmus.tasks.recommending_parts.deep import Deep
from isthmus.tasks.recommending_parts.elsa import ELSA
from isthmus.tasks.recommending_parts.knn import ItemKNN
from isthmus.tasks.recommending_parts.popularity import Popularity
from isthmus.tasks.recommending_parts.sparse_inverse import SparseInverse
from isthmus.words import nearest, read_arguments, split

#: All models by name.
MODELS: dict[str, type[Model]] = {
    kind.name: kind
    for kind in (
        Popularity,
        ItemKNN,
        EASE,
        EDLAE,
        RDLAE,
        Deep,
        Bias,
        AutoRec,
        ELSA,
        SparseInverse,
    )
}


def make_model(word: str) -> Model:
    """Make the model that a word asks for, not yet fitted.

    Parameters
    ----------
    word : str
        A name of `MODELS`, alone or with parameters: "ease", "ease(300)", "edlae(l2=300, dropout=0.5)".

    Returns
    -------
    Model

    Raises
    ------
    ParameterError
        If the word cannot be read, or names a model, a parameter or a value that there is not.

    Examples
    --------
    >>> make_model("ease(l2=300)").l2
    300
    """
    call = split(word)
    if call is None:
        raise ParameterError(
            f"model={word!r:.80} cannot be read; expected a name, as 'ease', or one with parameters, as 'ease(l2=300)'."
        )
    kind = MODELS.get(call.name.lower().replace("-", "_").replace(" ", "_"))
    if kind is None:
        raise ParameterError(
            f"model={word!r:.80} is not known{nearest(call.name.lower(), MODELS)}; choose one of {', '.join(MODELS)}."
        )
    try:
        given, named = read_arguments(call.arguments or "()")
    except ValueError as error:
        raise ParameterError(
            f"model={word!r:.80}: the parameters {call.arguments!r:.80} cannot be read; expected numbers, words and "
            f"names with values, as in '{kind.name}(name=0.3)'."
        ) from error
    # A class without a constructor of its own has no parameters.
    signature = inspect.signature(kind) if kind.PARAMETERS else inspect.Signature()
    for name in named:
        if name not in signature.parameters:
            raise ParameterError(
                f"model={word!r:.80}: {kind.name} has no parameter {name!r}{nearest(name, signature.parameters)}; "
                f"it has {', '.join(signature.parameters) or 'none'}."
            )
    try:
        parameters = signature.bind(*given, **named).arguments
    except TypeError as error:
        shown = ", ".join(f"{each.name}={each.default!r}" for each in signature.parameters.values())
        raise ParameterError(f"model={word!r:.80}: {error}; expected {kind.name}({shown}).") from error
    model = kind(**parameters)
    check_parameters(f"model={word!r:.80}", vars(model), kind.PARAMETERS)
    return model
