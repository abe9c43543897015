"""Of what type a column of a frame is, and its values as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
from pyarrow import compute

from isthmus.data.checks import NotNumericError, as_numbers, listed, shorten
from isthmus.data.column import BOOLEAN, CATEGORY, DATE, IGNORE, KEYS, NUMBER, REMARKS, TYPES, WHOLE, Column
from isthmus.exceptions import DataError

#: Share of the labels that are numbers, from which a column of text is taken for a damaged one of numbers.
NUMBERS_IN_TEXT = 0.3
LABELS_LOOKED_AT = 10_000
#: Beyond this, float64 does not hold every whole number.
LARGEST_WHOLE = 2.0**53


def check_form(schema: Any) -> dict[str, Any]:
    """Give what a schema says by column: the mapping under "columns", or else the schema itself.

    Raises
    ------
    DataError
        Where it is no mapping.
    """
    said = schema.get("columns", schema) if isinstance(schema, Mapping) else schema
    if not isinstance(said, Mapping):
        raise DataError(f'The schema is {shorten(said)}; expected a mapping such as {{"columns": {{"age": "whole"}}}}.')
    return dict(said)


def check_schema(said: Mapping[str, Any], names: list[str], origin: str) -> dict[str, dict[str, Any]]:
    """Give what is said of each column as a mapping; refuse what cannot be followed.

    Parameters
    ----------
    said : mapping
        By column: a type, or a mapping with some of "type", "low", "high", "categories" and "ordered".
    names : list of str
        Columns that there are.
    origin : str
        What messages call the data.

    Raises
    ------
    DataError
        For an unknown column, type or key, or a value that is none of its key.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, about in said.items():
        if name not in names:
            raise DataError(f"The schema has a column {name!r}, but {origin} has none: there are {listed(names, 10)}.")
        about = {"type": about} if isinstance(about, str) else about
        if not isinstance(about, Mapping) or set(about) - set(KEYS) - set(REMARKS):
            raise DataError(f"The schema says {about!r} of column {name!r}; it can say {', '.join(KEYS)}.")
        if about.get("type") not in (None, IGNORE, *TYPES):
            raise DataError(
                f"The schema gives column {name!r} the type {about['type']!r}; choose one of "
                f"{', '.join(map(repr, (*TYPES, IGNORE)))}."
            )
        for key in ("low", "high"):
            value = about.get(key)
            if value is not None and not (isinstance(value, Real) and np.isfinite(float(value))):
                raise DataError(f"The schema gives column {name!r} {key}={value!r}; expected a number.")
            if value is not None and about.get("type") in (BOOLEAN, CATEGORY):
                raise DataError(
                    f"The schema gives column {name!r} of type {about['type']!r} {key}={value!r}: leave it out."
                )
        if about.get("low") is not None and about.get("high") is not None and about["low"] > about["high"]:
            raise DataError(f"The schema gives column {name!r} low={about['low']!r} above high={about['high']!r}.")
        if not isinstance(about.get("categories", []), (list, tuple, type(None))):
            raise DataError(f"The schema gives column {name!r} categories={about['categories']!r}; expected a list.")
        found[name] = {key: value for key, value in about.items() if key in KEYS}
    return found


def infer(series: nw.Series[Any], origin: str, asked: Mapping[str, Any] | None = None) -> tuple[Column, np.ndarray]:
    """Say what a column is, and give its values as numbers.

    Parameters
    ----------
    series : narwhals.Series
    origin : str
        What messages call the data.
    asked : mapping, optional
        What a schema says of the column: "type", "low", "high", "categories", "ordered".

    Returns
    -------
    column : Column
    values : ndarray of shape (n,)
        Numbers as they are; for the other types as `Column` says. NaN where missing.

    Raises
    ------
    DataError
        Where the values are of no type, or not of the one asked for: the message names row and value.
    """
    asked = asked or {}
    wanted = asked.get("type")
    kind = wanted or _type_of(series, origin)
    if wanted is not None and series.null_count() == len(series):
        column, values = Column(str(series.name), wanted), np.full(len(series), np.nan)
    else:
        column, values = _TAKEN[kind](series, origin, asked)
    low, high = (None if asked.get(key) is None else float(asked[key]) for key in ("low", "high"))
    if column.type in (BOOLEAN, CATEGORY) and not (low is None and high is None):
        raise DataError(
            f"The schema bounds column {series.name!r}, which is of type {column.type!r}: leave low and high out."
        )
    return replace(column, low=low, high=high, given=wanted is not None), values


