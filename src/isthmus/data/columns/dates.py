"""Columns of dates: how long ago, and where in the year, the week and the day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np

from isthmus.data.column import DAY, Column
from isthmus.data.columns.base import NUMBERS, Coder, Head
from isthmus.data.columns.numbers import Standard

#: Length of each cycle in seconds.
CYCLES = {"year": 365.2425 * DAY, "week": 7 * DAY, "day": DAY}
#: A cycle is told only where the dates span this many of it.
FEWEST_TURNS = 1.0


class Date(Coder):
    """Seconds as a standard score, and sine and cosine of each cycle that the dates go through.

    The score alone is turned back into a date: to the day where all dates seen are whole days, to the second where they
    are whole seconds, and within the range seen.
    """

    name = "date"

    def __init__(self, column: Column):
        super().__init__(column)
        self.age = Standard(column)
        self.cycles: tuple[str, ...] = ()
        self.unit = 0.0

    def fit(self, values: np.ndarray) -> Self:
        seen = values[~np.isnan(values)]
        self.age.fit(values)
        self.unit = next((unit for unit in (DAY, 1.0) if not np.any(seen % unit)), 0.0)
        span = float(seen.max() - seen.min())
        self.cycles = tuple(
            name
            for name, length in CYCLES.items()
            if span >= FEWEST_TURNS * length and not (name == "day" and self.unit == DAY)
        )
        return self

    def heads(self) -> list[Head]:
        share = 1 / (1 + len(self.cycles))
        turns = (Head(0, 1 + 2 * i, 3 + 2 * i, NUMBERS, share) for i in range(len(self.cycles)))
        return [Head(0, 0, 1, NUMBERS, share), *turns]

    def encode(self, values: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        slots = [self.age.encode(values)]
        for name in self.cycles:
            angle = 2 * np.pi * (values % CYCLES[name]) / CYCLES[name]
            slots.append(np.stack([np.sin(angle), np.cos(angle)], axis=1))
        return np.concatenate(slots, axis=1)

    def decode(self, slots: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        values = np.clip(self.age.decode(slots[:, :1]), self.age.low, self.age.high)
        return np.rint(values / self.unit) * self.unit if self.unit else values

    def arrays(self) -> dict[str, np.ndarray]:
        told = np.array([name in self.cycles for name in CYCLES], dtype=np.float64)
        return self.age.arrays() | {"cycles": told, "unit": np.array([self.unit])}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Self:
        self.age.restore(arrays)
        self.cycles = tuple(name for name, told in zip(CYCLES, arrays["cycles"], strict=True) if told)
        self.unit = float(arrays["unit"][0])
        return self
