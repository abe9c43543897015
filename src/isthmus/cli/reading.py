"""Reading what a command is given: data for a new model, data for a model that there is, codes."""

# ruff: noqa: PLC0415 - all of these bring torch, which is imported once a command runs

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.exceptions import DataError, ParameterError

if TYPE_CHECKING:
    from isthmus import Autoencoder
    from isthmus.data import Raw, Schema
    from isthmus.tasks import Task


_NO_COLUMN = re.compile(r"^columns=(.+?): (.+) has no such column\.", re.DOTALL)
_MIXED_SIZES = re.compile(r"Give size=\(\d+, \d+\) .* to resize them all\.$", re.DOTALL)


@dataclass(frozen=True)
class Selection:
    """What of a source is used, as the options say.

    Parameters
    ----------
    columns, drop : list of str or None
        Columns to use, columns to set aside.
    size : (int, int) or None
        Height and width that pictures are resized to.
    schema : str or None
        JSON file that says what columns are.
    skip_bad : bool
        Leave out damaged and animated pictures of a folder.
    """

    columns: list[str] | None = None
    drop: list[str] | None = None
    size: tuple[int, int] | None = None
    schema: str | None = None
    skip_bad: bool = False

    def read(self, source: str, kind: str = "auto", like: Schema | None = None) -> Raw:
        """Read a source, "-" for standard input; columns are what they were in the rows that it is to be like."""
        from isthmus.data import read

        asked = {"columns": self.columns, "drop": self.drop, "schema": read_schema(self.schema)}
        return read(source, kind=kind, like=like, size=self.size, skip_bad=self.skip_bad, **asked)

    def read_for(self, model: Autoencoder | Task, source: str) -> Raw:
        """Read a source for a model; without a choice of columns, those that it was fitted on are used."""
        if model.kind_ == "image" and has_pictures(source):
            return self._read_pictures_for(model, source)
        names = getattr(model, "feature_names_in_", None)
        if names is None or self.columns is not None or not has_columns(source):
            return self.read(source, model.kind_, model.schema_)
        kept = [name for name in names if name not in (self.drop or ())]
        with _saying(_NO_COLUMN, r"The model was fitted on column \1, which \2 does not have."):
            return Selection(kept, self.drop, self.size, skip_bad=self.skip_bad).read(
                source, model.kind_, model.schema_
            )

    def _read_pictures_for(self, model: Autoencoder | Task, source: str) -> Raw:
        """Read pictures in the form that a model was fitted on; of another size, say how to resize them."""
        from isthmus.cli.matching import alike

        wanted = model.schema_.item_shape[:2]
        advice = f"Give --size {wanted[0]}x{wanted[1]}, the size of the pictures that the model was fitted on."
        with _saying(_MIXED_SIZES, advice):
            raw = self.read(source, model.kind_)
        found = raw.item_shape[:2]
        if found != wanted:
            raise DataError(f"The pictures of {raw.origin} are {found[0]} x {found[1]} (height x width). {advice}")
        return alike(raw, model.schema_)


def read_schema(path: str | None) -> dict[str, Any] | None:
    """Read what columns are from a JSON file, as `isthmus inspect` writes it."""
    if path is None:
        return None
    import json

    try:
        return json.loads(Path(path).read_text("utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"--schema {path}: there is no such file. `isthmus inspect FILE` writes one.") from error
    except (OSError, ValueError) as error:
        raise DataError(f"--schema {path} cannot be read as JSON: {error}.") from error


def load_autoencoder(model: str, device: str) -> Autoencoder:
    """Load a model that has codes; refuse the folder of a task by the name of its class."""
    from isthmus import Autoencoder, load

    fitted = load(model, device=device)
    if not isinstance(fitted, Autoencoder):
        raise ParameterError(
            f"{model} holds a model of class {type(fitted).__name__}, but this command works with an Autoencoder, as "
            f"`isthmus fit` writes it. `isthmus info {model}` shows what it is."
        )
    return fitted


def read_codes(model: Autoencoder, source: str, columns: list[str] | None) -> Raw:
    """Read codes: the columns that `encode` writes, or those asked for; others are set aside."""
    from isthmus.data import read

    if not has_columns(source):
        return read(source, kind="vector")
    if columns:
        return read(source, kind="vector", columns=columns)
    with _saying(_NO_COLUMN, r"The codes of this model have a column \1, which \2 does not have."):
        return read(source, kind="vector", columns=list(model.get_feature_names_out()))


def has_columns(source: str) -> bool:
    """Whether a source is a table with named columns, by its ending."""
    from isthmus.data.readers import TABLES

    return source == "-" or source.lower().endswith(tuple(TABLES))


def has_pictures(source: str) -> bool:
    """Whether a source is a folder of pictures or a picture, by its ending."""
    from isthmus.data.pictures import endings

    return Path(source).is_dir() or source.lower().endswith(endings())


@contextmanager
def _saying(pattern: re.Pattern[str], words: str) -> Iterator[None]:
    """Put an error of the library, which speaks of parameters, in the words of a command."""
    try:
        yield
    except DataError as error:
        said, times = pattern.subn(words, str(error), count=1)
        if times:
            raise DataError(said) from error
        raise


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
    asked = int(color) if color.isdecimal() and not named else color
    try:
        chosen(asked, raw)
    except ParameterError as error:
        raise ParameterError(f"--color {color}: {str(error).partition(': ')[2]}") from error
    return asked


def labels_of(raw: Raw, labels: str | None) -> str | None:
    """Give the column of labels; subfolders of pictures are labels without being asked for."""
    if labels is None:
        return "folder" if raw.kind == "image" and "folder" in raw.extra else None
    if labels not in raw.extra:
        there = ", ".join(raw.extra) or "none"
        raise ParameterError(
            f"--labels {labels}: {raw.origin} has no column of this name that was set aside (these are: {there}). Set "
            "it aside by --drop; of pictures it is folder, where they lie in subfolders."
        )
    from isthmus.data import as_labels

    try:
        found = as_labels(labels, raw)
    except DataError as error:
        raise DataError(str(error).replace(f"y={labels!r}", f"--labels {labels}", 1)) from error
    if found is None:
        raise DataError(f"--labels {labels}: every value of this column of {raw.origin} is missing. Name another one.")
    return labels
