"""Samples a second of whole fits: ours, a plain PyTorch loop of the same network, and other libraries' trainers."""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from engine_parts.jobs import median
from engine_parts.plain import dense
from gpu_parts import peers
from gpu_parts.cases import Case, Setting
from gpu_parts.watch import clock, first_line, quiet, silent
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from torch import Tensor, nn

#: Rows and epochs of a fit of the peers, at most: a DataLoader takes rows one by one, which the size does not change.
PEER_ROWS, PEER_EPOCHS = 32_768, 2


@dataclass
class Timing:
    """What one fit took: samples that passed through training, seconds of all of it, and of its epochs alone."""

    samples: int
    whole: float
    epochs: float | None = None


@dataclass(frozen=True)
class Contender:
    """One row of a table."""

    key: str
    title: str
    precision: str
    fit: Callable[[Setting, np.ndarray, int, str], Timing]
    #: Package that has to be there.
    needs: str = ""
    #: Only for dense networks, and on fewer rows.
    peer: bool = False


def _ours(precision: str) -> Callable[[Setting, np.ndarray, int, str], Timing]:
    def fit(setting: Setting, X: np.ndarray, epochs: int, device: str) -> Timing:
        how = {"max_epochs": epochs, "batch_size": setting.batch, "device": device, "precision": precision}
        ae = setting.case.estimator(**how)
        start = clock(device)
        ae.fit(X)
        whole = clock(device) - start
        seconds = ae.history_["seconds"]
        # The first record is the look at the starting point.
        return Timing(len(X) * epochs, whole, seconds[-1] - seconds[0])

    return fit


def _modules(case: Case, X: np.ndarray, device: str) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    """The network of the plain loop with its loss: dense ones written anew, all others ours, taken out of a fit."""
    mse = nn.functional.mse_loss
    if case.network is not None:
        network = dense(case.network.sizes, len(case.network.encoder)).to(device)
        return network, lambda x: mse(network(x), x)
    with quiet():
        fitted = case.estimator(max_epochs=0, batch_size=64, device=device, precision="float32").fit(X[:256])
    taken = copy.deepcopy(fitted.network_).train()
    objective = case.objective()
    for module in taken.modules():
        if isinstance(module, nn.RNNBase):
            # In one piece of memory of their own again, as cuDNN wants them.
            module.flatten_parameters()

    def loss(x: Tensor) -> Tensor:
        z, terms = objective.code(taken.encode(x))
        return sum(terms.values(), mse(taken.decode(z), x))

    return taken, loss


def _plain(precision: str) -> Callable[[Setting, np.ndarray, int, str], Timing]:
    """Rows on the device, batches by an index, eager autograd, the fused AdamW."""

    def fit(setting: Setting, X: np.ndarray, epochs: int, device: str) -> Timing:
        torch.manual_seed(0)
        # Not timed: where it is ours that is taken, making it costs a fit of ours.
        network, loss_of = _modules(setting.case, X, device)
        prepared = setting.case.prepared(X)
        start = clock(device)
        rows = torch.from_numpy(prepared).to(device)
        optimizer = torch.optim.AdamW(network.parameters(), lr=setting.case.rate, weight_decay=0.0, fused=True)
        half, kind = precision == "bf16", torch.device(device).type
        begun = clock(device)
        for _ in range(epochs):
            for index in torch.randperm(len(rows), device=device).split(setting.batch):
                x = rows[index]
                optimizer.zero_grad()
                with torch.autocast(kind, dtype=torch.bfloat16, enabled=half):
                    loss = loss_of(x)
                loss.backward()
                optimizer.step()
        end = clock(device)
        return Timing(len(rows) * epochs, end - start, end - begun)

    return fit


def _peer(name: str) -> Callable[[Setting, np.ndarray, int, str], Timing]:
    def fit(setting: Setting, X: np.ndarray, epochs: int, device: str) -> Timing:
        X, epochs = X[:PEER_ROWS], min(epochs, PEER_EPOCHS)
        network = setting.case.network
        assert network is not None
        start = clock(device)
        with silent():
            getattr(peers, name)(network, X, epochs, setting.batch, device)
        return Timing(len(X) * epochs, clock(device) - start)

    return fit


