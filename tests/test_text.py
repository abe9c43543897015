"""Texts and events through an autoencoder: what holds for every network and objective that takes them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

from isthmus import (
    AnomalyDetector,
    Autoencoder,
    BeamSearch,
    Denoising,
    Imputer,
    Sampling,
    TeacherForcing,
    Variational,
    load,
)
from isthmus.data import as_raw
from isthmus.evaluation import advice, compare, prefix_curve
from isthmus.exceptions import DataError, ModelFileError, ParameterError
from isthmus.networks import FAMILIES, Layout
from isthmus.networks.build import TOKENS
from isthmus.objectives import OBJECTIVES
from isthmus.objectives.tokens import END, PADDING, UNKNOWN, Tokens
from isthmus.training.decoding import Decoding

WORDS = ["red", "green", "blue", "cat", "dog", "tree", "house", "sun", "moon", "sea"]
NETWORKS = [name for name, by_axes in FAMILIES.items() if TOKENS in by_axes]
TAKEN = {
    "plain": None,
    **{name: kind() for name, kind in OBJECTIVES.items() if "tokens" in kind.takes},
    "Denoising": Denoising("delete", 0.6),
    "masked": Denoising("mask", (0.1, 0.3)),
    "forced": [Variational(0.1, cycles=2, warmup=0.5, free_bits=0.1), TeacherForcing(0.3, 0.5)],
    "weighted": Variational(0.1, samples=2),
}


def sentences(n: int = 60, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(1, 4))) for _ in range(n)]


def small(**given) -> Autoencoder:
    return Autoencoder(**{"latent_dim": 6, "hidden": (16,), "max_epochs": 2, "random_state": 0} | given)


@pytest.mark.parametrize("objective", TAKEN)
@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_and_objective(network, objective, tmp_path):
    X = sentences()
    ae = small(network=network, objective=TAKEN[objective], tokenizer="words").fit(X)
    assert ae.kind_ == "text"
    codes = ae.transform(X)
    assert codes.shape == (60, 6)
    np.testing.assert_array_equal(codes, ae.transform(X))
    np.testing.assert_allclose(ae.transform(X[3:4]), codes[3:4], atol=1e-5)
    again = ae.reconstruct(X)
    assert all(isinstance(text, str) for text in again)
    assert again == ae.inverse_transform(codes)
    errors, cells = ae.reconstruction_error(X), ae.reconstruction_error(X, per="cell")
    np.testing.assert_allclose(np.nanmean(cells, axis=1), errors, rtol=1e-5)
    assert (errors > 0).all()
    assert 0 <= ae.score(X) <= 1
    assert len(ae.sample(4, random_state=0)) == 4
    assert np.isfinite(ae.history_["train_loss"]).all()
    np.testing.assert_array_equal(clone(ae).fit(X).transform(X), codes)
    ae.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.reconstruct(X) == again
    assert loaded.sample(3, random_state=1) == ae.sample(3, random_state=1)


@pytest.mark.parametrize("name", [name for name, kind in OBJECTIVES.items() if "tokens" not in kind.takes])
def test_objectives_of_numbers_are_refused(name):
    with pytest.raises(ParameterError, match=f"{name}.* cannot be used with rows of tokens"):
        small(objective=OBJECTIVES[name]()).fit(sentences())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"objective": "denoising"}, "noise='gaussian'.*for rows of tokens one of 'mask', 'delete'"),
        ({"loss": "mse"}, "loss='mse' cannot be used with kind='text'"),
        ({"scaling": "minmax"}, "scaling='minmax' cannot be used with kind='text'"),
        ({"linear_path": True}, "linear_path=True"),
        ({"network": "dense"}, "does not take rows of tokens; for these choose 'conv' or 'lstm' or 'gru'"),
        ({"objective": TeacherForcing(2.0)}, "dropout=2.0"),
    ],
)
def test_parameters_of_numbers_are_refused(given, words):
    with pytest.raises(ParameterError, match=words):
        small(**given).fit(sentences())


def test_teacher_forcing_and_deletion_are_for_tokens():
    X = np.random.default_rng(0).normal(size=(30, 3))
    with pytest.raises(ParameterError, match="it is for texts and events"):
        small(objective=TeacherForcing(0.5)).fit(X)
    with pytest.raises(ParameterError, match="noise='delete'"):
        small(objective=Denoising("delete")).fit(X)


@pytest.mark.parametrize(("network", "epochs"), [("conv", 15), ("gru", 12)])
def test_texts_that_it_never_saw_come_back(network, epochs):
    ae = small(network=network, tokenizer="words", latent_dim=24, hidden=(64,), max_epochs=epochs, batch_size=16)
    ae.fit(sentences(400))
    unseen = sentences(100, seed=1)
    assert ae.score(unseen) > 0.85
    told = dict(zip(unseen, ae.reconstruct(unseen), strict=True))
    right = np.mean([text == again for text, again in told.items()])
    assert right > 0.5
    assert ae.comparison_["ours"] <= 1.0
    codes = ae.transform(unseen)
    if network == "gru":
        beams = ae.inverse_transform(codes, decoding=BeamSearch(4))
        assert np.mean([a == b for a, b in zip(unseen, beams, strict=True)]) >= right - 0.02
        assert ae.inverse_transform(codes, decoding=BeamSearch(1)) == ae.inverse_transform(codes)
        cold = ae.inverse_transform(codes, decoding=Sampling(1e-4, random_state=0))
        assert cold == ae.inverse_transform(codes, decoding="greedy")


def test_events_in_and_out():
    X = [[1, 2, 3], [3], [2, 2], [7, 1]] * 10
    ae = small(kind="events", network="gru", max_epochs=40, batch_size=8, latent_dim=8).fit(X)
    back = ae.reconstruct(X)
    assert all(row.dtype == np.int64 for row in back)
    assert ae.score(X) > 0.9
    assert [row.tolist() for row in back[:4]] == X[:4]
    assert len(ae.interpolate(X[0], X[1], steps=3)) == 3
    assert set(np.concatenate(ae.sample(20, random_state=0)).tolist()) <= {1, 2, 3, 7}


def test_the_edges(tmp_path):
    ae = small(latent_dim=1).fit(["one text"])
    assert len(ae.reconstruct(["one text"])) == 1
    ae = small().fit([*sentences(30), ""])
    assert len(ae.reconstruct(["", "red"])) == 2
    with pytest.raises(DataError, match=r"Row 1 .* nothing is cut"):
        ae.transform(["red", "red " * 200])
    with pytest.raises(DataError, match=r"Row 0 .* is missing"):
        ae.transform([None, "red"])
    with pytest.raises(DataError, match="kind='text' needs"):
        ae.transform(np.zeros((3, 2)))
    with pytest.raises(ParameterError, match="look at them by traverse"):
        ae.explain_latent()
    assert len(ae.interpolate("red cat", "blue dog", steps=5)) == 5
    assert len(ae.traverse("red cat", 0, steps=3)) == 3
    series = ae.reconstruct(pd.Series(["red", "blue"], index=[4, 5]))
    assert isinstance(series, pd.Series)
    assert series.index.tolist() == [4, 5]
    (tmp_path / "new.txt").write_text("red cat\nblue\n")
    assert ae.transform(tmp_path / "new.txt").shape == (2, 6)
    ae.partial_fit(sentences(20, seed=3))
    assert ae.n_rows_ == 51


def test_large_data_are_cut_into_tokens_batch_by_batch(monkeypatch):
    X = sentences()
    at_once = small().fit(X)
    monkeypatch.setattr("isthmus.data.text.MOST_HELD", 10)
    np.testing.assert_array_equal(small().fit(X).transform(X), at_once.transform(X))


def test_several_networks_and_precisions():
    X = sentences()
    ae = small(members=2).fit(X)
    assert len(ae.reconstruct(X)) == len(X)
    assert ae.reconstruction_error(X, return_std=True)[1].max() > 0
    for precision in ("float64", "bf16"):
        assert 0 <= small(precision=precision).fit(X).score(X) <= 1


def test_training_goes_on_from_a_checkpoint_of_the_same_texts_alone(tmp_path):
    X = sentences()
    given = {"checkpoint": tmp_path / "keep", "checkpoint_every": 1}
    codes = small(**given).fit(X).transform(X)
    np.testing.assert_array_equal(small(**given).fit(X).transform(X), codes)
    with pytest.raises(ModelFileError, match="data differs"):
        small(**given).fit(["other", *X[1:]])


def test_held_out_texts_may_be_longer_than_those_learnt_from():
    X = [*["ab"] * 39, "long " * 20]
    for seed in range(6):
        small(random_state=seed, max_epochs=1).fit(X)


# Parts ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("latent_dim", "hidden"), [(3, (8,)), (12, (8, 8)), (30, (8,))])
def test_a_row_alone_is_as_in_a_batch(network, latent_dim, hidden):
    encoder, decoder = FAMILIES[network][TOKENS].build(Layout((40,), latent_dim, latent_dim, hidden, vocabulary=20))
    x = rows([3, 17, 1, 33], 40)
    z = encoder(x)
    for i in range(4):
        torch.testing.assert_close(encoder(x[i : i + 1]), z[i : i + 1])
    assert decoder(z).shape == (4, 40, 20)
    told = decoder(z, x)
    assert told.shape == (4, 33, 20), "as far as the longest row"
    if network == "conv":
        torch.testing.assert_close(decoder(z)[:, :33], told)
    else:
        shorter = decoder(z[:2], x[:2])
        torch.testing.assert_close(shorter, told[:2, : shorter.shape[1]])


def rows(lengths: list[int], time: int) -> torch.Tensor:
    x = torch.zeros(len(lengths), time)
    for i, n in enumerate(lengths):
        x[i, : n - 1] = torch.randint(3, 20, (n - 1,)).float()
        x[i, n - 1] = END
    return x


def test_the_loss_is_the_cross_entropy_of_tokens_alone():
    loss, x = Tokens(20), rows([2, 5], 8)
    output = torch.randn(2, 6, 20)
    cells = loss.cells(output, x)
    logs = output.log_softmax(2)
    assert cells.shape == (2, 8)
    torch.testing.assert_close(cells[1, 3], -logs[1, 3, int(x[1, 3])])
    assert (cells[0, 2:] == 0).all()
    torch.testing.assert_close(loss.cells(torch.stack([output, output]), x.expand(2, 2, 8))[1], cells)


def test_the_likeliest_row_ends_at_its_end():
    output = torch.zeros(1, 4, 6)
    for at, token in enumerate((4, END, 5, PADDING)):
        output[0, at, token] = 9.0
    output[0, 0, UNKNOWN] = 99.0
    assert Tokens(6).link(output).tolist() == [[4, END, 0, 0]], "what is unknown is never written"
    assert Tokens(6, lossless=False).link(output)[0, 0] == UNKNOWN


def test_deletion_keeps_the_order_and_the_end():
    x = rows([30], 32)
    seen = Denoising("delete", 0.5)
    seen.meet(Tokens(20), None)
    seen.begin((32,), 4)
    corrupted = seen.corrupt(x.clone(), x != 0, torch.Generator().manual_seed(0))[0]
    left = corrupted[corrupted != 0].tolist()
    assert 5 < len(left) < 25
    assert left[-1] == END
    assert (corrupted[len(left) :] == 0).all()
    true = iter(x[0].tolist())
    assert all(token in true for token in left), "in the order that they had"


def test_masked_tokens_are_unknown_and_none_is_moved():
    x = rows([30], 32)
    seen = Denoising("mask", 0.5)
    seen.meet(Tokens(20), None)
    corrupted = seen.corrupt(x.clone(), x != 0, torch.Generator().manual_seed(0))
    changed = corrupted != x
    assert (corrupted[changed] == UNKNOWN).all()
    assert 5 < int(changed.sum()) < 25
    assert corrupted[0, 29] == END


class Chances(torch.nn.Module):
    """A decoder that begins with 3 (0.6) or 4 (0.4), and from 3 goes on with 5 to 9 evenly, from 4 with the end."""

    def begin(self, z):
        return z, torch.zeros(len(z), dtype=torch.long)

    def step(self, ids, state):
        shares = torch.full((len(ids), 10), 1e-9)
        for row, before in enumerate(ids.tolist()):
            if before == 0:
                shares[row, 3], shares[row, 4] = 0.6, 0.4
            elif before == 3:
                shares[row, 5:10] = 0.2
            else:
                shares[row, END] = 1.0
        return shares.log(), state

    @staticmethod
    def chosen(state, rows):
        return state[rows]


def write(how: Decoding, n: int = 2) -> list[list[int]]:
    return how.write(Chances(), torch.zeros(n, 1), 5, END).tolist()


def test_a_search_finds_the_row_that_greed_misses():
    assert write(BeamSearch(1), 1)[0][0] == 3
    assert write(BeamSearch(4)) == [[4, END, 0, 0, 0]] * 2


def test_drawn_tokens_follow_their_chances():
    drawn = write(Sampling(random_state=0), 500)
    assert np.mean([row[0] == 3 for row in drawn]) == pytest.approx(0.6, abs=0.07)
    assert drawn == write(Sampling(random_state=0), 500)
    assert {row[0] for row in write(Sampling(top_p=0.5, random_state=0), 50)} == {3}
    assert np.mean([row[0] == 3 for row in write(Sampling(0.2, random_state=0), 200)]) > 0.8


@pytest.mark.parametrize(
    "how", ["best", 3, Sampling(0.0), Sampling(top_p=0), Sampling(random_state="x"), BeamSearch(0)]
)
def test_ways_of_writing_that_there_are_not(how):
    ae = small(max_epochs=0).fit(sentences(20))
    with pytest.raises(ParameterError, match="cannot be used"):
        ae.reconstruct(["red"], decoding=how)


def test_numbers_are_not_written():
    ae = Autoencoder(1, max_epochs=0).fit(np.random.default_rng(0).normal(size=(20, 3)))
    with pytest.raises(ParameterError, match="these rows are numbers"):
        ae.inverse_transform(np.zeros((1, 1)), decoding="beam")


def test_scheduled_sampling_tells_what_the_decoder_would_write():
    objective = TeacherForcing(sampling=1.0)
    objective.meet(Tokens(20), None)

    class Writer:
        own = None

        def decode(self, z, x=None):
            return torch.nn.functional.one_hot(torch.full((len(z), 40), 7), 20).float()

    bound = objective.bind(Writer(), torch.ones(()))
    x = rows([5, 9], 40)
    told = bound.feed(x, torch.zeros(2, 3), torch.Generator())
    assert (told[x > END] == 7).all()
    assert (told[x <= END] == x[x <= END]).all()


def test_likelihoods_of_texts_are_those_of_their_tokens():
    X = sentences()
    for network in NETWORKS:
        ae = small(network=network, objective="variational", tokenizer="words").fit(X)
        likelihoods, bounds = ae.log_likelihood(X[:5], random_state=0), ae.elbo(X[:5], random_state=0)
        assert np.isfinite(likelihoods).all()
        assert (likelihoods < 0).all()
        assert np.isfinite(bounds).all()
        tokens = np.array([len(text.split()) + 1 for text in X[:5]])
        told = -ae.reconstruction_error(X[:5]) * tokens
        assert (bounds < told + 3.0).all(), "the bound is at most about the likelihood at the mean"


def test_an_ordered_code_is_cut_or_refused():
    X = sentences()
    ae = small(network="gru", objective="ordered").fit(X)
    short = ae.truncate(3)
    np.testing.assert_allclose(short.transform(X), ae.transform(X)[:, :3], atol=1e-5)
    with pytest.raises(ParameterError, match="cannot be cut to 3 units"):
        small(objective="ordered").fit(X).truncate(3)


def test_what_is_for_numbers_alone_says_so():
    X = sentences()
    ae = small().fit(X)
    with pytest.raises(ParameterError, match="Findings are on rows of numbers"):
        advice(ae, X)
    with pytest.raises(ParameterError, match="squared errors"):
        prefix_curve(ae, X)
    for job in (Imputer, AnomalyDetector):
        with pytest.raises(DataError, match=r"of kind 'text'\. Give it the codes"):
            job().fit(X)
    assert len(AnomalyDetector(parts=("knn",)).fit(ae.transform(X)).predict(ae.transform(X))) == len(X)
    compared = compare(ae, X)
    assert 0 <= compared.commonest <= 1
    assert compared.ours == pytest.approx(ae.score(X))
    assert "at the same code size" in compared.verdict()


def test_principal_components_of_indicators_are_those_of_the_matrix():
    """Beside numpy's singular value decomposition of the dense indicators; decoded to the largest at each place."""
    X = sentences(80)
    ae = small(tokenizer="words", max_epochs=0, validation_fraction=0.0).fit(X)
    x = ae.preparation_.transform(as_raw(X)).x
    indicators = torch.nn.functional.one_hot(x.long(), ae.preparation_.vocabulary_)[:, :, 1:].flatten(1).numpy()
    centred = indicators - indicators.mean(0)
    variances = np.linalg.svd(centred, compute_uv=False)[:6] ** 2 / len(X)
    np.testing.assert_allclose(ae.pca_.variances.numpy(), variances, rtol=0.02)
    left, singular, right = np.linalg.svd(centred, full_matrices=False)
    again = (left[:, :6] * singular[:6]) @ right[:6] + indicators.mean(0)
    best = again.reshape(len(X), x.shape[1], -1).argmax(2) + 1
    ours = ae.pca_.reconstruct(x).numpy()
    seen = x.numpy() != 0
    assert np.mean(ours[seen] == best[seen]) > 0.97