def _type_of(series: nw.Series[Any], origin: str) -> str:
    """Type of a column as its dtype and values have it."""
    dtype = series.dtype
    if series.null_count() == len(series):
        return NUMBER
    if dtype == nw.Boolean:
        return BOOLEAN
    if dtype.is_integer():
        return WHOLE
    if dtype.is_numeric():
        return WHOLE if _whole_but_for_gaps(series) else NUMBER
    if dtype == nw.Date or dtype == nw.Datetime:
        return DATE
    if dtype == nw.String or dtype == nw.Categorical or dtype == nw.Enum:
        if dtype == nw.String and _numbers_in(series) >= NUMBERS_IN_TEXT:
            raise not_numeric(series, origin)
        return CATEGORY
    if dtype == nw.Object:
        arrow = _arrow(series)
        if arrow is not None:
            for kind, test in _ARROW_TYPES.items():
                if test(arrow.type):
                    if kind == CATEGORY and _numbers_in(series) >= NUMBERS_IN_TEXT:
                        break
                    return kind
    raise not_numeric(series, origin)


def _whole_but_for_gaps(series: nw.Series[Any]) -> bool:
    """Whether a column of floats is one of whole numbers that only its missing values made floats."""
    if not series.dtype.is_float():
        return False
    values = np.asarray(series.to_numpy(), dtype=np.float64)
    missing = np.isnan(values)
    if not missing.any():
        return False
    seen = values[~missing]
    with np.errstate(invalid="ignore"):
        return bool(len(seen)) and bool((np.rint(seen) == seen).all()) and bool((np.abs(seen) < LARGEST_WHOLE).all())


def _numbers_in(series: nw.Series[Any]) -> float:
    """Share of the labels that are written as numbers: text by mistake, more often than on purpose."""
    labels = series.drop_nulls().unique().to_list()[:LABELS_LOOKED_AT]
    return sum(_is_number(label) is True for label in labels) / max(1, len(labels))


def _arrow(series: nw.Series[Any]) -> pa.Array | None:
    """Give a column as an Arrow array; None where its values are of several types."""
    try:
        return pa.array(series.to_list(), from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None


def _in_one(series: nw.Series[Any]) -> Any:
    """Give a column as one Arrow array of whatever type; None where its values are of several types."""
    arrow: Any = _arrow(series) if series.dtype == nw.Object else series.to_arrow()
    return arrow.combine_chunks() if isinstance(arrow, pa.ChunkedArray) else arrow


_ARROW_TYPES = {
    BOOLEAN: pa.types.is_boolean,
    CATEGORY: lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
    DATE: lambda kind: pa.types.is_date(kind) or pa.types.is_timestamp(kind),
    NUMBER: lambda kind: pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind),
}


# By type -----------------------------------------------------------------------------------------------------------


def _numbers(series: nw.Series[Any], origin: str, asked: Mapping[str, Any]) -> tuple[Column, np.ndarray]:
    name, kind = str(series.name), asked.get("type") or NUMBER
    if series.dtype == nw.String:
        series = _parsed(series, origin)
    return Column(name, kind), numeric(series, origin)


def _whole(series: nw.Series[Any], origin: str, asked: Mapping[str, Any]) -> tuple[Column, np.ndarray]:
    return _numbers(series, origin, {**asked, "type": WHOLE})


def _parsed(series: nw.Series[Any], origin: str) -> nw.Series[Any]:
    try:
        return series.cast(nw.Float64)
    except Exception as error:  # each library has its own for text that is no number
        raise not_numeric(series, origin) from error


def numeric(series: nw.Series[Any], origin: str) -> np.ndarray:
    """One column as numbers, or an error that says why it is none."""
    dtype = series.dtype
    if series.null_count() == len(series):
        return np.full(len(series), np.nan)
    if dtype == nw.Boolean or dtype == nw.Decimal:
        plain = dtype == nw.Boolean and series.null_count() == 0
        return (series if plain else series.cast(nw.Float64)).to_numpy()
    if dtype.is_numeric():
        return series.to_numpy()
    if dtype == nw.Object:
        try:
            return as_numbers(np.asarray(series.to_numpy(), dtype=object), origin)
        except NotNumericError:
            pass  # said with the column's name below
    raise not_numeric(series, origin)


def _booleans(series: nw.Series[Any], origin: str, asked: Mapping[str, Any]) -> tuple[Column, np.ndarray]:
    if series.dtype == nw.Object:
        arrow = _arrow(series)
        if arrow is not None and pa.types.is_boolean(arrow.type):
            return Column(str(series.name), BOOLEAN), arrow.cast(pa.float64()).to_numpy(zero_copy_only=False)
    values = np.asarray(numeric(series, origin), dtype=np.float64)
    odd = np.flatnonzero(~np.isnan(values) & (values != 0) & (values != 1))
    if len(odd):
        raise DataError(
            f"Column {series.name!r} of {origin} holds {values[odd[0]]:g} at row {odd[0]} (counted from 0), but the "
            "schema says boolean: expected true and false, or 0 and 1. Give it another type."
        )
    return Column(str(series.name), BOOLEAN), values


