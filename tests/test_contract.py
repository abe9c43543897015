"""What holds for every objective, every network, every kind of data and every loss: one test over the registries."""

from itertools import permutations

import numpy as np
import pytest
import torch
from sklearn.base import clone

from isthmus import Autoencoder, Denoising, Objective, Sparse, Variational, load
from isthmus.data import PREPARATIONS
from isthmus.exceptions import ParameterError
from isthmus.networks import FAMILIES, each_of
from isthmus.objectives import LOSSES, each_objective, make_loss
from isthmus.objectives import OBJECTIVES as ALL
from isthmus.training.step import Step


class SmallCode(Objective):
    """A term of its own, and a corruption."""

    def __init__(self, weight=0.1):
        self.weight = weight

    def corrupt(self, x, mask, generator):
        return x + 0.01 * torch.randn(x.shape, generator=generator).to(x)

    def code(self, h):
        return h, {"small_code": self.weight * h.square().mean()}


def data(kind: str, n: int = 50) -> np.ndarray:
    """Rows with structure, of the shape that a kind has."""
    rng = np.random.default_rng(0)
    shape = {"vector": (7,), "table": (7,), "image": (9, 8, 2), "sequence": (8, 3)}[kind]
    size = int(np.prod(shape))
    t = rng.normal(size=(n, 2))
    return np.tanh(t @ rng.normal(size=(2, size))).reshape(n, *shape) + 0.05 * rng.normal(size=(n, *shape))


def axes(kind: str) -> int:
    return len(PREPARATIONS[kind].prepared_shape(data(kind).shape[1:]))


#: Those that go with numbers; texts have a contract of their own, in tests/test_text.py.
OBJECTIVES = {name: kind for name, kind in ALL.items() if "numbers" in kind.takes}
CASES = [(network, kind) for kind in PREPARATIONS for network, family in FAMILIES.items() if axes(kind) in family]
OWN = {"own": SmallCode(0.2), "two": [SmallCode(0.1), Objective()]}
GIVEN = {
    "plain": None,
    **OWN,
    **{name: kind() for name, kind in OBJECTIVES.items()},
    "three": [Denoising("mask", 0.3), Variational(0.1), Sparse("topk", k=1)],
}
#: Orders that mean nothing, and are refused.
REFUSED = [("VectorQuantised", "Contractive")]
PAIRS = [pair for pair in permutations(OBJECTIVES, 2) if pair not in REFUSED]
#: Terms of the loss that each objective says it adds, which are columns of `history_`.
TERMS = {
    "plain": [],
    "own": ["small_code"],
    "two": ["small_code"],
    "Denoising": [],
    "Masking": [],
    "Sparse": ["sparsity"],
    "Contractive": ["contraction"],
    "Variational": ["divergence"],
    "Adversarial": ["adversary", "discriminator"],
    "Wasserstein": ["discrepancy"],
    "VectorQuantised": ["commitment"],
    "Ordered": [],
    "Neighbours": ["neighbours"],
    "three": ["divergence"],
}
#: Objectives whose codes follow a prior, or a codebook: `sample` draws from it.
WITH_PRIOR = {"Variational", "Adversarial", "Wasserstein", "VectorQuantised"}
PLAIN = {"epoch", "train_loss", "validation_loss", "learning_rate", "seconds"}


def test_the_matrix_is_whole():
    """Shown by `pytest -rP`; a new objective, network or kind joins by itself, but for the names of its terms."""
    assert TERMS.keys() == GIVEN.keys(), "say in TERMS which terms the objective adds"
    objectives = len(GIVEN) * len(CASES)
    print(f"contract matrix: {len(OBJECTIVES)} objectives, {len(CASES)} networks on kinds of data: {objectives} cases, "
          f"and {len(PAIRS)} ordered pairs")  # fmt: skip
    assert objectives >= len(OBJECTIVES) * len(CASES) > 0


