"""The places of a training step: what an objective is given there, and what becomes of what it has of its own."""

import copy
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from isthmus import Autoencoder, Denoising, Objective, load
from isthmus.exceptions import ParameterError
from isthmus.objectives import Rival
from isthmus.training.weights import FlatWeights

rng = np.random.default_rng(0)
X = np.tanh(rng.normal(size=(60, 2)) @ rng.normal(size=(2, 5)))


class Scaled(Objective):
    """Weights, a buffer and a rival of its own."""

    def make(self, shape, latent_dim):
        own = nn.Module()
        own.scale = nn.Parameter(torch.ones(latent_dim))
        own.register_buffer("mean", torch.full(shape, 7.0))
        own.rival = Rival(nn.Linear(latent_dim, 1), rate=2.0)
        return own

    def start(self, x, mask):
        self.own.mean.copy_(x.mean(0))

    def encode(self, h):
        return h * self.own.scale

    def terms(self, batch):
        judged = self.own.rival(batch.z.detach())
        return {"rival": (judged - 1).square().mean(), "late": 0.1 * self.progress.to(judged) * batch.z.square().mean()}


class Watched(Objective):
    """Notes the progress and the calls around an update; kept outside, since objectives are copied."""

    notes: ClassVar[list[tuple[str, float]]] = []

    def code(self, h):
        if self.network.training:
            self.notes.append(("code", float(self.progress)))
        return h, {}

    def before_update(self):
        assert all(p.grad is not None for p in self.network.parameters())
        self.notes.append(("before", float(self.progress)))

    def after_update(self):
        self.notes.append(("after", float(self.progress)))


def fitted(objective, **params):
    return Autoencoder(2, objective=objective, max_epochs=3, batch_size=16, random_state=0, **params).fit(X)


@pytest.mark.parametrize("members", [1, 2])
def test_what_an_objective_has_of_its_own_is_trained_and_saved(members, tmp_path):
    ae = fitted(Scaled(), members=members)
    state = ae.network_.state_dict()
    scales = [value for name, value in state.items() if name.endswith("own.scale")]
    assert len(scales) == members
    assert all(bool((scale != 1).all()) for scale in scales)
    train = np.delete(X, ae.validation_rows_, axis=0)
    prepared = ae.preparation_.transform(_raw(train), torch.float32).x
    for name, value in state.items():
        if name.endswith("own.mean"):
            torch.testing.assert_close(value, prepared.mean(0), atol=1e-5, rtol=1e-5)
    assert {"rival", "late", "reconstruction"} <= set(ae.history_)
    assert "own.rival.module" in "".join(ae.gradient_norms_)
    ae.save(tmp_path / "model")
    loaded = load(tmp_path / "model", objective=Scaled())
    np.testing.assert_array_equal(loaded.transform(X), ae.transform(X))


def _raw(values):
    from isthmus.data import as_raw

    return as_raw(values, kind="vector")


def test_progress_runs_from_nothing_to_the_end_and_is_whole_where_losses_are_measured():
    Watched.notes.clear()
    fitted(Watched())
    shares = [share for place, share in Watched.notes if place == "code"]
    steps = len(shares)
    assert steps == 12
    np.testing.assert_allclose(shares, np.arange(steps) / steps, atol=1e-6)
    assert [place for place, _ in Watched.notes] == ["code", "before", "after"] * steps


def test_a_step_taken_up_again_is_the_same(tmp_path):
    whole = fitted(Scaled())
    stop = Autoencoder(
        2, objective=Scaled(), max_epochs=3, batch_size=16, random_state=0, checkpoint=tmp_path, checkpoint_every=1
    )
    with pytest.raises(ZeroDivisionError):
        copy.copy(stop).set_params(callbacks=[lambda record: 1 / (2 - record["epoch"])]).fit(X)
    again = stop.fit(X)
    np.testing.assert_array_equal(again.transform(X), whole.transform(X))


