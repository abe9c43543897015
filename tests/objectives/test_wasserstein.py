"""Codes brought to a prior by their discrepancy from its draws."""

import numpy as np
import pytest
import torch

from isthmus import Autoencoder, Wasserstein
from isthmus.exceptions import ParameterError
from isthmus.objectives.matching import PRIORS, SCALES, SQUARE, discrepancy, draw_like


def test_the_discrepancy_is_the_u_statistic_by_hand():
    generator = torch.Generator().manual_seed(0)
    z, drawn = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)

    def kernel(a, b):
        wide = [scale * 2 * 3 for scale in SCALES]
        return sum(w / (w + float((a - b).square().sum())) for w in wide) / len(wide)

    pairs = [(i, j) for i in range(5) for j in range(5) if i != j]
    within = sum(kernel(z[i], z[j]) + kernel(drawn[i], drawn[j]) for i, j in pairs) / 20
    across = sum(kernel(a, b) for a in z for b in drawn) / 25
    assert float(discrepancy(z, drawn, "normal")) == pytest.approx(within - 2 * across)


@pytest.mark.parametrize("prior", PRIORS)
def test_draws_of_the_prior_are_at_no_distance(prior):
    torch.manual_seed(0)
    like = torch.zeros(256, 3)
    found = torch.stack([discrepancy(draw_like(like, prior), draw_like(like, prior), prior) for _ in range(100)])
    assert float(found.mean().abs()) < 4 * float(found.std()) / 10
    far = discrepancy(draw_like(like, prior) + 1, draw_like(like, prior), prior)
    assert float(far) > 10 * float(found.std())
    assert float(draw_like(torch.zeros(4000, 1), prior).square().mean()) == pytest.approx(SQUARE[prior], rel=0.1)


def test_a_single_code_costs_nothing_and_has_a_gradient():
    z = torch.ones(1, 2, requires_grad=True)
    discrepancy(z, torch.zeros(1, 2), "normal").backward()
    assert z.grad is not None
    assert not z.grad.any()


def two_halves(n=600):
    """Rows whose codes, left alone, are in two heaps."""
    rng = np.random.default_rng(0)
    side = np.sign(rng.normal(size=n))
    t = np.stack([side * (1 + rng.random(n)), rng.normal(size=n)], 1)
    return np.concatenate([t, t @ rng.normal(size=(2, 3))], 1) + 0.02 * rng.normal(size=(n, 5))


def distance(ae, X, prior="normal"):
    z = torch.as_tensor(ae.transform(X), dtype=torch.float64)
    torch.manual_seed(0)
    return float(discrepancy(z, draw_like(z, prior), prior))


def test_codes_follow_the_prior():
    X = two_halves()
    plain = Autoencoder(2, max_epochs=25, random_state=0).fit(X)
    ae = Autoencoder(2, objective=Wasserstein(), max_epochs=25, random_state=0).fit(X)
    assert distance(ae, X) < 0.5 * distance(plain, X)
    assert ae.score(X) > 0.9
    codes = ae._inference.draw(2000, 0)
    np.testing.assert_allclose(codes.mean(0), 0, atol=0.1)
    np.testing.assert_allclose(codes.std(0), 1, atol=0.1)


@pytest.mark.parametrize("given", [{"weight": -1}, {"prior": "cauchy"}])
def test_what_cannot_be_used_is_refused(given):
    with pytest.raises(ParameterError, match=next(iter(given))):
        Wasserstein(**given).begin((6,), 3)
