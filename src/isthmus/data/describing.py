"""What the columns of a table are, in words that a person can correct and give back as a schema."""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus.data.column import CATEGORY, IGNORE
from isthmus.data.identifiers import kind_of_name
from isthmus.data.raw import Raw
from isthmus.data.table import columns_of

#: Labels that a schema lists; of more categories it says how many there are.
MOST_LABELS = 50


def describe_columns(raw: Raw) -> dict[str, dict[str, Any]]:
    """Say what each column of a table was taken for.

    Parameters
    ----------
    raw : Raw
        Of rows and columns.

    Returns
    -------
    dict
        By column: "type", and what was seen of it: "categories" (as many as fifty), "seen" (least and largest value, or
        the number of categories), "missing" (share of the rows) and "remark" (why a column is to be set aside). Given
        back as `schema`, perhaps corrected, it says what columns are.

    Examples
    --------
    >>> import pandas as pd
    >>> from isthmus.data import as_raw, describe_columns
    >>> describe_columns(as_raw(pd.DataFrame({"age": [31, 47], "city": ["Rome", "Oslo"]})))["city"]
    {'type': 'category', 'categories': ['Oslo', 'Rome'], 'missing': 0.0}
    """
    found: dict[str, dict[str, Any]] = {}
    for j, column in enumerate(columns_of(raw.schema)):
        values = np.asarray(raw.values[:, j], dtype=np.float64)
        seen = values[~np.isnan(values)]
        about: dict[str, Any] = {"type": column.type}
        if column.type == CATEGORY:
            labels = column.categories or ()
            about |= {"categories": list(labels)} if len(labels) <= MOST_LABELS else {"seen": len(labels)}
            about |= {"ordered": True} if column.ordered else {}
        elif len(seen):
            about["seen"] = [column.shown(end) or float(end) for end in (seen.min(), seen.max())]
        about["missing"] = round(1 - len(seen) / max(1, len(values)), 4)
        remark = kind_of_name(column, values)
        if remark is not None:
            about |= {"type": IGNORE, "remark": f"looks like {remark}"}
        elif not len(seen):
            about |= {"type": IGNORE, "remark": "has no value"}
        found[column.name] = about
    return found
