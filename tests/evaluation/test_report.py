"""The page: complete in itself, harmless, and with the right figures."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from evaluation_data import straight
from PIL import Image
from scipy import sparse

from isthmus import Autoencoder
from isthmus.data import as_raw
from isthmus.evaluation import compare, page, report
from isthmus.exceptions import IsthmusError, ModelFileError, ParameterError

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """What a browser would find on the page."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.scripts: list[str] = []
        self.figures: dict[str, dict] = {}
        self.worst: list[int] = []
        self.pictures: list[str] = []
        self.alts: list[str] = []
        self.options: list[dict] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self._script: dict | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        assert not any(name.startswith("on") for name in found), "no code in attributes"
        self.addresses += [found[name] for name in ("src", "href", "srcset", "data", "action") if name in found]
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "img":
            self.pictures.append(found["src"])
            self.alts.append(found["alt"])
        if tag == "option":
            self.options.append(found)
        if "data-row" in found:
            self.worst.append(int(found["data-row"]))
        if tag == "script":
            self._script = found
            self.scripts.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> ends nothing"
        assert self.open.pop() == tag, f"</{tag}> ends another element"
        if tag == "script":
            if self._script.get("class") == "plotly-json":
                self.figures[self._script["data-place"].removeprefix("figure-")] = json.loads(self.scripts[-1])
            self._script = None

    def handle_data(self, data):
        if self._script is not None:
            self.scripts[-1] += data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def numbers(values) -> np.ndarray:
    """Numbers of a figure: plotly writes arrays as base64."""
    if isinstance(values, dict):
        found = np.frombuffer(base64.b64decode(values["bdata"]), dtype=values["dtype"])
        return found.reshape([int(s) for s in values["shape"].split(",")]) if "shape" in values else found
    return np.asarray(values)


def first_picture(found: Page) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(found.pictures[0].partition(",")[2])))


def made(tmp_path, model, X, **options) -> tuple[Page, str]:
    path = report(model, X, tmp_path / "report.html", **options)
    text = path.read_text(encoding="utf-8")
    return Page(text), text


@pytest.fixture(scope="module")
def cancer_page(table, tmp_path_factory):
    model, raw = table
    return made(tmp_path_factory.mktemp("cancer"), model, raw, color="diagnosis", title="Cells & <i>nuclei</i>")


def test_page_is_whole_html(cancer_page):
    found, text = cancer_page
    assert text.startswith("<!DOCTYPE html>")
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    for name in ("losses", "by-column", "codes", "rows", "gradients"):
        assert f"figure-{name}" in found.ids
        assert found.figures[name]["data"]


def test_nothing_is_fetched(cancer_page):
    found, text = cancer_page
    assert all(address.startswith(("#", "data:")) for address in found.addresses)
    assert "default-src 'none'" in text
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_headline_is_that_of_compare_on_held_out_rows(cancer_page, table):
    found, _ = cancer_page
    model, raw = table
    beside = compare(model, raw.take(model.validation_rows_))
    assert beside.verdict().replace("rows,", "held-out rows,", 1) in " ".join(found.words)
    assert beside.ours == pytest.approx(model.comparison_["ours"], rel=1e-3)


def test_bars_by_column_are_those_of_compare_worst_first(cancer_page, table):
    found, _ = cancer_page
    model, raw = table
    beside = compare(model, raw.take(model.validation_rows_)).by_column
    order = np.argsort(-beside.ours)
    ours, pca = found.figures["by-column"]["data"]
    np.testing.assert_allclose(numbers(ours["x"]), beside.ours[order], rtol=1e-6)
    np.testing.assert_allclose(numbers(pca["x"]), beside.pca[order], rtol=1e-6)
    assert ours["customdata"][0] == beside.names[order[0]]


def test_worst_rows_are_the_worst(cancer_page, table):
    found, _ = cancer_page
    model, raw = table
    errors = model.reconstruction_error(raw)
    assert found.worst == np.argsort(-errors, kind="stable")[:10].tolist()
    assert f"patient {found.worst[0]}" in found.text


def test_worst_cells_are_the_worst(table, tmp_path):
    model, raw = table
    values = raw.values.copy()
    values[5, 2] = 4000.0
    found, _ = made(tmp_path, model, replace(raw, values=values))
    assert found.worst[0] == 5
    assert "mean perimeter: 4,000 →" in found.text


def test_losses_carry_pca_and_the_best_epoch(cancer_page, table):
    found, _ = cancer_page
    model, _ = table
    lines = {line["name"]: line for line in found.figures["losses"]["data"]}
    np.testing.assert_allclose(numbers(lines["held-out rows"]["y"]), model.history_["validation_loss"])
    np.testing.assert_allclose(numbers(lines["PCA"]["y"]), model.comparison_["pca"])
    best = lines[f"best epoch ({model.best_epoch_})"]
    assert numbers(best["y"])[0] == pytest.approx(min(model.history_["validation_loss"]))


