#!/usr/bin/env bash
# What Isthmus does on a GPU: correctness, speed beside other loops, share of the matrix rate. See gpu.py.
#
#     benchmarks/gpu.sh --json gpu.json        # on a machine with a GPU
#     PYTHON=python3.12 benchmarks/gpu.sh --quick
#     benchmarks/gpu.sh --device cpu --quick   # only to try the script out
#
# The Python is $PYTHON, else that of .venv, else python3. It needs PyTorch and what Isthmus imports; Isthmus itself
# need not be installed. Without a GPU it says so and exits with 0.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-}
if [ -z "$python" ]; then
    if [ -x "$root/.venv/bin/python" ]; then python=$root/.venv/bin/python; else python=python3; fi
fi
if ! command -v "$python" >/dev/null; then
    echo "There is no $python here. Name a Python that has PyTorch: PYTHON=/path/to/python $0" >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$python is $("$python" --version 2>&1); Isthmus needs Python 3.11 or later: PYTHON=/path/to/python $0" >&2
    exit 1
fi
# The source goes first, so that an Isthmus installed elsewhere is not measured in its place.
PYTHONPATH="$root/src${PYTHONPATH:+:$PYTHONPATH}" exec "$python" "$root/benchmarks/gpu.py" "$@"
