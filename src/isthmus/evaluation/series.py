"""A detector of strange steps beside what one would use otherwise: PCA of the same windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.decomposition import PCA

from isthmus.evaluation.series_metrics import Told, told
from isthmus.exceptions import ParameterError
from isthmus.tasks import AnomalyDetector
from isthmus.tasks.series.parts import KEPT
from isthmus.tasks.series.recordings import as_recording, prepared
from isthmus.tasks.series.windows import averaged, windows

#: Share of the steps that are compared where nothing is known of them.
TOP = 0.05


class WindowPCA:
    """Reconstruction error of windows under PCA, as many components as keep 90 % of the variance.

    Parameters
    ----------
    detector : AnomalyDetector
        Fitted with a window: the windows that it was fitted on, its scaling and its length are those of PCA as well.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.sin(np.arange(300) / 4)
    >>> detector = AnomalyDetector(window=25, random_state=0).fit(x)
    >>> x[200] += 3
    >>> abs(int(WindowPCA(detector).score(x).argmax()) - 200) < 25
    True
    """

    def __init__(self, detector: AnomalyDetector) -> None:
        if detector.window is None:
            raise ParameterError("WindowPCA: the detector works on rows; fit one with window= to compare.")
        self._preparation, self._length = detector.preparation_, detector.window_
        self._pca = PCA(KEPT, svd_solver="full").fit(detector._fitted_windows().parts.references.numpy())

    def score(self, X: Any) -> np.ndarray:
        """Score the steps of one recording, higher for stranger ones: the mean of its windows' errors; (time,)."""
        x, seen = prepared(self._preparation, as_recording(X))
        errors = []
        for start in range(0, len(x) - self._length + 1, 4096):
            some = slice(start, start + 4096)
            block = windows(x, self._length, some).numpy()
            squares = (block - self._pca.inverse_transform(self._pca.transform(block))) ** 2
            mask = np.ones_like(squares) if seen is None else windows(seen, self._length, some).numpy()
            errors.append((squares * mask).sum(1) / mask.sum(1).clip(min=1))
        return averaged(np.concatenate(errors), self._length)


@dataclass(frozen=True)
class BesidePCA:
    """A detector and PCA of windows on the same steps.

    Parameters
    ----------
    steps : int
    ours, pca : Told or None
        How well each tells strange steps, where it is known which these are.
    correlation : float
        Spearman's, of both scores.
    shared : float
        Share of the strangest twentieth of the steps by ours that is among PCA's.
    """

    steps: int
    ours: Told | None
    pca: Told | None
    correlation: float
    shared: float

    def table(self) -> list[tuple[str, str, str, str]]:
        """Give heading and lines: ours and PCA by AUC, AP and VUS-PR; without labels no line."""
        lines = [("", "AUC", "AP", "VUS-PR")]
        rows = [("Isthmus", self.ours), ("PCA of windows", self.pca)]
        return lines + [(name, f"{t.auc:.3f}", f"{t.ap:.3f}", f"{t.vus_pr:.3f}") for name, t in rows if t is not None]

    def verdict(self) -> str:
        """Say in a sentence which is better; without labels, how far they agree."""
        if self.ours is None or self.pca is None:
            return (
                f"Beside PCA of the same windows the ranks correlate by {self.correlation:.2f}, and {self.shared:.0%} "
                "of the strangest twentieth are the same; which is right cannot be told without labels."
            )
        if self.pca.ap > self.ours.ap:
            return (
                f"PCA of the same windows tells strange steps better here: average precision {self.pca.ap:.3f} beside "
                f"{self.ours.ap:.3f}. Use it, or another window."
            )
        return f"Average precision {self.ours.ap:.3f}, beside {self.pca.ap:.3f} of PCA of the same windows."


def beside_pca(detector: AnomalyDetector, X: Any, labels: Any = None) -> BesidePCA:
    """Compare a detector with PCA of the same windows on one recording.

    Parameters
    ----------
    detector : AnomalyDetector
        Fitted with a window.
    X : recording
    labels : array of shape (time,), optional
        True or 1 for strange steps.

    Returns
    -------
    BesidePCA

    Examples
    --------
    >>> import numpy as np
    >>> x = np.sin(np.arange(300) / 4)
    >>> detector = AnomalyDetector(window=25, random_state=0).fit(x)
    >>> x[200:220] += 3
    >>> "Average precision" in beside_pca(detector, x, np.isin(np.arange(300), np.arange(200, 220))).verdict()
    True
    """
    ours, pca = -detector.score_samples(X), WindowPCA(detector).score(X)
    top = max(1, int(TOP * len(ours)))
    both = [set(np.argsort(-s, kind="stable")[:top].tolist()) for s in (ours, pca)]
    varies = np.ptp(ours) > 0 and np.ptp(pca) > 0
    correlation = float(np.asarray(spearmanr(ours, pca))[0]) if varies else float("nan")
    known = (None, None) if labels is None else tuple(told(labels, s, detector.window_) for s in (ours, pca))
    return BesidePCA(len(ours), known[0], known[1], correlation, len(both[0] & both[1]) / top)
