"""A fit's progress on standard error: a bar on a terminal, or a line for each epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from isthmus.training.callbacks.base import Callback


class ProgressBar(Callback):
    """Shows losses and the time left on standard error.

    Parameters
    ----------
    verbose : {1, 2}, default=1
        1 draws a bar where standard error is a terminal, and nothing elsewhere; 2 writes a line for each
        epoch, anywhere.

    Examples
    --------
    >>> bar = ProgressBar()
    >>> bar.on_fit_start({"max_epochs": 2, "epoch": 0})  # nothing is drawn: no terminal here
    >>> bar.on_epoch_end({"epoch": 1, "train_loss": 0.5, "validation_loss": 0.6})
    >>> bar.on_fit_end({"epoch": 1, "stopped": "patience"})
    """

    def __init__(self, verbose: int = 1):
        self.verbose = int(verbose)
        self._console: Console | None = None
        self._progress: Progress | None = None
        self._total: int | None = None

    def on_fit_start(self, context: Mapping[str, Any]) -> None:
        """Draw the empty bar."""
        self._total = context.get("max_epochs")
        console = Console(stderr=True)
        if self.verbose >= 2:
            self._console = console
        elif console.is_terminal:
            of = "/{task.total:.0f}" if self._total else ""
            self._progress = Progress(
                TextColumn("epoch {task.completed:.0f}" + of),
                BarColumn(),
                TextColumn("{task.description}"),
                TimeRemainingColumn(),
                console=console,
                refresh_per_second=5,
            )
            self._progress.add_task("", total=self._total, completed=context.get("epoch", 0))
            self._progress.start()

    def on_epoch_end(self, record: Mapping[str, Any]) -> None:
        """Show the losses."""
        if self._progress is not None:
            task = self._progress.task_ids[0]
            self._progress.update(task, completed=record.get("epoch", 0), description=_losses(record))
        elif self._console is not None:
            parts = [
                f"epoch {record.get('epoch')}" + (f"/{self._total}" if self._total else ""),
                _losses(record),
            ]
            if "learning_rate" in record:
                parts.append(f"rate {record['learning_rate']:.3g}")
            if "seconds" in record:
                parts.append(f"{record['seconds']:.1f} s")
            self._say("  ".join(parts))

    def on_fit_end(self, context: Mapping[str, Any]) -> None:
        """Leave the bar as it is."""
        if self._progress is not None:
            self._progress.stop()
        elif self._console is not None and context.get("stopped"):
            self._say(f"stopped after epoch {context.get('epoch')}: {context['stopped']}")
        self._console = self._progress = None

    def _say(self, line: str) -> None:
        if self._console is not None:
            self._console.print(line, soft_wrap=True, markup=False, highlight=False)


def _losses(record: Mapping[str, Any]) -> str:
    shown = (("train", record.get("train_loss")), ("validation", record.get("validation_loss")))
    return "  ".join(f"{name} {value:.4g}" for name, value in shown if value is not None and not math.isnan(value))
