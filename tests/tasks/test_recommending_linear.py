"""Linear recommenders against their formulas, within memory, and the same at any number of threads."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy import sparse

from isthmus.exceptions import ParameterError
from isthmus.tasks.recommending_parts import gram as gram_module
from isthmus.tasks.recommending_parts import sparse_inverse as sparse_module
from isthmus.tasks.recommending_parts.base import Holdout, Model, Settings
from isthmus.tasks.recommending_parts.closed import EASE, EDLAE, RDLAE, climb
from isthmus.tasks.recommending_parts.elsa import ELSA, cosine_loss, softmax_loss
from isthmus.tasks.recommending_parts.gram import gram, invert, require_memory
from isthmus.tasks.recommending_parts.knn import ItemKNN
from isthmus.tasks.recommending_parts.models import MODELS, make_model
from isthmus.tasks.recommending_parts.popularity import Popularity
from isthmus.tasks.recommending_parts.ranking import hits, mean_ndcg, ndcg, top_k
from isthmus.tasks.recommending_parts.sparse_inverse import SparseInverse

SETTINGS = Settings(seed=0)


def taken(n: int = 300, n_items: int = 40, seed: int = 0) -> sparse.csr_matrix:
    """Users of four tastes, each with a favourite quarter of the items, popular ones more often."""
    rng = np.random.default_rng(seed)
    liked = rng.integers(4, size=n)[:, None] == np.arange(n_items) % 4
    chance = np.where(liked, 0.5, 0.06) * np.linspace(1.5, 0.3, n_items)
    return sparse.csr_matrix((rng.random((n, n_items)) < chance).astype(np.float32))


def held(n: int = 150, seed: int = 1) -> Holdout:
    whole = taken(n, seed=seed).tocoo()
    shown = np.random.default_rng(seed).random(whole.nnz) < 0.7
    parts = [
        sparse.csr_matrix((whole.data[which], (whole.row[which], whole.col[which])), shape=whole.shape)
        for which in (shown, ~shown)
    ]
    return Holdout(*parts)


def dense_gram(X) -> np.ndarray:
    full = X.toarray().astype(np.float64)
    return full.T @ full


def test_gram_in_blocks_is_the_dense_product(monkeypatch):
    X = taken()
    monkeypatch.setattr(gram_module, "BLOCK_VALUES", 7 * 40)
    np.testing.assert_array_equal(gram(X), dense_gram(X))
    weights = np.random.default_rng(0).random(300)
    full = X.toarray()
    np.testing.assert_allclose(gram(X, weights), full.T @ (full * weights[:, None]), rtol=1e-5)


@pytest.mark.parametrize("n", [1, 5, 64, 65, 200])
def test_inverse_in_place_in_panels(n, monkeypatch):
    monkeypatch.setattr(gram_module, "PANEL", 64)
    A = np.random.default_rng(n).standard_normal((n + 5, n))
    S = A.T @ A + n * np.eye(n)
    out = S.astype(np.float32)
    assert invert(out)
    np.testing.assert_allclose(out, np.linalg.inv(S), rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(out, out.T)


def test_what_is_not_positive_definite_is_not_inverted():
    assert not invert(np.array([[1, 2], [2, 1]], np.float32))
    assert not invert(np.full((2, 2), np.nan, np.float32))


def test_ease_is_steck_s_formula():
    X = taken()
    P = np.linalg.inv(dense_gram(X) + 20 * np.eye(40))
    B = -P / np.diag(P)
    np.fill_diagonal(B, 0)
    model = EASE(l2=20.0).fit(X, None, SETTINGS)
    np.testing.assert_allclose(model.weights_, B, atol=1e-5)
    assert (model.weights_.diagonal() == 0).all()
    np.testing.assert_allclose(model.scores(X[:9]), X[:9].toarray() @ B, atol=1e-4)


def test_edlae_minimises_the_error_under_dropout():
    """Its gradient vanishes off the diagonal: (G + L) B = G + diag(multipliers), L as of dropout's variance."""
    X, p = taken(), 0.4
    G = dense_gram(X)
    L = np.diag(p / (1 - p) * np.diag(G) + 3)
    B = EDLAE(l2=3.0, dropout=p).fit(X, None, SETTINGS).weights_.astype(np.float64)
    left = (G + L) @ B - G
    np.testing.assert_allclose(left - np.diag(np.diag(left)), 0, atol=1e-3)
    assert (np.diag(B) == 0).all()
    # What it minimises, on average over what dropout hides (inputs kept with 1 - p, scaled up).
    full, rng = X.toarray().astype(np.float64), np.random.default_rng(0)
    kept = [(rng.random(full.shape) >= p) / (1 - p) for _ in range(200)]

    def loss(W):
        return np.mean([((full - (full * mask) @ W) ** 2).sum() for mask in kept]) + 3 * (W**2).sum()

    nudge = rng.standard_normal(B.shape) * 0.02
    np.fill_diagonal(nudge, 0)
    assert loss(B) < loss(B + nudge)
    assert loss(B) < loss(EASE(l2=3.0).fit(X, None, SETTINGS).weights_)


