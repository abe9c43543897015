"""The model card: what a model is, what it was fitted on and how good it is, as Markdown for people."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_MOST_COLUMNS = 60  # of the data schema that are listed
_MOST_EPOCHS = 10  # of the losses that are listed
_PLAIN = "none: the plain autoencoder"  # said of a model without an objective


def model_card(config: Mapping[str, Any]) -> str:
    """Write the README.md of a model folder: Markdown with a front matter as Hugging Face's hub reads it.

    Parameters
    ----------
    config : mapping
        The model's configuration. Of its keys these are shown, each one only where it is there: ``estimator``
        (class name), ``kind``, ``latent_dim``, ``own_objective`` (as text; None: the plain autoencoder),
        ``n_rows``, ``created``, ``isthmus_version``, ``versions`` (dict of package to version),
        ``parameters`` and ``chosen`` (dicts), ``schema`` (a list of column names, of (name, dtype) pairs or of
        dicts with ``name`` and ``dtype``; or a shape; or a dict with any of ``columns``, ``shape``, ``kind``,
        ``dtype``), ``history`` (dict of lists by epoch), ``comparison`` (dict with ``rows``, ``ours``, ``pca``,
        ``ratio``, ``split``), ``about`` (a sentence on what the model is) and ``usage`` (lines of code, a dict with
        ``python`` and ``console``); the last two are by default those of an autoencoder.

    Returns
    -------
    str

    Examples
    --------
    >>> card = model_card({"comparison": {"ours": 0.1, "pca": 0.2, "split": "validation"}})
    >>> "50 % less error than PCA" in card
    True
    """
    estimator = str(config.get("estimator") or "Autoencoder")
    sections = [
        _front_matter(config),
        f"# {_words(estimator)}: a model fitted with Isthmus",
        _about(config),
        _section("Beside PCA", _comparison(config.get("comparison"), config.get("loss") == "tokens")),
        _section("Use", _usage(config.get("usage") or _AUTOENCODER_USE)),
        _section("Data", _schema(config.get("schema"))),
        _section("Parameters", _pairs(config.get("parameters"), "Parameter", "Value")),
        _section("Chosen automatically", _pairs(config.get("chosen"), "What", "Value")),
        _section("Losses", _losses(config.get("history"))),
        _section("Versions", _pairs(_versions(config), "Package", "Version")),
        _section("Files", _FILES),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


_FILES = """\
`config.json` (parameters, history and the checksum of every file), `model.safetensors` (weights),
`preparation.json` and `preparation.safetensors` (how data are prepared and given back), and this page.
Loading runs no code from this folder and checks every file. Files that you add are left alone."""


def _front_matter(config: Mapping[str, Any]) -> str:
    tags = ["isthmus", "autoencoder", "dimensionality-reduction"]
    if isinstance(config.get("kind"), str):
        tags.append(config["kind"])
    # A JSON string is a YAML string too, whatever is in it.
    return "\n".join(["---", "library_name: isthmus", "tags:", *(f"- {json.dumps(tag)}" for tag in tags), "---"])


def _about(config: Mapping[str, Any]) -> str:
    facts = [
        ("kind of data", config.get("kind")),
        ("code size", config.get("latent_dim")),
        ("objective", config["own_objective"] or _PLAIN if "own_objective" in config else None),
        ("rows fitted on", config.get("n_rows")),
        ("saved", config.get("created")),
    ]
    about = (
        config.get("about") or "An autoencoder: it turns each row of data into a short code, and codes back into rows."
    )
    lines = [about]
    lines += [f"- {name}: {_code(value)}" for name, value in facts if value is not None]
    return "\n".join(lines[:1] + ([""] if len(lines) > 1 else []) + lines[1:])


def _comparison(comparison: Any, tokens: bool) -> str:
    if not isinstance(comparison, Mapping):
        return ""
    ours, pca = _float(comparison.get("ours")), _float(comparison.get("pca"))
    if ours is None and pca is None:
        return ""
    ratio = _float(comparison.get("ratio"))
    if ratio is None and ours is not None and pca:
        ratio = ours / pca
    split, rows = comparison.get("split"), comparison.get("rows")
    table = _table(
        ("Share of the tokens that are wrong" if tokens else "Mean squared error, in prepared units", ""),
        [
            ("this model", _number(ours)),
            ("PCA at the same code size", _number(pca)),
            ("this model / PCA", _number(ratio)),
        ],
    )
    counted = f"{rows:,} " if isinstance(rows, int) else ""
    if split == "training":
        where = f"Measured on the {counted}rows fitted on: none were held out, so new rows may fare worse."
    else:
        where = f"Measured on {counted}rows held out of the fit{f' ({_words(split)})' if split else ''}."
    return f"{table}\n\n{_verdict(ratio)} {where}"


def _verdict(ratio: float | None) -> str:
    if ratio is None or not math.isfinite(ratio):
        return "The two could not be compared."
    if ratio < 0.995:
        return f"{100 * (1 - ratio):.0f} % less error than PCA."
    if ratio <= 1.005:
        return "No better than PCA, which is simpler and faster: PCA may serve as well."
    return f"PCA does better: this model has {100 * (ratio - 1):.0f} % more error. Prefer PCA."


_AUTOENCODER_USE = {
    "python": [
        "codes = model.transform(data)             # the same columns, or the same shape of row, as under Data",
        "back = model.inverse_transform(codes)     # in the units of the data",
        "errors = model.reconstruction_error(data)",
    ],
    "console": ["isthmus encode path/to/this/folder new.csv --to codes.csv"],
}


def _usage(use: Mapping[str, Sequence[str]]) -> str:
    python = "\n".join(use["python"])
    console = "\n".join(["isthmus info path/to/this/folder", *use["console"]])
    return f"""\
