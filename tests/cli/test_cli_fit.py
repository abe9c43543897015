"""`fit`, `demo`, and looking at a model."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
from cli_files import QUICK, write_people

import isthmus
from isthmus.cli import fitting
from isthmus.cli.reading import hold_out
from isthmus.data import as_raw


def test_fit_prints_the_table_the_verdict_and_where_things_lie(made, command, tmp_path):
    report, model = tmp_path / "report.html", tmp_path / "m"
    code, out, err = command(
        *("fit", made / "people.csv", "--to", model, "--drop", "name", "--latent-dim", 2, *QUICK),
        *("--report", report, "--color", "name"),
    )
    assert code == 0, err
    assert "Fitting on 48 rows" in err
    assert "12 more are held out" in err
    for words in ("Beside PCA", "12 held-out rows", "Isthmus", "PCA", "ratio", "share of variance"):
        assert words in out
    sentences = [line for line in out.splitlines() if line.startswith("On 12 held-out rows, ")]
    assert len(sentences) == 1
    assert f"Model   {model}" in out
    assert f"Report  {report}" in out
    assert "plotly" in report.read_text(encoding="utf-8").lower()
    fitted = isthmus.load(model)
    assert fitted.latent_dim_ == 2
    assert fitted.n_rows_ == 48
    assert list(fitted.feature_names_in_) == ["age", "height", "weight", "children"]


def test_quiet_prints_nothing(made, command, tmp_path):
    code, out, err = command("fit", made / "new.csv", "--to", tmp_path / "m", "--drop", "name", "-q", *QUICK)
    assert (code, out, err) == (0, "", "")


def test_without_a_seed_the_same_rows_are_held_out():
    raw = as_raw(np.arange(200.0).reshape(100, 2))
    first, second = hold_out(raw, 0.2, None), hold_out(raw, 0.2, None)
    assert first[1] is not None
    assert second[1] is not None
    assert len(first[1]) == 20
    assert (first[1].values == second[1].values).all()
    both = np.concatenate([first[0].values, first[1].values])
    assert sorted(both[:, 0]) == sorted(raw.values[:, 0]), "every row is in one of the two"
    other = hold_out(raw, 0.2, 7)[1]
    assert other is not None
    assert (other.values != first[1].values).any()


def test_nothing_held_out_is_said(made, command, tmp_path):
    code, out, _ = command(
        *("fit", made / "people.csv", "--to", tmp_path / "m", "--drop", "name", *QUICK),
        *("--test-fraction", 0, "--validation-fraction", 0),
    )
    assert code == 0
    assert "On 60 training rows, " in out
    assert isthmus.load(tmp_path / "m").n_rows_ == 60


def test_the_rows_that_chose_the_epoch_are_named_as_such(made, command, tmp_path):
    code, out, _ = command(
        "fit", made / "people.csv", "--to", tmp_path / "m", "--drop", "name", *QUICK, "--test-fraction", 0
    )
    assert code == 0
    assert "On 6 validation rows, " in out


def test_validation_rows_come_from_a_file(made, command, tmp_path):
    code, _, err = command(
        *("fit", made / "people.csv", "--to", tmp_path / "m", "--drop", "name", *QUICK),
        *("--validation", made / "new.csv"),
    )
    assert code == 0, err
    fitted = isthmus.load(tmp_path / "m")
    assert fitted.validation_rows_ is None
    assert fitted.comparison_["split"] == "validation"
    assert fitted.comparison_["rows"] == 25


def test_columns_choose_and_a_seed_repeats(made, command, tmp_path):
    fit = ("fit", made / "people.csv", "--columns", "weight,age", "-q", *QUICK)
    for name in ("a", "b"):
        assert command(*fit, "--to", tmp_path / name)[0] == 0
    a, b = (isthmus.load(tmp_path / name) for name in ("a", "b"))
    assert list(a.feature_names_in_) == ["weight", "age"]
    rows = isthmus.read(made / "new.csv", columns=["weight", "age"])
    assert (a.transform(rows) == b.transform(rows)).all()


def test_pictures_are_resized(made, command, tmp_path):
    code, _, err = command(
        "fit", made / "photos", "--to", tmp_path / "m", "--size", "9x10", "--latent-dim", 2, "-q", *QUICK
    )
    assert code == 0, err
    assert isthmus.load(tmp_path / "m").schema_.item_shape == (9, 10, 3)


def test_a_model_is_replaced_with_force_alone(made, command, refused, tmp_path):
    model = shutil.copytree(made / "model", tmp_path / "m")
    before = (model / "config.json").read_bytes()
    fit = ("fit", made / "people.csv", "--to", model, "--drop", "name", "-q", *QUICK)
    assert "--force" in refused(4, "There is a model in", *fit)
    assert (model / "config.json").read_bytes() == before
    assert command(*fit, "--force", "--latent-dim", 1)[0] == 0
    assert isthmus.load(model).latent_dim_ == 1


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_what_is_no_model_is_never_replaced(made, refused, tmp_path, force):
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter1.tex").write_text("years of work")
    fit = ("fit", made / "people.csv", "--drop", "name", *QUICK, *force)
    refused(4, "holds other things (chapter1.tex)", *fit, "--to", folder)
    assert (folder / "chapter1.tex").read_text() == "years of work"
    (tmp_path / "file").write_text("x")
    refused(4, "Cannot save to", *fit, "--to", tmp_path / "file")


def test_a_killed_fit_goes_on_from_its_checkpoint(made, command, tmp_path):
    fit = ("fit", made / "people.csv", "--drop", "name", "-q", *QUICK, "--checkpoint", tmp_path / "keep")
    assert command(*fit, "--to", tmp_path / "a")[0] == 0
    assert any((tmp_path / "keep").iterdir())
    assert command(*fit, "--to", tmp_path / "b")[0] == 0
    rows = isthmus.read(made / "new.csv", drop="name")
    a, b = (isthmus.load(tmp_path / name).transform(rows) for name in ("a", "b"))
    assert (a == b).all()


def test_the_demo(command, tmp_path, monkeypatch):
    monkeypatch.setitem(fitting.DEMO, "max_epochs", 1)
    code, out, err = command("demo", "--to", tmp_path / "demo")
    assert code == 0, err
    assert "359 held-out rows" in out
    assert out.splitlines()[-2].split() == ["Model", str(tmp_path / "demo" / "model")]
    assert out.splitlines()[-1].split() == ["Report", str(tmp_path / "demo" / "report.html")]
    fitted = isthmus.load(tmp_path / "demo" / "model")
    assert (fitted.kind_, fitted.latent_dim_, fitted.n_rows_) == ("image", 8, 1438)
    assert "digit" in (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")
    assert command("demo", "--to", tmp_path / "demo", "-q")[0] == 0, "it may be run again"


def test_the_demo_replaces_no_one_elses_model(made, refused, tmp_path):
    shutil.copytree(made / "model", tmp_path / "mine" / "model")
    refused(4, "There is a model in", "demo", "--to", tmp_path / "mine")


def test_evaluate_prints_and_writes_figures(made, command, tmp_path):
    evaluate = ("evaluate", made / "model", made / "new.csv", "--to")
    code, out, _ = command(*evaluate, tmp_path / "figures.json")
    assert code == 0
    assert "On 25 rows, " in out
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["rows"] == 25
    assert figures["missing"] == 3
    assert figures["by_column"]["names"] == ["age", "height", "weight", "children"]
    assert command(*evaluate, tmp_path / "figures.csv")[0] == 0
    with (tmp_path / "figures.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["part"] for line in lines] == ["overall", *["column"] * 4]
    assert float(lines[0]["ours"]) == pytest.approx(figures["ours"])
    assert [float(line["pca"]) for line in lines[1:]] == pytest.approx(figures["by_column"]["pca"])


def test_evaluate_tells_the_truth(made, command, tmp_path):
    """The figures are those of the reconstruction itself, in the units of the data."""
    command("evaluate", made / "model", made / "new.csv", "--to", tmp_path / "figures.json")
    figures = json.loads((tmp_path / "figures.json").read_text())
    rows = isthmus.read(made / "new.csv", drop="name")
    back = isthmus.load(made / "model").preparation_
    model = isthmus.load(made / "model")
    error = (back.inverse(model.reconstruct_prepared(back.transform(rows)).numpy()) - rows.values) ** 2
    assert figures["by_column"]["ours_units"] == pytest.approx(list(np.nanmean(error, axis=0)), rel=1e-3)


def test_report(made, command, tmp_path):
    write = ("report", made / "model", made / "new.csv", "--to", tmp_path / "r.html", "--color")
    code, out, err = command(*write, "age")
    assert code == 0, err
    assert str(tmp_path / "r.html") in out
    assert (tmp_path / "r.html").read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")
    assert command(*write, "1")[0] == 0, "a column by its number"


def test_info(made, command):
    code, out, err = command("info", made / "model")
    assert (code, err) == (0, "")
    for words in (
        *("Autoencoder", "table", "column weight", "max_epochs", "Chosen", "learning_rate", "train loss"),
        *("best (epoch", "last (epoch 2)", "Beside PCA, on 5 rows held out of training", "torch", "isthmus"),
    ):
        assert words in out, words


def test_fit_takes_arrays(command, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "x.npz", X=rng.normal(size=(40, 6)), label=np.arange(40) % 2)
    code, out, err = command(
        *("fit", tmp_path / "x.npz", "--to", tmp_path / "m", "--latent-dim", 2, *QUICK),
        *("--report", tmp_path / "r.html", "--color", "label"),
    )
    assert code == 0, err
    assert "On 8 held-out rows, " in out


def test_few_rows_are_all_fitted_on(command, tmp_path):
    write_people(tmp_path / "few.csv", n=5)
    code, out, err = command(
        "fit", tmp_path / "few.csv", "--to", tmp_path / "m", "--drop", "name", "--latent-dim", 1, *QUICK
    )
    assert code == 0, err
    assert "On 5 training rows, " in out
