"""The engine: what a fit costs, ours beside a loop of matrix products alone, plain PyTorch, and other libraries.

    python benchmarks/engine.py                              # shares of three networks, and whether the bars are met
    python benchmarks/engine.py --peers                      # with PyOD, pythae, Lightning, skorch and Keras
    python benchmarks/engine.py --time-to-loss --peers       # seconds to a held-out error, five sets
    python benchmarks/engine.py --growth                     # by rows and by columns, plots into docs/performance
    python benchmarks/engine.py --networks 1 --repeats 1 --contenders products ours plain

Shares: samples per CPU-second on one thread, over those of a loop that does only the matrix products of the step
(forward, weight gradients, input gradients but the first layer's) into buffers that are there already. Each contender
has a process of its own, and does one whole fit in each round, in turn; medians of the rounds are shown. Rows are made
up: of low rank, bent, with noise.

--peers makes an environment in build/peers once, and keeps it.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from engine_parts import growth, reaching, shares
from engine_parts.contenders import CONTENDERS, Contender
from engine_parts.environment import ROOT, Environment, here, with_peers
from engine_parts.jobs import NETWORKS, finite
from rich.console import Console


def parsed() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    keys = [contender.key for contender in CONTENDERS]
    parser.add_argument("--peers", action="store_true", help="compare with other libraries, in build/peers")
    parser.add_argument("--peers-folder", type=Path, default=ROOT / "build" / "peers", help=argparse.SUPPRESS)
    parser.add_argument("--time-to-loss", action="store_true", help="seconds to a held-out error, in place of shares")
    parser.add_argument("--growth", action="store_true", help="cost by rows and columns, in place of shares")
    numbers = range(1, len(NETWORKS) + 1)
    names = ", ".join(f"{i}: {network.name}" for i, network in enumerate(NETWORKS, start=1))
    parser.add_argument("--networks", nargs="*", type=int, choices=numbers, default=list(numbers), help=names)
    fixed = ", ".join(str(network.epochs) for network in NETWORKS)
    parser.add_argument("--epochs", nargs="*", type=int, help=f"of a fit, one figure a network in place of {fixed}")
    parser.add_argument("--repeats", type=int, help="rounds: 5, but 3 for the other two tables")
    parser.add_argument("--contenders", nargs="*", choices=keys, default=keys, metavar="NAME", help=", ".join(keys))
    parser.add_argument("--sets", nargs="*", choices=reaching.SETS, default=list(reaching.SETS), metavar="NAME")
    parser.add_argument("--largest", type=int, default=1_000_000, help="leave out sizes above it, for --growth")
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--plots", type=Path, default=ROOT / "docs" / "performance", help="where --growth draws")
    parser.add_argument("--json", type=Path, help="write all figures there")
    arguments = parser.parse_args()
    if arguments.epochs and len(arguments.epochs) != len(arguments.networks):
        parser.error("--epochs takes one figure for each network")
    missing = reaching.missing(arguments.sets, arguments.data) if arguments.time_to_loss else []
    if missing:
        parser.exit(2, f"No data in {' and '.join(missing)}: say where they are, --data FOLDER.\n")
    return arguments


def chosen(arguments: argparse.Namespace) -> list[Contender]:
    """Contenders asked for; peers only where there is an environment for them."""
    return [c for c in CONTENDERS if c.key in arguments.contenders and (arguments.peers or not c.needs)]


def measured(arguments: argparse.Namespace, environment: Environment, folder: Path, console: Console) -> dict[str, Any]:
    """The tables asked for, printed; all figures."""
    contenders = chosen(arguments)
    figures: dict[str, Any] = {}

    def say(line: str) -> None:
        console.print(line, style="dim", highlight=False)

    if arguments.time_to_loss:
        able = reaching.contenders_of(contenders)
        repeats = arguments.repeats or 3
        found = reaching.measure(arguments.sets, able, environment, repeats, arguments.data, folder, say)
        figures["time_to_loss"] = found
        reaching.show(found, able, console)
    if arguments.growth:
        sizes = {
            name: [size for size in all_sizes if size <= arguments.largest]
            for name, all_sizes in (("rows", growth.ROWS), ("columns", growth.COLUMNS))
        }
        grown = growth.measure(environment, arguments.repeats or 3, folder, say, **sizes)
        figures["growth"] = grown
        growth.show(grown, console)
        for path in growth.plot(grown, arguments.plots):
            console.print(f"wrote {path}")
    if not (arguments.time_to_loss or arguments.growth):
        networks = [NETWORKS[i - 1] for i in arguments.networks]
        epochs = arguments.epochs or [network.epochs for network in networks]
        pairs = list(zip(networks, epochs, strict=True))
        results = shares.measure(pairs, contenders, environment, arguments.repeats or 5, folder, say)
        shares.show(results, contenders, console)
        figures["shares"] = results
        figures["bars"] = shares.bars(results, console)
    return figures


def main() -> None:
    """Print what was asked for."""
    arguments = parsed()
    console = Console(width=120)
    environment = with_peers(arguments.peers_folder, console.print) if arguments.peers else here()
    if arguments.peers:
        console.print(f"The peers' environment: {environment.seconds:.0f} s to make or to look at.")
    versions = environment.versions()
    console.print(", ".join(f"{name} {version}" for name, version in versions.items()), highlight=False)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        figures = measured(arguments, environment, Path(folder), console)
    busy = ", ".join(f"{load:.1f}" for load in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    console.print(f"{time.perf_counter() - start:.0f} s in all; load averages at the end: {busy}.", style="dim")
    if arguments.json:
        text = json.dumps(finite({"versions": versions, **figures}), indent=1, allow_nan=False)
        arguments.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
