"""Convolutional pairs: sizes for any image and any length, and that they train."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from isthmus.exceptions import ParameterError
from isthmus.networks import conv
from isthmus.networks.activations import ACTIVATIONS
from isthmus.networks.base import Layout

few = settings(max_examples=25, deadline=None)
BUILD = {3: conv.build_image, 2: conv.build_sequence}
AUTO = {3: conv.default_hidden_image, 2: conv.default_hidden_sequence}
SHAPES = [(1, 8, 8), (3, 21, 30), (1, 1, 1), (50, 3), (1, 1)]


def make(shape, hidden=None, latent_dim=4, **options):
    hidden = AUTO[len(shape)](shape, latent_dim, 1000) if hidden is None else hidden
    options = {"latent_dim": latent_dim, "code_dim": latent_dim, **options}
    return BUILD[len(shape)](Layout(shape, hidden=hidden, **options))


def n_parameters(*modules):
    return sum(p.numel() for module in modules for p in module.parameters())


def with_mask(shape):
    return (2 * shape[0], *shape[1:]) if len(shape) == 3 else (shape[0], 2 * shape[1])


@few
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 70), st.integers(1, 70))
    | st.tuples(st.integers(1, 400), st.integers(1, 5)),
    hidden=st.none() | st.lists(st.integers(1, 9), min_size=1, max_size=5).map(tuple),
    n=st.integers(1, 3),
    mask=st.booleans(),
    extra=st.integers(0, 3),
)
def test_any_size_comes_back_exactly(shape, hidden, n, mask, extra):
    encoder, decoder = make(shape, hidden, mask_input=mask, code_dim=4 + extra, zero_start=False)
    h = encoder(torch.randn(n, *(with_mask(shape) if mask else shape)))
    assert h.shape == (n, 4 + extra)
    x_hat = decoder(h[:, :4])
    assert x_hat.shape == (n, *shape)
    assert x_hat.isfinite().all()


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 5, 300), (1, 28, 28), (3, 97, 64), (3, 150, 200), (1000, 2)])
def test_every_cell_in_reaches_the_code_and_every_cell_out_depends_on_it(shape):
    """Padding and cropping lose no border."""
    encoder, decoder = make(shape, zero_start=False)
    x = torch.randn(2, *shape, requires_grad=True)
    z = encoder(x)
    (to_inputs,) = torch.autograd.grad(z.square().sum(), x)
    assert (to_inputs != 0).all()
    with torch.no_grad():
        moved = decoder(z) - decoder(z + torch.randn_like(z))
    assert (moved != 0).all()


@few
@given(height=st.integers(1, 4000), width=st.integers(1, 4000), n_stages=st.integers(1, 9))
def test_the_number_of_weights_is_bounded_for_any_image(height, width, n_stages):
    plan = conv._Plan.make((height, width), 3, Layout((3, height, width), 32, 32, (64,) * n_stages))
    assert max(plan.grids[-1]) <= 8
    assert len(plan.strides) == n_stages
    hidden = conv.default_hidden_image((3, height, width), 32, 1000)
    plan = conv._Plan.make((height, width), 3, Layout((3, height, width), 32, 32, hidden))
    assert max(plan.grids[-1]) <= 4
    assert max(plan.grids[1]) <= 64
    assert len(hidden) <= 5


def test_a_large_photo_has_few_weights():
    encoder, decoder = make((3, 768, 1024), latent_dim=32)
    assert n_parameters(encoder, decoder) < 4e6


def test_automatic_sizes():
    assert conv.default_hidden_image((1, 8, 8), 8, 1300) == (32,)
    assert conv.default_hidden_image((3, 32, 32), 8, 50_000) == (32, 64, 128)
    assert conv.default_hidden_image((3, 64, 64), 8, 50_000) == (32, 64, 128, 128)
    assert conv.default_hidden_image((1, 1, 1), 1, 10) == (32,)
    assert conv.default_hidden_sequence((8, 1), 2, 100) == (32,)
    assert conv.default_hidden_sequence((1000, 1), 2, 100) == (32, 64, 128, 128, 128, 128)


@pytest.mark.parametrize("shape", SHAPES)
def test_parts_start_at_zero_beside_a_linear_path(shape):
    encoder, decoder = make(shape)
    assert (encoder(torch.randn(3, *shape)) == 0).all()
    assert (decoder(torch.randn(3, 4)) == 0).all()
    encoder, decoder = make(shape, zero_start=False)
    assert (encoder(torch.randn(3, *shape)) != 0).any()
    assert (decoder(torch.randn(3, 4)) != 0).any()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mask", [False, True])
def test_the_gradient_reaches_every_weight_after_the_zero_start(shape, mask):
    encoder, decoder = make(shape, mask_input=mask)
    x = torch.randn(16, *(with_mask(shape) if mask else shape))
    z, target = torch.randn(16, 4), torch.randn(16, *shape)
    wanted = torch.randn(16, 4)
    parameters = [*encoder.named_parameters(prefix="encoder"), *decoder.named_parameters(prefix="decoder")]
    optimiser = torch.optim.AdamW([p for _, p in parameters], lr=1e-2)
    for _ in range(2):
        optimiser.zero_grad()
        ((encoder(x) - wanted).square().mean() + (decoder(z) - target).square().mean()).backward()
        optimiser.step()
    for name, parameter in parameters:
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("shape", [(3, 200, 150), (1000, 2)])
@pytest.mark.parametrize("act", ["relu", "gelu", "silu", "tanh", "leaky_relu", "elu"])
def test_the_signal_neither_vanishes_nor_explodes_with_depth(shape, act):
    encoder, decoder = make(shape, activation=act, latent_dim=8, zero_start=False)
    z = encoder(torch.randn(8, *shape))
    x_hat = decoder(torch.randn(8, 8))
    assert 0.1 < z.std(dim=0).mean() < 3
    assert 0.1 < x_hat.std(dim=0).mean() < 3


@pytest.mark.parametrize("shape", SHAPES)
def test_eval_is_deterministic_and_dropout_acts_in_training_only(shape):
    encoder, decoder = make(shape, dropout=0.5, zero_start=False)
    x = torch.randn(8, *shape)
    assert not torch.equal(encoder(x), encoder(x))
    encoder.eval()
    decoder.eval()
    assert torch.equal(encoder(x), encoder(x))
    assert torch.equal(decoder(encoder(x)), decoder(encoder(x)))


@pytest.mark.parametrize("shape", [(1, 16, 16), (64, 1)])
def test_dropout_drops_whole_channels_of_every_stage(shape):
    encoder, _ = make(shape, (64, 64), dropout=0.5)
    x = encoder.get_submodule("entry")(torch.randn(8, *shape))
    for name in ("stage1", "stage2"):
        x = encoder.get_submodule(name)(x)
        dropped = (x == 0).flatten(2)
        assert (dropped.all(dim=2) == dropped.any(dim=2)).all()
        assert 0.3 < dropped.float().mean() < 0.7


@pytest.mark.parametrize("shape", SHAPES)
def test_a_row_is_coded_the_same_alone_and_among_others(shape):
    encoder, decoder = make(shape, zero_start=False)
    encoder.eval()
    decoder.eval()
    x = torch.randn(9, *shape)
    with torch.no_grad():
        z = encoder(x)
        x_hat = decoder(z)
        for i in range(9):
            torch.testing.assert_close(encoder(x[i : i + 1])[0], z[i], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(decoder(z[i : i + 1])[0], x_hat[i], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("act", list(ACTIVATIONS))
@pytest.mark.parametrize("shape", [(2, 13, 9), (30, 2)])
def test_every_activation_serves(act, shape):
    encoder, decoder = make(shape, activation=act, zero_start=False)
    x_hat = decoder(encoder(torch.randn(4, *shape)))
    assert x_hat.isfinite().all()
    assert x_hat.std() > 0


def test_channels_are_last_in_memory():
    encoder, decoder = make((3, 32, 32), zero_start=False)
    seen = []
    for module in [*encoder.modules(), *decoder.modules()]:
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            module.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    decoder(encoder(torch.randn(4, 3, 32, 32)))
    assert len(seen) == 6
    assert all(x.is_contiguous(memory_format=torch.channels_last) for x in seen)


def test_weights_are_contiguous_for_the_file():
    """A safetensors file takes contiguous tensors only."""
    for part in make((3, 32, 32)):
        assert all(tensor.is_contiguous() for tensor in part.state_dict().values())


def test_a_transposed_convolution_leaves_no_checkerboard():
    """Every cell of the inside is reached by the same number of inputs."""
    for stride in ((2, 2), (4, 4), (2, 8)):
        up = conv.UpConv(1, 1, (24, 32), stride, 1.0)
        with torch.no_grad():
            up.conv.weight.fill_(1.0)
            y = up(torch.ones(1, 1, 24 // stride[0], 32 // stride[1]))[0, 0]
        inside = y[stride[0] : -stride[0], stride[1] : -stride[1]]
        assert (inside == 4.0).all()


@pytest.mark.parametrize("shape", [(1, 8, 8), (20, 2)])
def test_constant_input_stays_finite(shape, fit):
    for value in (0.0, 1.0):
        encoder, decoder = make(shape, zero_start=False)
        x = torch.full((32, *shape), value)
        history = fit(encoder, decoder, x, epochs=20)
        assert all(math.isfinite(loss) for loss in history)
        assert history[-1] < 0.2 * history[0] + 1e-2


@pytest.mark.parametrize("shape", [(3, 8, 8), (8, 2)])
def test_no_stage_is_refused_in_words(shape):
    with pytest.raises(ParameterError, match=r"hidden=\(\).*at least one"):
        make(shape, hidden=())


def test_names_of_layers_are_readable():
    encoder, decoder = make((1, 28, 28))
    names = [name for name, _ in encoder.named_parameters() if name.endswith("weight")]
    assert names == [
        "stage1.conv.weight",
        "stage2.conv.weight",
        "stage3.conv.weight",
        "dense.linear.weight",
        "last.weight",
    ]
    names = [name for name, _ in decoder.named_parameters() if name.endswith("weight")]
    assert names == [
        *("dense.linear.weight", "grid.linear.weight"),
        *("stage1.conv.weight", "stage2.conv.weight", "last.conv.weight"),
    ]


@pytest.mark.parametrize("linear", [True, False])
def test_images_of_a_moving_bump_are_learnt_far_below_pca(linear, bumps, held_out_over_pca):
    train, test = bumps(1200), bumps(300)
    encoder, decoder = make(train.shape[1:], (16, 32), latent_dim=3, zero_start=linear)
    assert held_out_over_pca(encoder, decoder, train, test, 3, linear=linear, epochs=12) < 0.15


@pytest.mark.parametrize("linear", [True, False])
def test_waves_are_learnt_far_below_pca(linear, waves, held_out_over_pca):
    train, test = waves(1200), waves(300)
    encoder, decoder = make(train.shape[1:], (16, 32, 64), latent_dim=4, zero_start=linear)
    assert held_out_over_pca(encoder, decoder, train, test, 4, linear=linear, epochs=15) < 0.15


def test_handwritten_digits_are_learnt_below_pca(held_out_over_pca):
    x = torch.tensor(load_digits().images, dtype=torch.float32)[:, None]
    x = ((x - x.mean()) / x.std())[torch.randperm(len(x))]
    encoder, decoder = make((1, 8, 8), latent_dim=8)
    assert held_out_over_pca(encoder, decoder, x[:1300], x[1300:], 8, linear=True, epochs=20) < 0.7