def assert_terms(ae, terms):
    """The history has a finite column for each term, and both a step and a measurement give all of them."""
    assert set(ae.history_) - PLAIN == ({"reconstruction", *terms} if terms else set())
    assert all(np.isfinite(ae.history_[term]).all() for term in terms)
    model = ae._model
    network = each_of(model.network)[0]
    step = Step(network, model.objective, model.loss)
    x = torch.randn(6, *model.architecture.shape, generator=torch.Generator().manual_seed(0))
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        assert set(step(x, None, torch.Generator())[1]) == {"reconstruction", *terms}
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, kept[name], rtol=0, atol=0, msg=f"measuring changed {name}")


@pytest.mark.parametrize("objective", GIVEN)
@pytest.mark.parametrize(("network", "kind"), CASES)
def test_every_network_on_every_kind(network, kind, objective, tmp_path):
    X = data(kind)
    given, own = GIVEN[objective], OWN.get(objective)
    ae = Autoencoder(2, network=network, kind=kind, objective=given, max_epochs=2, batch_size=16, random_state=0)
    before = X.copy()
    ae.fit(X)
    np.testing.assert_array_equal(X, before, err_msg="fit changed the data")

    codes = ae.transform(X)
    assert codes.shape == (len(X), 2)
    np.testing.assert_array_equal(codes, ae.transform(X))
    again = ae.reconstruct(X)
    assert again.shape == X.shape
    assert again.dtype == X.dtype
    np.testing.assert_allclose(again, ae.inverse_transform(codes), atol=1e-6)
    np.testing.assert_allclose(ae.transform(X[3:4]), codes[3:4], atol=1e-6)

    errors = ae.reconstruction_error(X)
    cells = ae.reconstruction_error(X, per="cell")
    assert cells.shape == X.shape
    np.testing.assert_allclose(cells.reshape(len(X), -1).mean(1), errors, rtol=1e-5)
    made = ae.sample(4, random_state=0)
    assert made.shape == (4, *X.shape[1:])
    assert np.isfinite(made).all()
    if objective in WITH_PRIOR:
        assert ae._inference.draw(4, 0).shape == (4, 2)
    assert ae.score(X) <= 1

    lengths = {len(column) for column in ae.history_.values()}
    assert lengths == {3}, "one row an epoch, and one for the start"
    assert np.isfinite(ae.history_["train_loss"]).all()
    layers = {name.rpartition(".")[0] or name for name, _ in ae.network_.named_parameters()}
    assert set(ae.gradient_norms_) == layers, "a gradient reaches every layer"
    last = {name: norms[-1] for name, norms in ae.gradient_norms_.items()}
    assert all(np.isfinite(list(last.values())))
    assert all(norm > 0 for norm in last.values()), last

    same = clone(ae).fit(X)
    np.testing.assert_array_equal(same.transform(X), codes)

    ae.save(tmp_path / "model")
    loaded = load(tmp_path / "model", objective=own)
    np.testing.assert_array_equal(loaded.transform(X), codes)
    np.testing.assert_array_equal(loaded.reconstruct(X), again)
    np.testing.assert_array_equal(loaded.sample(3, random_state=1), ae.sample(3, random_state=1))
    assert loaded.get_params()["latent_dim"] == 2
    assert loaded.history_ == ae.history_ or np.isnan(ae.history_["validation_loss"]).any()
    assert_terms(loaded, TERMS[objective])


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_every_pair_of_objectives(pair, tmp_path):
    X = data("vector")
    given = [OBJECTIVES[name]() for name in pair]
    ae = Autoencoder(2, objective=given, max_epochs=2, batch_size=32, random_state=0).fit(X)
    assert np.isfinite(ae.history_["train_loss"]).all()
    codes = ae.transform(X)
    assert codes.shape == (len(X), 2)
    np.testing.assert_array_equal(codes, ae.transform(X))
    assert np.isfinite(ae.sample(3, random_state=0)).all()
    ae.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.transform(X), codes)
    assert [type(part).__name__ for part in each_objective(loaded._model.objective)] == list(pair)
    assert_terms(loaded, [term for name in pair for term in TERMS[name]])


