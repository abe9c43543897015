"""Files as a person has them, and models of them that are made once."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from cli_files import QUICK, write_people, write_photos

from isthmus.cli import main


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A folder with people.csv, new.csv, photos/, and a model of each: `model` and `photo-model`."""
    folder = tmp_path_factory.mktemp("made")
    write_people(folder / "people.csv")
    write_people(folder / "new.csv", n=25, seed=1)
    write_photos(folder / "photos")
    to = ["--latent-dim", "2", "--quiet", *QUICK]
    assert main(["fit", f"{folder}/people.csv", "--to", f"{folder}/model", "--drop", "name", *to]) == 0
    assert main(["fit", f"{folder}/photos", "--to", f"{folder}/photo-model", *to]) == 0
    return folder


@pytest.fixture
def command(capfd):
    """`command("info", path)`: run a command in this process; gives exit code, standard output and error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return code, out, err

    return run


@pytest.fixture
def refused(command):
    """`refused(3, "no file", "fit", ...)`: the exit code, and one paragraph on stderr with these words."""

    def check(code: int, words: str, *arguments: object) -> str:
        found, out, err = command(*arguments)
        assert found == code, err
        assert words in err
        assert "Traceback" not in err
        lines = [line for line in err.splitlines() if line.startswith("Error: ")]
        assert len(lines) == 1
        assert err.splitlines()[-1] == lines[0], "nothing follows the error"
        assert out == ""
        return lines[0]

    return check


@pytest.fixture
def standard_input(monkeypatch):
    """`standard_input(text)`: what the next command reads as "-"."""

    def give(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    return give
