"""Made rows beside real ones: `Synthesizer`, and TVAE where `ctgan` can be imported, on mixed frames and bundled sets.

    python benchmarks/synthesize.py                              # the whole table
    python benchmarks/synthesize.py --sets people iris --rows 5000 --seeds 1
    python benchmarks/synthesize.py --tvae path/to/folder        # a folder that ctgan was installed in, for measuring
    python benchmarks/synthesize.py --results figures.json       # what is there already is not measured again

"people" is generated (`synthesize_parts/people.py`): 16 columns like those of the census's "Adult", with skew, spikes,
gaps and known dependencies. The others are scikit-learn's; the targets of iris, wine and breast_cancer and the sex of
diabetes are categories. Four tenths of the rows are held out from all that is fitted. Column error, pair error, AUC,
copies, distances and the attack are those of `isthmus.evaluation.compare_made`; 10,000 rows are made. "held out" is the
same with the real rows held out in the place of made ones: what chance comes to.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from sklearn import datasets
from synthesize_parts.people import people

from isthmus import Synthesizer
from isthmus.evaluation import compare_made

BUNDLED = ("iris", "wine", "breast_cancer", "diabetes")
MADE = 10_000
COLUMNS = ("column %", "pair %", "AUC", "copies %", "nearer %", "attack", "fit s", "sample s")


def frame_of(name: str, rows: int) -> tuple[pd.DataFrame, str]:
    """Give a set as a frame, and the column that a classifier is to tell."""
    if name == "people":
        return people(rows * 10 // 6), "earns"
    bunch = getattr(datasets, f"load_{name}")(as_frame=True)
    frame = bunch.frame.copy()
    if name == "diabetes":
        frame["sex"] = np.where(frame["sex"] > 0, "a", "b")
    else:
        frame["target"] = np.asarray(bunch.target_names)[bunch.target].astype(str)
    return frame, "target"


def split(frame: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Six tenths to fit on, the rest held out."""
    order = np.random.default_rng(seed).permutation(len(frame))
    cut = len(frame) * 6 // 10
    return frame.iloc[order[:cut]].reset_index(drop=True), frame.iloc[order[cut:]].reset_index(drop=True)


def by_tvae(train: pd.DataFrame, seed: int, epochs: int) -> tuple[pd.DataFrame, float, float]:
    """Rows by TVAE (Xu et al., 2019) at its defaults; gaps, which it does not take, by columns of their own."""
    import torch
    from ctgan import TVAE

    filled, gaps = train.copy(), {}
    for name in train.columns:
        if not train[name].isna().any():
            continue
        if pd.api.types.is_numeric_dtype(train[name]):
            gaps[name] = f"{name} missing"
            filled[gaps[name]] = train[name].isna().astype(str)
            filled[name] = train[name].fillna(train[name].median())
        else:
            filled[name] = train[name].fillna("(missing)")
    numeric = [
        name for name in train.columns if pd.api.types.is_numeric_dtype(train[name]) and train[name].dtype != bool
    ]
    discrete = [name for name in filled.columns if name not in numeric]
    filled[discrete] = filled[discrete].astype(str)
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - what ctgan draws from
    began = time.perf_counter()
    model = TVAE(epochs=epochs, enable_gpu=False)
    model.fit(filled, discrete)
    fitted = time.perf_counter()
    made = model.sample(MADE)
    ended = time.perf_counter()
    for name in train.columns:
        if name in gaps:
            made.loc[made[gaps[name]] == "True", name] = np.nan
        elif name in numeric:
            made[name] = made[name].astype(train[name].dtype)
        elif train[name].dtype == bool:
            made[name] = made[name] == "True"
        else:
            made[name] = made[name].astype(object).where(made[name] != "(missing)", None)
    return made[list(train.columns)], fitted - began, ended - fitted


def measured(name: str, method: str, rows: int, seed: int, epochs: int) -> dict[str, float]:
    """All figures of one method on one set."""
    frame, target = frame_of(name, rows)
    train, held = split(frame, seed)
    if method == "Synthesizer":
        began = time.perf_counter()
        synthesizer = Synthesizer(random_state=seed).fit(train)
        fit = time.perf_counter() - began
        began = time.perf_counter()
        made = synthesizer.sample(MADE, random_state=seed)
        sample = time.perf_counter() - began
    else:
        # Only its schema is used, by which rows are compared.
        synthesizer, fit, sample = Synthesizer(max_epochs=1, random_state=0).fit(train), 0.0, 0.0
        made = held
        if method == "TVAE":
            made, fit, sample = by_tvae(train, seed, epochs)
    found = compare_made(synthesizer, train, held, made, target)
    p, u = found.privacy, found.usefulness
    return {
        "column %": 100 * found.fidelity.column_error,
        "pair %": 100 * found.fidelity.pair_error,
        "AUC": u.made if method != "held out" else float("nan"),  # they would be tested on themselves
        "AUC of real": u.real,
        "copies %": 100 * p.copies,
        "nearer %": 100 * p.nearer if method != "held out" else float("nan"),
        "attack": p.attack if method != "held out" else float("nan"),
        "fit s": fit,
        "sample s": sample,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=["people", *BUNDLED])
    parser.add_argument("--rows", type=int, default=12_000, help="rows of people to fit on")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--tvae", help="a folder that ctgan was installed in")
    parser.add_argument("--epochs", type=int, default=300, help="of TVAE: its own default")
    parser.add_argument("--results", type=Path, help="JSON file of figures")
    asked = parser.parse_args()
    if asked.tvae:
        sys.path.append(asked.tvae)
    methods = ["Synthesizer", "held out"]
    try:
        import ctgan  # noqa: F401

        methods.insert(1, "TVAE")
    except ImportError:
        print("ctgan cannot be imported: no TVAE.", file=sys.stderr)
    known: dict[str, Any] = json.loads(asked.results.read_text()) if asked.results and asked.results.is_file() else {}
    warnings.simplefilter("ignore")
    table = Table()
    for heading in ("set", "method", *COLUMNS[:3], "AUC of real", *COLUMNS[3:]):
        table.add_column(heading, justify="left" if heading in ("set", "method") else "right")
    for name in asked.sets:
        for method in methods:
            figures = []
            for seed in range(asked.seeds):
                key = f"{name}/{method}/{asked.rows if name == 'people' else 'all'}/{seed}"
                if key not in known:
                    known[key] = measured(name, method, asked.rows, seed, asked.epochs)
                    if asked.results:
                        asked.results.write_text(json.dumps(known, indent=1))
                    print(key, {k: round(v, 4) for k, v in known[key].items()}, file=sys.stderr, flush=True)
                figures.append(known[key])
            means = {column: float(np.mean([f[column] for f in figures])) for column in figures[0]}
            cells = [f"{means[c]:.2f}" for c in ("column %", "pair %")] + [
                f"{means[c]:.3f}" for c in ("AUC", "AUC of real")
            ]
            cells += [f"{means['copies %']:.2f}", f"{means['nearer %']:.1f}", f"{means['attack']:.3f}"]
            cells += [f"{means['fit s']:.0f}", f"{means['sample s']:.1f}"]
            table.add_row(name, method, *[cell.replace("nan", "–") for cell in cells])
        table.add_section()
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
