"""The environment in which the peers are installed: made once in build/peers, kept, mended where something lacks.

torch comes first and at the version of constraints.txt: anything looser lets a peer draw in another build of it.
Each peer is installed by itself, so that one that cannot be had leaves the others be.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: What is installed for each peer; jax without a GPU's parts. pythae 0.1.2 takes the pydantic that is pinned.
PEERS = {
    "pyod": ("pyod",),
    "pythae": ("pythae",),
    "lightning": ("lightning",),
    "skorch": ("skorch",),
    "keras": ("keras",),
    "jax": ("jax",),
}
SHOWN = ("isthmus", "torch", "numpy", "scikit-learn", *PEERS)


@dataclass
class Environment:
    """A Python, and what is wrong with the peers that it lacks."""

    python: str
    #: Why a peer is not there, by its name.
    missing: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def versions(self) -> dict[str, str]:
        """Versions of what is compared."""
        code = (
            "import importlib.metadata as m, json, sys; have = {d.name.lower(): d.version for d in m.distributions()};"
            "print(json.dumps({n: have[n] for n in sys.argv[1:] if n in have}))"
        )
        done = subprocess.run([self.python, "-c", code, *SHOWN], capture_output=True, text=True, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else {}


def here() -> Environment:
    """The Python that runs this, with no peers."""
    return Environment(sys.executable, dict.fromkeys(PEERS, "give --peers"))


def with_peers(folder: Path, say: Callable[[str], None]) -> Environment:
    """Make the environment, or take it up as it is; peers that failed are tried again."""
    start = time.perf_counter()
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = folder / "installed.json"
    wanted = {"torch": _torch(), "constraints": _constraints().read_text(), "project": _needs()}
    if not python.exists():
        say(f"making {folder} (torch and the peers: minutes) ...")
        venv.create(folder, with_pip=True, clear=True)
    have = json.loads(stamp.read_text()) if stamp.exists() else {}
    if {name: have.get(name) for name in wanted} != wanted:
        have = {**wanted, "peers": {}}
        for needs in ([have["torch"]], ["-e", str(ROOT)]):
            why = _install(python, needs)
            if why:
                sys.exit(f"The environment in {folder} could not be made: {why}")
    missing: dict[str, str] = {}
    for name, needs in PEERS.items():
        if have["peers"].get(name) == list(needs):
            continue
        say(f"installing {' '.join(needs)} ...")
        why = _install(python, [have["torch"], *needs])
        if why:
            missing[name] = why
        else:
            have["peers"][name] = list(needs)
    stamp.write_text(json.dumps(have))
    return Environment(str(python), missing, time.perf_counter() - start)


def _constraints() -> Path:
    return ROOT / "constraints.txt"


def _torch() -> str:
    pinned = re.search(r"^torch==\S+$", _constraints().read_text(), re.MULTILINE)
    return pinned.group() if pinned else "torch"


def _needs() -> str:
    """What the package needs: where it changes, the environment is brought up to it."""
    found = re.search(r"^dependencies = \[.*?^\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL)
    return found.group() if found else ""


def _install(python: Path, needs: list[str]) -> str:
    """Install; gives why it could not be done, or nothing."""
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", str(_constraints())]
    done = subprocess.run([*pip, *needs], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")]
    return (errors or lines or [f"pip ended with {done.returncode}"])[-1][:200]