def test_a_free_diagonal_is_ridge_regression_and_users_count_alike():
    X = taken()
    X = X[np.diff(X.indptr) > 0]
    sizes = np.diff(X.indptr)
    weights = 1 / sizes * sizes.sum() / len(sizes)
    full = X.toarray().astype(np.float64)
    G = full.T @ (full * weights[:, None])
    counts = np.diag(G)
    L = np.diag(5 * (counts / counts.mean()) ** 0.25)
    B = RDLAE(l2=5.0).fit(X, None, SETTINGS).weights_
    np.testing.assert_allclose(B, np.linalg.solve(G + L, G), atol=1e-4)


def test_a_relaxed_diagonal_is_kept_below_its_bound():
    B = RDLAE(l2=5.0, diagonal=0.3).fit(taken(), None, SETTINGS).weights_
    assert B.diagonal().max() == pytest.approx(0.3, abs=1e-5)
    none = RDLAE(l2=5.0, diagonal=0.0, items=0.0, users=0.0).fit(taken(), None, SETTINGS).weights_
    np.testing.assert_allclose(none, EASE(l2=5.0).fit(taken(), None, SETTINGS).weights_, atol=1e-6)


def test_auto_is_chosen_on_the_users_held_out():
    X, aside = taken(), held()
    model = EASE().fit(X, aside, SETTINGS)
    l2 = model.chosen["l2"]

    def figure(value):
        return mean_ndcg(EASE(l2=value).fit(X, None, SETTINGS).scores, aside.history, aside.targets)

    assert figure(l2) >= max(figure(l2 / 2**0.5), figure(l2 * 2**0.5)) - 1e-5
    assert set(EDLAE().fit(X, aside, SETTINGS).chosen) == {"l2", "dropout"}
    assert EDLAE(l2=5.0, dropout=0.5).fit(X, aside, SETTINGS).chosen == {}


def test_climbing_finds_the_top_and_asks_once():
    asked = []

    def figure(place):
        asked.append(tuple(place.values()))
        return -abs(np.log2(place["l2"]) - 3) - abs(place["dropout"] - 0.5)

    assert climb(figure, ["l2", "dropout"]) == {"l2": 8.0, "dropout": 0.5}  # 11 steps down, with a look around
    assert len(asked) == len(set(asked)) < 25


def test_items_that_nobody_took_are_no_trouble():
    X = taken().tolil()
    X[:, 7] = 0
    X = X.tocsr()
    for word in ("ease(5)", "edlae(5, 0.3)", "rdlae(5)", "knn", "sparse_inverse(l2=5)", "elsa(4, max_epochs=2)"):
        scores = make_model(word).fit(X, None, SETTINGS).scores(X[:5])
        assert np.isfinite(scores).all()
        assert (scores[:, 7] == 0).all() or word.startswith("elsa")


def test_the_guard_names_the_bytes_before_anything_is_allocated(monkeypatch):
    monkeypatch.setattr(gram_module, "memory_left", lambda: 8 * 2**30)
    require_memory("ease", 20_000, 2, "model='elsa'")
    many = sparse.csr_matrix((5, 100_000), dtype=np.float32)
    with pytest.raises(ParameterError, match=r"40,000,000,000 bytes .*8,589,934,592 bytes.*elsa"):
        EASE(l2=1.0).fit(many, None, SETTINGS)
    # A choice on held-out users needs the Gram matrix and a working copy.
    one = sparse.csr_matrix((np.ones(1, np.float32), ([0], [0])), shape=many.shape)
    with pytest.raises(ParameterError, match=r"80,000,000,000 bytes"):
        EASE().fit(many, Holdout(many, one), SETTINGS)


