"""Frames (pandas, polars, pyarrow and whatever narwhals knows) to one array of numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np

from isthmus.data.checks import NotNumericError, as_numbers, listed, near, shorten
from isthmus.data.raw import Raw
from isthmus.exceptions import DataError

Names = str | Sequence[str] | None


def as_frame(X: Any, origin: str) -> nw.DataFrame[Any] | None:
    """Give X as a narwhals frame, or None where it is no frame."""
    try:
        frame = nw.from_native(X, pass_through=True)
        if isinstance(frame, nw.LazyFrame):
            frame = frame.collect()
        if isinstance(frame, nw.DataFrame):
            refuse_duplicates(frame.columns, origin)
            return frame
    except nw.exceptions.DuplicateError as error:
        said = " ".join(str(error).split())
        raise DataError(f"{origin} has more than one column of the same name. Rename them. ({said})") from error
    return None


def refuse_duplicates(names: Sequence[Any], origin: str) -> None:
    """Refuse columns of the same name."""
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise DataError(
            f"{origin} has more than one column named {listed(twice)}. Rename them, so that each can be told apart."
        )


def from_frame(frame: nw.DataFrame[Any], origin: str, columns: Names = None, drop: Names = None) -> Raw:
    """Take a frame: numeric columns as values, those not wanted set aside into `extra`.

    Parameters
    ----------
    frame : narwhals.DataFrame
        Eager frame with distinct column names.
    origin : str
        What messages call it.
    columns, drop : str or sequence of str, optional
        Columns to keep (all others are set aside), columns to set aside.

    Returns
    -------
    Raw
        Of kind "table".
    """
    kept = _choose(list(frame.columns), columns, drop, origin)
    wanted = set(kept)
    aside = [name for name in frame.columns if name not in wanted]
    extra = {str(name): frame[name].to_numpy() for name in aside}
    n = len(frame)  # a frame without columns forgets it
    frame = frame.select([nw.col(name) for name in kept]) if aside or columns is not None else frame
    native = frame.to_native()
    pandas_like = frame.implementation.is_pandas_like()
    all_text = all(isinstance(name, str) for name in kept)
    plain = all(type(name) in (int, str) for name in kept)
    return Raw(
        values=_values(frame, origin) if len(kept) else np.empty((n, 0)),
        kind="table",
        names=tuple(kept) if all_text and kept else None,
        container=_container(frame),
        column_dtypes=tuple(_native_dtypes(native, pandas_like)),
        index=native.index if pandas_like else None,
        extra=extra,
        origin=origin,
        labels=tuple(kept) if plain and not all_text else None,
    )


def _choose(names: list[Any], columns: Names, drop: Names, origin: str) -> list[Any]:
    """Names of the columns to fit, in the order of `columns` where it is given."""
    by_text = {str(name): name for name in names}

    def known(asked: Names, parameter: str) -> list[Any]:
        found = []
        for name in [asked] if isinstance(asked, str) else list(asked or ()):
            if str(name) not in by_text:
                raise DataError(f"{parameter}={str(name)!r}: {origin} has no such column. {near(name, list(by_text))}")
            found.append(by_text[str(name)])
        return found

    kept = names if columns is None else known(columns, "columns")
    refuse_duplicates(kept, "columns=")
    dropped = set(known(drop, "drop"))
    return [name for name in kept if name not in dropped]


def _container(frame: nw.DataFrame[Any]) -> str:
    """Name of the container that results come back in."""
    kind = frame.implementation
    return "polars" if kind.is_polars() else "pyarrow" if kind.is_pyarrow() else "pandas"


def _native_dtypes(native: Any, pandas_like: bool) -> list[str]:
    """Give the dtype of each column in the words of its own library."""
    if hasattr(native, "schema") and not pandas_like:
        schema = native.schema
        return [str(dtype) for dtype in (schema.types if hasattr(schema, "types") else schema.values())]
    return [str(dtype) for dtype in native.dtypes]


def _values(frame: nw.DataFrame[Any], origin: str) -> np.ndarray:
    """All columns as one array of numbers."""
    native = frame.to_native()
    if frame.implementation.is_pandas():
        kinds = {dtype.kind if isinstance(dtype, np.dtype) else "?" for dtype in native.dtypes}
        if kinds <= set("iuf") or kinds == {"b"}:
            return native.to_numpy()  # one block, often without a copy
    columns = [_column(column, origin) for column in frame.iter_columns()]
    out = np.empty((len(frame), len(columns)), dtype=np.result_type(*(c.dtype for c in columns)), order="F")
    for j, column in enumerate(columns):
        out[:, j] = column
    return out


def _column(column: nw.Series[Any], origin: str) -> np.ndarray:
    """One column as numbers, or an error that says why it is none."""
    dtype = column.dtype
    if column.null_count() == len(column):
        return np.full(len(column), np.nan)
    if dtype == nw.Boolean or dtype == nw.Decimal:
        plain = dtype == nw.Boolean and column.null_count() == 0
        return (column if plain else column.cast(nw.Float64)).to_numpy()
    if dtype.is_numeric():
        return column.to_numpy()
    if dtype == nw.Object:
        try:
            return as_numbers(np.asarray(column.to_numpy(), dtype=object), origin)
        except NotNumericError:
            pass  # said with the column's name below
    raise _not_numeric(column, origin)


def _not_numeric(column: nw.Series[Any], origin: str) -> DataError:
    """Say which column is not numeric, by its first value that is no number, and what to do."""
    name, values = column.name, column.to_list()
    number = [_is_number(value) for value in values]
    first = next((i for i, yes in enumerate(number) if yes is False), None)
    numbers = sum(yes is True for yes in number)
    if column.dtype.is_temporal():
        what = f"holds dates or times ({column.dtype})"
    elif first is None:
        what = f"holds numbers, but its type is {column.dtype}"
    elif numbers:
        what = f"holds numbers and something else ({column.dtype})"
    else:
        what = f"is not numeric ({column.dtype})"
    at = first if first is not None else next(i for i, value in enumerate(values) if value is not None)
    return DataError(
        f"Column {name!r} of {origin} {what}: row {at} (counted from 0), column {name!r}, value "
        f"{shorten(values[at])}. Leave the column out (X.drop(columns=[{name!r}]), isthmus.read(path, "
        f"drop=[{name!r}]), or --drop {name} on the command line), or encode it as numbers."
    )


def _is_number(value: Any) -> bool | None:
    """Whether a value is a number or written as one; None where it is missing."""
    if value is None or value != value:
        return None
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
