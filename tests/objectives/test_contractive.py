"""The penalty on the encoder's Jacobian: exact where it is written out, unbiased elsewhere, and not to be dodged."""

import numpy as np
import pytest
import torch
from torch import nn

from isthmus import Autoencoder, Contractive, Sparse
from isthmus.exceptions import ParameterError
from isthmus.networks import Layout, LinearPath, Network
from isthmus.objectives import Batch, Chain, Denoising, make_loss


def network(encoder, width=3, **given):
    return Network(encoder, nn.Linear(width, 6), **given).double()


def bound(net, width=3, **given):
    objective = Contractive(1.0, **given)
    objective.begin((6,), width)
    net.own = objective.make((6,), width).double()
    return objective.bind(net)


def batch_of(net, x):
    h = net.encode(x)
    return Batch(x, None, x, None, h, h, net.decode(h), make_loss("mse"))


def by_autograd(net, x, variance):
    jacobians = torch.stack([torch.autograd.functional.jacobian(lambda r: net.encode(r[None])[0], row) for row in x])
    return (jacobians.square().sum(2) / variance).mean()


def rows(n=40):
    return torch.randn(n, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


ONE_LAYER = {
    "linear": (lambda: nn.Linear(6, 3), {}),
    "sigmoid": (lambda: nn.Sequential(nn.Linear(6, 3), nn.Sigmoid()), {}),
    "tanh": (lambda: nn.Linear(6, 3), {"code_activation": nn.Tanh()}),
    "beside": (lambda: nn.Sequential(nn.Linear(6, 3)), {"linear": LinearPath((6,), 3)}),
}
DEEP = {
    "deep": (lambda: nn.Sequential(nn.Linear(6, 8), nn.SiLU(), nn.Linear(8, 3)), {}),
    "deep beside": (
        lambda: nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)),
        {"linear": LinearPath((6,), 3)},
    ),
    "bent beside": (lambda: nn.Sequential(nn.Linear(6, 3), nn.Tanh()), {"linear": LinearPath((6,), 3)}),
}


@pytest.mark.parametrize("name", ONE_LAYER | DEEP)
def test_the_penalty_is_that_of_autograd(name):
    make, given = (ONE_LAYER | DEEP)[name]
    torch.manual_seed(0)
    net = network(make(), **given)
    x, objective = rows(), bound(net, probes=3)
    with torch.no_grad():
        objective.start(x, None)
    batch = batch_of(net, x)
    assert (objective._one_layer(batch) is not None) == (name in ONE_LAYER)
    expected = by_autograd(net, x, objective.own.variance)
    net.eval()
    torch.testing.assert_close(objective.terms(batch)["contraction"], expected)
    torch.testing.assert_close(objective._estimated(batch), expected)


@pytest.mark.parametrize("probes", [1, 2])
def test_the_estimate_agrees_with_the_closed_form(probes):
    torch.manual_seed(0)
    net = network(nn.Sequential(nn.Linear(6, 3), nn.Tanh())).eval()
    x, objective = rows(), bound(net, probes=probes).bind(net)
    with torch.no_grad():
        objective.start(x, None)
    batch = batch_of(net, x)
    net.eval()
    with torch.no_grad():
        drawn = torch.stack([objective._estimated(batch) for _ in range(600)])
        exact = objective.terms(batch)["contraction"]
    assert float((drawn.mean() - exact).abs()) < 4 * float(drawn.std()) / 600**0.5
    assert float(drawn.std()) > 0


