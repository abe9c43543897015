"""How far each unit of a code stands for one factor, where the factors behind the rows are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.metrics import mutual_info_score
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from isthmus import parameters as check
from isthmus.data import Raw, as_raw, preparation_for
from isthmus.evaluation.factors import as_factors, binned, checked_codes
from isthmus.evaluation.probes import PROBES, one_unit_knows, probe
from isthmus.evaluation.wording import number
from isthmus.exceptions import ParameterError
from isthmus.training.pca import principal_components

if TYPE_CHECKING:
    from isthmus.autoencoder import Autoencoder


@dataclass(frozen=True)
class Dci:
    """Disentanglement, completeness and informativeness of a code, which `dci` gives.

    Attributes
    ----------
    disentanglement : float
        1 where each unit matters to one factor alone, 0 where each matters to all alike; NaN for a single factor.
    completeness : float
        1 where one unit alone matters to each factor, 0 where all matter alike; NaN for a code of one unit.
    informativeness : float
        How well the factors are predicted on rows held out, the mean over the factors: R2, or the share of
        the errors of always saying the commonest value that is avoided. 1 is perfect, 0 no better than a constant.
    importances : ndarray of shape (latent_dim, n_factors)
        How much each unit matters to the prediction of each factor.
    by_factor : ndarray of shape (n_factors,)
        Informativeness of each factor.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    importances: np.ndarray
    by_factor: np.ndarray


@dataclass(frozen=True)
class Figures:
    """Disentanglement figures of one code: each is at most 1, and higher is better.

    Attributes
    ----------
    mig, sap : float
        Mutual information gap, and separated attribute predictability.
    disentanglement, completeness, informativeness : float
        Of `dci`.
    """

    mig: float
    sap: float
    disentanglement: float
    completeness: float
    informativeness: float


@dataclass(frozen=True)
class Disentanglement:
    """Disentanglement figures of a code beside those of PCA of the same size, on the same rows.

    Attributes
    ----------
    ours, pca : Figures
    latent_dim, pca_dim : int
        Sizes of both; PCA has fewer units only where the data have fewer columns or rows.
    factors : tuple of str
        Names of the factors.
    rows : int
    """

    ours: Figures
    pca: Figures
    latent_dim: int
    pca_dim: int
    factors: tuple[str, ...]
    rows: int

    def to_dict(self) -> dict[str, Any]:
        """Give plain numbers and lists, `None` where there is no figure: ready for JSON."""
        found = asdict(self)
        for name in ("ours", "pca"):
            found[name] = {figure: None if math.isnan(v) else v for figure, v in found[name].items()}
        return {**found, "factors": list(self.factors)}

    def __str__(self) -> str:
        """Give a table of both, and say where PCA is ahead."""
        ours, pca = asdict(self.ours), asdict(self.pca)
        lines = [f"{'':<16}{'Isthmus':>9}{'PCA':>9}"]
        lines += [f"{name:<16}{number(ours[name]):>9}{number(pca[name]):>9}" for name in ours]
        behind = [name for name in ours if pca[name] > ours[name]]
        if behind:
            lines.append(f"PCA of the same size is ahead in {', '.join(behind)}.")
        return "\n".join(lines)


def mutual_information_gap(codes: Any, factors: Any, *, bins: int = 20) -> float:
    """Measure by how much the most informative unit about a factor is ahead of the second (MIG).

    For each factor, the mutual information of the best unit less that of the second best, over the factor's entropy;
    the mean over the factors.

    Parameters
    ----------
    codes : array of shape (n, latent_dim)
    factors : array or frame of shape (n, n_factors)
        Categories are words, or numbers of few different values: at most 50, with 5 rows or more to each on average.
        Other numbers are binned.
    bins : int, default=20
        Bins of equal counts for codes and for numeric factors; ties stay together.

    Returns
    -------
    float
        1: each factor stands in one unit, wholly and alone. 0: in two alike, or in none. With one unit there is no
        second, which counts as knowing nothing.

    Raises
    ------
    DataError
        If codes or factors cannot be used, such as a factor of a single value.
    ParameterError
        If `bins` cannot be used.

    Notes
    -----
    Mutual information counted in bins is too high by about (bins - 1) (values - 1) / (2 n) nats: give some thousand
    rows.

    References
    ----------
    R. T. Q. Chen, X. Li, R. Grosse, D. Duvenaud, "Isolating sources of disentanglement in variational autoencoders",
    2018.

    Examples
    --------
    >>> import numpy as np
    >>> factors = np.random.default_rng(0).integers(0, 4, (500, 2))
    >>> round(mutual_information_gap(factors.astype(float), factors), 1)
    1.0
    """
    if isinstance(bins, bool) or not isinstance(bins, int | np.integer) or bins < 2:
        raise ParameterError(f"bins={bins!r} cannot be used; expected a whole number from 2 on.")
    Z = checked_codes(codes)
    units = [binned(column, int(bins)) for column in Z.T]
    gaps = []
    for factor in as_factors(factors, len(Z)):
        levels = factor.levels(int(bins))
        known = _two_best([float(mutual_info_score(unit, levels)) for unit in units])
        gaps.append((known[0] - known[1]) / float(mutual_info_score(levels, levels)))
    return float(np.mean(gaps))


