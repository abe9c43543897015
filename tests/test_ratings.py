"""Ratings through an autoencoder: what holds for every network and objective that takes them, and the likelihoods."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone

from isthmus import AnomalyDetector, Autoencoder, Collaborative, Denoising, FoldIn, Imputer, Variational, load
from isthmus.data import as_raw
from isthmus.exceptions import DataError, ParameterError
from isthmus.networks import FAMILIES, Layout
from isthmus.networks import ratings as networks
from isthmus.networks.build import RATINGS
from isthmus.objectives import OBJECTIVES, Multinomial
from isthmus.objectives.ratings import SquaredOfEntries
from isthmus.packed import pack, places, there, unpack

NETWORKS = [
    *(name for name, by_axes in FAMILIES.items() if RATINGS in by_axes),
    *(f"dense(encoder={encoder}, decoder={decoder})" for encoder in networks.ENCODERS for decoder in networks.DECODERS),
]
TAKEN = {
    "plain": None,
    **{name: kind() for name, kind in OBJECTIVES.items() if "ratings" in kind.takes and name != "Denoising"},
    "Denoising": Denoising("mask", 0.5),
    "Mult-VAE": [Denoising("mask", 0.5), Collaborative(0.2, warmup=0.5)],
    "RecVAE": [Denoising("mask", (0.3, 0.5)), Collaborative(0.005, scale="profile", prior="composite")],
    "VampPrior": [FoldIn(), Collaborative(0.1, prior="vamp", components=5)],
}


def matrix(n: int = 80, items: int = 24, seed: int = 0) -> sparse.csr_matrix:
    """Users of two tastes: each half of the items is taken by its own half of the users, some by all."""
    rng = np.random.default_rng(seed)
    chance = np.where((np.arange(items) % 2)[None] == (np.arange(n) % 2)[:, None], 0.4, 0.05)
    taken = rng.random((n, items)) < chance
    taken[np.arange(n), rng.integers(items, size=n)] = True
    return sparse.csr_matrix(taken.astype(np.float32))


def small(**given) -> Autoencoder:
    defaults = {"latent_dim": 3, "kind": "ratings", "hidden": (8, 8), "max_epochs": 2, "random_state": 0}
    return Autoencoder(**defaults | given)


@pytest.mark.parametrize("objective", TAKEN)
@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_and_objective(network, objective, tmp_path):
    X = matrix()
    ae = small(network=network, objective=TAKEN[objective]).fit(X)
    codes = ae.transform(X)
    assert codes.shape == (80, 3)
    np.testing.assert_array_equal(codes, ae.transform(X))
    chances = ae.reconstruct(X)
    assert chances.shape == (80, 24)
    np.testing.assert_allclose(chances.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(ae.inverse_transform(codes), chances, rtol=1e-4, atol=1e-7)
    told = -np.log(chances[X.nonzero()])
    rows = np.repeat(np.arange(80), np.diff(X.indptr))
    means = np.bincount(rows, told) / np.bincount(rows)
    np.testing.assert_allclose(ae.reconstruction_error(X), means, rtol=1e-4)
    assert ae.sample(4, random_state=0).shape == (4, 24)
    assert np.isfinite(ae.history_["train_loss"]).all()
    np.testing.assert_array_equal(clone(ae).fit(X).transform(X), codes)
    ae.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.reconstruct(X), chances)
    np.testing.assert_array_equal(loaded.sample(3, random_state=1), ae.sample(3, random_state=1))


@pytest.mark.parametrize("name", [name for name, kind in OBJECTIVES.items() if "ratings" not in kind.takes])
def test_objectives_of_numbers_are_refused(name):
    with pytest.raises(ParameterError, match=f"{name}.* cannot be used with kind='ratings'"):
        small(objective=OBJECTIVES[name]()).fit(matrix())


@pytest.mark.parametrize("name", ["FoldIn", "Collaborative"])
def test_objectives_of_ratings_are_refused_on_numbers(name):
    with pytest.raises(ParameterError, match=f"{name}.* cannot be used with rows of numbers"):
        Autoencoder(2, objective=OBJECTIVES[name](), max_epochs=1).fit(np.random.default_rng(0).normal(size=(30, 4)))


def test_tastes_are_learnt():
    train, new = matrix(400), matrix(40, seed=1)
    ae = small(objective=FoldIn(), max_epochs=60, hidden=(), learning_rate=0.02).fit(train)
    own = (np.arange(24) % 2)[None] == (np.arange(40) % 2)[:, None]
    chances = ae.reconstruct(new)
    assert (chances * own).sum(1).mean() > 0.8
    assert ae.score(new) > 0.2  # popularity is 0
    assert ae.comparison_["ours"] < 1


def test_a_row_is_coded_as_it_is_beside_others():
    X = matrix()
    ae = small().fit(X)
    np.testing.assert_allclose(ae.transform(X[5]), ae.transform(X)[5:6], atol=1e-6)
    np.testing.assert_allclose(ae.transform(X.toarray()), ae.transform(X), atol=1e-6)


def test_nothing_known_of_a_user_gives_what_all_take():
    X = matrix()
    X[3] = 0
    X.eliminate_zeros()
    ae = small(objective=FoldIn()).fit(X)
    assert np.isfinite(ae.reconstruct(X[3])).all()
    assert np.isfinite(ae.history_["validation_loss"]).all()


def test_values_are_predicted_where_they_are_known():
    rng = np.random.default_rng(0)
    values = 3 + np.outer(rng.normal(size=200), rng.normal(size=12)) + rng.normal(size=12)
    known = rng.random((200, 12)) < 0.6
    X = sparse.csr_matrix((values[known], known.nonzero()), shape=values.shape)
    ae = small(
        loss="mse", hidden=(), latent_dim=2, max_epochs=150, learning_rate=0.02, objective=Denoising("mask", 0.2)
    ).fit(X)
    error = np.square(ae.reconstruct(X) - values)[~known].mean()
    spread = np.square(values - values.mean(0))[~known].mean()
    assert error < 0.7 * spread
    assert ae.score(X) > 0.3


def test_interactions_are_taken_as_they_come(tmp_path):
    users, items = matrix().nonzero()
    frame = pd.DataFrame({"user": users, "item": [f"i{item:02}" for item in items]})
    ae = small().fit(frame)
    np.testing.assert_array_equal(ae.transform(frame), small().fit(matrix()).transform(matrix()))
    assert ae.feature_names_in_[3] == "i03"
    frame.to_csv(tmp_path / "taken.csv", index=False)
    np.testing.assert_array_equal(ae.transform(tmp_path / "taken.csv"), ae.transform(frame))
    new = pd.DataFrame({"user": ["ann", "ann", "bo"], "item": ["i04", "unheard of", "i05"]})
    with pytest.warns(UserWarning, match="1 of the items were not there in fit.*unheard of"):
        codes = ae.transform(new)
    row = np.zeros((1, 24))
    row[0, 4] = 1
    np.testing.assert_allclose(codes[:1], ae.transform(row), atol=1e-6)


def test_a_zero_is_a_value_where_there_is_an_entry():
    X = sparse.csr_matrix((np.array([0.0, 2.0, 0.0]), ([0, 1, 2], [0, 1, 0])), shape=(3, 2))
    raw = as_raw(X, kind="ratings")
    assert raw.values.nnz == 3
    assert there(pack(raw.values)).sum() == 3


# --- Packing


def test_packing_is_undone():
    X = matrix()
    np.testing.assert_array_equal(unpack(pack(X), 24).numpy(), X.toarray())
    assert pack(sparse.csr_matrix((3, 4))).shape == (3, 1, 2)
    assert places(pack(X))[~there(pack(X))].sum() == 0


# --- Likelihoods, against what they are by definition


def test_the_multinomial_likelihood_is_that_of_the_entries():
    layout = Layout((5,), 3, 3, (), ratings="multinomial")
    torch.manual_seed(0)
    _, decoder = networks.build(layout)
    x, z = pack(sparse.csr_matrix([[1.0, 0, 2.0, 0, 0], [0, 0, 0, 0, 1.0]])), torch.randn(2, 3)
    logs = decoder(z).log_softmax(1)
    loss = Multinomial()(decoder(z, x), x, there(x))
    expected = -(logs[0, 0] + 2 * logs[0, 2] + logs[1, 4]) / 3
    torch.testing.assert_close(loss, expected)


def test_items_that_are_shown_take_no_part():
    layout = Layout((4,), 2, 2, (), ratings="multinomial")
    _, decoder = networks.build(layout)
    z = torch.randn(1, 2)
    x = torch.tensor([[[1.0, 1.0, 1.0], [3.0, 1.0, 0.0]]])
    left = decoder(z)[:, 1:].log_softmax(1)
    told = decoder(z, x)
    assert told[0, 1].item() == pytest.approx(left[0, 1].item(), rel=1e-5)
    assert told[0, 0].item() == 0


def test_squares_are_those_of_the_entries():
    x = pack(sparse.csr_matrix([[1.0, 0, 2.0], [0, 3.0, 0]]))
    output = torch.tensor([[2.0, 2.0], [5.0, 9.0]])
    assert float(SquaredOfEntries()(output, x, there(x))) == pytest.approx((1 + 0 + 4) / 3)


def wide(monkeypatch, items: int = 300, sample: int = 64):
    monkeypatch.setattr(networks, "SAMPLED_FROM", 10)
    monkeypatch.setattr(networks, "SAMPLE", sample)
    monkeypatch.setattr(networks, "AT_ONCE", 70)
    torch.manual_seed(0)
    _, decoder = networks.build(Layout((items,), 4, 4, (), ratings="multinomial"))
    return decoder


def test_the_sum_over_many_items_is_the_same_in_parts(monkeypatch):
    decoder = wide(monkeypatch).eval()
    X = sparse.random(6, 300, density=0.05, random_state=0, format="csr", dtype=np.float32)
    x, z = pack(X), torch.randn(6, 4)
    logs = decoder(z).log_softmax(1)
    torch.testing.assert_close(decoder(z, x)[there(x)], logs.gather(1, places(x))[there(x)])
    shown = (torch.arange(x.shape[1]) % 2 == 0).expand(6, -1) & there(x)
    hidden = ~shown & there(x)
    scores = decoder(z).clone()
    for row, entry in shown.nonzero():
        scores[row, places(x)[row, entry]] = -torch.inf
    told = decoder(z, torch.cat([x, shown.unsqueeze(-1).float()], -1))
    torch.testing.assert_close(told[hidden], scores.log_softmax(1).gather(1, places(x))[hidden])


def test_the_sampled_sum_is_right_on_average(monkeypatch):
    """What is drawn stands for the rest without bias: the mean of the estimates is the sum over all items."""
    decoder = wide(monkeypatch)
    chance = torch.rand(300) + 0.1
    decoder.chance.copy_(chance / chance.sum())
    X = sparse.random(4, 300, density=0.02, random_state=0, format="csr", dtype=np.float32)
    x, z = pack(X), torch.randn(4, 4)
    with torch.no_grad():
        exact = decoder(z).exp().sum(1)
        own = decoder(z).gather(1, places(x))
        estimates = torch.stack([(own - decoder.train()(z, x))[:, 0].exp() for _ in range(3000)])
    spread = estimates.std(0) / math.sqrt(3000)
    assert ((estimates.mean(0) - exact).abs() < 4 * spread).all()
    assert (estimates.std(0) > 0).all()


def test_training_on_a_sample_learns_the_same_tastes(monkeypatch):
    monkeypatch.setattr(networks, "SAMPLED_FROM", 10)
    monkeypatch.setattr(networks, "SAMPLE", 8)
    ae = small(objective=FoldIn(), max_epochs=60, hidden=(), learning_rate=0.02).fit(matrix(400))
    new = matrix(40, seed=1)
    own = (np.arange(24) % 2)[None] == (np.arange(40) % 2)[:, None]
    assert (ae.reconstruct(new) * own).sum(1).mean() > 0.7


def test_the_composite_prior_is_the_mixture_that_it_says():
    X = matrix()
    objective = Collaborative(0.1, prior="composite")
    ae = small(objective=objective, hidden=()).fit(X)
    bound = ae._inference.objective.bind(ae.network_)
    x = pack(X[:3])
    h = ae.network_.encode(x)
    z = torch.randn(3, 3)
    mean, log_variance = h.chunk(2, 1)
    parts = [
        torch.distributions.Normal(0, 1).log_prob(z).sum(1) + math.log(3 / 20),
        torch.distributions.Normal(mean, (log_variance / 2).exp()).log_prob(z).sum(1) + math.log(3 / 4),
        torch.distributions.Normal(0, math.exp(5)).log_prob(z).sum(1) + math.log(1 / 10),
    ]

    class Batch:
        pass

    batch = Batch()
    batch.x, batch.z = x, z
    vars(bound.own).pop("earlier", None)
    torch.testing.assert_close(bound._composite(batch), torch.logsumexp(torch.stack(parts), 0), rtol=1e-4, atol=1e-4)


def test_the_divergence_of_a_profile_weighs_by_its_entries():
    X = sparse.csr_matrix(np.array([[1, 1, 1, 0], [1, 0, 0, 0]] * 15, np.float32))
    terms = {}
    for scale in ("row", "profile"):
        ae = small(objective=Collaborative(1.0, scale=scale), hidden=(), max_epochs=0, validation_fraction=0.0).fit(X)
        bound = ae._inference.objective.bind(ae.network_)

        class Batch:
            x = pack(X[:2])

        Batch.h = ae.network_.encode(Batch.x)
        Batch.z = bound.encode(Batch.h)
        mean, log_variance = bound.posterior(Batch.h)
        each = bound.divergence(mean, log_variance, Batch.z)
        terms[scale] = bound.terms(Batch)["divergence"].item(), each
    entries = torch.tensor([3.0, 1.0])
    for scale, weights in (("row", torch.ones(2)), ("profile", entries)):
        given, each = terms[scale]
        assert given == pytest.approx(float((each * weights).mean()) / 2, rel=1e-5)  # 2 entries a row, on average


# --- Bad input


@pytest.mark.parametrize(
    ("X", "given", "message"),
    [
        (np.ones((5, 3, 2)), {}, "needs users in rows and items in columns"),
        (sparse.csr_matrix(np.array([[1.0, np.inf], [1.0, 0.0]])), {}, r"the value inf in row 0, column 1"),
        (sparse.csr_matrix(np.array([[1.0, np.nan], [1.0, 0.0]])), {}, r"the value nan in row 0, column 1"),
        (sparse.csr_matrix((5, 3)), {}, "no entries"),
        (sparse.csr_matrix(np.array([[1.0, -2.0], [1.0, 0.0]])), {}, "value -2 in row 0, column 1 .* 0 or more"),
        (sparse.csr_matrix(np.array([[1.0, 1e30], [1.0, 0.0]])), {}, r"the value 1e\+30 in row 0, column 1"),
        (matrix(), {"objective": Variational(condition=[0])}, "condition= takes columns of rows that are all numbers"),
        (matrix(), {"loss": "bce"}, "loss='bce' cannot be used with kind='ratings'"),
        (matrix(), {"scaling": "standard"}, "scaling='standard' cannot be used with kind='ratings'"),
        (matrix(), {"network": "conv"}, "does not take ratings"),
        (matrix(), {"network": (torch.nn.Linear(3, 2), torch.nn.Linear(2, 3))}, "whose rows are packed"),
        (matrix(), {"network": "dense(encoder=skip)", "hidden": (8, 4)}, "give them one size"),
        (matrix(), {"network": "dense(encoder=gated)", "hidden": ()}, "needs a hidden layer"),
        (matrix(), {"objective": FoldIn(1.0)}, "a share between 0 and 1"),
        (matrix(), {"objective": Collaborative(prior="mixture")}, "prior='mixture'"),
        (matrix(), {"objective": Denoising("gaussian", 0.1)}, "for rows of ratings one of 'mask'"),
    ],
)
def test_what_cannot_be_used_is_refused(X, given, message):
    with pytest.raises((DataError, ParameterError), match=message):
        small(**given).fit(X)


def test_negative_values_are_refused_after_the_fit_as_well(tmp_path):
    ae = small().fit(matrix())
    ae.save(tmp_path / "model")
    for model in (ae, load(tmp_path / "model")):
        with pytest.raises(DataError, match="value -1 in row 0"):
            model.reconstruction_error(-matrix())
    assert np.isfinite(small(loss="mse").fit(-matrix()).reconstruct(-matrix())).all()


def test_other_items_are_refused():
    ae = small().fit(matrix())
    with pytest.raises(DataError, match="23"):
        ae.transform(matrix(items=23))
    with pytest.raises(ParameterError, match="per='row'"):
        ae.reconstruction_error(matrix(), per="cell")


@pytest.mark.parametrize("job", [AnomalyDetector, Imputer])
def test_other_jobs_say_what_they_take(job):
    with pytest.raises((DataError, ParameterError)):
        job(kind="ratings").fit(matrix())


def test_the_same_model_at_any_number_of_threads():
    code = (
        "import numpy as np, torch, sys; sys.path.insert(0, 'tests'); from test_ratings import matrix, small;"
        "from isthmus import FoldIn;"
        "ae = small(objective=FoldIn(), hidden=(64,), latent_dim=32, max_epochs=3).fit(matrix(300, 200));"
        "print(torch.get_num_threads(), ae.reconstruct(matrix(3, 200)).tobytes().hex())"
    )
    found = []
    for threads in ("1", "2"):
        env = os.environ | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        found.append(done.stdout.split())
    assert [number for number, _ in found] == ["1", "2"]
    assert found[0][1] == found[1][1]
