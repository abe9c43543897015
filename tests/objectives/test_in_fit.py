"""Every objective trains every kind of network."""

import numpy as np
import pytest

from isthmus import Autoencoder, Denoising, Sparse, Variational

TERMS = {
    "gaussian": (Denoising("gaussian", 0.3), []),
    "mask": (Denoising("mask", 0.3), []),
    "salt_pepper": (Denoising("salt_pepper", 0.2), []),
    "swap": (Denoising("swap", 0.2), []),
    "l1": (Sparse("l1", 0.05), ["sparsity"]),
    "kl": (Sparse("kl", 0.05), ["sparsity"]),
    "topk": (Sparse("topk", k=2), []),
    "variational": (Variational(0.5), ["divergence"]),
    "denoising, sparse": ([Denoising("mask", 0.3), Sparse("l1", 0.05)], ["sparsity"]),
    "sparse twice, variational": (
        [Sparse("l1", 0.1), Variational(), Sparse("l1", 0.1)],
        ["sparsity", "divergence", "sparsity_2"],
    ),
}
SHAPES = {"dense": (6,), "conv": (8, 8, 1), "lstm": (7, 2), "gru": (7, 2)}
PLAIN = ["epoch", "train_loss", "validation_loss", "learning_rate", "seconds"]


def rows(network):
    rng = np.random.default_rng(0)
    size = int(np.prod(SHAPES[network]))
    values = np.tanh(rng.normal(size=(80, 2)) @ rng.normal(size=(2, size)))
    return (values + 0.05 * rng.normal(size=values.shape)).reshape(80, *SHAPES[network])


@pytest.mark.parametrize("network", SHAPES)
@pytest.mark.parametrize("name", TERMS)
def test_the_loss_decreases_and_codes_are_the_same_twice(name, network):
    objective, terms = TERMS[name]
    X = rows(network)
    # Without a start at PCA there is something left to learn within a few epochs.
    ae = Autoencoder(
        4, network=network, objective=objective, linear_path=False, max_epochs=12, batch_size=16,
        learning_rate=0.01, random_state=0,
    ).fit(X)  # fmt: skip
    history = ae.history_
    assert np.mean(history["train_loss"][-3:]) < 0.98 * np.mean(history["train_loss"][1:4])
    parts = [column for column in history if column not in PLAIN]
    assert parts == (["reconstruction", *terms] if terms else [])
    if terms:
        total = np.sum([history[column] for column in parts], axis=0)
        np.testing.assert_allclose(total[1:], history["train_loss"][1:], rtol=1e-4)

    codes = ae.transform(X)
    assert codes.shape == (80, 4)
    np.testing.assert_array_equal(codes, ae.transform(X))
    np.testing.assert_allclose(ae.transform(X[:7]), codes[:7], atol=1e-6)
    if name == "topk":
        assert (np.count_nonzero(codes, axis=1) == 2).all()
    assert np.isfinite(ae.sample(3, random_state=0)).all()


@pytest.mark.parametrize("name", ["salt_pepper", "kl", "topk", "variational"])
def test_members_learn_with_it_too(name):
    X = rows("dense")
    ae = Autoencoder(3, objective=TERMS[name][0], members=2, max_epochs=3, random_state=0).fit(X)
    assert np.isfinite(ae.history_["train_loss"]).all()
    assert ae.stability_["mean"] <= 1 + 1e-6


@pytest.mark.parametrize("name", ["swap", "denoising, sparse", "variational"])
def test_missing_cells_and_the_same_seed(name):
    X = rows("dense")
    X[np.random.default_rng(1).random(X.shape) < 0.2] = np.nan
    fits = [Autoencoder(2, objective=TERMS[name][0], max_epochs=3, random_state=3).fit(X) for _ in range(2)]
    codes = [ae.transform(X) for ae in fits]
    np.testing.assert_array_equal(*codes)
    assert np.isfinite(codes[0]).all()
