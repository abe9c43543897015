"""Time to a loss: seconds until the held-out error is what plain PyTorch has after some epochs, within 2 %.

The networks are the same for all but "ours, default". The time that reading the loss takes counts for everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from engine_parts.contenders import CONTENDERS, Contender, Worker, rounds, show_errors
from engine_parts.environment import Environment
from engine_parts.jobs import BATCH, median, save_rows, standardised
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits

SETS = ("digits", "fashion-mnist", "cover", "shuttle", "musk")
HIDDEN, CODE = (64,), 16
#: Steps that plain PyTorch has for the loss that is to be reached, and bounds of its epochs.
STEPS, LEAST, MOST = 2000, 3, 60
WITHIN = 1.02
#: Others may take so many times the epochs.
PATIENCE = 2
DEFAULT = Contender("default", "ours, default", "own.ours_default")


def contenders_of(chosen: Sequence[Contender]) -> list[Contender]:
    """Those that can read a held-out loss, ours twice."""
    found = []
    for contender in chosen:
        if contender.key == "ours":
            found += [replace(contender, title="ours, same network", runs="own.ours_own_rate"), DEFAULT]
        elif contender.watches:
            found.append(contender)
    return found


def data_of(name: str, data: Path) -> np.ndarray:
    """All rows of a set: of ADBench's the normal ones, of Fashion-MNIST the training pictures."""
    if name == "digits":
        return load_digits().data
    if name == "fashion-mnist":
        from isthmus import read

        pictures = read(data / "fashion-mnist" / "train-images-idx3-ubyte.gz").values
        return np.asarray(pictures, np.float32).reshape(len(pictures), -1)
    with np.load(data / "adbench" / f"{name}.npz") as file:
        return file["X"][file["y"] == 0]


def missing(names: Sequence[str], data: Path) -> list[str]:
    """Folders that the sets need and that are not there."""
    folders = {"digits": None, "fashion-mnist": data / "fashion-mnist"}
    needed = {folders.get(name, data / "adbench") for name in names} - {None}
    return sorted(str(folder) for folder in needed if not folder.is_dir())


def measure(
    names: Sequence[str],
    contenders: Sequence[Contender],
    environment: Environment,
    repeats: int,
    data: Path,
    folder: Path,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Seconds of every contender on every set, round by round; infinite where the loss was not reached."""
    results = []
    plain = next(c for c in CONTENDERS if c.key == "plain")
    for name in names:
        train, held = standardised(data_of(name, data), 0)
        code = min(CODE, max(1, train.shape[1] // 4))
        epochs = int(np.clip(round(STEPS * BATCH / len(train)), LEAST, MOST))
        message = {
            "hidden": HIDDEN,
            "code": code,
            "train": save_rows(folder, f"{name}-train", train),
            "held": save_rows(folder, f"{name}-held", held),
        }
        reference = Worker(plain, environment, {**message, "epochs": epochs, "target": -1.0})
        answer = reference.go()
        reference.close()
        if not answer:
            say(f"{name}: plain PyTorch sets no target, so nobody has one: {reference.error}")
            continue
        target = WITHIN * answer["curve"][-1][0]
        say(f"{name}: {len(train):,} rows of {train.shape[1]}; plain PyTorch's {epochs} epochs set {target:.5f}")
        messages = {c.key: {**message, "epochs": _most(c, epochs), "target": target} for c in contenders}
        answers, errors = rounds(contenders, environment, messages, repeats, say)
        found = {key: [_reached(a["curve"], target) for a in given] for key, given in answers.items()}
        about = {"rows": len(train), "columns": train.shape[1], "code": code, "epochs": epochs, "target": target}
        results.append({"set": name, **about, "found": found, "errors": errors})
    return results


def _most(contender: Contender, epochs: int) -> int:
    """Ours lowers its rate towards its last epoch, so that it is told as many as plain PyTorch has."""
    return epochs if contender.key == "ours" else PATIENCE * epochs


def _reached(curve: list[list[float]], target: float) -> dict[str, float]:
    for epoch, (loss, cpu, wall) in enumerate(curve, start=1):
        if loss <= target:
            return {"epochs": epoch, "cpu": cpu, "wall": wall, "loss": loss}
    least = min((loss for loss, _, _ in curve), default=float("nan"))
    return {"epochs": len(curve), "cpu": float("inf"), "wall": float("inf"), "loss": least}


def show(results: list[dict[str, Any]], contenders: Sequence[Contender], console: Console) -> None:
    """Print a table for each set."""
    for result in results:
        title = (
            f"{result['set']}: {result['rows']:,} rows of {result['columns']}, code of {result['code']}; seconds to a "
            f"held-out error of {result['target']:.5f}"
        )
        table = Table(title=title, title_justify="left")
        table.add_column("contender")
        for column in ("CPU, s", "wall, s", "epochs", "error there"):
            table.add_column(column, justify="right")
        for contender in contenders:
            found = result["found"].get(contender.key)
            if not found:
                table.add_row(contender.title, "no figure", "", "", "")
                continue
            figures = {name: median([f[name] for f in found]) for name in found[0]}
            done = np.isfinite(figures["cpu"])
            cells = [f"{figures[name]:.2f}" if done else "not reached" for name in ("cpu", "wall")]
            table.add_row(contender.title, *cells, f"{figures['epochs']:.0f}", f"{figures['loss']:.5f}")
        console.print(table)
        show_errors(result["errors"], contenders, console)
    console.print(
        "Network columns-64-code-64-columns, Adam at 0.001 (ours at the rate that it chooses itself), batches of 256; "
        "the loss is read after every epoch, and that time counts. Others stop after "
        f"{PATIENCE} times plain PyTorch's epochs. Ours warms its rate up and "
        "lowers it towards the last epoch, and is told plain PyTorch's number of epochs. Ours, default: only the size "
        "of the code is given, so that network, rate, batch and epochs are its own, and it starts at PCA. PyOD and "
        "pythae have no way to stop, so that an exception ends their fits (without PyOD's scoring of training rows).",
        style="dim",
    )
