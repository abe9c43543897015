"""Penalties in closed form, and codes with as many units as asked for."""

import numpy as np
import pytest
import torch
from scipy.special import expit, kl_div

from isthmus import Autoencoder, Sparse

H = torch.randn(50, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_l1_is_the_mean_absolute_value():
    z, terms = Sparse("l1", 0.3).code(H)
    assert z is H
    assert set(terms) == {"sparsity"}
    assert terms["sparsity"].item() == pytest.approx(0.3 * np.abs(H.numpy()).mean())


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.5, 0.9])
def test_kl_is_the_divergence_of_bernoulli_units(rate):
    z, terms = Sparse("kl", 0.3, rate=rate).code(H)
    means = expit(H.numpy()).mean(0)
    np.testing.assert_allclose(z.numpy(), expit(H.numpy()))
    theirs = (kl_div(rate, means) + kl_div(1 - rate, 1 - means)).sum()
    assert terms["sparsity"].item() == pytest.approx(0.3 * theirs)
    units = torch.distributions.Bernoulli(torch.from_numpy(means))
    wanted = torch.distributions.Bernoulli(torch.tensor(rate, dtype=torch.float64))
    assert theirs == pytest.approx(torch.distributions.kl_divergence(wanted, units).sum().item())


def test_kl_is_zero_at_the_rate_and_finite_at_the_edges():
    h = torch.full((3, 4), 0.05, dtype=torch.float64).logit()
    assert Sparse("kl", rate=0.05).code(h)[1]["sparsity"].item() == pytest.approx(0, abs=1e-12)
    for edge in (-1e4, 1e4):
        h = torch.full((3, 4), edge, requires_grad=True)
        term = Sparse("kl", rate=0.05).code(h)[1]["sparsity"]
        term.backward()
        assert torch.isfinite(term)
        assert torch.isfinite(h.grad).all()


@pytest.mark.parametrize("k", [1, 3, 7])
def test_topk_keeps_the_k_largest_magnitudes(k):
    z, terms = Sparse("topk", k=k).code(H)
    assert terms == {}
    assert ((z != 0).sum(1) == k).all()
    kept = z != 0
    assert torch.equal(z[kept], H[kept]), "as they were"
    for row, chosen in zip(H.abs(), kept, strict=True):
        assert row[chosen].min() >= row[~chosen].max() if k < 7 else chosen.all()


def test_topk_keeps_k_among_equals_and_hands_gradients_to_them_alone():
    h = torch.ones(2, 5, requires_grad=True)
    z = Sparse("topk", k=2).encode(h)
    assert (z != 0).sum(1).tolist() == [2, 2]
    z.sum().backward()
    assert torch.equal(h.grad != 0, z != 0)


@pytest.mark.parametrize(("width", "active"), [(1, 1), (3, 1), (8, 2), (9, 2)])
def test_topk_keeps_a_quarter_by_default(width, active):
    assert Sparse("topk").active(width) == active
    assert ((Sparse("topk").encode(torch.randn(4, width)) != 0).sum(1) == active).all()


@pytest.mark.parametrize("kind", ["l1", "kl", "topk"])
def test_the_code_in_training_is_the_code_afterwards(kind):
    sparse = Sparse(kind)
    assert torch.equal(sparse.code(H)[0], sparse.encode(H))
    assert sparse.code_dim(5) == 5
    assert not sparse.is_plain()


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    return rng.laplace(size=(300, 4)) @ rng.normal(size=(4, 10))


@pytest.mark.parametrize("k", [1, 3])
def test_topk_codes_of_an_autoencoder(rows, k):
    ae = Autoencoder(6, objective=Sparse("topk", k=k), max_epochs=20, random_state=0).fit(rows)
    codes = ae.transform(rows)
    assert (np.count_nonzero(codes, axis=1) == k).all()
    np.testing.assert_array_equal(codes, ae.transform(rows))
    assert ae.score(rows) > 0


def test_more_weight_makes_codes_smaller(rows):
    sizes = [
        np.abs(
            Autoencoder(4, objective=Sparse("l1", w), max_epochs=30, random_state=0).fit(rows).transform(rows)
        ).mean()
        for w in (0.0, 0.1, 1.0)
    ]
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.parametrize("rate", [0.1, 0.4])
def test_kl_units_are_active_at_the_rate(rows, rate):
    ae = Autoencoder(4, objective=Sparse("kl", 1.0, rate=rate), max_epochs=60, random_state=0).fit(rows)
    codes = ae.transform(rows)
    assert codes.min() >= 0
    assert codes.max() <= 1
    np.testing.assert_allclose(codes.mean(0), rate, atol=0.05)
