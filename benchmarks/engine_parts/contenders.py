"""Who takes part, and the processes in which they do: each its own, alive from the first round to the last."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine_parts.environment import Environment
from engine_parts.jobs import one_thread
from rich.console import Console


@dataclass(frozen=True)
class Contender:
    """One row of a table."""

    key: str
    title: str
    #: Module and function here.
    runs: str
    #: Peers that have to be installed.
    needs: tuple[str, ...] = ()
    backend: str = ""
    #: Whether it reads a held-out loss after each epoch.
    watches: bool = True
    #: What it does more or less than the others.
    note: str = ""


PRODUCTS = Contender("products", "matrix products alone", "plain.products", watches=False)
CONTENDERS = (
    PRODUCTS,
    Contender(
        "ours",
        "ours",
        "own.ours",
        note="sets up its PCA for the comparison, watches for losses that are not finite, keeps the best "
        "epoch's weights, and keeps codes of training rows for `sample`",
    ),
    Contender("members", "ours, 8 members", "own.ours_members", watches=False, note="rows count once for each member"),
    Contender("plain", "plain PyTorch: autograd, tensor slicing, fused Adam", "plain.plain"),
    Contender("loader", "PyTorch DataLoader loop", "plain.loader"),
    Contender("mlp", "scikit-learn MLPRegressor", "plain.mlp", note="a ReLU on the code too"),
    Contender(
        "pyod",
        "PyOD AutoEncoder",
        "peers.pyod",
        ("pyod",),
        note="a ReLU on the code too; skips the rows left over by whole batches (not counted); its fit ends with a "
        "score of every training row",
    ),
    Contender(
        "pythae",
        "pythae AE",
        "peers.pythae",
        ("pythae",),
        note="copies the model after every best epoch and writes the last to a folder",
    ),
    Contender("lightning", "Lightning Trainer", "peers.lightning", ("lightning",)),
    Contender("skorch", "skorch NeuralNetRegressor", "peers.skorch", ("skorch",)),
    Contender(
        "keras-torch",
        "Keras on torch",
        "peers.keras",
        ("keras",),
        "torch",
    ),
    Contender(
        "keras-jax",
        "Keras on JAX",
        "peers.keras",
        ("keras", "jax"),
        "jax",
        note="compiles in every fit, in threads of its own (counted)",
    ),
)


class Worker:
    """The process of a contender with its job, or why there is none."""

    def __init__(self, contender: Contender, environment: Environment, message: dict[str, Any]):
        self.contender = contender
        self.error = ""
        self._process: subprocess.Popen[str] | None = None
        lacks = [f"not installed: {environment.missing[n]}" for n in contender.needs if n in environment.missing]
        if lacks:
            self.error = lacks[0]
            return
        variables = one_thread()
        if contender.backend:
            variables["KERAS_BACKEND"] = contender.backend
        # Open for as long as the process lives: its last words are read when it fails.
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [environment.python, "-m", "engine_parts.worker"],
            cwd=Path(__file__).resolve().parents[1],
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._ask(json.dumps({"contender": contender.runs, **message}))

    def go(self) -> dict[str, Any]:
        """One whole fit; an empty answer where it failed."""
        return {} if self.error else self._ask("go")

    def _ask(self, line: str) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            text = process.stdout.readline()
        except BrokenPipeError:
            text = ""
        answer = json.loads(text) if text else {"error": self._last_words()}
        if "error" in answer:
            self.error = answer["error"].removeprefix("Missing: ")[:200]
            self.close()
            return {}
        return answer

    def _last_words(self) -> str:
        self._log.seek(0)
        return ([line for line in self._log.read().splitlines() if line.strip()] or ["its process ended"])[-1]

    def close(self) -> None:
        """End the process."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()
            self._process = None


def rounds(
    contenders: Iterable[Contender],
    environment: Environment,
    messages: Mapping[str, dict[str, Any]],
    repeats: int,
    say: Callable[[str], None],
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, str]]:
    """Fits of all contenders in turn, A B C A B C ...; the answers by contender, and why others gave none.

    `messages` holds the job of each.
    """
    workers = [Worker(contender, environment, messages[contender.key]) for contender in contenders]
    answers: dict[str, list[dict[str, Any]]] = {worker.contender.key: [] for worker in workers}
    try:
        for i in range(repeats):
            for worker in workers:
                answer = worker.go()
                if answer:
                    answers[worker.contender.key].append(answer)
                    say(f"  round {i + 1}, {worker.contender.title}: {answer['cpu']:.2f} CPU-seconds")
    finally:
        for worker in workers:
            worker.close()
    return answers, {worker.contender.key: worker.error for worker in workers if worker.error}


def show_errors(errors: dict[str, str], contenders: Iterable[Contender], console: Console) -> None:
    """Say under a table why some have no figures there."""
    for contender in contenders:
        if contender.key in errors:
            console.print(f"{contender.title}: {errors[contender.key]}", style="yellow", highlight=False, markup=False)
