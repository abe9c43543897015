"""Each noise does to the values what it says, to the share or by the deviation asked for."""

import numpy as np
import pytest
import torch

from isthmus import Autoencoder, Denoising, load
from isthmus.exceptions import ParameterError
from isthmus.objectives import describe, rebuild
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


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("level", [0.4, (0.2, 0.6)])
def test_missing_cells_stay_missing_and_are_put_nowhere(noise, level):
    x = torch.randn(500, 3) + 10
    mask = torch.rand(500, 3) < 0.5
    mask[:, 2] = False
    x = x.where(mask, torch.tensor(-777.0))
    seen = Denoising(noise, level).corrupt(x.clone(), mask, torch.Generator().manual_seed(0))
    assert torch.equal(seen[~mask], x[~mask])
    assert (seen[mask] > -100).all(), "what stands for a missing cell is in no other"
    assert (seen != x)[mask].float().mean() > 0.1


@pytest.mark.parametrize("noise", ["mask", "salt_pepper", "swap"])
def test_a_range_is_one_level_for_each_batch_drawn_uniformly(x, noise):
    generator = torch.Generator().manual_seed(0)
    denoising = Denoising(noise, (0.2, 0.6))
    shares = [(denoising.corrupt(x, None, generator) != x).double().mean().item() for _ in range(300)]
    assert min(shares) > 0.18
    assert max(shares) < 0.62
    assert np.mean(shares) == pytest.approx(0.4, abs=0.03)
    assert np.std(shares) == pytest.approx(0.4 / 12**0.5, rel=0.15)


def test_a_range_of_deviations(x):
    generator = torch.Generator().manual_seed(0)
    stds = [(Denoising(level=(0.5, 2)).corrupt(x, None, generator) - x).std().item() for _ in range(200)]
    assert 0.49 < min(stds) < 0.6
    assert 1.9 < max(stds) < 2.05


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("level", [0.3, (0.1, 0.5), [0.3, 0.3]])
def test_the_precision_is_kept_and_one_row_is_enough(noise, dtype, level):
    denoising = Denoising(noise, level)
    denoising.begin((4,), 2)
    seen = denoising.corrupt(torch.randn(1, 4, dtype=dtype), torch.ones(1, 4, dtype=torch.bool), torch.Generator())
    assert seen.dtype is dtype
    assert torch.isfinite(seen).all()


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize(
    "level", [(0.5, 0.1), (0.1,), (0.1, 0.2, 0.3), (-0.1, 0.5), (0.1, float("nan")), ("a", "b"), (0, 1e10), ()]
)
def test_ranges_that_are_none(noise, level):
    with pytest.raises(ParameterError, match=r"Denoising: level=.* or a range \(low, high\)"):
        Denoising(noise, level).begin((3,), 1)


def test_a_share_cannot_be_more_than_all():
    Denoising("gaussian", (0.5, 3)).begin((3,), 1)
    with pytest.raises(ParameterError, match="a share from 0 to 1 for noise='mask'"):
        Denoising("mask", (0.5, 3)).begin((3,), 1)


def test_a_range_is_stored_and_read_back(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 4))
    ae = Autoencoder(2, objective=Denoising("mask", (np.float64(0.1), 0.5)), max_epochs=2, random_state=0).fit(X)
    ae.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert rebuild(describe(ae.objective)).level == [0.1, 0.5]
    np.testing.assert_array_equal(again.transform(X), ae.transform(X))
    np.testing.assert_array_equal(again.fit(X).transform(X), ae.transform(X))


def speckle(x, generator):
    return x.mul_(1 + torch.randn(x.shape, generator=generator, device=generator.device).to(x))


@pytest.mark.parametrize("missing", [False, True])
def test_noise_of_a_persons_own(missing, tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 4))
    if missing:
        X[::7, 1] = np.nan
    fits = [Autoencoder(2, objective=Denoising(speckle), max_epochs=2, random_state=0).fit(X) for _ in range(2)]
    codes = [ae.transform(X) for ae in fits]
    np.testing.assert_array_equal(*codes)
    plain = Autoencoder(2, objective=Denoising(level=0), max_epochs=2, random_state=0).fit(X).transform(X)
    assert np.abs(plain - codes[0]).max() > 0
    fits[0].save(tmp_path / "model")
    with pytest.raises(ParameterError, match=r"give it again, load\(path, objective"):
        load(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model", objective=Denoising(speckle)).transform(X), codes[0])


def test_own_noise_leaves_the_batch_and_missing_cells_as_they_were():
    x, mask = torch.randn(6, 3), torch.rand(6, 3) < 0.5
    before = x.clone()
    seen = Denoising(lambda x, generator: x.fill_(7)).corrupt(x, mask, torch.Generator())
    assert torch.equal(x, before)
    assert torch.equal(seen, torch.where(mask, torch.tensor(7.0), x))


@pytest.mark.parametrize(
    "noise", [lambda x, g: None, lambda x, g: x[:, :1], lambda x, g: x.double(), lambda x, g: x.numpy()]
)
def test_own_noise_that_gives_something_else(noise):
    with pytest.raises(ParameterError, match=r"Denoising: noise=.* gave a .*; expected one like the batch"):
        Autoencoder(2, objective=Denoising(noise), max_epochs=1).fit(np.random.default_rng(0).normal(size=(40, 5)))


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
