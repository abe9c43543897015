"""The likelihood of counts: as scipy has it, and good enough to find what made them."""

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.stats import poisson

from isthmus import Autoencoder, load
from isthmus.exceptions import ParameterError
from isthmus.objectives import make_loss


@pytest.fixture(scope="module")
def counts():
    """Counts of means from below one to the thousands, by three factors; and the means."""
    rng = np.random.default_rng(0)
    logs = rng.normal(size=(800, 3)) @ (0.5 * rng.normal(size=(3, 12))) + rng.uniform(-1, 6, 12)
    return rng.poisson(np.exp(logs)).astype(np.float32), np.exp(logs)


def test_cells_are_those_of_scipy(counts):
    X, means = counts
    loss, output = make_loss("poisson"), torch.from_numpy(np.log(means))
    cells = loss.cells(output, torch.from_numpy(X).double())
    np.testing.assert_allclose(cells.numpy(), -poisson.logpmf(X, means), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(loss.link(output).numpy(), means)
    assert torch.isfinite(loss.cells(torch.tensor([1e4, -1e4]), torch.tensor([0.0, 3.0]))).all()


def test_it_comes_near_to_what_made_the_counts(counts):
    X, means = counts
    train, test = X[:600], X[600:]
    ae = Autoencoder(3, loss="poisson", max_epochs=120, random_state=0).fit(train)
    own, best = ae.reconstruction_error(test).mean(), -poisson.logpmf(test, means[600:]).mean()
    constant = -poisson.logpmf(test, train.mean(0)).mean()
    assert own < best + 0.05 * (constant - best)
    assert ae.comparison_["ratio"] < 1
    made = ae.sample(50, random_state=0)
    assert made.min() >= 0


def test_the_bound_of_a_variational_one_is_under_the_exact_value(counts):
    X, _ = counts
    ae = Autoencoder(3, loss="poisson", objective="variational", max_epochs=20, random_state=0).fit(X)
    ahead = ae.log_likelihood(X, 50).mean()
    assert ae.elbo(X, 10).mean() < ahead
    # No code tells counts better than each count as its own mean.
    assert ahead < poisson.logpmf(X, X).sum(1).mean()


@pytest.mark.parametrize("kind", ["sparse", "missing", "image", "sequence", "members"])
def test_every_form(kind, counts, tmp_path):
    X, given = counts[0][:60], {}
    if kind == "sparse":
        X = sparse.csr_matrix(X)
    elif kind == "missing":
        X = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    elif kind == "members":
        given["members"] = 2
    else:
        X, given["kind"] = X.reshape(60, *((4, 3, 1) if kind == "image" else (6, 2))), kind
    ae = Autoencoder(2, loss="poisson", max_epochs=2, random_state=0, **given).fit(X)
    assert np.isfinite(ae.history_["train_loss"]).all()
    assert ae.chosen_["scaling"] == "none"
    ae.save(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").transform(X), ae.transform(X))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"scaling": "standard"}, "needs counts, from 0 on and as they are"),
        ({"linear_path": True}, "another loss than 'poisson'"),
        ({"objective": "variational(variance=0.5)"}, "is that of a Gaussian decoder"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(given, said, counts):
    with pytest.raises(ParameterError, match=said):
        Autoencoder(2, loss="poisson", **given).fit(counts[0])


def test_values_below_zero_are_refused(counts):
    with pytest.raises(ParameterError, match="has values down to -1"):
        Autoencoder(2, loss="poisson").fit(np.concatenate([counts[0], -np.ones((1, 12), np.float32)]))
