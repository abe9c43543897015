import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from isthmus.networks.shrinking import Shrinking
from isthmus.networks.unet import UNet, count_products, into_cells, out_of_cells, padded
from isthmus.training.tiles import by_tiles


def trained(network: nn.Module, seed: int = 0) -> nn.Module:
    """Weights that are not zero anywhere, as after training."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) / parameter[0].numel() ** 0.5
    return network.eval()


@pytest.mark.parametrize(("axes", "shape"), [(2, (3, 32, 24)), (1, (2, 48))])
def test_starts_as_nothing_and_keeps_the_shape(axes, shape):
    network = UNet(shape[0], 4, widths=(8, 16), axes=axes)
    found = network(torch.randn(2, *shape))
    assert found.shape == (2, 4, *shape[1:])
    assert (found == 0).all()


@pytest.mark.parametrize("axes", [1, 2])
def test_cells_come_back(axes):
    x = torch.randn(2, 3, *(8, 12)[:axes])
    assert (out_of_cells(into_cells(x, 2), 2) == x).all()


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 2, 4, 8]))
def test_padding_gives_multiples_and_keeps_what_was_there(h, w, multiple):
    x = torch.arange(1.0, 1 + h * w).reshape(1, 1, h, w)
    found = padded(x, multiple)
    assert all(side % multiple == 0 for side in found.shape[2:])
    assert (found[..., :h, :w] == x).all()
    assert set(found.unique().tolist()) <= set(x.unique().tolist())


@pytest.mark.parametrize(("axes", "grid"), [(2, (90, 131)), (1, (700,))])
def test_tiles_leave_no_seam(axes, grid):
    network = trained(UNet(2, 1, widths=(4, 6, 8), blocks=1, axes=axes))
    x = torch.randn(2, *grid, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole = by_tiles(network, x, tile=4096)
        tiled = by_tiles(network, x, tile=40)
    assert whole.shape == (1, *grid)
    torch.testing.assert_close(tiled, whole, rtol=1e-4, atol=1e-5)


def test_reach_is_far_enough():
    network = trained(UNet(1, 1, widths=(4, 6), blocks=1, axes=1))
    x = torch.zeros(1, 1, 512, requires_grad=True)
    # Anything but zero, so that no unit is asleep everywhere.
    found = network(x + torch.randn(1, 1, 512, generator=torch.Generator().manual_seed(2)))
    found[0, 0, 256].backward()
    assert x.grad is not None
    touched = torch.nonzero(x.grad[0, 0]).flatten()
    assert (touched - 256).abs().max() <= network.reach


def test_brightness_scales_through():
    """Without biases the network is homogeneous: twice the input, twice the output."""
    network = trained(UNet(3, 3, widths=(8, 16)))
    x = torch.randn(1, 3, 16, 16)
    torch.testing.assert_close(network(2 * x), 2 * network(x), rtol=1e-4, atol=1e-4)


def test_products_are_counted():
    network = UNet(3, 3, widths=(8, 16), blocks=1)
    counted = 0

    def count(layer, given, found):
        nonlocal counted
        counted += layer.weight.numel() * found[0, 0].numel()

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(count)
    network(torch.zeros(1, 3, 32, 32))
    assert count_products(network, (3, 32, 32)) == counted


def test_shrinking_starts_as_wieners_filter():
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(4, 4))
    covariance = torch.from_numpy(factor @ factor.T).float()
    network = Shrinking(4, (8,))
    network.start(torch.ones(4), covariance, 0.5)
    expected = covariance @ torch.linalg.inv(covariance + 0.5 * torch.eye(4))
    x = torch.randn(3, 4)
    torch.testing.assert_close(network(x), 1 + (x - 1) @ expected.T, rtol=1e-4, atol=1e-4)
