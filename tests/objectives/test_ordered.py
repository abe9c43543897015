"""Nested dropout: how much of each row's code is kept."""

import pytest
import torch

from isthmus import Ordered
from isthmus.exceptions import ParameterError


def kept(n, width, **given):
    torch.manual_seed(0)
    objective = Ordered(**given)
    objective.begin((9,), width)
    z, terms = objective.code(torch.ones(n, width))
    assert not terms
    assert bool((z[:, 1:] <= z[:, :-1]).all()), "a prefix"
    assert bool((z[:, 0] == 1).all()), "at least one unit"
    return z.mean(0)


def test_lengths_have_the_distribution_asked_for():
    expected = 1 - torch.arange(8) / 8
    torch.testing.assert_close(kept(4000, 8, whole=0.0), expected, atol=2e-3, rtol=0)
    torch.testing.assert_close(kept(4000, 8, whole=0.5), 0.5 + 0.5 * expected, atol=2e-3, rtol=0)
    geometric = 0.7 ** torch.arange(8.0)
    torch.testing.assert_close(
        kept(4000, 8, distribution="geometric", rate=0.3, whole=0.0), geometric, atol=2e-3, rtol=0
    )


def test_single_rows_and_units():
    assert kept(1, 1).tolist() == [1.0]
    objective = Ordered(whole=1.0)
    objective.begin((9,), 3)
    h = torch.randn(5, 3)
    assert torch.equal(objective.code(h)[0], h)
    assert torch.equal(objective.encode(h), h)


@pytest.mark.parametrize("given", [{"distribution": "normal"}, {"rate": 2}, {"whole": -0.1}])
def test_what_cannot_be_used_is_refused(given):
    with pytest.raises(ParameterError, match=next(iter(given))):
        Ordered(**given).begin((6,), 3)
