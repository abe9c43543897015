"""Kinds of sparse code by statistics of batches: running means, thresholds, winners."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from isthmus import Autoencoder, Sparse
from isthmus.exceptions import ParameterError
from isthmus.networks import Network
from isthmus.objectives.sparse_kinds import BANDWIDTH, FIRST_THRESHOLD


def bound(kind, width, size=3, **given):
    """An objective on a network that is linear, in training."""
    objective = Sparse(kind, **given)
    objective.begin((size,), width)
    torch.manual_seed(0)
    network = Network(nn.Linear(size, width), nn.Linear(width, size))
    network.own = objective.make((size,), width)
    return objective.bind(network), network


def drawn(n, width, seed=0):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    return (rng.laplace(size=(900, 6)) @ rng.normal(size=(6, 10))).astype(np.float32)


def test_kl_judges_small_batches_by_the_mean_of_many():
    objective, network = bound("kl", 5, rate=0.2)
    h = drawn(16000, 5) - 1
    for batch in h.split(8):
        _, terms = objective.code(batch)
    mean = network.own.mean
    torch.testing.assert_close(mean, h.sigmoid().mean(0), atol=0.02, rtol=0)
    wanted = 0.2 * torch.log(0.2 / mean) + 0.8 * torch.log(0.8 / (1 - mean))
    assert terms["sparsity"].item() == pytest.approx(0.1 * wanted.sum().item(), rel=1e-5)


def test_the_gradient_of_kl_is_that_of_the_running_mean_handed_to_the_batch():
    objective, network = bound("kl", 2, rate=0.2, weight=1.0)
    network.own.mean.fill_(0.6)
    h = torch.zeros(4, 2, requires_grad=True)
    objective.code(h)[1]["sparsity"].backward()
    mean = 0.6 + (0.5 - 0.6) * 4 / 2048
    slope = -0.2 / mean + 0.8 / (1 - mean)
    torch.testing.assert_close(h.grad, torch.full((4, 2), slope / 4 * 0.25))


def test_kl_starts_at_the_mean_of_rows_and_keeps_it_while_measured():
    objective, network = bound("kl", 4)
    x = drawn(50, 3)
    with torch.no_grad():
        objective.start(x, None)
    torch.testing.assert_close(network.own.mean, network.encode(x).sigmoid().mean(0))
    before = network.own.mean.clone()
    network.eval()
    objective.code(drawn(50, 4))
    assert torch.equal(network.own.mean, before)


def test_kl_reaches_its_rate_on_small_batches(rows):
    ae = Autoencoder(
        4, objective=Sparse("kl", 1.0, rate=0.1), batch_size=8, max_epochs=20, random_state=0, validation_fraction=0
    ).fit(rows)
    np.testing.assert_allclose(ae.transform(rows).mean(0), 0.1, atol=0.03)


@pytest.mark.parametrize(("width", "wide"), [(3, False), (20, True)])
@pytest.mark.parametrize("n", [1, 7, 64])
def test_batch_topk_keeps_k_times_n_in_training(width, wide, n):
    objective, network = bound("batch_topk", width, k=2)
    assert objective.wide is wide
    h = drawn(n, width) + (3 if wide else 0)
    z, terms = objective.code(h)
    assert "sparsity" not in terms
    kept = z != 0
    assert int(kept.sum()) == 2 * n
    assert torch.equal(z[kept], h[kept])
    sizes = h.abs()
    assert sizes[kept].min() >= sizes[~kept].max()
    if n == 64:
        assert len(set(kept.sum(1).tolist())) > 1, "some rows have more, some fewer"
    assert network.own.threshold > 0


def test_the_threshold_of_batch_topk_is_what_batches_came_to():
    objective, network = bound("batch_topk", 50, k=5)
    with torch.no_grad():
        objective.start(drawn(400, 3), None)
    for seed in range(60):
        objective.code(drawn(256, 50, seed))
    # A tenth of normal values lies above this.
    assert float(network.own.threshold) == pytest.approx(1.2816, abs=0.02)
    network.eval()
    h = drawn(2000, 50, 99)
    z = objective.encode(h)
    assert torch.equal(z, objective.code(h)[0]), "measured as it is used"
    assert float((z > 0).sum(1).float().mean()) == pytest.approx(5, rel=0.03)
    assert torch.equal(z[17:18], objective.encode(h[17:18])), "whatever rows are beside it"


@pytest.mark.parametrize("width", [8, 30])
def test_batch_topk_codes_of_rows_held_out(rows, width):
    ae = Autoencoder(
        width, hidden=(), objective=Sparse("batch_topk", k=3), max_epochs=15, batch_size=64, random_state=0
    ).fit(rows[:600])
    codes = ae.transform(rows[600:])
    assert (codes != 0).sum(1).mean() == pytest.approx(3, rel=0.1)
    np.testing.assert_allclose(ae.transform(rows[600:601]), codes[:1], atol=1e-6)


def test_jumprelu_hands_its_thresholds_the_pseudo_derivatives():
    """By hand from eqs. 11 and 12 of Rajamanoharan et al. (2024): -theta / eps and -1 / eps within eps / 2, else 0."""
    objective, network = bound("jumprelu", 3, weight=0.5)
    threshold = torch.tensor([0.5, 1.0, 2.0])
    with torch.no_grad():
        network.own.log_threshold.copy_(threshold.log())
    near = BANDWIDTH / 4
    h = torch.tensor([[0.5 + near, 1.0 - near, 5.0], [0.2, 1.0 + near, 2.0 - near]], requires_grad=True)
    z, terms = objective.code(h)
    above = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    torch.testing.assert_close(z, h * above)
    assert terms["sparsity"].item() == pytest.approx(0.5 * 3 / 6)

    wrong = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    by_h, by_log = torch.autograd.grad(z, [h, network.own.log_threshold], wrong, retain_graph=True)
    torch.testing.assert_close(by_h, wrong * above)
    inside = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    by_threshold = (-threshold / BANDWIDTH * inside * wrong).sum(0)
    torch.testing.assert_close(by_log, by_threshold * threshold)

    by_h, by_log = torch.autograd.grad(terms["sparsity"], [h, network.own.log_threshold], allow_unused=True)
    assert by_h is None or not by_h.any(), "the count pulls at thresholds alone"
    torch.testing.assert_close(by_log, -0.5 / 6 / BANDWIDTH * inside.sum(0) * threshold)


def test_the_penalty_of_jumprelu_is_nothing_where_k_are_active():
    objective, _ = bound("jumprelu", 4, k=2)
    h = torch.full((3, 4), -1.0)
    h[:, :2] = 1.0
    assert objective.code(h)[1]["sparsity"].item() == 0
    h[:, 2] = 1.0
    assert objective.code(h)[1]["sparsity"].item() == pytest.approx(0.1 * 10 * 0.5**2)


def test_jumprelu_starts_where_k_are_active():
    objective, network = bound("jumprelu", 40, k=5)
    x = 10 * drawn(500, 3)
    with torch.no_grad():
        objective.start(x, None)
        active = (objective.encode(network.encode(x)) > 0).sum(1).float().mean()
    assert float(active) == pytest.approx(5, abs=0.1)
    objective, network = bound("jumprelu", 40)
    with torch.no_grad():
        objective.start(x, None)
    torch.testing.assert_close(network.own.log_threshold.exp(), torch.full((40,), FIRST_THRESHOLD))


@pytest.mark.parametrize("width", [8, 30])
def test_jumprelu_reaches_k(rows, width):
    ae = Autoencoder(
        width, hidden=(), objective=Sparse("jumprelu", k=3), max_epochs=60, batch_size=64, random_state=0
    ).fit(rows[:600])
    codes = ae.transform(rows[600:])
    assert codes.min() >= 0
    assert (codes > 0).sum(1).mean() == pytest.approx(3, rel=0.2)
    assert ae.score(rows[600:]) > 0.3


@pytest.mark.parametrize(("n", "rate"), [(1, 0.05), (10, 0.05), (50, 0.1), (33, 0.2)])
def test_winner_take_all_has_winners_by_unit(n, rate):
    objective, network = bound("winner_take_all", 6, rate=rate)
    h = drawn(n, 6).abs() + 0.1
    z, terms = objective.code(h)
    assert terms == {}
    kept = z != 0
    assert kept.sum(0).tolist() == [math.ceil(rate * n)] * 6
    assert torch.equal(z[kept], h[kept])
    for unit, won in zip(h.T, kept.T, strict=True):
        assert unit[won].min() >= unit[~won].max() if n > 1 else won.all()
    network.eval()
    h = drawn(n, 6)
    assert torch.equal(objective.encode(h), h.relu())
    assert torch.equal(objective.code(h)[0], h.relu()), "measured as it is used"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"kind": "top"}, "kind"),
        ({"kind": None}, "kind"),
        ({"weight": -0.1}, "weight"),
        ({"weight": float("nan")}, "weight"),
        ({"weight": "0.1"}, "weight"),
        ({"rate": 0}, "rate"),
        ({"rate": 1.0}, "rate"),
        ({"k": 0}, "k"),
        ({"k": 5}, "k"),
        ({"k": 1.5}, "k"),
        ({"k": True}, "k"),
        ({"revive": 0}, "revive"),
        ({"revive": 2.5}, "revive"),
        ({"revive": "never"}, "revive"),
        ({"revive": False}, "revive"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(rows, given, named):
    with pytest.raises(ParameterError, match=rf"Sparse: {named}=.*expected"):
        Autoencoder(4, objective=Sparse(**given), max_epochs=1).fit(rows)


def test_a_unit_counts_as_active_above_one_half_where_it_is_a_sigmoid():
    assert Sparse("kl").least == 0.5
    assert {Sparse(kind).least for kind in ("l1", "topk", "batch_topk", "jumprelu", "winner_take_all")} == {0.0}
