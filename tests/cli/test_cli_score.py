"""`isthmus score`: which rows of a file are strange, and why."""

import csv

import pytest

from isthmus import load


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr("isthmus.tasks.anomaly_parts.denoiser.STEPS", 30)


@pytest.fixture
def people(made, tmp_path):
    """The people, and one who is far too heavy."""
    file = tmp_path / "people.csv"
    file.write_text((made / "people.csv").read_text() + "Giant,40.0,1.700,900.00,1\n")
    return file


def test_scores_with_reasons_and_a_report(people, tmp_path, command):
    scores, report = tmp_path / "scores.csv", tmp_path / "report.html"
    code, printed, err = command(
        "score", people, "--drop", "name", "--explain", "-o", scores, "--report", report, "--random-state", "0"
    )
    assert code == 0, err
    rows = list(csv.DictReader(scores.open()))
    assert len(rows) == 61
    worst = max(rows, key=lambda row: float(row["score"]))
    assert worst["name"] == "Giant"
    assert worst["beyond_the_line"] == "true"
    assert worst["reasons"].startswith("weight = 900, expected ")
    page = report.read_text()
    assert "weight = 900" in page
    assert "Isolation forest" in page
    assert "no labels" in page
    assert str(scores) in printed.replace("\n", "")


def test_without_a_file_the_strangest_rows_are_printed(people, command):
    code, printed, err = command("score", people, "--drop", "name", "--random-state", "0")
    assert code == 0, err
    assert "weight = 900" in " ".join(printed.split())


def test_a_detector_of_clean_rows_is_saved_and_used(made, people, tmp_path, command):
    detector = tmp_path / "detector"
    assert command("score", made / "people.csv", "--drop", "name", "--novelty", "--save", detector)[0] == 0
    assert load(detector).novelty is True
    code, printed, err = command("score", people, "--model", detector, "-o", "-")
    assert code == 0, err
    rows = list(csv.DictReader(printed.splitlines()))
    assert max(rows, key=lambda row: float(row["score"])) == rows[-1]
    assert command("info", detector)[0] == 0


def test_what_does_not_go_together_is_refused(made, people, tmp_path, refused):
    refused(4, "`isthmus score` works with AnomalyDetector", "score", people, "--model", made / "model")
    refused(2, "leave --novelty", "score", people, "--model", made / "model", "--novelty")
    refused(2, ".csv", "score", people, "-o", tmp_path / "scores.npy")
