"""The model card: valid front matter, honest words, and no name in the data becomes markup."""

import json

import pytest

from isthmus.storage import model_card

FULL = {
    "estimator": "Autoencoder",
    "kind": "table",
    "latent_dim": 4,
    "n_rows": 1500,
    "created": "2030-01-02T03:04:05+00:00",
    "isthmus_version": "0.1.0",
    "versions": {"torch": "2.6.0", "numpy": "2.0.0"},
    "parameters": {"latent_dim": 4, "hidden": "auto", "learning_rate": 0.001, "patience": None},
    "chosen": {"hidden": [64, 16], "loss": "mse"},
    "schema": {
        "kind": "table",
        "shape": [3],
        "columns": [["age", "int64"], ["a|b", "float64"], ["<b>`x", "bool"]],
    },
    "history": {
        "epoch": list(range(30)),
        "train_loss": [1 / (i + 1) for i in range(30)],
        "validation_loss": [1.0 + abs(i - 17) for i in range(30)],
        "learning_rate": [0.001] * 30,
        "seconds": [0.5] * 30,
    },
    "comparison": {"rows": 375, "ours": 0.12, "pca": 0.3, "ratio": 0.4, "split": "validation"},
}


def front_matter(card):
    """Read the few forms that the front matter uses: scalars, and a list of double-quoted strings."""
    assert card.startswith("---\n")
    lines = card.split("---\n")[1].splitlines()
    tags = [json.loads(line.removeprefix("- ")) for line in lines if line.startswith("- ")]
    return dict(line.split(": ") for line in lines if ": " in line and not line.startswith("- ")), tags


def cells(card, section):
    body = card.split(f"## {section}\n")[1].split("\n## ")[0]
    rows = [line for line in body.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.replace("\\|", "\0").strip("|").split("|")] for row in rows]


def test_front_matter():
    assert front_matter(model_card(FULL)) == (
        {"library_name": "isthmus"},
        ["isthmus", "autoencoder", "dimensionality-reduction", "table"],
    )
    assert front_matter(model_card({"kind": 'a: "b"\n---\n'}))[1][-1] == 'a: "b"\n---\n'
    yaml = pytest.importorskip("yaml", reason="PyYAML reads the front matter as the hub does")
    for kind in ("table", 'a: "b"\n- c', "é\u2028"):
        read = yaml.safe_load(model_card({"kind": kind}).split("---\n")[1])
        assert read == {
            "library_name": "isthmus",
            "tags": ["isthmus", "autoencoder", "dimensionality-reduction", kind],
        }


def test_every_part_is_there():
    card = model_card(FULL)
    for text in (
        "# Autoencoder",
        "1500",
        "2030-01-02",
        "from isthmus import load",
        "isthmus info",
        "isthmus encode",
    ):
        assert text in card
    assert ["`hidden`", "`[64, 16]`"] in cells(card, "Chosen automatically")
    assert ["`learning_rate`", "`0.001`"] in cells(card, "Parameters")
    assert ["`torch`", "`2.6.0`"] in cells(card, "Versions")
    assert ["`isthmus`", "`0.1.0`"] in cells(card, "Versions")
    assert ["PCA at the same code size", "0.3"] in cells(card, "Beside PCA")
    assert "60 % less error than PCA" in card
    assert "375 rows held out" in card


def test_tables_are_whole_whatever_the_names():
    for section in ("Data", "Losses", "Parameters", "Beside PCA"):
        rows = cells(model_card(FULL), section)
        assert len({len(row) for row in rows}) in (1, 2)
    rows = cells(model_card(FULL), "Data")
    assert ["`a\0b`", "`float64`"] in rows
    assert ["``<b>`x``", "`bool`"] in rows
    hostile = model_card(FULL | {"estimator": "</h1><script>", "schema": ["x\n\n# Heading", "`" * 5]})
    assert "<script>" not in hostile
    assert "\n# Heading" not in hostile


def test_losses_show_the_first_the_best_and_the_last():
    epochs = [row[0] for row in cells(model_card(FULL), "Losses")[2:]]
    assert {"0", "17", "29"} <= set(epochs)
    assert len(epochs) <= 11
    one = model_card({"history": {"epoch": [0], "train_loss": [float("nan")], "validation_loss": [float("nan")]}})
    assert cells(one, "Losses")[2:] == [["0", "", ""]]


@pytest.mark.parametrize(
    ("comparison", "words"),
    [
        (
            {"ours": 2.0, "pca": 1.0, "rows": 9, "split": "validation"},
            "PCA does better: this model has 100 % more error",
        ),
        ({"ours": 1.0, "pca": 1.0, "split": "validation"}, "No better than PCA"),
        ({"ours": 1.0, "pca": 2.0, "split": "training"}, "none were held out"),
        ({"ours": 0.0, "pca": 0.0, "ratio": float("nan")}, "could not be compared"),
        ({"ours": 1.0}, "could not be compared"),
    ],
)
def test_honest_words_beside_pca(comparison, words):
    assert words in model_card({"comparison": comparison})


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ([28, 28], "shape `28 x 28`"),
        (["age", "height"], "| `age` |  |"),
        ([{"name": "age", "dtype": "int64"}], "| `age` | `int64` |"),
        ([["age", "int64"]], "| `age` | `int64` |"),
        ({"shape": [28, 28], "dtype": "uint8"}, "| `dtype` | `uint8` |"),
        ([f"c{i}" for i in range(100)], "and 40 columns more, 100 in all"),
    ],
)
def test_schemas(schema, text):
    assert text in model_card({"schema": schema})


@pytest.mark.parametrize("missing", FULL)
@pytest.mark.parametrize("value", ["absent", None, [], {}, "text", 3, float("nan")])
def test_missing_and_odd_values(missing, value):
    config = dict(FULL)
    if value == "absent":
        del config[missing]
    else:
        config[missing] = value
    card = model_card(config)
    assert front_matter(card)[0] == {"library_name": "isthmus"}
    assert "from isthmus import load" in card
    assert card.endswith("\n")


def test_nothing_known():
    card = model_card({})
    assert "# Autoencoder" in card
    assert "None" not in card
