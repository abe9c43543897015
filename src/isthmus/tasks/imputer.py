"""Filling gaps: missing cells of tables, pictures and sequences, with draws and doubts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from scipy.special import ndtr
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_random_state

from isthmus import parameters as check
from isthmus.autoencoder import Autoencoder
from isthmus.data import PREPARATIONS, Raw, as_raw
from isthmus.data.moments import column_moments, dense
from isthmus.exceptions import ParameterError
from isthmus.objectives import Masking
from isthmus.tasks.base import Learnt, Task
from isthmus.tasks.residuals import LEVELS, Residuals
from isthmus.training.split import held_out

#: Share of the rows held out at most, and how many of them there are at most, and seen at least, again and again.
HELD, MOST_HELD, LEAST_SEEN = 0.15, 2000, 500
#: Values, hidden or not, of the rows that tell how far expected values are off, and these rows at least and at most.
JUDGED, LEAST_JUDGED, MOST_JUDGED = 200_000, 500, 4000
#: Largest code.
MOST_LATENT = 256
#: Values of the matrices that are drawn with at once.
AT_ONCE = 1 << 22


class Imputer(OneToOneFeatureMixin, TransformerMixin, Task):
    """Fill missing values by autoencoders that learnt to find hidden ones.

    In training, observed cells are hidden as often as cells of their column are missing, and learnt from; the linear
    path starts as what a Gaussian fitted by EM expects of them, so that the networks add what is not linear where that
    helps on held-out rows. The mean over several networks is filled in.

    Parameters
    ----------
    members : int, default=3
        Networks whose mean is taken.
    rate : "auto", float or (float, float), default="auto"
        Share of the values hidden in training, as of `Masking`.
    kind : {"auto", "vector", "table", "image", "sequence"}, default="auto"
        What the data are; "auto" looks at them.
    network : {"auto", "dense", "conv", "lstm", "gru"}, default="auto"
    hidden : tuple of int or "auto", default="auto"
    max_epochs : int or "auto", default="auto"
        As of `Autoencoder`; 0 leaves the Gaussian alone.
    random_state : int, RandomState instance or None, default=None
    device : str, default="auto"
        "auto", "cpu", "cuda", "cuda:1" or "mps".
    verbose : int, default=0
        1 shows progress, 2 each epoch.

    Attributes
    ----------
    autoencoder_ : Autoencoder
        What fills the cells.
    bounds_ : ndarray of shape (2, width)
        Least and largest value seen of each column (of each channel, for pictures and sequences).
    whole_ : bool ndarray of shape (width,)
        Whether all values seen of a column were whole numbers; those filled in are too, then.
    kind_, schema_, n_features_in_, feature_names_in_, n_rows_
        As of `Autoencoder`.

    Notes
    -----
    A column without any value is named in a warning, and given back missing; scikit-learn's imputers drop it. With
    fewer than 20 rows none can be held out, and the Gaussian alone fills.

    References
    ----------
    P. Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010. R. J. A. Little, D. B. Rubin, "Statistical
    Analysis with Missing Data", 2nd edition, 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from isthmus import Imputer
    >>> X = load_iris().data
    >>> X[::3, 2] = np.nan
    >>> imputer = Imputer(max_epochs=5, random_state=0)
    >>> filled = imputer.fit_transform(X)
    >>> bool(np.isnan(filled).any()), bool((filled[1::3] == X[1::3]).all())
    (False, True)
    >>> draws = imputer.sample_imputations(X, 5, random_state=0)
    >>> len(draws), imputer.uncertainty(X)[0].round(1)[:2].tolist()
    (5, [0.0, 0.0])
    """

    PARAMETERS: ClassVar = {
        **Task.PARAMETERS,
        "members": check.AUTOENCODER["members"],
        "network": check.AUTOENCODER["network"],
        "hidden": check.AUTOENCODER["hidden"],
        "max_epochs": check.AUTOENCODER["max_epochs"],
    }
    ABOUT: ClassVar = "An imputer: it fills the missing values of rows like those that it was fitted on."
    USAGE: ClassVar = {
        "python": [
            "filled = model.transform(data)            # the same columns, or the same shape of row, as under Data",
            "draws = model.sample_imputations(data, 5)",
            "doubt = model.uncertainty(data)           # standard deviation of each filled value",
        ],
        "console": ["isthmus impute new.csv --model path/to/this/folder -o filled.csv"],
    }

    def __init__(
        self,
        *,
        members: int = 3,
        rate: Any = "auto",
        kind: str = "auto",
        network: str = "auto",
        hidden: Any = "auto",
        max_epochs: int | str = "auto",
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: int = 0,
    ):
        self.members = members
        self.rate = rate
        self.kind = kind
        self.network = network
        self.hidden = hidden
        self.max_epochs = max_epochs
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn to fill the gaps of rows.

        Parameters
        ----------
        X : array, frame, sparse matrix, tensor, Dataset, list or path
            Rows; NaN means missing. Rows without gaps are learnt from as well.
        y : ignored

        Returns
        -------
        Imputer
            Itself.

        Raises
        ------
        ParameterError
            If a parameter has a value that cannot be used.
        DataError
            If the data cannot be used: the message names row and column.
        """
        self._check_parameters()
        raw = _densely(as_raw(X, kind=self.kind))
        # Messages name rows of all that was given, so that all of it is checked first.
        PREPARATIONS[raw.kind]().refuse_infinite(raw)
        seed = self._seed()
        learnt, out = _split(raw, seed)
        size = int(np.prod(raw.item_shape))
        autoencoder = Autoencoder(
            min(MOST_LATENT, size),
            kind=raw.kind,
            objective=Masking(self.rate),
            network=self.network,
            hidden=self.hidden,
            members=self.members if len(out) else 1,
            loss="mse",
            scaling="standard",
            max_epochs=self.max_epochs if len(out) else 0,
            validation_fraction=0.0,
            random_state=seed,
            device=self.device,
            verbose=self.verbose,
        )
        held = raw.take(_again(out, LEAST_SEEN)) if len(out) else None
        autoencoder.fit(raw.take(learnt), validation=held)
        self.autoencoder_ = autoencoder
        self._fitted_on(autoencoder.preparation_, len(raw))
        width = autoencoder.preparation_.width(raw.item_shape)
        moments = column_moments(raw.values, width)
        self.bounds_ = np.stack([moments.low, moments.high])
        self.whole_ = _whole(raw.values.reshape(-1, width))
        self._residuals = self._judged(raw, out if len(out) else learnt, seed)
        return self

    def transform(self, X: Any) -> Any:
        """Fill the missing values of rows with what is expected of them.

        Parameters
        ----------
        X : same as in fit
            The rows fitted on, or others of the same columns.

        Returns
        -------
        ndarray or frame, like X
            Observed values as they were; filled ones within the bounds seen in training, whole where all values seen
            of the column were.
        """
        raw = _densely(self._given(X))
        expected = np.full(raw.values.shape, np.nan)
        for rows, mean, _ in self._gaps(raw):
            expected[rows] = self._in_units(mean)
        return self._completed(raw, expected)

    def sample_imputations(self, X: Any, m: int = 5, random_state: Any = None) -> list[Any]:
        """Draw completed data that vary as much as the data allow (multiple imputation).

        Missing cells of a row are drawn together, correlated as the Gaussian has them. Their errors are those of
        hidden cells of held-out rows, of the same column and about the same expected value.

        Parameters
        ----------
        X : same as in fit
        m : int, default=5
            Draws.
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        list of m ndarrays or frames, like X

        Raises
        ------
        ParameterError
            If m is no whole number from 1 on, or the random state is none.
        """
        raw = _densely(self._given(X))
        if not check.whole(1)(m):
            raise ParameterError(f"Imputer: m={m!r} cannot be used; expected a whole number from 1 on.")
        if not check.RANDOM(random_state):
            raise ParameterError(
                f"Imputer: random_state={random_state!r} cannot be used; expected {check.RANDOM_WORDS}."
            )
        generator = torch.Generator().manual_seed(int(check_random_state(random_state).randint(2**31 - 1)))
        draws = [np.full(raw.values.shape, np.nan) for _ in range(m)]
        for rows, mean, mask in self._gaps(raw):
            spread = self._spread(mask)
            scale = _deviation(spread, mask)
            noise = torch.randn(len(mean), mean[0].numel(), m, generator=generator, dtype=torch.float64)
            shares = ndtr(_correlated(noise, spread, scale).numpy())
            for k, draw in enumerate(draws):
                draw[rows] = self._in_units(mean, scale, shares[:, :, k].reshape(mean.shape))
        return [self._completed(raw, draw) for draw in draws]

    def uncertainty(self, X: Any) -> Any:
        """Give the standard deviation of each missing value, in the units of its column.

        Parameters
        ----------
        X : same as in fit

        Returns
        -------
        ndarray or frame, like X
            Of floats; 0 where a value is observed, NaN where nothing was learnt of a column.
        """
        raw = _densely(self._given(X))
        found = np.zeros(raw.values.shape)
        for rows, mean, mask in self._gaps(raw):
            scale = _deviation(self._spread(mask), mask)
            shares = (np.arange(LEVELS) + 0.5) / LEVELS
            values = [self._bounded(self._in_units(mean, scale, np.full(mean.shape, share))) for share in shares]
            found[rows] = np.std(values, axis=0)
        found[~np.isnan(raw.values)] = 0.0
        floats = None if raw.column_dtypes is None else tuple(_as_float(name) for name in raw.column_dtypes)
        return self.preparation_.give_back(found, replace(raw, values=found, column_dtypes=floats))

    # --- Parts

    def _gaps(self, raw: Raw) -> Iterator[tuple[np.ndarray, torch.Tensor, torch.Tensor]]:
        """Rows with gaps, block by block: their numbers, what is expected of them in prepared units, and masks."""
        with_gaps = np.flatnonzero(np.isnan(raw.values).reshape(len(raw), -1).any(1))
        # All rows are looked at, so that infinite values are refused wherever they are.
        self.preparation_.refuse_infinite(raw)
        inference = self.autoencoder_._inference
        gaps = raw.take(with_gaps)
        for rows, prepared in inference.blocks(gaps) if len(with_gaps) else ():
            assert prepared.mask is not None
            yield with_gaps[rows], self._expected(prepared), prepared.mask.cpu()

    def _expected(self, prepared: Any) -> torch.Tensor:
        return torch.stack(self.autoencoder_._inference.outputs(prepared)).mean(0).cpu().double()

    def _spread(self, mask: torch.Tensor) -> torch.Tensor | None:
        """Covariance of missing cells by the Gaussian: (n, size, size), or None where there is none."""
        fill = self._fill
        if fill is None:
            return None
        size = mask[0].numel()
        with torch.no_grad():
            return torch.cat([fill.spread(part) for part in mask.split(max(1, AT_ONCE // size**2))])

    @property
    def _fill(self) -> Any:
        network: Any = self.autoencoder_._inference.network(torch.float32)
        return getattr(network, "chosen", network).fill

    def _columns(self, values: np.ndarray) -> np.ndarray:
        """Prepared cells (n, *shape) as columns (-1, width)."""
        item_shape = self.schema_.item_shape
        width = self.preparation_.width(item_shape)
        return self.preparation_.backward(values, item_shape).reshape(-1, width)

    def _in_units(self, mean: torch.Tensor, scale: np.ndarray | None = None, shares: Any = None) -> np.ndarray:
        """Values in the person's units: expected ones, or those that a share of the errors lies below."""
        values = mean.numpy()
        if scale is not None:
            errors = self._residuals.at(self._columns(values), self._columns(shares)) * self._columns(scale)
            errors = errors.reshape(len(values), *self.schema_.item_shape)
            values = values + self.preparation_.forward(errors)
        return self.preparation_.inverse(values)

    def _bounded(self, values: np.ndarray) -> np.ndarray:
        """Values within the bounds seen, whole where they were."""
        columns = values.reshape(-1, len(self.whole_))
        columns = np.where(self.whole_, np.rint(columns), columns)
        return np.clip(columns, *self.bounds_).reshape(values.shape)

    def _completed(self, raw: Raw, values: np.ndarray) -> Any:
        missing = np.isnan(raw.values)
        completed = raw.values.copy()
        completed[missing] = self._bounded(values)[missing]
        return self.preparation_.give_back(completed, raw)

    def _judged(self, raw: Raw, rows: np.ndarray, seed: int) -> Residuals:
        """Hide cells of rows and see how far the expected values are off, over the Gaussian's deviation."""
        wanted = min(MOST_JUDGED, max(LEAST_JUDGED, JUDGED // int(np.prod(raw.item_shape))))
        raw = raw.take(_again(rows, wanted)[:wanted])
        prepared = self.preparation_.transform(raw, torch.float64)
        generator = torch.Generator().manual_seed(seed)
        model = self.autoencoder_._model
        network: Any = self.autoencoder_._inference.network(torch.float64)
        objective = model.objective.bind(getattr(network, "chosen", network))
        expected, errors = [], []
        each = self.autoencoder_._inference.rows_at_once
        for x, mask in zip(prepared.x.split(each), _parts(prepared, each), strict=True):
            x, mask = x.to(model.device), None if mask is None else mask.to(model.device)
            shown = objective.hide(x, mask, generator)
            assert shown is not None
            mean = self._expected(replace(prepared, x=x.masked_fill(~shown, 0), mask=shown))
            hidden = ~shown if mask is None else mask & ~shown
            scale = torch.from_numpy(_deviation(self._spread(shown.cpu()), shown.cpu()))
            error = ((x.cpu() - mean) / scale).masked_fill(~hidden.cpu(), torch.nan)
            expected.append(self._columns(mean.numpy()))
            errors.append(self._columns(error.numpy()))
        seen = 1 - np.isnan(raw.values).mean()
        # What a Gaussian is off for its own parameters, which come from the cells seen of a pair of columns.
        unit = np.sqrt(1 + prepared.x[0].numel() / (self.n_rows_ * seen**2))
        return Residuals.of(np.concatenate(expected), np.concatenate(errors), min(len(rows), wanted), unit)

    # --- To a folder and back

    def _learnt(self) -> Learnt:
        arrays = {"edges": self._residuals.edges, "quantiles": self._residuals.quantiles}
        arrays |= {"bounds": self.bounds_, "whole": self.whole_}
        return Learnt({}, arrays, {"main": self.autoencoder_})

    def _restore(self, learnt: Learnt) -> None:
        arrays = learnt.arrays
        self.autoencoder_ = learnt.autoencoders["main"]
        self.bounds_, self.whole_ = arrays["bounds"], arrays["whole"]
        self._residuals = Residuals(arrays["edges"], arrays["quantiles"])


def _parts(prepared: Any, rows: int) -> Any:
    return prepared.mask.split(rows) if prepared.mask is not None else [None] * len(prepared.x.split(rows))


def _densely(raw: Raw) -> Raw:
    return replace(raw, values=dense(raw.values)) if raw.is_sparse else raw


def _split(raw: Raw, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from and rows held out; a column keeps some of its values among the first."""
    learnt, out = held_out(len(raw), min(HELD, MOST_HELD / len(raw)), seed)
    seen = ~np.isnan(raw.values).reshape(len(raw), -1)
    lost = seen[out].any(0) & ~seen[learnt].any(0)
    needed = seen[out][:, lost].any(1)
    return np.sort(np.concatenate([learnt, out[needed]])), out[~needed]


def _again(rows: np.ndarray, least: int) -> np.ndarray:
    """Some rows, again and again until there are enough: other cells of them are hidden each time."""
    return np.tile(rows, -(-least // len(rows)))


def _whole(columns: np.ndarray) -> np.ndarray:
    """Columns of whole numbers alone; NaN where missing."""
    if columns.dtype.kind != "f":
        return np.ones(columns.shape[1], dtype=bool)
    with np.errstate(invalid="ignore"):
        return ((columns == np.rint(columns)) | np.isnan(columns)).all(0)


def _deviation(spread: torch.Tensor | None, mask: torch.Tensor) -> np.ndarray:
    """Deviation of each missing cell, of the shape of the mask; 1 where the cell is observed, or nothing is known."""
    if spread is None:
        return np.ones(mask.shape)
    variance = spread.diagonal(dim1=1, dim2=2)
    return torch.where(variance > 0, variance, 1.0).sqrt().view(mask.shape).numpy()


def _correlated(noise: torch.Tensor, spread: torch.Tensor | None, deviation: np.ndarray) -> torch.Tensor:
    """Normal noise of m draws of rows (n, size, m), correlated as the missing cells of each row are."""
    if spread is None:
        return noise
    scale = torch.from_numpy(deviation).flatten(1)
    correlation = spread / scale[:, :, None] / scale[:, None, :]
    correlation.diagonal(dim1=1, dim2=2).fill_(1)
    return torch.linalg.cholesky(correlation) @ noise


def _as_float(dtype: str) -> str:
    """Name of the type of a frame's column that holds deviations of one of a type."""
    return dtype if "float" in dtype.lower() or dtype == "double" else {"pyarrow": "double"}.get(dtype, "float64")
