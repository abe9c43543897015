"""A frame with every type of column, in each container."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa


def mixed(n: int = 300, seed: int = 0, gaps: bool = True) -> pd.DataFrame:
    """Numbers, whole numbers, truth values, categories (few, ordered, many) and dates that hang together."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, n)
    older = age > 45
    frame = pd.DataFrame(
        {
            "age": age,
            "income": np.exp(rng.normal(9 + 0.02 * age, 0.3)),
            "member": rng.random(n) < np.where(older, 0.9, 0.1),
            "class": np.where(older, "gold", rng.choice(["silver", "bronze"], n)),
            "grade": pd.Categorical(np.where(older, "high", "low"), ["low", "high"], ordered=True),
            "joined": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1500, n), "D"),
            "seen": pd.Timestamp("2024-01-01", tz="Europe/Rome") + pd.to_timedelta(rng.integers(0, 10**7, n), "s"),
        },
        index=pd.RangeIndex(100, 100 + n),
    )
    if gaps:
        frame.loc[frame.index[::7], "class"] = None
        frame.loc[frame.index[::5], "income"] = np.nan
        frame.loc[frame.index[3::11], "joined"] = pd.NaT
    return frame


def in_container(frame: pd.DataFrame, container: str):
    if container == "pandas":
        return frame
    plain = frame.reset_index(drop=True)
    return pl.from_pandas(plain) if container == "polars" else pa.Table.from_pandas(plain, preserve_index=False)