def test_neighbours_beyond_memory_are_refused_before_anything_is_made(monkeypatch):
    monkeypatch.setattr(gram_module, "memory_left", lambda: 10**6)
    monkeypatch.setattr(sparse_module, "sparse_gram", lambda *_: pytest.fail("allocated first"))
    with pytest.raises(ParameterError, match=r"sparse_inverse.*needs [\d,]+ bytes.*neighbours"):
        SparseInverse(neighbours=200).fit(taken(n_items=300), None, SETTINGS)


def test_memory_left_is_known_here():
    left = gram_module.memory_left()
    assert left is not None
    assert 2**20 < left < 2**50


def test_too_small_a_penalty_is_said():
    X = sparse.csr_matrix(np.ones((50, 30), np.float32))
    with pytest.raises(ParameterError, match="too small"):
        EASE(l2=1e-9).fit(X, None, SETTINGS)


def test_parameters_beyond_float32_are_refused_by_name_and_the_largest_are_finite():
    for word in ("ease(l2=1e300)", "sparse_inverse(l2=1e39)", "rdlae(items=1000)", "rdlae(users=1000)"):
        with pytest.raises(ParameterError, match="cannot be used; expected a number"):
            make_model(word)
    for word in ("ease(l2=9e19)", "sparse_inverse(l2=9e19)", "rdlae(l2=9e19, items=2, users=2)"):
        assert np.isfinite(make_model(word).fit(taken(), None, SETTINGS).scores(taken(5))).all()


def test_knn_is_the_cosine():
    X = taken()
    full = X.toarray()
    norms = np.linalg.norm(full, axis=0)
    cosine = full.T @ full / (np.outer(norms, norms) + 3)
    np.fill_diagonal(cosine, 0)
    every = ItemKNN(neighbours=40, shrinkage=3.0).fit(X, None, SETTINGS)
    np.testing.assert_allclose(every.weights_.toarray(), cosine, atol=1e-6)
    few = ItemKNN(neighbours=5, shrinkage=3.0).fit(X, None, SETTINGS).weights_.toarray()
    assert ((few > 0).sum(0) <= 5).all()
    assert few.max(0) == pytest.approx(cosine.max(0), abs=1e-6)


def test_sparse_inverse_with_all_neighbours_is_ease():
    X = taken(3000)
    assert (dense_gram(X) > 0).all(), "items that share no user are never neighbours"
    B = EASE(l2=20.0).fit(X, None, SETTINGS).weights_
    whole = SparseInverse(neighbours=39, l2=20.0).fit(X, None, SETTINGS)
    np.testing.assert_allclose(whole.weights_.toarray(), B, atol=1e-5)
    few = SparseInverse(neighbours=6, l2=20.0).fit(X, None, SETTINGS)
    assert few.weights_.nnz == 6 * 40
    # Each column is the ridge regression on its neighbours.
    G, column = dense_gram(X), few.weights_.toarray()[:, 11]
    near = np.flatnonzero(column)
    np.testing.assert_allclose(
        column[near], np.linalg.solve(G[np.ix_(near, near)] + 20 * np.eye(6), G[near, 11]), atol=1e-5
    )
    assert np.linalg.norm(few.weights_.toarray() - B) < np.linalg.norm(B)


def test_a_gram_matrix_cut_short_is_still_solved(monkeypatch):
    monkeypatch.setattr(sparse_module, "KEPT", 4)
    X = sparse.csr_matrix((np.random.default_rng(0).random((200, 30)) < 0.9).astype(np.float32))
    cut, near = sparse_module.sparse_gram(X, 4)
    assert near.shape == (30, 4)
    np.testing.assert_array_equal(cut.toarray(), cut.toarray().T)
    full = dense_gram(X)
    np.testing.assert_allclose(cut.toarray()[cut.toarray() > 0], full[cut.toarray() > 0], rtol=1e-5)
    weights = SparseInverse(neighbours=4, l2=1e-3).fit(X, None, SETTINGS).weights_.toarray()
    assert np.isfinite(weights).all()
    assert np.abs(weights).max() < 5


