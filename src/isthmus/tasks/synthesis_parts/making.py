"""Making rows: drawn by their codes, corrected column by column, kept by their weights, and as conditions want them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Self

import numpy as np

from isthmus.data import Column, Raw
from isthmus.data.column import BOOLEAN
from isthmus.tasks.synthesis_parts.codes import CodeRows
from isthmus.tasks.synthesis_parts.gapless import Gapless, rounded, units
from isthmus.tasks.synthesis_parts.marginals import Marginal
from isthmus.tasks.synthesis_parts.raking import Raking

#: Rows drawn after a fit, to learn what is to be corrected in them: as many as were fitted on, within bounds.
FEWEST_DRAWN, MOST_DRAWN = 4000, 20_000
#: Times that rows are drawn which do not repeat what is given, and how far the rank of a number may be off.
ROUNDS, RANKS = 10, 0.05
#: Share of rows that repeat nothing of it from which that is told.
TOLD = 0.1
#: Times that rows are drawn again which are not kept: more than enough, since about a third is kept at least.
MOST_AGAIN = 100
#: Rows that are drawn at once at least, where more are needed.
FEWEST_AGAIN = 64


class Maker:
    """Makes values of a table.

    Parameters
    ----------
    table : Gapless
    codes : CodeRows
    units : ndarray of shape (d,)
        What the numbers of each column are multiples of, 0 for nothing.
    seen : ndarray of shape (2, d)
        Least and largest value of each column.
    marginals : dict of int to Marginal
        Of columns of numbers and dates.
    raking : Raking
    """

    def __init__(
        self,
        table: Gapless,
        codes: CodeRows,
        units: np.ndarray,
        seen: np.ndarray,
        marginals: dict[int, Marginal],
        raking: Raking,
    ):
        self.table, self.codes, self.units, self.seen = table, codes, units, seen
        self.marginals, self.raking = marginals, raking

    @classmethod
    def learn(cls, table: Gapless, codes: CodeRows, values: np.ndarray, seed: int) -> Self:
        """Learn what is to be corrected, from rows made and the real ones (n, d)."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a column of gaps alone has no range
            seen = np.stack([np.nanmin(values, axis=0), np.nanmax(values, axis=0)])
        count = int(np.clip(len(values), FEWEST_DRAWN, MOST_DRAWN))
        drawn = codes.draw(count, seed)
        sizes = [2 if column.type == BOOLEAN else len(column.categories or ()) for column in table.inner]
        raking = Raking.learn(table.there(values), drawn, sizes)
        # Numbers are corrected in the rows that are kept.
        made = table.back(drawn[raking.keeps(drawn, np.random.default_rng(seed))])
        marginals = {
            j: Marginal.learn(values[:, j], made[:, j])
            for j in range(len(table.columns))
            if table.is_continuous(j) and not np.isnan(made[:, j]).all()
        }
        return cls(table, codes, units(table.columns, values), seen, marginals, raking)

    def _correct(self, values: np.ndarray, rng: np.random.Generator) -> None:
        """Give each column of numbers its distribution, unit and bounds, in place."""
        for j, column in enumerate(self.table.columns):
            if j in self.marginals:
                values[:, j] = self.marginals[j].corrected(values[:, j], rng)
            if self.units[j]:
                values[:, j] = rounded(values[:, j], self.units[j])
            if column.low is not None or column.high is not None:
                values[:, j] = np.clip(values[:, j], column.low, column.high)

    def draw(self, n: int, random: np.random.RandomState) -> np.ndarray:
        """Make n rows of values: (n, d)."""
        parts: list[np.ndarray] = []
        left = n
        for _ in range(MOST_AGAIN):
            # About as many more as are not kept.
            more = max(FEWEST_AGAIN, int(left * self.raking.ceiling * 1.1))
            made, kept = self._drawn(more, random, None)
            parts.append(made[kept][:left])
            left -= len(parts[-1])
            if not left:
                break
        else:
            parts.append(self._drawn(left, random, None)[0])
        return np.concatenate(parts)

    def _drawn(self, n: int, random: np.random.RandomState, given: Raw | None) -> tuple[np.ndarray, np.ndarray]:
        """Draw values, corrected, and say which of the rows their weights keep."""
        seed = random.randint(2**31 - 1)
        rng = np.random.default_rng(seed)
        drawn = self.codes.draw(n, seed, given)
        kept = self.raking.keeps(drawn, rng)
        values = self.table.back(drawn)
        self._correct(values, rng)
        return values, kept

    def draw_for(self, asked: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Make rows of which some values are given: (n, d), NaN where free, infinite where missing."""
        free = np.isnan(asked)
        inner = self.table.there(np.where(np.isinf(asked), np.nan, asked))
        # What is free is not known to the table without gaps either: it is no gap.
        known = np.concatenate([~free, ~free[:, self.table.told]], axis=1)
        inner[~known] = np.nan
        out = np.full_like(asked, np.nan)
        todo, repeated = np.arange(len(asked)), np.zeros(len(asked), dtype=bool)
        for round_ in range(ROUNDS):
            made, kept = self._drawn(len(todo), random, self.table.table(inner[todo], "conditions"))
            good = self._repeats(made, asked[todo])
            # What repeats the conditions is better than what does not, whatever its weight.
            taken = good | ~repeated[todo] if round_ else np.ones(len(todo), dtype=bool)
            out[todo[taken]] = made[taken]
            repeated[todo] |= good
            todo = todo[~(good & kept)]
            if not len(todo):
                break
        lost = int((~repeated).sum())
        if lost > max(1.0, TOLD * len(asked)):
            warnings.warn(
                f"{lost} of {len(asked)} rows did not repeat the conditions in {ROUNDS} tries: rows like these were "
                "hardly seen in fit. Their given columns are as asked; look at the others before you use them.",
                stacklevel=3,
            )
        return np.where(free, out, np.where(np.isinf(asked), np.nan, asked))

    def _repeats(self, made: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """Say which rows have what is given, numbers nearly."""
        good = np.ones(len(made), dtype=bool)
        for j in range(asked.shape[1]):
            given, found = asked[:, j], made[:, j]
            same = np.where(np.isinf(given), np.isnan(found), found == given)
            if j in self.marginals:
                ranks = self.marginals[j].ranks
                near = np.abs(ranks(np.nan_to_num(found)) - ranks(np.nan_to_num(given, posinf=0))) <= RANKS
                same |= near & ~np.isnan(found) & ~np.isinf(given)
            good &= same | np.isnan(given)
        return good

    # --- To a file and back

    def arrays(self) -> dict[str, np.ndarray]:
        """Give what was learnt beside the table without gaps and the autoencoder."""
        arrays = self.codes.arrays() | {"units": self.units, "seen": self.seen}
        for j, marginal in self.marginals.items():
            arrays[f"marginal/{j}"] = np.stack([marginal.real, marginal.made])
        return arrays | self.raking.arrays()

    @classmethod
    def restore(cls, columns: Sequence[Column], gapless: dict, codes: CodeRows, arrays: dict[str, np.ndarray]) -> Self:
        """Make it again."""
        marginals = {
            int(name.removeprefix("marginal/")): Marginal(*array)
            for name, array in arrays.items()
            if name.startswith("marginal/")
        }
        table = Gapless.from_config(columns, gapless)
        return cls(table, codes, arrays["units"], arrays["seen"], marginals, Raking.restore(arrays))
