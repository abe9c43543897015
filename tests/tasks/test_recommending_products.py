"""The largest products: the same items as by making all of them, whatever is hidden."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from isthmus.tasks.recommending_parts import products
from isthmus.tasks.recommending_parts.base import Settings
from isthmus.tasks.recommending_parts.deep import Deep
from isthmus.tasks.recommending_parts.elsa import ELSA
from isthmus.tasks.recommending_parts.products import USERS, LargestProducts
from isthmus.tasks.recommending_parts.ranking import top_k


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3 * USERS), st.integers(40, 3000), st.integers(1, 12), st.integers(1, 9), st.integers(0, 10**6))
def test_they_are_the_largest(m, n, d, k, seed):
    rng = np.random.default_rng(seed)
    items, users = rng.normal(size=(n, d)).astype(np.float32), rng.normal(size=(m, d)).astype(np.float32)
    hidden = sparse.random(m, n, density=0.05, random_state=seed, format="csr")
    found, values = LargestProducts(items)(users, k, hidden)
    expected = users @ items.T
    wanted, best = top_k(expected.copy(), k, hidden)
    np.testing.assert_allclose(values, best, rtol=1e-4, atol=1e-5)
    assert (np.take_along_axis(hidden.toarray(), np.maximum(found, 0), 1)[found >= 0] == 0).all()
    same = (found == wanted) | np.isclose(values, np.roll(values, 1, 1), rtol=1e-3)
    assert same.mean() > 0.97


@pytest.mark.parametrize("spread", [0.0, 1e-4])
def test_items_that_rounding_makes_equal_are_told_apart(spread):
    """All products are about the same: roughly none is better, and all are made exactly."""
    rng = np.random.default_rng(0)
    items = (1 + spread * rng.normal(size=(5000, 6))).astype(np.float32)
    users = np.ones((3, 6), np.float32)
    found, values = LargestProducts(items)(users, 5)
    np.testing.assert_allclose(values, np.sort(users @ items.T)[:, ::-1][:, :5], rtol=1e-6)
    assert (found >= 0).all()


@pytest.mark.parametrize("model", [ELSA(max_epochs=2), Deep(latent_dim=4, epochs=2)])
def test_models_give_the_same_items_by_it(model, monkeypatch):
    taken = sparse.random(80, 3000, density=0.01, random_state=0, format="csr", dtype=np.float32)
    taken.data[:] = 1
    model.fit(taken, None, Settings(seed=0))
    plain = top_k(model.scores(taken), 6, taken)
    monkeypatch.setattr(products, "FROM", 1000)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    model._largest = None
    fast = model.top(taken, 6, taken)
    assert model._largest[-1] is not None
    np.testing.assert_allclose(fast[1], plain[1], rtol=1e-4, atol=1e-5)
    assert (fast[0] == plain[0]).mean() > 0.98


def test_of_equal_ones_the_first_are_given():
    items = np.repeat(np.random.default_rng(0).integers(-3, 4, (1000, 4)), 3, axis=0).astype(np.float32)
    users = np.array([[1, 2, -1, 0], [0, 0, 0, 0]], np.float32)
    expected = np.argsort(-(users @ items.T), axis=1, kind="stable")
    for k in (1, 2, 5):
        assert (LargestProducts(items)(users, k)[0] == expected[:, :k]).all()


def test_none_is_left():
    hidden = sparse.csr_matrix(np.ones((2, 3000)))
    hidden[1, 7] = 0
    hidden.eliminate_zeros()
    found, values = LargestProducts(np.ones((3000, 4), np.float32))(np.ones((2, 4), np.float32), 2, hidden)
    assert found.tolist() == [[-1, -1], [7, -1]]
    assert np.isneginf(values).tolist() == [[True, True], [False, True]]
