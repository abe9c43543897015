"""A model as a folder of safetensors and JSON, guarded by checksums; reading one runs no code."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from safetensors import SafetensorError
from torch import Tensor

from isthmus._version import __version__
from isthmus.exceptions import ModelFileError
from isthmus.storage import atomic, strict_json, tensors

FORMAT = "isthmus"
FORMAT_VERSION = 1

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
PREPARATION = "preparation.json"
ARRAYS = "preparation.safetensors"
CARD = "README.md"
GUARDED = (WEIGHTS, PREPARATION, ARRAYS)  # config.json guards itself; README.md is for people to edit

_NO_DIGEST = b"0" * 64
_REMEDY = "Copy the whole folder again from where it was saved, or save the model again."
_READS = 5  # a folder that is swapped for a new one while it is read is read again, this often at most

T = TypeVar("T")


@dataclass
class Stored:
    """What a model folder holds, as plain values.

    Attributes
    ----------
    config : dict
        What rebuilds the estimator, as JSON values (see `isthmus.storage.strict_json`; tuples come back as
        lists).
    tensors : dict of str to Tensor
        The weights, and any other tensors.
    preparation : dict
        The configuration of the preparation, as JSON values.
    arrays : dict of str to ndarray
        The arrays of the preparation: numbers, booleans or (kept as JSON) strings.
    """

    config: dict[str, Any]
    tensors: dict[str, Tensor] = field(default_factory=dict)
    preparation: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def write_folder(path: atomic.StrPath, stored: Stored, card: str, overwrite: bool = True) -> None:
    """Save a model as a folder, whole or not at all.

    Parameters
    ----------
    path : str or path
        The folder: a new one, an empty one, or a model saved before, which it then replaces. Files that
        someone else put in the old folder are kept. A symbolic link stays a link: what it points to is
        replaced.
    stored : Stored
        The content.
    card : str
        The model card, as `isthmus.storage.model_card` writes it.
    overwrite : bool, default=True
        Whether a model saved there before may be replaced.

    Raises
    ------
    ModelFileError
        `path` is a file or a folder of something else, it cannot be written, or `stored` holds a value that
        has no place in such files. What was at `path` is unchanged.

    Examples
    --------
    >>> import tempfile, torch
    >>> path = Path(tempfile.mkdtemp()) / "model"
    >>> write_folder(path, Stored({"latent_dim": 2}, {"w": torch.eye(2)}), card="# A model")
    >>> read_folder(path).tensors["w"]
    tensor([[1., 0.],
            [0., 1.]])
    """
    check_target(path, overwrite)
    text = {name: array for name, array in stored.arrays.items() if array.dtype.kind == "U"}
    numbers = {name: array for name, array in stored.arrays.items() if name not in text}
    preparation = {
        "config": stored.preparation,
        "text": {name: _text_to_json(array) for name, array in text.items()},
    }
    contents = {
        WEIGHTS: tensors.pack(stored.tensors),
        PREPARATION: strict_json.dumps(preparation, "preparation"),
        ARRAYS: tensors.pack_arrays(numbers),
        CARD: card.encode("utf-8", "replace"),
    }
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "written_by": __version__,
        "checksum": _NO_DIGEST.decode(),
        "files": {name: _seal(contents[name]) for name in GUARDED},
        "tensors": tensors.describe(stored.tensors),
        "arrays": tensors.describe(numbers),
        "config": stored.config,
    }
    contents[CONFIG] = _sealed_config(document)
    with atomic.folder(path) as new:
        for name, data in contents.items():
            atomic.write_synced(new / name, data)


def read_folder(path: atomic.StrPath) -> Stored:
    """Read a model folder, checked file by file; no code from it is run.

    Parameters
    ----------
    path : str or path
        The folder that `write_folder` wrote.

    Returns
    -------
    Stored

    Raises
    ------
    ModelFileError
        The folder is missing, is no model, was written by a newer Isthmus, or a file of it is missing or
        damaged; the message names the file, what is wrong with it and what to do.
    """
    folder = Path(path)
    for _ in range(_READS - 1):
        seen = _stamp(folder)
        try:
            return _read(folder)
        except ModelFileError:
            if _stamp(folder) == seen:
                raise
    return _read(folder)


def is_model_folder(path: atomic.StrPath) -> bool:
    """Whether a path is a folder whose config.json says that Isthmus wrote it, damaged or not."""
    try:
        document = strict_json.loads((Path(path) / CONFIG).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and document.get("format") == FORMAT


def check_target(path: atomic.StrPath, overwrite: bool = True) -> None:
    """Raise where `write_folder` would refuse a place: ask before a long fit rather than after it.

    Parameters
    ----------
    path : str or path
        Where a model is to be saved.
    overwrite : bool, default=True
        Whether a model saved there before may be replaced.

    Raises
    ------
    ModelFileError
        `path` is a file, a folder of something else, a model that may not be replaced, or cannot be written.
    """
    atomic.check_folder(path)
    target = atomic.resolve(path)
    try:
        found = sorted(os.listdir(target)) if target.exists() else []
    except OSError as error:
        raise ModelFileError(f"Cannot save to '{target}': it cannot be read ({error.strerror}).") from error
    if not found:
        return
    if not is_model_folder(target):
        raise ModelFileError(
            f"Cannot save to '{target}': this folder is no Isthmus model and holds other things "
            f"({', '.join(found[:3])}{', ...' if len(found) > 3 else ''}), which saving would replace. "
            f"Save to a new folder, such as '{target / 'model'}', or empty this one yourself first."
        )
    if not overwrite:
        raise ModelFileError(
            f"Cannot save to '{target}': a model is there already. Save under another name, or allow it "
            "to be "
            "replaced (overwrite=True)."
        )


def _read(folder: Path) -> Stored:
    document = _read_config(folder)
    seals = _entry(document, "files", dict)
    data = {name: _checked(folder, name, seals) for name in GUARDED}
    weights = _parsed(folder, WEIGHTS, tensors.unpack, data[WEIGHTS])
    arrays = _parsed(folder, ARRAYS, tensors.unpack_arrays, data[ARRAYS])
    _check_shapes(folder, WEIGHTS, tensors.describe(weights), _entry(document, "tensors", dict))
    _check_shapes(folder, ARRAYS, tensors.describe(arrays), _entry(document, "arrays", dict))
    preparation, text = _parsed(folder, PREPARATION, _preparation_of, data[PREPARATION])
    return Stored(_entry(document, "config", dict), weights, preparation, arrays | text)


def _read_config(folder: Path) -> dict[str, Any]:
    """Read config.json: is it ours, can this version read it, is it as it was written, in this order."""
    if not folder.is_dir():
        raise ModelFileError(_not_a_folder(folder))
    if not os.path.lexists(folder / CONFIG):
        raise ModelFileError(
            f"'{folder}' is no Isthmus model, or a damaged one: it has no {CONFIG}. Give the folder that "
            f"save() wrote. {_REMEDY}"
        )
    data = _bytes(folder, CONFIG)
    document = _parsed(folder, CONFIG, strict_json.loads, data)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ModelFileError(
            f"{CONFIG} in '{folder}' is not one that Isthmus wrote (its \"format\" is not {FORMAT!r}). "
            "Give the folder that save() wrote."
        )
    version = document.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise ModelFileError(
            f"{CONFIG} in '{folder}' has format version {version}, written by Isthmus "
            f"{document.get('written_by')}; "
            f"this is Isthmus {__version__}, which reads versions up to {FORMAT_VERSION}. "
            "Upgrade it (pip install --upgrade isthmus)."
        )
    digest = document.get("checksum")
    blank = data.replace(digest.encode(), _NO_DIGEST, 1) if isinstance(digest, str) and digest else data
    if version != FORMAT_VERSION or hashlib.sha256(blank).hexdigest() != digest:
        raise ModelFileError(
            f"{CONFIG} in '{folder}' was changed or damaged after it was saved (its checksum does not fit). {_REMEDY}"
        )
    return document


def _not_a_folder(folder: Path) -> str:
    if folder.is_file():
        return f"'{folder}' is a file; a model is a folder. Give the folder ('{folder.parent}'?)."
    left = [str(place) for place in atomic.aside_of(atomic.resolve(folder)) if is_model_folder(place)]
    if left:
        return (
            f"There is no folder '{folder}', but a save that was cut off left the model that was there "
            "before, whole, "
            f"as '{left[-1]}'. Rename that one to '{folder}'."
        )
    return f"There is no folder '{folder}' (seen from '{Path.cwd()}'). Give the folder that save() wrote."


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError as error:
        raise ModelFileError(f"{name} is missing from the model folder '{folder}'. {_REMEDY}") from error
    except OSError as error:
        raise ModelFileError(
            f"{name} in '{folder}' cannot be read ({error.strerror or error}). Check its permissions and "
            f"the disk. {_REMEDY}"
        ) from error


def _checked(folder: Path, name: str, seals: dict[str, Any]) -> bytes:
    """Give a file's bytes, once they are known to be those that were saved."""
    seal = _entry(seals, name, dict)
    data = _bytes(folder, name)
    if hashlib.sha256(data).hexdigest() == seal.get("sha256"):
        return data
    size = seal.get("bytes")
    if data.startswith(b"version https://git-lfs"):
        raise ModelFileError(
            f"{name} in '{folder}' is only Git LFS's pointer to the file. Fetch the file itself (git lfs pull)."
        )
    if isinstance(size, int) and len(data) < size:
        damage = f"was cut short: it has {len(data):,} bytes of {size:,}"
    else:
        damage = "was changed or damaged after it was saved: its checksum does not fit"
    remedy = _REMEDY
    if name == CARD:
        remedy += (
            " If you changed it on purpose, record that with isthmus.storage.accept_card(folder); notes "
            "in files of "
            "other names are never in the way."
        )
    raise ModelFileError(f"{name} in '{folder}' {damage}. {remedy}")


