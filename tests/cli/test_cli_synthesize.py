"""`isthmus synthesize`: rows made of a file, with columns given, a model kept, and a report."""

import pandas as pd
import pytest

from isthmus.cli import main
from mixed_frames import mixed


@pytest.fixture
def people(tmp_path):
    place = tmp_path / "people.csv"
    mixed(120).to_csv(place, index=False)
    return place


QUICK = ["--max-epochs", "2", "--random-state", "0", "--quiet"]


def test_rows_are_made_and_reported(people, tmp_path, capsys):
    to, report = tmp_path / "made.csv", tmp_path / "report.html"
    assert main(["synthesize", str(people), "-n", "30", "--to", str(to), "--report", str(report), *QUICK]) == 0
    made = pd.read_csv(to)
    assert list(made.columns) == list(mixed(2).columns)
    assert len(made) == 30
    assert "anonymous" in report.read_text()
    assert "made.csv" in capsys.readouterr().out


def test_a_kept_synthesizer_makes_rows_with_columns_given(people, tmp_path, capsys):
    model, to = str(tmp_path / "maker"), tmp_path / "made.parquet"
    assert main(["synthesize", str(people), "-n", "2", "--save", model, "--to", str(tmp_path / "a.csv"), *QUICK]) == 0
    asked = ["--condition", "class=gold", "--condition", "age=40", "--condition", "income="]
    capsys.readouterr()
    assert main(["synthesize", str(people), "-n", "20", "--model", model, "--to", str(to), *asked]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "rows did not repeat the conditions" in said  # it was hardly fitted
    made = pd.read_parquet(to)
    assert (made["class"] == "gold").all()
    assert (made["age"] == 40).all()
    assert made["income"].isna().all()
    report = ["--report", str(tmp_path / "report.html")]
    assert main(["synthesize", str(people), "--model", model, "--to", str(to), *report]) == 2
    assert "--report needs rows" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("condition", "code", "said"),
    [
        ("class", 2, "expected COLUMN=VALUE"),
        ("class=platinum", 3, "one of those seen in fit"),
        ("clas=gold", 3, "Did you mean 'class'"),
    ],
)
def test_conditions_that_cannot_be(people, tmp_path, capsys, condition, code, said):
    to = str(tmp_path / "made.csv")
    assert main(["synthesize", str(people), "--to", to, "--condition", condition, *QUICK]) == code
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_model_of_another_kind_is_refused(people, tmp_path, capsys):
    model = str(tmp_path / "model")
    assert main(["fit", str(people), "--to", model, *QUICK]) == 0
    assert main(["synthesize", str(people), "--model", model, "--to", str(tmp_path / "made.csv")]) == 4
    assert "of class Autoencoder" in " ".join(capsys.readouterr().err.split())
