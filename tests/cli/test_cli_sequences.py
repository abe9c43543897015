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
