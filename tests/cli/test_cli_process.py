"""What only a real process shows: Ctrl-C, a pipe that closes, the examples of the help."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import typer
from cli_files import write_lines, write_mending, write_people, write_photos, write_ratings, write_series, write_sounds

import isthmus
from isthmus.cli import main
from isthmus.cli.app import app

ISTHMUS = [sys.executable, "-m", "isthmus"]


def test_ctrl_c_saves_the_best_model_so_far(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.normal(size=(400, 6)))
    words = [
        "fit",
        "x.npy",
        "--to",
        "m",
        "--latent-dim",
        "2",
        "--max-epochs",
        "1000000",
        "--patience",
        "none",
    ]
    fit = subprocess.Popen([*ISTHMUS, *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert fit.stderr is not None
    assert "Ctrl-C" in fit.stderr.readline(), "it has begun"
    time.sleep(4)
    fit.send_signal(signal.SIGINT)
    _, err = fit.communicate(timeout=60)
    assert fit.returncode == 130, err
    assert "Traceback" not in err
    assert "is saved in m" in err
    model = isthmus.load(tmp_path / "m")
    assert model.stopped_ == "interrupted"
    assert model.transform(np.load(tmp_path / "x.npy")).shape == (400, 2)


@pytest.mark.skipif(os.name == "nt", reason="pipes close otherwise there")
def test_a_reader_that_has_seen_enough_is_no_error(made):
    words = ["sample", str(made / "model"), "-n", "200000", "--to", "-"]
    sample = subprocess.Popen([*ISTHMUS, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert sample.stdout is not None
    assert sample.stderr is not None
    assert sample.stdout.readline() == b"age,height,weight,children\n"
    sample.stdout.close()
    err = sample.stderr.read().decode()
    assert sample.wait() == 1
    assert err == ""


FULL = """
import resource, sys
from isthmus.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name == "nt", reason="there are no such limits on Windows")
@pytest.mark.parametrize("words", [["info", "model"], ["sample", "model", "-n", "500", "--to", "-"]])
def test_standard_output_on_a_full_disk(made, tmp_path, words):
    with open(tmp_path / "out.txt", "wb") as file:
        done = subprocess.run(
            [sys.executable, "-c", FULL, *words], cwd=made, stdout=file, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 4, done.stderr
    assert done.stderr.startswith("Error: Cannot write the result")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes on Windows")
def test_a_named_pipe_as_destination(made, tmp_path):
    pipe, got = tmp_path / "rows.csv", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()), daemon=True)
    reader.start()
    assert main(["sample", str(made / "model"), "-n", "5", "--to", str(pipe)]) == 0
    reader.join(20)
    assert pipe.is_fifo()
    assert len(got[0].splitlines()) == 6


def examples() -> list[str]:
    """Give every command line that the help shows, in the order of the commands."""
    commands = typer.main.get_command(app).commands.values()  # type: ignore[attr-defined]
    return [line[2:] for c in commands for line in (c.epilog or "").split("\n\n") if line.startswith("$ ")]


def test_every_example_of_the_help_works(made, tmp_path, monkeypatch, standard_input):
    """In a folder with the files that they name; the fits are cut short."""
    write_people(tmp_path / "people.csv")
    shutil.copy(made / "new.csv", tmp_path / "new.csv")
    write_photos(tmp_path / "photos", side=16)
    (tmp_path / "photos" / "others").mkdir()  # a second subfolder: labels of two classes
    for path in sorted((tmp_path / "photos").glob("*.png"))[:8]:
        shutil.copy(path, path.parent / "others" / path.name)
    write_mending(tmp_path)
    write_lines(tmp_path)
    write_sounds(tmp_path)
    write_series(tmp_path / "series.csv")
    write_ratings(tmp_path)
    monkeypatch.chdir(tmp_path)
    to = ["--latent-dim", "2", "--max-epochs", "1", "-q"]
    assert main(["fit", "photos", "--to", "photo-model", *to]) == 0
    assert main(["encode", "photo-model", "photos", "--to", "photo-codes.csv"]) == 0
    shown = examples()
    assert len(shown) >= 18
    for line in shown:
        if line.startswith("isthmus demo"):
            continue  # has a test of its own
        piped = re.match(r"cat (\S+) \| (.*)", line)
        if piped:
            standard_input((tmp_path / piped[1]).read_text())
        words = shlex.split((piped[2] if piped else line).split(" > ")[0])[1:]
        if words[0] == "fit":
            shutil.rmtree(words[words.index("--to") + 1], ignore_errors=True)
            words += to
        if words[0] in ("impute", "synthesize") and "--model" not in words:
            words += ["--max-epochs", "1"]
        if words[0] in ("denoise", "fill") and "--model" not in words:
            words += ["--max-steps", "2"]
        if words[0] == "evaluate" and not (tmp_path / "model" / "config.json").exists():
            pytest.fail("the examples of fit leave a model")
        assert main(words) == 0, line
        # The model that the other examples use is that of people.csv.
        if words[0] == "fit" and "--to model" in line and "condition" not in line:
            shutil.rmtree("model")
            shutil.copytree(made / "model", "model")
        if words[:1] == ["encode"] and "codes.csv" in words:
            assert (tmp_path / "codes.csv").exists()
