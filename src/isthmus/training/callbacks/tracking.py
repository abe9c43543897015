"""A fit's figures in TensorBoard or MLflow: each is an extra, imported only where it is used."""

from __future__ import annotations

import importlib.util
import math
import re
import time
import warnings
from collections.abc import Mapping
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.exceptions import MissingExtraError, ParameterError
from isthmus.training.callbacks.base import Callback

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from torch.utils.tensorboard.writer import SummaryWriter


class TensorBoard(Callback):
    """Writes losses, named terms and the learning rate for TensorBoard; needs the extra ``tensorboard``.

    A fit that is taken up from a checkpoint goes on in the same curves. Other fits each want a folder of
    their own.

    Parameters
    ----------
    log_dir : str or path
        The folder for the event files; look at it with ``tensorboard --logdir``.

    Raises
    ------
    MissingExtraError
        TensorBoard is not installed.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> Autoencoder(2, callbacks=[TensorBoard("runs/first")])  # doctest: +SKIP
    """

    def __init__(self, log_dir: str | PathLike[str]):
        _need("tensorboard", "tensorboard", "TensorBoard")
        self.log_dir = fspath(log_dir)
        self._writer: SummaryWriter | None = None

    def on_fit_start(self, context: Mapping[str, Any]) -> None:
        """Open an event file."""
        _need("tensorboard", "tensorboard", "TensorBoard")
        from torch.utils.tensorboard.writer import SummaryWriter  # noqa: PLC0415 an extra

        # What a killed fit wrote after its last checkpoint is written again: TensorBoard then hides the
        # first.
        done = context.get("epoch", 0)
        self._writer = SummaryWriter(self.log_dir, purge_step=done + 1 if done else None)

    def on_epoch_end(self, record: Mapping[str, Any]) -> None:
        """Write the figures of the epoch."""
        if self._writer is not None:
            for name, value in _figures(record).items():
                self._writer.add_scalar(name, value, record["epoch"])

    def on_fit_end(self, context: Mapping[str, Any]) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None


class MLflow(Callback):
    """Logs parameters and the figures of each epoch to MLflow, a run for each fit; extra ``mlflow``.

    Runs that are active in this process are not touched. The run ends as FINISHED, as KILLED after an
    interrupt, or as FAILED after an error.

    Parameters
    ----------
    experiment : str, default="isthmus"
        Made where it does not exist.
    run_name : str, optional
        MLflow's own choice by default.
    tracking_uri : str, optional
        Where runs are stored; by default where MLflow is set to (``MLFLOW_TRACKING_URI``). The extra brings
        ``mlflow-skinny``, which talks to a tracking server; for a local database install ``mlflow`` itself.

    Attributes
    ----------
    run_id : str or None
        The run of the last fit.

    Raises
    ------
    MissingExtraError
        MLflow is not installed.
    ParameterError
        When a fit starts: runs cannot be stored there.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> Autoencoder(2, callbacks=[MLflow(tracking_uri="http://localhost:5000")])  # doctest: +SKIP
    """

    _FLUSH_SECONDS = 2.0  # fast epochs are sent several at a time
    _MOST_METRICS, _MOST_PARAMS, _LONGEST = 1000, 100, 500  # MLflow's limits on one request, and on a value

    def __init__(
        self,
        experiment: str = "isthmus",
        run_name: str | None = None,
        tracking_uri: str | PathLike[str] | None = None,
    ):
        _need("mlflow", "mlflow", "MLflow")
        self.experiment = experiment
        self.run_name = run_name
        self.tracking_uri = None if tracking_uri is None else fspath(tracking_uri)
        self.run_id: str | None = None
        self._client: MlflowClient | None = None
        self._waiting: list[Any] = []
        self._sent = 0.0

    def on_fit_start(self, context: Mapping[str, Any]) -> None:
        """Start a run and log the parameters."""
        _need("mlflow", "mlflow", "MLflow")
        from mlflow import MlflowClient  # noqa: PLC0415 an extra
        from mlflow.entities import Param  # noqa: PLC0415 an extra
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 an extra

        try:
            client = MlflowClient(tracking_uri=self.tracking_uri)
            found = client.get_experiment_by_name(self.experiment)
            number = client.create_experiment(self.experiment) if found is None else found.experiment_id
            self.run_id = client.create_run(number, run_name=self.run_name).info.run_id
        except MlflowException as error:
            raise ParameterError(
                f"MLflow cannot store runs at {self.tracking_uri or 'its default place'!r}: {error} "
                "Give the address of a tracking server (tracking_uri='http://...'); for a local database "
                "(tracking_uri='sqlite:///mlflow.db') install the whole of MLflow: pip install mlflow."
            ) from error
        self._client, self._waiting, self._sent = client, [], time.monotonic()
        chosen = {f"chosen.{name}": value for name, value in context.get("chosen", {}).items()}
        values = {**context.get("parameters", {}), **chosen}
        params = [Param(_key(name), str(value)[: self._LONGEST]) for name, value in values.items()]
        for start in range(0, len(params), self._MOST_PARAMS):
            client.log_batch(self.run_id, params=params[start : start + self._MOST_PARAMS])

    def on_epoch_end(self, record: Mapping[str, Any]) -> None:
        """Log the figures of the epoch, at once or with those of the next."""
        from mlflow.entities import Metric  # noqa: PLC0415 an extra

        now = int(time.time() * 1000)
        self._waiting += [Metric(_key(name), value, now, record["epoch"]) for name, value in _figures(record).items()]
        due = time.monotonic() - self._sent >= self._FLUSH_SECONDS
        if due or len(self._waiting) >= self._MOST_METRICS // 2:
            self._send()

    def on_fit_end(self, context: Mapping[str, Any]) -> None:
        """Send what is left and end the run."""
        stopped = str(context.get("stopped") or "")
        self._send({"": "FAILED", "interrupted": "KILLED"}.get(stopped, "FINISHED"), stopped)
        self._client = None

    def _send(self, status: str | None = None, stopped: str = "") -> None:
        """Send what waits, and how the run ended; a server that is gone does not end the fit."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 an extra

        client, run = self._client, self.run_id
        if client is None or run is None:
            return
        try:
            while self._waiting:
                client.log_batch(run, metrics=self._waiting[: self._MOST_METRICS])
                del self._waiting[: self._MOST_METRICS]
            if stopped:
                client.set_tag(run, "stopped", stopped)
            if status is not None:
                client.set_terminated(run, status)
        except MlflowException as error:
            self._client = None
            warnings.warn(f"MLflow failed, and gets no more of this fit, which goes on: {error}", stacklevel=2)
        self._sent = time.monotonic()


def _need(module: str, extra: str, what: str) -> None:
    """Raise where an extra is missing, before a fit begins."""
    try:
        missing = importlib.util.find_spec(module) is None
    except ValueError:  # a module that is loaded in an odd way has no spec
        missing = False
    if missing:
        raise MissingExtraError(
            f"{what} needs the package {module}, which is not installed. "
            f'Install it with: pip install "isthmus[{extra}]"'
        )


def _figures(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of an epoch that can be drawn: NaN stands for no validation rows."""
    return {
        name: float(value)
        for name, value in record.items()
        if name != "epoch" and isinstance(value, int | float | np.number) and math.isfinite(value)
    }


def _key(name: str) -> str:
    """Turn a name into one that MLflow takes."""
    return re.sub(r"[^\w.\- :/]", "_", name, flags=re.ASCII)
