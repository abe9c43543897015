"""Where the numbers are worked on, and in what precision."""

from __future__ import annotations

import torch

from isthmus.exceptions import ParameterError

PRECISIONS = ("auto", "float32", "float64", "bf16")


def choose_device(device: str) -> torch.device:
    """Turn "auto" into the best device there is; check any other.

    Raises
    ------
    ParameterError
        If the device is unknown, or not there.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise ParameterError(
            f"device={device!r} is not a device; give 'auto', 'cpu', 'cuda', 'cuda:1' or 'mps'."
        ) from None
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (chosen.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(chosen.type, False):
        names = [name for name, yes in there.items() if yes]
        raise ParameterError(f"device={device!r} is not available here; available: {', '.join(names)}, or 'auto'.")
    return chosen


def choose_precision(precision: str, device: torch.device) -> str:
    """Turn "auto" into bf16 on a GPU that has it and float32 elsewhere.

    Raises
    ------
    ParameterError
        If the precision is unknown, or the device lacks it.
    """
    if precision not in PRECISIONS:
        raise ParameterError(f"precision={precision!r} is not known; choose one of {', '.join(map(repr, PRECISIONS))}.")
    if precision == "float64" and device.type == "mps":
        raise ParameterError("precision='float64' is not available on mps; use 'float32', or device='cpu'.")
    if precision == "auto":
        return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "float32"
    return precision


def choose_restoring_precision(precision: str, device: torch.device) -> str:
    """Turn "auto" into bf16 where convolutions in it are faster: on most GPUs, and on processors that multiply it."""
    if precision == "auto" and device.type == "cpu":
        # With AVX512-BF16 or AMX a convolution takes half the time; without, more.
        fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        return "bf16" if fast else "float32"
    return choose_precision(precision, device)
