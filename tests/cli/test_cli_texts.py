"""Texts on the command line: files of lines in, files of lines out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_files import write_lines
from pyarrow import parquet

from isthmus.cli import main

QUICK = ["--tokenizer", "words", "--latent-dim", "24", "--hidden", "32", "--batch-size", "8", "--random-state", "0"]


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> Path:
    """A folder with lines.txt, one.txt, other.txt, and a model of them that is good enough to be read."""
    folder = tmp_path_factory.mktemp("texts")
    write_lines(folder, 300)
    words = ["fit", f"{folder}/lines.txt", "--to", f"{folder}/model", "--report", f"{folder}/report.html"]
    assert main([*words, *QUICK, "--max-epochs", "15", "--quiet"]) == 0
    return folder


def test_a_round_trip(texts):
    """In a process of its own: lines to codes and back are the lines."""
    run = [sys.executable, "-m", "isthmus"]
    for words in (
        ["encode", "model", "lines.txt", "--to", "codes.parquet"],
        ["decode", "model", "codes.parquet", "--to", "decoded.txt"],
        ["reconstruct", "model", "lines.txt", "--to", "again.txt"],
    ):
        done = subprocess.run([*run, *words], cwd=texts, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    lines, again = ((texts / name).read_text().splitlines() for name in ("lines.txt", "again.txt"))
    assert len(again) == 300
    assert np.mean([a == b for a, b in zip(lines, again, strict=True)]) > 0.8
    assert (texts / "decoded.txt").read_text().splitlines() == again


def test_the_report_shows_originals_beside_reconstructions(texts):
    page = (texts / "report.html").read_text()
    assert "tokens right" in page
    assert "at the same code size" in page
    assert "From its code" in page
    assert "http" not in page.replace("http-equiv", "")


def test_lines_through_a_pipe(texts, command, standard_input):
    standard_input("red cat\nblue\n")
    code, out, _ = command("reconstruct", texts / "model", "-", "--to", "-")
    assert code == 0
    assert len(out.splitlines()) == 2


@pytest.mark.parametrize("ending", [".txt", ".jsonl", ".csv", ".parquet"])
def test_texts_in_every_format(texts, command, tmp_path, ending):
    to = tmp_path / f"made{ending}"
    assert command("sample", texts / "model", "-n", 4, "--random-state", 0, "--to", to)[0] == 0
    if ending == ".parquet":
        found = parquet.read_table(to)["text"].to_pylist()
    elif ending == ".jsonl":
        found = [json.loads(line) for line in to.read_text().splitlines()]
    else:
        found = to.read_text().splitlines()[ending == ".csv" :]
    assert len(found) == 4
    assert command("interpolate", texts / "model", texts / "one.txt", texts / "other.txt", "--to", to)[0] == 0


def test_events_come_back_as_lists(tmp_path, command):
    (tmp_path / "events.jsonl").write_text("".join(f"[{i % 3}, {i % 2 + 7}]\n" for i in range(40)))
    model, to = tmp_path / "model", tmp_path / "again.jsonl"
    words = ["--latent-dim", 8, "--max-epochs", 2, "--random-state", 0]
    assert command("fit", tmp_path / "events.jsonl", "--to", model, *words)[0] == 0
    assert command("reconstruct", model, tmp_path / "events.jsonl", "--to", to)[0] == 0
    assert all(isinstance(json.loads(line), list) for line in to.read_text().splitlines())


def test_comparison_and_refusals(texts, command, refused, tmp_path):
    model = texts / "model"
    _, out, _ = command("fit", texts / "lines.txt", "--to", tmp_path / "m", *QUICK, "--max-epochs", 1)
    assert "tokens right" in out
    assert "commonest token" in out
    refused(2, ".txt, .jsonl, .csv", "sample", model, "--to", tmp_path / "made.npy")
    refused(2, "tokenizer='letters'", "fit", texts / "lines.txt", "--to", tmp_path / "n", "--tokenizer", "letters")
    (tmp_path / "long.txt").write_text("red " * 500)
    refused(3, "nothing is cut", "encode", model, tmp_path / "long.txt", "--to", tmp_path / "codes.csv")
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    refused(2, "'a', 'b': name the one", "encode", model, tmp_path / "x.csv", "--to", tmp_path / "codes.csv")


@pytest.mark.parametrize("ending", [".txt", ".jsonl", ".csv"])
def test_texts_of_a_column_of_a_table(texts, command, tmp_path, ending):
    (tmp_path / "t.csv").write_text("id,q,text\n7,red cat,x\n8,blue dog,y\n")
    to = tmp_path / f"again{ending}"
    assert command("reconstruct", texts / "model", tmp_path / "t.csv", "--columns", "q", "--to", to)[0] == 0


def test_a_model_of_numbers_writes_no_texts(made, refused, tmp_path):
    refused(2, "file of texts", "sample", made / "model", "--to", tmp_path / "made.txt")
