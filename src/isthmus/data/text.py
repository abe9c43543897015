"""Texts and lists of events: rows of tokens of any length, each with its end, filled up to one length."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
import torch

from isthmus.data.batches import DenseRows, LazyRows, Prepared, Rows
from isthmus.data.preparation import Preparation
from isthmus.data.raw import Raw, Schema
from isthmus.data.tokens import END, PADDING, Events, Tokenizer, make_tokenizer, restore_tokenizer
from isthmus.exceptions import DataError, MissingExtraError, ParameterError

#: Tokens of the longest row that can be fitted, its end included.
LONGEST = 4096
#: Room for rows that are longer than those fitted on, as a share of the longest of them.
LEEWAY = 0.25
#: Lengths are multiples of this, so that a network can halve them.
MULTIPLE = 8
#: Prepared tokens that are held for training; of larger data each batch is prepared when it is taken.
MOST_HELD = 200_000_000
#: Characters of a row that a message shows.
SHOWN = 30


class TokenPreparation(Preparation):
    """Rows of tokens: ids as floats, which hold them exactly, with an end, then padding.

    Parameters
    ----------
    scaling : {"auto"}, default="auto"
        There is nothing to scale.
    tokenizer : str, default="auto"
        How rows are cut into tokens.

    Attributes
    ----------
    tokenizer_ : Tokenizer
    shape_ : (int,)
        Tokens that a row has room for, its end included.
    """

    #: What messages call a row, and what it holds.
    row: ClassVar[str]
    unit: ClassVar[str]

    def __init__(self, scaling: str = "auto", tokenizer: str = "auto"):
        super().__init__(scaling)
        self.tokenizer_ = self.make(tokenizer)

    @classmethod
    def make(cls, tokenizer: str) -> Tokenizer:
        """Make the tokeniser that is asked for, or refuse it (ParameterError)."""
        return make_tokenizer("bytes" if tokenizer == "auto" else tokenizer)

    # --- What a kind says of itself

    @classmethod
    def arrange(cls, values: Any, origin: str) -> Any:
        """Refuse what was not taken as rows of tokens already."""
        raise DataError(
            f"kind={cls.kind!r} needs {cls.row}s, but {origin} holds numbers. Of a table, give its column alone."
        )

    @classmethod
    def prepared_shape(cls, item_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Not known before the rows are."""
        return ()

    @classmethod
    def width(cls, item_shape: tuple[int, ...]) -> int:
        """Nothing is scaled."""
        return 0

    @classmethod
    def cell(cls, position: tuple[int, ...], names: tuple[str, ...] | None) -> str:
        """Call a token by its place."""
        return f"token {position[0]}"

    @classmethod
    def describe(cls, item_shape: tuple[int, ...]) -> str:
        """Say what the rows are."""
        return f"{cls.row}s"

    @property
    def lossless_(self) -> bool:
        """Whether every row comes back from its tokens as it was."""
        return self.tokenizer_.lossless

    # --- Fitting

    def fit(self, raw: Raw) -> Self:
        """Learn the tokens from training rows, and how many of them the longest has."""
        if self.scaling != "auto":
            raise ParameterError(
                f"scaling={self.scaling!r} cannot be used with {self.row}s, which are no numbers; leave scaling='auto'."
            )
        self._check_kind(raw, type(self).__name__)
        if not any(len(item) for item in raw.values):
            raise DataError(f"Every {self.row} of {raw.origin} is empty: there is nothing to fit.")
        self.schema_ = raw.schema
        self.tokenizer_.fit(raw.values)
        self.vocabulary_ = self.tokenizer_.size
        self._make_room(raw)
        return self

    def make_room(self, raw: Raw) -> Self:
        """Make room for these rows as well: those held out may be longer than those learnt from."""
        self._make_room(raw)
        return self

    def _make_room(self, raw: Raw) -> None:
        lengths = [len(ids) + 1 for ids in self._encoded(raw.values, raw.origin)]
        longest = int(np.argmax(lengths))
        if lengths[longest] > LONGEST:
            raise DataError(self._too_long(raw, longest, lengths[longest] - 1, LONGEST - 1, "can be fitted"))
        room = min(LONGEST, int(lengths[longest] * (1 + LEEWAY)))
        self.shape_ = (max(-(-room // MULTIPLE) * MULTIPLE, *self.shape_, MULTIPLE),)

    def _too_long(self, raw: Raw, row: int, length: int, most: int, what: str) -> str:
        return (
            f"Row {row} (counted from 0) of {raw.origin} has {length:,} {self.unit}s, but at most {most:,} {what}. Cut "
            f"such {self.row}s into pieces: nothing is cut unasked."
        )

    def refuse_infinite(self, raw: Raw) -> None:
        """Refuse rows that have no tokens: nothing in them is a number, so that none is infinite."""
        for _ in self._encoded(raw.values, raw.origin, fitted=False):
            pass

    def _encoded(self, values: np.ndarray, origin: str, fitted: bool = True) -> list[np.ndarray]:
        """Give the ids of each row, or refuse one by its number."""
        encode: Callable[[Any], Any] = self.tokenizer_.encode if fitted else self.readable
        found = []
        for row, item in enumerate(values):
            try:
                found.append(encode(item))
            except UnicodeEncodeError as error:
                raise DataError(
                    f"Row {row} (counted from 0) of {origin} holds a lone surrogate, {item[error.start]!a} at "
                    f"character {error.start}, which no text can. Read the file as UTF-8, or replace it: "
                    "text.encode('utf-8', 'replace').decode()."
                ) from None
        return found

    @classmethod
    def readable(cls, item: Any) -> Any:
        """Raise a UnicodeEncodeError for a text that is none."""
        return item.encode("utf-8")

    # --- There

    def check(self, raw: Raw, name: str = "Autoencoder") -> None:
        """Refuse rows of another kind."""
        self._check_kind(raw, name)

    def transform(self, raw: Raw, dtype: torch.dtype = torch.float32, *, name: str = "Autoencoder") -> Prepared:
        """Give ids, 0 after the end of a row, and the mask of what is not: rows that are too long are refused."""
        self.check(raw, name)
        return self._filled(raw, raw.values, dtype)

    def _filled(self, raw: Raw, values: np.ndarray, dtype: torch.dtype) -> Prepared:
        x = np.zeros((len(values), *self.shape_), np.float64 if dtype == torch.float64 else np.float32)
        most = self.shape_[0] - 1
        for row, ids in enumerate(self._encoded(values, raw.origin)):
            if len(ids) > most:
                message = self._too_long(raw, row, len(ids), most, "fit into this model")
                raise DataError(f"{message} Or fit the model on {self.row}s as long as the longest you have.")
            x[row, : len(ids)] = ids
            x[row, len(ids)] = END
        filled = torch.from_numpy(x).to(dtype)
        return Prepared(filled, filled != PADDING)

    def rows(self, raw: Raw, dtype: torch.dtype = torch.float32, *, name: str = "Autoencoder") -> Rows:
        """Give rows as training takes them; of large data each batch is prepared when it is taken."""
        if len(raw) * self.shape_[0] <= MOST_HELD:
            prepared = self.transform(raw, dtype, name=name)
            return DenseRows(prepared.x, prepared.mask, (prepared.x != PADDING).sum(1))
        self.check(raw, name)
        return LazyRows(raw.values, lambda values: self._filled(raw, values, dtype), True, self.shape_)

    # --- And back

    def inverse(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Give rows of ids, up to their ends."""
        out = np.empty(len(x), dtype=object)
        for row, ids in enumerate(np.asarray(x).astype(np.int64)):
            ends = np.flatnonzero(ids == END)
            ids = ids[: ends[0]] if len(ends) else ids
            out[row] = self.tokenizer_.decode(ids[ids != PADDING])
        return out

    def by_column(self, cells: np.ndarray) -> np.ndarray:
        """Leave figures by token: (n, room), NaN after the end of a row."""
        return cells

    def give_back(self, values: np.ndarray, like: Raw | None = None) -> Any:
        """Give a list, an object array or a pandas Series: what was brought."""
        schema = self.schema_ if like is None else like.schema
        if schema.container == "numpy":
            return values
        if schema.container == "pandas":
            return _series(values, schema, None if like is None else like.index)
        return list(values)

    # --- To a file and back

    def config(self) -> dict[str, Any]:
        """Give all that was learnt as JSON-able values."""
        return super().config() | {"tokenizer": self.tokenizer_.config(), "length": self.shape_[0]}

    def arrays(self) -> dict[str, np.ndarray]:
        """Give no arrays: there are none."""
        return {}

    @classmethod
    def restore(cls, config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """Rebuild a fitted preparation from its `config`."""
        preparation = cls(config["scaling"])
        preparation.schema_ = Schema.from_config(config["schema"])
        preparation.tokenizer_ = restore_tokenizer(config["tokenizer"])
        preparation.shape_ = (config["length"],)
        preparation.vocabulary_ = preparation.tokenizer_.size
        return preparation


class TextPreparation(TokenPreparation):
    """Texts, cut into bytes, words or byte pairs."""

    kind: ClassVar[str] = "text"
    row: ClassVar[str] = "text"
    unit: ClassVar[str] = "token"

    def is_one(self, x: Any) -> bool:
        """Whether it is one text."""
        return isinstance(x, str)


class EventPreparation(TokenPreparation):
    """Lists of whole numbers, each of which is a token."""

    kind: ClassVar[str] = "events"
    row: ClassVar[str] = "list"
    unit: ClassVar[str] = "event"

    @classmethod
    def make(cls, tokenizer: str) -> Tokenizer:
        """Take each number as a token."""
        if tokenizer not in ("auto", Events.name):
            raise ParameterError(
                f"tokenizer={tokenizer!r} cannot be used with kind='events', whose numbers are tokens already; leave "
                "tokenizer='auto'."
            )
        return Events()

    @classmethod
    def readable(cls, item: Any) -> Any:
        """Give the numbers as they are: any are tokens."""
        return item

    def is_one(self, x: Any) -> bool:
        """Whether it is one list of numbers."""
        return not isinstance(x, (str, Raw)) and hasattr(x, "__len__") and len(x) > 0 and np.ndim(x[0]) == 0


def _series(values: np.ndarray, schema: Schema, index: Any) -> Any:
    """Give a pandas Series."""
    try:
        import pandas as pd  # noqa: PLC0415 - only where a person uses it
    except ImportError as error:
        raise MissingExtraError(
            "The model was fitted on a pandas Series and gives one back, but pandas is not installed. Install it with "
            "'pip install pandas', or give the texts as a list."
        ) from error
    index = index if index is not None and len(index) == len(values) else None
    return pd.Series(values, index=index, name=schema.labels[0] if schema.labels else None, dtype=object)
