"""Tokenisers: texts and lists of events to ids and back, each a few JSON-able values in a file."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from isthmus.exceptions import MissingExtraError, ParameterError

#: Ids that are no tokens: what fills up short rows, what stands for a token never seen, and what ends a row.
PADDING, UNKNOWN, END = 0, 1, 2
#: Id of the first token.
FIRST = 3
#: What is written for an unknown word.
REPLACEMENT = "\ufffd"


class Tokenizer(ABC):
    """One way of cutting a row into tokens.

    Parameters
    ----------
    most : int
        Tokens that are learnt at most; not used by those that learn none.
    """

    name: ClassVar[str]
    #: Tokens that are learnt at most where a person does not say.
    usual: ClassVar[int] = 0
    #: Whether every row comes back as it was, so that the unknown token is never to be written.
    lossless: ClassVar[bool] = True

    def __init__(self, most: int = 0):
        self.most = most or self.usual

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of ids, the special ones included."""

    def fit(self, items: Iterable[Any]) -> Self:
        """Learn the tokens from training rows."""
        return self

    @abstractmethod
    def encode(self, item: Any) -> np.ndarray:
        """Give the ids of a row, without its end."""

    @abstractmethod
    def decode(self, ids: np.ndarray) -> Any:
        """Give the row that ids stand for; any ids from `UNKNOWN` on can come, in any order, but `END`."""

    def config(self) -> dict[str, Any]:
        """Give all that was learnt as JSON-able values."""
        return {"name": self.name, "most": self.most}

    def restore(self, config: Mapping[str, Any]) -> Self:
        """Take back what `config` gave."""
        return self


class Bytes(Tokenizer):
    r"""The 256 bytes of UTF-8: no vocabulary to learn, none to lose, and any text comes back as it was.

    Examples
    --------
    >>> tokens = Bytes()
    >>> tokens.encode("h\u00e9").tolist()
    [107, 198, 172]
    >>> tokens.decode(tokens.encode("h\u00e9"))
    'hé'
    """

    name: ClassVar[str] = "bytes"

    @property
    def size(self) -> int:
        """The bytes and the special ids."""
        return 256 + FIRST

    def encode(self, item: str) -> np.ndarray:
        """Give the bytes of a text; a UnicodeEncodeError where it has a lone surrogate."""
        return np.frombuffer(item.encode("utf-8"), np.uint8).astype(np.int64) + FIRST

    def decode(self, ids: np.ndarray) -> str:
        """Give the text; bytes that are no UTF-8 become the replacement character."""
        return bytes((ids[ids >= FIRST] - FIRST).tolist()).decode("utf-8", "replace")


class Words(Tokenizer):
    """The most frequent words and punctuation marks, each with the space before it: rare ones are lost.

    Examples
    --------
    >>> tokens = Words().fit(["to be, or not to be"])
    >>> tokens.decode(tokens.encode("not to worry, be"))
    'not to \ufffd, be'
    """

    name: ClassVar[str] = "words"
    usual: ClassVar[int] = 20_000
    lossless: ClassVar[bool] = False
    _PIECE: ClassVar[re.Pattern[str]] = re.compile(r" ?\w+| ?[^\w\s]|\s")

    def __init__(self, most: int = 0):
        super().__init__(most)
        self._take([])

    def _take(self, words: Sequence[str]) -> None:
        self.words = list(words)
        self._ids = {word: i for i, word in enumerate(self.words, start=FIRST)}

    def _pieces(self, text: str) -> list[str]:
        # A space in front, so that a word is the same one at the start of a text.
        return self._PIECE.findall(f" {text}") if text else []

    @property
    def size(self) -> int:
        """The words and the special ids."""
        return len(self.words) + FIRST

    def fit(self, items: Iterable[str]) -> Self:
        """Take the most frequent words."""
        counts = Counter(piece for item in items for piece in self._pieces(item))
        self._take([word for word, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[: self.most]])
        return self

    def encode(self, item: str) -> np.ndarray:
        """Give the ids of the words; a UnicodeEncodeError where the text has a lone surrogate."""
        item.encode("utf-8")
        return np.array([self._ids.get(piece, UNKNOWN) for piece in self._pieces(item)], dtype=np.int64)

    def decode(self, ids: np.ndarray) -> str:
        """Give the text; unknown words become the replacement character."""
        text = "".join(f" {REPLACEMENT}" if i < FIRST else self.words[i - FIRST] for i in ids.tolist())
        return text.removeprefix(" ")

    def config(self) -> dict[str, Any]:
        """Give the words."""
        return super().config() | {"words": self.words}

    def restore(self, config: Mapping[str, Any]) -> Self:
        """Take back the words."""
        self._take(config["words"])
        return self


