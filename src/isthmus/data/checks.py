"""Checks of what a person brought; errors name the place, in scikit-learn's words where it has some."""

from __future__ import annotations

import difflib
import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import numpy as np

from isthmus.data.moments import spans
from isthmus.data.raw import Values
from isthmus.exceptions import DataError

Position = tuple[int, ...]


class NotNumericError(DataError, TypeError):
    """A value that is no number at all; scikit-learn's checks expect a TypeError for it."""


def shorten(value: Any, limit: int = 40) -> str:
    """Give a value as it is written, cut to what fits a message."""
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def listed(names: Iterable[Any], limit: int = 5) -> str:
    """Give some names for a message: 'a', 'b' and 3 more."""
    names = list(names)
    text = ", ".join(repr(name) for name in names[:limit])
    return text if len(names) <= limit else f"{text} and {len(names) - limit} more"


def near(name: str, known: Sequence[str]) -> str:
    """Say which known names a mistyped one may have meant, or which there are."""
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=3, cutoff=0.6)
    if close:
        return "Did you mean " + " or ".join(repr(match) for match in close) + "?"
    return f"There are {listed(known, 10)}."


def refuse_empty(shape: tuple[int, ...], origin: str) -> None:
    """Refuse data without rows, and rows without values."""
    said = str(tuple(int(size) for size in shape))
    if shape[0] == 0:
        raise DataError(
            f"Found array with 0 sample(s) (shape={said}) while a minimum of 1 is required. "
            f"{_sentence(origin)} has no rows."
        )
    if 0 in shape[1:]:
        empty = "Its sequences are empty." if len(shape) > 2 else "Its rows are empty."
        raise DataError(
            f"Found array with 0 feature(s) (shape={said}) while a minimum of 1 is required. "
            f"{_sentence(origin)} has nothing to fit. {empty}"
        )


def refuse_one_axis(shape: tuple[int, ...], origin: str) -> None:
    """Refuse scalars and 1-D arrays, in scikit-learn's words."""
    if len(shape) == 0:
        raise DataError(
            f"Expected rows of data, got a scalar in {origin}. Reshape your data using X.reshape(1, -1) if "
            "it is a single sample."
        )
    if len(shape) == 1:
        raise DataError(
            f"Expected 2D array, got 1D array instead: {origin} has shape ({shape[0]},). Reshape your data "
            "either using X.reshape(-1, 1) if it has a single feature, or X.reshape(1, -1) if it is a "
            "single sample."
        )


def as_numbers(values: np.ndarray, origin: str) -> np.ndarray:
    """Give an array of any dtype as numbers of the same shape, or say which value is none."""
    kind = values.dtype.kind
    if kind in "biuf":
        return values
    if kind == "c":
        raise DataError(
            f"Complex data not supported: {origin} has dtype {values.dtype}. Give the real and the "
            "imaginary part as two columns, or the modulus."
        )
    if kind == "O":
        return _numbers_of_objects(values, origin)
    if kind in "Mm":
        raise DataError(
            f"{_sentence(origin)} holds dates or durations (dtype {values.dtype}), not numbers. Encode "
            "them as numbers first, for example as days since a start."
        )
    if kind == "V":
        fields = values.dtype.names or ()
        raise DataError(
            f"{_sentence(origin)} is a structured array with fields {listed(fields)}, not an array of "
            "numbers. Make a frame of it, for example with pandas.DataFrame(X)."
        )
    for position, value in np.ndenumerate(values):
        try:
            float(value)
        except ValueError:
            raise DataError(
                f"{_sentence(origin)} holds text where numbers belong: {shorten(value)} at "
                f"{place(position)} (counted from 0). Replace it, or drop its column."
            ) from None
    raise DataError(
        f"{_sentence(origin)} holds numbers written as text (dtype {values.dtype}). Convert it with X.astype(float)."
    )


def _numbers_of_objects(values: np.ndarray, origin: str) -> np.ndarray:
    """Give an array of Python objects as float64; None and pandas.NA become NaN."""
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        out = np.empty(values.shape, dtype=np.float64)
        for position, value in np.ndenumerate(values):
            out[position] = _number(value, position, origin)
        return out


