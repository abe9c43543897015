"""Whatever is given for a parameter: taken, or refused by name before any training."""

import re

import numpy as np
import pytest

from isthmus import Autoencoder, Denoising, Sparse, Variational
from isthmus.exceptions import ParameterError
from isthmus.objectives import Chain

X = np.random.default_rng(0).normal(size=(40, 5))
NO_NUMBERS = ["x", "0.5", None, float("nan"), True, False, np.bool_(True), 1j, [1], {}, np.array([1.0, 2.0])]
NO_WEIGHTS = [*NO_NUMBERS, -1, -1e-9, float("inf"), 1e308, 10**400]
NO_SHARES = [*NO_NUMBERS, -0.1, 1.01, 2, float("inf"), 10**400]
NO_WORDS = ["x", "", "L1", None, float("nan"), 1, True, ["l1"], {}, np.array([1.0, 2.0])]
WEIGHT, SHARE = "a number from 0 to 1e+09", "a share"

BAD = [
    *((Denoising, "noise", {}, NO_WORDS, "one of 'gaussian', 'mask', 'salt_pepper', 'swap'"),),
    *((Denoising, "level", {"noise": "gaussian"}, NO_WEIGHTS, WEIGHT),),
    *((Denoising, "level", {"noise": noise}, NO_SHARES, SHARE) for noise in ("mask", "salt_pepper", "swap")),
    *((Sparse, "kind", {}, NO_WORDS, "one of 'l1', 'kl', 'topk'"),),
    *((Sparse, "weight", {"kind": kind}, NO_WEIGHTS, WEIGHT) for kind in ("l1", "kl")),
    *((Sparse, "rate", {"kind": "kl"}, [*NO_SHARES, 0, 1, 1e-300], SHARE),),
    *((Sparse, "k", {"kind": "topk"}, [v for v in NO_WEIGHTS if v is not None] + [0, 3, 1.0, 1.5], "None or a whole"),),
    *((Variational, "beta", {}, NO_WEIGHTS, WEIGHT),),
]


@pytest.mark.parametrize(("kind", "name", "others", "values", "expected"), BAD)
def test_bad_values_are_named(kind, name, others, values, expected):
    for value in values:
        ae = Autoencoder(2, objective=kind(**others, **{name: value}), max_epochs=1)
        with pytest.raises(ParameterError) as caught:
            ae.fit(X)
        said = str(caught.value)
        assert said.startswith(f"{kind.__name__}: {name}={repr(value)[:70]}"), said
        assert f"expected {expected}" in said
        assert len(said) < 250
        assert not hasattr(ae, "network_")


GOOD = [
    *((Denoising, {"noise": "gaussian", "level": v}) for v in (0, 1e9, np.float32(0.3), np.int64(2))),
    *((Denoising, {"noise": "mask", "level": v}) for v in (0, 1, np.float64(0.3))),
    *((Sparse, {"kind": kind, "weight": v}) for kind in ("l1", "kl") for v in (0, 1e9, np.float32(0.3))),
    *((Sparse, {"kind": "kl", "rate": v}) for v in (1e-6, 1 - 1e-6, np.float32(0.3))),
    *((Sparse, {"kind": "topk", "k": v}) for v in (None, 1, 2, np.int64(1))),
    *((Variational, {"beta": v}) for v in (0, 1e9, np.float32(0.3), np.int64(2))),
]


@pytest.mark.parametrize(("kind", "params"), GOOD)
def test_good_values_up_to_the_edges_are_fitted(kind, params):
    ae = Autoencoder(2, objective=kind(**params), max_epochs=1, random_state=0).fit(X)
    assert np.isfinite(ae.history_["train_loss"]).all()
    assert np.isfinite(ae.transform(X)).all()


@pytest.mark.parametrize("way", [lambda bad: bad, lambda bad: [Denoising(), bad]])
def test_one_in_a_list_is_checked_too(way):
    with pytest.raises(ParameterError, match=re.escape("Variational: beta='4' cannot be used")):
        Autoencoder(2, objective=way(Variational("4"))).fit(X)


@pytest.mark.parametrize("bad", [3, None, "xy", [Denoising(), 3]])
def test_a_chain_of_something_else(bad):
    with pytest.raises(ParameterError, match=r"Chain: objectives=.* expected a list of objectives"):
        Autoencoder(2, objective=Chain(bad)).fit(X)
