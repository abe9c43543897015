"""The commands put together, and the entry point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from isthmus._version import __version__
from isthmus.cli import (
    denoising,
    filling,
    fitting,
    imputing,
    inspecting,
    kinds,
    looking,
    options,
    recommending,
    scoring,
    searching,
    synthesizing,
    using,
)
from isthmus.cli.console import out
from isthmus.cli.errors import run_guarded

app = typer.Typer(
    name="isthmus",
    help="Fit an autoencoder to your data, see whether it beats PCA, and put it to use.",
    epilog="""Start here:

$ isthmus demo

$ isthmus fit people.csv --to model --report report.html

$ isthmus encode model people.csv --to codes.csv

Exit codes: 0 done, 1 unforeseen, 2 usage or parameter, 3 data, 4 model or output file, 5 training,
130 interrupted.""",
    rich_markup_mode="rich",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        out().print(f"isthmus {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)
    ] = False,
    debug: options.Debug = False,
) -> None:
    """Fit an autoencoder to your data, see whether it beats PCA, and put it to use."""


PANELS = (
    (inspecting, "Make a model"),
    (fitting, "Make a model"),
    (kinds, "Make a model"),
    (looking, "Look at a model"),
    (using, "Use a model"),
    (scoring, "Do a job"),
    (imputing, "Do a job"),
    (denoising, "Do a job"),
    (filling, "Do a job"),
    (synthesizing, "Do a job"),
    (searching, "Do a job"),
    (recommending, "Do a job"),
)
for module, panel in PANELS:
    for command in module.COMMANDS:
        app.command(
            epilog=module.EXAMPLES[command.__name__],
            rich_help_panel=panel,
            no_args_is_help=command.__name__ not in ("demo", "kinds"),
        )(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows `isthmus`; by default what the process was started with.

    Returns
    -------
    int
        Exit code: 0 done, 1 unforeseen, 2 usage or parameter, 3 data, 4 model or output file, 5 training,
        130 interrupted.

    Examples
    --------
    >>> from isthmus.cli import main
    >>> main(["--version"])  # doctest: +ELLIPSIS
    isthmus ...
    0
    """
    given = None if arguments is None else list(arguments)
    return run_guarded(lambda: app(given, prog_name="isthmus", standalone_mode=False))
