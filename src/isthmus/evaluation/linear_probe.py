"""What codes are worth as features: a linear model that tells labels from them, beside PCA's of the same size."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from isthmus import parameters as check
from isthmus.autoencoder import Autoencoder
from isthmus.data import as_labels, as_raw
from isthmus.data.labels import NONE
from isthmus.evaluation.probes import HELD_OUT, can_stratify
from isthmus.evaluation.wording import percent
from isthmus.exceptions import DataError, ParameterError

if TYPE_CHECKING:
    from isthmus.data import Raw

#: Rows that are used at most, and the fewest with a label.
MOST_ROWS, FEWEST_ROWS = 40_000, 8
#: Rows of which PCA's codes are made at once.
BLOCK = 4096
#: Standard errors from which one is called ahead of the other.
CLEARLY = 2.0


@dataclass(frozen=True)
class LinearProbe:
    """Shares of held-out rows whose label a linear model finds.

    Attributes
    ----------
    ours, pca : float
        From the codes of the model, and from as many principal components of the rows that it was fitted on.
    constant : float
        By always saying the label that is most frequent.
    error : float
        Standard error of the difference between `ours` and `pca`, on the same rows.
    classes : int
    latent_dim, components : int
        Units of the code, and principal components: as many, where the rows allow it.
    rows, held_out : int
        That the linear models were trained on, and judged on.
    """

    ours: float
    pca: float
    constant: float
    error: float
    classes: int
    latent_dim: int
    components: int
    rows: int
    held_out: int

    def table(self) -> list[tuple[str, str]]:
        """Lines of two words: from what, and the share found; the heading first."""
        return [
            ("a linear model on", f"finds of {self.held_out:,} labels"),
            (f"codes of {self.latent_dim}", percent(self.ours)),
            (f"PCA of {self.components}", percent(self.pca)),
            ("nothing: the most frequent label", percent(self.constant)),
        ]

    def verdict(self) -> str:
        """Say in a sentence which is ahead."""
        ahead = self.ours - self.pca
        if abs(ahead) <= CLEARLY * self.error:
            return "Neither the codes nor PCA of the same size are clearly ahead as features."
        points = f"{100 * abs(ahead):.1f} points"
        if ahead > 0:
            return f"As features the codes are ahead of PCA of the same size, by {points}."
        return f"As features PCA of the same size is ahead of the codes, by {points}: use PCA for this."

    def __str__(self) -> str:
        """Give the table and the verdict as text."""
        return "\n".join([*(f"{name:<34}{share}" for name, share in self.table()), self.verdict()])


def linear_probe(model: Autoencoder, X: Any, y: Any, *, random_state: Any = 0) -> LinearProbe:
    """Measure how well a linear model tells labels from codes, beside PCA (Alain and Bengio, 2017).

    A logistic regression is trained on standardised codes of three quarters of the rows, and judged on the others; the
    same is done with the principal components.

    Parameters
    ----------
    model : Autoencoder
        Fitted; its training has seen no labels.
    X : same as in its fit
        Of more than 40,000 rows so many are drawn.
    y : array of shape (n,) or str
        Labels: words, whole numbers or truth values; a str names a column that was set aside, "folder" the subfolders
        of pictures. Rows without one are left out.
    random_state : int, RandomState instance or None, default=0
        Of the draw of the rows held out.

    Returns
    -------
    LinearProbe
        `print` it, or take its figures.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    ParameterError
        If the model is no Autoencoder, or `random_state` cannot be used.
    DataError
        If X cannot be used, or y holds no labels, of fewer than two classes, or of fewer than 8 rows.

    References
    ----------
    G. Alain, Y. Bengio, "Understanding intermediate layers using linear classifier probes", ICLR 2017 workshop.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import Autoencoder
    >>> X, y = load_digits(return_X_y=True)
    >>> found = linear_probe(Autoencoder(8, max_epochs=2, random_state=0).fit(X), X, y)
    >>> found.ours > found.constant, found.classes
    (True, 10)
    """
    if not isinstance(model, Autoencoder):
        raise ParameterError(f"model={model!r:.80} cannot be used; expected a fitted Autoencoder.")
    if not check.RANDOM(random_state):
        raise ParameterError(f"random_state={random_state!r} cannot be used; expected {check.RANDOM_WORDS}.")
    check_is_fitted(model)
    raw = as_raw(X, kind=model.kind_, like=model.preparation_.schema_)
    labels = as_labels(y, raw)
    if labels is None:
        raise DataError("y holds no labels; give a word, a whole number or a truth value for each row.")
    known = np.flatnonzero(labels.index != NONE)
    if len(known) < FEWEST_ROWS or len(labels.classes) < 2:
        raise DataError(
            f"y has labels of {len(known)} rows and {len(labels.classes)} classes; a probe needs at least "
            f"{FEWEST_ROWS} rows and two classes."
        )
    if len(known) > MOST_ROWS:
        known = np.sort(np.random.default_rng(0).permutation(known)[:MOST_ROWS])
    raw, answers = raw.take(known), labels.index[known]
    stratify = answers if can_stratify(answers) else None
    split = train_test_split(np.arange(len(known)), test_size=HELD_OUT, random_state=random_state, stratify=stratify)
    train, test = map(np.asarray, split)
    components = _components(model, raw)
    right = [_right(codes, answers, train, test) for codes in (model.transform(raw), components)]
    most = np.bincount(answers[train]).argmax()
    return LinearProbe(
        ours=float(right[0].mean()),
        pca=float(right[1].mean()),
        constant=float((answers[test] == most).mean()),
        error=float((right[0] - right[1]).std() / np.sqrt(len(test))),
        classes=len(labels.classes),
        latent_dim=model.latent_dim_,
        components=components.shape[1],
        rows=len(train),
        held_out=len(test),
    )


def _right(codes: np.ndarray, answers: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Whether each held-out label is found: ndarray of 0 and 1."""
    if len(np.unique(answers[train])) == 1:  # the rows of all other classes are held out
        return (answers[test] == answers[train][0]).astype(float)
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    with warnings.catch_warnings():
        # It is judged as it is.
        warnings.simplefilter("ignore", ConvergenceWarning)
        probe.fit(codes[train], answers[train])
    return (probe.predict(codes[test]) == answers[test]).astype(float)


def _components(model: Autoencoder, raw: Raw) -> np.ndarray:
    """Principal components of rows, as many as the code has units: (n, latent_dim)."""
    blocks = (raw.take(slice(start, start + BLOCK)) for start in range(0, len(raw), BLOCK))
    return np.concatenate([model.pca_.encode(model.preparation_.transform(b).x).cpu().numpy() for b in blocks])