@pytest.mark.parametrize("members", [1, 3])
def test_rivals_step_by_themselves(members):
    """Their gradients are no part of the norm that is clipped, they do not decay, and their rate is their own."""
    networks, twins = [], []
    for j in range(members):
        torch.manual_seed(j)
        own = nn.ModuleDict({"0": Rival(nn.Linear(4, 1), 3.0)})
        network = nn.ModuleDict({"first": nn.Linear(3, 4), "own": own})
        networks.append(network)
        twins.append(copy.deepcopy(network))
    weights = FlatWeights(networks)
    main = [[p for name, p in twin.named_parameters() if "own" not in name] for twin in twins]
    apart = [[p for name, p in twin.named_parameters() if "own" in name] for twin in twins]
    mains = [
        torch.optim.AdamW([{"params": [w], "weight_decay": 0.1}, {"params": [b], "weight_decay": 0.0}], lr=0.01)
        for w, b in main
    ]
    aparts = [torch.optim.Adam(parameters, lr=0.03, betas=(0.5, 0.999)) for parameters in apart]
    for _ in range(4):
        for j, (network, twin) in enumerate(zip(networks, twins, strict=True)):
            for p, q in zip(network.parameters(), twin.parameters(), strict=True):
                p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(j)) * 5
                q.grad = p.grad.clone()
        weights.gather_gradients()
        weights.step(0.01, 0.1, 1.0)
        for of_main, of_apart, optimiser, rival in zip(main, apart, mains, aparts, strict=True):
            nn.utils.clip_grad_norm_(of_main, 1.0)
            optimiser.step()
            rival.step()
            assert of_apart[0].grad is not None
    for network, twin in zip(networks, twins, strict=True):
        for (name, p), q in zip(network.named_parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(p, q, atol=1e-5, rtol=1e-4, msg=name)


def gives(**places):
    """Make an objective of functions, which take what the places are given."""
    methods = {place: (lambda self, given, value=value: value(given)) for place, value in places.items()}
    return type("Own", (Objective,), methods)()


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("terms", lambda batch: {"late": 0.5}, "The term 'late' of Own() is 0.5; expected a scalar tensor"),
        ("terms", lambda batch: {"late": batch.z.mean(1)}, "is a Tensor of shape (12,); expected a scalar tensor"),
        ("terms", lambda batch: None, "terms of Own() gave None; expected a dict"),
        ("terms", lambda batch: {"seconds": batch.z.mean()}, "The term 'seconds' of Own()"),
        ("reconstruction", lambda batch: 0.5, "reconstruction of Own() gave 0.5; expected a scalar tensor"),
        ("code", lambda h: h, "code of Own() gave a Tensor of shape (12, 2); expected a pair"),
        ("code", lambda h: (h, h.mean()), "gave a tuple of a Tensor of shape (12, 2), a Tensor of shape (); expected"),
        ("code", lambda h: None, "code of Own() gave None; expected a pair"),
        ("code", lambda h: (h, {"early": 1}), "The term 'early' of Own() is 1; expected a scalar tensor"),
        ("code", lambda h: (h.detach().numpy(), {}), "gave a ndarray of shape (12, 2); expected codes"),
        ("code", lambda h: (h.repeat(1, 2), {}), "shape (12, 4); expected codes of shape (12, 2)"),
        ("code", lambda h: (h[:-1], {}), "shape (11, 2); expected codes of shape (12, 2)"),
        ("code", lambda h: (h.flatten(), {}), "shape (24,); expected codes of shape (12, 2)"),
        ("encode", lambda h: h[:, :1], "shape (12, 1); expected codes of shape (12, 2)"),
    ],
)
def test_what_no_step_can_use_is_refused(place, value, said):
    with pytest.raises(ParameterError) as caught:
        fitted(gives(**{place: value}), validation_fraction=0.2)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "own", [gives(code=lambda h: h), gives(code=lambda h: (h, [1])), gives(terms=lambda batch: [1])]
)
def test_nor_is_it_in_a_list(own):
    with pytest.raises(ParameterError, match=r"expected a (pair|dict)"):
        fitted([Denoising("mask"), own])


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("value", [lambda h: h[:, :1], lambda h: h.detach().numpy(), lambda h: None])
def test_codes_of_no_use_after_training_are_refused_before_it(value, members):
    epochs = []
    with pytest.raises(ParameterError, match="encode of Own"):
        fitted(gives(code=lambda h: (h, {}), encode=value), members=members, callbacks=[epochs.append])
    assert not epochs
