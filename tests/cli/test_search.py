"""`index` and `search`: databases of tables and pictures, hits on the screen and in files, what is refused."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from isthmus import Autoencoder, Retriever, load
from isthmus.cli.searching import SHOWN

QUICK = ["--dim", "2", "--max-epochs", "2", "--random-state", "0"]


@pytest.fixture(scope="module")
def databases(made, tmp_path_factory):
    from isthmus.cli import main

    folder = tmp_path_factory.mktemp("databases")
    to = [*QUICK, "--quiet"]
    assert main(["index", f"{made}/people.csv", "--ids", "name", "--to", f"{folder}/people", *to]) == 0
    assert main(["index", f"{made}/photos", "--to", f"{folder}/photos", *to]) == 0
    return folder


def test_a_table_searched_by_its_own_rows(made, databases, command):
    to = databases / "hits.csv"
    code, out, err = command("search", databases / "people", made / "people.csv", "-k", 3, "-o", to)
    assert code == 0, err
    assert str(to) in out
    hits = pd.read_csv(to)
    assert list(hits.columns) == ["query", "rank", "id", "distance"]
    assert len(hits) == 60 * 3
    first = hits[hits["rank"] == 1]
    assert first["id"].tolist() == [f"Ann {i}" for i in range(60)]
    np.testing.assert_allclose(first["distance"], 0, atol=1e-4)
    names = pd.read_csv(made / "people.csv")["name"]
    assert load(databases / "people").ids_.tolist() == names.tolist()


def test_a_picture_is_found_by_its_file_name(made, databases, command):
    code, out, err = command("search", databases / "photos", made / "photos" / "photo07.bmp", "-k", 2)
    assert code == 0, err
    lines = [line for line in out.splitlines() if "photo" in line]
    assert lines[0].count("photo07.bmp") == 2, "the query and its first hit"
    assert len(lines) == 2


def test_a_picture_of_another_size_is_resized(made, databases, command, tmp_path):
    with Image.open(made / "photos" / "photo07.bmp") as photo:
        photo.resize((48, 24), Image.Resampling.NEAREST).save(tmp_path / "large.png")
    code, out, err = command("search", databases / "photos", tmp_path / "large.png", "-k", 1)
    assert code == 0, err
    assert "photo07.bmp" in out


def test_the_screen_shows_some_queries_and_standard_output_takes_all(made, databases, command):
    code, out, err = command("search", databases / "people", made / "people.csv", "-k", 1)
    assert code == 0
    assert sum("Ann" in line for line in out.splitlines()) == SHOWN
    assert f"the first {SHOWN} of 60 queries" in err
    code, out, _ = command("search", databases / "people", made / "people.csv", "-k", 2, "-o", "-")
    assert len(out.splitlines()) == 121


def test_what_cannot_be_done_is_said(made, databases, refused, tmp_path):
    people, rows = databases / "people", made / "people.csv"
    refused(2, "the database has 60 items", "search", people, rows, "-k", 61)
    refused(2, "the ending says the format", "search", people, rows, "-o", tmp_path / "hits.npy")
    refused(4, "`isthmus index SOURCE --to DATABASE` makes one", "search", made / "model", rows)
    refused(2, "metric='far' cannot be used", "index", rows, "--to", tmp_path / "m", "--metric", "far", *QUICK)
    refused(3, "more than once", "index", rows, "--ids", "children", "--to", tmp_path / "m", *QUICK, "-q")
    refused(3, "no such column", "index", rows, "--ids", "nme", "--to", tmp_path / "m", *QUICK, "-q")
    refused(4, "--force", "index", rows, "--ids", "name", "--to", people, *QUICK, "-q")
    assert not (tmp_path / "m").exists()


def test_a_row_without_a_name_is_refused(refused, tmp_path):
    (tmp_path / "rows.csv").write_text("name,a,b\nx,1,2\n,2,1\nz,3,3\n")
    said = ("index", tmp_path / "rows.csv", "--ids", "name", "--to", tmp_path / "m", *QUICK, "-q")
    refused(3, "row 1 (counted from 0)", *said)


def test_damaged_pictures_are_left_out_where_that_is_asked_for(made, databases, command, refused, tmp_path):
    shutil.copytree(made / "photos", tmp_path / "photos")
    (tmp_path / "photos" / "bad.png").write_bytes(b"no picture")
    refused(3, "bad.png", "search", databases / "photos", tmp_path / "photos", "-k", 1)
    code, _, err = command("search", databases / "photos", tmp_path / "photos", "-k", 1, "--skip-bad", "-o", "-")
    assert code == 0, err
    code, _, err = command("index", tmp_path / "photos", "--to", tmp_path / "m", *QUICK, "-q", "--skip-bad")
    assert code == 0, err
    assert len(load(tmp_path / "m").ids_) == 30


def test_ctrl_c_keeps_the_database_and_says_so(made, command, tmp_path, monkeypatch):
    fit = Retriever.fit

    def interrupted(self, *arguments, **named):
        fit(self, *arguments, **named).autoencoder_.stopped_ = "interrupted"
        return self

    monkeypatch.setattr(Retriever, "fit", interrupted)
    code, _, err = command("index", made / "people.csv", "--ids", "name", "--to", tmp_path / "m", *QUICK)
    assert code == 130
    assert "Stopped by Ctrl-C" in err
    assert len(load(tmp_path / "m").ids_) == 60


def test_a_report_shows_what_was_found(made, databases, command, tmp_path):
    words = ["search", databases / "photos", made / "photos" / "photo07.bmp", "-k", 2, "--report", tmp_path / "r.html"]
    code, out, err = command(*words, "--items", made / "photos")
    assert code == 0, err
    assert "r.html" in out
    page = (tmp_path / "r.html").read_text()
    assert "data:image/png" in page
    assert "photo07.bmp" in page
    assert 'src="http' not in page, "the page must open without a network"
    code, _, err = command("search", databases / "people", made / "people.csv", "--items", made / "photos")
    assert code == 2
    assert "give --report as well" in err


def test_texts_are_found_by_what_they_say(command, tmp_path):
    texts = [f"{verb} the {what}" for verb in ("play", "stop", "love") for what in ("song", "music", "film", "tape")]
    (tmp_path / "texts.txt").write_text("\n".join(texts) + "\n")
    code, _, err = command("index", tmp_path / "texts.txt", "--to", tmp_path / "m", *QUICK)
    assert code == 0, err
    assert load(tmp_path / "m").ids_.tolist() == texts
    pd.DataFrame({"asked": ["stop the film", "love the tapes"], "who": ["Ann", "Bo"]}).to_csv(
        tmp_path / "asked.csv", index=False
    )
    hits = tmp_path / "hits.csv"
    code, _, err = command("search", tmp_path / "m", tmp_path / "asked.csv", "--columns", "asked", "-k", 3, "-o", hits)
    assert code == 0, err
    found = pd.read_csv(hits)
    assert found["query"].tolist() == ["stop the film"] * 3 + ["love the tapes"] * 3
    assert found["id"][0] == "stop the film"
    assert set(found["id"]) <= set(texts)


def test_texts_in_a_column_have_ids_of_another(command, tmp_path):
    frame = pd.DataFrame(
        {"id": [f"q{i}" for i in range(6)], "said": ["pay", "play", "cook", "pay", "sing", "eat rice"]}
    )
    frame.to_csv(tmp_path / "texts.csv", index=False)
    args = ["index", tmp_path / "texts.csv", "--kind", "bag", "--to", tmp_path / "m", *QUICK]
    code, _, err = command(*args, "--ids", "id")
    assert code == 0, err
    assert load(tmp_path / "m").ids_.tolist() == frame["id"].tolist()
    code, _, err = command(*args, "--columns", "said", "--force")
    assert code == 0, err
    assert load(tmp_path / "m").ids_.tolist() == list(range(6)), "texts that come twice do not name themselves"


def test_fit_says_what_makes_a_database_of_texts(refused, tmp_path):
    (tmp_path / "texts.txt").write_text("hello\nbye\n")
    refused(2, "isthmus index", "fit", tmp_path / "texts.txt", "--kind", "bag", "--to", tmp_path / "m")


def test_codes_and_words_of_texts_go_to_files(command, tmp_path):
    texts = [f"{verb} the {what}" for verb in ("play", "stop", "love") for what in ("song", "music", "film", "tape")]
    Autoencoder(2, kind="bag", max_epochs=1, random_state=0).fit(texts).save(tmp_path / "m")
    (tmp_path / "texts.txt").write_text("\n".join(texts))
    known = set(" ".join(texts).split())
    for name in ("encode", "reconstruct"):
        code, _, err = command(name, tmp_path / "m", tmp_path / "texts.txt", "--to", tmp_path / "to.csv")
        assert code == 0, err
        found = pd.read_csv(tmp_path / "to.csv")["text"].tolist()
        assert found == texts if name == "encode" else {word for words in found for word in words.split()} <= known
