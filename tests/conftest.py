"""What every test can use: shared data where a checkout has them, and runs that repeat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

# pytest reads these by itself; doctest would take two of the same name for one module.
collect_ignore_glob = ["*conftest.py"]

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    np.random.seed(0)  # noqa: NPY002 - the global generator is what a test may use by mistake
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared():
    """`shared("adbench/cardio.npz")`: the path of shared data; the test is skipped where they are absent."""

    def find(name: str = "") -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"needs ../shared/data/{name}, which lies beside some checkouts only")
        return path

    return find
