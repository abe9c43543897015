"""Callbacks: what they are told, what they write, and what a missing extra says."""

import contextlib
import copy
import math
import os
import pickle
import sys

import numpy as np
import pytest

from isthmus import Autoencoder
from isthmus.exceptions import MissingExtraError, ParameterError
from isthmus.training.callbacks import (
    Callback,
    MLflow,
    ProgressBar,
    TensorBoard,
    as_callback,
    as_callbacks,
    tracking,
)

START = {
    "max_epochs": 3,
    "epoch": 0,
    "parameters": {"latent_dim": 2, "hidden": (8, 4)},
    "chosen": {"loss": "mse"},
}
END = {"epoch": 3, "stopped": "max_epochs"}


def record(epoch, validation=0.5):
    return {
        "epoch": epoch,
        "train_loss": 1.0 / epoch,
        "validation_loss": validation,
        "learning_rate": 0.001,
        "seconds": 0.1 * epoch,
        "kl (nats)": np.float32(0.25),
    }


def run(callback, epochs=3, start=START, end=END, **kwargs):
    callback.on_fit_start(start)
    for epoch in range(start["epoch"] + 1, epochs + 1):
        callback.on_epoch_end(record(epoch, **kwargs))
    callback.on_fit_end(end)


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(60, 5))


# What is taken as a callback.


@pytest.mark.parametrize(
    ("answer", "stops"),
    [(True, True), (np.bool_(True), True), (False, False), (None, False), (1, False), ("yes", False)],
)
def test_a_function_stops_a_fit_with_true_alone(answer, stops):
    assert as_callback(lambda record: answer).on_epoch_end(record(1)) is stops


def test_a_callback_is_taken_as_it_is():
    callback = ProgressBar()
    assert as_callback(callback) is callback
    assert Callback().on_epoch_end(record(1)) is None


def test_what_is_no_callback_is_refused():
    with pytest.raises(ParameterError, match=r"ProgressBar is a class; give ProgressBar\(\.\.\.\)"):
        as_callback(ProgressBar)
    for given in (3, "tensorboard", None, {"a": 1}):
        with pytest.raises(ParameterError, match=r"neither an .*Callback nor a function of one argument"):
            as_callback(given)
    with pytest.raises(ParameterError, match="'tensorboard' is neither"):
        as_callbacks("tensorboard")


def test_as_callbacks_adds_the_progress_bar_last_and_once():
    assert as_callbacks(None) == []
    assert len(as_callbacks(print)) == 1
    made = as_callbacks([print, Callback()], verbose=2)
    assert len(made) == 3
    assert isinstance(made[-1], ProgressBar)
    assert made[-1].verbose == 2
    own = ProgressBar(2)
    assert as_callbacks((own,), verbose=1) == [own]
    assert as_callbacks(None, verbose=True)[0].verbose == 1


def test_callbacks_are_cloned_and_pickled_before_and_after_a_fit(tmp_path):
    for callback in (TensorBoard(tmp_path), ProgressBar(), ProgressBar(2), MLflow(tracking_uri=tmp_path)):
        before = vars(copy.deepcopy(callback))
        assert vars(pickle.loads(pickle.dumps(callback))) == before
    board = TensorBoard(tmp_path / "runs")
    run(board)
    assert copy.deepcopy(board).log_dir == pickle.loads(pickle.dumps(board)).log_dir


def test_a_fit_tells_its_callbacks_and_can_be_stopped(X):
    seen = []

    class Watch(Callback):
        def on_fit_start(self, context):
            seen.append(("start", context["max_epochs"], context["epoch"]))

        def on_epoch_end(self, record):
            seen.append((record["epoch"], *sorted(record)[1:]))

        def on_fit_end(self, context):
            seen.append(("end", context["epoch"], context["stopped"]))

    callbacks = [Watch(), lambda record: record["epoch"] == 2]
    ae = Autoencoder(2, max_epochs=5, random_state=0, callbacks=callbacks).fit(X)
    assert seen[0] == ("start", 5, 0)
    assert [entry[0] for entry in seen] == ["start", 1, 2, "end"]
    assert {"train_loss", "validation_loss", "learning_rate", "seconds"} <= set(seen[1])
    assert seen[-1] == ("end", 2, "callback")
    assert ae.stopped_ == "callback"


# Progress.


