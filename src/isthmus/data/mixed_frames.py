"""From numbers back to columns of categories, truth values and dates, in the types that a person brought."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from isthmus.data.column import BOOLEAN, CATEGORY, DATE, Column

#: What polars calls its type of date and time.
_DATETIME = re.compile(r"Datetime\(time_unit='(\w+)', time_zone=(?:None|'(.+)')\)")
#: What Arrow calls a type of coded labels.
_DICTIONARY = re.compile(r"dictionary<values=(\w+), indices=(\w+)")


def labels_of(column: Column, values: np.ndarray) -> list[Any]:
    """Labels of a column of categories, None where missing."""
    names = (*(column.categories or ()), None)
    places = np.where(np.isnan(values) | (values < 0), -1, values).astype(np.intp)
    return [names[place] for place in places.tolist()]


def _microseconds(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whole microseconds since 1970, and where there are none."""
    missing = np.isnan(values)
    return np.rint(np.where(missing, 0.0, values) * 1e6).astype(np.int64), missing


# pandas ------------------------------------------------------------------------------------------------------------


def pandas_column(pd: Any, column: Column, values: np.ndarray, dtype: str) -> Any:
    """One column as pandas has it, of the dtype named where it fits."""
    built = _PANDAS[column.type](pd, column, values, dtype)
    if dtype == "category" or (dtype == "bool" and np.isnan(values).any()):  # plain truth values have no missing one
        return built
    try:
        return built.astype(dtype)
    except (TypeError, ValueError, OverflowError, pd.errors.OutOfBoundsDatetime):
        return built  # a missing value, say, in a type that has none


def _pandas_categories(pd: Any, column: Column, values: np.ndarray, dtype: str) -> Any:
    if dtype == "category":
        codes = np.where(np.isnan(values) | (values < 0), -1, values).astype(int)
        return pd.Series(pd.Categorical.from_codes(codes, list(column.categories or ()), ordered=column.ordered))
    return pd.Series(labels_of(column, values), dtype=object)


def _pandas_truth(pd: Any, column: Column, values: np.ndarray, dtype: str) -> Any:
    truth = [None if np.isnan(value) else bool(value >= 0.5) for value in values]
    return pd.Series(truth, dtype="boolean" if dtype == "boolean" else object)


def _pandas_dates(pd: Any, column: Column, values: np.ndarray, dtype: str) -> Any:
    ticks, missing = _microseconds(values)
    dates = pd.Series(ticks.astype("datetime64[us]")).mask(missing)
    zone = re.search(r", (.+)\]$", dtype)
    return dates.dt.tz_localize("UTC").dt.tz_convert(zone[1]) if zone and "datetime" in dtype else dates


_PANDAS: dict[str, Callable[..., Any]] = {
    CATEGORY: _pandas_categories,
    BOOLEAN: _pandas_truth,
    DATE: _pandas_dates,
}


# Arrow and polars --------------------------------------------------------------------------------------------------


def arrow_column(column: Column, values: np.ndarray, dtype: str) -> pa.Array:
    """One column as an Arrow array, of the type named where it is one of Arrow's."""
    missing = np.isnan(values)
    if column.type == BOOLEAN:
        return pa.array(values >= 0.5, mask=missing)
    if column.type == DATE:
        ticks, missing = _microseconds(values)
        zone = re.search(r"tz=(.+)\]$", dtype)
        dates = pa.array(ticks, type=pa.int64(), mask=missing).cast(pa.timestamp("us", zone[1] if zone else None))
        unit = re.match(r"timestamp\[(\w+)", dtype)
        if unit:
            return dates.cast(pa.timestamp(unit[1], zone[1] if zone else None), safe=False)
        return dates.cast(pa.date32(), safe=False) if dtype.startswith("date32") else dates
    labels = pa.array(labels_of(column, values))
    coded = _DICTIONARY.match(dtype)
    if coded:
        kinds = [pa.type_for_alias(name) for name in coded.groups()]
        none = missing | (values < 0)
        places = pa.array(np.where(none, 0, values).astype(np.int64), mask=none).cast(kinds[1])
        names = pa.array(list(column.categories or ())).cast(kinds[0])
        return pa.DictionaryArray.from_arrays(places, names, ordered=column.ordered)
    return labels.cast(pa.large_string()) if dtype == "large_string" else labels


def polars_column(pl: Any, column: Column, values: np.ndarray, dtype: str) -> Any:
    """One column as polars has it, of the type named where it fits."""
    series = pl.Series(column.name, arrow_column(column, values, ""))
    if column.type == CATEGORY and dtype.startswith("Enum"):
        return series.cast(pl.Enum(list(column.categories or ())))
    if column.type == CATEGORY and dtype.startswith("Categorical"):
        return series.cast(pl.Categorical)
    if column.type == DATE:
        found = _DATETIME.match(dtype)
        if found:
            zone = found[2]
            dates = series.dt.replace_time_zone("UTC").dt.convert_time_zone(zone) if zone else series
            return dates.dt.cast_time_unit(found[1])
        return series.cast(pl.Date) if dtype == "Date" else series
    return series
