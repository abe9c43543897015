"""The kinds of data that can be prepared: a new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isthmus.data.bag import BagPreparation
from isthmus.data.image import ImagePreparation
from isthmus.data.mixed import MixedPreparation
from isthmus.data.preparation import Preparation
from isthmus.data.raw import Raw
from isthmus.data.sequence import SequencePreparation
from isthmus.data.table import TablePreparation
from isthmus.data.vector import VectorPreparation

#: The preparations by the kind that they are for.
PREPARATIONS: dict[str, type[Preparation]] = {
    p.kind: p for p in (VectorPreparation, TablePreparation, ImagePreparation, SequencePreparation)
}

#: Those of what comes as strings.
OF_TEXTS: dict[str, type[Preparation]] = {BagPreparation.kind: BagPreparation}


def preparation_for(raw: Raw, scaling: str = "auto") -> Preparation:
    """Make the preparation that data need, not yet fitted.

    Parameters
    ----------
    raw : Raw
    scaling : str, default="auto"
    """
    by_rank = raw.kind == "table" and scaling == "quantile"
    return (MixedPreparation if raw.schema.is_mixed or by_rank else (PREPARATIONS | OF_TEXTS)[raw.kind])(scaling)


def restore_preparation(config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Preparation:
    """Rebuild a fitted preparation from its `config` and `arrays`."""
    of_kind = MixedPreparation if "coders" in config else (PREPARATIONS | OF_TEXTS)[config["kind"]]
    return of_kind.restore(config, arrays)
