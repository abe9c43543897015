"""Codes brought to a prior by a discriminator, which is trained in the same loop."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from isthmus import Adversarial, Autoencoder
from isthmus.exceptions import ParameterError
from isthmus.networks import Network
from isthmus.objectives import Rival
from isthmus.objectives.matching import discrepancy, draw_like


def bound(**given):
    torch.manual_seed(0)
    objective = Adversarial(hidden=(8,), **given)
    objective.begin((4,), 2)
    net = Network(nn.Linear(4, 2), nn.Linear(2, 4))
    net.own = objective.make((4,), 2)
    return objective.bind(net), net


def test_each_term_moves_its_own_side_alone():
    objective, net = bound()
    h = net.encode(torch.randn(16, 4))
    _, terms = objective.code(h)
    grads = torch.autograd.grad(terms["adversary"], [*net.own.parameters(), h], allow_unused=True, retain_graph=True)
    assert all(grad is None for grad in grads[:-1])
    assert grads[-1].abs().sum() > 0
    grads = torch.autograd.grad(terms["discriminator"], [*net.own.parameters(), h], allow_unused=True)
    assert all(grad is not None for grad in grads[:-1])
    assert grads[-1] is None


def test_the_discriminator_pays_for_its_slope():
    """One layer has the same squared slope, 3 * 3 + 4 * 4, everywhere."""
    paid = []
    for penalty in (0.0, 0.2):
        objective, _ = bound(penalty=penalty)
        objective.own = Rival(nn.Linear(2, 1))
        with torch.no_grad():
            objective.own.module.weight.copy_(torch.tensor([[3.0, 4.0]]))
            objective.own.module.bias.zero_()
        torch.manual_seed(1)
        paid.append(objective.code(torch.zeros(16, 2))[1]["discriminator"].item())
    assert paid[1] - paid[0] == pytest.approx(0.5 * 0.2 * 25, rel=1e-4)


def test_the_discriminator_is_a_rival():
    _, net = bound(rate=0.5)
    assert isinstance(net.own, Rival)
    assert net.own.rate == 0.5


def test_what_is_measured_is_the_distance_not_the_game():
    objective, net = bound()
    h = net.encode(torch.randn(64, 4))
    with torch.no_grad():
        _, measured = objective.code(h)
    _, trained = objective.code(h)
    assert measured.keys() == trained.keys()
    assert float(measured["discriminator"]) == 0
    assert float(trained["discriminator"].detach()) > 0.5


def two_heaps(n=800):
    """Rows whose codes, left alone, are in two heaps."""
    rng = np.random.default_rng(0)
    t = rng.uniform(size=(n, 2)) ** 2
    u, v = t[:, 0], np.where(rng.random(n) < 0.5, t[:, 1] + 2, -t[:, 1] - 1)
    return np.stack([np.sin(3 * u), np.cos(3 * u), v, v**2, u * v], 1) + 0.02 * rng.normal(size=(n, 5))


def distance(ae, X, prior="normal"):
    z = torch.as_tensor(ae.transform(X), dtype=torch.float64)
    torch.manual_seed(0)
    return float(discrepancy(z, draw_like(z, prior), prior))


def test_codes_follow_the_prior():
    X = two_heaps()
    plain = Autoencoder(2, max_epochs=30, random_state=0).fit(X)
    ae = Autoencoder(2, objective=Adversarial(), max_epochs=50, batch_size=64, random_state=0).fit(X)
    assert distance(ae, X) < 0.3 * distance(plain, X)
    assert ae.score(X) > 0.9
    assert np.isfinite(ae.history_["discriminator"]).all()
    assert ae.sample(5, random_state=0).shape == (5, 5)


def test_the_game_does_not_take_over_where_many_pixels_say_little():
    X = load_digits().data / 16
    given = {"hidden": (64,), "loss": "bce", "scaling": "none", "max_epochs": 20, "random_state": 0}
    plain = Autoencoder(8, **given).fit(X)
    ae = Autoencoder(8, objective=Adversarial(), **given).fit(X)
    assert distance(ae, X) < 0.1 * distance(plain, X)
    assert ae.score(X) > 0.962 * plain.score(X)


def test_single_rows_and_members():
    X = two_heaps(40)
    ae = Autoencoder(2, objective=Adversarial(hidden=(4,)), members=2, max_epochs=1, random_state=0).fit(X)
    first, second = (network.own.module[0].weight for network in ae.network_.networks)
    assert not torch.equal(first, second)
    Autoencoder(1, objective=Adversarial(0.1, "uniform"), batch_size=1, max_epochs=1).fit(X[:3])


@pytest.mark.parametrize(
    "given",
    [
        *({"weight": -1}, {"prior": "cauchy"}, {"rate": 0}, {"penalty": -1.0}),
        *({"hidden": (0,)}, {"hidden": "64"}, {"hidden": 64}, {"hidden": b"@"}),
    ],
)
def test_what_cannot_be_used_is_refused(given):
    with pytest.raises(ParameterError, match=next(iter(given))):
        Adversarial(**given).begin((6,), 3)
