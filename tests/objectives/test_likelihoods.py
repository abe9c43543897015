"""Densities integrate to one, bounds are per what is observed, and what is given goes with its own row."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import multivariate_normal
from torch import nn

from isthmus import Autoencoder, Contractive, Denoising, Sparse, Variational
from isthmus.exceptions import ParameterError
from isthmus.networks import Network
from isthmus.objectives import make_loss
from isthmus.objectives.mixtures import MixturePrior
from isthmus.training.step import Step


@pytest.mark.parametrize("name", ["mse", "mae", "huber"])
def test_each_loss_is_a_density_with_its_constant(name):
    objective, loss = Variational(variance=None), make_loss(name)
    objective.begin((1,), 1)

    def density(x):
        cost = loss.cells(torch.zeros(1, dtype=torch.float64), torch.tensor([x], dtype=torch.float64))
        return float(torch.exp(-cost - objective.constant(loss)))

    assert quad(density, -30, 30, limit=200)[0] == pytest.approx(1, abs=1e-6)


def mixture():
    prior = MixturePrior((3,), 2, 3).double()
    with torch.no_grad():
        prior.logits.copy_(torch.tensor([0.5, -1.0, 2.0]))
        prior.log_variances.copy_(torch.tensor([[0.3, -0.5], [0.0, 0.2], [-1.0, 0.7]]))
    return prior


def test_a_mixture_is_that_of_scipy():
    torch.manual_seed(0)
    prior, z = mixture(), torch.randn(20, 2, dtype=torch.float64)
    shares = prior.logits.softmax(0).tolist()
    parts = [
        share * multivariate_normal(mean, np.diag(variance)).pdf(z.numpy())
        for share, mean, variance in zip(
            shares, prior.means.detach().numpy(), prior.log_variances.exp().detach().numpy(), strict=True
        )
    ]
    np.testing.assert_allclose(prior.log_density(None, z).detach().numpy(), np.log(np.sum(parts, 0)))


def test_the_divergence_from_a_mixture_is_that_of_samples():
    torch.manual_seed(0)
    objective = Variational(prior="mixture", components=3)
    objective.begin((3,), 2)
    network = nn.Module()
    network.own = nn.Module()
    network.own.prior, network.encode = mixture(), None
    objective = objective.bind(network)
    mean, log_variance = torch.tensor([[0.3, -0.2]]).double(), torch.tensor([[-0.4, 0.1]]).double()
    posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
    z = posterior.sample((200_000,)).double()
    with torch.no_grad():
        expected = (posterior.log_prob(z).sum(-1) - network.own.prior.log_density(None, z)).mean()
        assert float(objective.divergence(mean, log_variance, z).mean()) == pytest.approx(float(expected), abs=0.02)


def linear_step(objective, loss="mse"):
    objective.meet(make_loss(loss), None)
    objective.begin((5,), 3)
    torch.manual_seed(0)
    network = Network(nn.Linear(5, objective.code_dim(3) - len(objective.given)), nn.Linear(3, 5))
    network.own = objective.make((5,), 3)
    if objective.given:
        network.given = torch.tensor(objective.given)
    return Step(network, objective, make_loss(loss))


def test_the_weighted_bound_is_per_observed_value():
    """One sample, drawn as in the plain bound: equal to it where beta is 1 and every row lacks as much."""
    x, mask = torch.randn(6, 5), torch.ones(6, 5, dtype=torch.bool)
    mask[:, 2:4] = False
    step = linear_step(Variational(samples=2, variance=1.0))
    torch.manual_seed(1)
    total, _ = step(x, mask)
    bound = step.objective
    torch.manual_seed(1)
    with torch.no_grad():
        h = step.network.encode(x, mask)
        mean, log_variance = bound.posterior(h)
        z = mean + torch.randn(2, *mean.shape) * (log_variance / 2).exp()
        normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
        ahead = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1) - normal.log_prob(z).sum(-1)
        cells = torch.distributions.Normal(step.network.decode(z), 1.0).log_prob(x) * mask
        expected = -(torch.logsumexp(ahead + cells.sum(-1), 0) - np.log(2)).sum() / mask.sum()
    assert float(total) == pytest.approx(float(expected), rel=1e-5)


def test_rows_that_are_not_learnt_from_are_no_part_of_the_weighted_bound():
    x, learnt = torch.randn(8, 5), torch.arange(8) < 4
    step = linear_step(Variational(samples=3, variance=1.0))
    torch.manual_seed(1)
    step(x, None, None, learnt)[0].backward()
    assert step.network.encoder.weight.grad.abs().sum() > 0
    step.network.zero_grad()
    x[:4] = 0
    step = linear_step(Variational(samples=3, variance=1.0))
    step.network.encoder.bias.requires_grad_(False)
    step(x, None, None, learnt)[0].backward()
    assert float(step.network.encoder.weight.grad.abs().sum()) == 0, "only rows of zeros were learnt from"


def test_what_is_given_goes_with_its_own_row():
    step = linear_step(Variational(samples=3, condition=[4]))
    x = torch.randn(6, 5)
    z, _ = step.objective.code(step.network.encode(x))
    assert torch.equal(z[:, -1], x[:, 4].repeat(3))
    assert torch.equal(step.objective.encode(step.network.encode(x))[:, -1], x[:, 4])


def test_what_is_given_is_no_part_of_the_likelihood():
    """Three noisy columns, and many that are given: the variance is that of the three."""
    rng = np.random.default_rng(0)
    given = rng.normal(size=(800, 6))
    noisy = given[:, :3] + rng.normal(size=(800, 3))
    X = np.concatenate([noisy / noisy.std(0), given], 1)
    ae = Autoencoder(7, objective=Variational(condition=list(range(3, 9))), max_epochs=60, random_state=0).fit(X)
    with torch.no_grad():
        assert float(ae.network_.own.log_variance.exp()) == pytest.approx(0.5, rel=0.25)
    again = ae.reconstruct(X)
    np.testing.assert_allclose(again[:, 3:], X[:, 3:], atol=1e-5)
    assert set(ae.sample(200, 0)[:, 3].round(5)) <= set(X[:, 3].round(5)), "values of training rows"
    assert "given" in ae.history_


@pytest.mark.parametrize("noise", [Denoising("swap", 0.5), Denoising("gaussian", 1.0)])
def test_noise_leaves_what_is_given_alone(noise):
    rng = np.random.default_rng(0)
    of = rng.integers(0, 2, 600)
    X = np.stack([of, 4 * of + 0.3 * rng.normal(size=600), rng.normal(size=600)], 1)
    for objective in ([noise, Variational(condition=0)], [Variational(condition=0), noise]):
        ae = Autoencoder(2, objective=objective, max_epochs=60, random_state=0).fit(X)
        means = [ae.sample(500, 0, condition={0: k})[:, 1].mean() for k in (0, 1)]
        np.testing.assert_allclose(means, [0, 4], atol=0.4)


def test_a_penalty_on_one_layer_beside_what_is_given():
    X = np.random.default_rng(0).normal(size=(60, 5))
    ae = Autoencoder(3, hidden=(), objective=[Contractive(), Variational(condition=0)], max_epochs=2).fit(X)
    assert np.isfinite(ae.history_["contraction"]).all()


@pytest.mark.parametrize("other", [Sparse("topk", k=1), Variational(), "ordered", "adversarial"], ids=str)
def test_what_works_on_the_code_is_refused_beside_what_is_given(other):
    X = np.random.default_rng(0).normal(size=(60, 5))
    for objective in ([other, Variational(condition=0)], [Variational(condition=0), other]):
        with pytest.raises(ParameterError, match="leave one of the two out"):
            Autoencoder(3, objective=objective, max_epochs=1).fit(X)


def test_missing_cells_do_not_change_the_weight_of_the_divergence():
    """Each row lacks as many cells: then the loss is the plain bound per observed value."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5))
    X[np.arange(200), rng.integers(0, 5, 200)] = np.nan
    ae = Autoencoder(2, objective=Variational(variance=1.0), max_epochs=0, random_state=0).fit(X)
    step = Step(ae.network_, ae._model.objective, ae._model.loss)
    prepared = ae.preparation_.transform(ae._given(X))
    with torch.no_grad():
        parts = step(prepared.x, prepared.mask)[1]
    assert float(parts["divergence"]) == pytest.approx(ae.kl_by_unit(X).sum() / 4, rel=1e-4)
