"""Reading what a command is given: data for a new model, data for a model that there is, codes."""

# ruff: noqa: PLC0415 - all of these bring torch, which is imported once a command runs

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from isthmus.exceptions import ParameterError

if TYPE_CHECKING:
    from isthmus import Autoencoder
    from isthmus.data import Raw


@dataclass(frozen=True)
class Selection:
    """What of a source is used, as the options say.

    Parameters
    ----------
    columns, drop : list of str or None
        Columns to use, columns to set aside.
    size : (int, int) or None
        Height and width that pictures are resized to.
    """

    columns: list[str] | None = None
    drop: list[str] | None = None
    size: tuple[int, int] | None = None

    def read(self, source: str, kind: str = "auto") -> Raw:
        """Read a source, "-" for standard input."""
        from isthmus.data import read

        return read(source, kind=kind, size=self.size, columns=self.columns, drop=self.drop)

    def read_for(self, model: Autoencoder, source: str) -> Raw:
        """Read a source for a model; without a choice of columns, those that it was fitted on are used."""
        names = getattr(model, "feature_names_in_", None)
        if names is None or self.columns is not None or not has_columns(source):
            return self.read(source, model.kind_)
        kept = [name for name in names if name not in (self.drop or ())]
        return Selection(kept, self.drop, self.size).read(source, model.kind_)


def read_codes(model: Autoencoder, source: str, columns: list[str] | None) -> Raw:
    """Read codes: the columns that `encode` writes, or those asked for; others are set aside."""
    from isthmus.data import read

    if not has_columns(source):
        return read(source, kind="vector")
    return read(source, kind="vector", columns=columns or list(model.get_feature_names_out()))


def has_columns(source: str) -> bool:
    """Whether a source is a table with named columns, by its ending."""
    from isthmus.data.readers import TABLES

    return source == "-" or source.lower().endswith(tuple(TABLES))


def hold_out(raw: Raw, fraction: float, seed: int | None) -> tuple[Raw, Raw | None]:
    """Give the rows to fit on and the rows to judge on; None where so few rows leave none to spare.

    Without a seed the same rows are drawn each time, so that models of one file are judged on the same ones.
    """
    from isthmus.training.split import held_out

    kept, out = held_out(len(raw), fraction, seed or 0)
    return (raw, None) if len(out) == 0 else (raw.take(kept), raw.take(out))


def color_of(raw: Raw, color: str | None) -> str | int | None:
    """Give the column that colours the codes, by name or number; refuse one that is not there."""
    if color is None:
        return None
    from isthmus.evaluation.codes import chosen

    named = color in raw.extra or color in (raw.names or ())
    asked = int(color) if color.isdigit() and not named else color
    try:
        chosen(asked, raw)
    except ParameterError as error:
        raise ParameterError(f"--color {color}: {str(error).partition(': ')[2]}") from error
    return asked
