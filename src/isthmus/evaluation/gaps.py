"""How well an imputer fills gaps, on cells hidden for the purpose, beside the mean and IterativeImputer; as a page."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - what follows needs it
from sklearn.impute import IterativeImputer

from isthmus._version import __version__
from isthmus.data import Prepared, Raw, as_raw
from isthmus.data.column import BOOLEAN, CATEGORY, DATE
from isthmus.data.moments import dense
from isthmus.data.table import columns_of
from isthmus.evaluation.rendering import render_page
from isthmus.evaluation.wording import percent
from isthmus.exceptions import ParameterError
from isthmus.storage.atomic import write_bytes

if TYPE_CHECKING:
    from isthmus.tasks import Imputer

#: Share of the values of a column that is hidden at least.
LEAST_HIDDEN = 0.1
#: Rows that are judged at most, and values of a prepared row up to which IterativeImputer is asked.
MOST_ROWS, MOST_CHAINED = 5000, 100


@dataclass(frozen=True)
class ColumnGaps:
    """Errors on the hidden values of one column.

    Parameters
    ----------
    name : str
    missing : int
        Values missing in the data.
    hidden : int
        Values hidden to judge by.
    what : str
        "share wrong", "days" or "" for the column's own unit: what the errors are in.
    ours, simple, chained : float
        Root mean squared error, or share that is wrong, of the imputer, of mean or most frequent value, and of
        IterativeImputer; NaN where it was not asked.
    """

    name: str
    missing: int
    hidden: int
    what: str
    ours: float
    simple: float
    chained: float


@dataclass(frozen=True)
class GapsComparison:
    """An imputer beside simple ones, column by column.

    Parameters
    ----------
    rows : int
        Rows judged on.
    columns : list of ColumnGaps
    refitted : bool
        Whether a copy was fitted that never saw the hidden values.
    """

    rows: int
    columns: list[ColumnGaps]
    refitted: bool

    def share(self, of: str) -> float:
        """Mean over the columns of our error over that of "simple" or "chained"."""
        ratios = [c.ours / getattr(c, of) for c in self.columns if getattr(c, of) > 0]
        return float(np.mean(ratios)) if ratios else float("nan")

    def verdict(self) -> str:
        """Say in a sentence how the imputer stands."""
        if not self.columns:
            return "No value could be hidden to judge by."
        beside = [("the mean or most frequent value", "simple")]
        if not all(np.isnan(c.chained) for c in self.columns):
            beside.append(("IterativeImputer", "chained"))
        parts = [f"{percent(self.share(of))} of the error of {name}" for name, of in beside]
        losing = [name for name, of in beside if self.share(of) > 1]
        said = f"On hidden values Isthmus has {' and '.join(parts)}, on average over the columns."
        return f"{said} {_capital(' and '.join(losing))} did better here." if losing else said


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def judge_gaps(imputer: Imputer, X: Any, *, refit: bool = True, seed: int = 0) -> GapsComparison:
    """Hide values of rows, as many of each column as are missing, at least a tenth, and see how they are filled.

    Parameters
    ----------
    imputer : Imputer
        Fitted, on rows or columns.
    X : array, frame or Raw
        Rows of the same columns; 5,000 of them, drawn at random, are used at most.
    refit : bool, default=True
        Whether a copy is fitted that does not see the hidden values; else the imputer is judged as it is.
    seed : int, default=0

    Returns
    -------
    GapsComparison

    Raises
    ------
    ParameterError
        If the rows are pictures or sequences.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from isthmus import Imputer
    >>> X = load_iris().data
    >>> found = judge_gaps(Imputer(max_epochs=2, random_state=0).fit(X), X)
    >>> len(found.columns), found.share("simple") < 1
    (4, True)
    """
    raw = as_raw(X, kind=imputer.kind_, like=imputer.schema_)
    if len(raw.item_shape) > 1:
        raise ParameterError(f"Gaps are judged by column, but {raw.origin} holds data of the kind {raw.kind!r}.")
    rng = np.random.default_rng(seed)
    if len(raw) > MOST_ROWS:
        raw = raw.take(np.sort(rng.choice(len(raw), MOST_ROWS, replace=False)))
    values = np.array(dense(raw.values), dtype=np.float64)
    raw = replace(raw, values=values)
    hidden = _hidden(values, rng)
    gapped = replace(raw, values=np.where(hidden, np.nan, values))
    again: Any = clone(imputer)
    judged: Imputer = again.fit(gapped) if refit else imputer
    preparation = judged.preparation_
    prepared = preparation.transform(gapped, torch.float64)
    filled = {
        "ours": judged.expected(gapped),
        "simple": preparation.inverse(np.zeros(prepared.x.shape)),
        "chained": preparation.inverse(_chained(prepared)),
    }
    truth, *found = preparation.comparable(preparation.values(raw), *filled.values())
    columns = []
    for j, column in enumerate(columns_of(replace(preparation.schema_, names=raw.names))):
        at = hidden[:, j]
        if not at.any():
            continue
        off = [np.abs(part[at, j] - truth[at, j]) for part in found]
        wrong = column.type in (CATEGORY, BOOLEAN)
        errors = [float(np.mean(part != 0) if wrong else np.sqrt(np.mean(part**2))) for part in off]
        errors = [np.nan if np.isnan(part).any() else error for part, error in zip(off, errors, strict=True)]
        what = "share wrong" if wrong else "days" if column.type == DATE else ""
        columns.append(ColumnGaps(column.name, int(np.isnan(values[:, j]).sum()), int(at.sum()), what, *errors))
    return GapsComparison(len(raw), columns, refit)


def _hidden(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Choose observed values to hide: some stay in each column, and one in each row."""
    seen = ~np.isnan(values)
    hidden = (rng.random(values.shape) < np.maximum(LEAST_HIDDEN, 1 - seen.mean(0))) & seen
    hidden[:, (seen & ~hidden).sum(0) < 2] = False
    bare = ~(seen & ~hidden).any(1)
    hidden[bare] = False
    return hidden