def sap(codes: Any, factors: Any) -> float:
    """Measure by how much the unit that predicts a factor best is ahead of the second (SAP).

    A number is predicted by a line in one unit (R2), a category by thresholds in one unit (balanced accuracy), on the
    rows given; the mean over the factors of the best unit's figure less the second best's.

    Parameters
    ----------
    codes, factors : as in mutual_information_gap

    Returns
    -------
    float
        From 0 to 1; for categories it stays below 1, as guessing is right for one of them. With one unit there is no
        second, which counts as 0, or as guessing.

    Raises
    ------
    DataError
        If codes or factors cannot be used.

    References
    ----------
    A. Kumar, P. Sattigeri, A. Balakrishnan, "Variational inference of disentangled latent concepts from unlabeled
    observations", 2018.

    Examples
    --------
    >>> import numpy as np
    >>> factors = np.random.default_rng(0).normal(size=(500, 2))
    >>> round(sap(factors, factors), 1)
    1.0
    """
    Z = checked_codes(codes)
    gaps = []
    for factor in as_factors(factors, len(Z)):
        floor = 1 / len(np.unique(factor.values)) if factor.discrete else 0.0
        best = _two_best([one_unit_knows(unit, factor) for unit in Z.T], floor)
        gaps.append(best[0] - best[1])
    return float(np.mean(gaps))


def dci(codes: Any, factors: Any, *, method: str = "trees", random_state: Any = 0) -> Dci:
    """Measure disentanglement, completeness and informativeness (DCI).

    A model predicts each factor from the whole code; how much each unit matters to it gives the importances, and
    their entropies the first two figures.

    Parameters
    ----------
    codes, factors : as in mutual_information_gap
    method : {"trees", "lasso"}, default="trees"
        "trees": random forests, by their reduction of impurity. "lasso": linear models with an L1 penalty, by the size
        of their coefficients on standardised units.
    random_state : int, RandomState instance or None, default=0
        Of the rows held out (a quarter) and of the forests.

    Returns
    -------
    Dci

    Raises
    ------
    DataError
        If codes or factors cannot be used.
    ParameterError
        If `method` or `random_state` cannot be used.

    Notes
    -----
    Published figures differ in informativeness: some give the error, some the plain accuracy.

    References
    ----------
    C. Eastwood, C. K. I. Williams, "A framework for the quantitative evaluation of disentangled representations", 2018.

    Examples
    --------
    >>> import numpy as np
    >>> factors = np.random.default_rng(0).normal(size=(300, 2))
    >>> bool(dci(factors, factors).disentanglement > 0.9)
    True
    """
    if not check.word(*PROBES)(method):
        raise ParameterError(f"method={method!r} cannot be used; expected {' or '.join(map(repr, PROBES))}.")
    if not check.RANDOM(random_state):
        raise ParameterError(f"random_state={random_state!r} cannot be used; expected {check.RANDOM_WORDS}.")
    Z = checked_codes(codes, fewest=20)
    Z = StandardScaler().fit_transform(Z)
    importances, known = [], []
    for factor in as_factors(factors, len(Z)):
        importance, share = probe(Z, factor, method, random_state)
        importances.append(importance)
        known.append(share)
    matrix = np.stack(importances, axis=1)
    disentangled, complete = importance_scores(matrix)
    return Dci(disentangled, complete, float(np.mean(known)), matrix, np.asarray(known))


