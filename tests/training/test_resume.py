"""A fit that is killed goes on where it was, and ends as one that never was."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from isthmus import Autoencoder, Objective
from isthmus.exceptions import ModelFileError

FIT = """
import sys, numpy as np, torch
torch.set_num_threads(1)
from isthmus import Autoencoder, Objective
X = np.load(sys.argv[1])
ae = Autoencoder(2, max_epochs=120, patience=None, batch_size=32, dropout=0.1, random_state=3,
                 checkpoint=sys.argv[2] or None, checkpoint_every=4)
ae.fit(X)
np.savez(sys.argv[3], codes=ae.transform(X), losses=ae.history_["train_loss"], best=ae.best_epoch_,
         **{k: v.numpy() for k, v in ae.network_.state_dict().items()})
"""


def fit(data, checkpoint, result, **kwargs):
    return subprocess.Popen([sys.executable, "-c", FIT, str(data), str(checkpoint), str(result)], **kwargs)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
def test_killed_and_started_again_ends_with_the_same_weights(tmp_path):
    np.save(tmp_path / "X.npy", np.random.default_rng(0).normal(size=(300, 6)) @ np.diag([3, 2, 1, 1, 0.5, 0.1]))
    data, checkpoint = tmp_path / "X.npy", tmp_path / "checkpoint"
    assert fit(data, "", tmp_path / "never.npz").wait() == 0

    kills = 0
    for written_times in (1, 3):
        run = fit(data, checkpoint, tmp_path / "killed.npz")
        seen, last = 0, None
        while run.poll() is None and seen < written_times:
            file = checkpoint / "checkpoint.safetensors"
            now = file.stat().st_mtime_ns if file.exists() else None
            if now != last:
                seen, last = seen + 1, now
            time.sleep(0.001)
        if run.poll() is None:
            run.send_signal(signal.SIGKILL)
            assert run.wait() == -signal.SIGKILL
            kills += 1
    assert kills == 2
    assert not (tmp_path / "killed.npz").exists()
    assert fit(data, checkpoint, tmp_path / "killed.npz").wait() == 0

    never, killed = np.load(tmp_path / "never.npz"), np.load(tmp_path / "killed.npz")
    assert set(never) == set(killed)
    for name in never:
        np.testing.assert_array_equal(killed[name], never[name], err_msg=name)
    assert len(killed["losses"]) == 121


def test_a_finished_fit_started_again_is_done_at_once(tmp_path):
    X = np.random.default_rng(0).normal(size=(100, 4))
    ae = Autoencoder(2, max_epochs=5, checkpoint=tmp_path / "c").fit(X)
    again = Autoencoder(2, max_epochs=5, checkpoint=tmp_path / "c").fit(X)
    assert again.history_["seconds"] == ae.history_["seconds"]
    np.testing.assert_array_equal(again.transform(X), ae.transform(X))


def test_the_checkpoint_of_another_fit_is_refused(tmp_path):
    X = np.random.default_rng(0).normal(size=(100, 4))
    Autoencoder(2, max_epochs=2, checkpoint=tmp_path / "c", random_state=0).fit(X)
    before = (tmp_path / "c" / "checkpoint.safetensors").read_bytes()
    with pytest.raises(ModelFileError, match="max_epochs: 2 there, 3 here"):
        Autoencoder(2, max_epochs=3, checkpoint=tmp_path / "c", random_state=0).fit(X)
    with pytest.raises(ModelFileError, match="data differs"):
        Autoencoder(2, max_epochs=2, checkpoint=tmp_path / "c", random_state=0).fit(X + 1)
    with pytest.raises(ModelFileError, match="validation differs"):
        Autoencoder(2, max_epochs=2, checkpoint=tmp_path / "c", random_state=0).fit(X, validation=X)
    assert (tmp_path / "c" / "checkpoint.safetensors").read_bytes() == before


class Trips(Objective):
    """Now and then a batch is not finite."""

    def corrupt(self, x, mask, generator):
        return x * float("nan") if torch.rand(1, generator=generator).item() < 0.02 else x


@pytest.mark.filterwarnings("ignore:The loss was not finite")
@pytest.mark.parametrize("stop", [5, 6, 7])
def test_a_fit_taken_up_steps_back_as_one_that_never_stopped(tmp_path, stop):
    rng = np.random.default_rng(0)
    X = np.tanh(rng.normal(size=(600, 3)) @ rng.normal(size=(3, 8)))
    params = {"max_epochs": 20, "random_state": 1, "objective": Trips(), "patience": None, "checkpoint_every": 1}

    def interrupt(record):
        if record["epoch"] == stop:
            raise KeyboardInterrupt

    never = Autoencoder(2, checkpoint=tmp_path / "never", **params).fit(X)
    with pytest.warns(RuntimeWarning, match="interrupted"):
        Autoencoder(2, checkpoint=tmp_path / "c", callbacks=[interrupt], **params).fit(X)
    again = Autoencoder(2, checkpoint=tmp_path / "c", **params).fit(X)
    np.testing.assert_array_equal(again.transform(X), never.transform(X))


def test_a_checkpoint_that_cannot_be_written_is_warned_of_once(tmp_path, monkeypatch):
    def full(*_):
        raise ModelFileError("the disk is full")

    monkeypatch.setattr("isthmus.training.checkpoints.write_checkpoint", full)
    X = np.random.default_rng(0).normal(size=(60, 4))
    ae = Autoencoder(2, max_epochs=4, random_state=0, checkpoint=tmp_path / "keep", checkpoint_every=1)
    with pytest.warns(RuntimeWarning, match="keep.*the disk is full") as noted:
        ae.fit(X)
    assert len([note for note in noted if "could not be written" in str(note.message)]) == 1
    assert ae.transform(X).shape == (60, 2)
