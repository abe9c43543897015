"""Several networks trained as one: what is averaged, what is chosen, what is kept."""

import numpy as np
import pytest
import torch

from isthmus import Autoencoder, load
from isthmus.exceptions import ParameterError
from isthmus.training import engine

rng = np.random.default_rng(0)
T = rng.normal(size=(300, 2))
X = np.hstack([T, T**2, T[:, :1] * T[:, 1:]]).astype(np.float32)
STRANGE = X[:50] + 3 * rng.normal(size=(50, 5)).astype(np.float32)


@pytest.fixture(scope="module")
def ensemble():
    return Autoencoder(2, members=3, hidden=(16,), max_epochs=30, random_state=0).fit(X)


def each(ensemble):
    """Every member by itself, as the estimator would be with it alone."""
    errors = []
    for j in range(3):
        ensemble.network_.best = j
        errors.append(((ensemble.reconstruct(X).astype(float) - X) ** 2).mean(1))
    ensemble.network_.best = ensemble.best_member_
    return np.array(errors)


def test_errors_are_means_over_members_and_the_spread_is_theirs():
    ae = Autoencoder(2, members=3, hidden=(16,), max_epochs=10, scaling="none", random_state=0).fit(X)
    mean, spread = ae.reconstruction_error(X, return_std=True)
    errors = each(ae)
    np.testing.assert_allclose(mean, errors.mean(0), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(spread, errors.std(0), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(ae.reconstruction_error(X), mean)
    cells, cell_spread = ae.reconstruction_error(X, per="cell", return_std=True)
    assert cells.shape == cell_spread.shape == X.shape
    np.testing.assert_allclose(cells.mean(1), mean, rtol=1e-4)
    total = ((X - X.mean(0)) ** 2).mean()
    assert ae.score(X) == pytest.approx(1 - mean.mean() / total, abs=0.02)


def test_members_differ_and_are_less_sure_of_strange_rows(ensemble):
    weights = [p for n, p in ensemble.network_.named_parameters() if n.endswith("encoder.layer1.linear.weight")]
    assert len(weights) == 3
    assert not torch.equal(weights[0], weights[1])
    assert ensemble.reconstruction_error(STRANGE, return_std=True)[1].mean() > 2 * (
        ensemble.reconstruction_error(X, return_std=True)[1].mean()
    )


def test_a_single_network_has_no_spread():
    ae = Autoencoder(2, max_epochs=2, random_state=0).fit(X)
    assert not ae.reconstruction_error(X, return_std=True)[1].any()
    assert ae.stability_ is None


def test_codes_are_the_best_members(ensemble):
    losses = []
    held = X[ensemble.validation_rows_]
    for j in range(3):
        ensemble.network_.best = j
        losses.append(((ensemble.reconstruct(held) - held) ** 2 / X.var(0)).mean())
    ensemble.network_.best = ensemble.best_member_
    assert ensemble.best_member_ == int(np.argmin(losses))
    np.testing.assert_allclose(ensemble.inverse_transform(ensemble.transform(X)), ensemble.reconstruct(X), rtol=1e-4)


def test_stability_compares_the_codes(ensemble):
    found = ensemble.stability_
    assert np.shape(found["by_pair"]) == (3, 3)
    assert 0 < found["least"] <= found["mean"] <= 1
    codes = [network.encode(torch.zeros(1, 5)) for network in ensemble.network_.networks]
    assert codes[0].shape == (1, 2)
    start = Autoencoder(2, members=3, max_epochs=0, random_state=0).fit(X)
    assert start.stability_["least"] == pytest.approx(1)  # all start at the same principal components


def test_it_is_saved_whole(ensemble, tmp_path):
    ensemble.save(tmp_path / "m")
    again = load(tmp_path / "m")
    assert again.stability_ == ensemble.stability_
    np.testing.assert_array_equal(again.transform(X), ensemble.transform(X))
    for ours, theirs in zip(
        again.reconstruction_error(X, return_std=True), ensemble.reconstruction_error(X, return_std=True), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_written_out_and_by_autograd_they_come_out_the_same(ensemble, monkeypatch):
    def refuse(*_):
        raise engine.Unsupported

    monkeypatch.setattr(engine, "FusedSteps", refuse)
    eager = Autoencoder(**ensemble.get_params()).fit(X)
    np.testing.assert_allclose(eager.history_["train_loss"], ensemble.history_["train_loss"], rtol=1e-3)


@pytest.mark.parametrize("network", ["conv", "gru"])
def test_networks_that_are_not_dense_take_part(network):
    waves = np.sin(np.arange(16)[None, :, None] * rng.uniform(0.2, 1, size=(60, 1, 1)))
    # Without the linear path, whose start nothing may beat in two epochs.
    ae = Autoencoder(2, members=2, network=network, linear_path=False, max_epochs=2, random_state=0).fit(waves)
    assert ae.reconstruction_error(waves, return_std=True)[1].mean() > 0
    assert ae.transform(waves).shape == (60, 2)


def test_it_goes_on_from_a_checkpoint(tmp_path):
    params = {"members": 2, "max_epochs": 6, "random_state": 0, "hidden": (8,)}
    whole = Autoencoder(2, **params).fit(X)

    kept = {"checkpoint": tmp_path / "c", "checkpoint_every": 1}

    def interrupt(record):
        if record["epoch"] == 3:
            raise KeyboardInterrupt

    with pytest.warns(RuntimeWarning, match="interrupted"):
        Autoencoder(2, **params, **kept, callbacks=[interrupt]).fit(X)
    again = Autoencoder(2, **params, **kept).fit(X)
    np.testing.assert_array_equal(again.transform(X), whole.transform(X))


@pytest.mark.parametrize("members", [0, 1.5, "2", True])
def test_bad_numbers_of_members_are_refused(members):
    with pytest.raises(ParameterError, match="members"):
        Autoencoder(2, members=members).fit(X)


def test_warm_start_and_partial_fit_take_members_on():
    ae = Autoencoder(2, members=2, hidden=(8,), max_epochs=3, warm_start=True, random_state=0).fit(X)
    before = ae.score(X)
    assert ae.fit(X).score(X) > before - 0.05
    part = Autoencoder(2, members=2, hidden=(8,), random_state=0)
    for _ in range(3):
        part.partial_fit(X)
    assert part.n_rows_ == 900
    assert part.stability_ is not None