def importance_scores(importances: np.ndarray) -> tuple[float, float]:
    """Disentanglement and completeness of an importance matrix of shape (latent_dim, n_factors), none negative.

    Returns
    -------
    disentanglement : float
        One less the entropy of each unit's row, to the base of the number of factors, weighted by the row's sum.
    completeness : float
        One less the entropy of each factor's column, to the base of the number of units; the mean over the
        factors, 0 for one that no unit matters to.

    Examples
    --------
    >>> importance_scores(np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]))
    (1.0, 1.0)
    """
    units, factors = importances.shape
    sums = importances.sum(axis=1)
    # Of units that matter to nothing the entropy is that of even shares, so that they count as 0, and with weight 0.
    disentangled = 1 - _entropies(importances) / math.log(factors) if factors > 1 else np.full(units, np.nan)
    complete = 1 - _entropies(importances.T) / math.log(units) if units > 1 else np.full(factors, np.nan)
    weights = sums / sums.sum() if sums.sum() > 0 else np.full(units, 1 / units)
    return float(disentangled @ weights), float(complete.mean())


def disentanglement(model: Autoencoder | Any, X: Any, factors: Any, *, random_state: Any = 0) -> Disentanglement:
    """Measure how far a code separates known factors, beside PCA of the same size.

    Parameters
    ----------
    model : fitted Autoencoder, or array of shape (n, latent_dim)
        Codes of X may be given in its place.
    X : same as in fit
        Rows; best ones that had no part in the fit.
    factors : array or frame of shape (n, n_factors)
        What is known of each row: numbers or categories.
    random_state : int, RandomState instance or None, default=0

    Returns
    -------
    Disentanglement
        `print` it.

    Raises
    ------
    DataError
        If the rows or the factors cannot be used.
    ParameterError
        If `random_state` cannot be used.
    NotFittedError
        If the model is not fitted.

    Notes
    -----
    PCA is that of the model (of its training rows, as prepared); for codes given, that of X itself, its columns
    standardised. No figure can tell from rows alone whether a code is disentangled: the factors must be known.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus import Autoencoder
    >>> rng = np.random.default_rng(0)
    >>> factors = rng.normal(size=(200, 2))
    >>> X = factors @ rng.normal(size=(2, 6))
    >>> ae = Autoencoder(2, max_epochs=2, random_state=0).fit(X)
    >>> found = disentanglement(ae, X, factors)
    >>> found.ours.informativeness > 0.9
    True
    """
    if hasattr(model, "fit"):
        check_is_fitted(model)
    raw = as_raw(X, kind=model.kind_) if hasattr(model, "kind_") else as_raw(X)
    if hasattr(model, "kind_"):
        codes = checked_codes(model.transform(raw))
        baseline = model.pca_.encode(model.preparation_.transform(raw, torch.float64).x).cpu().numpy()
    else:
        codes = checked_codes(model, rows=len(raw))
        baseline = _components(raw, codes.shape[1])
    named = as_factors(factors, len(codes))
    ours, pca = (_figures(Z, factors, random_state) for Z in (codes, baseline))
    return Disentanglement(
        ours, pca, codes.shape[1], baseline.shape[1], tuple(factor.name for factor in named), len(codes)
    )


def _figures(codes: np.ndarray, factors: Any, random_state: Any) -> Figures:
    found = dci(codes, factors, random_state=random_state)
    return Figures(
        mutual_information_gap(codes, factors),
        sap(codes, factors),
        found.disentanglement,
        found.completeness,
        found.informativeness,
    )


def _components(raw: Raw, most: int) -> np.ndarray:
    """Scores of the first principal components of rows, as the preparation of their kind scales them."""
    preparation = preparation_for(raw).fit(raw)
    pca = principal_components(preparation.rows(raw), most, torch.Generator().manual_seed(0))
    return pca.encode(preparation.transform(raw, torch.float64).x).numpy()


def _entropies(matrix: np.ndarray) -> np.ndarray:
    """Entropy in nats of each row as shares of its sum; that of even shares for a row of zeros."""
    sums = matrix.sum(axis=1, keepdims=True)
    shares = np.where(sums > 0, matrix / np.where(sums > 0, sums, 1), 1 / matrix.shape[1])
    return -(shares * np.log(np.where(shares > 0, shares, 1))).sum(axis=1)


def _two_best(values: Sequence[float], floor: float = 0.0) -> tuple[float, float]:
    """The largest and the second largest; a floor where there is no second."""
    ordered = [*sorted(values, reverse=True), floor]
    return ordered[0], ordered[1]
