"""Results as frames, in the container that a person brought."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from isthmus.exceptions import MissingExtraError


def as_frame(columns: Mapping[str, np.ndarray], container: str) -> Any:
    """Give columns as a frame.

    Parameters
    ----------
    columns : mapping of str to ndarray of shape (n,)
    container : str
        "pandas", "polars" or "pyarrow"; "auto": pandas where it is installed, else pyarrow.
    """
    if container == "auto":
        try:
            return _pandas(columns)
        except MissingExtraError:
            return _pyarrow(columns)
    return _BUILDERS[container](columns)


def _pandas(columns: Mapping[str, np.ndarray]) -> Any:
    try:
        import pandas as pd  # noqa: PLC0415 - only where a person uses it
    except ImportError as error:
        raise _missing("pandas") from error
    return pd.DataFrame(dict(columns))


def _polars(columns: Mapping[str, np.ndarray]) -> Any:
    try:
        import polars as pl  # noqa: PLC0415 - only where a person uses it
    except ImportError as error:
        raise _missing("polars") from error
    return pl.from_arrow(_pyarrow(columns))


def _pyarrow(columns: Mapping[str, np.ndarray]) -> pa.Table:
    return pa.table({name: pa.array(values) for name, values in columns.items()})


def _missing(name: str) -> MissingExtraError:
    return MissingExtraError(
        f"The model was fitted on a {name} frame and gives one back, but {name} is not installed. Install it with "
        f"'pip install {name}'."
    )


_BUILDERS: dict[str, Callable[[Mapping[str, np.ndarray]], Any]] = {
    "pandas": _pandas,
    "polars": _polars,
    "pyarrow": _pyarrow,
}
