"""Growth: what a fit of ours costs by rows and by columns, with a plot of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine_parts.contenders import Contender, rounds
from engine_parts.environment import Environment
from engine_parts.jobs import made_up, median, save_rows
from engine_parts.plot import log_log, slope
from rich.console import Console
from rich.table import Table

GROWING = Contender("growing", "ours", "own.ours_growing", watches=False)
HIDDEN, CODE, EPOCHS = (64,), 8, 5
ROWS, COLUMNS = (1_000, 10_000, 100_000, 1_000_000), (10, 100, 1_000, 10_000)
#: What stays the same while the other grows.
COLUMNS_FIXED, ROWS_FIXED = 30, 2_000
RANK = 8


def measure(
    environment: Environment,
    repeats: int,
    folder: Path,
    say: Callable[[str], None],
    rows: Sequence[int] = ROWS,
    columns: Sequence[int] = COLUMNS,
) -> dict[str, Any]:
    """CPU-seconds of fits by rows and by columns."""
    sizes = {"rows": [(n, COLUMNS_FIXED) for n in rows], "columns": [(ROWS_FIXED, d) for d in columns]}
    found: dict[str, Any] = {}
    for along, shapes in sizes.items():
        points = []
        for n, d in shapes:
            say(f"growth: {n:,} rows of {d:,}")
            X = save_rows(folder, f"growth-{n}-{d}", made_up(n, d, rank=RANK))
            message = {"hidden": HIDDEN, "code": min(CODE, d - 1), "epochs": EPOCHS, "train": X}
            answers, errors = rounds([GROWING], environment, {GROWING.key: message}, repeats, say)
            if errors:
                say(f"  failed: {errors}")
                continue
            seconds = median([answer["cpu"] for answer in answers[GROWING.key]])
            points.append({"rows": n, "columns": d, "cpu_seconds": seconds, "per_epoch_row": seconds / EPOCHS / n})
        pairs = [(point[along], point["cpu_seconds"]) for point in points]
        steep = slope(pairs) if len(pairs) > 1 else float("nan")
        # The start of a fit costs the same however small it is; the last step tells how large ones grow.
        last = slope(pairs[-2:]) if len(pairs) > 1 else float("nan")
        found[along] = {"points": points, "slope": steep, "slope_of_last": last}
    return found


def show(found: dict[str, Any], console: Console) -> None:
    """Print both tables."""
    for along, fixed in (("rows", f"{COLUMNS_FIXED} columns"), ("columns", f"{ROWS_FIXED:,} rows")):
        result = found[along]
        table = Table(title=f"A fit of ours by {along}: {fixed}, {EPOCHS} epochs, one thread", title_justify="left")
        for column in (along, "fit, CPU-seconds", "a row and epoch, CPU-microseconds"):
            table.add_column(column, justify="right")
        for point in result["points"]:
            table.add_row(f"{point[along]:,}", f"{point['cpu_seconds']:.3f}", f"{1e6 * point['per_epoch_row']:.2f}")
        console.print(table)
        console.print(f"Log-log slope {result['slope']:.2f}; between the two largest {result['slope_of_last']:.2f}.\n")
    console.print(
        f"Hidden layers {HIDDEN}, code of {CODE}, batches of 256; all else at its default, so that scaling, PCA as the "
        "start, a tenth of the rows held out and the comparison with PCA are in it.",
        style="dim",
    )


def plot(found: dict[str, Any], folder: Path) -> list[Path]:
    """Write a picture of each."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {
        "growth-rows.svg": ("rows", f"A fit by rows ({COLUMNS_FIXED} columns, {EPOCHS} epochs)", "rows"),
        "growth-width.svg": ("columns", f"A fit by width ({ROWS_FIXED:,} rows, {EPOCHS} epochs)", "columns"),
    }
    written = []
    for name, (along, title, across) in pictures.items():
        points = [(float(point[along]), point["cpu_seconds"]) for point in found[along]["points"]]
        if len(points) > 1:
            (folder / name).write_text(log_log(points, title, across, "CPU-seconds of one core"), encoding="utf-8")
            written.append(folder / name)
    return written
