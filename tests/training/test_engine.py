"""The engine as a person meets it: own modules, own objectives, odd surroundings, passes that fail."""

import types

import numpy as np
import pytest
import torch
from torch import nn

from isthmus import Autoencoder, Denoising, Objective, Variational
from isthmus.exceptions import ParameterError
from isthmus.training import engine
from isthmus.training.stability import stability

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 3)) @ rng.normal(size=(3, 6)) + 0.1 * rng.normal(size=(120, 6))


def pair(first=None):
    torch.manual_seed(3)
    layers = [nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)]
    return nn.Sequential(*([first] if first is not None else []), *layers), nn.Linear(2, 6)


@pytest.fixture
def by_autograd(monkeypatch):
    def refuse(*_):
        raise engine.Unsupported

    return lambda: monkeypatch.setattr(engine, "FusedSteps", refuse)


def losses(**params):
    ae = Autoencoder(2, max_epochs=5, random_state=0, scaling="none", **params).fit(X)
    return ae.history_["train_loss"]


def test_an_own_first_layer_in_place_leaves_the_target_alone(by_autograd):
    ours = losses(network=pair(nn.ReLU(inplace=True)))
    by_autograd()
    np.testing.assert_allclose(losses(network=pair(nn.ReLU(inplace=True))), ours, rtol=1e-4)
    np.testing.assert_allclose(losses(network=pair(nn.ReLU())), ours, rtol=1e-4)
    before = X.copy()
    ae = Autoencoder(2, network=pair(nn.ReLU(inplace=True)), max_epochs=1, scaling="none", random_state=0)
    ae.fit(before).reconstruction_error(before)
    np.testing.assert_array_equal(before, X)


class InPlace(Objective):
    def corrupt(self, x, mask, generator):
        return x.mul_(0.5)


class NotInPlace(Objective):
    def corrupt(self, x, mask, generator):
        return x * 0.5


@pytest.mark.parametrize("members", [1, 2])
def test_corruption_in_place_leaves_the_target_alone(members, by_autograd):
    ours = losses(objective=InPlace(), members=members)
    np.testing.assert_allclose(losses(objective=NotInPlace(), members=members), ours, rtol=1e-5)
    by_autograd()
    np.testing.assert_allclose(losses(objective=InPlace(), members=members), ours, rtol=1e-4)


class Mine(Objective):
    """Has a parameter called as that of a list of objectives."""

    def __init__(self, objectives=("a", "b")):
        self.objectives = objectives
        self.seen = 0

    def corrupt(self, x, mask, generator):
        self.seen += 1
        return x


def test_an_own_objective_corrupts_whatever_its_parameters_are_called():
    ae = Autoencoder(2, objective=Mine(), max_epochs=1, random_state=0).fit(X)
    assert ae._model.objective.seen > 0


@pytest.mark.parametrize("what", ["hook", "forward"])
def test_a_module_that_was_changed_is_run_as_it_is(what, by_autograd):
    def network():
        encoder, decoder = pair()
        if what == "hook":
            encoder[0].register_full_backward_pre_hook(lambda module, grad: (grad[0] * 0,))
        else:
            encoder[1].forward = types.MethodType(lambda self, x: x.relu() * 3, encoder[1])
        return encoder, decoder

    ours = losses(network=network())
    by_autograd()
    np.testing.assert_allclose(losses(network=network()), ours, rtol=1e-6)


@pytest.mark.parametrize(
    "layer", [nn.LeakyReLU(np.float64(0.1)), nn.LeakyReLU(np.float32(0.2)), nn.Dropout(np.float32(0.1)), nn.ELU(-1)]
)
def test_numbers_of_any_kind_in_own_modules(layer):
    encoder, decoder = pair()
    assert np.isfinite(losses(network=(nn.Sequential(encoder, layer), decoder))).all()


