"""`recommend`: from a file of ratings to a model, and from a model to items."""

import pandas as pd
import pytest
from cli_files import write_ratings

from isthmus import load

FIT = ["--threshold", "4", "--model", "ease", "--random-state", "0"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    from isthmus.cli import main

    folder = tmp_path_factory.mktemp("shop")
    write_ratings(folder)
    assert main(["recommend", f"{folder}/ratings.csv", *FIT, "--save", f"{folder}/shop", "-q"]) == 0
    return folder


def sorts(items):
    return {int(item[1:]) % 3 for item in items}


def test_a_fit_shows_its_figures_beside_popularity(shop, command, tmp_path):
    words = ["recommend", shop / "ratings.csv", *FIT, "--save", tmp_path / "m", "--report", tmp_path / "r.html"]
    code, out, err = command(*words)
    assert code == 0, err
    assert "720 interactions of 60 users with 24 items" in err
    assert "columns: user 'user', item 'item', value " in " ".join(err.split())
    assert "ease on " in out
    assert "NDCG@100" in out
    assert "popularity" in out
    assert "By NDCG@100 it is as good as what is popular, within a standard error" in out, "two users are few"
    page = (tmp_path / "r.html").read_text()
    assert "NDCG@100" in page
    assert "i23" in page
    assert "http" not in page.replace("http-equiv", "")
    assert load(tmp_path / "m").threshold == 4
    code, out, err = command("info", tmp_path / "m")
    assert code == 0, err
    assert "Recommender" in out
    assert "users held out" in out


def test_users_and_histories_are_given_items_of_their_sort(shop, command, tmp_path):
    code, out, err = command("recommend", shop / "shop", "--user", "u4", "-k", 3)
    assert code == 0, err
    assert sum("u4" in line for line in out.splitlines()) == 3
    to = tmp_path / "given.csv"
    code, _, err = command("recommend", shop / "shop", "--history", shop / "items.txt", "-k", 3, "--output", to)
    assert code == 0, err
    found = pd.read_csv(to)
    assert list(found.columns) == ["user", "item", "score", "rank"]
    assert found["user"].tolist() == ["items"] * 3
    assert sorts(found["item"]) == {1}
    new = tmp_path / "new.csv"
    new.write_text("user,item\na,i0\na,i3\nb,i2\nb,i5\nb,soap\n")
    code, out, err = command("recommend", shop / "shop", "--history", new, "-k", 2, "--with-seen", "-o", "-")
    assert code == 0
    assert "'soap'" in err
    assert [line.split(",")[0].strip('"') for line in out.splitlines()] == ["user", "a", "a", "b", "b"]


def test_items_alike_and_reasons(shop, command):
    code, out, err = command("recommend", shop / "shop", "--similar", "i0", "--similar", "i1", "-k", 2, "-o", "-")
    assert code == 0, err
    lines = [line.replace('"', "").split(",") for line in out.splitlines()]
    assert lines[0] == ["item", "similar", "score", "rank"]
    assert [sorts([a]) == sorts([b]) for a, b, *_ in lines[1:]] == [True] * 4
    code, out, err = command("recommend", shop / "shop", "--history", shop / "items.txt", "--explain", "i10")
    assert code == 0, err
    assert "share" in out
    assert all(item in out for item in ("i1", "i4", "i7"))
    code, _, err = command("recommend", shop / "shop", "--user", "u4", "--explain", "i10")
    assert code == 0, err


def test_a_fit_may_answer_at_once(shop, command):
    code, out, err = command("recommend", shop / "ratings.csv", *FIT, "--user", "u1", "-k", 1, "-q", "-o", "-")
    assert code == 0, err
    assert len(out.splitlines()) == 2
    code, out, err = command("recommend", shop / "ratings.csv", "--model", "ease+knn", "--columns", "user,item", "-q")
    assert code == 0, err
    assert "blend on" in out


def test_ids_that_are_numbers_are_asked_for_as_such(command, refused, tmp_path):
    rows = ["user,item", *(f"{u},{i}" for u in range(20) for i in range(8) if (u + i) % 2)]
    (tmp_path / "r.csv").write_text("\n".join(rows))
    code, _, err = command("recommend", tmp_path / "r.csv", "--model", "ease(l2=1e+2)", "--save", tmp_path / "m", "-q")
    assert code == 0, err
    code, out, err = command("recommend", tmp_path / "m", "--user", "3", "-k", 1, "-o", "-")
    assert code == 0, err
    assert out.splitlines()[1].startswith("3,")
    refused(3, "'u3' is no whole number", "recommend", tmp_path / "m", "--user", "u3")
    refused(3, "'--5' is no whole number", "recommend", tmp_path / "m", "--user=--5")


def test_what_cannot_be_done_is_said(shop, made, refused, tmp_path):
    model, data = shop / "shop", shop / "ratings.csv"
    refused(2, "--user, --history or --similar", "recommend", model)
    refused(2, "leave --model out", "recommend", model, "--user", "u1", "--model", "ease")
    refused(2, "leave --threshold and --min-interactions out", "recommend", model, "--threshold", 3, "--user", "u1",
            "--min-interactions", 3)  # fmt: skip
    refused(2, "leave --save out", "recommend", model, "--save", tmp_path / "m")
    refused(2, "give one of them", "recommend", model, "--user", "u1", "--history", shop / "items.txt")
    refused(2, "not of users", "recommend", model, "--similar", "i1", "--user", "u1")
    refused(2, "give --user or --history", "recommend", model, "--explain", "i1")
    refused(2, "give --user once", "recommend", model, "--user", "u1", "--user", "u2", "--explain", "i1")
    refused(2, "--output takes", "recommend", data, "-o", tmp_path / "x.csv")
    refused(2, "did you mean 'ease'", "recommend", data, "--model", "eese")
    refused(3, "--user nobody: this user was not fitted on", "recommend", model, "--user", "nobody")
    refused(3, "were not fitted on, such as 'soap'", "recommend", model, "--similar", "soap")
    refused(3, "No value", "recommend", data, "--threshold", 9, "-q")
    refused(3, "There is no file", "recommend", tmp_path / "none.csv", "-q")
    refused(4, "asks a recommender", "recommend", made / "model", "--user", "u1")
    refused(4, "--force", "recommend", data, "--save", model)
    (tmp_path / "empty.txt").write_text("\n")
    refused(3, "is empty", "recommend", model, "--history", tmp_path / "empty.txt")


def test_items_that_nobody_took_are_recommended_by_a_table(shop, command, tmp_path):
    about = tmp_path / "about.csv"
    rows = [f"i{item},sort {item % 3}" for item in range(24)]
    about.write_text("\n".join(["item,sort", *rows, "new,sort 1"]) + "\n")
    words = ["recommend", shop / "ratings.csv", *FIT, "--items", about, "--save", tmp_path / "m"]
    code, _, err = command(*words)
    assert code == 0, err
    found = load(tmp_path / "m").recommend(["u1", "u2"], k=1, items=["new"])
    assert found["item"].tolist() == ["new", "new"]
    assert found["score"][0] > found["score"][1]  # u1 takes items of sort 1
    about.write_text("item,sort\nx,1\n")
    code, _, err = command(*words[:-2])
    assert code == 3
    assert "none of the 24 items" in err
    code, _, err = command("recommend", shop / "shop", "--items", about, "--user", "u1")
    assert code == 2
    assert "--items" in err