@pytest.mark.parametrize("encoder", ["sigmoid", "deep"])
def test_a_smaller_code_wins_nothing(encoder):
    """Neither by its value, nor by the gradient along its scale."""
    make, _ = (ONE_LAYER | DEEP)[encoder]
    torch.manual_seed(0)
    inner = network(make())

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.size = inner.encoder, nn.Parameter(torch.ones(3, dtype=torch.float64))

        def forward(self, x):
            return self.inner(x) * self.size

    net = network(Scaled())
    x, objective = rows(400), bound(net, probes=3)
    with torch.no_grad():
        objective.start(x, None)
    objective.own.eval()
    term = objective.terms(batch_of(net, x))["contraction"]
    (slope,) = torch.autograd.grad(term, net.encoder.size)
    assert float(slope.abs().max()) < 1e-9 * float(term.detach())
    with torch.no_grad():
        net.encoder.size.copy_(torch.tensor([0.1, 1.0, 7.0]))
    with torch.no_grad():
        objective.start(x, None)
    torch.testing.assert_close(objective.terms(batch_of(net, x))["contraction"], term)


def test_the_running_variance_follows_in_training_alone():
    net = network(nn.Linear(6, 3))
    objective = bound(net)
    before = objective.own.variance.clone()
    net.eval()
    objective.terms(batch_of(net, rows()))
    net.train()
    with torch.no_grad():
        objective.terms(batch_of(net, rows()))
    objective.terms(batch_of(net, rows(1)))
    assert torch.equal(objective.own.variance, before)
    objective.terms(batch_of(net, rows()))
    assert not torch.equal(objective.own.variance, before)


def test_a_unit_that_does_not_vary_costs_nothing():
    net = network(nn.Linear(6, 3))
    with torch.no_grad():
        net.encoder.weight[1] = 0
    objective = bound(net, probes=3)
    with torch.no_grad():
        objective.start(rows(), None)
    term = objective.terms(batch_of(net, rows()))["contraction"]
    term.backward()
    assert torch.isfinite(term)
    assert torch.isfinite(net.encoder.weight.grad).all()


def test_in_a_list_it_is_the_code_so_far_that_contracts():
    torch.manual_seed(0)
    net = network(nn.Linear(6, 3))
    parts = [Denoising("mask"), Sparse("kl"), Contractive(1.0, probes=3)]
    chain = Chain(parts)
    chain.begin((6,), 3)
    net.own = chain.make((6,), 3)
    net.double().eval()
    last = chain.bind(net).objectives[2]
    x = rows()
    with torch.no_grad():
        last.start(x, None)
    squashed = network(nn.Sequential(net.encoder, nn.Sigmoid()))
    expected = by_autograd(squashed, x, last.own.variance)
    torch.testing.assert_close(last.terms(batch_of(net, x))["contraction"], expected)


def test_a_fit_contracts():
    rng = np.random.default_rng(0)
    X = np.tanh(rng.normal(size=(300, 2)) @ rng.normal(size=(2, 6))) + 0.3 * rng.normal(size=(300, 6))
    free, held = (
        Autoencoder(2, objective=Contractive(weight), max_epochs=15, random_state=0).fit(X) for weight in (0.0, 1.0)
    )
    moved = []
    for ae in (free, held):
        codes, other = ae.transform(X), ae.transform(X + 0.05 * np.random.default_rng(1).normal(size=X.shape))
        moved.append((((other - codes) / codes.std(0)) ** 2).mean())
    assert moved[1] < 0.7 * moved[0]


@pytest.mark.parametrize("layout", [Layout((5, 2), 2, 2, (8,), zero_start=False)])
@pytest.mark.parametrize("cell", ["lstm", "gru", "conv", "dense"])
def test_gradients_pass_every_family(cell, layout):
    from isthmus.networks import FAMILIES

    encoder, decoder = FAMILIES[cell][2].build(layout)
    net = Network(encoder, decoder)
    objective = Contractive(probes=1)
    objective.begin((5, 2), 2)
    net.own = objective.make((5, 2), 2)
    x = torch.randn(8, 5, 2)
    objective.bind(net).terms(batch_of(net, x))["contraction"].backward()
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in encoder.parameters() if p.ndim > 1)


@pytest.mark.parametrize("given", [{"weight": -1}, {"probes": 0}, {"probes": 1.5}, {"probes": True}])
def test_what_cannot_be_used_is_refused(given):
    with pytest.raises(ParameterError, match=next(iter(given))):
        Contractive(**given).begin((6,), 3)