@pytest.fixture
def terminal(monkeypatch):
    """Call a function with standard error a real terminal; give what was written there."""
    pty = pytest.importorskip("pty", reason="pseudo-terminals are Unix's")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)

    def written(function):
        ours, theirs = pty.openpty()
        with os.fdopen(theirs, "w") as stream, contextlib.redirect_stderr(stream):
            function()
            stream.flush()
            os.set_blocking(ours, False)
            text = b""
            with contextlib.suppress(BlockingIOError):
                while part := os.read(ours, 65536):
                    text += part
        os.close(ours)
        return text.decode()

    return written


def test_a_bar_on_a_terminal(terminal):
    bar = ProgressBar()
    text = terminal(lambda: run(bar))
    assert "epoch 3/3" in text
    assert "train 0.3333" in text
    assert "validation 0.5" in text
    assert "0:00:00" in text
    assert "\x1b[?25h" in text, "the cursor is shown again"
    assert "epoch 3/3" in terminal(lambda: run(bar)), "a bar serves for more than one fit"


def test_a_bar_goes_on_where_a_fit_is_taken_up(terminal):
    text = terminal(lambda: run(ProgressBar(), epochs=4, start={"max_epochs": 9, "epoch": 4}))
    assert "epoch 4/9" in text


def test_a_bar_without_a_known_end(terminal):
    assert "epoch 3" in terminal(lambda: run(ProgressBar(), start={"epoch": 0}))


def test_a_bar_in_a_fit(terminal, X):
    text = terminal(lambda: Autoencoder(2, max_epochs=2, random_state=0, verbose=1).fit(X))
    assert "epoch 2/2" in text


def test_nothing_where_there_is_no_terminal(capsys):
    run(ProgressBar())
    assert capsys.readouterr() == ("", "")


def test_a_line_for_each_epoch(capsys):
    run(ProgressBar(2), validation=math.nan)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "epoch 1/3  train 1  rate 0.001  0.1 s",
        "epoch 2/3  train 0.5  rate 0.001  0.2 s",
        "epoch 3/3  train 0.3333  rate 0.001  0.3 s",
        "stopped after epoch 3: max_epochs",
    ]


def test_verbose_of_a_fit(X, capsys):
    Autoencoder(2, max_epochs=2, random_state=0, verbose=2).fit(X)
    assert "epoch 2/2  train " in capsys.readouterr().err
    Autoencoder(2, max_epochs=2, random_state=0, verbose=1).fit(X)
    Autoencoder(2, max_epochs=2, random_state=0).fit(X)
    assert capsys.readouterr() == ("", "")


# TensorBoard.


def scalars(folder):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="needs the extra tensorboard"
    )
    events = accumulator.EventAccumulator(str(folder)).Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_tensorboard_event_files(tmp_path):
    run(TensorBoard(tmp_path / "runs"))
    found = scalars(tmp_path / "runs")
    assert {"train_loss", "validation_loss", "learning_rate", "seconds"} < set(found)
    assert len(found) == 5
    assert found["train_loss"] == [(epoch, pytest.approx(1 / epoch)) for epoch in (1, 2, 3)]


def test_tensorboard_without_validation_rows(tmp_path):
    run(TensorBoard(str(tmp_path)), validation=math.nan)
    assert "validation_loss" not in scalars(tmp_path)


def test_tensorboard_goes_on_where_a_killed_fit_is_taken_up(tmp_path):
    killed = TensorBoard(tmp_path)
    killed.on_fit_start(START)
    for epoch in (1, 2, 3):
        killed.on_epoch_end({"epoch": epoch, "train_loss": 9.0})
    killed.on_fit_end({"epoch": 3, "stopped": ""})
    run(TensorBoard(tmp_path), epochs=4, start=START | {"epoch": 1})
    assert [step for step, _ in scalars(tmp_path)["train_loss"]] == [1, 2, 3, 4]
    assert [value for _, value in scalars(tmp_path)["train_loss"]] == pytest.approx([9, 1 / 2, 1 / 3, 1 / 4])


def test_tensorboard_in_a_fit(tmp_path, X):
    ae = Autoencoder(2, max_epochs=3, random_state=0, callbacks=[TensorBoard(tmp_path)]).fit(X)
    found = scalars(tmp_path)
    assert [value for _, value in found["train_loss"]] == pytest.approx(ae.history_["train_loss"][1:], rel=1e-6)


