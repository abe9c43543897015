"""Sequences of unequal lengths on the command line."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from cli_files import QUICK

from isthmus.data import read


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sequences") / "recordings"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(30):
        t = np.arange(rng.integers(5, 12)) + rng.uniform(0, 6)
        lines = [f"{a:.4f},{b:.4f}" for a, b in zip(np.sin(t), np.cos(t), strict=True)]
        (folder / f"r{i:02}.csv").write_text("a,b\n" + "\n".join(lines) + "\n")
    return folder


def test_from_a_folder_to_sequences_and_back(recordings, command, tmp_path):
    model, report = tmp_path / "model", tmp_path / "report.html"
    assert command("fit", recordings, "--to", model, "--latent-dim", 3, "--report", report, *QUICK)[0] == 0
    assert "up to" in report.read_text()
    assert command("reconstruct", model, recordings, "--to", tmp_path / "back.npz")[0] == 0
    back = read(tmp_path / "back.npz")
    assert back.lengths.tolist() == read(recordings).lengths.tolist()
    assert command("encode", model, tmp_path / "back.npz", "--to", tmp_path / "codes.csv")[0] == 0
    assert len((tmp_path / "codes.csv").read_text().splitlines()) == 31
    assert command("reconstruct", model, recordings, "--to", tmp_path / "back.csv")[0] == 0
    with (tmp_path / "back.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == back.lengths.sum()
    assert lines[0].keys() == {"sequence", "step", "x0", "x1"}
    assert lines[0]["sequence"] == "r00.csv"
    assert command("sample", model, "-n", 4, "--to", tmp_path / "made.npz")[0] == 0
    assert len(read(tmp_path / "made.npz")) == 4


def test_gaps_of_a_recording_are_filled_and_judged(command, tmp_path):
    t = np.arange(300)
    values = np.sin(t / 4)
    lines = [
        f"2026-01-01 {i // 60:02}:{i % 60:02}:00,{'' if 100 <= i < 108 else f'{v:.5f}'}" for i, v in enumerate(values)
    ]
    (tmp_path / "s.csv").write_text("when,x\n" + "\n".join(lines) + "\n")
    fit = ("impute", tmp_path / "s.csv", "--window", "auto", "--max-epochs", 0, "--random-state", 0)
    code, out, err = command(*fit, "-o", tmp_path / "filled.csv", "--save", tmp_path / "m")
    assert code == 0, err
    assert "by straight lines" in out + err
    with (tmp_path / "filled.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["when"].startswith("2026-01-01")
    assert max(abs(float(rows[i]["x"]) - values[i]) for i in range(100, 108)) < 0.2
    again = ("impute", tmp_path / "s.csv", "--model", tmp_path / "m", "-o", tmp_path / "again.csv")
    assert command(*again)[0] == 0
    assert (tmp_path / "again.csv").read_text() == (tmp_path / "filled.csv").read_text()
