"""A checkpoint of a fit under way: one file, replaced whole, so that a kill leaves one to go on from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from isthmus._version import __version__
from isthmus.exceptions import ModelFileError
from isthmus.storage import atomic, strict_json, tensors

CHECKPOINT = "checkpoint.safetensors"
CHECKPOINT_VERSION = 1


def write_checkpoint(folder: atomic.StrPath, tensors_: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write the state of a fit, in the place of the one written before.

    Parameters
    ----------
    folder : str or path
        Where ``checkpoint.safetensors`` lies; made if missing.
    tensors_ : mapping of str to Tensor
        Weights, the optimiser's moments, the generator's state.
    meta : mapping of str to JSON values
        Everything else: the epoch, the history, a fingerprint of the data (see
        `isthmus.storage.strict_json`).

    Raises
    ------
    ModelFileError
        The disk is full or the place cannot be written; the checkpoint written before is unchanged.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> read_checkpoint(folder) is None
    True
    >>> write_checkpoint(folder, {"w": torch.ones(2)}, {"epoch": 3})
    >>> read_checkpoint(folder)
    ({'w': tensor([1., 1.])}, {'epoch': 3})
    """
    text = strict_json.dumps(dict(meta), "meta").decode("ascii")
    header = {"isthmus_checkpoint": str(CHECKPOINT_VERSION), "meta": text, "sha256": _digest(tensors_, text)}
    atomic.write_bytes(Path(folder) / CHECKPOINT, tensors.pack(tensors_, header))


def read_checkpoint(folder: atomic.StrPath) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Read the state of a fit; no code from the file is run.

    Parameters
    ----------
    folder : str or path
        Where `write_checkpoint` wrote.

    Returns
    -------
    tuple of (dict of str to Tensor, dict), or None
        The tensors, on the CPU, and the meta; None where no checkpoint is.

    Raises
    ------
    ModelFileError
        The file is damaged, is no checkpoint, or was written by a newer Isthmus.
    """
    path = Path(folder) / CHECKPOINT
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelFileError(
            f"The checkpoint '{path}' cannot be read ({error.strerror or error}). Check the place and its permissions."
        ) from error
    try:
        header = tensors.read_metadata(data)
        version, text, digest = int(header["isthmus_checkpoint"]), header["meta"], header["sha256"]
        if version > CHECKPOINT_VERSION:
            raise ModelFileError(_newer(path, version))
        found = tensors.unpack(data)
        if _digest(found, text) != digest:
            raise ValueError("its checksum does not fit")
        return found, strict_json.loads(text)
    except ModelFileError:
        raise
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        AssertionError,
        RecursionError,
        SafetensorError,
    ) as error:
        raise ModelFileError(
            f"The checkpoint '{path}' is damaged, or is not one ({error}). "
            "Put back a copy of it to go on from there, or remove it to start the fit from the beginning."
        ) from error


def _newer(path: Path, version: int) -> str:
    return (
        f"The checkpoint '{path}' has format version {version}; this is Isthmus {__version__}, which "
        "reads versions up "
        f"to {CHECKPOINT_VERSION}. Upgrade it (pip install --upgrade isthmus), or remove the file to "
        "start again."
    )


def _digest(tensors_: Mapping[str, Tensor], text: str) -> str:
    """Digest of all that reading gives back: the meta, and each tensor's name, dtype, shape and bytes."""
    digest = hashlib.sha256(text.encode())
    for name, description in sorted(tensors.describe(tensors_).items()):
        digest.update(f"{name!r} {description}".encode("utf-8", "surrogatepass"))
        flat = tensors_[name].detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()