def test_elsa_s_cosine_loss_is_that_of_dense_rows():
    X = taken(50)[:, :]
    X = X[np.diff(X.indptr) > 1]
    A = torch.nn.functional.normalize(torch.randn(40, 6), dim=1).requires_grad_()
    x = torch.from_numpy(X.toarray())
    y = x @ A @ A.T - x
    dense = ((x / x.norm(dim=1, keepdim=True) - y / y.norm(dim=1, keepdim=True)) ** 2).sum(1).mean()
    ours = cosine_loss(A, X)
    assert ours.item() == pytest.approx(dense.item(), rel=1e-4)
    torch.testing.assert_close(*(torch.autograd.grad(each, A)[0] for each in (ours, dense)), rtol=1e-3, atol=1e-5)


def test_elsa_s_softmax_loss_is_the_multinomial_likelihood():
    X = taken(50)
    A = torch.nn.functional.normalize(torch.randn(40, 6), dim=1).requires_grad_()
    scale, x = torch.full((1, 1), 1.5, requires_grad=True), torch.from_numpy(X.toarray())
    dense = -(x * torch.log_softmax(1.5 * (x @ A @ A.T - x), 1)).sum(1).mean()
    ours = softmax_loss(A, scale, X)
    assert ours.item() == pytest.approx(dense.item(), rel=1e-4)
    # Each item drawn once, as was to be expected, makes the sampled normaliser the whole.
    drawn = softmax_loss(A, scale, X, (np.arange(40), np.ones(40)))
    assert drawn.item() == pytest.approx(dense.item(), rel=1e-4)
    torch.testing.assert_close(*(torch.autograd.grad(each, A)[0] for each in (drawn, dense)), rtol=1e-3, atol=1e-4)


def test_elsa_scores_are_its_formula():
    X, aside = taken(), held()
    model = ELSA(dim=5).fit(X, aside, SETTINGS)
    A = model.items_
    np.testing.assert_allclose(np.linalg.norm(A, axis=1), 1, rtol=1e-5)
    x = aside.history.toarray()
    np.testing.assert_allclose(model.scores(aside.history), x @ A @ A.T - x, atol=1e-4)
    np.testing.assert_allclose(model.codes(aside.history), x @ A, atol=1e-4)


def test_elsa_fitted_once_more_takes_as_many_steps_as_were_best():
    model = ELSA(learning_rate=0.3, max_epochs=30).fit(taken(), held(), SETTINGS)
    assert 0 < model.chosen["steps"] < 4 * 30
    again = model.settled().fit(taken(), None, SETTINGS)
    np.testing.assert_array_equal(again.items_, model.items_)


def test_gains_of_next_to_nothing_end_the_fit(monkeypatch):
    found = iter(np.linspace(0.2, 0.2001, 400))
    monkeypatch.setattr(ELSA, "_figure", lambda *_: float(next(found)))
    assert ELSA().fit(taken(), held(), SETTINGS).chosen["steps"] == 4 * 6


def test_a_word_s_own_size_of_code_counts_before_that_of_the_recommender():
    fitted = [ELSA(dim, max_epochs=1).fit(taken(), None, Settings(0, latent_dim=3)) for dim in (8, "auto")]
    assert [model.codes(taken()).shape[1] for model in fitted] == [8, 3]


def test_the_best_of_many_items_are_found_by_groups():
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((7, 5003)).astype(np.float32)
    hidden = sparse.csr_matrix((rng.random(scores.shape) < 0.3).astype(np.float32))
    items, values = top_k(scores.copy(), 15, hidden)
    scores[hidden.toarray() > 0] = -np.inf
    np.testing.assert_array_equal(items, np.argsort(-scores, axis=1)[:, :15])
    np.testing.assert_array_equal(values, np.take_along_axis(scores, items, 1))


def test_mean_ndcg_in_blocks_is_that_of_the_whole(monkeypatch):
    aside, model = held(), Popularity().fit(taken(), None, SETTINGS)
    items, _ = top_k(model.scores(aside.history), 10, aside.history)
    whole = np.nanmean(ndcg(hits(items, aside.targets), aside.targets))
    monkeypatch.setattr("isthmus.tasks.recommending_parts.ranking.BLOCK_VALUES", 40 * 11)
    assert mean_ndcg(model.scores, aside.history, aside.targets, k=10) == pytest.approx(whole)
    nothing = sparse.csr_matrix(aside.targets.shape, dtype=np.float32)
    assert mean_ndcg(model.scores, aside.history, nothing, k=10) == 0


