"""What stands where results would go is not lost, and an error leaves nothing behind."""

import shutil

import pytest


@pytest.mark.parametrize("force", [[], ["--force"]], ids=["plain", "force"])
def test_a_picture_of_the_source_is_not_replaced(made, refused, tmp_path, force):
    shutil.copytree(made / "photos", tmp_path / "photos")
    there = tmp_path / "photos" / "photo02.png"
    before = there.read_bytes()
    said = ("reconstruct", made / "photo-model", tmp_path / "photos", "--to", there, *force)
    refused(2, "a picture of the source", *said)
    assert there.read_bytes() == before


def test_a_picture_is_replaced_by_force_alone(made, command, refused, tmp_path):
    grid = tmp_path / "grid.png"
    grid.write_bytes(b"mine")
    refused(4, "--force", "sample", made / "photo-model", "-n", 4, "--to", grid)
    assert grid.read_bytes() == b"mine"
    code, _, err = command("sample", made / "photo-model", "-n", 4, "--to", grid, "--force")
    assert code == 0, err
    assert grid.read_bytes() != b"mine"


def test_labels_that_cannot_be_probed_leave_no_codes(made, refused, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("\n".join((made / "new.csv").read_text().splitlines()[:5]))
    codes = tmp_path / "codes.csv"
    asked = ("--labels", "name", "--to", codes)
    refused(3, "needs at least 8 rows", "encode", made / "model", rows, "--drop", "name", *asked)
    assert not codes.exists()


def test_a_column_that_holds_no_labels_is_refused_before_the_fit(refused, tmp_path):
    rows = ["a,b,weight,empty", *(f"{i},{i % 3},{i + 0.5}," for i in range(20))]
    (tmp_path / "rows.csv").write_text("\n".join(rows))
    fit = ("fit", tmp_path / "rows.csv", "--drop", "weight,empty", "--to", tmp_path / "m", "-q", "--labels")
    refused(3, "--labels weight: this column of", *fit, "weight")
    refused(3, "--labels empty: every value", *fit, "empty")
    assert not (tmp_path / "m").exists()
