"""Codes from a codebook: vectors that follow their rows, integers, and back."""

import numpy as np
import pytest
import torch
from torch import nn

from isthmus import Autoencoder, VectorQuantised, load
from isthmus.exceptions import DataError, ParameterError
from isthmus.networks import Network
from isthmus.objectives import Variational


def bound(rows=None, **given):
    torch.manual_seed(0)
    objective = VectorQuantised(**given)
    objective.begin((2,), 2)
    net = Network(nn.Identity(), nn.Identity())
    net.own = objective.make((2,), 2)
    objective = objective.bind(net)
    if rows is not None:
        with torch.no_grad():
            objective.start(rows, None)
    return objective, net


def heaps(n=200):
    generator = torch.Generator().manual_seed(1)
    centres = torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0], [5.0, 5.0]])
    return centres.repeat(n // 4, 1) + 0.1 * torch.randn(n, 2, generator=generator)


def test_the_code_is_the_nearest_vector():
    x = heaps()
    objective, net = bound(x, codes=16)
    distances = torch.cdist(x, net.own.vectors[0])
    assert torch.equal(objective.indices(x)[:, 0], distances.argmin(1))
    assert torch.equal(objective.encode(x), net.own.vectors[0][distances.argmin(1)])
    assert float((objective.encode(x) - x).square().mean()) < 0.01


def test_levels_take_what_is_left():
    x = heaps()
    errors = [float((bound(x, codes=4, levels=levels)[0].encode(x) - x).square().mean()) for levels in (1, 2, 3)]
    assert errors[2] < errors[1] < errors[0]
    objective, _ = bound(x, codes=4, levels=3)
    index = objective.indices(x)
    assert index.shape == (200, 3)
    assert torch.equal(objective.vectors(index), objective.encode(x))


def test_gradients_pass_the_choice():
    x = heaps().requires_grad_()
    objective, _ = bound(x.detach(), codes=4)
    z, terms = objective.code(x)
    (grad,) = torch.autograd.grad((z * torch.arange(2.0)).sum(), x, retain_graph=True)
    assert torch.equal(grad, torch.tensor([0.0, 1.0]).expand(200, 2))
    (grad,) = torch.autograd.grad(terms["commitment"], x)
    paid = 0.25 * (x - z).detach().square().mean().item()
    assert terms["commitment"].item() == pytest.approx(paid, rel=1e-4)
    torch.testing.assert_close(grad, 0.25 * 2 * (x - z).detach() / x.numel())


def test_vectors_go_to_the_mean_of_their_rows_in_training_alone():
    x = heaps()
    objective, net = bound(x, codes=4, decay=0.5, revive=0.0)
    before = net.own.vectors.clone()
    net.eval()
    objective.code(x + 0.3)
    net.train()
    with torch.no_grad():
        objective.code(x + 0.3)
    assert torch.equal(net.own.vectors, before)
    for _ in range(30):
        objective.code(x + 0.3)
    torch.testing.assert_close(net.own.vectors, before + 0.3, atol=1e-3, rtol=0)


def test_dead_vectors_come_back_to_life():
    x = heaps()
    objective, net = bound(x, codes=8, decay=0.5)
    with torch.no_grad():
        net.own.vectors[0, 2:] = 100.0
    assert len(objective.indices(x).unique()) == 2
    for _ in range(20):
        objective.code(x)
    assert net.own.vectors.max() < 10
    assert len(objective.indices(x).unique()) == 8


def test_a_vector_that_came_back_stays_while_its_share_lasts():
    x = heaps()
    objective, net = bound(x, codes=4, decay=0.9)
    with torch.no_grad():
        net.own.vectors[0, 3], net.own.shares[0, 3], net.own.sums[0, 3] = 100.0, 0.0, 0.0
    objective.code(x)
    back = net.own.vectors[0, 3].clone()
    assert bool((x == back).all(1).any())
    assert net.own.shares[0, 3].item() == pytest.approx(1 / 4)
    for _ in range(5):
        objective.code(net.own.vectors[0, :1].expand(20, 2))
    torch.testing.assert_close(net.own.vectors[0, 3], back)


def test_integers_and_back(tmp_path):
    X = np.random.default_rng(0).normal(size=(120, 5)).astype(np.float32)
    ae = Autoencoder(3, objective=VectorQuantised(codes=16, levels=2), max_epochs=3, random_state=0).fit(X)
    index = ae.code_indices(X)
    assert index.shape == (120, 2)
    assert index.dtype == np.int64
    assert index.min() >= 0
    assert index.max() < 16
    np.testing.assert_allclose(ae.from_indices(index), ae.reconstruct(X), atol=1e-5)
    ae.save(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").code_indices(X), index)
    for wrong in (index[:, :1], index.astype(float), index + 16, -1 - index, index[:0]):
        with pytest.raises(DataError, match="indices"):
            ae.from_indices(wrong)
    with pytest.raises(ParameterError, match="no codebook"):
        Autoencoder(2, max_epochs=0).fit(X).code_indices(X)


def test_one_level_draws_its_own_vectors():
    X = np.random.default_rng(0).normal(size=(100, 4))
    ae = Autoencoder(2, objective=VectorQuantised(codes=8), max_epochs=3, random_state=0).fit(X)
    drawn = ae._inference.draw(50, 0)
    vectors = ae.network_.own.vectors[0].numpy()
    assert (np.abs(drawn[:, None] - vectors).max(2).min(1) == 0).all()
    assert ae.sample(4, random_state=0).shape == (4, 4)


def test_in_a_list_it_quantises_the_code_so_far():
    X = np.random.default_rng(0).normal(size=(60, 4))
    ae = Autoencoder(2, objective=[Variational(0.1), VectorQuantised(codes=4)], max_epochs=2, random_state=0).fit(X)
    assert len(np.unique(ae.transform(X), axis=0)) <= 4
    np.testing.assert_allclose(ae.from_indices(ae.code_indices(X)), ae.reconstruct(X), atol=1e-4)


@pytest.mark.parametrize(
    "given",
    [{"codes": 1}, {"codes": 2.5}, {"levels": 0}, {"decay": 1.0}, {"revive": 2}, {"commitment": -1}],
)
def test_what_cannot_be_used_is_refused(given):
    with pytest.raises(ParameterError, match=next(iter(given))):
        VectorQuantised(**given).begin((6,), 3)
