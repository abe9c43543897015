"""Wide sparse codes as dictionaries: their start, unit norms, dead units and what brings them back."""

import numpy as np
import pytest
import torch
from torch import nn

from isthmus import Autoencoder, Contractive, Denoising, Ordered, Sparse, Variational, load
from isthmus.networks import Network
from isthmus.objectives import Batch, dictionary, make_loss
from isthmus.objectives.dictionary import REVIVAL
from isthmus.training.step import Step

WIDE = ("topk", "batch_topk", "jumprelu")


@pytest.fixture(scope="module")
def rows():
    """Rows that are each made of two of thirty directions."""
    rng = np.random.default_rng(0)
    made = rng.normal(size=(30, 8))
    codes = np.zeros((800, 30))
    for row in codes:
        row[rng.choice(30, 2, replace=False)] = rng.uniform(0.5, 2, 2)
    return (codes @ made + 3).astype(np.float32)


def fitted(X, objective=None, width=40, **params):
    given = {"hidden": (), "max_epochs": 5, "batch_size": 64, "random_state": 0} | params
    return Autoencoder(width, objective=Sparse("topk", k=3) if objective is None else objective, **given).fit(X)


def bound(width=12, size=4, **given):
    objective = Sparse("topk", **{"k": 2} | given)
    objective.begin((size,), width)
    torch.manual_seed(0)
    network = Network(nn.Linear(size, width), nn.Linear(width, size))
    network.own = objective.make((size,), width)
    return objective.bind(network), network


def layers_of(ae):
    found = dictionary.find(ae.network_, ae.latent_dim_)
    assert found is not None
    return found


# The start ------------------------------------------------------------------------------------------------------------