class BytePairs(Tokenizer):
    """Runs of bytes that come often, learnt from the training texts; any text comes back as it was.

    Byte-level byte-pair encoding by the package `tokenizers`, in the extra "text".

    References
    ----------
    R. Sennrich, B. Haddow, A. Birch, "Neural machine translation of rare words with subword units", ACL 2016.
    """

    name: ClassVar[str] = "bpe"
    usual: ClassVar[int] = 4_000

    @property
    def size(self) -> int:
        """The pairs and the special ids."""
        return int(self._pairs.get_vocab_size()) + FIRST

    def fit(self, items: Iterable[str]) -> Self:
        """Learn the pairs."""
        package = _tokenizers()
        pairs = package.Tokenizer(package.models.BPE())
        pairs.pre_tokenizer = package.pre_tokenizers.ByteLevel(add_prefix_space=False)
        pairs.decoder = package.decoders.ByteLevel()
        alphabet = package.pre_tokenizers.ByteLevel.alphabet()
        trainer = package.trainers.BpeTrainer(vocab_size=self.most, initial_alphabet=alphabet, show_progress=False)
        pairs.train_from_iterator(items, trainer)
        self._pairs = pairs
        return self

    def encode(self, item: str) -> np.ndarray:
        """Give the ids of the pairs; a UnicodeEncodeError where the text has a lone surrogate."""
        item.encode("utf-8")
        return np.array(self._pairs.encode(item).ids, dtype=np.int64) + FIRST

    def decode(self, ids: np.ndarray) -> str:
        """Give the text; bytes that are no UTF-8 become the replacement character."""
        return self._pairs.decode((ids[ids >= FIRST] - FIRST).tolist(), skip_special_tokens=False)

    def config(self) -> dict[str, Any]:
        """Give the pairs, as the package writes them."""
        return super().config() | {"pairs": self._pairs.to_str()}

    def restore(self, config: Mapping[str, Any]) -> Self:
        """Take back the pairs."""
        self._pairs = _tokenizers().Tokenizer.from_str(config["pairs"])
        return self


class Events(Tokenizer):
    """Whole numbers, each of which is a token: those seen in training.

    Examples
    --------
    >>> tokens = Events().fit([[7, -1], [7, 300]])
    >>> tokens.decode(tokens.encode([300, 7])).tolist()
    [300, 7]
    """

    name: ClassVar[str] = "events"

    def __init__(self, most: int = 0):
        super().__init__(most)
        self.events = np.zeros(0, np.int64)

    @property
    def size(self) -> int:
        """The events and the special ids."""
        return len(self.events) + FIRST

    def fit(self, items: Iterable[Any]) -> Self:
        """Take all events that there are."""
        self.events = np.unique(np.concatenate([np.asarray(item, np.int64) for item in items]))
        return self

    def encode(self, item: Any) -> np.ndarray:
        """Give the ids of the events; one that was never seen is unknown."""
        given = np.asarray(item, np.int64)
        at = np.searchsorted(self.events, given).clip(max=len(self.events) - 1)
        return np.where(self.events[at] == given, at + FIRST, UNKNOWN)

    def decode(self, ids: np.ndarray) -> np.ndarray:
        """Give the events."""
        return self.events[ids[ids >= FIRST] - FIRST]

    def config(self) -> dict[str, Any]:
        """Give the events."""
        return super().config() | {"events": self.events.tolist()}

    def restore(self, config: Mapping[str, Any]) -> Self:
        """Take back the events."""
        self.events = np.array(config["events"], dtype=np.int64)
        return self


#: The ways of cutting texts by the names that `tokenizer=` takes.
TOKENIZERS: dict[str, type[Tokenizer]] = {kind.name: kind for kind in (Bytes, Words, BytePairs)}
_ASKED = re.compile(r"(\w+)(?:\((\d+)\))?")


def make_tokenizer(asked: str) -> Tokenizer:
    """Make the tokeniser that a word asks for: "bytes", "words", "bpe", or with a size, "words(5000)".

    Raises
    ------
    ParameterError
        If there is none of the name, or it learns fewer tokens than it must.
    """
    found = _ASKED.fullmatch(asked.replace(" ", ""))
    if found is None or found[1] not in TOKENIZERS:
        known = ", ".join(map(repr, TOKENIZERS))
        raise ParameterError(
            f"tokenizer={asked!r} is not known; choose one of {known}, or give the most tokens that it may learn, "
            "such as 'words(5000)'."
        )
    kind = TOKENIZERS[found[1]]
    least = {"bytes": None, "bpe": 256}.get(kind.name, 1)
    if found[2] is not None and (least is None or int(found[2]) < least):
        what = "there are 256 bytes: leave the number out" if least is None else f"expected a number from {least} on"
        raise ParameterError(f"tokenizer={asked!r} cannot be used; {what}.")
    return kind(int(found[2] or 0))


def restore_tokenizer(config: Mapping[str, Any]) -> Tokenizer:
    """Rebuild a fitted tokeniser from its `config`."""
    kinds = TOKENIZERS | {Events.name: Events}
    return kinds[config["name"]](config["most"]).restore(config)


def _tokenizers() -> Any:
    """Import the package `tokenizers`."""
    try:
        import tokenizers  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError(
            "tokenizer='bpe' needs the package tokenizers. Install it with 'pip install isthmus[text]', or choose "
            "tokenizer='bytes'."
        ) from error
    return tokenizers
