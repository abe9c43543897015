"""New rows: of the prior, of a mixture on codes, and of one class."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus import Autoencoder, Variational, VectorQuantised, load
from isthmus.exceptions import DataError, ParameterError

CENTRES = np.array([[0.0, 0.0, 0.0], [9.0, 0.0, 3.0], [0.0, 9.0, -3.0]])


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    """Three clusters far apart, each a class."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 80)
    return (CENTRES[y] + rng.normal(0, 0.3, size=(240, 3))).astype(np.float32), y


@pytest.fixture(scope="module")
def plain(rows) -> Autoencoder:
    return Autoencoder(2, max_epochs=3, random_state=0).fit(*rows)


@pytest.fixture(scope="module")
def variational(rows) -> Autoencoder:
    return Autoencoder(2, objective=Variational(), max_epochs=10, random_state=0).fit(*rows)


def nearest(made: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cluster of each row, and how far its centre is."""
    far = np.linalg.norm(made[:, None] - CENTRES, axis=2)
    return far.argmin(1), far.min(1)


@pytest.mark.parametrize("kind", ["plain", "variational"])
def test_rows_of_a_class(kind, request):
    ae = request.getfixturevalue(kind)
    assert ae.classes_.tolist() == [0, 1, 2]
    for label in (0, 1, 2):
        found, far = nearest(ae.sample(100, random_state=0, condition={"label": label}))
        assert (found == label).all()
        assert np.median(far) < 1
    found, _ = nearest(ae.sample(6, random_state=0, condition={"label": [2, 0, 1, 1, 0, 2]}))
    assert found.tolist() == [2, 0, 1, 1, 0, 2]


def test_the_mixture_is_nearer_to_the_rows_than_the_prior(variational):
    """Nothing lies between the clusters, which the prior fills."""
    prior, mixture = (
        nearest(variational.sample(1000, random_state=0, density=density))[1] for density in ("prior", "mixture")
    )
    assert np.quantile(mixture, 0.9) < np.quantile(prior, 0.9) / 2


def test_auto_is_what_the_documentation_says(plain, variational):
    np.testing.assert_array_equal(plain.sample(5, 0), plain.sample(5, 0, density="mixture"))
    np.testing.assert_array_equal(variational.sample(5, 0), variational.sample(5, 0, density="mixture"))


@pytest.mark.parametrize(
    "objective", [Variational(prior="mixture", components=4), VectorQuantised(codes=16, levels=1)], ids=str
)
def test_a_prior_that_was_learnt_is_what_is_drawn_from(objective, rows):
    ae = Autoencoder(2, objective=objective, max_epochs=2, random_state=0).fit(rows[0])
    np.testing.assert_array_equal(ae.sample(5, 0), ae.sample(5, 0, density="prior"))


def test_the_mixture_is_as_wide_as_the_posteriors():
    """With nothing to learn all posteriors are the prior: their means alone would be a point."""
    X = np.random.default_rng(0).normal(size=(400, 6)).astype(np.float32)
    ae = Autoencoder(2, objective=Variational(beta=30), linear_path=False, max_epochs=30, random_state=0)
    with pytest.warns(RuntimeWarning, match="collapse"):
        ae.fit(X)
    assert ae.transform(X).std() < 0.1
    drawn = ae._mixture(None).sample(4000, np.random.RandomState(0))
    np.testing.assert_allclose(drawn.std(0), 1, atol=0.1)


def test_labels_change_nothing_else(rows, plain):
    alone = Autoencoder(2, max_epochs=3, random_state=0).fit(rows[0])
    np.testing.assert_array_equal(alone.transform(rows[0]), plain.transform(rows[0]))
    np.testing.assert_array_equal(alone.sample(5, 0), plain.sample(5, 0))
    assert alone.classes_ is None


def test_from_a_file(plain, variational, tmp_path):
    for ae in (plain, variational):
        ae.save(tmp_path / "model")
        loaded = load(tmp_path / "model")
        assert loaded.classes_.tolist() == [0, 1, 2]
        for asked in ({"density": "mixture"}, {"condition": {"label": 1}}):
            np.testing.assert_array_equal(loaded.sample(4, 0, **asked), ae.sample(4, 0, **asked))


def test_words_and_rows_without_a_label(rows):
    X, y = rows
    words = np.array(["a", "b", None], dtype=object)[y]
    ae = Autoencoder(2, max_epochs=1, random_state=0).fit(X, words)
    assert ae.classes_.tolist() == ["a", "b"]
    assert (nearest(ae.sample(20, 0, condition={"label": "b"}))[0] == 1).all()


def test_a_class_of_one_row(rows):
    X, y = rows
    y = np.where(np.arange(len(y)) == 100, 9, y)
    ae = Autoencoder(2, max_epochs=1, random_state=0).fit(X, y)
    with pytest.raises(DataError, match=r"label 9 has 1 row .* at least 2"):
        ae.sample(2, condition={"label": 9})


def test_an_array_of_measured_targets_is_no_label(rows):
    ae = Autoencoder(2, max_epochs=1, random_state=0).fit(rows[0], rows[0][:, 0])
    with pytest.raises(ParameterError, match=r"fitted with labels, fit\(X, y\)"):
        ae.sample(2, condition={"label": 1})


def test_labels_of_a_pass_and_of_a_prefix(rows):
    X, y = rows
    ae = Autoencoder(2, random_state=0).partial_fit(X, y)
    assert (nearest(ae.sample(20, 0, condition={"label": 2}))[0] == 2).all()
    ordered = Autoencoder(2, max_epochs=0, random_state=0).fit(X, y)
    assert ordered.truncate(1).sample(3, 0, condition={"label": 1}).shape == (3, 3)


def test_what_cannot_be_had_is_refused(rows, plain, variational):
    with pytest.raises(ParameterError, match="density='best' cannot be used; expected 'auto', 'prior', 'mixture'"):
        plain.sample(2, density="best")
    with pytest.raises(ParameterError, match="needs an objective that has one"):
        plain.sample(2, density="prior")
    with pytest.raises(ParameterError, match="knows no labels"):
        variational.sample(2, density="prior", condition={"label": 1})
    with pytest.raises(DataError, match="no label 5"):
        plain.sample(2, condition={"label": 5})
    with pytest.raises(DataError, match="3 labels, but there are 240 rows"):
        Autoencoder(2, max_epochs=1).fit(rows[0], [1, 2, 3])
    told = Autoencoder(3, objective=Variational(condition=0), max_epochs=1, random_state=0).fit(rows[0])
    with pytest.raises(ParameterError, match="values that are given are drawn"):
        told.sample(2, density="mixture")
