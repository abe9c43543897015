"""The kinds of data that can be prepared: a new one is one file and one line here."""

from __future__ import annotations

from isthmus.data.image import ImagePreparation
from isthmus.data.preparation import Preparation
from isthmus.data.sequence import SequencePreparation
from isthmus.data.table import TablePreparation
from isthmus.data.vector import VectorPreparation

#: The preparations by the kind that they are for.
PREPARATIONS: dict[str, type[Preparation]] = {
    p.kind: p for p in (VectorPreparation, TablePreparation, ImagePreparation, SequencePreparation)
}