def test_the_geometric_median_is_the_point_of_least_distances():
    """Of four corners it is where the diagonals cross (Fagnano); a row far away does not pull it along."""
    corners = torch.tensor([[0.0, 0.0], [4.0, 0.0], [6.0, 5.0], [0.0, 3.0]], dtype=torch.float64)
    # (0, 0) to (6, 5) crosses (4, 0) to (0, 3): 6 s = 4 - 4 u and 5 s = 3 u.
    s = 12 / 38
    torch.testing.assert_close(
        dictionary.geometric_median(corners), torch.tensor([6 * s, 5 * s], dtype=torch.float64), atol=1e-4, rtol=0
    )
    x = torch.randn(200, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    far = torch.cat([x, torch.full((1, 3), 1e6, dtype=torch.float64)])
    torch.testing.assert_close(dictionary.geometric_median(far), dictionary.geometric_median(x), atol=0.03, rtol=0)


@pytest.mark.parametrize("members", [1, 2])
def test_the_start_is_the_decoders_transpose_about_the_median(rows, members):
    ae = fitted(rows, max_epochs=0, members=members, validation_fraction=0)
    assert ae.network_.linear is None
    x = ae.preparation_.transform(_raw(rows), torch.float32).x
    center = dictionary.geometric_median(x)
    networks = [ae.network_] if members == 1 else list(ae.network_.networks)
    for network in networks:
        encoder, decoder = dictionary.find(network, 40)
        assert torch.equal(encoder.weight, decoder.weight.T)
        torch.testing.assert_close(decoder.weight.norm(dim=0), torch.ones(40))
        torch.testing.assert_close(decoder.bias, center)
        torch.testing.assert_close(network.encode(center[None]), torch.zeros(1, 40), atol=1e-5, rtol=0)
    if members == 2:
        assert not torch.equal(*(dictionary.find(network, 40).decoder.weight for network in networks))


def _raw(values):
    from isthmus.data import as_raw

    return as_raw(values, kind="vector")


# In training ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WIDE)
def test_directions_have_unit_norm_and_codes_are_not_negative(rows, kind):
    ae = fitted(rows, Sparse(kind, k=3))
    decoder = layers_of(ae).decoder
    torch.testing.assert_close(decoder.weight.norm(dim=0), torch.ones(40))
    assert (
        decoder.weight != dictionary.find(fitted(rows, Sparse(kind, k=3), max_epochs=0).network_, 40)[1].weight
    ).any()
    assert ae.transform(rows).min() >= 0
    assert {"reconstruction", "revival"} <= set(ae.history_)


def test_gradients_keep_what_turns_a_direction_and_have_unit_norm_together():
    objective, network = bound()
    layers = dictionary.find(network, 12)
    with torch.no_grad():
        dictionary.normalise(layers)
    x = torch.randn(30, 4)
    Step(network, objective, make_loss("mse"))(x, None, torch.Generator())[0].backward()
    weight, grad = layers.decoder.weight.detach(), layers.decoder.weight.grad.clone()
    with torch.no_grad():
        objective.before_update()
    along = (layers.decoder.weight.grad * weight).sum(0)
    torch.testing.assert_close(along, torch.zeros(12), atol=1e-6, rtol=0)
    tangent = grad - (grad * weight).sum(0) * weight
    cosine = torch.nn.functional.cosine_similarity(layers.decoder.weight.grad.flatten(), tangent.flatten(), dim=0)
    assert float(cosine) == pytest.approx(1, abs=1e-5)
    total = sum(float(p.grad.square().sum()) for p in network.encoder.parameters())
    total += sum(float(p.grad.square().sum()) for p in network.decoder.parameters())
    assert total == pytest.approx(1, rel=1e-5)


def test_the_decoders_bias_does_not_count_twice():
    _, network = bound()
    layers = dictionary.find(network, 12)
    z, dead = torch.randn(2, 9, 12).relu().double()
    network.double()
    whole = network.decode(z + dead)
    torch.testing.assert_close(network.decode(z) + dictionary.difference(layers, dead), whole)
    assert not torch.allclose(network.decode(z) + network.decode(dead), whole)


def test_the_revival_is_the_error_of_dead_units_on_what_is_left():
    objective, network = bound()
    layers = dictionary.find(network, 12)
    x = torch.randn(20, 4)
    with torch.no_grad():
        h = network.encode(x)
        z = objective.code(h)[0]
        batch = Batch(x, None, x, None, h, z, network.decode(z), make_loss("mse"))
        dead = torch.zeros(12, dtype=torch.bool)
        dead[[1, 5]] = True
        found = dictionary.revival(layers, batch, h, dead)
        best = torch.where(h[:, 1] > h[:, 5], 1, 5)
        helped = torch.zeros(20, 12).scatter(1, best[:, None], h.gather(1, best[:, None]).relu())
        wanted = (x - network.decode(z) - helped @ layers.decoder.weight.T).square().mean()
        torch.testing.assert_close(found, wanted)
        assert dictionary.revival(layers, batch, h, dead & False) == 0


def test_the_revival_looks_at_observed_cells_alone_and_trains_dead_units_alone():
    objective, network = bound(revive=1000)
    x, mask = torch.randn(20, 4), torch.rand(20, 4, generator=torch.Generator().manual_seed(1)) > 0.3
    with torch.no_grad():
        layers = dictionary.find(network, 12)
        layers.encoder.weight[3], layers.encoder.bias[3] = 0.0, 1e-3  # never among the largest two
    terms = []
    for value in (0.0, 50.0):
        network.zero_grad()
        filled = torch.where(mask, x, value)
        h = network.encode(torch.where(mask, x, 0.0))
        z, _ = objective.code(h)
        batch = Batch(filled, mask, filled, mask, h, z, network.decode(z), make_loss("mse"))
        network.own.idle[3] = 1e6
        terms.append(objective.terms(batch)["revival"])
    assert terms[0].item() == pytest.approx(terms[1].item())
    assert terms[0] > 0
    terms[1].backward()
    trained = layers.encoder.weight.grad.norm(dim=1) > 0
    assert trained.nonzero().flatten().tolist() == [3]
    assert layers.decoder.bias.grad is None or not layers.decoder.bias.grad.any()


def test_a_unit_is_dead_after_as_many_rows_and_alive_at_once():
    objective, network = bound(revive=100)
    h = torch.rand(30, 12) + 0.1
    h[:, 4] = -1
    h[:, 7] = 9.0
    for step in range(1, 5):
        objective.code(h)
        assert network.own.idle[4] == 30 * step
        assert network.own.idle[7] == 0
        assert bool(objective._dead()[4]) is (30 * step >= 100)
    h[3, 4] = 20.0
    objective.code(h)
    assert network.own.idle[4] == 0
    network.eval()
    objective.code(h)
    objective.code(-h)
    assert network.own.idle[7] == 0, "measuring counts nothing"


def test_measured_there_is_no_revival(rows):
    """Epochs are judged by what the code explains."""
    objective, network = bound()
    network.own.idle.fill_(1e6)
    step = Step(network, objective, make_loss("mse"))
    x = torch.randn(30, 4)
    network.eval()
    assert step(x, None)[1]["revival"] == 0
    network.train()
    network.own.idle.fill_(1e6)
    assert step(x, None)[1]["revival"] > 0


def _buried(rows, revive):
    """Fit, put half of the units where they are never the largest, and go on."""
    objective = Sparse("topk", k=3, revive=revive)
    ae = fitted(rows, objective, warm_start=True, max_epochs=4, validation_fraction=0, learning_rate=3e-3)
    layers = layers_of(ae)
    with torch.no_grad():
        layers.encoder.weight[:20] *= 0.1
        layers.encoder.bias[:20] = -0.2
    assert (ae.transform(rows)[:, :20] > 0).any(0).sum() == 0 or revive is None
    before = int((ae.transform(rows)[:, :20] > 0).any(0).sum())
    ae.set_params(max_epochs=40).fit(rows)
    return before, int((ae.transform(rows)[:, :20] > 0).any(0).sum())


def test_revival_brings_dead_units_back(rows):
    before, after = _buried(rows, "auto")
    assert before <= 2
    assert after >= 15
    before, after = _buried(rows, None)
    assert before <= 2
    assert after <= 8, "without it they stay where they were"


# Elsewhere ------------------------------------------------------------------------------------------------------------


def test_without_revival_nothing_is_counted(rows):
    ae = fitted(rows, Sparse("topk", k=3, revive=None))
    assert ae.network_.own is None
    assert "revival" not in ae.history_
    torch.testing.assert_close(layers_of(ae).decoder.weight.norm(dim=0), torch.ones(40))


@pytest.mark.parametrize(
    "params", [{"hidden": (16,)}, {"linear_path": True}, {"output_activation": "tanh"}, {"width": 6}]
)
def test_other_networks_are_left_as_they_are(rows, params):
    ae = fitted(rows, **params)
    assert "revival" not in ae.history_
    norms = torch.cat([p.detach().norm(dim=0) for p in ae.network_.decoder.parameters() if p.ndim == 2])
    assert not torch.allclose(norms, torch.ones_like(norms), atol=1e-3)


def test_modules_of_a_persons_own_are_left_alone(rows):
    pair = nn.Linear(8, 40), nn.Linear(40, 8)
    ae = Autoencoder(40, network=pair, objective=Sparse("topk", k=3), max_epochs=2, random_state=0).fit(rows)
    assert "revival" not in ae.history_


@pytest.mark.parametrize("kind", [*WIDE, "kl", "l1", "winner_take_all"])
@pytest.mark.parametrize("params", [{}, {"members": 2}, {"precision": "float64"}], ids=["one", "members", "float64"])
def test_what_is_saved_is_what_was_fitted(rows, kind, params, tmp_path):
    X = rows.copy()
    X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    ae = fitted(X, Sparse(kind, k=3), max_epochs=2, **params)
    codes = ae.transform(X)
    assert np.isfinite(codes).all()
    assert np.isfinite(ae.reconstruct(X)).all()
    ae.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.transform(X), codes)
    np.testing.assert_allclose(loaded.transform(X[5:6]), codes[5:6], atol=1e-5)
    for name, value in ae.network_.state_dict().items():
        assert torch.equal(loaded.network_.state_dict()[name], value), name