def _parsed(folder: Path, name: str, parse: Callable[[bytes], T], data: bytes) -> T:
    try:
        return parse(data)
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError, SafetensorError) as error:
        raise ModelFileError(
            f"{name} in '{folder}' was damaged or replaced: its content is not what such a file holds "
            f"({error}). {_REMEDY}"
        ) from error


def _check_shapes(folder: Path, name: str, found: Mapping[str, str], expected: Mapping[str, Any]) -> None:
    for key in sorted(found.keys() | expected.keys()):
        if found.get(key) != expected.get(key):
            raise ModelFileError(
                f"{name} in '{folder}' does not fit {CONFIG}: {key!r} is {found.get(key, 'missing')} there, "
                f"{expected.get(key, 'not mentioned')} in {CONFIG}. {_REMEDY}"
            )


def _entry(document: dict[str, Any], key: str, kind: type[T]) -> T:
    value = document.get(key)
    if not isinstance(value, kind):
        raise ModelFileError(f"{CONFIG} says nothing that can be read about {key!r}: the folder is damaged. {_REMEDY}")
    return value


def _seal(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _sealed_config(document: dict[str, Any]) -> bytes:
    """Serialise with the digest of the file, taken with zeros in the digest's place (the first 64 zeros)."""
    data = strict_json.dumps(document, "config")
    return data.replace(_NO_DIGEST, hashlib.sha256(data).hexdigest().encode(), 1)


def _stamp(folder: Path) -> tuple[int, int] | None:
    """Tell one saved config.json from the next."""
    try:
        status = (folder / CONFIG).stat()
    except (OSError, ValueError):  # ValueError: the name holds a null character
        return None
    return status.st_ino, status.st_mtime_ns


def _text_to_json(array: np.ndarray) -> dict[str, Any]:
    return {
        "dtype": array.dtype.newbyteorder("=").str,
        "shape": list(array.shape),
        "values": array.ravel().tolist(),
    }


def _preparation_of(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    document = strict_json.loads(data)
    if not isinstance(document["config"], dict):
        raise ValueError("its configuration is no dict")
    text = {
        name: np.array(item["values"], dtype=item["dtype"]).reshape(item["shape"])
        for name, item in document["text"].items()
    }
    if any(array.dtype.kind != "U" for array in text.values()):
        raise ValueError("it names another dtype than text")
    return document["config"], text
