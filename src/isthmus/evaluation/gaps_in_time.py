"""Gaps of recordings: an imputer beside straight lines, on runs that are hidden for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import clone

from isthmus.tasks.series.gaps import gap_lengths
from isthmus.tasks.series.recordings import as_recordings, interpolated

if TYPE_CHECKING:
    from isthmus.tasks import Imputer

#: Share of the values hidden, and steps of a run where no gap shows how long they are.
HIDDEN, USUAL = 0.05, 10


@dataclass(frozen=True)
class GapsInTime:
    """Errors of an imputer and of straight lines between the values before and after.

    Parameters
    ----------
    values : int
        Hidden ones that were judged.
    ours, straight : float
        Square root of the mean squared error, in standard deviations of each channel.
    """

    values: int
    ours: float
    straight: float

    def verdict(self) -> str:
        """Say in a sentence how the imputer stands."""
        if not self.values:
            return "No run could be hidden to judge by."
        said = f"On {self.values:,} hidden values the error is {self.ours:.3g} standard deviations, by straight lines "
        return (
            said + f"{self.straight:.3g}." + (" Straight lines did better here." if self.straight < self.ours else "")
        )


def judge_recordings(imputer: Imputer, X: Any, *, refit: bool = True, seed: int = 0) -> GapsInTime:
    """Hide runs of recordings, as long as the gaps they have, and see how they are filled.

    Parameters
    ----------
    imputer : Imputer
        Fitted with `window`.
    X : recording or list of them
    refit : bool, default=True
        Whether a copy is fitted that does not see the hidden values.
    seed : int, default=0

    Returns
    -------
    GapsInTime

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus import Imputer
    >>> x = np.sin(np.arange(300) / 3)
    >>> x[100:106] = np.nan
    >>> found = judge_recordings(Imputer(window="auto", max_epochs=0, random_state=0).fit(x), x)
    >>> found.ours < found.straight
    True
    """
    recordings, rng = as_recordings(X), np.random.default_rng(seed)
    values = [np.array(raw.values, dtype=np.float64) for raw in recordings]
    gaps_of = [gap_lengths(x) for x in values]
    lengths = np.concatenate([found[found < len(x) // 2] for found, x in zip(gaps_of, values, strict=True)])
    hidden = [_hidden(x, lengths, rng) for x in values]
    gapped = [np.where(h, np.nan, x) for x, h in zip(values, hidden, strict=True)]
    again: Any = clone(imputer)
    judged: Imputer = again.fit(gapped) if refit else imputer
    filled = judged.transform(gapped)
    spread = np.nanstd(np.concatenate(values), axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    errors: dict[str, list[np.ndarray]] = {"ours": [], "straight": []}
    for x, h, gaps, ours in zip(values, hidden, gapped, filled, strict=True):
        lines = interpolated(torch.from_numpy(np.nan_to_num(gaps)), torch.from_numpy(~np.isnan(gaps))).numpy()
        errors["ours"].append((((ours - x) / spread)[h]) ** 2)
        errors["straight"].append((((lines - x) / spread)[h]) ** 2)
    count = int(sum(h.sum() for h in hidden))
    means = {name: float(np.sqrt(np.concatenate(parts).mean())) if count else np.nan for name, parts in errors.items()}
    return GapsInTime(count, means["ours"], means["straight"])


def _hidden(values: np.ndarray, lengths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw runs to hide of what is seen, none at an end."""
    hidden, seen = np.zeros(values.shape, dtype=bool), ~np.isnan(values)
    wanted = HIDDEN * seen.sum()
    for _ in range(1000):
        if hidden.sum() >= wanted:
            break
        length = int(rng.choice(lengths)) if len(lengths) else USUAL
        if length > len(values) - 4:
            continue
        start, j = int(rng.integers(1, len(values) - length - 1)), int(rng.integers(values.shape[1]))
        hidden[start : start + length, j] = seen[start : start + length, j]
    return hidden