@pytest.mark.parametrize("kind", WIDE)
def test_a_single_row_and_batches_of_one(kind):
    X = np.arange(4.0)[None]
    ae = Autoencoder(9, hidden=(), objective=Sparse(kind, k=2), max_epochs=2, random_state=0).fit(X)
    assert np.isfinite(ae.transform(X)).all()
    X = np.random.default_rng(0).normal(size=(12, 4))
    ae = Autoencoder(9, hidden=(), objective=Sparse(kind, k=2), max_epochs=2, batch_size=1, random_state=0).fit(X)
    assert np.isfinite(ae.history_["train_loss"]).all()


@pytest.mark.parametrize("kind", WIDE)
@pytest.mark.parametrize(
    ("others", "terms"),
    [
        (lambda sparse: [Denoising("mask", 0.3), sparse], {"revival"}),
        (lambda sparse: [sparse, Denoising("gaussian", 0.1)], {"revival"}),
        (lambda sparse: [sparse, Sparse("l1", 0.1)], {"revival"}),
        (lambda sparse: [sparse, Ordered()], set()),
        (lambda sparse: [Variational(), sparse], {"divergence"}),
        (lambda sparse: [Contractive(), sparse], {"contraction", "revival"}),
    ],
)
def test_it_combines(rows, kind, others, terms):
    ae = fitted(rows, others(Sparse(kind, k=3)), max_epochs=2)
    assert terms <= set(ae.history_)
    assert all(np.isfinite(column[1:]).all() for column in ae.history_.values())
    assert ae.transform(rows).shape == (800, 40)


def test_the_weight_of_the_revival_is_that_of_the_paper():
    assert REVIVAL == 1 / 32


def test_dictionaries_learn_at_half_of_the_usual_rate_unless_told(rows):
    usual = Autoencoder(6, hidden=(), max_epochs=1).fit(rows).chosen_["learning_rate"]
    assert fitted(rows, max_epochs=1, batch_size="auto").chosen_["learning_rate"] == pytest.approx(usual / 2)
    assert fitted(rows, Sparse("l1"), max_epochs=1, batch_size="auto").chosen_["learning_rate"] == usual
    listed = [Denoising("mask", 0.1), Sparse("topk", k=3)]
    assert fitted(rows, listed, max_epochs=1, batch_size="auto").chosen_["learning_rate"] == pytest.approx(usual / 2)
    assert fitted(rows, max_epochs=1, learning_rate=0.01).chosen_["learning_rate"] == 0.01
