"""Neighbours: shares by distance, descriptions of pictures, the divergence, and what it does to codes."""

import math

import numpy as np
import pytest
import torch

from isthmus import Autoencoder, Neighbours
from isthmus.exceptions import ParameterError
from isthmus.objectives.base import Batch
from isthmus.objectives.neighbours import DIRECTIONS, FALL, shares, slopes, squared_distances
from isthmus.objectives.reconstruction import make_loss


def begun(objective, shape, latent_dim=2):
    objective.begin(shape, latent_dim)
    return objective


def batch(x, z):
    return Batch(x, None, x, None, z, z, x, make_loss("mse"))


def test_shares_fall_from_the_nearest_to_the_kth():
    # On a line at 0, 1, 2, 4: squared distances of the first are 1, 4, 16; k=2 is at 4.
    given = shares(squared_distances(torch.tensor([[0.0], [1.0], [2.0], [4.0]], dtype=torch.float64)), 2)
    weights = np.array([1.0, math.exp(-FALL), math.exp(-FALL * 5)])
    np.testing.assert_allclose(given[0], [0, *(weights / weights.sum())], rtol=1e-9)
    np.testing.assert_allclose(given.sum(1), 1, rtol=1e-9)
    away = squared_distances(torch.randn(9, 3, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(shares(100 * away, 4), shares(away, 4), msg="the scale of the rows matters")


def test_equal_rows_share_alike():
    given = shares(squared_distances(torch.zeros(4, 2)), 3)
    np.testing.assert_allclose(given, (1 - np.eye(4)) / 3, rtol=1e-6)


def test_the_divergence_is_that_of_the_definition():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    z = torch.randn(7, 4, generator=generator, dtype=torch.float64)
    near = shares(squared_distances(x), 5).numpy()
    kernel = np.array([[(1 + ((a - b) ** 2).sum() / 3) ** -2.0 for b in z.numpy()] for a in z.numpy()])
    np.fill_diagonal(kernel, 0)
    found = kernel / kernel.sum(1, keepdims=True)
    seen = ~np.eye(7, dtype=bool)
    wanted = (near[seen] * np.log(near[seen] / found[seen])).sum() / 7
    given = begun(Neighbours(0.5), (3,)).terms(batch(x, z))["neighbours"]
    assert float(given) == pytest.approx(0.5 * wanted, rel=1e-9)


def test_codes_that_keep_the_neighbours_cost_less():
    x = torch.arange(12.0)[:, None] ** 1.1
    mixed = x[torch.randperm(12, generator=torch.Generator().manual_seed(0))]
    kept, lost = (float(begun(Neighbours(), (1,)).terms(batch(x, z))["neighbours"]) for z in (x, mixed))
    assert 0 < kept < 0.5 * lost


def test_two_rows_have_no_neighbourhood_and_a_gradient_all_the_same():
    z = torch.zeros(2, 2, requires_grad=True)
    term = begun(Neighbours(), (3,)).terms(batch(torch.randn(2, 3), z))["neighbours"]
    term.backward()
    assert float(term.detach()) == 0
    assert z.grad is not None


def test_slopes_tell_the_direction():
    ramp = torch.linspace(0, 1, 14).expand(1, 1, 14, 14)
    across, down = slopes(ramp), slopes(ramp.transpose(2, 3))
    by_direction = [each.view(DIRECTIONS + 1, -1)[:-1].square().mean(1) for each in (across, down)]
    # The difference over two pixels, 2 / 13, in one direction alone: to the right, and then two eighths further.
    for given, ahead in zip(by_direction, (0, 2), strict=True):
        wanted = torch.zeros(DIRECTIONS)
        wanted[ahead] = 2 / 13
        torch.testing.assert_close(given, wanted, atol=1e-6, rtol=1e-5)


def test_a_picture_moved_by_a_pixel_stays_nearer_by_slopes_than_by_values():
    rng = np.random.default_rng(0)
    picture = np.kron((rng.random((7, 7)) > 0.5).astype(np.float32), np.ones((4, 4), np.float32))
    other = np.kron((rng.random((7, 7)) > 0.5).astype(np.float32), np.ones((4, 4), np.float32))
    x = torch.from_numpy(np.stack([picture, np.roll(picture, 1, 1), other]))[:, None]
    ratios = []
    for compare in ("gradients", "values"):
        d = squared_distances(begun(Neighbours(compare=compare), (1, 28, 28)).described(x))
        ratios.append(float(d[0, 1] / d[0, 2]))
    assert ratios[0] < 0.8 * ratios[1]


@pytest.mark.parametrize("shape", [(6,), (20, 2), (1, 3, 9)])
def test_what_is_no_picture_is_compared_by_values(shape):
    x = torch.randn(5, *shape)
    torch.testing.assert_close(begun(Neighbours(), shape).described(x), x.flatten(1))
    with pytest.raises(ParameterError, match="no pictures of at least 4 x 4"):
        begun(Neighbours(compare="gradients"), shape)


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 5, 40), (2, 97, 64)])
def test_pictures_of_all_sizes_have_slopes(shape):
    given = slopes(torch.rand(2, *shape))
    assert given.ndim == 2
    assert torch.isfinite(given).all()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [({"weight": -1}, "weight=-1"), ({"neighbours": 0}, "neighbours=0"), ({"neighbours": 2.5}, "neighbours=2.5"),
     ({"compare": "hue"}, "compare='hue'")],
)  # fmt: skip
def test_bad_parameters(parameters, said):
    with pytest.raises(ParameterError, match=f"Neighbours: {said} cannot be used"):
        Autoencoder(2, objective=Neighbours(**parameters)).fit(np.random.default_rng(0).normal(size=(20, 3)))


def test_neighbours_are_kept_better_than_by_pca():
    """A curve that PCA folds: far ends that lie over one another in two dimensions."""
    rng = np.random.default_rng(0)
    t = rng.uniform(0, 6 * np.pi, 600)
    X = np.stack([np.cos(t), np.sin(t), 0.3 * t / np.pi - 0.9], 1) + 0.01 * rng.normal(size=(600, 3))
    ae = Autoencoder(2, objective=Neighbours(), max_epochs=60, batch_size=200, random_state=0).fit(X)

    def kept(codes):
        found = np.square(codes[:, None] - codes[None]).sum(2).argsort(1)[:, 1:6]
        return (np.abs(t[found] - t[:, None]) < 0.5).mean()

    pca = np.linalg.svd(X - X.mean(0), full_matrices=False)[0][:, :2]
    assert 1 - kept(ae.transform(X)) < 0.5 * (1 - kept(pca))
