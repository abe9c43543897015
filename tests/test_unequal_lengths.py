"""Sequences of unequal lengths through the estimator: every verb, network and objective."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from isthmus import AnomalyDetector, Autoencoder, load
from isthmus.evaluation import compare
from isthmus.exceptions import DataError, ParameterError
from isthmus.networks import FAMILIES
from isthmus.objectives import OBJECTIVES


def waves(n, seed, longest=30):
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        t = np.arange(rng.integers(6, longest + 1))
        height, phase = rng.uniform(0.5, 2), rng.uniform(0, 6)
        found.append(np.stack([height * np.sin(0.3 * t + phase), height * np.cos(0.3 * t + phase)], axis=1))
    return found


X, NEW = waves(300, 0), waves(40, 1)
NETWORKS = [*(name for name, family in FAMILIES.items() if 2 in family), "gru(bidirectional=true)",
            "lstm(teacher_forcing=0.5)"]  # fmt: skip


@pytest.fixture(scope="module")
def fitted():
    return Autoencoder(4, max_epochs=60, random_state=0).fit(X)


@pytest.mark.parametrize("network", NETWORKS)
def test_codes_and_lengths_with_every_network(network, tmp_path):
    ae = Autoencoder(3, network=network, max_epochs=2, random_state=0).fit(X[:60])
    codes = ae.transform(NEW)
    for i in (0, 7):
        np.testing.assert_allclose(ae.transform([NEW[i]]), codes[i : i + 1], rtol=0, atol=1e-6)
    assert [part.shape for part in ae.reconstruct(NEW)] == [x.shape for x in NEW]
    ae.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.transform(NEW), codes)
    for ours, theirs in zip(ae.inverse_transform(codes), loaded.inverse_transform(codes), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert clone(loaded).get_params()["network"] == network


@pytest.mark.parametrize("objective", [name for name, kind in OBJECTIVES.items() if "numbers" in kind.takes])
def test_every_objective_keeps_the_ends(objective):
    ae = Autoencoder(2, objective=OBJECTIVES[objective](), max_epochs=2, random_state=0).fit(X[:60])
    assert [len(part) for part in ae.reconstruct(NEW[:9])] == [len(x) for x in NEW[:9]]
    assert all(np.isfinite(part).all() for part in ae.sample(3, random_state=0))


def test_a_code_says_how_long_its_sequence_is(fitted):
    made = fitted.inverse_transform(fitted.transform(NEW))
    off = [abs(len(ours) - len(x)) for ours, x in zip(made, NEW, strict=True)]
    always_the_mean = [abs(np.mean([len(x) for x in X]) - len(x)) for x in NEW]
    assert np.mean(off) < 0.5 * np.mean(always_the_mean)


def test_it_is_better_than_pca_and_says_so(fitted):
    assert fitted.score(NEW) > 0.8
    found = compare(fitted, NEW)
    assert found.overall.ours < found.overall.pca
    assert found.cells == sum(x.size for x in NEW)


def test_errors_have_the_lengths_of_the_sequences(fitted):
    rows, cells = fitted.reconstruction_error(NEW), fitted.reconstruction_error(NEW, per="cell")
    assert [part.shape for part in cells] == [x.shape for x in NEW]
    np.testing.assert_allclose(rows, [part.mean() for part in cells], rtol=1e-5)


def test_made_sequences_have_many_lengths(fitted):
    lengths = [len(part) for part in fitted.sample(50, random_state=0)]
    assert len(set(lengths)) > 5
    assert max(lengths) <= 38


def test_between_two_sequences_and_along_a_unit(fitted):
    assert len(fitted.interpolate(NEW[0], NEW[1], steps=5)) == 5
    assert fitted.explain_latent(NEW).effects.shape[0] == 4
    assert np.isfinite(fitted.explain_latent(NEW).effects).all()


def test_gaps_within_sequences_are_made_up(fitted):
    with_gaps = [x.copy() for x in X]
    for x in with_gaps[::2]:
        x[2:4, 0] = np.nan
    ae = Autoencoder(4, network="gru", max_epochs=2, random_state=0).fit(with_gaps)
    assert np.isfinite(ae.reconstruct(with_gaps[:1])[0]).all()
    assert np.isnan(ae.reconstruction_error(with_gaps[:1], per="cell")[0][2:4, 0]).all()


def test_what_is_too_long_is_refused_not_cut(fitted):
    with pytest.raises(DataError, match=r"Sequence 1 .* has 50 steps.*at most"):
        fitted.transform([NEW[0], np.zeros((50, 2))])
    assert fitted.transform([np.zeros((33, 2))]).shape == (1, 4)


def test_linear_paths_and_forcing_do_not_go_together():
    with pytest.raises(ParameterError, match="teacher_forcing"):
        Autoencoder(2, network="gru(teacher_forcing=1)", linear_path=True).fit(X[:30])


def test_errors_of_a_forced_decoder_are_of_what_it_makes_itself():
    ae = Autoencoder(2, network="gru(teacher_forcing=1)", loss="mse", max_epochs=2, random_state=0).fit(X[:60])
    errors = ae.reconstruction_error(NEW)
    np.testing.assert_array_equal(errors, ae.reconstruction_error(NEW))
    scale = np.concatenate(X[:60]).std(axis=0)
    made = [np.square((a - x) / scale).mean() for a, x in zip(ae.reconstruct(NEW), NEW, strict=True)]
    np.testing.assert_allclose(errors, made, rtol=0.1)


def test_reasons_of_a_detector_sum_to_its_scores_and_leave_padding_out():
    detector = AnomalyDetector(parts=("knn", "mahalanobis"), random_state=0).fit(X[:80])
    found = detector.explain(NEW)
    np.testing.assert_allclose(found.contributions.sum(1), -detector.score_samples(NEW), rtol=1e-6)
    assert (found.contributions[np.isnan(found.values)] == 0).all()


def test_frames_and_arrays_of_objects_are_lists_of_sequences():
    frames = [pd.DataFrame(x, columns=["a", "b"]) for x in X[:30]]
    objects = np.empty(30, dtype=object)
    objects[:] = X[:30]
    ae = Autoencoder(2, max_epochs=1, random_state=0).fit(frames)
    np.testing.assert_array_equal(ae.transform(frames), ae.transform(objects))
    frames[3] = frames[3][["b", "a"]]
    with pytest.raises(DataError, match=r"Frame 3 .*'b', 'a'"):
        ae.fit(frames)


def test_a_sequence_that_cannot_be_taken_is_named_by_its_place_among_all():
    ae = Autoencoder(3, max_epochs=1, random_state=0).fit(X[:60])
    ae._inference.rows_at_once = 64
    for odd, words in ((np.zeros((200, 2)), "Sequence 250 .* 200 steps"), (np.full((9, 2), np.inf), "row 250 ")):
        given = [*X[:250], odd, *X[250:]]
        with pytest.raises(DataError, match=words):
            ae.transform(given)


def test_a_row_of_numbers_that_cannot_be_taken_is_named_by_its_place_among_all():
    rows = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    ae = Autoencoder(2, max_epochs=1, random_state=0).fit(rows)
    ae._inference.rows_at_once = 64
    rows[250, 3] = np.inf
    with pytest.raises(DataError, match=r"row 250 .*column 3"):
        ae.reconstruct(rows)
