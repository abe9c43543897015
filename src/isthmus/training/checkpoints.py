"""Writing the state of training down now and then, and taking it up again."""

from __future__ import annotations

import logging
import re
import time
import warnings
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
    every : int or str
        Epochs between two writes, or seconds, as in "30s".
    """

    def __init__(self, folder: str | PathLike[str], fingerprint: dict[str, Any], every: int | str):
        self.folder = Path(folder)
        self.fingerprint = fingerprint
        self.every_seconds = seconds_of(every)
        self.every_epochs = 1 if self.every_seconds is not None else int(every)
        self._written = time.monotonic()
        self._warned = False

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
        """Write at the end of an epoch that is due, and at the end of training.

        A write that fails is warned of once, and training goes on: the model is worth more than its checkpoint.
        """
        if self.every_seconds is None:
            due = state.epoch % self.every_epochs == 0
        else:
            due = time.monotonic() - self._written >= self.every_seconds
        if due or state.finished:
            self._write(state)
            self._written = time.monotonic()

    def _write(self, state: TrainingState) -> None:
        meta = {"fingerprint": self.fingerprint, "state": state.counters()}
        try:
            write_checkpoint(self.folder, state.tensors(), meta)
        except ModelFileError as error:
            if not self._warned:
                warnings.warn(
                    f"The checkpoint in '{self.folder}' could not be written, and training goes on without it: {error}",
                    RuntimeWarning,
                    stacklevel=2,
                )
            self._warned = True


def seconds_of(every: Any) -> float | None:
    """Seconds that "30s" says; None for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*s", every) if isinstance(every, str) else None
    return None if found is None else float(found[1])
