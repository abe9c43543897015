"""`impute`: filled files, draws, models to come back to, the report."""

import numpy as np
import pandas as pd
import pytest

from isthmus import load

QUICK = ["--max-epochs", "1", "--members", "1", "--random-state", "0"]


@pytest.fixture
def gaps(tmp_path):
    rng = np.random.default_rng(0)
    t = rng.normal(size=120)
    frame = pd.DataFrame({"a": t, "b": 2 * t + 0.1 * rng.normal(size=120), "kind": np.where(t > 0, "up", "down")})
    frame = frame.mask(rng.random(frame.shape) < 0.2).assign(name=[f"row {i}" for i in range(120)])
    frame.to_csv(tmp_path / "gaps.csv", index=False)
    return tmp_path / "gaps.csv"


def test_gaps_are_filled_and_what_is_set_aside_is_carried_along(gaps, command):
    to = gaps.with_name("filled.csv")
    code, out, err = command("impute", gaps, "-o", to, "--drop", "name", *QUICK)
    assert code == 0, err
    before, after = pd.read_csv(gaps), pd.read_csv(to)
    assert list(after.columns) == list(before.columns)
    assert not after.isna().any().any()
    pd.testing.assert_frame_equal(after.where(before.notna()), before)
    missing = int(before.isna().sum().sum())
    assert f"{missing} of {missing} missing values of 120 rows were filled." in err
    assert str(to) in out


def test_draws_are_files_of_their_own_and_a_saved_imputer_fills_again(gaps, command):
    to, model = gaps.with_name("filled.parquet"), gaps.with_name("imputer")
    asked = ["impute", gaps, "-o", to, "--drop", "name", "--quiet", *QUICK]
    assert command(*asked, "--save", model, "--draws", "2")[0] == 0
    first, one, two = (pd.read_parquet(gaps.with_name(f"filled{end}.parquet")) for end in ("", "-1", "-2"))
    assert not one.equals(two)
    assert type(load(model)).__name__ == "Imputer"
    to.unlink()
    assert command(*asked, "--model", model)[0] == 0
    pd.testing.assert_frame_equal(pd.read_parquet(to), first)


def test_a_report_stands_beside(gaps, command):
    report = gaps.with_name("report.html")
    code, _, err = command("impute", gaps, "-o", gaps.with_name("f.csv"), "--drop", "name", "--report", report, *QUICK)
    assert code == 0, err
    assert "On hidden values Isthmus has" in err
    assert "share wrong" in report.read_text()


def test_standard_output_takes_the_rows_alone(gaps, command):
    code, out, _ = command("impute", gaps, "-o", "-", "--columns", "a,b", *QUICK)
    assert code == 0
    assert out.startswith("a,b")
    assert len(out.splitlines()) == 121


def test_what_cannot_be_done_is_said_before_any_work(gaps, command, made):
    to = gaps.with_name("f.csv")
    for more, words, expected in (
        (["--draws", "2", "-o", "-"], "--draws writes a file for each draw", 2),
        (["-o", gaps], "this is the source itself", 2),
        (["-o", gaps.with_name("f.xyz")], "the ending says the format", 2),
        (["-o", to, "--report", gaps.with_name("r.txt")], "ending says the format", 2),
        (["-o", to, "--model", made / "model"], "of class Autoencoder", 4),
    ):
        code, _, err = command("impute", gaps, *more, *QUICK)
        assert code == expected, err
        assert words in " ".join(err.split())
        assert not to.exists()
