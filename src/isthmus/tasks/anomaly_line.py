"""Where a detector draws the line between usual and strange rows, and how sure it is of a row."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from isthmus import parameters as check
from isthmus.exceptions import DataError, ParameterError
from isthmus.tasks.anomaly_parts.conformal import discoveries, p_values
from isthmus.tasks.anomaly_parts.thresholds import above_share, by_labels, fence


class Line:
    """The verbs of a detector that follow from its scores; a subclass gives these."""

    contamination: str | float
    offset_: float
    calibration_scores_: np.ndarray

    def _scores(self, X: Any) -> np.ndarray:
        raise NotImplementedError

    def _own_scores(self) -> np.ndarray:
        """Give the anomaly scores of all rows that were given to fit, or of the sample of them that is kept."""
        raise NotImplementedError

    def score_samples(self, X: Any) -> np.ndarray:
        """Score rows: the lower, the stranger.

        Parameters
        ----------
        X : same as in fit

        Returns
        -------
        ndarray of shape (n,)
            Minus the anomaly score, so at most 0.
        """
        return -self._scores(X)

    def decision_function(self, X: Any) -> np.ndarray:
        """Score rows beside the line: below 0 is strange; ndarray of shape (n,)."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any, *, fdr: float | None = None) -> np.ndarray:
        """Say which rows are strange.

        Parameters
        ----------
        X : same as in fit
        fdr : float, optional
            In place of the line: flag so that at most this share of the rows flagged is usual, on average, by the
            procedure of Benjamini and Hochberg on `p_values`. It holds with `novelty`.

        Returns
        -------
        int ndarray of shape (n,)
            -1 for strange rows, 1 for usual ones.
        """
        if fdr is None:
            return np.where(self.decision_function(X) < 0, -1, 1)
        if not check.number(0, 1, open_left=True)(fdr):
            raise ParameterError(f"fdr={fdr!r} cannot be used; expected a share above 0 and below 1.")
        return np.where(discoveries(self.p_values(X), float(fdr)), -1, 1)

    def p_values(self, X: Any) -> np.ndarray:
        """Probability that a usual row is at least as strange.

        With `novelty` these are conformal: of usual rows, at most a share alpha has a value of at most alpha, on
        average and for any number of rows. Without, they are ranks among the rows fitted on, of which some may be
        strange themselves, and tend to be too large.

        Parameters
        ----------
        X : same as in fit

        Returns
        -------
        ndarray of shape (n,)
            At least 1 / (m + 1), with m calibration rows.
        """
        return p_values(self._scores(X), self.calibration_scores_)

    def threshold(
        self,
        *,
        budget: float | None = None,
        rows: float | None = None,
        false_alarms: float | None = None,
        X: Any = None,
        y: Any = None,
    ) -> float:
        """Draw the line that `predict` goes by, in one of three ways, and set `offset_`.

        Parameters
        ----------
        budget, rows : float, optional
            Alerts that can be looked at, of how many rows: `budget=50, rows=10_000` for fifty a day where ten thousand
            rows come in a day.
        false_alarms : float, optional
            Share of usual rows that may be flagged. With `novelty` it holds in finite samples.
        X, y : rows and labels, optional
            Some rows of which it is known what they are: 1 or True for strange and 0 for usual, or -1 for strange and
            1 for usual; of a list of recordings, a list of the labels of each. The line that tells them apart best: the
            largest sum of the shares of both that are told right.

        Returns
        -------
        float
            The new `offset_`.

        Raises
        ------
        ParameterError
            If none or several ways are given, or a share is too small for the number of calibration rows.
        """
        ways = (budget is not None or rows is not None, false_alarms is not None, X is not None or y is not None)
        if sum(ways) != 1:
            raise ParameterError(
                "threshold takes one of three: budget= with rows=, false_alarms=, or X= with y=. Give exactly one."
            )
        if ways[2]:
            scores = self._scores(X)
            self.offset_ = -by_labels(scores, _labels(self._labels_of(X, y), len(scores)))
            return self.offset_
        share = _share_of(budget, rows) if ways[0] else false_alarms
        if share is None or not check.number(0, 1, open_left=True)(share):
            raise ParameterError(f"false_alarms={share!r} cannot be used; expected a share above 0 and below 1.")
        line = above_share(self.calibration_scores_, float(share))
        if np.isinf(line):
            raise ParameterError(
                f"A share of {share:g} needs at least {int(np.ceil(1 / share)) - 1:,} calibration rows to be seen; "
                f"there are {len(self.calibration_scores_):,}. Fit on more rows, or allow a larger share."
            )
        self.offset_ = -line
        return self.offset_

    def _labels_of(self, X: Any, y: Any) -> Any:
        """Give one array of labels, as many as there are scores of X."""
        return y

    def _draw_line(self) -> None:
        scores = self.calibration_scores_
        if scores[-1] - scores[0] < 1e-9:
            warnings.warn(
                "Every row has the same anomaly score: nothing in these rows tells one from another. Look whether the "
                "columns vary at all, and fit on more rows.",
                stacklevel=3,
            )
        if isinstance(self.contamination, str):
            self.offset_ = -fence(scores)
        else:
            self.offset_ = float(np.percentile(-self._own_scores(), 100 * self.contamination))


def _share_of(budget: float | None, rows: float | None) -> float:
    """Give the share of rows that can be looked at."""
    positive = check.number(0, open_left=True)
    if budget is None or rows is None or not positive(budget) or not positive(rows) or budget >= rows:
        raise ParameterError(
            f"budget={budget!r} and rows={rows!r} cannot be used; expected numbers above 0, the budget below the rows "
            "that it is for, such as budget=50, rows=10_000."
        )
    return budget / rows


def _labels(y: Any, n: int) -> np.ndarray:
    """Take labels in either manner; True for strange."""
    labels = np.asarray(y)
    known = labels.ndim == 1 and labels.dtype.kind in "biuf" and set(np.unique(labels).tolist()) in ({0, 1}, {-1, 1})
    if not known or len(labels) != n:
        raise DataError(
            f"y= cannot be used with {n} rows: expected as many labels of both sorts, 1 for strange and 0 for usual, "
            f"or -1 for strange and 1 for usual; got {labels.shape} with values {np.unique(labels)[:5].tolist()}."
        )
    return labels == (-1 if (labels == -1).any() else 1)
