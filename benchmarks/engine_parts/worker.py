"""The process of one contender: reads a job, then does one whole fit for every "go" and answers in lines of JSON.

    echo '{"contender": "plain", ...}' | python -m engine_parts.worker

The first line is the job; the answer comes when libraries are imported, rows are read and a small fit that nobody
times has been done (libraries import parts of themselves at the first step). Whatever a library prints goes to the
error stream, so that the answers stay clean.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any, TextIO

from engine_parts.jobs import ONE_THREAD, Job, Reached, Watch, job_from

#: Rows of the fit that is not timed.
SMALL = 1024


def contender_named(name: str) -> Callable[[Job], int]:
    """The function of a contender, "module.function" here; imports only what that module needs."""
    module, function = name.split(".")
    return getattr(import_module(f"engine_parts.{module}"), function)


def timed(fit: Callable[[Job], int], job: Job) -> dict[str, Any]:
    """One fit: seconds of CPU (of all threads of this process) and of the clock, rows, and what the watch saw."""
    gc.collect()
    watch = job.watch
    if watch is not None:
        watch.curve.clear()
        watch.begin()
    cpu, wall = time.process_time(), time.perf_counter()
    try:
        rows = fit(job)
    except Reached:
        rows = job.rows
    answer: dict[str, Any] = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall, "rows": rows}
    if watch is not None:
        answer["curve"] = list(watch.curve)
    return answer


def serve(read: TextIO, write: Callable[[dict[str, Any]], None]) -> None:
    """Answer until the other side closes."""
    message = json.loads(read.readline())
    try:
        import torch

        torch.set_num_threads(1)
        fit = contender_named(message["contender"])
        job = job_from(message)
        watch = None if job.watch is None else Watch(job.watch.held[:SMALL], -1.0)
        timed(fit, replace(job, X=job.X[:SMALL], epochs=1, watch=watch))
    except Exception as error:
        traceback.print_exc()
        write({"error": f"{type(error).__name__}: {error}"})
        return
    write({"ready": True})
    for line in read:
        if line.strip() != "go":
            break
        try:
            write(timed(fit, job))
        except Exception as error:
            traceback.print_exc()
            write({"error": f"{type(error).__name__}: {error}"})


def main() -> None:
    """Take the answers' stream for ourselves, then serve."""
    absent = [name for name, value in ONE_THREAD.items() if os.environ.get(name) != value]
    if absent:
        sys.exit(f"Set {', '.join(absent)} before Python starts: one thread is what is measured.")
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    serve(sys.stdin, lambda answer: print(json.dumps(answer), file=answers))


if __name__ == "__main__":
    main()
