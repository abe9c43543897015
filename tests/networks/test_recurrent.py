"""LSTM and GRU pairs: sizes for any sequence, and that they train."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from isthmus.exceptions import ParameterError
from isthmus.networks import recurrent
from isthmus.networks.base import Layout
from isthmus.networks.recurrent_decoder import POSITION_WIDTH
from isthmus.networks.recurrent_layer import GATES

few = settings(max_examples=20, deadline=None)
BUILD = {"lstm": recurrent.build_lstm, "gru": recurrent.build_gru}
cells = pytest.mark.parametrize("cell", list(BUILD))


def make(cell, shape=(12, 3), hidden=(16,), latent_dim=4, **options):
    options = {"latent_dim": latent_dim, "code_dim": latent_dim, **options}
    return BUILD[cell](Layout(shape, hidden=hidden, **options))


@few
@given(
    cell=st.sampled_from(list(BUILD)),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 5)),
    hidden=st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple),
    n=st.integers(1, 3),
    mask=st.booleans(),
    extra=st.integers(0, 3),
)
def test_any_length_comes_back_exactly(cell, shape, hidden, n, mask, extra):
    encoder, decoder = make(cell, shape, hidden, mask_input=mask, code_dim=4 + extra, zero_start=False)
    h = encoder(torch.randn(n, shape[0], shape[1] * (2 if mask else 1)))
    assert h.shape == (n, 4 + extra)
    x_hat = decoder(h[:, :4])
    assert x_hat.shape == (n, *shape)
    assert x_hat.isfinite().all()


@cells
def test_every_step_reaches_the_code_and_depends_on_it(cell):
    encoder, decoder = make(cell, (60, 2), (8, 6), zero_start=False)
    x = torch.randn(2, 60, 2, requires_grad=True)
    z = encoder(x)
    (to_inputs,) = torch.autograd.grad(z.square().sum(), x)
    assert (to_inputs != 0).all()
    with torch.no_grad():
        assert (decoder(z) != decoder(z + torch.randn_like(z))).all()


@cells
def test_steps_of_the_output_differ(cell):
    """The same code at each step, but not the same output: the decoder knows where in time it is."""
    _, decoder = make(cell, zero_start=False)
    with torch.no_grad():
        x_hat = decoder(torch.zeros(1, 4))
    assert (x_hat[:, 1:] - x_hat[:, :-1]).abs().min() > 0


def test_automatic_sizes():
    assert recurrent.default_hidden((50, 3), 8, 1000) == (64,)
    assert recurrent.default_hidden((50, 3), 32, 1000) == (128,)
    assert recurrent.default_hidden((50, 500), 32, 1000) == (256,)


@cells
def test_parts_start_at_zero_beside_a_linear_path(cell):
    encoder, decoder = make(cell)
    assert (encoder(torch.randn(3, 12, 3)) == 0).all()
    assert (decoder(torch.randn(3, 4)) == 0).all()
    encoder, decoder = make(cell, zero_start=False)
    assert (encoder(torch.randn(3, 12, 3)) != 0).all()
    assert (decoder(torch.randn(3, 4)) != 0).all()


@cells
@pytest.mark.parametrize("mask", [False, True])
def test_the_gradient_reaches_every_weight_after_the_zero_start(cell, mask):
    encoder, decoder = make(cell, hidden=(8, 6), mask_input=mask)
    x, z = torch.randn(16, 12, 6 if mask else 3), torch.randn(16, 4)
    wanted, target = torch.randn(16, 4), torch.randn(16, 12, 3)
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


@cells
def test_recurrent_weights_start_orthogonal_gate_by_gate(cell):
    encoder, _ = make(cell, hidden=(16,))
    weight = encoder.get_parameter("layer1.rnn.weight_hh_l0")
    for gate in weight.chunk(GATES[cell]):
        torch.testing.assert_close(gate @ gate.T, torch.eye(16), rtol=0, atol=1e-5)


def test_an_lstm_begins_by_remembering():
    encoder, _ = make("lstm", hidden=(8,))
    names = ("layer1.rnn.bias_ih_l0", "layer1.rnn.bias_hh_l0")
    bias = sum((encoder.get_parameter(name) for name in names), torch.zeros(32)).chunk(4)
    assert (bias[1] == 1).all()
    assert all((bias[gate] == 0).all() for gate in (0, 2, 3))


@cells
def test_eval_is_deterministic_and_dropout_acts_in_training_only(cell):
    encoder, decoder = make(cell, dropout=0.5, zero_start=False)
    x = torch.randn(8, 12, 3)
    assert not torch.equal(encoder(x), encoder(x))
    encoder.eval()
    decoder.eval()
    assert torch.equal(encoder(x), encoder(x))
    assert torch.equal(decoder(encoder(x)), decoder(encoder(x)))


@cells
def test_dropout_acts_on_the_recurrent_layers_themselves(cell):
    for part, n_in in zip(make(cell, dropout=0.5), (3, 16 + POSITION_WIDTH), strict=True):
        dropped = (part.get_submodule("layer1")(torch.randn(8, 12, n_in)) == 0).float().mean()
        assert 0.4 < dropped < 0.6


@cells
def test_a_row_is_coded_the_same_alone_and_among_others(cell):
    encoder, decoder = make(cell, hidden=(16, 8), zero_start=False)
    x = torch.randn(9, 12, 3)
    with torch.no_grad():
        z = encoder(x)
        x_hat = decoder(z)
        for i in range(9):
            torch.testing.assert_close(encoder(x[i : i + 1])[0], z[i], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(decoder(z[i : i + 1])[0], x_hat[i], rtol=1e-4, atol=1e-5)


@cells
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_constant_input_stays_finite(cell, value, fit):
    encoder, decoder = make(cell, zero_start=False)
    history = fit(encoder, decoder, torch.full((32, 12, 3), value), epochs=40)
    assert all(math.isfinite(loss) for loss in history)
    assert history[-1] < 0.02


@cells
def test_no_layer_is_refused_in_words(cell):
    with pytest.raises(ParameterError, match=r"hidden=\(\).*at least one"):
        make(cell, hidden=())


@cells
def test_sizes_are_those_asked_for_and_mirrored(cell):
    encoder, decoder = make(cell, hidden=(24, 8))
    kind = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
    found = [
        [module.hidden_size for module in part.modules() if isinstance(module, nn.RNNBase)]
        for part in (encoder, decoder)
    ]
    assert found == [[24, 8], [8, 24]]
    assert all(isinstance(m, kind) for part in (encoder, decoder) for m in part.modules() if isinstance(m, nn.RNNBase))


@cells
@pytest.mark.parametrize("linear", [True, False])
def test_waves_are_learnt_far_below_pca(cell, linear, waves, held_out_over_pca):
    train, test = waves(1000, 20), waves(300, 20)
    encoder, decoder = make(cell, train.shape[1:], (64,), zero_start=linear)
    ratio = held_out_over_pca(encoder, decoder, train, test, 4, linear=linear, epochs=12)
    assert ratio < (0.2 if linear else 0.6)
