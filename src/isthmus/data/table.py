"""Tables: frames and files with named columns, all numeric for now; vectors in all that they do."""

from __future__ import annotations

from typing import ClassVar

from isthmus.data.vector import VectorPreparation


class TablePreparation(VectorPreparation):
    """Columns of a frame: as vectors, with names; the place for columns of other types to come."""

    kind: ClassVar[str] = "table"
