"""The parts of training by themselves, against closed forms and other implementations."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from isthmus import Autoencoder
from isthmus.data import DenseRows
from isthmus.exceptions import ParameterError
from isthmus.training import engine
from isthmus.training import pca as pca_module
from isthmus.training.density import CodeDensity
from isthmus.training.devices import choose_device, choose_precision
from isthmus.training.gradients import layer_norms
from isthmus.training.pca import principal_components
from isthmus.training.plan import default_batch_size, make_plan
from isthmus.training.split import SubsetRows, held_out
from isthmus.training.weights import FlatWeights


def rows_of(n, d, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ np.diag(0.9 ** np.arange(d)) + rng.normal(size=d)


@pytest.mark.parametrize(("n", "d", "exact"), [(200, 12, 2048), (20, 50, 2048), (300, 60, 10)])
def test_principal_components_are_those_of_scikit_learn(n, d, exact, monkeypatch):
    monkeypatch.setattr(pca_module, "EXACT", exact)
    X = rows_of(n, d)
    found = principal_components(DenseRows(torch.tensor(X).float()), 5, torch.Generator().manual_seed(0))
    expected = PCA(5, svd_solver="full").fit(X)
    cosine = np.abs((found.components.numpy() * expected.components_).sum(1))
    np.testing.assert_allclose(cosine, 1, atol=1e-3)
    np.testing.assert_allclose(found.variances * n / (n - 1), expected.explained_variance_, rtol=1e-3)
    total = float(found.variances.sum() / found.total)
    assert total == pytest.approx(expected.explained_variance_ratio_.sum(), abs=1e-3)
    again = found.reconstruct(torch.tensor(X).float()).numpy()
    np.testing.assert_allclose(again, expected.inverse_transform(expected.transform(X)), atol=1e-3)


def test_principal_components_of_pictures_and_of_constant_rows():
    x = torch.randn(30, 2, 4, 3)
    found = principal_components(DenseRows(x), 3, torch.Generator())
    assert found.reconstruct(x).shape == x.shape
    flat = principal_components(DenseRows(torch.ones(30, 4)), 2, torch.Generator())
    torch.testing.assert_close(flat.reconstruct(torch.ones(2, 4)), torch.ones(2, 4))
    assert flat.smallest_size(0.95) == 1


@given(
    st.integers(1, 10_000_000),
    st.one_of(st.just("auto"), st.integers(1, 5000)),
    st.one_of(st.just("auto"), st.integers(0, 500)),
)
def test_a_plan_suits_any_number_of_rows(n, batch, epochs):
    plan = make_plan(
        n, batch_size=batch, max_epochs=epochs, learning_rate="auto", weight_decay=0.0, patience="auto", seed=0,
        default_rate=1e-3,
    )  # fmt: skip
    assert 1 <= plan.batch_size <= n
    assert n <= plan.steps_per_epoch * plan.batch_size < n + plan.batch_size
    if epochs == "auto" and batch == "auto":
        assert plan.max_epochs >= 2
        assert plan.total_steps <= 30_000
    rates = [plan.rate(step) for step in np.unique(np.linspace(0, plan.total_steps, 50).astype(int))]
    assert all(0 < rate <= plan.learning_rate * (1 + 1e-9) for rate in rates)
    if plan.total_steps > 10:
        assert plan.rate(plan.total_steps) == pytest.approx(0.01 * plan.learning_rate, rel=1e-3)


def test_batches_grow_with_the_rows():
    sizes = [default_batch_size(n) for n in (100, 50_000, 200_000, 1_000_000, 10_000_000)]
    assert sizes == sorted(sizes)
    assert sizes[0] == 128
    assert sizes[-1] == 1024


@given(st.integers(1, 500), st.floats(0, 0.95), st.integers(0, 10))
@settings(max_examples=50)
def test_held_out_rows_and_the_rest_are_all_rows(n, fraction, seed):
    train, out = held_out(n, fraction, seed)
    assert sorted([*train, *out]) == list(range(n))
    assert len(train) > 0
    assert len(out) == (min(round(n * fraction), n - 10) if n >= 20 else 0)


def test_a_subset_takes_its_own_rows():
    rows = SubsetRows(DenseRows(torch.arange(10.0)[:, None]), np.array([3, 5, 7]))
    assert len(rows) == 3
    assert rows.take(torch.tensor([2, 0])).x.flatten().tolist() == [7, 3]


def test_layer_norms_are_those_of_the_gradients():
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    weights = FlatWeights([net])
    net(torch.ones(2, 3)).sum().backward()
    weights.gather_gradients()
    expected = torch.cat([p.grad.flatten() for p in net[0].parameters()]).norm()
    weights.step(0.1, 0.0, clip=0.01)  # the norms are those before they were clipped
    assert layer_norms(weights)["0"] == pytest.approx(float(expected), rel=1e-5)
    assert list(layer_norms(weights)) == ["0", "2"]


def test_gradient_norms_do_not_depend_on_what_took_the_steps(monkeypatch):
    def refuse(*_):
        raise engine.Unsupported

    def norms():
        ae = Autoencoder(2, hidden=(8,), linear_path=False, max_epochs=2, random_state=0).fit(rows_of(200, 5))
        return ae.gradient_norms_

    ours = norms()
    monkeypatch.setattr(engine, "FusedSteps", refuse)
    theirs = norms()
    assert list(ours) == list(theirs)
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-3)
    assert max(map(max, ours.values())) > 1


def test_the_mixture_finds_the_clusters():
    rng = np.random.default_rng(0)
    codes = np.concatenate([rng.normal(c, 0.1, size=(300, 2)) for c in ((0, 0), (3, 3), (0, 4), (5, 0))])
    density = CodeDensity(codes)
    assert density.mixture_.n_components == 4
    drawn = density.sample(1000, np.random.RandomState(0))
    nearest = np.min([np.linalg.norm(drawn - c, axis=1) for c in ((0, 0), (3, 3), (0, 4), (5, 0))], axis=0)
    assert np.quantile(nearest, 0.95) < 0.4


def test_one_gaussian_stays_one():
    codes = np.random.default_rng(0).normal(size=(1000, 3))
    assert CodeDensity(codes).mixture_.n_components == 1


def test_devices_and_precisions_that_are_not_there():
    assert choose_device("cpu").type == "cpu"
    if not torch.cuda.is_available():
        with pytest.raises(ParameterError, match="available: cpu"):
            choose_device("cuda")
        assert choose_precision("auto", choose_device("auto")) in ("float32", "bf16")
    with pytest.raises(ParameterError, match="not a device"):
        choose_device("abacus")


def test_convolutions_train_in_half_precision_on_a_processor():
    """Slower or faster, as it has the instructions; the loss stays near that in full precision."""
    X = load_digits().images[:400].astype(np.float32)
    how = {
        "network": "conv",
        "hidden": (8, 16),
        "linear_path": False,
        "max_epochs": 4,
        "random_state": 0,
        "device": "cpu",
    }
    half, full = (Autoencoder(8, precision=precision, **how).fit(X) for precision in ("bf16", "float32"))
    assert half.chosen_["precision"] == "bf16"
    assert half.transform(X).dtype == np.float32
    assert half.history_["train_loss"][-1] < 0.9 * half.history_["train_loss"][0]
    np.testing.assert_allclose(half.history_["train_loss"], full.history_["train_loss"], rtol=0.05)
