"""Where the command line prints: results to standard output, everything else to standard error."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.text import Text

#: Width of tables that go to a file or a pipe.
PLAIN_WIDTH = 120


def out() -> Console:
    """Give the console for results."""
    return Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)


def err() -> Console:
    """Give the console for messages."""
    return Console(stderr=True)


def say(message: str, *, style: str = "", label: str = "", to: Console | None = None) -> None:
    """Print one paragraph: wrapped on a terminal, one line elsewhere, so that it can be searched.

    Parameters
    ----------
    message : str
        Plain text; nothing in it is taken for markup.
    style : str, default=""
        Of the label.
    label : str, default=""
        Word before the message: "Error: ".
    to : Console, optional
        By default that for messages.
    """
    console = to or err()
    text = Text.assemble((label, style), " ".join(message.split()))
    console.print(text, soft_wrap=not console.is_terminal, highlight=False)
