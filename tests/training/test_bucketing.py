"""Batches of sequences about as long."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isthmus.data import DenseRows
from isthmus.training.bucketing import Dealer, lengths_of, padding
from isthmus.training.split import SubsetRows


@pytest.mark.parametrize("draw", ["uniform", "lognormal"])
def test_padding_stays_under_fifteen_percent(draw):
    rng = np.random.default_rng(0)
    drawn = rng.integers(5, 200, 5000) if draw == "uniform" else np.ceil(rng.lognormal(3.5, 0.8, 5000))
    lengths = torch.from_numpy(drawn.astype(np.int64))
    order = torch.randperm(5000, generator=torch.Generator().manual_seed(0))
    dealt = Dealer(40, lengths)(order, torch.Generator().manual_seed(0))
    assert padding(dealt, lengths) < 0.15
    assert padding(Dealer(40, None)(order, torch.Generator()), lengths) > 0.4


def test_every_row_is_dealt_once_into_batches_of_even_sizes():
    lengths = torch.randint(1, 50, (103,))
    dealt = Dealer(10, lengths)(torch.randperm(103), torch.Generator().manual_seed(0))
    assert sorted(torch.cat(dealt).tolist()) == list(range(103))
    assert {len(batch) for batch in dealt} == {10, 11}


def test_without_lengths_rows_are_dealt_as_they_come():
    dealt = Dealer(2, None)(torch.arange(7), torch.Generator())
    assert [batch.tolist() for batch in dealt] == [[0, 1, 2, 3], [4, 5, 6]]


def test_lengths_of_some_rows():
    rows = DenseRows(torch.zeros(4, 9, 2), None, torch.tensor([4, 3, 9, 1]))
    assert lengths_of(SubsetRows(SubsetRows(rows, np.array([1, 2, 3])), np.array([2, 0]))).tolist() == [1, 3]
    assert lengths_of(DenseRows(torch.zeros(4, 2))) is None


def test_no_more_is_left_to_order_than_is_needed():
    nearly_equal = torch.randint(95, 101, (3000,), generator=torch.Generator().manual_seed(0))
    assert Dealer(30, nearly_equal).pool == 1
    assert Dealer(30, torch.randint(1, 101, (3000,), generator=torch.Generator().manual_seed(0))).pool > 1


def test_few_batches_are_left_to_chance():
    lengths = torch.tensor([1, 9] * 20)
    dealt = Dealer(4, lengths)(torch.arange(40), torch.Generator())
    assert all(len(set(lengths[batch].tolist())) == 2 for batch in dealt)
