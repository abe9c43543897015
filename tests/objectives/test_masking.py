"""Masking: what is hidden, what fills it, and what is learnt from."""

import numpy as np
import pytest
import torch

from isthmus import Autoencoder, Masking, Variational, load
from isthmus.exceptions import ParameterError
from isthmus.objectives import Batch, Chain, make_loss
from isthmus.objectives.filling import RIDGE, GaussianFill
from isthmus.training.step import Step

COVARIANCE = np.array([[1.0, 0.6, 0.3], [0.6, 1.0, 0.5], [0.3, 0.5, 1.0]])


def normal(n, seed=0):
    return np.random.default_rng(seed).multivariate_normal([1.0, -1.0, 0.0], COVARIANCE, n)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_fill_is_the_conditional_mean_and_its_spread_the_conditional_covariance():
    fill = GaussianFill((3,))
    fill.mean.copy_(torch.tensor([1.0, -1.0, 0.0]))
    fill.covariance.copy_(torch.from_numpy(COVARIANCE))
    x = torch.tensor([[2.0, 0.0, 0.0]], dtype=torch.float64)
    mask = torch.tensor([[True, False, False]])
    expected = [2.0, -1.0 + 0.6, 0.3]
    torch.testing.assert_close(fill(x, mask)[0], torch.tensor(expected, dtype=torch.float64), atol=1e-6, rtol=0)
    spread = COVARIANCE[1:, 1:] - np.outer(COVARIANCE[1:, 0], COVARIANCE[0, 1:])
    np.testing.assert_allclose(fill.spread(mask)[0, 1:, 1:].numpy(), spread, atol=1e-6)
    assert float(fill.spread(mask)[0, 0].abs().max()) == 0


def test_without_gaps_the_fit_is_the_sample_covariance():
    X = normal(500)
    fill = GaussianFill((3,))
    fill.start(torch.from_numpy(X), None)
    expected = np.cov(X.T, bias=True)
    expected[np.diag_indices(3)] *= 1 + RIDGE
    np.testing.assert_allclose(fill.covariance, expected, atol=1e-5)
    np.testing.assert_allclose(fill.mean, X.mean(0), atol=1e-6)


def test_em_finds_the_covariance_behind_gaps_where_the_complete_rows_are_few():
    X = normal(4000)
    mask = np.random.default_rng(1).random(X.shape) >= 0.5
    fill = GaussianFill((3,))
    fill.start(torch.from_numpy(np.where(mask, X, 0)), torch.from_numpy(mask))
    np.testing.assert_allclose(fill.covariance, COVARIANCE, atol=0.08)
    np.testing.assert_allclose(fill.mean, [1, -1, 0], atol=0.06)


def test_blocks_give_what_all_rows_at_once_give(monkeypatch):
    X, fill = torch.from_numpy(normal(50)), GaussianFill((3,))
    mask = torch.rand(X.shape, generator=generator()) >= 0.4
    fill.start(X, mask)
    whole, covariance = fill(X, mask), fill.covariance.clone()
    monkeypatch.setattr("isthmus.objectives.filling.AT_ONCE", 7 * 9)
    torch.testing.assert_close(fill(X, mask), whole)
    fill.start(X, mask)
    torch.testing.assert_close(fill.covariance, covariance)


def test_columns_are_hidden_at_their_own_rates():
    masking = Masking()
    masking.begin((3,), 3)
    mask = torch.ones(5000, 3, dtype=torch.bool)
    mask[:, 1] = torch.rand(5000, generator=generator()) >= 0.4
    masking.own = masking.make((3,), 3)
    masking.start(torch.zeros(5000, 3), mask)
    torch.testing.assert_close(masking.own.rates, torch.tensor([0.1, 0.4, 0.1]), atol=0.02, rtol=0)
    shown = masking.hide(torch.zeros(5000, 3), torch.ones_like(mask), generator())
    hidden = (~shown).float().mean(0)
    assert hidden[1] > 0.4
    assert hidden[0] < 0.4, "at least one of three is hidden"
    assert not (masking.hide(torch.zeros(5000, 3), mask, generator()) & ~mask).any(), "missing cells stay missing"


@pytest.mark.parametrize("rate", ["much", -0.1, 1.5, (0.5, 0.1), (0.1, 0.2, 0.3), None])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(ParameterError, match="rate="):
        Autoencoder(1, objective=Masking(rate), max_epochs=1).fit(normal(30))


def test_the_encoder_is_told_what_is_hidden_and_the_target_is_whole():
    ae = Autoencoder(3, objective=Masking(0.5), max_epochs=1, random_state=0).fit(normal(60))
    step = Step(ae.network_, ae._model.objective, ae._model.loss)
    batches = []
    step.objective.reconstruction = lambda batch: batches.append(batch) or batch.output.mean()
    x = torch.ones(40, 3)
    step(x, None, generator())
    batch = batches[0]
    assert bool((batch.x == 1).all())
    assert bool((batch.seen == batch.seen_mask).all()), "0 where hidden"
    assert 0.3 < float(batch.seen_mask.float().mean()) < 0.7
    torch.testing.assert_close(batch.h, ae.network_.encode(batch.seen, batch.seen_mask))


def test_hidden_cells_count_ten_times_shown_ones():
    masking, loss = Masking(), make_loss("mse")
    x, shown = torch.zeros(1, 2), torch.tensor([[True, False]])
    output = torch.tensor([[1.0, 2.0]])
    batch = Batch(x, None, x, shown, x, x, output, loss)
    assert float(masking.reconstruction(batch)) == pytest.approx((0.1 * 1 + 1 * 4) / 1.1)
    twice = Batch(x, None, x, shown, x, x, torch.cat([output, 0 * output]), loss)
    assert float(masking.reconstruction(twice)) == pytest.approx((0.1 * 1 + 1 * 4) / 1.1 / 2)


def test_the_start_is_the_gaussian_and_it_comes_back_from_a_folder(tmp_path):
    X = normal(200)
    X[np.random.default_rng(1).random(X.shape) < 0.2] = np.nan
    ae = Autoencoder(3, objective=Masking(), max_epochs=0, random_state=0).fit(X)
    prepared = ae.preparation_.transform(_raw(X), torch.float64)
    filled = ae.network_.fill(prepared.x, prepared.mask)
    torch.testing.assert_close(ae.reconstruct_prepared(prepared), filled, atol=1e-4, rtol=1e-4)
    ae.save(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").transform(X), ae.transform(X))


def test_wide_rows_are_not_filled_and_given_columns_are_not_hidden():
    wide = Autoencoder(2, objective=Masking(), max_epochs=1, random_state=0)
    assert wide.fit(np.random.default_rng(0).normal(size=(40, 201))).network_.fill is None
    chain = Chain([Masking(0.9), Variational(condition=[0])])
    chain.meet(make_loss("mse"), None)
    chain.begin((3,), 2)
    shown = chain.hide(torch.zeros(200, 3), None, generator())
    assert bool(shown[:, 0].all())
    assert float(shown[:, 1:].float().mean()) < 0.2


def _raw(X):
    from isthmus.data import as_raw

    return as_raw(X)
