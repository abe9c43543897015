"""The device's matrix rate, that of a step's products alone, and what share of each a fit of a dense network reaches.

Large squares give what the device can do at best. The products of a step are smaller, and slower: a loop of nothing
but them, in a CUDA graph so that launching costs nothing, is the fair limit of a step at that batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
from engine_parts.jobs import median
from engine_parts.plain import Products
from gpu_parts.cases import Case
from gpu_parts.watch import first_line, seconds_of
from rich.console import Console
from rich.markup import escape
from rich.table import Table

#: How products are taken, and in which dtype and setting of torch's.
MODES: dict[str, tuple[torch.dtype, str]] = {
    "float32": (torch.float32, "highest"),
    "TF32": (torch.float32, "high"),
    "bf16": (torch.bfloat16, "highest"),
}
#: Steps that one graph holds.
STEPS = 20


def modes(device: str) -> list[str]:
    """Those that the device has."""
    return [mode for mode in MODES if mode != "TF32" or device != "cpu"]


@contextmanager
def _as(mode: str) -> Iterator[torch.dtype]:
    dtype, setting = MODES[mode]
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(setting)
    try:
        yield dtype
    finally:
        torch.set_float32_matmul_precision(before)


def matrix_rates(device: str, side: int, say: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """Operations a second of a product of two large square matrices, by mode."""
    found: dict[str, dict[str, Any]] = {}
    for mode in modes(device):
        say(f"matrix rate, {mode}")
        try:
            with _as(mode) as dtype:
                found[mode] = {"rate": 2 * side**3 / _square(side, dtype, device)}
        except Exception as error:
            found[mode] = {"rate": float("nan"), "error": first_line(error)}
    return found


def _square(side: int, dtype: torch.dtype, device: str) -> float:
    """Seconds of one product; of random numbers, since zeros take less power and run faster."""
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(a)
    return seconds_of(lambda: torch.mm(a, b, out=out), device)


class Graphed(Products):
    """The products of some steps, as many as a graph holds."""

    def steps(self) -> None:
        """As many as a graph holds."""
        for _ in range(STEPS):
            self.step()


def operations(sizes: Sequence[int]) -> int:
    """Multiplications and additions of a step's products, for one sample."""
    pairs = list(pairwise(sizes))
    return sum(6 * a * b for a, b in pairs) - 2 * pairs[0][0] * pairs[0][1]


def in_graph(work: Callable[[], None], device: str) -> Callable[[], None]:
    """The work as a CUDA graph; on the CPU as it is."""
    if device == "cpu":
        return work
    with torch.cuda.device(device):
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            # Libraries set themselves up at the first call, which a graph cannot hold.
            work()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            work()
    return graph.replay


def products(
    throughput: list[dict[str, Any]], cases: Sequence[Case], device: str, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Samples a second of the products alone, for each dense network, batch and mode."""
    networks = {case.name: case.network for case in cases if case.network is not None}
    found = []
    for result in throughput:
        network = networks.get(result["network"])
        if network is None:
            continue
        # A batch is never larger than the rows there are.
        batch = min(result["batch"], result["rows"])
        say(f"products alone, {network.name}, batch {batch:,}")
        for mode in modes(device):
            row: dict[str, Any] = {"network": network.name, "batch": result["batch"], "mode": mode}
            row["operations"] = operations(network.sizes)
            try:
                with _as(mode) as dtype:
                    work = Graphed(network.sizes, batch, dtype, device)
                    row["samples"] = STEPS * batch / seconds_of(in_graph(work.steps, device), device)
            except Exception as error:
                row |= {"samples": float("nan"), "error": first_line(error)}
            found.append(row)
    return found


def shares(
    throughput: list[dict[str, Any]], matrix: dict[str, dict[str, Any]], alone: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """What ours, the plain loop and the products alone reach of both limits, in their own precision."""
    found = []
    for row in alone:
        here = [r for r in throughput if (r["network"], r["batch"]) == (row["network"], row["batch"])]
        rated = [("products", row["samples"], float("nan"), row.get("error", ""))]
        for contender in (c for result in here for c in result["contenders"]):
            if contender["precision"] == row["mode"] and contender["key"] in ("ours", "plain"):
                epochs, whole = median(contender["epochs"]), median(contender["whole"])
                rated.append((contender["key"], epochs, whole, contender["error"]))
        for title, epochs, whole, error in rated:
            rate = matrix[row["mode"]]["rate"] / row["operations"]
            found.append(
                {
                    "network": row["network"],
                    "batch": row["batch"],
                    "mode": row["mode"],
                    "contender": title,
                    "error": error,
                    "rate": epochs * row["operations"],
                    "of_matrix": epochs / rate,
                    "of_products": epochs / row["samples"],
                    "whole_of_matrix": whole / rate,
                    "whole_of_products": whole / row["samples"],
                }
            )
    return found


def show(matrix: dict[str, dict[str, Any]], found: list[dict[str, Any]], side: int, console: Console) -> None:
    """Print both limits and the shares."""
    table = Table(title=f"Products of squares of {side}", title_justify="left")
    table.add_column("mode", min_width=12)
    table.add_column("TFLOP/s", justify="right", min_width=14)
    for mode, row in matrix.items():
        table.add_row(mode, escape(row.get("error") or f"{row['rate'] / 1e12:.4g}"))
    console.print(table, "")
    table = Table(title="What the products of a step reach within a fit", title_justify="left")
    for column in ("network", "batch", "mode", "contender"):
        table.add_column(column, justify="right" if column == "batch" else "left", no_wrap=True)
    for column in ("TFLOP/s", "of squares", "of products", "whole fit: of squares", "whole fit: of products"):
        table.add_column(column, justify="right")
    before = None
    for row in found:
        if before not in (None, (row["network"], row["batch"])):
            table.add_section()
        before = (row["network"], row["batch"])
        head = (row["network"], f"{row['batch']:,}", row["mode"], row["contender"])
        if row["error"]:
            # What went wrong in a fit stands in the table of the fits.
            table.add_row(*head, escape(row["error"]) if row["contender"] == "products" else "no figure")
            continue
        limits = ("of_matrix", "of_products", "whole_of_matrix", "whole_of_products")
        figures = [f"{row[name]:.3g}" if row[name] == row[name] else "" for name in limits]
        table.add_row(*head, f"{row['rate'] / 1e12:.3g}", *figures)
    console.print(table)
    for line in (
        "Epochs alone but for the last two columns; shares of the same mode. TF32: what float32 could reach where "
        "torch is allowed to round its products so.",
        "products: nothing but those of a step at that batch, into buffers that are there, many steps in a CUDA graph "
        "(none on the CPU).",
    ):
        console.print(line, style="dim")