def _categories(series: nw.Series[Any], origin: str, asked: Mapping[str, Any]) -> tuple[Column, np.ndarray]:
    arrow = _in_one(series)
    if arrow is None and asked.get("type") == CATEGORY:
        # Of several types: by what they are written as, since a schema says that they are labels.
        arrow = pa.array([None if value is None or value != value else str(value) for value in series.to_list()])
    if arrow is None or not (pa.types.is_dictionary(arrow.type) or _can_be_label(arrow.type)):
        raise not_numeric(series, origin)
    if not pa.types.is_dictionary(arrow.type):
        arrow = arrow.dictionary_encode()
    told = series.dtype in (nw.Categorical, nw.Enum)
    labels: list[Any] = arrow.dictionary.to_pylist()
    if not all(isinstance(label, (str, int, float)) for label in labels):
        raise not_numeric(series, origin)
    codes = compute.fill_null(arrow.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
    codes = np.where(codes < 0, np.nan, codes.astype(np.float64))
    # Those that a person put into an order stay in it; all others in that of the alphabet.
    order = list(range(len(labels))) if told else sorted(range(len(labels)), key=lambda i: (str(labels[i]), i))
    places: list[Any] = [labels[i] for i in order]
    ordered = bool(getattr(arrow.type, "ordered", False)) or bool(asked.get("ordered"))
    if asked.get("categories") is not None:
        places = list(asked["categories"])
    at = {label: float(i) for i, label in enumerate(places)}
    left_out = [labels[int(code)] for code in np.unique(codes[~np.isnan(codes)]) if labels[int(code)] not in at]
    if left_out:
        raise DataError(
            f"Column {series.name!r} of {origin} holds {listed(left_out)}, which the schema's categories do not have: "
            "add to them, or leave 'categories' out of the schema."
        )
    moved = np.array([at.get(label, np.nan) for label in labels] or [np.nan])
    values = np.full(len(codes), np.nan)
    known = ~np.isnan(codes)
    values[known] = moved[codes[known].astype(np.intp)]
    return Column(str(series.name), CATEGORY, tuple(places), ordered), values


def _can_be_label(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (_ARROW_TYPES[CATEGORY], pa.types.is_integer, pa.types.is_boolean)) or (
        pa.types.is_floating(kind)
    )


def _dates(series: nw.Series[Any], origin: str, asked: Mapping[str, Any]) -> tuple[Column, np.ndarray]:
    name = str(series.name)
    try:
        arrow = _in_one(series)
        if arrow is None:
            raise not_numeric(series, origin)
        if pa.types.is_string(arrow.type) or pa.types.is_large_string(arrow.type):
            arrow = arrow.cast(pa.timestamp("us"))
        if not _ARROW_TYPES[DATE](arrow.type):
            raise DataError(
                f"Column {name!r} of {origin} is to be one of dates, but holds {series.dtype}: give it another type."
            )
        ticks = arrow.cast(pa.timestamp("us", tz=getattr(arrow.type, "tz", None)), safe=False).cast(pa.int64())
    except pa.ArrowException as error:
        raise DataError(
            f"Column {name!r} of {origin} holds a date that cannot be taken: {str(error).splitlines()[0]}. Expected "
            "dates as 2024-03-01 or 2024-03-01T12:30:00; correct it, or leave the column out."
        ) from error
    missing = np.asarray(ticks.is_null())
    values = compute.fill_null(ticks, 0).to_numpy(zero_copy_only=False) / 1e6
    values[missing] = np.nan
    return Column(name, DATE), values


_TAKEN = {NUMBER: _numbers, WHOLE: _whole, BOOLEAN: _booleans, CATEGORY: _categories, DATE: _dates}


# Refusals ----------------------------------------------------------------------------------------------------------


def not_numeric(column: nw.Series[Any], origin: str) -> DataError:
    """Say which column cannot be taken, by its first value that is no number, and what to do."""
    name, values = column.name, column.to_list()
    number = [_is_number(value) for value in values]
    first = next((i for i, yes in enumerate(number) if yes is False), None)
    numbers = sum(yes is True for yes in number)
    if column.dtype.is_temporal():
        what = f"holds spans or times of day ({column.dtype})"
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
        f"drop=[{name!r}]), or --drop {name} on the command line), or say what it is by a schema: "
        f'{{"{name}": "number"}} or {{"{name}": "category"}}.'
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
