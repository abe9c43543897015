"""Objectives in a model folder: stored as names and values, made again without code from the folder."""

import numpy as np
import pytest

from isthmus import Adversarial, Autoencoder, Denoising, Objective, Sparse, Variational, load
from isthmus.exceptions import ModelFileError, ParameterError
from isthmus.objectives import OBJECTIVES, Chain, describe, rebuild
from isthmus.storage import read_folder, write_folder

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2)) @ RNG.normal(size=(2, 5)) + 0.1 * RNG.normal(size=(60, 5))

STORED = {
    "denoising": Denoising("swap", 0.1),
    "l1": Sparse("l1", 0.05),
    "kl": Sparse("kl", np.float32(0.2), rate=np.float64(0.3)),
    "topk": Sparse("topk", k=np.int64(1)),
    "variational": Variational(beta=0.5),
    "sizes in a list": Adversarial(hidden=[np.int64(4), 3]),
    "two": [Denoising("mask", 0.3), Sparse("l1", 0.05)],
    "a list of one": [Variational(2)],
    "a tuple": (Denoising(), Variational(0.1)),
    "none": [],
    "chains": Chain([Denoising("mask", 0.1), Chain([Sparse("l1", 0.1), Sparse("l1", 0.2)]), Variational()]),
}


def fitted(objective, latent_dim=2):
    return Autoencoder(latent_dim, objective=objective, max_epochs=2, random_state=0).fit(X)


def tampered(path, change):
    """Change the configuration and seal the folder again, as a newer version or a person might."""
    stored = read_folder(path)
    change(stored.config)
    write_folder(path, stored, "# A card")


def test_the_names_are_those_of_the_classes():
    assert all(kind.__name__ == name and issubclass(kind, Objective) for name, kind in OBJECTIVES.items())


@pytest.mark.parametrize("objective", STORED)
def test_a_model_is_read_back_with_its_objective(objective, tmp_path):
    ae = fitted(STORED[objective])
    ae.save(tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.transform(X), ae.transform(X))
    np.testing.assert_array_equal(again.reconstruct(X), ae.reconstruct(X))
    np.testing.assert_array_equal(again.sample(3, random_state=0), ae.sample(3, random_state=0))
    assert describe(again.objective) == describe(STORED[objective])
    again.save(tmp_path / "again")
    np.testing.assert_array_equal(load(tmp_path / "again").transform(X), ae.transform(X))
    refitted = again.fit(X)
    np.testing.assert_array_equal(refitted.transform(X), ae.transform(X))


def test_parameters_of_one_can_be_set_on_the_model_read(tmp_path):
    fitted(Variational(2.0)).save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.get_params()["objective__beta"] == 2.0
    assert again.set_params(objective__beta=3.0).objective.beta == 3.0


def test_an_objective_given_is_used_in_place_of_the_one_stored(tmp_path):
    fitted(Sparse("topk", k=1), latent_dim=3).save(tmp_path / "model")
    own = Sparse("topk", k=2)
    again = load(tmp_path / "model", objective=own)
    assert again.objective is own
    assert (np.count_nonzero(again.transform(X), axis=1) == 2).all()


def test_an_objective_of_another_width_is_refused(tmp_path):
    fitted(Variational()).save(tmp_path / "model")
    with pytest.raises(ParameterError, match=r"Sparse\(\).* takes 2 values .*model gives 4"):
        load(tmp_path / "model", objective=Sparse())


class Own(Objective):
    def __init__(self, weight=0.1):
        self.weight = weight


class OwnSparse(Sparse):
    """Looks like ours, and may do anything."""


OwnSparse.__name__ = "Sparse"


@pytest.mark.parametrize("own", [Own(), [Denoising(), Own(0.5)], OwnSparse(), Chain([OwnSparse()]), Objective()])
def test_a_persons_own_has_to_be_given_again(own, tmp_path):
    assert describe(own) is None
    ae = fitted(own)
    ae.save(tmp_path / "model")
    with pytest.raises(ParameterError, match=r"(?s)was fitted with the objective .*give it again, load\(path, objec"):
        load(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model", objective=own).transform(X), ae.transform(X))


def test_parameters_that_are_no_json_values_are_not_described():
    assert describe(Sparse(weight=np.ones(2))) is None
    assert describe(Sparse(k={1, 2})) is None
    assert describe(Sparse(k=[1, {"a": None}])) is not None


@pytest.mark.parametrize("objective", [None, Sparse("l1", 0.05)])
def test_folders_from_before_the_entry(objective, tmp_path):
    ae = fitted(objective)
    ae.save(tmp_path / "model")
    tampered(tmp_path / "model", lambda config: config.pop("objective"))
    if objective is not None:
        with pytest.raises(ParameterError, match=r"Sparse\(weight=0.05\).*give it again"):
            load(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model", objective=objective).transform(X), ae.transform(X))


def one(name="Variational", **parameters):
    return [{"name": name, "parameters": parameters}]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (one("Quantum"), "'Quantum' is no objective that this version of Isthmus knows; it knows Denoising, Masking"),
        (one("__import__"), "'__import__' is no objective"),
        (one(["Sparse"]), "no objective"),
        (one(gamma=1.0), "Variational has no parameter 'gamma' in this version of Isthmus; it has beta"),
        (one(beta="4"), "Variational: beta='4' cannot be used"),
        (one(beta=None), "Variational: beta=None cannot be used"),
        (one(beta=float("nan")), "Variational: beta=nan cannot be used"),
        (one(beta={"a": [1]}), "Variational: beta={'a': [1]} cannot be used"),
        (one("Sparse", kind=["l1"]), "Sparse: kind=['l1'] cannot be used"),
        (one("Sparse", kind="topk", k=3), "Sparse: k=3 cannot be used"),
        (one("Sparse"), "takes 2 values from the encoder"),
        (one() + one(), "takes 8 values from the encoder"),
        ([], "takes 2 values from the encoder"),
        ({}, "{} is no list of objectives"),
        ("Variational", "'Variational' is no list of objectives"),
        (True, "True is no list of objectives"),
        ([3], "3 is no objective with a name and parameters"),
        ([{"name": "Variational"}], "is no objective with a name and parameters"),
        ([{"name": "Variational", "parameters": [1]}], "is no objective with a name and parameters"),
        ([{"name": "Variational", "parameters": {}, "code": "x"}], "is no objective with a name and parameters"),
    ],
)
def test_what_a_file_says_is_not_trusted(written, said, tmp_path):
    ae = fitted(Variational())
    ae.save(tmp_path / "model")
    tampered(tmp_path / "model", lambda config: config.update(objective=written))
    with pytest.raises(ModelFileError) as caught:
        load(tmp_path / "model")
    assert said in str(caught.value)
    assert str(tmp_path / "model") in str(caught.value)
    assert "load(path, objective=...)" in str(caught.value), "what to do"
    again = load(tmp_path / "model", objective=Variational())
    np.testing.assert_array_equal(again.transform(X), ae.transform(X))


def test_parameters_left_out_take_their_defaults():
    assert rebuild(one()).get_params() == Variational().get_params()
    assert [type(part) for part in rebuild(one("Denoising") + one("Sparse"))] == [Denoising, Sparse]
