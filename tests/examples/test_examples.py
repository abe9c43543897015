"""Every example, and the code in the README and the guide, as a process of its own in an empty folder."""

from __future__ import annotations

import csv
import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def run(script: Path, folder: Path, *arguments: str) -> str:
    """Run a script as a person would, with training cut short; give what it printed."""
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=folder,
        env={**os.environ, "ISTHMUS_QUICK": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def figures(line: str) -> list[float]:
    return [float(word) for word in re.findall(r"\d+\.\d+", line)]


def line_with(text: str, start: str) -> str:
    found = [line for line in text.splitlines() if line.strip().startswith(start)]
    assert len(found) == 1, text
    return found[0]


def errors_of_tutorial(said: str) -> dict[str, float]:
    return {name: figures(line_with(said, name))[0] for name in ("the tutorials' network", "PCA", "the defaults")}


def test_every_example_says_what_one_learns():
    scripts = sorted(EXAMPLES.glob("*.py"))
    assert {script.name for script in scripts} == {
        "tutorial_network.py",
        "curve.py",
        "features.py",
        "table_features.py",
        "retrieval.py",
        "mending.py",
        "recommend.py",
    }
    for script in scripts:
        assert re.match(r'"""[^"]*\b[Yy]ou learn here\b', script.read_text()), script.name
        assert f"python examples/{script.name}" in script.read_text()


def test_tutorial_network_on_digits(tmp_path):
    said = run(EXAMPLES / "tutorial_network.py", tmp_path)
    assert "No file given: scikit-learn's digits" in said
    assert "64-16-64, 1437 pictures to learn from, 360 held out." in said
    errors = errors_of_tutorial(said)
    assert all(0 < error < 0.2 for error in errors.values())
    # Five epochs: the network without a start has not got there, the one that starts at PCA stays near it.
    assert errors["the tutorials' network"] > errors["PCA"]
    assert "The tutorials' network loses to PCA" in said
    assert errors["the defaults"] < 1.05 * errors["PCA"]
    best = min(errors, key=lambda name: errors[name])
    assert f"Best here: {best}." in said
    with Image.open(tmp_path / "tutorial_network.png") as picture:
        assert picture.size == (12 * 10 * 6, 4 * 10 * 6)
        assert np.asarray(picture).std() > 10


def test_tutorial_network_on_a_file_in_mnists_format(tmp_path):
    rng = np.random.default_rng(0)
    basis = rng.random((5, 28 * 28))
    images = (rng.dirichlet(np.ones(5), 200) @ basis * 255).astype(np.uint8)
    heading = bytes([0, 0, 0x08, 3]) + np.array([200, 28, 28], ">u4").tobytes()
    (tmp_path / "some-images.idx.gz").write_bytes(gzip.compress(heading + images.tobytes()))
    said = run(EXAMPLES / "tutorial_network.py", tmp_path, "some-images.idx.gz")
    assert "784-64-784, 160 pictures to learn from, 40 held out." in said
    # The pictures are mixtures of five: 64 components of PCA hold all but the rounding to whole numbers.
    assert errors_of_tutorial(said)["PCA"] <= 0.00001
    assert (tmp_path / "tutorial_network.png").exists()


def test_curve(tmp_path):
    said = run(EXAMPLES / "curve.py", tmp_path)
    ours, pca, ratio = figures(line_with(said, "Mean squared error"))
    assert ours < 0.1 * pca
    assert ratio == pytest.approx(ours / pca, abs=0.01)
    assert "The autoencoder is closer." in said
    assert figures(line_with(said, "Rank correlation"))[0] > 0.95
    with Image.open(tmp_path / "curve.png") as picture:
        colours = {colour for _, colour in picture.getcolors(1 << 20)}
    assert {(0x25, 0x63, 0xEB), (0xEA, 0x58, 0x0C), (255, 255, 255)} <= colours
    page = (tmp_path / "curve.html").read_text()
    assert page.count("autoencoder") >= 1
    assert 'src="http' not in page, "the page must open without a network"


def test_mending(tmp_path):
    said = run(EXAMPLES / "mending.py", tmp_path)
    noisy, means, _, alone = (figures(line)[0] for line in said.splitlines()[1:5])
    assert noisy == pytest.approx(20.17, abs=0.05)
    assert means > 26
    assert alone > 25
    assert figures(line_with(said, "Imputer"))[0] > 20


def test_features_of_tables(tmp_path):
    helped, not_helped = run(EXAMPLES / "table_features.py", tmp_path).split("plain:")
    columns, _, codes = (figures(line)[0] for line in helped.splitlines()[1:4])
    assert codes > columns
    columns, _, codes = (figures(line)[0] for line in not_helped.splitlines()[1:4])
    assert codes < columns


def test_features_on_the_file_it_writes(tmp_path):
    said = run(EXAMPLES / "features.py", tmp_path)
    assert "breast_cancer.csv: 569 rows, 30 columns, predicting 'diagnosis'." in said
    every, pca, ours = (figures(line_with(said, name))[0] for name in ("all 30 columns", "3 PCA", "3 autoencoder"))
    assert every > 0.95
    assert pca > 0.85
    assert ours > 0.85
    assert re.search(r"^(No clear difference|The codes serve better|PCA's features serve better)", said, re.M)
    with (tmp_path / "codes.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["autoencoder0", "autoencoder1", "autoencoder2", "diagnosis"]
    assert len(rows) == 570
    assert {row[-1] for row in rows[1:]} == {"benign", "malignant"}
    assert np.isfinite(np.array([row[:3] for row in rows[1:]], dtype=float)).all()


def test_features_on_a_file_given(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 4))
    with (tmp_path / "things.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "c", "d", "side"])
        writer.writerows([*row, "left" if row[0] < 0 else "right"] for row in x.tolist())
    said = run(EXAMPLES / "features.py", tmp_path, "things.csv", "side")
    assert "things.csv: 120 rows, 4 columns, predicting 'side'." in said
    assert figures(line_with(said, "all 4 columns"))[0] > 0.9


def test_features_says_how_it_is_called(tmp_path):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "features.py"), "one"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Give a CSV file and the column to predict" in done.stderr


def test_retrieval(tmp_path):
    said = run(EXAMPLES / "retrieval.py", tmp_path)
    raw, pca, ours = (figures(line_with(said, name))[0] for name in ("all 64", "PCA", "Isthmus"))
    assert raw > ours > pca + 0.03
    assert "it finds [9000, " in said
    assert "<html" in (tmp_path / "retrieval.html").read_text()


def test_recommend(tmp_path):
    said = run(EXAMPLES / "recommend.py", tmp_path)
    popular, neighbours, linear = (figures(line_with(said, name))[0] for name in ("popularity", "knn", "edlae"))
    assert linear > 1.3 * popular
    assert neighbours > 1.3 * popular
    alike = line_with(said, "Like comedy-00").split(": ")[1].split(", ")
    assert {name.split("-")[0] for name in alike} == {"comedy"}
    assert "popularity" in (tmp_path / "recommend.html").read_text()


def test_recommending_of_the_guide(tmp_path):
    ours, popular = figures(line_with(run(ROOT / "docs" / "snippets" / "recommend.py", tmp_path), "NDCG@10"))
    assert ours > popular


def test_search_of_the_guide(tmp_path):
    run(ROOT / "docs" / "snippets" / "retrieval.py", tmp_path)


def test_pipeline_of_the_guide(tmp_path):
    assert float(run(ROOT / "docs" / "snippets" / "pipeline.py", tmp_path)) > 0.9


def test_quick_start_keeps_its_word(tmp_path):
    said = run(ROOT / "docs" / "snippets" / "quick_start.py", tmp_path)
    assert figures(line_with(said, "variance explained"))[0] > 0.8
    assert figures(line_with(said, "error over PCA's"))[0] <= 1.0
    assert (tmp_path / "model" / "config.json").exists()


def test_kinds_of_the_guide(tmp_path):
    said = run(ROOT / "docs" / "snippets" / "objectives.py", tmp_path)
    for kind in ("Denoising(", "Sparse(", "variational(", "['denoising("):
        assert figures(line_with(said, kind).split("explained")[1])[0] > 0.3
    assert line_with(said, "active units").endswith(" 4")
    assert line_with(said, "terms of the loss").endswith("['reconstruction', 'sparsity']")


def test_gaps_of_the_guide(tmp_path):
    said = run(ROOT / "docs" / "snippets" / "imputation.py", tmp_path)
    assert int(re.findall(r"(\d+)% of them right", said)[0]) > 80


def test_pictures_of_the_guide(tmp_path):
    said = run(ROOT / "docs" / "snippets" / "pictures.py", tmp_path)
    assert "a.png (60, 90)" in said
    assert len(figures(line_with(said, "noisy"))) == 2
    assert "data:image/png" in (tmp_path / "smooth.html").read_text()


def test_the_readme_shows_code_that_runs():
    readme = (ROOT / "README.md").read_text()
    for name, language in (("quick_start.py", "python"), ("quick_start.sh", "sh")):
        shown = re.findall(rf"```{language}\n(.*?)```", readme, re.DOTALL)
        assert (ROOT / "docs" / "snippets" / name).read_text() in shown, f"README and docs/snippets/{name} differ"


def test_commands_of_the_quick_start_run(tmp_path):
    """The lines as printed, word by word; --max-epochs is added so that the fit is short."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 5))
    with (tmp_path / "people.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", *"abcde"])
        writer.writerows([f"person {i}", *row] for i, row in enumerate(x.tolist()))
    for line in (ROOT / "docs" / "snippets" / "quick_start.sh").read_text().splitlines():
        words = line.split("  #")[0].split()
        assert words[0] == "isthmus"
        words += ["--max-epochs", "3"] if words[1] == "fit" else []
        done = subprocess.run(
            [sys.executable, "-m", "isthmus", *words[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, (line, done.stderr)
    assert (tmp_path / "model" / "config.json").exists()
    assert "<html" in (tmp_path / "report.html").read_text()
    assert len((tmp_path / "codes.csv").read_text().splitlines()) == 201