def test_codes_are_drawn_and_coloured(cancer_page, table):
    found, _ = cancer_page
    _, raw = table
    shown = [trace for trace in found.figures["codes"]["data"] if trace["visible"]]
    assert [trace["name"] for trace in shown] == ["benign", "malignant"]
    assert all(trace["type"] == "scattergl" for trace in shown)
    assert sum(len(numbers(trace["x"])) for trace in shown) == len(raw)
    assert len(found.options) > 5
    for option in found.options:
        assert sum(json.loads(option["data-visible"])) >= 1
        assert len(json.loads(option["data-visible"])) == len(found.figures["codes"]["data"])


def test_missing_cells_are_shown_as_such(table, tmp_path):
    model, raw = table
    frame = pd.DataFrame(np.full((3, 30), np.nan), columns=list(raw.names))
    frame["mean radius"] = [10.0, 12.0, 14.0]
    gaps = as_raw(frame)
    found, _ = made(tmp_path, model, gaps)
    assert "missing" in found.text
    assert "87 missing values are left out" in found.text


def test_what_a_person_wrote_is_escaped(wide, cancer_page, tmp_path):
    assert "Cells & <i>nuclei</i>" in cancer_page[0].words
    model, frame = wide
    color = np.array(["</script><script>alert('c')</script>", "$x$ & <b>y</b>"] * 40)
    found, text = made(
        tmp_path, model, frame, color=color, title="<script>alert('t')</script>", model_path="</code><script>"
    )
    assert not any(script.strip().startswith("alert") for script in found.scripts)
    assert "<script>alert" not in text
    assert found.open == []
    names = {trace["name"] for trace in found.figures["codes"]["data"]}
    assert not any("<" in name for name in names), "plotly reads HTML in its texts"


def test_thousand_columns_show_the_worst_thirty_and_say_so(wide, tmp_path):
    model, frame = wide
    found, text = made(tmp_path, model, frame, held_out=True)
    assert len(numbers(found.figures["by-column"]["data"][0]["x"])) == 30
    assert "The 30 with the largest error are shown" in found.text
    assert "of 1,000" in found.text
    assert len(text) < 8e6


def test_images_are_shown_beside_ours_and_pcas(digits, tmp_path):
    model, images, labels = digits
    found, _ = made(tmp_path, model, images, color=labels)
    assert len(found.pictures) == 8 * 5 + 10 * 2
    assert all(found.alts)
    picture = np.asarray(first_picture(found))
    assert picture.shape == (8, 8, 3)
    for name in ("pixel-ours", "pixel-pca", "pixel-ratio"):
        assert numbers(found.figures[name]["data"][0]["z"]).shape == (8, 8)
    beside = compare(model, images[model.validation_rows_])
    np.testing.assert_allclose(
        numbers(found.figures["pixel-ours"]["data"][0]["z"]), beside.by_pixel.ours, rtol=1e-4, atol=1e-7
    )


def test_first_picture_is_the_row_it_says(digits, tmp_path):
    model, images, _ = digits
    found, _ = made(tmp_path, model, images)
    row = int(found.alts[0].split(":")[0].removeprefix("row "))
    assert row in model.validation_rows_
    picture = np.asarray(first_picture(found))
    np.testing.assert_allclose(picture[..., 0], images[row] * 255 / 16, atol=1)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((6, 9, 3), np.uint8),
        ((6, 9, 4), np.uint8),
        ((6, 9, 2), np.float32),
        ((6, 9, 5), np.float64),
        ((6, 9), np.uint16),
    ],
)
def test_images_of_every_mode(shape, dtype, tmp_path):
    X = (np.random.default_rng(0).random((40, *shape)) * 255).astype(dtype)
    model = Autoencoder(2, kind="image", max_epochs=1, random_state=0).fit(X)
    found, _ = made(tmp_path, model, X)
    assert len(found.pictures) >= 40
    mode = first_picture(found).mode
    assert mode == ("RGBA" if shape[-1] == 4 else "RGB")


def test_missing_pixels_are_checks(tmp_path):
    X = np.random.default_rng(0).random((40, 8, 8))
    X[:, :2, :2] = np.nan
    model = Autoencoder(2, kind="image", max_epochs=1, random_state=0).fit(X)
    found, _ = made(tmp_path, model, X)
    assert "blue checks are missing pixels" in found.text
    picture = np.asarray(first_picture(found))
    assert picture[0, 0, 2] > picture[0, 0, 0]


