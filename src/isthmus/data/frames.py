"""Frames (pandas, polars, pyarrow and whatever narwhals knows) to one array of numbers, and what its columns are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np

from isthmus.data.checks import listed, near
from isthmus.data.column import BOOLEAN, IGNORE, NUMBER, WHOLE, Column
from isthmus.data.inference import LARGEST_WHOLE, check_form, check_schema, infer
from isthmus.data.raw import Raw
from isthmus.exceptions import DataError

Names = str | Sequence[str] | None


@dataclass(frozen=True)
class Asked:
    """What is asked of a table's columns: those to keep, those to set aside, what they are, or were in fit."""

    columns: Names = None
    drop: Names = None
    schema: Mapping[str, Any] | None = None
    like: tuple[Column, ...] | None = None

    @property
    def types(self) -> dict[str, Any] | None:
        """What is said of the columns: by a schema, or else by what they were in fit."""
        if self.schema is not None:
            return check_form(self.schema)
        if self.like is None:
            return None
        return {column.name: column.type for column in self.like if column.given or not column.is_numeric}

    @property
    def named(self) -> set[str]:
        """Names of the columns to keep; empty where it is all."""
        return {self.columns} if isinstance(self.columns, str) else set(self.columns or ())

    def without(self, names: Sequence[str]) -> Asked:
        """Set these columns aside as well."""
        drop = [self.drop] if isinstance(self.drop, str) else list(self.drop or ())
        return replace(self, drop=[*names, *drop])


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


def from_frame(frame: nw.DataFrame[Any], origin: str, asked: Asked | None = None) -> Raw:
    """Take a frame: columns as values, those not wanted set aside into `extra`.

    Parameters
    ----------
    frame : narwhals.DataFrame
        Eager frame with distinct column names.
    origin : str
        What messages call it.
    asked : Asked, optional
        Columns to keep, by default all but those to set aside, and what they are: see `isthmus.data.as_raw`.

    Returns
    -------
    Raw
        Of kind "table".
    """
    asked = Asked() if asked is None else asked
    there = [str(name) for name in frame.columns]
    types = asked.types or {}
    if asked.schema is None:
        types = {name: kind for name, kind in types.items() if name in there}
    said = check_schema(types, there, origin)
    kept = _choose(list(frame.columns), asked.columns, asked.drop, origin)
    kept = [name for name in kept if said.get(str(name), {}).get("type") != IGNORE]
    wanted = set(kept)
    aside = [name for name in frame.columns if name not in wanted]
    extra = {str(name): frame[name].to_numpy() for name in aside}
    n = len(frame)  # a frame without columns forgets it
    frame = frame.select([nw.col(name) for name in kept]) if aside or asked.columns is not None else frame
    native = frame.to_native()
    pandas_like = frame.implementation.is_pandas_like()
    all_text = all(isinstance(name, str) for name in kept)
    plain = all(type(name) in (int, str) for name in kept)
    values, about = _values(frame, origin, said) if len(kept) else (np.empty((n, 0)), None)
    return Raw(
        values=values,
        kind="table",
        names=tuple(kept) if all_text and kept else None,
        container=_container(frame),
        column_dtypes=tuple(_native_dtypes(native, pandas_like)),
        index=native.index if pandas_like else None,
        extra=extra,
        origin=origin,
        labels=tuple(kept) if plain and not all_text else None,
        columns=about,
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


def _values(
    frame: nw.DataFrame[Any], origin: str, asked: Mapping[str, dict[str, Any]]
) -> tuple[np.ndarray, tuple[Column, ...] | None]:
    """All columns as one array of numbers, and what they are; None where their dtypes say all of it."""
    native = frame.to_native()
    if frame.implementation.is_pandas() and not asked:
        kinds = {dtype.kind if isinstance(dtype, np.dtype) else "?" for dtype in native.dtypes}
        if kinds <= set("iuf") or kinds == {"b"}:
            block = native.to_numpy()  # one block, often without a copy
            return block, _whole_columns(frame.columns, block)
    found = [infer(column, origin, asked.get(str(column.name))) for column in frame.iter_columns()]
    about = tuple(column for column, _ in found)
    columns = [values for _, values in found]
    for column, values in found if not all(column.is_numeric for column in about) else ():
        _refuse_too_whole(column, values, origin)
    plain = all(column.is_numeric for column in about) or all(column.type == BOOLEAN for column in about)
    dtype = np.result_type(*(c.dtype for c in columns)) if plain else np.dtype(np.float64)
    out = np.empty((len(frame), len(columns)), dtype=dtype, order="F")
    for j, column in enumerate(columns):
        out[:, j] = column
    return out, about


def _whole_columns(names: Sequence[Any], block: np.ndarray) -> tuple[Column, ...] | None:
    """Say which columns of a block of floats are whole numbers that only gaps made floats; None where none has gaps."""
    if block.dtype.kind != "f" or not np.isnan(block.sum(dtype=np.float64)):
        return None
    with np.errstate(invalid="ignore"):
        gaps = np.isnan(block).any(axis=0)
        whole = ((np.rint(block) == block) & (np.abs(block) < LARGEST_WHOLE) | np.isnan(block)).all(axis=0)
        whole &= gaps & ~np.isnan(block).all(axis=0)
    return tuple(Column(str(name), WHOLE if whole[j] else NUMBER) for j, name in enumerate(names))


def _refuse_too_whole(column: Column, values: np.ndarray, origin: str) -> None:
    """Refuse whole numbers that would not come back as they are: beside other columns all are floats of 64 bits."""
    if column.type == WHOLE and values.dtype.kind in "iu" and len(values):
        far = np.flatnonzero((values > LARGEST_WHOLE) | (values < -LARGEST_WHOLE))
        if len(far):
            raise DataError(
                f"Column {column.name!r} of {origin} holds {values[far[0]]} at row {far[0]} (counted from 0), beyond "
                "2**53: such numbers are names more often than measurements. Set the column aside, or say that it is "
                f'one of categories or plain numbers, by the schema {{"{column.name}": "category"}} or "number".'
            )
