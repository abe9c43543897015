"""`isthmus kinds`: the kinds of autoencoder, when each is the right one, and what to write for it."""

# ruff: noqa: PLC0415 - objectives bring torch, which is imported once a command runs

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from isthmus.cli import options as o
from isthmus.cli.console import out, say
from isthmus.exceptions import ParameterError

if TYPE_CHECKING:
    from isthmus.objectives.catalogue import Kind


@dataclass(frozen=True)
class Shape:
    """A kind of autoencoder that is made by the network, or by putting others together.

    Parameters
    ----------
    name : str
        Names in the field, separated by commas.
    suits : str
        When it is the right one.
    options : str
        What to write after `isthmus fit`.
    python : str
        What to write within `Autoencoder(...)`.
    """

    name: str
    suits: str
    options: str
    python: str


SHAPES = (
    Shape(
        "vanilla, undercomplete",
        "The least error at a size of code is wanted: a first try, and never worse than PCA at the start.",
        "--latent-dim 16",
        "16",
    ),
    Shape(
        "deep",
        "There are thousands of rows, whose columns hang together in bent ways.",
        "--hidden 256,64",
        "16, hidden=(256, 64)",
    ),
    Shape(
        "convolutional, conv",
        "Rows are pictures, or sequences whose patterns may come anywhere; the default for both.",
        "--network conv",
        '16, network="conv"',
    ),
    Shape(
        "recurrent, sequence to sequence, LSTM, GRU",
        "Rows are sequences in which what comes late hangs on what came early.",
        "--network lstm",
        '16, network="lstm"',
    ),
)
SEVERAL = Shape(
    "combined",
    "Two of these are wanted at once: objectives act one after another, on any network.",
    '--objective "denoising(mask, 0.3)" --objective sparse',
    '16, objective=["denoising(mask, 0.3)", "sparse"]',
)


def kinds(name: o.KindName = None, debug: o.Debug = False) -> None:
    """List the kinds of autoencoder with when each is the right one; with NAME, tell its parameters."""
    from isthmus.objectives import catalogue

    if name is None:
        _print_all(catalogue.kinds())
        return
    kind = catalogue.kind_called(name)
    if kind is not None:
        _print_kind(kind)
        return
    shapes = {word.strip().lower(): shape for shape in (*SHAPES, SEVERAL) for word in shape.name.split(",")}
    if name.lower() not in shapes:
        close = difflib.get_close_matches(name.lower(), [*shapes, *(kind.word for kind in catalogue.kinds())], n=1)
        advice = f" (did you mean {close[0]!r}?)" if close else ""
        raise ParameterError(f"There is no kind {name!r}{advice}. `isthmus kinds` lists them all.")
    _print_shape(shapes[name.lower()])


COMMANDS = (kinds,)
EXAMPLES = {
    "kinds": """Examples:

$ isthmus kinds

$ isthmus kinds denoising"""
}


def _print_all(by_objective: list[Kind]) -> None:
    table = Table(title="Kinds of autoencoder", title_justify="left", title_style="bold", show_lines=True)
    for heading in ("kind", "right when", "isthmus fit SOURCE --to MODEL ..."):
        table.add_column(heading, overflow="fold")
    for shape in SHAPES:
        table.add_row(*map(escape, (shape.name, shape.suits, shape.options)))
    for kind in by_objective:
        table.add_row(*map(escape, (kind.word.replace("_", "-"), kind.suits, f"--objective {kind.word}")))
    table.add_row(*map(escape, (SEVERAL.name, SEVERAL.suits, SEVERAL.options)))
    out().print(table)
    say("`isthmus kinds NAME` tells the parameters of one, which stand in parentheses after its word.", to=out())


def _print_shape(shape: Shape) -> None:
    say(shape.suits, label=f"{shape.name[0].upper()}{shape.name[1:]}: ", style="bold", to=out())
    say(f"isthmus fit SOURCE --to MODEL {shape.options}", label="Command line  ", style="bold", to=out())
    say(f"Autoencoder({shape.python})", label="Python        ", style="bold", to=out())


def _print_kind(kind: Kind) -> None:
    _print_shape(
        Shape(
            kind.word.replace("_", " "),
            f"{kind.summary} Right when {kind.suits[0].lower()}{kind.suits[1:]}",
            f"--objective {kind.word}",
            f'16, objective="{kind.word}"',
        )
    )
    table = Table(title="Parameters", title_justify="left", title_style="bold", show_lines=True)
    for heading in ("parameter", "default", "what"):
        table.add_column(heading, overflow="fold")
    for parameter in kind.parameters:
        what = f"{parameter.type}. {parameter.text}" if parameter.type else parameter.text
        table.add_row(*map(escape, (parameter.name, repr(parameter.default), what)))
    out().print(table)
    say(f'Written as "{kind.word}(NAME=VALUE, ...)", or with the values alone, in this order.', to=out())
    if kind.references:
        say(kind.references, label="References  ", style="bold", to=out())
