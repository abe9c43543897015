"""Codes as sparse matrices: the same numbers, made and decoded block by block."""

import numpy as np
import pytest
from scipy import sparse

from isthmus import Autoencoder, Sparse
from isthmus.exceptions import DataError


@pytest.fixture(scope="module")
def fitted():
    X = np.random.default_rng(0).laplace(size=(400, 6)).astype(np.float32)
    ae = Autoencoder(200, hidden=(), objective=Sparse("topk", k=4), max_epochs=2, random_state=0).fit(X)
    ae._inference.rows_at_once = 70
    return ae, X


def test_a_sparse_matrix_holds_the_dense_codes(fitted, monkeypatch):
    ae, X = fitted
    dense = ae.transform(X)
    most = []
    encode = ae._inference.encode
    monkeypatch.setattr(ae._inference, "encode", lambda rows: most.append(len(rows)) or encode(rows))
    codes = ae.transform(X, sparse=True)
    assert sparse.isspmatrix_csr(codes)
    assert codes.dtype == dense.dtype == np.float32
    assert codes.shape == (400, 200)
    assert codes.nnz == np.count_nonzero(dense)
    np.testing.assert_array_equal(codes.toarray(), dense)
    assert max(most) == 70, "no more than a block is ever dense"


def test_float64_stays_float64(fitted):
    ae, X = fitted
    codes = ae.transform(X.astype(np.float64), sparse=True)
    assert codes.dtype == np.float64
    np.testing.assert_array_equal(codes.toarray(), ae.transform(X.astype(np.float64)))


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
def test_sparse_codes_are_decoded_as_dense_ones(fitted, form):
    ae, X = fitted
    codes = ae.transform(X)
    np.testing.assert_array_equal(ae.inverse_transform(form(codes)), ae.inverse_transform(codes))


def test_codes_of_another_width_are_refused(fitted):
    ae, _ = fitted
    with pytest.raises(DataError, match="7 columns, but the codes of this Autoencoder have 200"):
        ae.inverse_transform(sparse.csr_matrix((3, 7), dtype=np.float32))


def test_codes_that_are_not_sparse_make_a_full_matrix():
    X = np.random.default_rng(0).normal(size=(50, 4))
    ae = Autoencoder(2, max_epochs=0).fit(X)
    np.testing.assert_array_equal(ae.transform(X, sparse=True).toarray(), ae.transform(X))
