"""`as_raw`: from whatever a person has in memory or on disk to a `Raw`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from scipy import sparse

from isthmus.data.arrays import from_array, from_list, from_sparse, from_tensor
from isthmus.data.datasets import from_dataset
from isthmus.data.frames import Asked, Names, as_frame, from_frame
from isthmus.data.kinds import arrange, check_kind
from isthmus.data.pictures import Size
from isthmus.data.ratings import RATINGS
from isthmus.data.raw import Raw, Schema
from isthmus.data.readers import read
from isthmus.data.registry import TOKENS
from isthmus.data.rows_of_tokens import TEXT, as_tokens
from isthmus.data.sound import looks_like_sounds
from isthmus.data.sound_features import raw_of_sounds
from isthmus.data.texts import BAG, from_texts
from isthmus.data.users_by_items import raw_of_interactions
from isthmus.exceptions import ParameterError


def as_raw(
    X: Any,
    *,
    kind: str = "auto",
    size: Size = None,
    columns: Names = None,
    drop: Names = None,
    schema: Mapping[str, Any] | None = None,
    like: Schema | None = None,
) -> Raw:
    """Take whatever a person brings as rows of numbers of a known kind.

    Parameters
    ----------
    X : Raw, path, array, sparse matrix, frame, tensor, Dataset, sounds or list
        A `Raw` is given back as it is. A path is read by `read`. Frames are those of pandas, polars and
        pyarrow; a torch Dataset must be map style, its items x or (x, label); lists hold numbers, arrays of
        one shape, PIL images, texts, or (kind="events") lists of whole numbers. Sounds, as `as_sounds` takes them,
        become patches of one size (`sound_features`).
    kind : {"auto", "vector", "table", "image", "sequence", "text", "events", "bag", "ratings"}, default="auto"
        "auto": lists, 1-D arrays and columns with texts are texts; two axes are vectors; frames are tables; four axes
        are pictures, and three where the values are uint8 or uint16, or both sides are at least 8, neither more than
        twice the other and no value negative; else sequences. "bag": texts, of which the words matter but not their
        order. "ratings": users by items in a matrix, or interactions as `as_interactions` takes them.
    size : (int, int), optional
        Height and width that PIL images and pictures from a folder are resized to.
    columns, drop : str or sequence of str, optional
        Of a frame or a table file: columns to keep, columns to set aside into `Raw.extra`.
    schema : mapping, optional
        Of a frame or a table file: what columns are, where their values do not tell, such as {"zip": "category", "age":
        {"type": "whole", "low": 0}}. Types are "number", "whole", "boolean", "category", "date", and "ignore", which
        sets the column aside; "low" and "high" bound what is given back, "categories" lists the labels.

    like : Schema, optional
        Form of the rows that a model was fitted on: columns are taken for what they were there.

    Returns
    -------
    Raw

    Raises
    ------
    DataError
        Where X holds no rows, no numbers, values of unequal shapes, or does not suit the kind.
    ParameterError
        Where a parameter is unknown or does not go with X.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus.data import as_raw
    >>> as_raw(np.zeros((10, 28, 28), dtype=np.uint8)).kind
    'image'
    >>> as_raw(np.zeros((10, 96)), kind="sequence").item_shape
    (96, 1)
    """
    check_kind(kind)
    if kind == RATINGS and not isinstance(X, (Raw, np.ndarray, torch.Tensor)) and not sparse.issparse(X):
        _refuse({"size": size, "columns": columns, "drop": drop, "schema": schema}, "interactions")
        return raw_of_interactions(X, like)
    if isinstance(X, (str, os.PathLike)):
        return read(X, kind=kind, size=size, columns=columns, drop=drop, schema=schema, like=like)
    if type(X) is np.ndarray and X.dtype == object and X.ndim == 1 and len(X) and np.ndim(X[0]) > 0:
        X = list(X)  # NumPy's way to hold sequences of unequal lengths
    if isinstance(X, Raw):
        _refuse({"size": size, "columns": columns, "drop": drop, "schema": schema}, "rows that are already read")
        if kind == BAG and X.kind == TEXT:
            return from_texts(X.values, X.origin, beside=X.extra)
        return X if kind in ("auto", X.kind) else arrange(X, kind)
    if kind == BAG and not sparse.issparse(X) and not isinstance(X, torch.Tensor):
        _refuse({"size": size, "columns": columns, "drop": drop, "schema": schema}, "a list of texts")
        return from_texts(X)
    if kind not in TOKENS and looks_like_sounds(X):  # names of files are strings, too
        _refuse({"size": size, "columns": columns, "drop": drop, "schema": schema}, "sounds")
        return arrange(raw_of_sounds(X), kind)
    tokens = as_tokens(X, kind)
    if tokens is not None:
        _refuse({"size": size, "columns": columns, "drop": drop, "schema": schema}, "rows of tokens")
        return tokens
    # Asking whether something is a frame takes longer than encoding a row: arrays are not asked.
    frame = None if type(X) is np.ndarray else as_frame(X, "The frame given")
    if frame is not None:
        _refuse({"size": size}, "a frame")
        return arrange(
            from_frame(frame, "the frame given", Asked(columns, drop, schema, None if like is None else like.columns)),
            kind,
        )
    _refuse({"columns": columns, "drop": drop, "schema": schema}, "data whose columns have no names")
    if isinstance(X, (list, tuple)):
        return arrange(from_list(X, size, kind), kind)
    _refuse({"size": size}, "an array; it resizes a folder of pictures or a list of PIL images")
    return arrange(_from_object(X), kind)


def _from_object(X: Any) -> Raw:
    """Take what has neither a path nor named columns nor is a list."""
    if sparse.issparse(X):
        return from_sparse(X, "the matrix given")
    if isinstance(X, torch.Tensor):
        return from_tensor(X, "the tensor given")
    if isinstance(X, torch.utils.data.Dataset):
        return from_dataset(X)
    return from_array(X, "the array given")


def _refuse(parameters: dict[str, Any], what: str) -> None:
    """Raise where a parameter that does not go with the data is given all the same."""
    given = [f"{name}=" for name, value in parameters.items() if value is not None]
    if given:
        raise ParameterError(f"{' and '.join(given)} cannot be used with {what}. Leave it out.")
