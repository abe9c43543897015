"""From a person's data to prepared tensors for a network, and back."""

from isthmus.data.batches import DenseRows, LazyRows, Prepared, Rows
from isthmus.data.column import Column
from isthmus.data.columns import Head
from isthmus.data.describing import describe_columns
from isthmus.data.intake import as_raw
from isthmus.data.interactions import Interactions, as_interactions
from isthmus.data.labels import Labels, as_labels
from isthmus.data.preparation import Preparation
from isthmus.data.raw import Raw, Schema
from isthmus.data.readers import read
from isthmus.data.registry import PREPARATIONS, preparation_for, restore_preparation
from isthmus.data.scaling import SCALERS
from isthmus.data.text import TokenPreparation
from isthmus.data.windowing import cut_windows, join_windows

__all__ = [
    "PREPARATIONS",
    "SCALERS",
    "Column",
    "DenseRows",
    "Head",
    "Interactions",
    "Labels",
    "LazyRows",
    "Preparation",
    "Prepared",
    "Raw",
    "Rows",
    "Schema",
    "TokenPreparation",
    "as_interactions",
    "as_labels",
    "as_raw",
    "cut_windows",
    "describe_columns",
    "join_windows",
    "preparation_for",
    "read",
    "restore_preparation",
]
