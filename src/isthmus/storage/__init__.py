"""Pure file formats: tensors and JSON, written whole or not at all, and read without running code."""

from isthmus.storage.card import model_card
from isthmus.storage.checkpoint import read_checkpoint, write_checkpoint
from isthmus.storage.folder import (
    FORMAT_VERSION,
    Stored,
    check_target,
    is_model_folder,
    read_folder,
    write_folder,
)

__all__ = [
    "FORMAT_VERSION",
    "Stored",
    "check_target",
    "is_model_folder",
    "model_card",
    "read_checkpoint",
    "read_folder",
    "write_checkpoint",
    "write_folder",
]
