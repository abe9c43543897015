"""Rows: any source gives the rows of an index, into buffers where they are given."""

import numpy as np
import pytest
import torch
from scipy import sparse

from isthmus.data import DenseRows, LazyRows, Prepared, Rows


def dense(masked):
    x = torch.arange(24.0).reshape(6, 4)
    return DenseRows(x, x > 3 if masked else None)


def thin(masked):
    values = np.arange(24.0).reshape(6, 4)

    def prepare(part):
        x = torch.from_numpy(part.toarray()).float()
        some = masked and bool((x <= 3).any())  # as a preparation does: a mask only where something is missing
        return Prepared(x, x > 3 if some else None)

    return LazyRows(sparse.csr_array(values), prepare, masked)


@pytest.mark.parametrize("make", [dense, thin])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("index", [[0], [5, 1, 1], list(range(6)), [4, 5]])
def test_take(make, masked, index):
    rows = make(masked)
    assert isinstance(rows, Rows)
    assert (len(rows), rows.shape, rows.has_mask) == (6, (4,), masked)
    at = torch.tensor(index)
    want = torch.arange(24.0).reshape(6, 4)[at]
    buffers = Prepared(torch.full((6, 4), -1.0), torch.zeros(6, 4, dtype=torch.bool) if masked else None)
    for out in (None, buffers):
        got = rows.take(at, out)
        assert torch.equal(got.x, want)
        assert len(got) == len(index)
        assert (got.mask is not None) == masked
        if got.mask is not None:
            assert torch.equal(got.mask, want > 3)
        if out is not None:
            assert got.x.data_ptr() == out.x.data_ptr()


@pytest.mark.parametrize("make", [dense, thin])
def test_to_a_device(make):
    rows = make(True).to("cpu")
    assert isinstance(rows, Rows)
    batch = rows.take(torch.tensor([2]))
    assert torch.equal(batch.to("cpu").x, batch.x)