CONTENDERS = (
    Contender("ours", "ours", "float32", _ours("float32")),
    Contender("ours", "ours", "bf16", _ours("bf16")),
    Contender("plain", "plain PyTorch", "float32", _plain("float32")),
    Contender("plain", "plain PyTorch", "bf16", _plain("bf16")),
    Contender("pythae", "pythae AE", "float32", _peer("pythae"), "pythae", True),
    Contender("lightning", "Lightning Trainer", "float32", _peer("lightning"), "lightning", True),
)


def measure(
    settings: Sequence[Setting], device: str, rounds: int, say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """One result a setting: fits in turn, A B C A B C ..., after one of each that is not timed."""
    for setting in settings:
        case = setting.case
        say(f"throughput, {case.name}, batch {setting.batch:,}: {setting.rows:,} rows, {setting.epochs} epochs")
        contenders = [c for c in CONTENDERS if case.network is not None or not c.peer]
        found: list[list[Timing]] = [[] for _ in contenders]
        errors = ["not installed" if c.needs and find_spec(c.needs) is None else "" for c in contenders]
        X = np.empty(0)
        try:
            X = case.rows(setting.rows)
        except Exception as error:
            errors = [first_line(error)] * len(contenders)
        for i in range(rounds + 1):
            for j, contender in enumerate(contenders):
                if errors[j]:
                    continue
                gc.collect()
                try:
                    with quiet():
                        timing = contender.fit(setting, X, setting.epochs if i else 1, device)
                    if i:
                        found[j].append(timing)
                except Exception as error:
                    errors[j] = first_line(error)
        yield {
            "network": case.name,
            "batch": setting.batch,
            "rows": setting.rows,
            "epochs": setting.epochs,
            "contenders": [
                {
                    "key": contender.key,
                    "title": contender.title,
                    "precision": contender.precision,
                    "error": error,
                    "whole": [t.samples / t.whole for t in timings],
                    "epochs": [t.samples / t.epochs for t in timings if t.epochs],
                    "seconds": [t.whole for t in timings],
                }
                for contender, timings, error in zip(contenders, found, errors, strict=True)
            ],
        }


def show(result: dict[str, Any], console: Console) -> None:
    """Print the table of one setting."""
    title = f"{result['network']}, batch {result['batch']:,}: {result['rows']:,} rows, {result['epochs']} epochs"
    table = Table(title=title, title_justify="left")
    table.add_column("contender")
    table.add_column("precision")
    for column in ("samples/s, whole fits", "least to most", "epochs alone", "times plain float32"):
        table.add_column(column, justify="right")
    rows = result["contenders"]
    base = next((median(r["whole"]) for r in rows if (r["key"], r["precision"]) == ("plain", "float32")), float("nan"))
    for row in rows:
        if row["error"]:
            table.add_row(row["title"], row["precision"], escape(row["error"]))
            continue
        table.add_row(
            row["title"],
            row["precision"],
            f"{median(row['whole']):,.0f}",
            f"{min(row['whole']):,.0f} to {max(row['whole']):,.0f}",
            f"{median(row['epochs']):,.0f}" if row["epochs"] else "",
            f"{median(row['whole']) / base:.2f}" if base == base else "",
        )
    console.print(table, "")


def show_notes(console: Console) -> None:
    """What is not the same for all."""
    for line in (
        "Medians; fits in turn; one fit of one epoch before that is not timed. Rows begin in the host's memory.",
        "ours: checks the rows, sets up its PCA for the comparison, clips gradients, warms its rate up and lets it "
        "fall, watches for losses that are not finite, keeps the best epoch's weights, and keeps codes of training "
        "rows; its epochs alone are by its own record.",
        "plain PyTorch: eager autograd, fused AdamW, rows copied to the device once; making the network is not timed. "
        "bf16 is autocast, as ours.",
        f"pythae, Lightning: their own loops over a DataLoader of at most {PEER_ROWS:,} rows, {PEER_EPOCHS} epochs at "
        "most, with all that can be switched off switched off; float32.",
    ):
        console.print(line, style="dim", highlight=False)
