"""Named tensors and arrays to safetensors bytes and back, to the last bit."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import safetensors
import safetensors.numpy
import safetensors.torch
import torch
from torch import Tensor

from isthmus.exceptions import ModelFileError

_RESERVED = "__metadata__"  # the format's own key


def pack(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """Tensors, from any device and with any strides, as the bytes of a safetensors file.

    Tensors that share memory are written one by one, and come back as tensors of their own.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        Dense tensors of any dtype and shape, empty ones included.
    metadata : dict of str to str, optional
        Text for the file's header.

    Returns
    -------
    bytes

    Raises
    ------
    ModelFileError
        A tensor cannot be stored; the message names it.

    Examples
    --------
    >>> unpack(pack({"w": torch.arange(3)}))
    {'w': tensor([0, 1, 2])}
    """
    try:
        return safetensors.torch.save({name: _own(name, tensor) for name, tensor in tensors.items()}, metadata)
    except (KeyError, ValueError, safetensors.SafetensorError) as error:
        raise ModelFileError(f"These tensors cannot be stored: {error}. They are {describe(tensors)}.") from error


def unpack(data: bytes) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file, on the CPU; its own error where the bytes are no such file."""
    return safetensors.torch.load(data)


def read_metadata(data: bytes) -> dict[str, str]:
    """Read the text in a safetensors file's header; ValueError where the bytes are no such file."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size]) if len(data) >= 8 + size else None
    metadata = header.get(_RESERVED) if isinstance(header, dict) else None
    if not isinstance(metadata, dict):
        raise ValueError("it has no metadata")
    return metadata


def pack_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Numeric and boolean arrays as the bytes of a safetensors file.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Integers, floats and booleans of any size, shape and byte order.

    Returns
    -------
    bytes

    Raises
    ------
    ModelFileError
        An array has another dtype; the message names it.
    """
    return safetensors.numpy.save({name: _native(name, array) for name, array in arrays.items()})


def unpack_arrays(data: bytes) -> dict[str, np.ndarray]:
    """Read the arrays of a safetensors file; safetensors' own error where the bytes are no such file."""
    return safetensors.numpy.load(data)


def describe(values: Mapping[str, Tensor] | Mapping[str, np.ndarray]) -> dict[str, str]:
    """Give the dtype and shape of each, as text that is stored and compared.

    Examples
    --------
    >>> describe({"w": torch.zeros(2, 3)})
    {'w': 'float32 [2, 3]'}
    """
    return {name: f"{_dtype_name(value)} {list(value.shape)}" for name, value in values.items()}


def _dtype_name(value: Tensor | np.ndarray) -> str:
    # numpy's name of a dtype does not tell the byte order, which is the machine's own once read back.
    return value.dtype.name if isinstance(value, np.ndarray) else str(value.dtype).removeprefix("torch.")


def _own(name: str, tensor: Tensor) -> Tensor:
    _check_name(name)
    if tensor.layout != torch.strided or tensor.is_quantized:
        raise ModelFileError(f"Tensor {name!r} is sparse or quantised and cannot be stored. Make it dense first.")
    return tensor.detach().cpu().resolve_conj().resolve_neg().contiguous().clone()


def _native(name: str, array: np.ndarray) -> np.ndarray:
    _check_name(name)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise ModelFileError(
            f"Array {name!r} has dtype {array.dtype}, which cannot be stored: integers, floats of up to "
            "64 bits and "
            "booleans can. Keep anything else as a list in the configuration."
        )
    return np.require(array, array.dtype.newbyteorder("="), "C")


def _check_name(name: str) -> None:
    if name == _RESERVED:
        raise ModelFileError(f"{_RESERVED!r} is reserved by the file format: give the tensor another name.")
