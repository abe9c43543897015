"""Each noise does to the values what it says, to the share or by the deviation asked for."""

import numpy as np
import pytest
import torch

from isthmus import Autoencoder, Denoising
from isthmus.objectives.denoising import NOISES

N, COLUMNS = 4000, 5


@pytest.fixture
def x():
    """Columns on scales of their own, no value twice, none zero."""
    drawn = torch.randn(N, COLUMNS, dtype=torch.float64)
    return drawn * torch.tensor([1.0, 2.0, 5.0, 0.1, 1.0]) + torch.arange(COLUMNS) * 100 + 50


def corrupted(x, noise, level, seed=0):
    return Denoising(noise, level).corrupt(x, None, torch.Generator().manual_seed(seed))


def assert_share(chosen, level):
    """Within four standard deviations of a binomial share, in each column too."""
    for part in (chosen, *chosen.T):
        share = part.double().mean().item()
        assert abs(share - level) < 4 * (level * (1 - level) / part.numel()) ** 0.5 + 1e-12


@pytest.mark.parametrize("level", [0.5, 2.0])
def test_gaussian_noise_has_its_deviation_and_is_not_biased(x, level):
    noise = corrupted(x, "gaussian", level) - x
    assert noise.std().item() == pytest.approx(level, rel=0.02)
    assert abs(noise.mean().item()) < 4 * level / (N * COLUMNS) ** 0.5
    assert torch.corrcoef(noise.T).fill_diagonal_(0).abs().max() < 0.08, "each value has noise of its own"


@pytest.mark.parametrize("level", [0.1, 0.3, 0.9])
def test_mask_sets_a_share_to_zero(x, level):
    seen = corrupted(x, "mask", level)
    changed = seen != x
    assert (seen[changed] == 0).all()
    assert_share(changed, level)


@pytest.mark.parametrize("level", [0.1, 0.6])
def test_salt_and_pepper_are_the_ends_of_the_column_in_the_batch(x, level):
    seen = corrupted(x, "salt_pepper", level)
    low, high = x.amin(0), x.amax(0)
    changed = seen != x
    assert ((seen == low) | (seen == high))[changed].all()
    assert_share((seen == low) & changed, level / 2)
    assert_share((seen == high) & changed, level / 2)


@pytest.mark.parametrize("level", [0.1, 0.6])
def test_swap_takes_values_of_the_same_column(x, level):
    seen = corrupted(x, "swap", level)
    changed = seen != x
    assert_share(changed, level)
    for column in range(COLUMNS):
        values = set(x[:, column].tolist())
        assert set(seen[:, column].tolist()) <= values
    rows = [torch.nonzero(x[:, 0] == value).item() for value in seen[changed[:, 0], 0][:200]]
    assert len(set(rows)) > 150, "drawn from all rows"


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("shape", [(6,), (2, 4, 3), (5, 2)])
def test_any_shape_nothing_at_level_0_and_the_clean_batch_unchanged(noise, shape):
    x = torch.randn(8, *shape)
    before = x.clone()
    assert torch.equal(corrupted(x, noise, 0), x)
    assert corrupted(x, noise, 1).shape == x.shape
    assert torch.equal(x, before)


@pytest.mark.parametrize("noise", NOISES)
def test_draws_come_from_the_generator_alone(x, noise):
    first = corrupted(x, noise, 0.5, seed=1)
    torch.manual_seed(99)
    assert torch.equal(corrupted(x, noise, 0.5, seed=1), first)
    assert not torch.equal(corrupted(x, noise, 0.5, seed=2), first)


def test_the_code_is_left_alone():
    denoising, h = Denoising(), torch.randn(3, 4)
    z, terms = denoising.code(h)
    assert z is h
    assert terms == {}
    assert denoising.encode(h) is h
    assert not denoising.is_plain(), "PCA, the start, was not fitted to corrupted rows"


@pytest.fixture(scope="module")
def clean():
    rng = np.random.default_rng(0)
    return np.tanh(rng.normal(size=(600, 2)) @ rng.normal(size=(2, 12)))


def error_on_noisy_rows(ae, clean):
    noisy = clean * (np.random.default_rng(1).random(clean.shape) >= 0.3)
    return ((ae.reconstruct(noisy) - clean) ** 2).mean()


def test_it_learns_to_take_noise_off(clean):
    errors = []
    for objective in (None, Denoising("mask", 0.3)):
        ae = Autoencoder(4, objective=objective, random_state=0)
        for _ in range(60):
            ae.partial_fit(clean[:400])
        errors.append(error_on_noisy_rows(ae, clean[400:]))
    assert errors[1] < 0.4 * errors[0]


def test_fit_keeps_an_epoch_that_takes_noise_off(clean):
    fitted = [Autoencoder(4, objective=o, random_state=0).fit(clean[:400]) for o in (None, Denoising("mask", 0.3))]
    plain, ours = (error_on_noisy_rows(ae, clean[400:]) for ae in fitted)
    assert ours < 0.4 * plain
