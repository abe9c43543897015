"""The divergence against torch's own, the draw, and the code that does not draw."""

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from torch.distributions import Normal, kl_divergence

from isthmus import Autoencoder, Variational
from isthmus.objectives.variational import LEAST, MOST

H = torch.randn(50, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def begun(beta=1.0, shape=(1,), latent_dim=3):
    variational = Variational(beta)
    variational.begin(shape, latent_dim)
    return variational


@pytest.mark.parametrize("shape", [(1,), (10,), (3, 8, 8)])
@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_the_term_is_the_divergence_per_value(beta, shape):
    _, terms = begun(beta, shape).code(H)
    posterior = Normal(H[:, :3], (H[:, 3:] / 2).exp())
    theirs = kl_divergence(posterior, Normal(0.0, 1.0)).sum(1).mean()
    assert set(terms) == {"divergence"}
    assert terms["divergence"].item() == pytest.approx(beta * theirs.item() / np.prod(shape))


def test_the_divergence_of_the_prior_is_zero_and_extremes_are_finite():
    assert begun().code(torch.zeros(4, 6))[1]["divergence"].item() == 0
    for edge in (-1e4, 1e4):
        h = torch.full((4, 6), edge, requires_grad=True)
        z, terms = begun().code(h)
        (z.sum() + terms["divergence"]).backward()
        assert torch.isfinite(z).all()
        assert torch.isfinite(h.grad).all()


def test_the_draw_has_the_mean_and_the_deviation_of_the_posterior():
    h = torch.tensor([[1.0, -2.0, 0.5, 0.0, 2.0, -3.0]]).repeat(40_000, 1)
    z, _ = begun().code(h)
    torch.testing.assert_close(z.mean(0), h[0, :3], atol=0.06, rtol=0)
    torch.testing.assert_close(z.std(0), (h[0, 3:] / 2).exp(), atol=0, rtol=0.02)
    assert not torch.equal(z, begun().code(h)[0])


def test_log_variances_are_held_within_bounds():
    for edge, bound in ((-1e3, LEAST), (1e3, MOST)):
        h = torch.cat([torch.zeros(5000, 1), torch.full((5000, 1), edge)], 1)
        z, _ = begun(latent_dim=1).code(h)
        assert z.std().item() == pytest.approx(np.exp(bound / 2), rel=0.05)


def test_the_code_is_the_mean():
    variational = begun()
    assert variational.code_dim(3) == 6
    assert torch.equal(variational.encode(H), H[:, :3])
    assert torch.equal(variational.encode(H), variational.encode(H))
    assert not variational.is_plain()


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    return np.tanh(rng.normal(size=(300, 2)) @ rng.normal(size=(2, 8)))


@pytest.mark.filterwarnings("ignore:Posterior collapse")
def test_transform_draws_nothing_and_more_beta_keeps_codes_nearer_to_zero(rows):
    sizes = []
    for beta in (0.01, 1.0, 20.0):
        ae = Autoencoder(2, objective=Variational(beta), max_epochs=30, random_state=0).fit(rows)
        codes = ae.transform(rows)
        np.testing.assert_array_equal(codes, ae.transform(rows))
        np.testing.assert_array_equal(ae.reconstruct(rows), ae.reconstruct(rows))
        sizes.append(codes.std())
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.filterwarnings("ignore:Posterior collapse")
def test_grid_search_over_beta(rows):
    ae = Autoencoder(2, objective=Variational(), max_epochs=15, random_state=0)
    search = GridSearchCV(ae, {"objective__beta": [50.0, 0.1]}, cv=2).fit(rows)
    assert search.best_params_ == {"objective__beta": 0.1}
    assert search.best_estimator_.objective.beta == 0.1
    assert ae.objective.beta == 1.0