def _chained(prepared: Prepared) -> np.ndarray:
    """Prepared values filled by IterativeImputer; NaN where there are too many columns for it."""
    x = prepared.x.numpy()
    if prepared.mask is None:
        return x
    if x.shape[1] > MOST_CHAINED:
        return np.full_like(x, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        chained = IterativeImputer(random_state=0, keep_empty_features=True)
        return np.asarray(chained.fit_transform(np.where(prepared.mask.numpy(), x, np.nan)))


def gaps_report(
    comparison: GapsComparison, raw: Raw, path: str | Path, *, imputer: Imputer, model_path: str | None = None
) -> Path:
    """Write one HTML page that shows how gaps were filled, and how well hidden values were.

    Parameters
    ----------
    comparison : GapsComparison
        As `judge_gaps` gives it.
    raw : Raw
        The rows whose gaps were filled.
    path : str or Path
        File to write. It is replaced as a whole or not at all.
    imputer : Imputer
    model_path : str, optional
        Where the imputer is saved.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    ModelFileError
        If `path` cannot be written.
    """
    missing = np.isnan(np.asarray(dense(raw.values), dtype=np.float64))
    page = render_page(
        "gaps.html.j2",
        title=f"Gaps of {Path(raw.origin).name}" if not raw.origin.startswith("the ") else "Gaps filled",
        date=f"{datetime.now(UTC):%-d %B %Y}",
        version=__version__,
        c=comparison,
        rows=len(raw),
        width=missing.shape[1],
        missing=int(missing.sum()),
        share=float(missing.mean()),
        parameters=imputer.get_params(),
        model_path=model_path,
    )
    write_bytes(path, page.encode("utf-8"))
    return Path(path)
