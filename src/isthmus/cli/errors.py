"""Errors and warnings as one readable paragraph each, and exit codes."""

from __future__ import annotations

import errno
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import typer

from isthmus.cli.console import err, say
from isthmus.exceptions import DataError, IsthmusError, ModelFileError, ParameterError, TrainingError

UNFORESEEN, USAGE, INTERRUPTED = 1, 2, 130
EXIT_CODES: dict[type[IsthmusError], int] = {
    ParameterError: USAGE,
    DataError: 3,
    ModelFileError: 4,
    TrainingError: 5,
}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _Debug:
    """Whether errors come with their traceback; set by --debug while the arguments are parsed."""

    on = False


def debug_option(asked: bool) -> bool:
    """Take --debug, or ISTHMUS_DEBUG from the environment."""
    _Debug.on = _Debug.on or asked
    return asked


def run_guarded(act: Callable[[], Any]) -> int:
    """Run a command and give its exit code; whatever is raised becomes a paragraph on standard error.

    Parameters
    ----------
    act : callable
        Gives an exit code, or anything else for 0.

    Returns
    -------
    int
    """
    _Debug.on = os.environ.get("ISTHMUS_DEBUG", "") not in ("", "0")
    try:
        with _warnings_as_paragraphs():
            code = act()
            sys.stdout.flush()
            if code == INTERRUPTED:  # typer gives this code for Ctrl-C, a command that saved what it had by SystemExit
                _interrupted()
            return code if isinstance(code, int) else 0
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except (KeyboardInterrupt, typer.Abort):
        _interrupted()
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()  # whoever read our output has seen enough
        return UNFORESEEN
    except Exception as error:
        return _explain(error)


def _explain(error: Exception) -> int:
    """Print what went wrong; give the exit code."""
    if _Debug.on:
        traceback.print_exception(error)
    if isinstance(error, IsthmusError):
        say(str(error), label="Error: ", style="bold red")
        return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), UNFORESEEN)
    usage = getattr(error, "format_message", None)  # of typer's own errors, whichever click they come from
    if usage is not None:
        message = str(usage()).strip()
        if message:
            say(f"{message.rstrip('.')}. {_where_to_look(error)}", label="Error: ", style="bold red")
        return int(getattr(error, "exit_code", USAGE))
    if isinstance(error, OSError) and error.errno in _FULL:  # files have errors of their own: this is the output
        say(
            f"Cannot write the result: the disk that standard output goes to is full ({error.strerror}). "
            "Free some space, or write it elsewhere.",
            label="Error: ",
            style="bold red",
        )
        try:
            sys.stdout.flush()
        except OSError:
            _drop_output()
        return EXIT_CODES[ModelFileError]
    if isinstance(error, MemoryError):
        say(
            "There is not enough memory for this. Give fewer rows, or a smaller model.",
            label="Error: ",
            style="bold red",
        )
        return UNFORESEEN
    advice = "" if _Debug.on else " Run the same command once more with --debug to see where, and report it."
    what = f"{type(error).__name__}: {error}".strip().rstrip(":.")
    say(
        f"Something went wrong that Isthmus did not foresee ({what}).{advice}",
        label="Error: ",
        style="bold red",
    )
    return UNFORESEEN


def _drop_output() -> None:
    """Send what is left of standard output nowhere: Python would complain once more when it flushes at exit."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _where_to_look(error: Exception) -> str:
    path = getattr(getattr(error, "ctx", None), "command_path", "isthmus")
    return f"See {path} --help."


def _interrupted() -> None:
    say("Interrupted; nothing was saved.", style="bold", label="")


@contextmanager
def _warnings_as_paragraphs() -> Iterator[None]:
    """Show the library's warnings as paragraphs on standard error, each once, without a line of code."""

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        text = str(message)
        if text not in seen:
            seen.add(text)
            say(text, label="Note: ", style="bold yellow", to=err())

    seen: set[str] = set()
    with warnings.catch_warnings():
        for category in (UserWarning, RuntimeWarning):
            warnings.simplefilter("always", category)
        warnings.showwarning = show
        yield
