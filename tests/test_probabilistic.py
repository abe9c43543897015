"""Likelihoods against exact values, posteriors, and which units are used."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from isthmus import Autoencoder, Denoising, Sparse, Variational
from isthmus.exceptions import ParameterError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 3)) @ RNG.normal(size=(3, 6)) + 0.5 * RNG.normal(size=(400, 6))


@pytest.fixture(scope="module")
def linear():
    variational = Variational(variance="learned")
    return Autoencoder(
        2, hidden=(), objective=variational, max_epochs=100, scaling="none", weight_decay=0.0, patience=None,
        validation_fraction=0.0, random_state=0,
    ).fit(X)  # fmt: skip


def exact(ae, rows):
    """Log-likelihood of a linear decoder, in closed form."""
    with torch.no_grad():
        decode = ae.network_.double().decode
        mean = decode(torch.zeros(1, 2, dtype=torch.float64))
        weight = decode(torch.eye(2, dtype=torch.float64)) - mean
        covariance = weight.T @ weight + ae.network_.own.log_variance.exp() * torch.eye(6)
        found = torch.distributions.MultivariateNormal(mean[0], covariance).log_prob(torch.as_tensor(rows)).numpy()
        ae.network_.float()
    return found


def test_a_linear_gaussian_model_reaches_probabilistic_pca(linear):
    theirs = PCA(2).fit(X).score(X)
    assert linear.log_likelihood(X, samples=200).mean() == pytest.approx(theirs, rel=0.005)


@pytest.mark.parametrize(("size", "noise"), [(1.0, 0.01), (1.0, 0.1)])
def test_it_reaches_probabilistic_pca_where_little_is_left(size, noise):
    rng = np.random.default_rng(0)
    rows = size * rng.normal(size=(500, 2)) @ rng.normal(size=(2, 8)) + noise * rng.normal(size=(500, 8))
    ae = Autoencoder(
        2, hidden=(), objective="variational", max_epochs=30, scaling="none", weight_decay=0.0, patience=None,
        validation_fraction=0.0, random_state=0,
    ).fit(rows)  # fmt: skip
    assert ae.log_likelihood(rows, samples=200).mean() == pytest.approx(PCA(2).fit(rows).score(rows), rel=0.005)


def test_the_estimates_rise_with_samples_and_stay_under_the_exact_value():
    # With beta=3 posteriors are not the exact ones, so that there is something to be gained.
    ae = Autoencoder(
        2, hidden=(), objective=Variational(3), max_epochs=20, scaling="none", weight_decay=0.0, random_state=0
    ).fit(X)
    value = exact(ae, X).mean()
    bounds = [ae.elbo(X, samples=50).mean()]
    bounds += [ae.log_likelihood(X, samples=samples).mean() for samples in (2, 10, 500)]
    assert bounds == sorted(bounds)
    assert bounds[1] - bounds[0] > 1e-3
    assert bounds[-1] <= value + 1e-3
    assert bounds[-1] == pytest.approx(value, rel=1e-3)


def test_the_bound_is_the_exact_value_less_the_divergence_from_the_exact_posterior(linear):
    with torch.no_grad():
        network = linear.network_.double()
        decode, x = network.decode, torch.as_tensor(X)
        origin = decode(torch.zeros(1, 2, dtype=torch.float64))
        weight = decode(torch.eye(2, dtype=torch.float64)) - origin
        variance = network.own.log_variance.exp()
        covariance = torch.linalg.inv(torch.eye(2) + weight @ weight.T / variance)
        means = (x - origin) @ weight.T @ covariance / variance
        mean, log_variance = network.encode(x).chunk(2, 1)
        network.float()
        given = torch.distributions.MultivariateNormal(mean, torch.diag_embed(log_variance.exp()))
        gap = torch.distributions.kl_divergence(given, torch.distributions.MultivariateNormal(means, covariance))
    np.testing.assert_allclose(linear.elbo(X, samples=3000), exact(linear, X) - gap.numpy(), atol=0.15)


def test_each_row_has_its_own_likelihood(linear):
    np.testing.assert_allclose(linear.log_likelihood(X, samples=1000), exact(linear, X), atol=0.1)
    np.testing.assert_array_equal(linear.log_likelihood(X), linear.log_likelihood(X))


def test_posteriors_are_drawn_about_the_code(linear):
    drawn = linear.sample_posterior(X[:20], n=2000, random_state=0)
    assert drawn.shape == (2000, 20, 2)
    np.testing.assert_allclose(drawn.mean(0), linear.transform(X[:20]), atol=0.08)
    assert linear.sample_posterior(X, random_state=0).shape == (1, 400, 2)
    assert linear.inverse_transform(drawn[0]).shape == (20, 6)
    assert linear.sample_posterior(X.astype(np.float32), random_state=0).dtype == np.float32


def test_units_that_are_used(linear):
    divergences = linear.kl_by_unit(X)
    assert divergences.shape == (2,)
    assert (divergences > 0.1).all()
    assert linear.active_units(X).tolist() == [True, True]
    assert linear.active_units(X, threshold=100).tolist() == [False, False]


def test_missing_values_are_left_out():
    rows = X.copy()
    rows[RNG.random(rows.shape) < 0.2] = np.nan
    rows[0] = np.nan
    ae = Autoencoder(2, objective=Variational(variance=0.5), max_epochs=2, random_state=0).fit(rows)
    assert np.isfinite(ae.log_likelihood(rows, samples=5)).all()
    assert ae.log_likelihood(rows[:2], samples=20_000)[0] == pytest.approx(0, abs=0.3)
    assert np.isfinite(ae.elbo(rows)).all()


def test_binary_rows_have_bernoulli_likelihoods():
    rows = (RNG.random((100, 5)) < [0.1, 0.3, 0.5, 0.7, 0.9]).astype(float)
    ae = Autoencoder(2, objective=Variational(), max_epochs=3, random_state=0).fit(rows)
    every = np.array(np.meshgrid(*[[0.0, 1.0]] * 5)).reshape(5, -1).T
    assert np.exp(ae.log_likelihood(every, samples=3000)).sum() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("prior", ["vamp", "mixture"])
def test_in_a_list_and_with_other_priors(prior):
    variational = Variational(prior=prior, components=5, samples=2)
    ae = Autoencoder(
        2, objective=[Denoising("mask", 0.1), variational, Sparse("topk", k=1)], max_epochs=3, random_state=0
    ).fit(X)
    assert ae.log_likelihood(X, samples=20).mean() > ae.elbo(X, samples=20).mean()
    assert ((ae.sample_posterior(X, n=2) != 0).sum(2) == 1).all()
    assert ae.sample(5, random_state=0).shape == (5, 6)
    assert ae.active_units(X).shape == (2,)
    with pytest.raises(ParameterError, match="needs the prior 'normal'"):
        ae.kl_by_unit(X)


@pytest.mark.parametrize("verb", ["sample_posterior", "log_likelihood", "elbo", "kl_by_unit", "active_units"])
def test_without_a_variational_objective_the_advice_is_given(verb):
    ae = Autoencoder(2, max_epochs=0, random_state=0).fit(X)
    with pytest.raises(ParameterError, match=rf"{verb} needs objective=Variational"):
        getattr(ae, verb)(X)


def test_what_cannot_be_used_is_refused(linear):
    with pytest.raises(ParameterError, match="samples=0 cannot be used"):
        linear.log_likelihood(X, samples=0)
    with pytest.raises(ParameterError, match="random_state='a' cannot be used"):
        linear.elbo(X, random_state="a")
    with pytest.raises(ParameterError, match="threshold=-1 cannot be used"):
        linear.active_units(X, threshold=-1)


def test_a_collapsed_posterior_is_told_of_and_a_good_one_is_not():
    ae = Autoencoder(2, objective=Variational(100.0), max_epochs=60, random_state=0)
    with pytest.warns(RuntimeWarning, match="Posterior collapse: 0 of 2 units"):
        ae.fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Autoencoder(2, objective=Variational(0.1), max_epochs=5, random_state=0).fit(X)


@pytest.mark.parametrize("objective", ["variational", [Denoising("mask", 0.0), Variational()]], ids=str)
def test_a_linear_path_starts_with_exact_posteriors(objective):
    params = {"hidden": (), "scaling": "none", "validation_fraction": 0.0, "random_state": 0}
    ae = Autoencoder(2, objective=objective, max_epochs=0, **params).fit(X)
    gap = ae.log_likelihood(X, 300).mean() - ae.elbo(X, 500).mean()
    assert gap == pytest.approx(0, abs=0.004)
    assert ae.log_likelihood(X).mean() > PCA(2).fit(X).score(X) - 0.3
