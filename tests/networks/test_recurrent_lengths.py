"""Recurrent pairs on sequences of unequal lengths, read in both directions, or one step after another."""

from __future__ import annotations

import pytest
import torch

from isthmus.exceptions import ParameterError
from isthmus.networks import choose_family
from isthmus.networks.base import Layout
from isthmus.networks.recurrent_layer import Layer, turned

LENGTHS = torch.tensor([3, 7, 1, 10])


def make(network, time=12, **layout):
    _, family, options = choose_family(network, 2)
    torch.manual_seed(0)
    encoder, decoder = family.build(
        Layout((time, 3), 4, 4, (8, 6), zero_start=False, ends=True, options=options, **layout)
    )
    return encoder.eval(), decoder.eval()


def batch(time, noise=0.0):
    there = torch.arange(time) < LENGTHS[:, None]
    values = torch.randn(4, 10, 2, generator=torch.Generator().manual_seed(1))
    values = torch.nn.functional.pad(values, (0, 0, 0, time - 10)) * there[..., None]
    values = torch.where(there[..., None], values, noise * torch.randn_like(values))
    return torch.cat([values, there[..., None].float()], dim=2)


NETWORKS = ("lstm", "gru", "gru(bidirectional=true)", "lstm(bidirectional=true)", "gru(teacher_forcing=1)")


@pytest.mark.parametrize("network", NETWORKS)
def test_a_sequence_has_one_code_alone_and_padded_beside_others(network):
    encoder, _ = make(network)
    together = encoder(batch(12))
    for i, length in enumerate(LENGTHS.tolist()):
        alone = encoder(batch(12)[i : i + 1, :length])
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("network", NETWORKS)
def test_what_stands_in_the_padding_changes_nothing(network):
    encoder, _ = make(network)
    torch.testing.assert_close(encoder(batch(12, noise=9.0)), encoder(batch(12)), rtol=0, atol=1e-6)


def test_each_sequence_is_turned_about_by_itself():
    x = torch.arange(5.0)[None, :, None].repeat(2, 1, 1)
    found = turned(x, torch.tensor([3, 5]))[..., 0].tolist()
    assert found == [[2, 1, 0, 3, 4], [4, 3, 2, 1, 0]]


def test_the_way_back_is_that_of_torch():
    ours = Layer("gru", 3, 5, 0.0, bidirectional=True)
    theirs = torch.nn.GRU(3, 5, batch_first=True, bidirectional=True)
    with torch.no_grad():
        for name, weight in ours.rnn.named_parameters():
            theirs.get_parameter(name).copy_(weight)
        for name, weight in ours.back.named_parameters():
            theirs.get_parameter(f"{name}_reverse").copy_(weight)
    x = torch.randn(4, 10, 3)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    wanted = torch.nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)[0]
    there = (torch.arange(10) < LENGTHS[:, None])[..., None]
    torch.testing.assert_close(ours(x, LENGTHS) * there, wanted, rtol=0, atol=1e-6)


def test_no_step_after_the_longest_sequence_is_computed_in_training():
    _, decoder = make("gru")
    z = torch.randn(4, 4)
    shown, whole = decoder(z, batch(12), torch.zeros(())), decoder(z)
    torch.testing.assert_close(shown[:, :10], whole[:, :10])
    assert (shown[:, 10:] == 0).all()
    assert whole[:, 10:].abs().min() > 0


def test_forced_by_its_own_steps_a_decoder_makes_what_it_makes_alone():
    _, decoder = make("gru(teacher_forcing=1)")
    z = torch.randn(4, 4)
    alone = decoder(z)
    fed = torch.cat([alone[..., :-1], torch.ones(4, 12, 1)], dim=2)
    # The last channel says that all steps are there; the decoder is fed what it made.
    decoder.end = None
    torch.testing.assert_close(decoder(z, alone, torch.zeros(())), alone, rtol=0, atol=1e-5)
    assert not torch.allclose(decoder(z, fed + 3, torch.zeros(())), alone)


def test_forcing_ends_with_the_training():
    _, decoder = make("gru(teacher_forcing=1)")
    z, x = torch.randn(4, 4), batch(12)
    other = x + torch.tensor([5.0, 5.0, 0.0])
    start, end = torch.zeros(()), torch.ones(())
    assert not torch.allclose(decoder(z, x, start), decoder(z, other, start))
    # At the end only the first pass, which is told of the true steps, differs: its own steps are what is given.
    own = decoder(z, x, end)
    assert not torch.allclose(own, decoder(z, x, start))


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("gru(bidirectional=3)", "bidirectional=3 cannot be used; expected true or false"),
        ("gru(teacher_forcing=2)", "expected a share from 0 to 1"),
        ("gru(bidirektional=true)", "no option 'bidirektional' .did you mean 'bidirectional'"),
        ("gru(true)", "has no name"),
        ("gru(", "cannot be read"),
        ("conv(bidirectional=true)", "it has none"),
    ],
)
def test_options_that_there_are_not_are_refused(network, words):
    with pytest.raises(ParameterError, match=words):
        choose_family(network, 2)
