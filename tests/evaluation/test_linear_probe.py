"""What codes are worth as features, beside PCA."""

from __future__ import annotations

import doctest
import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from isthmus import Autoencoder
from isthmus.evaluation import LinearProbe, linear_probe
from isthmus.exceptions import DataError, ParameterError


def rows(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """The label lies in the direction of the largest variance, and nowhere else."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    X = rng.normal(size=(n, 5)) * [1, 1, 1, 1, 0.1]
    X[:, 0] += 12 * y
    return X, y


@pytest.fixture(scope="module")
def pca() -> Autoencoder:
    """A model that is PCA."""
    return Autoencoder(1, scaling="none", max_epochs=0, random_state=0).fit(rows()[0])


def test_a_model_that_is_pca_is_as_good_as_pca(pca):
    found = linear_probe(pca, *rows())
    assert found.ours == found.pca == 1.0
    assert found.error == 0
    assert 0.4 < found.constant < 0.6
    assert (found.classes, found.rows, found.held_out, found.latent_dim) == (2, 300, 100, 1)
    assert "Neither" in found.verdict()


def test_codes_that_know_nothing_are_called_behind(pca, monkeypatch):
    noise = np.random.default_rng(1).normal(size=(400, 1))
    monkeypatch.setattr(pca, "transform", lambda X: noise[: len(X)])
    found = linear_probe(pca, *rows())
    assert found.pca == 1.0
    assert found.ours < 0.65
    assert "PCA of the same size is ahead" in str(found)


def test_the_components_are_counted():
    X, y = rows(100)
    wide = Autoencoder(9, scaling="none", max_epochs=1, random_state=0).fit(X)
    found = linear_probe(wide, X, y)
    assert (found.latent_dim, found.components) == (9, 5)
    assert "PCA of 5 " in str(found)


def test_what_cannot_be_probed_is_refused(pca):
    X, y = rows()
    with pytest.raises(NotFittedError):
        linear_probe(Autoencoder(1), X, y)
    with pytest.raises(ParameterError, match=r"model=PCA.* expected a fitted Autoencoder"):
        linear_probe(PCA(1).fit(X), X, y)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ParameterError, match="random_state='a' cannot be used"):
        linear_probe(pca, X, y, random_state="a")


def test_pca_that_knows_nothing_is_called_behind(monkeypatch):
    X, y = rows()
    small = X.copy()
    small[:, 0] /= 1000
    other = Autoencoder(1, scaling="none", max_epochs=0, random_state=0).fit(small)
    monkeypatch.setattr(other, "transform", lambda raw: raw.values[:, :1])
    found = linear_probe(other, small, y)
    assert found.ours == 1.0
    assert found.pca < 0.65
    assert "ahead of PCA" in found.verdict()


def test_the_error_is_that_of_pairs():
    probe = LinearProbe(0.9, 0.8, 0.5, 0.04, 2, 4, 4, 300, 100)
    assert "the codes are ahead" in probe.verdict()
    assert "Neither" in LinearProbe(0.9, 0.8, 0.5, 0.06, 2, 4, 4, 300, 100).verdict()


def test_rows_without_a_label_are_left_out(pca):
    X, y = rows()
    words = np.where(y == 1, "b", "a").astype(object)
    words[::4] = None
    found = linear_probe(pca, X, words)
    assert found.rows + found.held_out == 300


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (np.linspace(0, 1, 400), "no labels"),
        (np.zeros(400, int), "400 rows and 1 classes"),
        (np.r_[[0, 1], [np.nan] * 398], "2 rows and 2 classes"),
        ([1, 2], "2 labels, but there are 400 rows"),
        ("folder", "no column that was set aside"),
    ],
    ids=["measured", "one", "few", "short", "column"],
)
def test_what_is_no_label_is_refused(pca, y, said):
    with pytest.raises(DataError, match=said):
        linear_probe(pca, rows()[0], y)


def test_examples():
    found = doctest.testmod(sys.modules["isthmus.evaluation.linear_probe"])  # the function has the module's name
    assert found.attempted
    assert not found.failed
