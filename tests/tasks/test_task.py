"""What all tasks share, on a small one of the test's own."""

import json
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import check_random_state

from isthmus import Autoencoder, load
from isthmus.cli import main
from isthmus.data import PREPARATIONS, as_raw
from isthmus.exceptions import DataError, ModelFileError, ParameterError
from isthmus.tasks import TASKS, Learnt, Task


class Errors(Task):
    """Errors of an autoencoder in units of their mean."""

    ABOUT = "A task of a test."
    USAGE: ClassVar = {"python": ["model.errors(data)"], "console": []}

    def __init__(self, latent_dim=1, *, names=(), kind="auto", random_state=None, device="auto", verbose=0):
        self.latent_dim = latent_dim
        self.names = names
        self.kind = kind
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X, y=None):
        self._check_parameters()
        raw = as_raw(X, kind=self.kind)
        self._fitted_on(PREPARATIONS[raw.kind]().fit(raw), len(raw))
        self.autoencoder_ = Autoencoder(self.latent_dim, max_epochs=1, random_state=self._seed()).fit(raw)
        self.unit_ = np.array([self.autoencoder_.reconstruction_error(raw).mean()])
        return self

    def errors(self, X):
        return self.autoencoder_.reconstruction_error(self._given(X)) / self.unit_

    def _learnt(self):
        return Learnt({"note": [1, 2.5]}, {"unit": self.unit_}, {"main": self.autoencoder_})

    def _restore(self, learnt):
        assert learnt.values == {"note": [1, 2.5]}
        self.unit_, self.autoencoder_ = learnt.arrays["unit"], learnt.autoencoders["main"]


@pytest.fixture(autouse=True)
def _listed(monkeypatch):
    monkeypatch.setitem(TASKS, "Errors", Errors)


FRAME = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=list("abc"))


def test_a_task_comes_back_from_its_folder_to_the_bit(tmp_path):
    task = Errors(2, names=("x", "y"), random_state=check_random_state(3)).fit(FRAME)
    task.save(tmp_path / "model")
    again = load(tmp_path / "model", device="cpu")
    assert type(again) is Errors
    np.testing.assert_array_equal(again.errors(FRAME), task.errors(FRAME))
    assert again.get_params() == task.get_params() | {"device": "cpu", "random_state": None}
    assert list(again.feature_names_in_) == list("abc")
    assert (again.n_rows_, again.n_features_in_, again.kind_) == (40, 3, "table")


def test_the_card_speaks_of_the_task(tmp_path):
    Errors().fit(FRAME).save(tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text()
    assert "A task of a test." in card
    assert "model.errors(data)" in card
    assert "transform" not in card


def test_a_task_takes_no_objective_from_load(tmp_path):
    Errors().fit(FRAME).save(tmp_path / "model")
    with pytest.raises(ParameterError, match="leave objective="):
        load(tmp_path / "model", objective="sparse")


def test_what_does_not_fit_together_is_named(tmp_path, monkeypatch):
    Errors().fit(FRAME).save(tmp_path / "model")
    monkeypatch.setattr(Errors, "_restore", lambda self, learnt: learnt.arrays["gone"])
    with pytest.raises(ModelFileError, match=r"does not fit together.*gone"):
        load(tmp_path / "model")


def test_no_pickle_lies_in_the_folder(tmp_path):
    Errors().fit(FRAME).save(tmp_path / "model")
    assert {p.suffix for p in (tmp_path / "model").iterdir()} == {".json", ".safetensors", ".md"}
    assert json.loads((tmp_path / "model" / "config.json").read_text())["config"]["estimator"] == "Errors"


def test_a_model_is_not_replaced_where_it_may_not(tmp_path):
    task = Errors().fit(FRAME)
    task.save(tmp_path / "model")
    with pytest.raises(ModelFileError, match="overwrite=True"):
        task.save(tmp_path / "model", overwrite=False)


def test_parameters_and_columns_are_checked():
    with pytest.raises(ParameterError, match="Errors: verbose='loud'"):
        Errors(verbose="loud").fit(FRAME)
    with pytest.raises(DataError, match="Errors is expecting 3"):
        Errors().fit(FRAME.to_numpy()).errors(FRAME.to_numpy()[:, :2])


def test_a_command_for_codes_refuses_a_task_by_name(tmp_path, capsys):
    Errors().fit(FRAME).save(tmp_path / "model")
    FRAME.to_csv(tmp_path / "rows.csv", index=False)
    asked = ["encode", str(tmp_path / "model"), str(tmp_path / "rows.csv"), "--to", str(tmp_path / "codes.csv")]
    assert main(asked) == 2
    assert "of class Errors" in " ".join(capsys.readouterr().err.split())
