"""A density on codes: a Gaussian before the first step, learnt after it, also with columns given."""

import numpy as np
import pytest
import torch

from isthmus.training.diffusion import Rows, diffusion_plan, draw_codes, make_denoiser, train_denoiser


def two_clusters(n, seed=0):
    """Codes near (-2, 0) and (2, 1), and a column that tells which."""
    generator = torch.Generator().manual_seed(seed)
    which = (torch.rand(n, 1, generator=generator) < 0.3).float()
    codes = torch.cat([4 * which - 2, which], 1) + 0.1 * torch.randn(n, 2, generator=generator)
    return Rows(codes, torch.full_like(codes, 0.05), which * 2 - 1, torch.ones(n, 1, dtype=torch.bool))


@pytest.fixture(scope="module")
def trained():
    network = make_denoiser(2, torch.zeros(1, dtype=torch.long), 64, 2, 0)
    history = train_denoiser(network, two_clusters(800), two_clusters(200, 1), diffusion_plan(800, 150, 0))
    return network, history


def test_it_starts_as_the_gaussian_of_the_codes():
    rows = two_clusters(2000)
    network = make_denoiser(2, torch.zeros(1, dtype=torch.long), 64, 2, 0)
    train_denoiser(network, rows, None, diffusion_plan(2000, 0, 0))
    drawn = draw_codes(network, 4000, 0)
    np.testing.assert_allclose(drawn.mean(0), rows.mean.mean(0), atol=0.1)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(rows.mean.T), rtol=0.1, atol=0.05)
    # No clusters yet: a share of the codes lies between them.
    assert (drawn[:, 0].abs() < 1).float().mean() > 0.2


def test_it_learns_clusters_and_their_shares(trained):
    network, history = trained
    assert min(history["validation_loss"]) < 0.8 * history["validation_loss"][0]
    drawn = draw_codes(network, 2000, 0)
    assert (drawn[:, 0].abs() < 1).float().mean() < 0.06
    assert (drawn[:, 0] > 0).float().mean() == pytest.approx(0.3, abs=0.06)
    above = drawn[drawn[:, 0] > 0]
    assert above[:, 1].mean() == pytest.approx(1, abs=0.1)


def test_what_is_given_says_which(trained):
    network, _ = trained
    x = torch.tensor([[-1.0], [1.0]]).repeat(200, 1)
    drawn = draw_codes(network, 400, 0, x, torch.ones(400, 1, dtype=torch.bool))
    assert ((drawn[:, 0] > 0) == (x[:, 0] > 0)).float().mean() > 0.97


def test_a_seed_repeats_the_codes(trained):
    network, _ = trained
    assert torch.equal(draw_codes(network, 50, 3), draw_codes(network, 50, 3))
    assert not torch.equal(draw_codes(network, 50, 3), draw_codes(network, 50, 4))


def test_a_callback_stops_training():
    network = make_denoiser(2, torch.zeros(1, dtype=torch.long), 8, 1, 0)

    class Stop:
        def on_fit_start(self, context): ...
        def on_epoch_end(self, record):
            return True

        def on_fit_end(self, context):
            self.stopped = context["stopped"]

    stop = Stop()
    history = train_denoiser(network, two_clusters(100), None, diffusion_plan(100, 1000, 0), [stop])
    assert len(history["epoch"]) == 1
    assert stop.stopped == "callback"
