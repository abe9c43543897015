"""What the commands that do a job have in common: an estimator that is fitted on the source, or was saved before."""

# ruff: noqa: PLC0415 - all of these bring torch, which is imported once a command runs

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from isthmus.cli.fitting import check_model_place
from isthmus.exceptions import ModelFileError, ParameterError

if TYPE_CHECKING:
    from isthmus.tasks import Task

Job = TypeVar("Job", bound="Task")


def check_places(model: str | None, save: str | None, *, force: bool) -> None:
    """Refuse, before any work, a place that the estimator could not be saved in, and one for what was saved before."""
    if save is None:
        return
    if model is not None:
        raise ParameterError("--model brings an estimator that is fitted and saved: leave --save out.")
    check_model_place(save, force=force)


def saved(model: str, wanted: type[Job], command: str, device: str) -> Job:
    """Load the estimator that a command works with; refuse another one."""
    from isthmus import load

    found = load(model, device=device)
    if not isinstance(found, wanted):
        raise ModelFileError(
            f"--model {model}: this is a model of class {type(found).__name__}, but `isthmus {command}` works with "
            f"{wanted.__name__}. Leave --model out to have one fitted on the source, and --save it for the next time."
        )
    return found
