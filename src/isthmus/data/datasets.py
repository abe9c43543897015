"""torch Datasets, brought into memory once: training from memory is many times faster than item by item."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset, Subset, TensorDataset

from isthmus.data.arrays import from_list, from_tensor
from isthmus.data.checks import refuse_empty
from isthmus.data.pictures import is_picture
from isthmus.data.raw import Raw
from isthmus.exceptions import DataError


def from_dataset(dataset: Dataset[Any]) -> Raw:
    """Take the items of a map-style Dataset, x or (x, label, ...); single labels become `extra["y"]`."""
    if isinstance(dataset, IterableDataset) or not isinstance(dataset, Sized):
        raise DataError(
            "The Dataset given is not map style: it has no length or no items by number. Give a map-style "
            "Dataset, or its items as a list or a tensor."
        )
    source: Any = dataset
    n = len(source)
    if n == 0:
        refuse_empty((0,), "the Dataset given")
    quick = _tensors(dataset)
    if quick is not None:
        x, label = quick
        raw = from_tensor(x, "the Dataset given")
        return replace(raw, extra=_extra(label))
    items = [source[i] for i in range(n)]
    labels = [item[1] for item in items if isinstance(item, (tuple, list)) and len(item) > 1]
    items = [item[0] if isinstance(item, (tuple, list)) else item for item in items]
    if not is_picture(items[0]) and not isinstance(items[0], torch.Tensor):
        items = [np.asarray(item) for item in items]
    raw = from_list(items)
    return replace(raw, extra=_extra(labels if len(labels) == n else None), origin="the Dataset given")


def _tensors(dataset: Dataset[Any]) -> tuple[torch.Tensor, torch.Tensor | None] | None:
    """Items and labels of a TensorDataset, or of a Subset of one, without going through its items."""
    index = None
    if isinstance(dataset, Subset):
        dataset, index = dataset.dataset, torch.as_tensor(dataset.indices)
    if not isinstance(dataset, TensorDataset):
        return None
    found = [tensor if index is None else tensor[index] for tensor in dataset.tensors[:2]]
    return found[0], found[1] if len(found) > 1 else None


def _extra(labels: Any) -> dict[str, np.ndarray]:
    """Labels as a column set aside, where there is one number or word for each row."""
    if labels is None:
        return {}
    column = np.asarray(labels)
    return {"y": column} if column.ndim == 1 else {}
