"""From plain arrays back to the container, names and dtypes that a person brought."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from isthmus.data import mixed_frames
from isthmus.data.raw import Schema
from isthmus.exceptions import MissingExtraError


def give_back(values: np.ndarray, schema: Schema, index: Any = None) -> Any:
    """Give values in the person's units in the container, names and dtypes of a schema.

    Parameters
    ----------
    values : ndarray of shape (n, *item_shape)
        Values in the person's units.
    schema : Schema
        Form to give them.
    index : pandas.Index, optional
        Row labels, used where there are as many as rows.

    Returns
    -------
    ndarray, frame or tensor
    """
    values = np.asarray(values)
    if schema.flat:
        values = values.reshape(len(values), -1)
    return _BUILDERS[schema.container](values, schema, index)


def to_integers(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Round to the integers (or bools) that a dtype holds, clipped to its range."""
    if dtype.kind == "b":
        return values >= 0.5
    info = np.iinfo(dtype)
    low, high = float(info.min), float(info.max)
    if int(high) > info.max:  # 2**63 - 1 is no float64; the next one above would wrap around
        high = float(np.nextafter(high, 0))
    # float32 holds every integer of 16 bits; beyond that the rounding needs float64.
    whole = np.rint(values if dtype.itemsize <= 2 else values.astype(np.float64))
    return np.clip(whole, low, high, out=whole).astype(dtype)


def _array(values: np.ndarray, schema: Schema, index: Any = None) -> np.ndarray:
    """Floats in the dtype brought; pictures of integers as integers; other integer arrays as floats."""
    dtype = np.dtype(schema.dtype)
    if dtype.kind == "f":
        return values.astype(dtype, copy=False)
    if schema.kind == "image" and not np.isnan(values).any():
        return to_integers(values, dtype)
    return values


def _tensor(values: np.ndarray, schema: Schema, index: Any = None) -> torch.Tensor:
    """Give a tensor on the CPU; pictures channels first where they came so."""
    array = _array(values, schema)
    if schema.container == "torch_nchw":
        array = np.moveaxis(array, -1, 1)
    array = np.ascontiguousarray(array)
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _names(values: np.ndarray, schema: Schema) -> list[str]:
    """Column names, made up where there are none."""
    return [f"x{i}" for i in range(values.shape[1])] if schema.names is None else list(schema.names)


def _pandas(values: np.ndarray, schema: Schema, index: Any) -> Any:
    """Give a pandas frame: labels, dtypes and row labels as brought."""
    try:
        import pandas as pd  # noqa: PLC0415 - only where a person uses it
    except ImportError as error:
        raise MissingExtraError(
            "The model was fitted on a pandas frame and gives one back, but pandas is not installed. "
            "Install it with 'pip install pandas', or give the rows as an array."
        ) from error
    labels = schema.labels if schema.names is None else schema.names
    index = index if index is not None and len(index) == len(values) else None
    frame = pd.DataFrame(values, columns=None if labels is None else list(labels), index=index)
    dtypes = schema.column_dtypes or ()
    if all(name == str(values.dtype) for name in dtypes) and not schema.is_mixed:
        return frame
    about = schema.columns or (None,) * len(dtypes)
    columns = [
        _pandas_column(pd, values[:, j], name)
        if column is None or column.is_numeric
        else mixed_frames.pandas_column(pd, column, values[:, j], name).array
        for j, (column, name) in enumerate(zip(about, dtypes, strict=True))
    ]
    built = pd.DataFrame(dict(enumerate(columns)), index=frame.index)
    built.columns = frame.columns
    return built


def _pandas_column(pd: Any, column: np.ndarray, name: str) -> Any:
    """One column as a pandas array of the dtype named; left as floats where it does not fit."""
    try:
        dtype = pd.api.types.pandas_dtype(name)
        numpy_dtype = np.dtype(getattr(dtype, "numpy_dtype", dtype))
    except TypeError:  # a dtype without a NumPy one behind it, such as a category
        return column
    if numpy_dtype.kind not in "biuf":
        return column
    if numpy_dtype.kind == "f" or not np.isnan(column).any():
        numbers = column if numpy_dtype.kind == "f" else to_integers(column, numpy_dtype)
        return pd.array(numbers.astype(numpy_dtype), dtype=dtype)
    if isinstance(dtype, np.dtype):
        return column  # plain integers have no missing value
    known = np.where(np.isnan(column), 0, column)
    filled = pd.array(to_integers(known, numpy_dtype), dtype=dtype)
    filled[np.isnan(column)] = pd.NA
    return filled


def _arrow_column(column: np.ndarray, name: str) -> pa.Array:
    """One column as an Arrow array of the type named; left as floats where it is no plain number."""
    missing = np.isnan(column)
    try:
        kind = pa.type_for_alias(name)
        numpy_dtype = np.dtype(kind.to_pandas_dtype())
    except (ValueError, TypeError, NotImplementedError):
        kind, numpy_dtype = pa.float64(), np.dtype(np.float64)
    if numpy_dtype.kind in "biu":
        column = to_integers(np.where(missing, 0, column), numpy_dtype)
    elif numpy_dtype.kind != "f":
        kind, numpy_dtype = pa.float64(), np.dtype(np.float64)
    return pa.array(column.astype(numpy_dtype, copy=False), type=kind, mask=missing)


def _pyarrow(values: np.ndarray, schema: Schema, index: Any = None) -> pa.Table:
    """Give an Arrow table; missing values are nulls."""
    dtypes = schema.column_dtypes or ("double",) * values.shape[1]
    about = schema.columns or (None,) * len(dtypes)
    columns = [
        _arrow_column(values[:, j], name)
        if column is None or column.is_numeric
        else mixed_frames.arrow_column(column, values[:, j], name)
        for j, (column, name) in enumerate(zip(about, dtypes, strict=True))
    ]
    return pa.table(columns, names=_names(values, schema))


def _polars(values: np.ndarray, schema: Schema, index: Any = None) -> Any:
    """Give a polars frame; missing values are nulls."""
    try:
        import polars as pl  # noqa: PLC0415 - only where a person uses it
    except ImportError as error:
        raise MissingExtraError(
            "The model was fitted on a polars frame and gives one back, but polars is not installed. "
            "Install it with 'pip install polars', or give the rows as an array."
        ) from error
    dtypes = schema.column_dtypes or ("Float64",) * values.shape[1]
    columns = {}
    about = schema.columns or (None,) * len(dtypes)
    for j, (name, said, column) in enumerate(zip(_names(values, schema), dtypes, about, strict=True)):
        if column is not None and not column.is_numeric:
            columns[name] = mixed_frames.polars_column(pl, column, values[:, j], said)
            continue
        dtype = getattr(pl, said, pl.Float64)
        arrow = _arrow_column(values[:, j], {"Float32": "float", "Boolean": "bool"}.get(said, said.lower()))
        columns[name] = pl.Series(name, arrow).cast(dtype if dtype.is_numeric() or dtype == pl.Boolean else pl.Float64)
    return pl.DataFrame(columns)


_BUILDERS: dict[str, Callable[[np.ndarray, Schema, Any], Any]] = {
    "numpy": _array,
    "scipy": _array,  # a reconstruction has hardly a zero: sparse would be larger than dense
    "torch": _tensor,
    "torch_nchw": _tensor,
    "pandas": _pandas,
    "polars": _polars,
    "pyarrow": _pyarrow,
}
