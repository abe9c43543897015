"""Small models on real and generated data, fitted once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from evaluation_data import bent
from sklearn.datasets import load_breast_cancer, load_digits

from isthmus import Autoencoder
from isthmus.data import as_raw


@pytest.fixture(scope="session")
def curve():
    X = bent(600)
    return Autoencoder(1, max_epochs=60, random_state=0).fit(X), X


@pytest.fixture(scope="session")
def table():
    """A frame with missing cells, text set aside, names of rows, and its model."""
    data = load_breast_cancer(as_frame=True)
    frame = data.frame.drop(columns="target")
    frame.index = [f"patient {i}" for i in range(len(frame))]
    frame.iloc[::7, 3] = np.nan
    frame["diagnosis"] = np.where(data.target, "benign", "malignant")
    raw = as_raw(frame, drop=["diagnosis"])
    return Autoencoder(4, max_epochs=5, random_state=0).fit(raw), raw


@pytest.fixture(scope="session")
def digits():
    data = load_digits()
    return Autoencoder(8, max_epochs=4, random_state=0).fit(data.images), data.images, data.target


@pytest.fixture(scope="session")
def waves():
    """Sequences of two channels, some steps missing."""
    rng = np.random.default_rng(0)
    t = np.linspace(0, 6, 40)
    start = rng.uniform(0, 6, (120, 1))
    X = np.stack([np.sin(t + start), np.cos(2 * t + start)], axis=-1) + 0.05 * rng.normal(size=(120, 40, 2))
    X[3, 10:20, 0] = np.nan
    return Autoencoder(3, kind="sequence", max_epochs=4, random_state=0).fit(X), X


@pytest.fixture(scope="session")
def wide():
    """A thousand columns with names that would like to be code."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4)) @ rng.normal(size=(4, 1000)) + rng.normal(size=(80, 1000))
    frame = pd.DataFrame(X, columns=[f"<script>alert({i})</script>" for i in range(1000)])
    return Autoencoder(2, hidden=(8,), max_epochs=1, random_state=0).fit(frame), frame
