"""Columns from which nothing can be learnt: identifiers and free text, refused by name."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from isthmus.data.checks import shorten
from isthmus.data.column import CATEGORY, WHOLE, Column
from isthmus.exceptions import DataError

#: Fewer rows say nothing about whether a column tells each one from all others.
FEWEST_ROWS = 30
#: Share of the rows that have a label of their own, from which labels are names of rows rather than categories.
OWN_LABELS = 0.9
#: Words of a label, on average, from which labels are text.
WORDS = 4.0
#: Share of the rows that have a label of their own, from which text is free.
FREE = 0.5
#: Names of columns that number the rows.
NAMED = re.compile(r"(?i:(^|[_\s.-])(id|uuid|guid|key|index|rowid|row_number)$)|[a-z]I[dD]$")


def refuse_identifiers(columns: Sequence[Column], values: np.ndarray, origin: str) -> None:
    """Refuse columns that name or number the rows, or hold free text.

    Parameters
    ----------
    columns : sequence of Column
    values : ndarray of shape (n, d)
    origin : str

    Raises
    ------
    DataError
        Naming the column, with what to do.
    """
    for j, column in enumerate(columns):
        what = kind_of_name(column, values[:, j])
        if what is None:
            continue
        example = f", for example {shorten(column.categories[0])}" if column.categories else ""
        flag = column.name if " " not in column.name else f"'{column.name}'"
        kind = CATEGORY if column.type == CATEGORY else "number"
        raise DataError(
            f"Column {column.name!r} of {origin} looks like {what}{example}: nothing can be learnt from it. Set it "
            f"aside (X.drop(columns=[{column.name!r}]), isthmus.read(path, drop=[{column.name!r}]), or --drop {flag} "
            f"on the command line); or, if it is something else, say so by the schema "
            f'{{"{column.name}": "{kind}"}}.'
        )


def kind_of_name(column: Column, values: np.ndarray) -> str | None:
    """Say what a column is that names the rows or holds free text; None where it is another."""
    seen = values[~np.isnan(values)]
    if column.given or len(seen) < FEWEST_ROWS:
        return None
    if column.type == WHOLE:
        if not NAMED.search(column.name):
            return None
        steps = np.diff(seen)
        numbered = bool((steps == 1).all()) or len(np.unique(seen)) == len(seen)
        return "an identifier (each row has a number of its own)" if numbered else None
    if column.type != CATEGORY:
        return None
    own = len(np.unique(seen)) / len(seen)
    labels = [column.categories[int(code)] for code in np.unique(seen)[:1000]] if column.categories else []
    words = float(np.mean([len(str(label).split()) for label in labels])) if labels else 0.0
    if own >= FREE and words >= WORDS:
        return f"free text ({words:.0f} words a row)"
    if own >= OWN_LABELS:
        if all(_DATE.match(str(label)) for label in labels):
            return "dates written as text (turn it into dates with pandas.to_datetime, or by the schema type 'date')"
        return f"an identifier ({own:.0%} of its rows have a label of their own)"
    return None


_DATE = re.compile(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T\s].*)?$")