@pytest.mark.parametrize("name", sorted({*MODELS} - {"deep", "bias", "autorec"}))
def test_every_model_learns_and_comes_back(name):
    X, aside = taken(), held()
    model = MODELS[name]().fit(X, aside, SETTINGS)
    values, arrays = model.learnt()
    back = MODELS[name]().restore(values, {key: array.copy() for key, array in arrays.items()})
    history = aside.history[:20]
    np.testing.assert_array_equal(back.scores(history), model.scores(history))
    np.testing.assert_array_equal(back.codes(history), model.codes(history))
    assert back.chosen == model.chosen
    assert model.scores(history).dtype == model.codes(history).dtype == np.float32
    assert model.codes(history).shape[0] == 20
    similar = model.similar(np.array([3, 8]))
    assert similar.shape == (2, 40)
    items, scores = model.top(history, 5, history)
    plain = top_k(model.scores(history), 5, history)
    np.testing.assert_array_equal(items, plain[0])
    np.testing.assert_allclose(scores, plain[1], rtol=1e-4)
    counted = Model.contributions(model, history[:1], 9)
    np.testing.assert_allclose(model.contributions(history[:1], 9), counted, atol=1e-4)
    if name != "popularity":
        floor = Popularity().fit(X, None, SETTINGS)
        figures = [mean_ndcg(m.scores, aside.history, aside.targets, 10) for m in (model, floor)]
        assert figures[0] > figures[1] + 0.05
        # Items of one taste are alike.
        alike = np.argsort(-similar, axis=1, kind="stable")
        alike = np.array([[j for j in row if j != i][:4] for i, row in zip((3, 8), alike, strict=True)])
        assert (alike % 4 == np.array([[3], [0]])).mean() >= 0.75


def test_words_make_models():
    assert make_model("EASE(l2=300)").__dict__ == {**EASE(300).__dict__}
    assert make_model("edlae(200, dropout=0.5)").dropout == 0.5
    assert isinstance(make_model("popularity"), Popularity)
    for word, words in {
        "eese": "did you mean 'ease'",
        "ease(l3=1)": "no parameter 'l3' .did you mean 'l2'",
        "ease(l2=-1)": "l2=-1 cannot be used; expected a number above 0",
        "ease(1, 2)": "too many positional",
        "ease(1": "cannot be read",
        "ease(1)(2)": "cannot be read",
        "popularity(3)": "too many positional",
        "edlae(dropout=1)": "dropout=1 cannot be used",
    }.items():
        with pytest.raises(ParameterError, match=words):
            make_model(word)


RUN = """
import sys, hashlib, numpy as np
sys.path.insert(0, {tests!r})
from test_recommending_linear import taken, held, SETTINGS
from isthmus.tasks.recommending_parts.elsa import ELSA, cosine_loss, softmax_loss
from isthmus.tasks.recommending_parts.gram import invert
from isthmus.tasks.recommending_parts.models import make_model
h = hashlib.sha256()
A = np.random.default_rng(0).standard_normal((1500, 1200), dtype=np.float32)
S = A.T @ A + 1200 * np.eye(1200, dtype=np.float32)
S = ((S + S.T) / 2).round(1)
invert(S)
h.update(S)
for word in {words!r}:
    model = make_model(word).fit(taken(), held(), SETTINGS)
    print(word, model.chosen)
    h.update(np.ascontiguousarray(model.scores(held().history)))
    h.update(np.ascontiguousarray(model.codes(held().history)))
print(h.hexdigest())
"""


def test_threads_change_nothing():
    words = ["edlae", "rdlae", "knn", "elsa(8)", "elsa(8, loss=softmax)", "sparse_inverse(9)"]
    code = RUN.format(tests=os.path.dirname(__file__), words=words)
    runs = []
    for threads in ("1", "2"):
        env = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        command = [sys.executable, "-c", code]
        runs.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env))
    said = [run.communicate() for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert said[0][0] == said[1][0]
