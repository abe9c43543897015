"""Rules of the house that no other tool checks."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import isthmus

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: DESIGN, section 7: licence, or an installation that fails.
NEVER = {
    *("sdv", "ctgan", "rdt", "compressai", "torchac", "bm3d", "hnswlib", "annoy", "pesq", "synthcity"),
    *("midaspy", "MIDASpy"),
}


def requirements() -> list[str]:
    extras = PROJECT["optional-dependencies"].values()
    return [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]


def imported(path) -> set[str]:
    """Top-level names of all packages that a file imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def ids(path) -> str:
    return str(path.relative_to(ROOT))


def test_the_version_stands_in_one_place():
    assert PROJECT["dynamic"] == ["version"]
    assert "version" not in PROJECT
    assert isthmus.__version__ == metadata.version("isthmus")
    stated = re.compile(r"__version__\s*=")
    assert [ids(path) for path in SOURCES if stated.search(path.read_text())] == ["src/isthmus/_version.py"]


def test_importing_isthmus_is_light():
    """A command that only prints its help should not wait for torch."""
    code = (
        "import sys, isthmus\n"
        "heavy = {'torch', 'sklearn', 'pandas', 'plotly'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "isthmus.Autoencoder\n"
        "assert 'torch' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_public_name_exists():
    for name in isthmus.__all__:
        assert getattr(isthmus, name) is not None
    assert set(isthmus.__all__) <= set(dir(isthmus))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = isthmus.no_such_name


def test_files_are_short():
    lines = {ids(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: n for name, n in lines.items() if n > 400} == {}, "split these"


def test_every_import_is_declared_and_allowed():
    declared = {re.split(r"[\s<>=!~;\[]", line)[0].lower() for line in requirements()}
    modules = {"sklearn": "scikit-learn", "PIL": "pillow", "mlflow": "mlflow-skinny", "faiss": "faiss-cpu"}
    for path in SOURCES:
        for name in imported(path) - set(sys.stdlib_module_names) - {"isthmus"}:
            assert name not in NEVER, f"{ids(path)} imports {name}, which DESIGN section 7 rules out"
            assert modules.get(name, name).lower() in declared, f"{ids(path)}: pyproject lacks {name}"


def test_no_requirement_is_capped():
    """People bring their own build of torch; constraints.txt locks what set-up and CI install."""
    capped = [line for line in requirements() if re.search(r"<|==|~=|!=", line.split(";")[0])]
    assert capped == []


def test_no_requirement_is_ruled_out():
    assert not {line for line in requirements() if re.split(r"[\s<>=\[]", line)[0].lower() in NEVER}


def test_library_code_does_not_print():
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                found.append(f"{ids(path)}:{node.lineno}")
    assert found == []


def test_constraints_lock_every_requirement():
    text = (ROOT / "constraints.txt").read_text()
    locked = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in locked), "only name==version"
    assert "torch==2.13.0" in locked
    names = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in locked}
    wanted = {re.sub(r"[-_.]+", "-", re.split(r"[\s<>=\[]", line)[0]).lower() for line in requirements()}
    assert wanted <= names


def test_commands_named_in_the_documents_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in ("README.md", "CONTRIBUTING.md"):
        named = set(re.findall(r"\bmake ([a-z-]+)\b(?=`|\s*#|\s*$|  )", (ROOT / page).read_text(), re.MULTILINE))
        assert named, f"{page} names no make target"
        assert named <= targets, f"{page} names {named - targets}"


def test_ci_runs_what_a_newcomer_runs():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    lines = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not line.startswith(("set ", "cd "))] == ["make test"]