def test_large_images_are_made_smaller(tmp_path):
    X = np.random.default_rng(0).integers(0, 255, (25, 300, 260)).astype(np.uint8)
    model = Autoencoder(2, network="dense", hidden=(4,), max_epochs=0, random_state=0).fit(X)
    found, _ = made(tmp_path, model, X)
    assert max(first_picture(found).size) <= 224
    assert max(numbers(found.figures["pixel-ours"]["data"][0]["z"]).shape) <= 128


def test_sequences_are_lines(waves, tmp_path):
    model, X = waves
    found, _ = made(tmp_path, model, X)
    lines = found.figures["sequences"]["data"]
    assert {line["name"] for line in lines} == {"original", "Isthmus", "PCA"}
    assert len(numbers(lines[0]["y"])) == 40
    assert "by-step" in found.figures
    assert "by-channel" in found.figures


def test_sequences_of_many_channels_show_the_worst(tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 5, 7))
    model = Autoencoder(2, kind="sequence", max_epochs=1, random_state=0).fit(X)
    found, _ = made(tmp_path, model, X)
    assert "The 4 of 7 channels with the largest error are shown" in found.text


def test_one_row(tmp_path):
    model = Autoencoder(1, max_epochs=1, random_state=0).fit(straight(1))
    found, _ = made(tmp_path, model, straight(1))
    assert found.worst == [0]


def test_one_dimension_and_no_validation(tmp_path):
    X = straight(60)
    model = Autoencoder(1, max_epochs=2, validation_fraction=0, random_state=0).fit(X)
    found, _ = made(tmp_path, model, X)
    assert "Nothing was held out" in found.text
    assert "On 60 training rows" in found.text
    lines = [line["name"] for line in found.figures["losses"]["data"]]
    assert "training rows" in lines
    assert "held-out rows" not in lines


def test_other_rows_are_said_to_be_so(curve, tmp_path):
    model, X = curve
    found, _ = made(tmp_path, model, X[:50])
    assert "It is not known whether training saw any of these rows" in found.text
    found, _ = made(tmp_path, model, X[:50], held_out=True)
    assert "On 50 held-out rows" in found.text


def test_pca_winning_is_said(tmp_path):
    X = straight(200)
    model = Autoencoder(3, max_epochs=1, linear_path=False, random_state=0).fit(X)
    found, text = made(tmp_path, model, X)
    assert "PCA reconstructs better than Isthmus" in found.text
    assert 'class="verdict pca"' in text


def test_sparse_and_binary(tmp_path):
    X = (np.random.default_rng(0).random((80, 12)) < 0.2).astype(float)
    model = Autoencoder(2, max_epochs=1, random_state=0).fit(sparse.csr_array(X))
    found, _ = made(tmp_path, model, sparse.csr_array(X), color=3)
    assert "PCA" not in [line["name"] for line in found.figures["losses"]["data"]], "not the same loss"
    assert {t["name"] for t in found.figures["codes"]["data"] if t["visible"]} == {"0", "1"}


def test_a_loaded_model_gives_the_same_page(curve, tmp_path):
    from isthmus import load

    model, X = curve
    model.save(tmp_path / "model")
    again, _ = made(tmp_path, load(tmp_path / "model"), X, model_path=tmp_path / "model")
    first, _ = made(tmp_path, model, X)
    assert again.figures["by-column"] == first.figures["by-column"]
    assert f'load("{tmp_path / "model"}")' in "".join(again.words)


def test_only_a_sample_of_many_rows_is_drawn(curve, tmp_path):
    model, X = curve
    found, _ = made(tmp_path, model, X, max_points=100)
    assert len(numbers(found.figures["codes"]["data"][0]["x"])) == 100
    assert "100 of 600 rows, drawn at random" in found.text


def test_colour_of_another_length_leaves_the_old_page(curve, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(ParameterError, match="600 rows"):
        report(*curve, path, color=np.zeros(3))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_place_that_cannot_be_written(curve, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelFileError):
        report(*curve, tmp_path / "folder")
    assert issubclass(ModelFileError, IsthmusError)


def test_script_safe_json_stays_the_same_json():
    text = json.dumps({"name": "</script><!-- & >"})
    assert json.loads(page.script_safe(text)) == json.loads(text)
    assert "<" not in page.script_safe(text)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the program chromium")
def test_a_browser_draws_every_figure(table, tmp_path):
    model, raw = table
    path = report(model, raw, tmp_path / "report.html")
    found = Page(path.read_text(encoding="utf-8"))
    done = subprocess.run(
        [
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=8000",
            "--enable-logging=stderr",
            "--dump-dom", path.as_uri(),
        ],
        capture_output=True, text=True, timeout=180, check=True,
    )  # fmt: skip
    assert done.stdout.count('class="plot-container') == len(found.figures)
    assert "Uncaught" not in done.stderr
    assert "Content Security Policy" not in done.stderr
