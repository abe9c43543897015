"""Writing the state of training down now and then, and taking it up again."""

from __future__ import annotations

import logging
import time
from os import PathLike
from pathlib import Path
from typing import Any

from isthmus.exceptions import ModelFileError
from isthmus.storage import read_checkpoint, write_checkpoint
from isthmus.training.state import TrainingState

logger = logging.getLogger(__name__)


class Checkpoints:
    """A folder in which the state of one run is kept.

    Parameters
    ----------
    folder : str or path
    fingerprint : dict
        What the run is: parameters, data, versions. A checkpoint of another run is refused, never overwritten.
    every_epochs : int, default=1
        Epochs between two writes.
    every_seconds : float, default=10
        A write that is due waits until as many seconds have passed since the last one.
    """

    def __init__(
        self,
        folder: str | PathLike[str],
        fingerprint: dict[str, Any],
        every_epochs: int = 1,
        every_seconds: float = 10.0,
    ):
        self.folder = Path(folder)
        self.fingerprint = fingerprint
        self.every_epochs = every_epochs
        self.every_seconds = every_seconds
        self._written = time.monotonic()

    def resume(self, state: TrainingState) -> bool:
        """Take up the state from the folder; False if there is none yet.

        Raises
        ------
        ModelFileError
            If the folder holds the checkpoint of a run with other parameters or other data.
        """
        found = read_checkpoint(self.folder)
        if found is None:
            return False
        tensors, meta = found
        theirs = meta["fingerprint"]
        other = sorted(k for k in self.fingerprint if theirs.get(k) != self.fingerprint[k])
        if other:
            raise ModelFileError(
                f"checkpoint={str(self.folder)!r} belongs to another fit: {', '.join(other)} "
                f"{'differs' if len(other) == 1 else 'differ'} "
                f"({', '.join(f'{k}: {theirs.get(k)!r} there, {self.fingerprint[k]!r} here' for k in other[:3])}). "
                "Give another folder, or delete that one if its fit is no longer wanted."
            )
        state.restore(tensors, meta["state"])
        if state.finished == "interrupted":
            state.finished = ""
        logger.info("Going on from epoch %d of the checkpoint in %s", state.epoch, self.folder)
        return True

    def write_if_due(self, state: TrainingState) -> None:
        """Write at the end of an epoch that is due, and at the end of training."""
        due = state.epoch % self.every_epochs == 0 and time.monotonic() - self._written >= self.every_seconds
        if due or state.finished:
            write_checkpoint(
                self.folder, state.tensors(), {"fingerprint": self.fingerprint, "state": state.counters()}
            )
            self._written = time.monotonic()
