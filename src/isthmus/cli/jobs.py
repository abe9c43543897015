"""What the commands that do a job have in common: an estimator that is fitted on the source, or was saved before."""

# ruff: noqa: PLC0415 - all of these bring torch, which is imported once a command runs

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from isthmus.cli.fitting import check_model_place
from isthmus.exceptions import ModelFileError, ParameterError

if TYPE_CHECKING:
    from isthmus.tasks import Task

Job = TypeVar("Job", bound="Task")


def check_places(model: str | None, save: str | None, *, force: bool, **fitting: object) -> None:
    """Refuse, before any work, a place that the estimator could not be saved in, and what --model has no use for.

    Parameters
    ----------
    model, save : str or None
        Values of --model and --save.
    force : bool
    **fitting
        Values of options that only a fit goes by; None and False where they were not given.
    """
    if model is not None:
        given = [f"--{name}" for name, value in {"save": save, **fitting}.items() if value not in (None, False)]
        if given:
            raise ParameterError(f"--model brings an estimator that is fitted: leave {' and '.join(given)} out.")
    elif save is not None:
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