@pytest.mark.parametrize("pair", REFUSED, ids="-".join)
def test_an_order_that_means_nothing_is_refused(pair):
    with pytest.raises(ParameterError, match=f"put {pair[1]} first"):
        Autoencoder(2, objective=[OBJECTIVES[name]() for name in pair], max_epochs=1).fit(data("vector"))


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize(
    ("rows", "params"),
    [
        (50, {"members": 2, "batch_size": 16}),
        (12, {"batch_size": 1, "validation_fraction": 0}),
        (50, {"latent_dim": 1}),
        (1, {"latent_dim": 1}),
    ],
    ids=["members", "batches of a row", "a code of one unit", "one row"],
)
def test_every_objective_at_the_edges(objective, rows, params, tmp_path):
    X = data("vector", rows)
    ae = Autoencoder(**{"latent_dim": 2} | params, objective=OBJECTIVES[objective](), max_epochs=2, random_state=0)
    ae.fit(X)
    assert np.isfinite(ae.history_["train_loss"]).all()
    codes = ae.transform(X)
    assert codes.shape == (rows, ae.latent_dim_)
    assert np.isfinite(codes).all()
    assert np.isfinite(ae.reconstruct(X)).all()
    assert np.isfinite(ae.sample(2, random_state=0)).all()
    ae.save(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").transform(X), codes)
    assert_terms(ae, TERMS[objective])


@pytest.mark.parametrize("kind", PREPARATIONS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_with_missing_and_constant_cells(kind, objective):
    X = data(kind)
    flat = X.reshape(len(X), -1)
    flat[:, 1] = 5.0
    flat[np.random.default_rng(1).random(flat.shape) < 0.1] = np.nan
    ae = Autoencoder(2, kind=kind, objective=OBJECTIVES[objective](), max_epochs=2, random_state=0).fit(X)
    for name, column in ae.history_.items():
        assert np.isfinite(column[1:]).all(), name
    assert np.isfinite(ae.transform(X)).all()
    assert np.isfinite(ae.reconstruct(X)).all()
    assert np.isfinite(ae.reconstruction_error(X)).all()


@pytest.mark.parametrize("kind", PREPARATIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_with_missing_and_constant_cells(kind, loss):
    X = data(kind)
    flat = X.reshape(len(X), -1)
    if make_loss(loss).counts:
        flat[:] = np.floor(5 * np.abs(flat))
    flat[:, 1] = 5.0
    flat[np.random.default_rng(1).random(flat.shape) < 0.1] = np.nan
    ae = Autoencoder(2, kind=kind, loss=loss, max_epochs=3, random_state=0).fit(X)
    again = ae.reconstruct(X)
    assert np.isfinite(again).all(), "missing cells come back filled"
    assert np.isfinite(ae.history_["train_loss"]).all()
    assert ae.chosen_["mask_input"]
    cells = ae.reconstruction_error(X, per="cell")
    np.testing.assert_array_equal(np.isnan(cells), np.isnan(X))
    assert np.isfinite(ae.reconstruction_error(X)).all()


@pytest.mark.parametrize(("network", "kind"), [c for c in CASES if c[0] in ("dense", "conv")])
def test_the_starting_point_is_pca(network, kind):
    """Before the first step, ours and PCA of the same size are the same map."""
    X = data(kind)
    ae = Autoencoder(2, network=network, kind=kind, max_epochs=0, random_state=0).fit(X)
    assert ae.best_epoch_ == 0
    assert ae.comparison_["ratio"] == pytest.approx(1, abs=1e-4)
    prepared = ae.preparation_.transform(ae_raw(X, kind), torch.float64)
    theirs = ae.pca_.reconstruct(prepared.x)
    torch.testing.assert_close(ae.reconstruct_prepared(prepared), theirs, atol=1e-4, rtol=1e-4)


def ae_raw(X, kind):
    from isthmus.data import as_raw

    return as_raw(X, kind=kind)
