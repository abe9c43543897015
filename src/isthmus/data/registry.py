"""The kinds of data that can be prepared: a new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isthmus.data.bag import BagPreparation
from isthmus.data.image import ImagePreparation
from isthmus.data.mixed import MixedPreparation
from isthmus.data.preparation import Preparation
from isthmus.data.ragged import RaggedPreparation
from isthmus.data.ratings import RatingsPreparation
from isthmus.data.raw import Raw
from isthmus.data.sequence import SequencePreparation
from isthmus.data.table import TablePreparation
from isthmus.data.text import EventPreparation, TextPreparation, TokenPreparation
from isthmus.data.vector import VectorPreparation
from isthmus.exceptions import ParameterError

#: The preparations of numbers by the kind that they are for.
PREPARATIONS: dict[str, type[Preparation]] = {
    p.kind: p for p in (VectorPreparation, TablePreparation, ImagePreparation, SequencePreparation)
}

#: The preparations of rows of tokens.
TOKENS: dict[str, type[TokenPreparation]] = {p.kind: p for p in (TextPreparation, EventPreparation)}
#: Those of what comes as strings, and is taken as their words alone.
OF_TEXTS: dict[str, type[Preparation]] = {BagPreparation.kind: BagPreparation}
#: That of who took which items.
OF_RATINGS: dict[str, type[Preparation]] = {RatingsPreparation.kind: RatingsPreparation}


def preparation_for(raw: Raw, scaling: str = "auto", tokenizer: str = "auto") -> Preparation:
    """Make the preparation that data need, not yet fitted.

    Parameters
    ----------
    raw : Raw
    scaling : str, default="auto"
    tokenizer : str, default="auto"
        Of texts alone.

    Raises
    ------
    ParameterError
        If a tokeniser is named that there is not, or for numbers.
    """
    if raw.kind in TOKENS:
        return TOKENS[raw.kind](scaling, tokenizer)
    if tokenizer != "auto":
        raise ParameterError(
            f"tokenizer={tokenizer!r} cuts texts, but {raw.origin} is of kind {raw.kind!r}; leave tokenizer='auto'."
        )
    if raw.lengths is not None:
        return RaggedPreparation(scaling)
    by_rank = raw.kind == "table" and scaling == "quantile"
    return (MixedPreparation if raw.schema.is_mixed or by_rank else (PREPARATIONS | OF_TEXTS | OF_RATINGS)[raw.kind])(
        scaling
    )


def restore_preparation(config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Preparation:
    """Rebuild a fitted preparation from its `config` and `arrays`."""
    of_kind = (PREPARATIONS | TOKENS | OF_TEXTS | OF_RATINGS)[config["kind"]]
    for special, key in ((MixedPreparation, "coders"), (RaggedPreparation, "longest")):
        of_kind = special if key in config else of_kind
    return of_kind.restore(config, arrays)
