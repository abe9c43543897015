"""What a detector does with recordings rather than rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from isthmus import parameters as check
from isthmus.data import Preparation, preparation_for
from isthmus.exceptions import DataError, ParameterError
from isthmus.tasks.anomaly_line import Line
from isthmus.tasks.anomaly_parts.explanation import Explanation, column_names
from isthmus.tasks.base import Learnt, Task
from isthmus.tasks.series.detector import How, Steps, WindowDetector
from isthmus.tasks.series.recordings import (
    are_several,
    as_recording,
    as_recordings,
    interpolated,
    joined,
    prepared,
    told_steps,
)
from isthmus.tasks.series.stream import Stream
from isthmus.tasks.series.windows import period

#: Windows that can be learnt from, at the least.
FEWEST_WINDOWS = 4
#: Steps of a recording that a period can be looked for in, at the least.
FEWEST_STEPS = 2


class OverTime(Line, Task):
    """Verbs of a detector that was given a window: X is one recording, or a list of them."""

    window: int | str | None
    novelty: bool
    parts: str | Sequence[str]
    verbose: int
    parts_: tuple[str, ...]
    window_: int
    _windows: WindowDetector | None
    _own: np.ndarray

    # --- Fitting

    def _fit_recordings(self, X: Any) -> None:
        """Learn what windows of recordings are like."""
        if self.kind not in ("auto", "sequence") or not isinstance(self.parts, str):
            raise ParameterError(
                "AnomalyDetector: with window= X is a recording and has parts of its own. Leave kind= and parts= out."
            )
        recordings = as_recordings(X)
        rows = joined(recordings)
        preparation = preparation_for(rows, "standard")
        for raw in recordings:
            preparation.refuse_infinite(raw)
        preparation = preparation.fit(rows)
        steps = [prepared(preparation, raw) for raw in recordings]
        if isinstance(self.window, int | np.integer):
            length = int(self.window)
        else:
            short = next((i for i, raw in enumerate(recordings) if len(raw) < FEWEST_STEPS), None)
            if short is not None:
                raise DataError(
                    f"Recording {short} of {len(recordings)} ({recordings[short].origin}) has "
                    f"{told_steps(recordings[short])}: too few for window='auto', which needs {FEWEST_STEPS} of each. "
                    "Leave the recording out; steps are rows."
                )
            length = period([interpolated(*one).numpy() for one in steps])
        for i, raw in enumerate(recordings):
            if len(raw) < length:
                raise DataError(
                    f"Recording {i} of {len(recordings)} ({raw.origin}) has {told_steps(raw)}, fewer than "
                    f"window={length}. Give a shorter window, or leave the recording out; steps are rows."
                )
        if len(rows) - len(recordings) * (length - 1) < FEWEST_WINDOWS:
            raise DataError(
                f"{recordings[0].origin} has {len(rows)} steps: too few to learn windows of {length} from. Give a "
                "shorter window, or more of the recording."
            )
        how = How(length, bool(self.novelty), self._seed(), self.device, self.verbose)
        detector = WindowDetector(length).fit(steps, how)
        self._fitted_on(preparation, len(rows))
        self._windows, self.window_, self._stream = detector, length, None
        self.parts_ = detector.parts.NAMES
        self.calibration_scores_ = np.sort(detector.calibration)
        self._own = np.concatenate([detector.scores(one) for one in steps])
        self._draw_line()

    # --- Scores

    def _steps(self, X: Any, *, least: int = 0) -> Steps:
        """Take one recording with the channels fitted on."""
        raw = as_recording(X)
        preparation: Preparation = self.preparation_
        preparation.refuse_infinite(raw)
        least = least or self.window_
        if len(raw) < least:
            raise DataError(
                f"{raw.origin} has {told_steps(raw)}, fewer than the window of {least} that was fitted with; steps are "
                "rows."
            )
        return prepared(preparation, raw)

    def _recording_scores(self, X: Any) -> np.ndarray:
        detector = self._fitted_windows()
        return np.concatenate([detector.scores(self._steps(one)) for one in (X if are_several(X) else [X])])

    def _labels_of(self, X: Any, y: Any) -> Any:
        if not self._over_time() or not are_several(X):
            return y
        lengths, told = (
            [len(as_recording(one)) for one in X],
            [np.shape(one) for one in y] if hasattr(y, "__len__") else [],
        )
        if told != [(n,) for n in lengths]:
            raise DataError(
                f"y= cannot be used with {len(X)} recordings: expected a list of as many arrays of labels, of the "
                f"lengths {lengths[:5]}; got shapes {told[:5]}."
            )
        return np.concatenate([np.asarray(one) for one in y])

    def _over_time(self) -> bool:
        """Whether the detector was fitted on recordings."""
        check_is_fitted(self)
        return self._windows is not None

    def _refuse_recordings(self, what: str) -> None:
        """Refuse what there is for rows alone."""
        if self._over_time():
            raise ParameterError(f"AnomalyDetector: {what} is for rows; there is none of recordings. Fit anew.")

    def _fitted_windows(self) -> WindowDetector:
        check_is_fitted(self)
        if self._windows is None:
            raise ParameterError("AnomalyDetector: this is for recordings; fit with window= for that.")
        return self._windows

    def _each(self, verb: Callable[..., np.ndarray], X: Any, **more: Any) -> Any:
        """Do something with one recording, or with each of a list; rows are taken as they are."""
        if not self._over_time() or not are_several(X):
            return verb(X, **more)
        return [verb(one, **more) for one in X]

    def score_samples(self, X: Any) -> Any:
        """Score rows, or with `window` the steps of recordings: the lower, the stranger.

        Parameters
        ----------
        X : same as in fit

        Returns
        -------
        ndarray of shape (n,), or a list of them for a list of recordings
            Minus the anomaly score, so at most 0. That of a step is the mean over the windows that hold it.
        """
        return self._each(super().score_samples, X)

    def decision_function(self, X: Any) -> Any:
        """Score rows or steps beside the line: below 0 is strange; ndarray of shape (n,), or a list of them."""
        return self._each(super().decision_function, X)

    def p_values(self, X: Any) -> Any:
        """Probability that a usual row or step is at least as strange.

        With `novelty` these are conformal: of usual rows, at most a share alpha has a value of at most alpha, on
        average and for any number of rows. Without, they are ranks among the rows fitted on, of which some may be
        strange themselves, and tend to be too large. Of the steps of recordings they are ranks among the steps fitted
        on, each scored by parts that were fitted on other pieces: steps hang together, and nothing is promised.

        Parameters
        ----------
        X : same as in fit

        Returns
        -------
        ndarray of shape (n,), or a list of them for a list of recordings
            At least 1 / (m + 1), with m calibration rows.
        """
        return self._each(super().p_values, X)

    def predict(self, X: Any, *, fdr: float | None = None) -> Any:
        """Say which rows or steps are strange.

        Parameters
        ----------
        X : same as in fit
        fdr : float, optional
            In place of the line: flag so that at most this share of the rows flagged is usual, on average, by the
            procedure of Benjamini and Hochberg on `p_values`. It holds for rows, with `novelty`.

        Returns
        -------
        int ndarray of shape (n,), or a list of them for a list of recordings
            -1 for strange rows, 1 for usual ones.
        """
        return self._each(super().predict, X, fdr=fdr)

    def score_cells(self, X: Any) -> Any:
        """Score each value of recordings: with `window`; the lower, the stranger.

        The score of a window is shared out among its cells by what each adds to it. A cell has the mean over the
        windows that hold it, times the length of a window: the sum over the channels is a score of the step, sharper
        than that of `score_samples`.

        Parameters
        ----------
        X : same as in fit

        Returns
        -------
        ndarray of shape (time, channels), or a list of them for a list of recordings
            At most 0; 0 where a value is missing.
        """
        return self._each(self._cells_of, X)

    def _cells_of(self, X: Any) -> np.ndarray:
        return -self._fitted_windows().cells(self._steps(X))

    def _explain_steps(self, X: Any) -> Explanation:
        """Share the score of each step out among its channels, and give what the autoencoder expected."""
        if are_several(X):
            raise ParameterError("AnomalyDetector: explain takes one recording at a time.")
        detector = self._fitted_windows()
        raw, steps = as_recording(X), self._steps(X)
        scores, cells = detector.scores(steps), detector.cells(steps)
        sums = cells.sum(1, keepdims=True)
        shares = np.where(sums > 0, cells / np.where(sums > 0, sums, 1.0), 1 / cells.shape[1])
        expected = self.preparation_.inverse(detector.expected(steps))
        values = np.asarray(raw.values, dtype=np.float64)
        return Explanation(column_names(self.preparation_), scores, scores[:, None] * shares, values, expected)

    # --- Rows as they come

    def update(self, rows: Any) -> np.ndarray:
        """Score a recording as it goes on: with `window`.

        The score of a step is the mean over all windows that hold it, and so is known once `window_` - 1 more steps
        have come. All that `update` gives, one after the other, and `pending` at the end are what `score_samples` gives
        for the whole recording, however it is cut. The recording so far is not saved with the model.

        Parameters
        ----------
        rows : array of shape (k, channels), frame
            The next steps; (channels,) is one, and (k,) several where there is one channel.

        Returns
        -------
        ndarray of shape (j,)
            Scores of the steps that are settled by these rows; the lower, the stranger.
        """
        detector = self._fitted_windows()
        if self._stream is None:
            self._stream = Stream(detector)
        if len(rows) == 0:
            return np.zeros(0)
        if np.ndim(rows) == 1 and self.n_features_in_ > 1:
            rows = np.asarray(rows)[None]
        return -self._stream.update(self._steps(rows, least=1))

    def pending(self) -> np.ndarray:
        """Score the last steps that `update` was given, up to `window_` - 1, by the windows that have come so far.

        Returns
        -------
        ndarray of shape (j,)
            NaN as long as there is no whole window.
        """
        self._fitted_windows()
        return np.zeros(0) if self._stream is None else -self._stream.pending()

    def reset(self) -> None:
        """Forget the rows that `update` was given: the next ones begin another recording."""
        self._stream = None

    # --- To a folder and back

    def _learnt_windows(self, detector: WindowDetector) -> Learnt:
        arrays = detector.arrays() | {"own": self._own}
        return Learnt({"window": self.window_, "offset": self.offset_}, arrays, {"windows": detector.parts.autoencoder})

    def _restore_windows(self, learnt: Learnt) -> None:
        self.window_, self.offset_, self._stream = learnt.values["window"], learnt.values["offset"], None
        self._windows = WindowDetector.restore(self.window_, learnt.arrays, learnt.autoencoders)
        self.parts_ = self._windows.parts.NAMES
        self.calibration_scores_ = np.sort(learnt.arrays["calibration"])
        self._own = learnt.arrays["own"]


#: What `window` may be: a check, and words for a message.
WINDOW = (
    check.either(check.nothing, check.AUTO, check.whole(2)),
    "None, 'auto' or a whole number of steps from 2 on",
)
