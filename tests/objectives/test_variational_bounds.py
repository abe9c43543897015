"""The importance-weighted bound, the doubly reparametrised gradient, warm-up, free bits and the decoder's variance."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from isthmus import Autoencoder, Denoising, Variational, load
from isthmus.exceptions import ParameterError
from isthmus.objectives import Batch, make_loss
from isthmus.training.fused import Unsupported
from isthmus.training.fused.codes import EMITTERS
from isthmus.training.step import Step

LOSS = make_loss("mse")


class LinearGaussian(nn.Module):
    """x = W z + noise: posterior and likelihood are known."""

    ends = False

    def __init__(self, own=None, exact=False):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(5, 2, generator=generator, dtype=torch.float64))
        self.a = nn.Parameter(0.3 * torch.randn(2, 5, generator=generator, dtype=torch.float64))
        self.s = nn.Parameter(torch.tensor([-1.0, -0.5], dtype=torch.float64))
        self.own = own

    def encode(self, x, mask=None):
        return torch.cat([x @ self.a.T, self.s.expand(len(x), 2)], 1)

    def decode(self, z, x=None, progress=None):
        return z @ self.weight.T

    def exact(self, x, variance):
        covariance = self.weight @ self.weight.T + variance * torch.eye(5, dtype=torch.float64)
        normal = torch.distributions.MultivariateNormal(torch.zeros(5, dtype=torch.float64), covariance)
        return normal.log_prob(x)


X = torch.randn(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def step_of(network=None, **parameters):
    variational = Variational(**parameters)
    variational.begin((5,), 2)
    return Step(network or LinearGaussian(), variational, LOSS)


def test_the_parts_sum_to_the_bound_which_rises_with_samples_towards_the_exact_value():
    network = LinearGaussian()
    exact = float(network.exact(X, 0.5).detach().mean())
    found = []
    for samples in (1, 2, 5, 50, 1000):
        torch.manual_seed(0)
        step = step_of(network, samples=samples, variance=0.5)
        with torch.no_grad():
            totals, parts = zip(*(step(X, None) for _ in range(1000 // samples + 20)), strict=True)
        assert set(parts[0]) == {"reconstruction", "divergence"}
        assert float(sum(parts[0].values())) == pytest.approx(float(totals[0]))
        found.append(-5 * float(torch.stack(totals).mean()))
    assert found == sorted(found)
    assert found[-1] < exact + 0.02
    assert found[-1] == pytest.approx(exact, abs=0.1)
    assert found[0] < exact - 0.3


def test_the_divergence_is_the_same_whatever_the_samples():
    one, five = (step_of(samples=samples, beta=2.0)(X, None)[1]["divergence"] for samples in (1, 5))
    assert one.item() == pytest.approx(five.item())


@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_the_doubly_reparametrised_gradient_has_the_same_mean_and_less_variance(beta):
    found = {}
    for gradient in ("standard", "dreg"):
        step = step_of(samples=8, variance=0.5, gradient=gradient, beta=beta)
        x = X[:1].expand(3000, 5)
        rows = []
        torch.manual_seed(0)
        for _ in range(40):
            step.network.zero_grad()
            step(x, None)[0].backward()
            rows.append(torch.cat([p.grad.flatten() for p in (step.network.a, step.network.s)]))
        found[gradient] = torch.stack(rows)
    error = (found["standard"].var(0) / 40 + found["dreg"].var(0) / 40).sqrt()
    difference = (found["standard"].mean(0) - found["dreg"].mean(0)).abs()
    assert (difference < 4 * error + 1e-9).all()
    if beta == 1:
        assert found["dreg"].var(0).sum() < 0.5 * found["standard"].var(0).sum()


def test_the_decoder_has_the_same_gradient_in_both():
    found = []
    for gradient in ("standard", "dreg"):
        step = step_of(samples=4, gradient=gradient)
        torch.manual_seed(0)
        step(X, None)[0].backward()
        found.append(step.network.weight.grad)
    torch.testing.assert_close(*found)


def test_only_observed_values_are_in_the_bound():
    mask = torch.rand(X.shape, generator=torch.Generator().manual_seed(2)) < 0.6
    totals = []
    for filled in (0.0, 50.0):
        step = step_of(samples=3, variance=0.5)
        step.network.a.data.zero_()
        torch.manual_seed(0)
        totals.append(step(X.masked_fill(~mask, filled), mask)[0].item())
    assert totals[0] == totals[1]


def term(progress, **parameters):
    variational = Variational(**parameters)
    variational.begin((1,), 1)
    bound = variational.bind(LinearGaussian(), torch.tensor(progress))
    return bound.code(torch.ones(4, 2, dtype=torch.float64))[1]["divergence"].item()


def test_the_weight_rises_from_zero_and_is_whole_where_it_is_measured():
    whole = term(1.0, beta=3.0)
    at = {p: term(p, beta=3.0, warmup=0.4) / whole for p in (0.0, 0.1, 0.4, 0.7, 1.0)}
    assert at == pytest.approx({0.0: 0.0, 0.1: 0.25, 0.4: 1.0, 0.7: 1.0, 1.0: 1.0}, abs=1e-6)
    cycles = {p: term(p, beta=3.0, warmup=0.5, cycles=4) / whole for p in (0.0, 0.0625, 0.2, 0.25, 0.3125, 1.0)}
    assert cycles == pytest.approx({0.0: 0, 0.0625: 0.5, 0.2: 1.0, 0.25: 0.0, 0.3125: 0.5, 1.0: 1.0}, abs=1e-5)
    variational = Variational(warmup=0.5, cycles=4)
    variational.begin((1,), 1)
    assert variational.settles == pytest.approx(0.875)


def test_training_is_not_stopped_for_want_of_patience_before_the_weight_is_whole():
    X = np.random.default_rng(0).normal(size=(60, 4))
    ae = Autoencoder(1, objective=Variational(20.0, warmup=0.8), max_epochs=20, patience=2, random_state=0)
    ae.fit(X)
    assert ae.history_["epoch"][-1] >= 16


def test_free_bits_cost_nothing_below_and_the_divergence_above():
    variational = Variational(free_bits=0.5)
    variational.begin((1,), 2)
    h = torch.tensor([[0.1, 3.0, 0.0, 0.0]], requires_grad=True)
    _, terms = variational.code(h)
    assert terms["divergence"].item() == pytest.approx(0.5 + 4.5)
    terms["divergence"].backward()
    assert h.grad[0].tolist() == pytest.approx([0.0, 3.0, 0.0, 0.0])


def test_a_given_variance_makes_the_loss_nats_per_value():
    output = torch.zeros(6, 5, dtype=torch.float64)
    batch = Batch(X, None, X, None, X, X[:, :2], output, LOSS)
    for variance in (0.1, 1.0):
        step = step_of(variance=variance)
        theirs = -torch.distributions.Normal(0.0, math.sqrt(variance)).log_prob(X).mean()
        assert step.objective.reconstruction(batch).item() == pytest.approx(theirs.item())


def test_the_learned_variance_becomes_that_of_the_residuals():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 6)) + 0.3 * rng.normal(size=(400, 6))
    ae = Autoencoder(2, objective=Variational(variance="learned"), max_epochs=60, random_state=0).fit(rows)
    prepared = ae.preparation_.transform(ae._given(rows), torch.float64)
    residual = (ae.reconstruct_prepared(prepared) - prepared.x).square().mean()
    assert ae.network_.own.log_variance.exp().item() == pytest.approx(residual.item(), rel=0.35)
    assert ae.active_units(rows).all()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"samples": 0}, "samples=0 cannot be used"),
        ({"samples": 2.0}, "samples=2.0 cannot be used"),
        ({"cycles": 10**12}, "cycles=1000000000000 cannot be used"),
        ({"components": True}, "components=True cannot be used"),
        ({"warmup": 1.5}, "a share from 0 to 1"),
        ({"gradient": "dreg"}, "set samples=2 or more"),
        ({"gradient": "other", "samples": 2}, "one of 'standard', 'dreg'"),
        ({"free_bits": 0.1, "samples": 2}, "0 unless samples=1"),
        ({"free_bits": 0.1, "prior": "vamp"}, "prior='normal'"),
        ({"prior": "other"}, "one of 'normal', 'vamp', 'mixture'"),
        ({"variance": 0}, "variance=0 cannot be used"),
        ({"variance": "other"}, "'learned', None"),
    ],
)
def test_what_cannot_be_used_is_refused(parameters, said):
    with pytest.raises(ParameterError, match=said):
        Variational(**parameters).begin((5,), 2)


@pytest.mark.parametrize(
    "parameters",
    [
        {"samples": 2},
        {"warmup": 0.1},
        {"free_bits": 0.1},
        {"prior": "vamp"},
        {"condition": 0},
    ],
)
def test_what_the_written_out_step_does_not_cover_is_left_to_autograd(parameters):
    objective = Variational(**parameters)
    objective.begin((5,), 2)
    with pytest.raises(Unsupported):
        EMITTERS[Variational](None, objective, None, [None])


def test_what_does_not_go_together_is_refused_before_training():
    rows = np.random.default_rng(0).random((40, 5))
    with pytest.raises(ParameterError, match="set loss='mse', or leave variance='auto'"):
        Autoencoder(2, objective=Variational(variance="learned"), loss="bce").fit(rows)
    with pytest.raises(ParameterError, match="code_activation='tanh' cannot be used"):
        Autoencoder(2, objective=Variational(), code_activation="tanh").fit(rows)


@pytest.mark.parametrize(
    "variational",
    [
        Variational(samples=3, gradient="dreg"),
        Variational(0.5, 2, warmup=0.5, cycles=2, variance=0.2),
        Variational(prior="vamp", components=4, variance="learned"),
        Variational(prior="mixture", components=3, samples=2),
        Variational(free_bits=0.1),
    ],
)
@pytest.mark.parametrize("shape", [(5,), (6, 6, 1), (7, 2)])
def test_every_variant_on_every_kind_with_gaps_and_members(variational, shape, tmp_path):
    rows = np.random.default_rng(0).normal(size=(41, *shape))
    rows[3, ..., 0] = np.nan
    rows[:, 0] = 2.0
    kind = {1: "vector", 2: "sequence", 3: "image"}[len(shape)]
    ae = Autoencoder(
        1, kind=kind, objective=[Denoising("mask", 0.1), variational], members=2 if len(shape) == 1 else 1,
        max_epochs=2, batch_size=8, random_state=0,
    ).fit(rows)  # fmt: skip
    assert {"reconstruction", "divergence"} <= set(ae.history_)
    assert np.isfinite(ae.history_["train_loss"]).all()
    for name, norms in ae.gradient_norms_.items():
        assert norms[-1] > 0, name
    ae.save(tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.sample(3, random_state=0), ae.sample(3, random_state=0))
    np.testing.assert_array_equal(again.log_likelihood(rows, samples=3), ae.log_likelihood(rows, samples=3))
