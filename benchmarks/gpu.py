"""What Isthmus does on a GPU: correctness, speed beside other loops, and its share of the device's matrix rate.

    benchmarks/gpu.sh                                    # all of it
    benchmarks/gpu.sh --quick --json gpu.json            # fewer rounds and epochs; all figures in a file
    benchmarks/gpu.sh --parts throughput --networks 3    # one part, one network
    benchmarks/gpu.sh --device cpu --quick               # tiny sizes on the CPU: only to try the script out

Correctness: fits from the same seed on the GPU and on the CPU in float64 end at the same loss, within a bound, and a
model fitted on the CPU gives the same codes on the GPU. Throughput: samples a second of whole fits, in turn, medians.
Share: what the matrix products of a step reach within a fit, over what they reach alone. Without a GPU it says so and
exits with 0; with one it exits with 1 where ours failed or a bound did not hold.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("correctness", "throughput", "share")
#: What Isthmus and the tables cannot do without; import names.
NEEDED = ("numpy", "scipy", "sklearn", "safetensors", "pyarrow", "narwhals", "rich")


def parsed() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="3 rounds in place of 5, a quarter of the epochs")
    parser.add_argument("--json", type=Path, help="write all figures there, after each table")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="share measures throughput too")
    parser.add_argument(
        *("--networks",),
        nargs="+",
        type=int,
        choices=range(1, 6),
        default=list(range(1, 6)),
        help="1 to 3: dense, small to large; 4: convolutional VAE; 5: GRU",
    )
    parser.add_argument("--batches", nargs="+", type=int, help="only these of the batch sizes")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, or cpu (tiny sizes, to try the script out)")
    return parser.parse_args()


def why_not(device: str) -> str:
    """What stands in the way of the device, in a sentence; empty where nothing does."""
    try:
        import torch
    except ImportError as error:
        sys.exit(f"PyTorch cannot be imported ({error}); name a Python that has it: PYTHON=/path/to/python")
    if device == "cpu":
        return ""
    built = f"torch {torch.__version__}, built for CUDA {torch.version.cuda or 'none'}"
    if not torch.cuda.is_available():
        return f"torch.cuda.is_available() is False; {built}, {torch.cuda.device_count()} devices"
    try:
        torch.zeros(1, device=device).add_(1).item()
    except Exception as error:
        return f"{device} cannot be used: {str(error).splitlines()[0]} ({built})"
    return ""


def asked(command: list[str]) -> str:
    """First line of what a command prints; empty where it is not there or fails."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return ""
    return (done.stdout.strip().splitlines() or [""])[0]


def about(device: str) -> dict[str, str]:
    """When, on what, and with what it is measured."""
    import torch

    # Only tracked files count: a file of figures beside them changes nothing.
    commit = asked(["git", "rev-parse", "--short", "HEAD"])
    changed = asked(["git", "status", "--porcelain", "--untracked-files=no"])
    facts = {"date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")}
    if device == "cpu":
        facts["device"] = "cpu, tiny sizes: only to try the script out, no figure here says anything"
    else:
        properties = torch.cuda.get_device_properties(device)
        facts["device"] = f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
        facts["cuda"] = str(torch.version.cuda)
        facts["cudnn"] = str(torch.backends.cudnn.version())
        facts["driver"] = asked(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]) or "unknown"
        cudnn = "on" if torch.backends.cudnn.allow_tf32 else "off"
        facts["float32 products"] = f"{torch.get_float32_matmul_precision()}; TF32 in cuDNN {cudnn}"
    facts["torch"] = torch.__version__
    facts["python"] = sys.version.split()[0]
    if commit:
        facts["commit"] = f"{commit}{' with changes' if changed else ''}"
    return facts


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; gives the exit status."""
    # Not before it is known that there is a GPU: a Python that has PyTorch alone gets as far as that.
    from engine_parts.jobs import finite
    from gpu_parts import correctness, rates, throughput
    from gpu_parts.cases import FULL, TINY
    from rich.console import Console

    console = Console(width=120)
    sizes = TINY if arguments.device == "cpu" else FULL
    chosen = [sizes.cases[i - 1] for i in arguments.networks]
    figures: dict[str, Any] = {"about": about(arguments.device)}
    start = time.perf_counter()

    def say(line: str) -> None:
        console.print(line, style="dim", highlight=False, markup=False)

    def keep() -> None:
        """After each table: a run that is cut off leaves what it has measured."""
        if arguments.json:
            arguments.json.write_text(json.dumps(finite(figures), indent=1, allow_nan=False), encoding="utf-8")

    for name, fact in figures["about"].items():
        console.print(f"{name}: {fact}", highlight=False, markup=False)
    good = True
    if "correctness" in arguments.parts:
        figures["correctness"] = correctness.losses(chosen, arguments.device, say)
        correctness.show_losses(figures["correctness"], console)
        keep()
        figures["codes"] = correctness.codes(chosen, arguments.device, say)
        correctness.show_codes(figures["codes"], console)
        keep()
        good = all(row["pass"] for row in figures["correctness"] + figures["codes"])
    if {"throughput", "share"} & set(arguments.parts):
        figures["throughput"] = []
        settings = sizes.settings(chosen, arguments.quick, arguments.batches)
        rounds = 3 if arguments.quick else 5
        for result in throughput.measure(settings, arguments.device, rounds, say):
            throughput.show(result, console)
            figures["throughput"].append(result)
            keep()
        throughput.show_notes(console)
        ours = [row for result in figures["throughput"] for row in result["contenders"] if row["key"] == "ours"]
        good = good and not any(row["error"] for row in ours)
    if "share" in arguments.parts:
        figures["matrix_rates"] = rates.matrix_rates(arguments.device, sizes.square, say)
        figures["products"] = rates.products(figures["throughput"], chosen, arguments.device, say)
        figures["shares"] = rates.shares(figures["throughput"], figures["matrix_rates"], figures["products"])
        rates.show(figures["matrix_rates"], figures["shares"], sizes.square, console)
        keep()
    console.print(f"{time.perf_counter() - start:.0f} s in all.", style="dim")
    return 0 if good else 1


def main() -> None:
    """Print what was asked for."""
    arguments = parsed()
    problem = why_not(arguments.device)
    if problem:
        print(f"No GPU here: {problem}.")
        return
    lacking = []
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except ImportError:
            lacking.append(name)
    if lacking:
        sys.exit(f"This Python lacks {', '.join(lacking)}, which Isthmus imports: {sys.executable} -m pip install ...")
    sys.exit(run(arguments))


if __name__ == "__main__":
    main()