@pytest.mark.parametrize("network", ["conv", "gru"])
def test_drawn_texts_are_not_the_same_in_each_block(network):
    ae = small(network=network).fit(sentences())
    ae._inference.rows_at_once = 64
    codes = np.repeat(ae.transform(["red cat"]), 300, axis=0)
    drawn = ae.inverse_transform(codes, decoding=Sampling(random_state=0))
    assert sum(a != b for a, b in zip(drawn, drawn[64:], strict=False)) > 200
    assert drawn == ae.inverse_transform(codes, decoding=Sampling(random_state=0))
    again = ae.reconstruct(["red cat"] * 300, decoding=Sampling(random_state=0))
    assert sum(a != b for a, b in zip(again, again[64:], strict=False)) > 200


@pytest.mark.parametrize(("odd", "words"), [("red " * 99, "has 396 tokens"), ("\ud800", "lone surrogate")])
def test_a_row_that_cannot_be_taken_is_named_by_its_place_among_all(odd, words):
    ae = small(network="conv").fit(sentences())
    ae._inference.rows_at_once = 256
    texts = sentences(3000)
    texts[2900] = odd
    with pytest.raises(DataError, match=f"Row 2900 .* {words}"):
        ae.transform(texts)
    with pytest.raises(DataError, match=f"Row 2900 .* {words}"):
        ae.reconstruct(texts)