From Python (`pip install isthmus`), with the path of this folder:

```python
from isthmus import load

model = load("path/to/this/folder")
{python}
```

From the command line:

```console
{console}
```"""


def _schema(schema: Any) -> str:
    if isinstance(schema, Mapping):
        facts = {key: value for key, value in schema.items() if key != "columns" and value is not None}
        parts = [_pairs(facts, "What", "Value"), _schema(schema.get("columns"))]
        return "\n\n".join(part for part in parts if part)
    if not _is_list(schema) or not schema:
        return ""
    if all(isinstance(size, int) for size in schema):
        return f"Each row has the shape {_code(' x '.join(str(size) for size in schema))}."
    columns = [_column(column) for column in schema]
    listed = _table(("Column", "Type"), [(_code(name), _code(dtype)) for name, dtype in columns[:_MOST_COLUMNS]])
    if len(columns) > _MOST_COLUMNS:
        listed += f"\n\nand {len(columns) - _MOST_COLUMNS:,} columns more, {len(columns):,} in all."
    return listed


def _column(column: Any) -> tuple[Any, Any]:
    if isinstance(column, Mapping):
        return column.get("name", ""), column.get("dtype", column.get("type", ""))
    if _is_list(column):
        name, dtype, *_ = (*column, "", "")
        return name, dtype
    return column, ""


def _losses(history: Any) -> str:
    if not isinstance(history, Mapping):
        return ""
    columns = {
        str(name): values for name, values in history.items() if _is_list(values) and values and name != "seconds"
    }
    if not columns:
        return ""
    rows = min(len(values) for values in columns.values())
    best = _best_row(columns, rows)
    shown = _spread(rows, best)
    table = _table(
        [_code(name) for name in columns],
        [[_number(values[row]) for values in columns.values()] for row in shown],
    )
    return f"{table}\n\n{len(shown)} of {rows:,} rows: first, last, best (row {best}) and some between."


def _best_row(columns: Mapping[str, Sequence[Any]], rows: int) -> int:
    for name in ("validation_loss", "train_loss"):
        losses = [(_float(value), row) for row, value in enumerate(columns.get(name, [])[:rows])]
        known = [(loss, row) for loss, row in losses if loss is not None and math.isfinite(loss)]
        if known:
            return min(known)[1]
    return 0


def _spread(rows: int, best: int) -> list[int]:
    steps = min(rows, _MOST_EPOCHS) - 1
    return sorted({best} | {round(i * (rows - 1) / max(1, steps)) for i in range(steps + 1)})


def _versions(config: Mapping[str, Any]) -> dict[str, Any]:
    versions = config.get("versions")
    ours = {"isthmus": config["isthmus_version"]} if config.get("isthmus_version") else {}
    return ours | dict(versions) if isinstance(versions, Mapping) else ours


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}" if body else ""


def _pairs(values: Any, left: str, right: str) -> str:
    if not isinstance(values, Mapping) or not values:
        return ""
    return _table((left, right), [(_code(name), _code(value)) for name, value in values.items()])


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows))


def _number(value: Any) -> str:
    number = _float(value)
    if number is None or math.isnan(number):
        return ""
    return f"{number:,.0f}" if number.is_integer() and abs(number) < 1e9 else f"{number:.4g}"


def _float(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _code(value: Any) -> str:
    """Anything as a code span that stays inside its table cell: no name in the data can become markup."""
    if isinstance(value, float):
        value = f"{value:.6g}"
    text = " ".join(str(value).split())
    if len(text) > 300:
        text = text[:297] + "..."
    if not text:
        return ""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if text[0] == "`" or text[-1] == "`" else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")


def _words(value: Any) -> str:
    """Text outside code spans: letters, digits and plain punctuation only."""
    return re.sub(r"[^\w .,:-]+", " ", str(value)).strip()


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