# MLflow.


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store of runs in files, and a client that reads it back."""
    mlflow = pytest.importorskip("mlflow", reason="needs the extra mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    uri = (tmp_path / "mlruns").as_uri()
    return uri, mlflow.MlflowClient(tracking_uri=uri)


def test_mlflow_runs(store):
    uri, client = store
    callback = MLflow("digits", run_name="first", tracking_uri=uri)
    run(callback)
    found = client.get_run(callback.run_id)
    assert client.get_experiment(found.info.experiment_id).name == "digits"
    assert found.info.run_name == "first"
    assert found.info.status == "FINISHED"
    assert found.data.tags["stopped"] == "max_epochs"
    assert found.data.params == {"latent_dim": "2", "hidden": "(8, 4)", "chosen.loss": "mse"}
    assert found.data.metrics.keys() == {
        "train_loss",
        "validation_loss",
        "learning_rate",
        "seconds",
        "kl _nats_",
    }
    history = client.get_metric_history(callback.run_id, "train_loss")
    assert [(entry.step, entry.value) for entry in history] == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]
    first = callback.run_id
    run(callback)
    assert callback.run_id != first, "each fit is a run of its own"
    assert len(client.search_runs([found.info.experiment_id])) == 2


@pytest.mark.parametrize(("stopped", "status"), [("", "FAILED"), ("interrupted", "KILLED"), ("patience", "FINISHED")])
def test_how_an_mlflow_run_ends(store, stopped, status):
    uri, client = store
    callback = MLflow(tracking_uri=uri)
    run(callback, end={"epoch": 3, "stopped": stopped})
    assert client.get_run(callback.run_id).info.status == status


def test_mlflow_with_many_parameters_and_epochs(store, monkeypatch):
    uri, client = store
    monkeypatch.setattr(MLflow, "_FLUSH_SECONDS", math.inf)
    monkeypatch.setattr(MLflow, "_MOST_METRICS", 10)
    callback = MLflow(tracking_uri=uri)
    parameters = {f"p{i}": "x" * 10_000 for i in range(150)}
    run(callback, epochs=30, start={"epoch": 0, "parameters": parameters}, validation=math.nan)
    data = client.get_run(callback.run_id).data
    assert len(data.params) == 150
    assert "validation_loss" not in data.metrics
    assert len(client.get_metric_history(callback.run_id, "train_loss")) == 30


def test_a_place_where_mlflow_cannot_store(tmp_path):
    pytest.importorskip("mlflow", reason="needs the extra mlflow")
    callback = MLflow(tracking_uri="nonsense://nowhere")
    with pytest.raises(ParameterError, match=r"cannot store runs at 'nonsense://nowhere'.*tracking server"):
        callback.on_fit_start(START)
    callback.on_epoch_end(record(1))
    callback.on_fit_end(END)


def test_an_mlflow_server_that_goes_away_does_not_end_the_fit(store, monkeypatch):
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    callback = MLflow(tracking_uri=store[0])
    callback.on_fit_start(START)

    def gone(*args, **kwargs):
        raise MlflowException("connection refused")

    monkeypatch.setattr(MlflowClient, "log_batch", gone)
    monkeypatch.setattr(MLflow, "_FLUSH_SECONDS", 0.0)
    with pytest.warns(UserWarning, match=r"MLflow failed.*goes on: connection refused"):
        callback.on_epoch_end(record(1))
    callback.on_epoch_end(record(2))
    callback.on_fit_end(END)


def test_mlflow_in_a_fit(store, X):
    uri, client = store
    callback = MLflow(tracking_uri=uri)
    ae = Autoencoder(2, max_epochs=3, random_state=0, callbacks=[callback]).fit(X)
    found = [entry.value for entry in client.get_metric_history(callback.run_id, "train_loss")]
    assert found == pytest.approx(ae.history_["train_loss"][1:])


# Extras.


@pytest.mark.parametrize(
    ("module", "extra", "make"),
    [("tensorboard", "tensorboard", lambda: TensorBoard("runs")), ("mlflow", "mlflow", MLflow)],
)
def test_a_missing_extra_is_named_before_the_fit(monkeypatch, tmp_path, module, extra, make):
    made = None
    if tracking.importlib.util.find_spec(module) is not None:
        made = make()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf'pip install "isthmus\[{extra}\]"'):
        make()
    if made is not None:  # made on a machine that has it, used on one that has not
        with pytest.raises(MissingExtraError, match=rf"isthmus\[{extra}\]"):
            made.on_fit_start(START)
