"""Tables as people read them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from isthmus.cli.console import out, say

if TYPE_CHECKING:
    from rich.console import Console

    from isthmus.evaluation import Comparison, LinearProbe

#: Columns of a data set that `info` lists.
MOST_COLUMNS = 20


def print_comparison(comparison: Comparison) -> None:
    """Print ours beside PCA, and the verdict in a sentence."""
    heading, *rows = comparison.table()
    rows_are = f"{comparison.rows:,} {comparison.rows_are}"
    table = Table(title=f"Beside PCA at the same code size, on {rows_are}", title_justify="left", title_style="bold")
    for i, name in enumerate(heading):
        table.add_column(name, justify="right" if i else "left")
    for row in rows:
        table.add_row(*row)
    out().print(table)
    say(comparison.verdict(), to=out())


def print_probe(probe: LinearProbe, console: Console) -> None:
    """Print what a linear model tells from codes beside PCA, and the verdict in a sentence."""
    heading, *rows = probe.table()
    table = Table(title=f"As features, of {probe.classes} labels", title_justify="left", title_style="bold")
    for i, name in enumerate(heading):
        table.add_column(name, justify="right" if i else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    say(probe.verdict(), to=console)


def print_places(**places: str | None) -> None:
    """Print where things lie; those that are None were not written."""
    there = {name: place for name, place in places.items() if place is not None}
    width = max(map(len, there), default=0)
    for name, place in there.items():
        say(place, label=f"{name.capitalize():<{width}}  ", style="bold", to=out())


def print_info(path: str, config: Mapping[str, Any]) -> None:
    """Print what a model folder says of its model."""
    record = config.get("record", {})
    console = out()
    console.print(_pairs(f"Model in {path}", _about(config, record)))
    console.print(_pairs("Data", _schema(config.get("schema", {}))))
    console.print(_pairs("Parameters", config.get("parameters", {}).items()))
    console.print(_pairs("Chosen", config.get("chosen", {}).items()))
    if config.get("history"):  # jobs have none of their own
        console.print(_losses(config["history"], record.get("best_epoch_")))
    if config.get("comparison"):
        console.print(_beside_pca(config["comparison"], config.get("loss") in ("tokens", "multinomial")))
    versions = {"isthmus": config.get("isthmus_version"), **config.get("versions", {})}
    console.print(_pairs("Versions", versions.items()))


def _about(config: Mapping[str, Any], record: Mapping[str, Any]) -> list[tuple[str, Any]]:
    said = " ".join(str(config.get("own_objective") or "none: the plain autoencoder").split())
    facts = [
        ("class", config.get("estimator")),
        ("kind of data", config.get("kind")),
        ("code size", config.get("latent_dim")),
        # Jobs have no objective of their own.
        ("objective", said if "own_objective" in config else None),
        ("rows fitted on", config.get("n_rows")),
        ("saved", config.get("created")),
        ("training ended by", record.get("stopped_")),
        *_members(config.get("chosen", {}), record),
    ]
    return [(name, value) for name, value in facts if value is not None]


def _members(chosen: Mapping[str, Any], record: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Say of several networks which gives the codes, and how far these agree."""
    if chosen.get("members", 1) == 1:
        return []
    stability = record.get("stability_") or {}
    mean = stability.get("mean")
    return [
        ("codes are those of member", record.get("best_member_")),
        ("agreement of the members' codes", None if mean is None else f"{mean:.3f} (1: the same but for a turn)"),
    ]


def _schema(schema: Mapping[str, Any]) -> list[tuple[str, Any]]:
    facts = [(name, value) for name, value in schema.items() if name != "columns"]
    columns = schema.get("columns", [])
    facts += [(f"column {name}", dtype) for name, dtype in columns[:MOST_COLUMNS]]
    if len(columns) > MOST_COLUMNS:
        facts.append(("...", f"{len(columns) - MOST_COLUMNS:,} more columns"))
    return facts


def _losses(history: Mapping[str, list[float]], best: int | None) -> Table:
    """Losses of the start, of the best epoch and of the last one."""
    shown = {name: values for name, values in history.items() if name not in ("epoch", "seconds", "learning_rate")}
    table = _table("Losses", "", *(name.replace("_", " ") for name in shown))
    last = len(history.get("epoch", ())) - 1
    places = {"start": 0, "best": best, "last": last}
    for name, row in places.items():
        if row is not None and 0 <= row <= last:
            table.add_row(f"{name} (epoch {history['epoch'][row]:g})", *(_shown(v[row]) for v in shown.values()))
    return table


def _beside_pca(comparison: Mapping[str, Any], tokens: bool) -> Table:
    split = {"validation": "rows held out of training"}.get(comparison.get("split", ""), "the training rows")
    table = _table(f"Beside PCA, on {comparison.get('rows', 0):,} {split}", "", "Isthmus", "PCA", "ratio")
    table.add_row(
        "share of the tokens or entries that are wrong" if tokens else "mean squared error, scaled units",
        *(_shown(comparison.get(name)) for name in ("ours", "pca", "ratio")),
    )
    return table


def _pairs(title: str, facts: Iterable[tuple[str, Any]]) -> Table:
    table = _table(title, "", "")
    table.show_header = False
    for name, value in facts:
        table.add_row(str(name), _shown(value))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for i, name in enumerate(columns):
        table.add_column(name, justify="right" if i and len(columns) > 2 else "left", overflow="fold")
    return table


def _shown(value: Any) -> str:
    """Give one value as plain text."""
    if isinstance(value, float):
        return "\u2013" if math.isnan(value) else f"{value:.4g}"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_shown, value)) or "none"
    return escape(str(value))
