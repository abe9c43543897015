"""Objectives from the command line: each fits a table and pictures, and the models are of use."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from cli_files import QUICK

import isthmus
from isthmus.networks import FAMILIES
from isthmus.objectives import OBJECTIVES
from isthmus.objectives.words import word

WORDS = [word(kind) for kind in OBJECTIVES.values()]
OF_NUMBERS = [word(kind) for kind in OBJECTIVES.values() if "numbers" in kind.takes]


def test_the_list_names_every_kind_and_what_to_write(command):
    code, out, err = command("kinds")
    assert (code, err) == (0, "")
    for each in WORDS:
        assert f"--objective {each}" in out
    for network in FAMILIES:
        assert network in out.lower() or network == "dense"
    assert len(re.findall(r"--(?:objective|network|hidden|latent-dim) ", out)) == len(WORDS) + 6


@pytest.mark.parametrize("name", WORDS)
def test_one_kind_has_its_parameters_with_defaults(name, command):
    code, out, err = command("kinds", name)
    assert (code, err) == (0, "")
    kind = next(kind for kind in OBJECTIVES.values() if word(kind) == name)
    for parameter, default in kind().get_params().items():
        assert re.search(rf"│ {parameter} +│ {re.escape(repr(default))} ", out), parameter
    assert f"--objective {name}" in out
    assert f'objective="{name}"' in out


@pytest.mark.parametrize("name", ["deep", "conv", "LSTM", "sequence to sequence", "combined", "Vector-Quantised"])
def test_names_in_the_field_are_found(name, command):
    code, out, _ = command("kinds", name)
    assert code == 0
    assert "Command line  isthmus fit SOURCE --to MODEL --" in out


def test_a_kind_that_is_none(refused):
    assert "did you mean 'denoising'?" in refused(2, "There is no kind 'denosing'", "kinds", "denosing")
    refused(2, "`isthmus kinds` lists them all", "kinds", "quantum")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("denosing", "--objective 'denosing' is not known (did you mean 'denoising'?)"),
        ("sparse(kl, rat=1)", "no parameter 'rat' (did you mean 'rate'?)"),
        ("denoising, sparse", "--objective each"),
        ("", "cannot be read"),
    ],
)
def test_nonsense_is_refused_before_the_data_are_read(refused, tmp_path, given, said):
    line = refused(2, said, "fit", "no such file.csv", "--to", tmp_path / "m", "--objective", given)
    assert "`isthmus kinds` lists them all." in line
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("name", OF_NUMBERS)
@pytest.mark.parametrize("source", ["people.csv", "photos"])
def test_each_objective_fits_a_table_and_pictures(name, source, made, command, tmp_path):
    to = ["--to", tmp_path / "m", "--latent-dim", 2, "--quiet", *QUICK]
    drop = ["--drop", "name"] if source.endswith(".csv") else []
    code, _, err = command("fit", made / source, *to, *drop, "--objective", name)
    assert code == 0, err
    again = isthmus.load(tmp_path / "m")
    code, out, _ = command("info", tmp_path / "m")
    assert f"objective         │ {again.objective!r} " in out
    assert f"- objective: `{again.objective!r}`" in (tmp_path / "m" / "README.md").read_text()
    assert command("encode", tmp_path / "m", made / source, "--to", tmp_path / "codes.csv")[0] == 0
    assert command("decode", tmp_path / "m", tmp_path / "codes.csv", "--to", tmp_path / "back.npy")[0] == 0
    assert command("reconstruct", tmp_path / "m", made / source, "--to", tmp_path / "rows.npy")[0] == 0
    assert command("sample", tmp_path / "m", "-n", 3, "--to", tmp_path / "made.npy")[0] == 0


def test_several_objectives_stand_in_info_and_the_report(made, command, tmp_path):
    code, _, err = command(
        *("fit", made / "people.csv", "--to", tmp_path / "m", "--drop", "name", "--latent-dim", 2, *QUICK),
        *("--objective", "denoising(mask, 0.3)", "--objective", "variational", "--report", tmp_path / "r.html"),
    )
    assert code == 0, err
    assert "[Denoising(level=0.3, noise='mask'), Variational()]" in command("info", tmp_path / "m")[1]
    assert "denoising(mask, 0.3)" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert set(isthmus.load(tmp_path / "m").history_) >= {"reconstruction", "divergence"}


def test_rows_of_which_a_column_is_known(made, command, refused, tmp_path):
    fit = ("fit", made / "people.csv", "--to", tmp_path / "m", "--drop", "name", "--latent-dim", 2, *QUICK)
    assert command(*fit, "--objective", "variational(condition=age)")[0] == 0
    sample = ("sample", tmp_path / "m", "-n", 3, "--to", tmp_path / "made.csv")
    assert command(*sample, "--condition", "age=40")[0] == 0
    assert pd.read_csv(tmp_path / "made.csv")["age"].tolist() == [40, 40, 40]
    refused(2, "expected NAME=VALUE", *sample, "--condition", "age")
    refused(2, "names the column 'age' twice", *sample, "--condition", "age=1", "--condition", "age=2")
    refused(3, "condition has the columns ['height']", *sample, "--condition", "height=1")
    refused(3, "expected a number", *sample, "--condition", "age=old")
