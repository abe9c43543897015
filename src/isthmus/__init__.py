"""Isthmus: autoencoders for any data and any job, with scikit-learn's manners, on PyTorch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from isthmus._version import __version__

if TYPE_CHECKING:
    from isthmus.autoencoder import Autoencoder
    from isthmus.data import read
    from isthmus.loading import load
    from isthmus.objectives import (
        Adversarial,
        Collaborative,
        Contractive,
        Denoising,
        FoldIn,
        Masking,
        Neighbours,
        Objective,
        Ordered,
        Sparse,
        TeacherForcing,
        Variational,
        VectorQuantised,
        Wasserstein,
    )
    from isthmus.tasks import AnomalyDetector, Denoiser, Imputer, Recommender, Retriever, Synthesizer
    from isthmus.training.decoding import BeamSearch, Sampling

#: Public names and where they are; imported at first use, so that `isthmus --help` does not wait for torch.
_PUBLIC = {
    "Adversarial": "isthmus.objectives",
    "AnomalyDetector": "isthmus.tasks",
    "Autoencoder": "isthmus.autoencoder",
    "BeamSearch": "isthmus.training.decoding",
    "Collaborative": "isthmus.objectives",
    "Contractive": "isthmus.objectives",
    "Denoiser": "isthmus.tasks",
    "Denoising": "isthmus.objectives",
    "FoldIn": "isthmus.objectives",
    "Imputer": "isthmus.tasks",
    "Masking": "isthmus.objectives",
    "Neighbours": "isthmus.objectives",
    "Objective": "isthmus.objectives",
    "Ordered": "isthmus.objectives",
    "Recommender": "isthmus.tasks",
    "Retriever": "isthmus.tasks",
    "Sampling": "isthmus.training.decoding",
    "Sparse": "isthmus.objectives",
    "Synthesizer": "isthmus.tasks",
    "TeacherForcing": "isthmus.objectives",
    "Variational": "isthmus.objectives",
    "VectorQuantised": "isthmus.objectives",
    "Wasserstein": "isthmus.objectives",
    "load": "isthmus.loading",
    "read": "isthmus.data",
}

__all__ = [
    "Adversarial",
    "AnomalyDetector",
    "Autoencoder",
    "BeamSearch",
    "Collaborative",
    "Contractive",
    "Denoiser",
    "Denoising",
    "FoldIn",
    "Imputer",
    "Masking",
    "Neighbours",
    "Objective",
    "Ordered",
    "Recommender",
    "Retriever",
    "Sampling",
    "Sparse",
    "Synthesizer",
    "TeacherForcing",
    "Variational",
    "VectorQuantised",
    "Wasserstein",
    "__version__",
    "load",
    "read",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'isthmus' has no attribute {name!r}")
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
