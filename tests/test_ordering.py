"""Models of the first units of a code, and how much those tell."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from torch import nn

from isthmus import Adversarial, Autoencoder, Denoising, Ordered, Sparse, Variational, load
from isthmus.evaluation import compare, prefix_curve, report
from isthmus.exceptions import ParameterError


def rows(shape=(7,), n=80):
    rng = np.random.default_rng(0)
    size = int(np.prod(shape))
    return (np.tanh(rng.normal(size=(n, 3)) @ rng.normal(size=(3, size))) + 0.05).reshape(n, *shape)


def fitted(X, objective, k=4, **given):
    return Autoencoder(k, objective=objective, max_epochs=2, random_state=0, **given).fit(X)


CASES = {
    "dense": ((7,), Ordered(), {}),
    "shallow": ((7,), Ordered(), {"hidden": ()}),
    "deep": ((7,), Ordered(), {"hidden": (16,) * 5}),
    "members": ((7,), Ordered(), {"members": 2}),
    "image": ((9, 8, 2), Ordered(), {"kind": "image"}),
    "sequence": ((11, 3), Ordered(), {"kind": "sequence", "network": "lstm"}),
    "list": ((7,), [Denoising("mask"), Ordered(), Sparse("l1")], {}),
    "variational": ((7,), [Variational(0.1), Ordered()], {}),
    "adversarial": ((7,), [Adversarial(hidden=(8,)), Ordered()], {}),
    "word": ((7,), "ordered", {"code_activation": "tanh"}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_shorter_model_is_the_first_units(case, tmp_path):
    shape, objective, given = CASES[case]
    X = rows(shape)
    ae = fitted(X, objective, **given)
    codes, again = ae.transform(X), ae.reconstruct(X)
    short = ae.truncate(2)
    assert short.latent_dim_ == 2
    np.testing.assert_allclose(short.transform(X), codes[:, :2], atol=1e-5)
    padded = np.where(np.arange(4) < 2, codes, 0)
    np.testing.assert_allclose(short.reconstruct(X), ae.inverse_transform(padded), atol=1e-4)
    np.testing.assert_array_equal(ae.transform(X), codes)
    np.testing.assert_array_equal(ae.reconstruct(X), again)

    short.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.transform(X), short.transform(X))
    np.testing.assert_array_equal(loaded.sample(3, random_state=0), short.sample(3, random_state=0))
    assert short.sample(3, random_state=0).shape == (3, *shape)
    assert clone(short).get_params()["latent_dim"] == 2
    assert np.isfinite(short.reconstruction_error(X)).all()
    assert compare(short, X).latent_dim == 2
    assert short.truncate(1).latent_dim_ == 1


def test_what_is_in_no_order_is_not_cut():
    X = rows()
    with pytest.raises(ParameterError, match="in no order"):
        fitted(X, Denoising()).truncate(2)
    with pytest.raises(ParameterError, match="put Ordered"):
        fitted(X, [Ordered(), Sparse("kl")]).truncate(2)
    own = (nn.Linear(7, 4), nn.Linear(4, 7))
    with pytest.raises(ParameterError, match="own modules"):
        fitted(X, Ordered(), network=own).truncate(2)
    ae = fitted(X, Ordered())
    for k in (0, 5, 2.0, True, "2"):
        with pytest.raises(ParameterError, match="k="):
            ae.truncate(k)


def test_principal_components_are_in_order():
    X = rows()
    ae = Autoencoder(4, max_epochs=0, random_state=0).fit(X)
    short, direct = ae.truncate(2), Autoencoder(2, max_epochs=0, random_state=0).fit(X)
    np.testing.assert_allclose(short.reconstruct(X), direct.reconstruct(X), atol=1e-4)
    curve = prefix_curve(ae, X)
    np.testing.assert_allclose(curve.ours, curve.pca, rtol=1e-4, atol=1e-8)


def test_the_curve_falls_and_its_end_is_the_whole_code():
    X = rows(n=300)
    plain, ordered = (
        Autoencoder(5, objective=objective, max_epochs=30, random_state=0).fit(X[:200])
        for objective in (None, Ordered())
    )
    curve = prefix_curve(ordered, X[200:])
    assert curve.lengths.tolist() == [1, 2, 3, 4, 5]
    assert (np.diff(curve.ours) < 0.01 * curve.spread).all()
    assert curve.ours[-1] == pytest.approx(compare(ordered, X[200:]).ours, rel=1e-4)
    assert curve.pca[-1] == pytest.approx(compare(ordered, X[200:]).pca, rel=1e-4)
    assert curve.ours[1] < prefix_curve(plain, X[200:]).ours[1]
    assert prefix_curve(ordered, X[200:], lengths=[2]).ours[0] == pytest.approx(curve.ours[1])
    assert 1 <= curve.enough() <= 5


def test_lengths_that_cannot_be_used_are_refused():
    X = rows()
    ae = fitted(X, Ordered())
    wrong = (["a"], "12", 3, [np.nan], [0], [99], [2, 1], [2, 2], [1.5], [True], [], [[1, 2]], np.array([1.0]))
    for lengths in wrong:
        with pytest.raises(ParameterError, match="lengths="):
            prefix_curve(ae, X, lengths=lengths)
    for lengths in ((1, 4), range(1, 5, 3), np.array([1, 4]), [np.int64(1), 4]):
        assert prefix_curve(ae, X, lengths=lengths).lengths.tolist() == [1, 4]
    with pytest.raises(NotFittedError):
        prefix_curve(Autoencoder(4), X)


def test_the_report_shows_the_curve_of_ordered_codes(tmp_path):
    X = rows()
    X[3, 2] = np.nan
    for objective, shown in ((Ordered(), True), (None, False)):
        page = report(fitted(X, objective), X, tmp_path / "report.html").read_text()
        assert ("What size of code is enough" in page) == shown


def test_a_shorter_model_is_reported_on_the_rows_it_was_fitted_on(tmp_path):
    X = rows()
    page = report(fitted(X, Ordered()).truncate(2), X, tmp_path / "report.html").read_text()
    assert "to 2 numbers each" in page
    assert "not known whether training saw" in page
    # How well the whole did when it was trained says nothing of its part.
    assert "At the end of training" not in page
