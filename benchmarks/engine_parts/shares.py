"""The shares: what each contender gets out of a core, beside a loop that does a step's matrix products and no more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine_parts.contenders import CONTENDERS, Contender, rounds, show_errors
from engine_parts.environment import Environment
from engine_parts.jobs import NETWORKS, Network, made_up, median, save_rows
from rich.console import Console
from rich.table import Table

#: What is asked of ours: shares of the products by network, and times as fast as a peer.
BARS: dict[str, tuple[float, float, float]] = {
    "products": (0.35, 0.62, 0.90),
    "pyod": (10.0, 2.0, 1.5),
    "pythae": (10.0, 2.0, 1.5),
    "mlp": (2.5, 1.4, 1.6),
}


def measure(
    networks: Sequence[tuple[Network, int]],
    contenders: Sequence[Contender],
    environment: Environment,
    repeats: int,
    folder: Path,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Samples per CPU-second of every contender on every network, round by round."""
    results = []
    for network, epochs in networks:
        say(f"{network.name}: {network.rows:,} rows, {epochs} epochs")
        rows = save_rows(folder, f"made-up-{network.rows}-{network.columns}", made_up(network.rows, network.columns))
        message = {"hidden": network.hidden, "code": network.code, "epochs": epochs, "train": rows}
        answers, errors = rounds(contenders, environment, {c.key: message for c in contenders}, repeats, say)
        rates = {key: [a["rows"] / a["cpu"] for a in given] for key, given in answers.items() if given}
        base = rates.get("products", [])
        results.append(
            {
                "network": network.name,
                "rows": network.rows,
                "epochs": epochs,
                "samples_per_cpu_second": rates,
                "cpu_seconds": {key: [a["cpu"] for a in given] for key, given in answers.items() if given},
                "wall_seconds": {key: [a["wall"] for a in given] for key, given in answers.items() if given},
                "share": {key: median(of) / median(base) for key, of in rates.items()} if base else {},
                "errors": errors,
            }
        )
        results[-1]["members_cost"] = members_cost(results[-1])
    return results


def show(results: list[dict[str, Any]], contenders: Sequence[Contender], console: Console) -> None:
    """Print a table for each network, then what the contenders do that others do not."""
    for result in results:
        title = f"{result['network']}: {result['rows']:,} rows, {result['epochs']} epochs, batch 256, Adam, one thread"
        table = Table(title=title, title_justify="left")
        table.add_column("contender")
        for column in ("samples per CPU-second", "least to most", "share of products"):
            table.add_column(column, justify="right")
        for contender in contenders:
            rates = result["samples_per_cpu_second"].get(contender.key)
            if not rates:
                table.add_row(contender.title, "no figure", "", "")
                continue
            share = result["share"].get(contender.key)
            between = f"{min(rates):,.0f} to {max(rates):,.0f}"
            table.add_row(contender.title, f"{median(rates):,.0f}", between, "" if share is None else f"{share:.3f}")
        console.print(table)
        show_errors(result["errors"], contenders, console)
        if result["members_cost"]:
            console.print(f"8 members cost {result['members_cost']:.2f} times the CPU-seconds of one.\n")
    for line in notes(contenders):
        console.print(line, style="dim")


def members_cost(result: dict[str, Any]) -> float | None:
    """CPU-seconds of eight members over those of one."""
    seconds = result["cpu_seconds"]
    if "ours" not in seconds or "members" not in seconds:
        return None
    return median(seconds["members"]) / median(seconds["ours"])


def notes(contenders: Sequence[Contender]) -> list[str]:
    """What is not the same for all."""
    lines = [f"{contender.title}: {contender.note}." for contender in contenders if contender.note]
    return [
        "",
        "A whole fit through the public face each time, what it sets up included; imports and one small fit before "
        "that are not timed. The code is linear unless said otherwise.",
        *lines,
    ]


def bars(results: list[dict[str, Any]], console: Console) -> list[dict[str, Any]]:
    """Print, for each bar, whether it was met and the figure: ratios of medians, and medians of ratios by round."""
    found = []
    places = {network.name: i for i, network in enumerate(NETWORKS)}
    titles = {contender.key: contender.title for contender in CONTENDERS}
    console.print("\nBars")
    for key, asked in BARS.items():
        for result in results:
            rates = result["samples_per_cpu_second"]
            bar = asked[places[result["network"]]]
            what = f"ours over {titles[key]}, {result['network']}"
            if key not in rates or "ours" not in rates:
                console.print(f"  not measured  {what}: >= {bar:g}", style="yellow")
                continue
            ratio = median(rates["ours"]) / median(rates[key])
            by_round = median([a / b for a, b in zip(rates["ours"], rates[key], strict=False)])
            met = ratio >= bar
            found.append({"bar": what, "asked": bar, "ratio": ratio, "by_round": by_round, "met": met})
            word, style = ("pass", "green") if met else ("FALLS SHORT", "red")
            figures = f"{ratio:.3f} (median of rounds {by_round:.3f}), asked >= {bar:g}"
            console.print(f"  {word:<13} {what}: {figures}", style=style, highlight=False)
    return found
