"""Strange steps found: `AnomalyDetector(window=)` beside PCA of the same windows, on SKAB, NAB and ECG beats.

    python benchmarks/series.py                            # all three, from ../shared/data
    python benchmarks/series.py --sets skab --window 60    # one of them, with another window

SKAB valve1: 16 files, 8 channels, the first 400 rows train and the rest is scored. NAB: the 36 series that have
windows of anomalies, the first 15 % (750 rows at most) train and the rest is scored. ECG5000: fitted on half of the
normal beats (seed 0), each beat a recording of one window, the other half and all abnormal ones scored. Everything
but the window is at its default. AUC and AP are pooled: scores of all files are put together as they are, then one
curve is drawn; a detector's scores are in spreads of its own training part, and its yardstick goes on learning from
steps that came four windows before, without labels. So PCA has two rows: its errors as they are, and by the same
yardstick (root errors of thirds of the training windows by PCA of the others, which goes on learning). VUS-PR
(tolerance: a window) and event F1 (at the detector's own line; for PCA at the same share of steps) are means over
files. Nothing is point-adjusted.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.decomposition import PCA
from sklearn.metrics import average_precision_score, roc_auc_score

from isthmus import AnomalyDetector
from isthmus.evaluation.series import WindowPCA
from isthmus.evaluation.series_metrics import event_f1, vus_pr
from isthmus.tasks.series.detector import PIECES
from isthmus.tasks.series.parts import KEPT
from isthmus.tasks.series.recordings import as_recording, interpolated, prepared
from isthmus.tasks.series.windows import averaged, windows
from isthmus.tasks.series.yardstick import Yardstick, joined

RAW, BY_YARDSTICK = "PCA of windows", "PCA, same yardstick"
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
#: Windows that the bars were set with, and the bars themselves: AUC and AP.
WINDOWS = {"skab": 60, "nab": 48, "ecg": 140}
BARS = {"skab": (0.88, 0.90), "nab": (0.70, 0.36), "ecg": (0.999, float("nan"))}


@dataclass(frozen=True)
class Series:
    """What is fitted on, what is scored, and which steps of that are strange."""

    train: list[np.ndarray]
    test: list[np.ndarray]
    labels: list[np.ndarray]


def skab() -> list[Series]:
    """Read valve1 of the Skoltech Anomaly Benchmark."""
    found = []
    for path in sorted((DATA / "skab" / "valve1").glob("*.csv"), key=lambda p: int(p.stem)):
        rows = list(csv.reader(path.open(), delimiter=";"))[1:]
        x = np.array([row[1:9] for row in rows], dtype=float)
        y = np.array([float(row[9]) for row in rows]) > 0.5
        found.append(Series([x[:400]], [x[400:]], [y[400:]]))
    return found


def nab() -> list[Series]:
    """Read the series of the Numenta Anomaly Benchmark that have windows of anomalies."""
    found = []
    for name, stretches in json.loads((DATA / "nab" / "windows.json").read_text()).items():
        path = DATA / "nab" / name
        if not stretches or not path.exists():
            continue
        rows = list(csv.DictReader(path.open()))
        x = np.array([[float(row["value"])] for row in rows])
        when = np.array([datetime.fromisoformat(row["timestamp"]) for row in rows])
        y = np.zeros(len(x), dtype=bool)
        for first, last in stretches:
            y |= (when >= datetime.fromisoformat(first)) & (when <= datetime.fromisoformat(last))
        n = min(750, int(0.15 * len(x)))
        found.append(Series([x[:n]], [x[n:]], [y[n:]]))
    return found


def ecg() -> list[Series]:
    """Read heart beats: half of the normal ones train."""
    rows = list(csv.reader((DATA / "ecg5000-train500" / "beats.csv").open()))[1:]
    beats = np.array([row[:140] for row in rows], dtype=float)[:, :, None]
    strange = np.array([float(row[140]) != 1 for row in rows])
    normal = np.random.default_rng(0).permutation(np.flatnonzero(~strange))
    train, rest = normal[: len(normal) // 2], np.concatenate([normal[len(normal) // 2 :], np.flatnonzero(strange)])
    return [Series(list(beats[train]), list(beats[rest]), [np.array([s]) for s in strange[rest]])]


SETS: dict[str, Callable[[], list[Series]]] = {"skab": skab, "nab": nab, "ecg": ecg}


@dataclass(frozen=True)
class Figures:
    """What is measured of one method on one set."""

    auc: float
    ap: float
    vus_pr: float
    event_f1: float
    seconds: float


def measured(series: list[Series], window: int, *, novelty: bool = False) -> dict[str, Figures]:
    """Fit on each file, score the rest of it, and give the figures of each method."""
    scores: dict[str, list[np.ndarray]] = {"Isthmus": [], RAW: [], BY_YARDSTICK: []}
    by_file: dict[str, list[tuple[float, float]]] = {name: [] for name in scores}
    seconds, labels = dict.fromkeys(scores, 0.0), []
    for one in series:
        beats = len(one.labels[0]) == 1 < len(one.test[0])
        begun = time.process_time()
        detector = AnomalyDetector(window=window, novelty=novelty, random_state=0, device="cpu").fit(one.train)
        found = {"Isthmus": _first(detector.score_samples(one.test), one.labels, -1)}
        seconds["Isthmus"] += time.process_time() - begun
        begun = time.process_time()
        pca = WindowPCA(detector)
        found[RAW] = _first([pca.score(x) for x in one.test], one.labels, 1)
        seconds[RAW] += time.process_time() - begun
        begun = time.process_time()
        found[BY_YARDSTICK] = _first(by_yardstick(detector, one), one.labels, 1)
        seconds[BY_YARDSTICK] += time.process_time() - begun
        y = np.concatenate(one.labels)
        labels.append(y)
        share = float((found["Isthmus"] > -detector.offset_).mean())
        for name, s in found.items():
            scores[name].append(s)
            if y.any() and not y.all():
                flagged = s > (-detector.offset_ if name == "Isthmus" else np.quantile(s, 1 - share))
                by_file[name].append((vus_pr(y, s, 0 if beats else window), event_f1(y, flagged)))
    truth = np.concatenate(labels)
    out = {}
    for name, parts in scores.items():
        s = np.concatenate(parts)
        vus, event = np.mean(by_file[name], axis=0)
        areas = float(roc_auc_score(truth, s)), float(average_precision_score(truth, s))
        out[name] = Figures(*areas, float(vus), float(event), seconds[name])
    return out


def by_yardstick(detector: AnomalyDetector, one: Series) -> list[np.ndarray]:
    """Score by PCA of windows, measured and joined as the detector's own parts are."""
    length = detector.window_
    train = [interpolated(*prepared(detector.preparation_, as_recording(x))) for x in one.train]
    rows = np.concatenate([windows(x, length).numpy() for x in train])
    places, held_out = np.arange(len(rows)), []
    for piece in range(PIECES):
        low, high = len(rows) * piece // PIECES, len(rows) * (piece + 1) // PIECES
        others = (places < low - length // 2) | (places >= high + length // 2)
        held_out.append(_errors(_pca(rows[others if others.sum() > 1 else slice(None)]), rows[low:high]))
    yardstick, pca, found = Yardstick.of(np.concatenate(held_out), length), _pca(rows), []
    for x in one.test:
        steps = interpolated(*prepared(detector.preparation_, as_recording(x)))
        raw = _errors(pca, windows(steps, length).numpy())
        found.append(averaged(joined(yardstick.copy().follow(raw)), length))
    return found


def _pca(rows: np.ndarray) -> PCA:
    return PCA(KEPT, svd_solver="full").fit(rows)


def _errors(pca: PCA, rows: np.ndarray) -> np.ndarray:
    """Give the root mean squared error of each window, in both columns that a yardstick has."""
    left = rows - pca.inverse_transform(pca.transform(rows))
    return np.repeat(np.sqrt((left**2).mean(1))[:, None], 2, axis=1)


def _first(scores: list[np.ndarray], labels: list[np.ndarray], sign: int) -> np.ndarray:
    """Give as many scores of each recording as there are labels: all, or one for a beat, whose steps score alike."""
    return sign * np.concatenate([s[: len(y)] for s, y in zip(scores, labels, strict=True)])


def table(sets: list[str], window: int | None = None, *, novelty: bool = False) -> Table:
    """Give one table of all sets, each method and the bars."""
    out = Table(title="Strange steps", title_justify="left")
    for heading in ("set", "window", "method", "AUC", "AP", "VUS-PR", "event F1", "CPU s"):
        out.add_column(heading, justify="left" if heading in ("set", "method") else "right")
    for name in sets:
        length = window or WINDOWS[name]
        for method, f in measured(SETS[name](), length, novelty=novelty).items():
            figures = (f"{v:.3f}" for v in (f.auc, f.ap, f.vus_pr, f.event_f1))
            out.add_row(name, str(length), method, *figures, f"{f.seconds:.1f}")
        auc, ap = BARS[name]
        out.add_row(name, "", "bar", f"{auc:.3f}", "" if ap != ap else f"{ap:.3f}", "", "", "", end_section=True)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--window", type=int)
    parser.add_argument("--novelty", action="store_true", help="fit with novelty=True")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    Console(width=110).print(table(asked.sets, asked.window, novelty=asked.novelty))


if __name__ == "__main__":
    main()
