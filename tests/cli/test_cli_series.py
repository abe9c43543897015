"""`isthmus score` on recordings: a table by step, a page, labels, a model that is kept."""

import csv
import json

import pytest
from cli_files import write_series

from isthmus import load


@pytest.fixture
def series(tmp_path):
    return write_series(tmp_path / "series.csv")


def rows_of(text):
    return list(csv.DictReader(text))


def test_each_step_has_a_score_and_one_by_channel(series, tmp_path, command):
    scores, page = tmp_path / "scores.csv", tmp_path / "report.html"
    told = ("--drop", "label", "--labels", "label", "--random-state", "0")
    code, printed, err = command("score", series, "--window", "20", *told, "-o", scores, "--report", page)
    assert code == 0, err
    rows = rows_of(scores.open())
    assert len(rows) == 300
    assert {"score", "p_value", "beyond_the_line", "score_flow", "score_heat", "when", "label"} == set(rows[0])
    worst = max(rows, key=lambda row: float(row["score"]))
    assert worst["label"] == "1"
    assert worst["when"].startswith("2024-01-09")
    assert float(worst["score_heat"]) > float(worst["score_flow"])
    assert "PCA of windows" in printed
    assert "verage precision" in printed
    assert page.read_text().count("<polyline") == 4
    assert "time stamps" in err


def test_a_model_that_was_kept_scores_other_steps(series, tmp_path, command):
    model = tmp_path / "watcher"
    code, _, err = command("score", series, "--window", "auto", "--drop", "label", "--save", model, "--novelty")
    assert code == 0, err
    assert load(model).window_ == 20
    code, printed, err = command("score", series, "--model", model, "-o", "-")
    assert code == 0, err
    assert len(rows_of(printed.splitlines())) == 300
    code, printed, err = command("score", series, "--model", model)
    assert code == 0, err
    assert "without labels" in " ".join(printed.split())


def test_what_cannot_be_used_is_refused(series, tmp_path, refused):
    refused(2, "expected a whole number of steps", "score", series, "--window", "long")
    refused(2, "expected a whole number of steps", "score", series, "--window", "²")
    refused(2, "give --window", "score", series, "--drop", "label", "--labels", "label")
    refused(3, "too few to learn windows", "score", series, "--window", "299", "--drop", "label")
    text = series.read_text().replace(",0\n", ",usual\n").replace(",1\n", ",strange\n")
    words = tmp_path / "words.csv"
    words.write_text(text)
    refused(3, "words.csv holds categories", "score", words, "--window", "20")
    refused(2, "expected 1 or true", "score", words, "--window", "20", "--drop", "label", "--labels", "label")


def test_labels_of_one_sort_judge_nothing_and_the_scores_are_written(series, tmp_path, command):
    usual, scores = tmp_path / "usual.csv", tmp_path / "scores.csv"
    usual.write_text(series.read_text().replace(",1\n", ",0\n"))
    told = ("--drop", "label", "--labels", "label", "--random-state", "0")
    code, printed, err = command("score", usual, "--window", "20", *told, "-o", scores)
    assert code == 0, err
    assert len(rows_of(scores.open())) == 300
    assert "every step is usual" in " ".join(err.split())
    assert "without labels" in " ".join(printed.split())


def test_explain_is_refused_of_recordings(series, tmp_path, command, refused):
    refused(2, "--explain is for rows", "score", series, "--window", "20", "--drop", "label", "--explain")
    model = tmp_path / "watcher"
    command("score", series, "--window", "20", "--drop", "label", "--save", model)
    refused(2, "--explain is for rows", "score", series, "--model", model, "--explain")


def test_drop_and_columns_may_be_given_several_times(series, command):
    for asked, kept in (
        (("--drop", "label", "--drop", "flow"), {"when", "heat"}),
        (("--columns", "when", "--columns", "flow,heat"), {"when", "flow", "heat"}),
    ):
        code, printed, err = command("inspect", series, *asked)
        assert code == 0, err
        assert set(json.loads(printed)["columns"]) == kept
