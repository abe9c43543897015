"""What a column of a table is: its type, and what its values may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

#: Types that a column can have.
NUMBER, WHOLE, BOOLEAN, CATEGORY, DATE = TYPES = ("number", "whole", "boolean", "category", "date")
#: What a schema says of a column that is to be set aside.
IGNORE = "ignore"
#: What a schema can say of a column.
KEYS = ("type", "low", "high", "categories", "ordered")
#: What `isthmus inspect` says beside it, which nothing goes by.
REMARKS = ("missing", "seen", "remark")

#: Seconds of a day.
DAY = 86_400.0
#: A label as it is written in a file.
Label = str | int | float | bool


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name : str
    type : {"number", "whole", "boolean", "category", "date"}
        What its values are; "whole" are numbers that come back without a fraction. In `Raw.values` booleans are 0 and
        1, categories their places in `categories`, dates the seconds since 1970 (in UTC, where they have a time zone).
    categories : tuple of str, int, float or bool, optional
        Labels of a column of categories.
    ordered : bool, default=False
        Whether the categories have an order: kept for giving them back.
    low, high : float, optional
        Least and largest value that is ever given back, as a schema says.
    given : bool, default=False
        Whether a schema says what the column is, rather than its values.
    """

    name: str
    type: str = NUMBER
    categories: tuple[Label, ...] | None = None
    ordered: bool = False
    low: float | None = None
    high: float | None = None
    given: bool = False

    @property
    def is_numeric(self) -> bool:
        """Whether the values are numbers as they are."""
        return self.type in (NUMBER, WHOLE)

    def shown(self, value: float) -> str | None:
        """Give a value that is no number in words; None where it is one."""
        if self.type == CATEGORY:
            labels = self.categories or ()
            return str(labels[int(value)]) if 0 <= value < len(labels) else "(not seen in fit)"
        if self.type == BOOLEAN:
            return "true" if value >= 0.5 else "false"
        if self.type == DATE:
            date = datetime.fromtimestamp(0, UTC) + timedelta(seconds=value)
            return date.strftime("%Y-%m-%d" if value % DAY == 0 else "%Y-%m-%d %H:%M:%S")
        return None

    def to_config(self) -> dict[str, Any]:
        """Give the fields as JSON-able values."""
        fields = asdict(self)
        return fields | {"categories": None if self.categories is None else list(self.categories)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Column:
        """Rebuild the column from what `to_config` gave."""
        categories = config.get("categories")
        return cls(**{**config, "categories": None if categories is None else tuple(categories)})