class Average(nn.Module):
    """Puts a new tensor in place of its buffer at every call in training."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(6))

    def forward(self, x):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
        return x - self.mean


def test_buffers_that_are_replaced_are_those_of_the_best_epoch():
    ae = Autoencoder(
        2, network=pair(Average()), max_epochs=30, learning_rate=0.3, scaling="none", patience=None, random_state=0
    ).fit(X)
    held = X[ae.validation_rows_]
    assert ae.best_epoch_ > 0
    assert ae.reconstruction_error(held).mean() == pytest.approx(ae.history_["validation_loss"][ae.best_epoch_], 1e-4)


def test_members_are_measured_by_the_same_noise():
    for objective in (Denoising(level=1.0), Variational()):
        ae = Autoencoder(2, members=2, objective=objective, max_epochs=0, random_state=0).fit(X)
        model = ae._model
        ours, other = model.network.networks
        other.load_state_dict(ours.state_dict())
        plan = engine.Plan(64, 1, 1e-3, 0.0, None, 1, 1.0, 0, 2)
        rows = ae.preparation_.rows(ae._given(X))
        with engine.state_of(model, 0) as state:
            loop = engine.make_loop(model, plan, rows, None, state)
            found = [loop._evaluate(rows)["total"] for _ in range(2)]
        assert found[0][0] == pytest.approx(float(found[0][1]), rel=1e-6)
        assert torch.equal(found[0], found[1])


def test_the_best_member_is_the_best_after_some_went_back_to_the_start():
    for seed in range(20):
        heavy = np.random.default_rng(seed).standard_t(2.5, (150, 6))
        data = np.c_[heavy, heavy[:, :3] ** 2]
        ae = Autoencoder(2, max_epochs=10, members=4, learning_rate=0.005, random_state=seed).fit(data)
        if ae.validation_rows_ is None or ae.best_epoch_ == 0:
            continue
        held = ae._given(data[ae.validation_rows_])
        prepared = ae.preparation_.transform(held)
        errors = ae._inference.cell_losses(prepared).flatten(1).mean(1)
        assert ae.best_member_ == int(errors.argmin()), seed


def test_partial_fit_finds_its_best_member_itself():
    ae = Autoencoder(2, members=3, random_state=0, hidden=(8,), linear_path=False).partial_fit(X)
    assert len(set(ae._inference.cell_losses(ae.preparation_.transform(ae._given(X))).mean((1, 2)).tolist())) == 3
    ae = Autoencoder(2, random_state=0).fit(X).set_params(members=3)
    assert ae.partial_fit(X).stability_ is None


def test_a_pass_that_fails_leaves_what_was_there(monkeypatch):
    def fail(*_):
        raise MemoryError

    new = Autoencoder(2, random_state=0)
    ae = Autoencoder(2, random_state=0).partial_fit(X)
    before = ae.transform(X)
    monkeypatch.setattr(engine.Loop, "_validate", fail)
    for estimator in (new, ae):
        with pytest.raises(MemoryError):
            estimator.partial_fit(X)
    np.testing.assert_array_equal(ae.transform(X), before)
    assert not hasattr(new, "network_")


def test_own_members_start_apart():
    ae = Autoencoder(2, members=2, network=pair(), max_epochs=0, random_state=0).fit(X)
    first, second = ae.network_.networks
    assert torch.equal(first.encoder[0].weight, pair()[0][0].weight)
    assert not torch.equal(first.encoder[0].weight, second.encoder[0].weight)


def test_a_callers_settings_of_torch_do_no_harm():
    expected = Autoencoder(2, max_epochs=2, random_state=0).fit(X).transform(X)
    with torch.inference_mode():
        np.testing.assert_array_equal(Autoencoder(2, max_epochs=2, random_state=0).fit(X).transform(X), expected)
    waves = X[:, :, None]
    with torch.no_grad():
        assert Autoencoder(2, max_epochs=1, random_state=0).fit(waves).transform(waves).shape == (120, 2)
    torch.set_default_dtype(torch.float64)
    try:
        assert np.isfinite(Autoencoder(2, max_epochs=2, random_state=0).fit(X).transform(X)).all()
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_pair_that_is_frozen_is_refused():
    encoder, decoder = pair()
    for parameter in (*encoder.parameters(), *decoder.parameters()):
        parameter.requires_grad_(False)
    with pytest.raises(ParameterError, match="frozen"):
        Autoencoder(2, network=(encoder, decoder)).fit(X)


@pytest.mark.parametrize("n", [20, 40, 200])
def test_codes_that_have_nothing_in_common_are_not_stable_however_few(n):
    found = [
        stability([np.random.default_rng((seed, j)).normal(size=(n, 4)) for j in range(2)])["mean"]
        for seed in range(30)
    ]
    assert np.mean(found) < 0.15
    assert stability([np.zeros((5, 2))] * 2) is None


def test_threads_and_denormals_are_given_back():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        Autoencoder(2, max_epochs=1, random_state=0).fit(X)
        assert torch.get_num_threads() == 2
        assert float(torch.tensor(1e-310, dtype=torch.float64) * 2) > 0
    finally:
        torch.set_num_threads(threads)
