"""From a person's data to prepared tensors for a network, and back."""

from isthmus.data.batches import DenseRows, Prepared, Rows, SparseRows
from isthmus.data.intake import as_raw
from isthmus.data.preparation import Preparation
from isthmus.data.raw import Raw, Schema
from isthmus.data.readers import read
from isthmus.data.registry import PREPARATIONS
from isthmus.data.scaling import SCALERS

__all__ = [
    "PREPARATIONS",
    "SCALERS",
    "DenseRows",
    "Preparation",
    "Prepared",
    "Raw",
    "Rows",
    "Schema",
    "SparseRows",
    "as_raw",
    "read",
]
