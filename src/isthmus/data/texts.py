"""Texts as people bring them: lists, arrays and series of strings, as the words that they hold."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from scipy import sparse

from isthmus.data.checks import shorten
from isthmus.data.raw import Raw
from isthmus.exceptions import DataError

#: The kind of texts of which only the words matter, not their order.
BAG = "bag"
#: Planes of Unicode with signs that are written onto letters, such as the vowels of Hindi.
_MARKED = (range(0x300, 0x1F000), range(0xE0100, 0xE01F0))


def from_texts(
    X: Any, origin: str = "the list given", name: str = "text", beside: Mapping[str, np.ndarray] | None = None
) -> Raw:
    """Count the words of texts.

    Parameters
    ----------
    X : list, array or series of str
    origin : str
        What messages call the texts.
    name : str, default="text"
        Name of their column.
    beside : mapping of str to ndarray, optional
        Columns beside it.

    Returns
    -------
    Raw
        Its values are counts, a csr of shape (n, words); `names` are the words of these texts, in lower case. The texts
        themselves are the first column of `extra`.

    Raises
    ------
    DataError
        If there are no texts, or one is no string, or has nothing but spaces: by its number.

    Examples
    --------
    >>> raw = from_texts(["Pay, then pay again", "hello"])
    >>> raw.names, raw.values.toarray().tolist()
    (('pay', 'then', 'again', 'hello'), [[2.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    """
    places: dict[str, int] = {}
    counted: list[int] = []
    ends = [0]
    texts = _strings(X, origin)
    for text in texts:
        counted += [places.setdefault(word, len(places)) for word in words_of(text)]
        ends.append(len(counted))
    ones = np.ones(len(counted), dtype=np.float32)
    counts = sparse.csr_matrix((ones, counted, ends), shape=(len(ends) - 1, len(places)))
    counts.sum_duplicates()
    extra = {name: np.array(texts, dtype=object), **(beside or {})}
    return Raw(counts, kind=BAG, names=tuple(places), container="text", origin=origin, extra=extra)


def words_of(text: str) -> list[str]:
    """Give the words of a text in lower case and composed form (NFC): runs of letters with their marks, digits and _.

    Of a text that has none, give what stands between its spaces.
    """
    text = unicodedata.normalize("NFC", text.lower())
    return _word().findall(text) or text.split()


@cache
def _word() -> re.Pattern[str]:
    """Make the pattern of a word: marks, which `re` takes for no letters, belong to the letter before them."""
    marks = "".join(chr(i) for plane in _MARKED for i in plane if unicodedata.category(chr(i)) in ("Mn", "Mc"))
    return re.compile(rf"\w[\w{marks}]*")


def _strings(X: Any, origin: str) -> list[str]:
    shape = getattr(X, "shape", None)
    if isinstance(X, (str, bytes, Mapping)) or not hasattr(X, "__len__") or (shape is not None and len(shape) != 1):
        what = f" of shape {tuple(shape)}" if shape is not None else f": {shorten(X)}"
        raise DataError(f"kind='bag' takes a list of strings, one a text, but was given {type(X).__name__}{what}.")
    if len(X) == 0:
        raise DataError(f"There are no texts in {origin}: 0 samples, while a minimum of 1 is required.")
    texts = list(X)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(
                f"Text {i} (counted from 0) of {origin} is {shorten(text)} ({type(text).__name__}), but kind='bag' "
                "needs strings. Leave it out, or turn it into a string."
            )
        if not text.strip():
            raise DataError(f"Text {i} (counted from 0) of {origin} is empty. Leave it out.")
    return texts
