"""Time on a device that works behind the program's back, and errors in a line."""

from __future__ import annotations

import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import torch


def wait_for(device: str) -> None:
    """Until the device has done all that it was given."""
    if device != "cpu":
        torch.cuda.synchronize(device)


def clock(device: str) -> float:
    """Seconds, once the device has done all that it was given."""
    wait_for(device)
    return time.perf_counter()


def seconds_of(work: Callable[[], object], device: str, least: float = 0.1) -> float:
    """Seconds of some work: the median of five timings, each of as many repetitions as take `least` seconds."""
    for _ in range(3):
        work()
    start = clock(device)
    work()
    times = max(1, min(1000, round(least / max(1e-9, clock(device) - start))))
    found = []
    for _ in range(5):
        start = clock(device)
        for _ in range(times):
            work()
        found.append((clock(device) - start) / times)
    return statistics.median(found)


def first_line(error: Exception) -> str:
    """What went wrong, in a line."""
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"[:160]


@contextmanager
def silent() -> Iterator[None]:
    """Keep what a library says off the screen: progress bars, mostly."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """Warnings are of no interest here: a few epochs have no time to converge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
