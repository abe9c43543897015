"""Finding strange rows: several ideas of what is strange, joined, with probabilities and reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import OutlierMixin
from torch import Tensor

from isthmus import parameters as check
from isthmus.data import Preparation, Raw, as_raw, preparation_for
from isthmus.exceptions import DataError
from isthmus.tasks.anomaly_parts import PARTS, Setting
from isthmus.tasks.anomaly_parts import explanation as told
from isthmus.tasks.anomaly_parts.drift import MOST, Drift, energy_test
from isthmus.tasks.anomaly_parts.ensemble import Ensemble, below
from isthmus.tasks.anomaly_parts.explanation import Explanation
from isthmus.tasks.anomaly_parts.rows_kept import RowsKept, flat, most_usual, roles, some
from isthmus.tasks.base import Learnt, Task, refuse_tokens
from isthmus.tasks.series.verbs import WINDOW, OverTime

#: Parts that "auto" means, by whether the rows fitted on are known to be clean.
AUTO = {True: ("knn", "noise", "residual", "mahalanobis"), False: ("knn", "mahalanobis", "forest")}
#: Parts by which rows that may be contaminated are first put in order; "forest" is not grown again after that.
FIRST = ("knn", "forest")
#: Rows held out that stand for all those fitted on in a check of drift, at the least.
FEWEST_COMPARED = 100
#: Share of contaminated rows that is left out of the second fit.
LEFT_OUT = 0.25
#: Neighbours: of clean rows; of contaminated ones the share of the references at the first and at the second look, and
#: the fewest.
NEIGHBOURS, FIRST_SHARE, SECOND_SHARE, FEWEST = 3, 0.05, 0.01, 5
#: Rows that are fitted on, and that distances are taken to, at most: so that time is linear in the rows, and short.
MOST_FITTED, MOST_REFERENCES, FIRST_REFERENCES = 20_000, 10_000, 5_000
#: Values that are kept at most: fewer rows where they are wide.
MOST_VALUES = 1 << 24


class AnomalyDetector(OutlierMixin, OverTime):
    """Finds the rows that are unlike the others, or unlike the clean rows that it was fitted on.

    Several ideas of what is strange are fitted side by side and joined: distance to the nearest rows, what a denoising
    network takes for noise, what such a network leaves over. It works on every kind of data.

    Parameters
    ----------
    novelty : bool, default=False
        Whether the rows fitted on are clean. If not, the strangest quarter of them is found first by robust parts and
        left out of the fit. If so, a tenth of them is held out to judge by, and `p_values` hold in finite samples; of m
        rows held out the least p-value is 1 / (m + 1), so that 1,000 rows are needed to see one in a hundred.
    contamination : "auto" or float, default="auto"
        Where `predict` draws the line: a float flags this share of the rows given to `fit`. "auto": Tukey's upper
        fence of their scores, the third quartile and one and a half times the distance between the quartiles.
    parts : "auto" or sequence of str, default="auto"
        What the score is made of: "knn" (distance to the nearest neighbours), "noise" (that a denoising network sees
        in the row), "residual" (what such a network leaves over, whitened), "mahalanobis" (under a robust covariance),
        "forest" (isolation forest). "auto": the first four with `novelty`; else "knn", "mahalanobis" and "forest":
        networks learn to give back strange rows too.
    window : int, "auto" or None, default=None
        For recordings: X is then one of shape (time, channels), or a list of them, and each step has a score, the mean
        over the windows of so many steps that hold it; "auto" looks for a period. Parts are then "residual", of an
        autoencoder with a linear path, and "knn", both of windows; `kind` and `parts` are left out.
    kind : {"auto", "vector", "table", "image", "sequence"}, default="auto"
        What the data are; "auto" looks at them.
    random_state : int, RandomState instance or None, default=None
        The same int gives the same scores.
    device : str, default="auto"
        Where the networks are trained: "cpu", "cuda", "cuda:1", "mps", or "auto": the first GPU there is.
    verbose : int, default=0
        1 shows a progress bar for each network, 2 a line an epoch.

    Attributes
    ----------
    offset_ : float
        Line between usual and strange rows: `decision_function` is `score_samples` less this.
    window_ : int
        Steps of a window; only with `window`.
    parts_ : tuple of str
        What the score is made of.
    calibration_scores_ : ndarray of shape (m,)
        Anomaly scores that p-values and lines are taken from, ascending: of the rows held out with `novelty`, else of
        the rows fitted on.
    kind_, preparation_, schema_, n_features_in_, feature_names_in_, n_rows_
        As of an `Autoencoder`.

    Notes
    -----
    At most 20,000 rows, drawn at random, are fitted on, and distances are taken to at most 10,000 of them. A missing
    cell is taken for the mean of its column, or its commonest category: it makes a row neither strange nor usual. So is
    a category that was not there in fit, where none is rare: a warning tells of it.

    References
    ----------
    Ramaswamy et al. (2000) and Angiulli and Pizzuti (2002) for neighbours, Alain and Bengio, "What regularized
    auto-encoders learn from the data-generating distribution" (2014) for the noise, Ledoit and Wolf (2004) for the
    covariance, Rousseeuw and Van Driessen (1999) for the robust one, Liu et al. (2008) for the forest.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus import AnomalyDetector
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> X[7] = [6.0, -6.0, 6.0]
    >>> detector = AnomalyDetector(contamination=0.005, parts=("knn", "mahalanobis"), random_state=0)
    >>> np.flatnonzero(detector.fit_predict(X) == -1).tolist()
    [7]
    """

    PARAMETERS: ClassVar = {
        **Task.PARAMETERS,
        "novelty": (check.flag, "True or False"),
        "window": WINDOW,
        "contamination": (
            lambda v: check.AUTO(v) or (check.number(0, 0.5, open_left=True)(v) or v == 0.5),
            "'auto' or a share above 0 and up to 0.5",
        ),
        "parts": (
            lambda v: check.AUTO(v) or (not isinstance(v, str) and len(v) > 0 and all(p in PARTS for p in v)),
            f"'auto', or some of {', '.join(map(repr, PARTS))}, such as ('knn', 'noise')",
        ),
    }
    ABOUT: ClassVar[str] = "A detector of strange rows: it gives each row a score, with a reason by column."
    USAGE: ClassVar = {
        "python": [
            "scores = model.score_samples(data)        # lower is stranger; the same columns as under Data",
            "p = model.p_values(data)",
            "reasons = model.explain(data).to_table()",
        ],
        "console": ["isthmus score new.csv --model path/to/this/folder --explain -o scores.csv"],
    }

    def __init__(
        self,
        *,
        novelty: bool = False,
        contamination: str | float = "auto",
        parts: str | Sequence[str] = "auto",
        window: int | str | None = None,
        kind: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: int = 0,
    ):
        self.novelty = novelty
        self.contamination = contamination
        self.parts = parts
        self.window = window
        self.kind = kind
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    # --- Fitting

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the detector.

        Parameters
        ----------
        X : array, frame, sparse matrix, tensor, Dataset, list or path
            Rows; NaN means missing.
        y : ignored

        Returns
        -------
        AnomalyDetector
            Itself.

        Raises
        ------
        ParameterError
            If a parameter has a value that cannot be used.
        DataError
            If the data cannot be used: the message names row and column.
        """
        self._check_parameters()
        self._windows = None
        self.__dict__.pop("window_", None)  # of a fit on recordings before
        if self.window is not None:
            self._fit_recordings(X)
            return self
        raw = as_raw(X, kind=self.kind)
        refuse_tokens(raw, "AnomalyDetector")
        if len(raw) < 2:
            raise DataError(f"{raw.origin} has {len(raw)} sample(s): a detector needs 2 rows to fit at the least.")
        rng = np.random.default_rng(self._seed())
        preparation_for(raw).refuse_infinite(raw)
        n_rows = len(raw)
        most = min(MOST_FITTED, max(1000, MOST_VALUES // int(np.prod(raw.item_shape))))
        if n_rows > most:
            raw = raw.take(np.sort(rng.choice(n_rows, most, replace=False)))
        kept, judged = roles(len(raw), self.novelty, rng)
        # Scaling, too, is learnt without the rows held out: they must be as new to the score as any row to come.
        preparation = preparation_for(raw, "standard").fit(raw.take(kept) if self.novelty else raw)
        x = flat(preparation, raw)
        before = None
        if not self.novelty:
            first = Ensemble([PARTS[name]() for name in FIRST]).fit(x, self._first(len(x), rng))
            kept = most_usual(first.score(x), x, 1 - LEFT_OUT)
            before = first.only(self._part_names()) if set(FIRST) & set(self._part_names()) else None
        parts = [PARTS[name]() for name in self._part_names() if self.novelty or name != "forest"]
        ensemble = Ensemble(parts, before).fit(x[torch.from_numpy(kept)], self._setting(len(kept), rng))
        self._set(preparation, n_rows, ensemble, RowsKept(x, kept, judged, n_rows))
        self._draw_line()
        return self

    def _part_names(self) -> tuple[str, ...]:
        return AUTO[bool(self.novelty)] if isinstance(self.parts, str) else tuple(dict.fromkeys(self.parts))

    def _first(self, n: int, rng: np.random.Generator) -> Setting:
        """Say how the first look at contaminated rows is fitted: on all of them, with many neighbours."""
        references = some(n, FIRST_REFERENCES, rng)
        return Setting(_neighbours(FIRST_SHARE, len(references)), _drawn(rng), self.device, references, "first")

    def _setting(self, n: int, rng: np.random.Generator) -> Setting:
        references = some(n, MOST_REFERENCES, rng)
        k = NEIGHBOURS if self.novelty else _neighbours(SECOND_SHARE, len(references))
        look = "clean" if self.novelty else "second"
        return Setting(k, _drawn(rng), self.device, references, look, self.verbose)

    def _set(self, preparation: Preparation, n_rows: int, ensemble: Ensemble, rows: RowsKept) -> None:
        self._fitted_on(preparation, n_rows)
        self._ensemble_, self._rows = ensemble, rows
        self.parts_ = self._part_names()
        self.calibration_scores_ = np.sort(ensemble.score(rows.judged_rows))

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Learn from more rows; the first call is a fit.

        Networks take one pass over the new rows; the rows kept are a random sample of all seen so far, from which
        distances, covariances and the line are taken anew, also where `threshold` drew another. The scaling stays.
        Without `novelty` the strangest quarter of the new rows, as scored before, is left out.

        Parameters
        ----------
        X : same as in fit
        y : ignored

        Returns
        -------
        AnomalyDetector
            Itself.
        """
        if not self.__sklearn_is_fitted__():
            return self.fit(X)
        self._check_parameters()
        self._refuse_recordings("partial_fit")
        raw = self._given(X)
        rng = np.random.default_rng([self._seed(), self._rows.seen])
        x = self._prepared(raw)
        _, judged = roles(len(x), self.novelty, rng)
        kept = np.setdiff1d(np.arange(len(x)), judged)
        if not self.novelty:
            kept = most_usual(self._ensemble_.score(x), x, 1 - LEFT_OUT)
        most = min(MOST_FITTED, max(1000, MOST_VALUES // x.shape[1]))
        rows = self._rows.joined(x, kept, judged, most, rng)
        if self._ensemble_.before is not None:
            self._ensemble_.before.update(rows.x, x, self._first(len(rows.x), rng))
        self._ensemble_.update(rows.kept_rows, x[torch.from_numpy(kept)], self._setting(len(rows.kept), rng))
        self._set(self.preparation_, rows.seen, self._ensemble_, rows)
        self._draw_line()
        return self

    # --- Scores

    def _prepared(self, raw: Raw) -> Tensor:
        return flat(self.preparation_, raw, type(self).__name__)

    def _scores(self, X: Any) -> np.ndarray:
        if self._over_time():
            return self._recording_scores(X)
        x = self._prepared(self._given(X))
        return self._ensemble_.score(x)

    def _own_scores(self) -> np.ndarray:
        if self._windows is not None:
            return self._own
        return self._ensemble_.score(self._rows.x) if self.novelty else self.calibration_scores_

    def explain(self, X: Any) -> Explanation:
        """Say what each column adds to the score of each row, and which value was expected.

        The score is shared out among the parts by their weights in it, and the share of each part among the columns:
        of a squared distance, by the squares of the differences. What is expected is the mean of the five nearest rows
        fitted on.

        Parameters
        ----------
        X : same as in fit

        Returns
        -------
        Explanation
            With `contributions`, whose rows sum to the anomaly scores, `values`, `expected`, `reasons` and `to_table`.
        """
        if self._over_time():
            return self._explain_steps(X)
        raw = self._given(X)
        contributions, expected = self._ensemble_.explain(self._prepared(raw))
        scores = contributions.sum(1)
        contributions = told.by_column(self.preparation_, contributions)
        if self.preparation_.ends_:
            contributions = told.shared_out(contributions, scores, told.values_of(self.preparation_, raw))
        return Explanation(
            told.column_names(self.preparation_),
            scores,
            contributions,
            told.values_of(self.preparation_, raw),
            told.in_units(self.preparation_, expected),
            told.described(self.preparation_),
        )

    def drift(self, X: Any) -> Drift:
        """Check whether new rows are still like those fitted on.

        The codes of a denoising network of the detector (the standardised rows, where no part has one) of at most 500
        rows each are compared by their energy distance, with a permutation test. With
        `novelty` the rows fitted on are stood for by those held out, where there are at least 100.

        Parameters
        ----------
        X : same as in fit
            At least 2 rows.

        Returns
        -------
        Drift
            With `p_value`, `distance` and `shifts`, the columns that moved most first.
        """
        self._refuse_recordings("drift")
        raw = self._given(X)
        if len(raw) < 2:
            raise DataError(f"{raw.origin} has {len(raw)} row(s): drift is seen on 2 or more.")
        rng = np.random.default_rng(0)
        x, usual = self._prepared(raw), self._rows.judged_rows
        if len(usual) < FEWEST_COMPARED:
            usual = self._rows.kept_rows
        old, new = (rows[torch.from_numpy(some(len(rows), MOST, rng))] for rows in (usual, x))
        distance, p_value = energy_test(self._ensemble_.codes(old), self._ensemble_.codes(new), rng)
        moved = told.by_column(self.preparation_, self._ensemble_.shift(x, usual)[None])[0]
        order = np.argsort(-np.abs(moved), kind="stable")
        names = told.column_names(self.preparation_)
        return Drift(p_value, distance, {names[j]: float(moved[j]) for j in order.tolist()}, len(new))

    # --- To a folder and back

    def _learnt(self) -> Learnt:
        if self._windows is not None:
            return self._learnt_windows(self._windows)
        second, first = self._ensemble_, self._ensemble_.before
        values = {
            "parts": list(self.parts_),
            "second": [part.name for part in second.parts],
            "first": [] if first is None else [part.name for part in first.parts],
            "offset": self.offset_,
            "seen": self._rows.seen,
        }
        arrays = self._ensemble_.arrays() | self._rows.arrays() | {"scores": self.calibration_scores_}
        return Learnt(values, arrays, self._ensemble_.autoencoders())

    def _restore(self, learnt: Learnt) -> None:
        self._windows, values = None, learnt.values
        if "window" in values:
            return self._restore_windows(learnt)
        rows = RowsKept.restore(learnt.arrays, values["seen"])
        names, self._ensemble_ = values["parts"], _restored(values["second"], learnt, rows.kept_rows)
        if values["first"]:
            first = Learnt({}, below("before", learnt.arrays))
            self._ensemble_.before = _restored(values["first"], first, rows.x)
        self._rows, self.parts_ = rows, tuple(names)
        self.calibration_scores_ = learnt.arrays["scores"]
        self.offset_ = values["offset"]


def _restored(names: Sequence[str], learnt: Learnt, x: Tensor) -> Ensemble:
    return Ensemble.restore([PARTS[name] for name in names], learnt.arrays, learnt.autoencoders, x)


def _neighbours(share: float, references: int) -> int:
    return max(FEWEST, int(share * references))


def _drawn(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31 - 1))