def _number(value: Any, position: Position, origin: str) -> float:
    """Give one object as a number, or refuse it by its place."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return np.nan
    if isinstance(value, complex):
        raise DataError(f"Complex data not supported: {origin} holds {shorten(value)} at {place(position)}.")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise NotNumericError(
            f"{_sentence(origin)} holds {shorten(value)} ({type(value).__name__}) at {place(position)}; "
            "each value's argument must be a string of a number or a real number. Replace it, or drop its "
            "column."
        ) from None


def place(position: Position) -> str:
    """Give a position in an array of unknown kind in words."""
    return f"row {position[0]}" + "".join(f", {'column' if len(position) == 2 else 'index'} {i}" for i in position[1:])


def refuse_infinite(values: Values, origin: str, cell: Callable[[Position], str]) -> None:
    """Refuse infinities, by the first row and place within it that has one."""
    found = _first_infinite(values) if values.dtype.kind == "f" else None
    if found is not None:
        value = values[found]
        raise DataError(
            f"{_sentence(origin)} holds {'-' if value < 0 else ''}inf (infinity) at row {found[0]} "
            f"(counted from 0), {cell(found[1:])}. Values must be finite: write NaN where a value is "
            "missing, or remove the row."
        )


def _first_infinite(values: Values) -> Position | None:
    """Position of the first infinite value, row by row."""
    if not isinstance(values, np.ndarray):
        at = np.flatnonzero(np.isinf(values.data))
        if len(at) == 0:
            return None
        row = int(np.searchsorted(values.indptr, at[0], side="right")) - 1
        return row, int(values.indices[at[0]])
    for span in spans(len(values), math.prod(values.shape[1:])):
        piece = values[span]
        with np.errstate(over="ignore", invalid="ignore"):
            # What is not finite passes through a sum; a sum that is too large is looked into as well.
            if np.isfinite(piece.sum()):
                continue
        bad = np.argwhere(np.isinf(piece))
        if len(bad):
            return (span.start + int(bad[0][0]), *(int(i) for i in bad[0][1:]))
    return None


def refuse_too_large(out: np.ndarray, first_row: int, origin: str, cell: Callable[[Position], str]) -> NoReturn:
    """Say which value of a prepared piece is beyond the range of its dtype."""
    bad = np.argwhere(~np.isfinite(out))[0]
    raise DataError(
        f"{_sentence(origin)} holds a value at row {first_row + int(bad[0])} (counted from 0), "
        f"{cell(tuple(int(i) for i in bad[1:]))} that is too large for {out.dtype} once scaled. Remove it, "
        "or bring the values to a smaller scale (scaling='standard' does it for the training rows)."
    )


def tell_missing(missing: np.ndarray, origin: str, names: Sequence[str] | None, what: str = "column") -> None:
    """Warn of the columns (or channels) that `missing` is True for; refuse data in which it is so for all."""
    unseen = np.flatnonzero(missing)
    if len(unseen) == len(missing):
        raise DataError(f"Every value of {origin} is missing (NaN): there is nothing to fit.")
    if len(unseen):
        named = [int(i) if names is None else names[int(i)] for i in unseen]
        warnings.warn(
            f"No row of {origin} has a value in {what} {listed(named)}: nothing can be learnt about it, and it is "
            "given back as NaN.",
            stacklevel=3,
        )


def check_width(got: int, expected: int, estimator: str) -> None:
    """Refuse rows of another width than those fitted on, in scikit-learn's words."""
    if got != expected:
        raise DataError(f"X has {got} features, but {estimator} is expecting {expected} features as input.")


def check_names(got: tuple[str, ...] | None, fitted: tuple[str, ...] | None, estimator: str) -> None:
    """Refuse frames with other columns than those fitted on, or in another order, in scikit-learn's words."""
    if got == fitted:
        return
    if fitted is None:
        warnings.warn(f"X has feature names, but {estimator} was fitted without feature names", stacklevel=3)
        return
    if got is None:
        warnings.warn(
            f"X does not have valid feature names, but {estimator} was fitted with feature names",
            stacklevel=3,
        )
        return
    message = "The feature names should match those that were passed during fit.\n"
    unseen, missing = sorted(set(got) - set(fitted)), sorted(set(fitted) - set(got))
    for heading, names in (
        ("Feature names unseen at fit time:\n", unseen),
        ("Feature names seen at fit time, yet now missing:\n", missing),
    ):
        if names:
            message += heading + "".join(f"- {name}\n" for name in names[:5]) + ("- ...\n" * (len(names) > 5))
    if not unseen and not missing:
        message += "Feature names must be in the same order as they were in fit.\n"
    raise DataError(message)


def _sentence(origin: str) -> str:
    """Give the name of the data as the start of a sentence; a file's name stays as it is."""
    return "T" + origin[1:] if origin.startswith("the ") else origin
