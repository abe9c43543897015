"""Arrays, sparse matrices, tensors and lists to a `Raw` whose kind is still to be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy import sparse

from isthmus.data.checks import as_numbers, refuse_empty, refuse_one_axis, shorten
from isthmus.data.lists_of_sequences import are_unequal, from_sequences
from isthmus.data.photos import as_photos, stacked
from isthmus.data.pictures import Size, is_picture
from isthmus.data.raw import Raw
from isthmus.exceptions import DataError, ParameterError


def from_array(X: Any, origin: str, container: str = "numpy") -> Raw:
    """Take a NumPy array or anything that turns into one."""
    if np.ma.isMaskedArray(X):
        X = np.ma.filled(X.astype(np.float64), np.nan)
    if isinstance(X, (dict, set, str, bytes)) or not hasattr(X, "__array__"):
        raise DataError(
            f"Cannot take {shorten(X)} ({type(X).__name__}) as data. Expected an array, a frame, a sparse "
            "matrix, a tensor, a list of rows or a path."
        )
    values = np.asarray(X)
    refuse_one_axis(values.shape, origin)
    refuse_empty(values.shape, origin)
    return Raw(as_numbers(values, origin), kind="", container=container, origin=origin)


def from_sparse(X: Any, origin: str) -> Raw:
    """Take a sparse matrix of any format as csr, without duplicate entries."""
    refuse_one_axis(X.shape, origin)
    refuse_empty(X.shape, origin)
    as_numbers(X.tocoo().data if X.dtype.kind not in "biuf" else X.tocoo().data[:0], origin)
    matrix = X.tocsr()
    if not matrix.has_canonical_format:
        matrix = matrix.copy()  # the one given is not ours to change
        matrix.sum_duplicates()
    return Raw(matrix, kind="", container="scipy", origin=origin)


def from_tensor(X: torch.Tensor, origin: str) -> Raw:
    """Take a tensor of any device; four axes with few channels first are pictures channels first."""
    X = X.detach()
    if X.layout != torch.strided:
        if X.ndim == 2:
            coo = X.to_sparse_coo().coalesce().cpu()
            matrix = sparse.coo_array((coo.values().numpy(), coo.indices().numpy()), shape=tuple(X.shape))
            return replace(from_sparse(matrix, origin), container="torch")
        X = X.to_dense()
    if X.dtype == torch.bfloat16:
        X = X.float()
    values = X.cpu().numpy()
    if X.ndim == 4 and X.shape[1] in (1, 3, 4) and X.shape[-1] not in (1, 3, 4):
        return from_array(np.moveaxis(values, 1, -1), origin, "torch_nchw")
    return from_array(values, origin, "torch")


def from_list(items: Sequence[Any], size: Size = None, kind: str = "auto") -> Raw:
    """Take a list of numbers, of arrays of one shape, of sequences of unequal lengths, or of PIL images."""
    origin = "the list given"
    if len(items) == 0:
        refuse_empty((0,), origin)
    first = items[0]
    if is_picture(first):
        odd = next((i for i, item in enumerate(items) if not is_picture(item)), None)
        if odd is not None:
            raise DataError(f"{origin} holds PIL images, but item {odd} is a {type(items[odd]).__name__}.")
        return Raw(stacked(as_photos(items, size=size)), kind="image", origin=origin)
    if size is not None:
        raise ParameterError("size= resizes a folder of pictures or a list of PIL images. Leave it out.")
    if isinstance(first, (str, bytes)):
        raise DataError(
            f"The list given holds text, for example {shorten(first)}, but numbers were asked for. Leave kind out, or "
            "set kind='text'; the path of a file is one string."
        )
    if are_unequal(items, kind):
        return from_sequences(items, origin)
    if isinstance(first, torch.Tensor):
        refuse_unequal([tuple(np.shape(item)) for item in items], origin)
        return from_tensor(torch.stack([torch.as_tensor(item) for item in items]), origin)
    return from_array(stack(items, origin), origin)


def stack(items: Sequence[Any], origin: str) -> np.ndarray:
    """Stack items of one shape; say which is the first of another shape."""
    try:
        return np.asarray(items)
    except ValueError:
        refuse_unequal([_shape(item) for item in items], origin)
        raise DataError(
            f"{origin} holds items whose own parts are of unequal lengths: item 0 is one of them."
        ) from None


def refuse_unequal(shapes: Sequence[tuple[int, ...]], origin: str) -> None:
    """Say which is the first item of another shape than item 0, if any."""
    odd = next((i for i, shape in enumerate(shapes) if shape != shapes[0]), None)
    if odd is not None:
        raise DataError(
            f"{origin} holds items of unequal shapes: item 0 has {shapes[0]}, item {odd} has "
            f"{shapes[odd]}. All must be of one shape: cut them, or pad them with NaN (missing), to the "
            "same length; or give kind='sequence', if they are sequences of unequal lengths."
        )


def _shape(item: Any) -> tuple[int, ...]:
    """Shape of an item, or as much of it as it has."""
    try:
        return np.shape(item)
    except ValueError:
        return (len(item),)
