"""Whether the GPU gives what the CPU gives in float64: losses of fits from one seed, and codes of one model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from gpu_parts.cases import Case
from gpu_parts.watch import first_line, quiet
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from isthmus import load

#: Largest relative difference of the last epoch's training loss from that of float64 on the CPU. The same seed gives
#: the same start, and rounding alone is what grows from step to step; but the VAE draws its noise anew, since each
#: device and precision has a stream of its own, and cuDNN takes float32 products in TF32 unless told not to. On one CPU
#: the VAE's losses in float32 and float64 lie up to 5 % apart for that reason alone: its bound finds gross errors only.
LOSS_BOUNDS = {
    "dense": {"float32": 1e-3, "bf16": 3e-2},
    "conv": {"float32": 1e-1, "bf16": 1e-1},
    "gru": {"float32": 1e-2, "bf16": 5e-2},
}
#: Largest difference of a code, over the largest code.
CODE_BOUNDS = {"dense": 1e-4, "conv": 5e-3, "gru": 5e-3}
PRECISIONS = ("float32", "bf16", "auto")


def losses(cases: Iterable[Case], device: str, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Final training losses by case and precision, beside float64 on the CPU."""
    results = []
    for case in cases:
        n, epochs, batch = case.check
        say(f"correctness, {case.name}: {n:,} rows, {epochs} epochs, batch {batch}")
        true, why = float("nan"), ""
        try:
            true, _ = _fitted(case, device="cpu", precision="float64")
        except Exception as error:
            why = f"float64 on the CPU: {first_line(error)}"
        for precision in PRECISIONS:
            row = {"network": case.name, "precision": precision, "float64": true, "loss": float("nan"), "error": why}
            if not why:
                try:
                    row["loss"], used = _fitted(case, device=device, precision=precision)
                    row["used"] = used
                except Exception as error:
                    row["error"] = first_line(error)
            bounds = LOSS_BOUNDS[case.family]
            # What "auto" chose may be either; a float64 of somebody's choosing is held to the bound of float32.
            row["bound"] = bounds["bf16" if row.get("used", precision) == "bf16" else "float32"]
            row["noisy"] = case.family == "conv"
            row["relative"] = abs(row["loss"] - true) / max(abs(true), 1e-30)
            row["pass"] = not row["error"] and row["relative"] <= row["bound"]
            results.append(row)
    return results


def _fitted(case: Case, **params: str) -> tuple[float, str]:
    """Training loss of the last epoch, and the precision that was used."""
    n, epochs, batch = case.check
    with quiet():
        ae = case.estimator(max_epochs=epochs, batch_size=batch, **params).fit(case.rows(n))
    return float(ae.history_["train_loss"][-1]), str(ae.chosen_["precision"])


def codes(cases: Iterable[Case], device: str, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Codes of a model fitted on the CPU, as it gives them there and, saved and loaded, on the device."""
    results = []
    for case in cases:
        say(f"codes, {case.name}")
        row: dict[str, Any] = {"network": case.name, "error": "", "pass": False, "bound": CODE_BOUNDS[case.family]}
        try:
            n, _, batch = case.check
            X = case.rows(n)
            with quiet(), tempfile.TemporaryDirectory() as folder:
                ae = case.estimator(max_epochs=1, batch_size=batch, device="cpu", precision="float32").fit(X)
                ae.save(Path(folder) / "model")
                again = load(Path(folder) / "model", device=device, objective=case.params.get("objective"))
                here, there = ae.transform(X), again.transform(X)
            row["largest"] = float(np.abs(here).max())
            row["difference"] = float(np.abs(here - there).max())
            row["pass"] = row["difference"] <= row["bound"] * row["largest"]
        except Exception as error:
            row["error"] = first_line(error)
        results.append(row)
    return results


def show_losses(results: list[dict[str, Any]], console: Console) -> None:
    """Print the first table."""
    table = Table(title="Loss of the last epoch, the device beside float64 on the CPU", title_justify="left")
    table.add_column("network")
    table.add_column("precision")
    for column in ("CPU float64", "device", "relative difference", "bound"):
        table.add_column(column, justify="right")
    table.add_column("")
    for row in results:
        used = row.get("used", row["precision"])
        precision = row["precision"] if used == row["precision"] else f"{row['precision']} ({used})"
        if row["error"]:
            table.add_row(row["network"], precision, "", escape(row["error"]), "", "", _verdict(False))
            continue
        bound = f"{row['bound']:.0e}{'*' if row['noisy'] else ''}"
        figures = (f"{row['float64']:.6g}", f"{row['loss']:.6g}", f"{row['relative']:.1e}", bound)
        table.add_row(row["network"], precision, *figures, _verdict(row["pass"]))
    console.print("", table)
    if any(row["noisy"] for row in results):
        console.print(
            "* Looser: the noise of the VAE is drawn anew on each device, and in each precision.", style="dim"
        )


def show_codes(results: list[dict[str, Any]], console: Console) -> None:
    """Print the second table."""
    title = "Codes of a model fitted on the CPU in float32, saved, and loaded on the device"
    table = Table(title=title, title_justify="left")
    table.add_column("network")
    for column in ("largest code", "largest absolute difference", "bound (of the largest code)"):
        table.add_column(column, justify="right")
    table.add_column("")
    for row in results:
        if row["error"]:
            table.add_row(row["network"], "", escape(row["error"]), "", _verdict(False))
            continue
        figures = (f"{row['largest']:.3g}", f"{row['difference']:.1e}", f"{row['bound']:.0e}")
        table.add_row(row["network"], *figures, _verdict(row["pass"]))
    console.print("", table)
    console.print("cuDNN (convolutions, GRU) takes float32 products in TF32 by default: looser bounds.", style="dim")


def _verdict(good: bool) -> str:
    return "[green]pass[/green]" if good else "[red]FAILS[/red]"
