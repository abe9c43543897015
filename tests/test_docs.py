"""What the guide says of the command line and the estimator is so."""

from __future__ import annotations

import builtins
import inspect
import re
from pathlib import Path

import pytest
import typer

from isthmus import Autoencoder
from isthmus.cli.app import app
from isthmus.cli.errors import EXIT_CODES, INTERRUPTED, UNFORESEEN

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def shell_lines() -> list[str]:
    blocks = [block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)]
    blocks += [path.read_text() for path in (ROOT / "docs" / "snippets").glob("*.sh")]
    lines = [line for block in blocks for line in block.splitlines()]
    return sorted({line[line.index("isthmus ") :] for line in lines if re.search(r"(^|\| )isthmus ", line)})


@pytest.mark.parametrize("line", shell_lines())
def test_every_command_shown_is_understood(line):
    name, *words = line.split("  #")[0].split(" > ")[0].split()[1:]
    COMMANDS[name].make_context(name, words)


def test_the_guide_names_every_command_and_no_other():
    page = (ROOT / "docs" / "guide" / "command-line.md").read_text()
    assert set(re.findall(r"^\| `isthmus (\w+)", page, re.MULTILINE)) == set(COMMANDS)


def test_every_option_named_in_the_guide_exists():
    known = {option for command in COMMANDS.values() for p in command.params for option in (*p.opts, *p.secondary_opts)}
    page = (ROOT / "docs" / "guide" / "command-line.md").read_text()
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page)) <= known | {"--help"}


def test_exit_codes_are_those_of_the_code():
    page = (ROOT / "docs" / "guide" / "command-line.md").read_text()
    stated = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert stated == {0, UNFORESEEN, *EXIT_CODES.values(), INTERRUPTED}


def test_parameters_and_attributes_named_in_the_guide_exist():
    parameters = set(inspect.signature(Autoencoder).parameters)
    text = (ROOT / "docs" / "guide" / "parameters.md").read_text()
    for heading in re.findall(r"^## .*?: (.*)$", text, re.MULTILINE):
        assert set(re.findall(r"`(\w+)`", heading)) <= parameters
    documented = set(re.findall(r"^    (\w+_) :", inspect.getdoc(Autoencoder) or "", re.MULTILINE)) | set(
        re.findall(r"^(\w+_) :", inspect.getdoc(Autoencoder) or "", re.MULTILINE)
    )
    assert documented
    for page in PAGES:
        named = set(re.findall(r"\bae\.(\w+_)\b", page.read_text()))
        assert named <= documented, page.name


def test_every_python_block_is_valid():
    for page in PAGES:
        for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
            if "--8<--" not in block:
                compile(block, str(page), "exec")


def test_errors_named_in_the_guide_are_all_there_are():
    import isthmus.exceptions as errors

    page = (ROOT / "docs" / "guide" / "errors.md").read_text()
    there = {name for name in vars(errors) if name.endswith("Error")} - {"IsthmusError"}
    listed = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", page, re.MULTILINE))
    assert set(listed) == there
    for name, builtin in listed.items():
        assert issubclass(getattr(errors, name), getattr(builtins, builtin))


def test_snippets_are_drawn_in_by_a_mark_that_works():
    """A formatter may take the mark for Python and break it, without any warning of the documentation's build."""
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for line in page.read_text().splitlines():
            if re.match(r"-+\s*8", line):
                assert re.fullmatch(r'--8<-- "[^"]+"', line), f"{page.name}: {line}"
                assert (ROOT / line.split('"')[1]).is_file(), f"{page.name}: {line}"
