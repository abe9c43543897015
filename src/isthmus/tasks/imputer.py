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
from isthmus.data import Prepared, Raw, as_raw, preparation_for
from isthmus.data.column import BOOLEAN, CATEGORY
from isthmus.data.columns.base import BINARY, NUMBERS
from isthmus.data.columns.categories import Embedding
from isthmus.data.mixed import MixedPreparation
from isthmus.data.moments import dense
from isthmus.exceptions import ParameterError
from isthmus.networks import FAMILIES, each_of
from isthmus.objectives import Masking
from isthmus.tasks.base import Learnt, Task
from isthmus.tasks.completing import Bounds, completed, doubts, kinds_of
from isthmus.tasks.holding import again, pace, split
from isthmus.tasks.residuals import LEVELS, Residuals, correlated, deviation

#: Rows that an epoch is judged by at least, few ones again and again.
LEAST_SEEN = 500
#: Values, hidden or not, of the rows that tell how far expected values are off, and these rows at least and at most.
JUDGED, LEAST_JUDGED, MOST_JUDGED = 200_000, 500, 4000
#: How numbers are prepared: so that the mean of the prepared values is that of the values.
SCALING = "standard"
#: Largest code.
MOST_LATENT = 256


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
    bounds_ : isthmus.tasks.completing.Bounds
        Least and largest value seen of each column (of each channel, for pictures and sequences), and whether all were
        whole numbers.
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
        "network": (check.word("auto", *FAMILIES), f"'auto', {', '.join(map(repr, FAMILIES))}"),
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
        preparation_for(raw).refuse_infinite(raw)
        seed = self._seed()
        learnt, out = split(raw, seed)
        mixed = raw.schema.is_mixed
        shape = preparation_for(raw, SCALING).fit(raw.take(learnt)).shape_ if mixed else raw.item_shape
        autoencoder = Autoencoder(
            min(MOST_LATENT, int(np.prod(shape))),
            kind=raw.kind,
            objective=Masking(self.rate),
            network=self.network,
            hidden=self.hidden,
            members=self.members if len(out) else 1,
            # Means are filled in, which the squared error asks for; a table has a likelihood for each column.
            loss="auto" if mixed else "mse",
            scaling=SCALING,
            **pace(len(learnt), self.max_epochs if len(out) else 0),
            validation_fraction=0.0,
            random_state=seed,
            device=self.device,
            verbose=self.verbose,
        )
        held = raw.take(again(out, LEAST_SEEN)) if len(out) else None
        autoencoder.fit(raw.take(learnt), validation=held)
        self.autoencoder_ = autoencoder
        preparation = autoencoder.preparation_
        self._fitted_on(preparation, len(raw))
        self.bounds_ = Bounds.of(preparation.values(raw), preparation.width(raw.item_shape))
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
        return completed(raw, self.expected(raw), self.preparation_)

    def expected(self, X: Any) -> np.ndarray:
        """Give what is expected of the rows that have gaps, as numbers with the meaning that they had in fit.

        Parameters
        ----------
        X : same as in fit

        Returns
        -------
        ndarray of the shape of the values of X
            Categories by their places, dates in seconds; NaN in rows without gaps.
        """
        raw = _densely(self._given(X))
        expected = np.full(raw.values.shape, np.nan)
        for rows, mean, _ in self._gaps(raw):
            expected[rows] = self._in_units(mean)
        return expected

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
        seed = int(check_random_state(random_state).randint(2**31 - 1))
        generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
        draws = [np.full(raw.values.shape, np.nan) for _ in range(m)]
        for rows, mean, mask in self._gaps(raw):
            spread = self._spread(mask)
            scale = deviation(spread, mask)
            noise = torch.randn(len(mean), mean[0].numel(), m, generator=generator, dtype=torch.float64)
            shares = ndtr(correlated(noise, spread, scale).numpy())
            for k, draw in enumerate(draws):
                draw[rows] = self._in_units(mean, scale, shares[:, :, k].reshape(mean.shape), rng)
        return [completed(raw, draw, self.preparation_) for draw in draws]

    def uncertainty(self, X: Any) -> Any:
        """Give the standard deviation of each missing value, in the units of its column.

        Parameters
        ----------
        X : same as in fit

        Returns
        -------
        ndarray or frame, like X
            Of floats; 0 where a value is observed, NaN where nothing was learnt of a column. For dates in days; for
            categories and truth values, the chance of another one than that filled in.
        """
        raw = _densely(self._given(X))
        found = np.zeros(raw.values.shape)
        levels = (np.arange(LEVELS) + 0.5) / LEVELS
        for rows, mean, mask in self._gaps(raw):
            scale = deviation(self._spread(mask), mask)
            found[rows] = np.std([self._in_units(mean, scale, np.full(mean.shape, level)) for level in levels], axis=0)
            for j, chance in self._chances(mean):
                found[rows, j] = 1 - chance
        found[~np.isnan(raw.values)] = 0.0
        return doubts(raw, found, self.preparation_)

    # --- Parts

    def _gaps(self, raw: Raw) -> Iterator[tuple[np.ndarray, torch.Tensor, torch.Tensor]]:
        """Rows with gaps, block by block: their numbers, what is expected of them in prepared units, and masks."""
        with_gaps = np.flatnonzero(np.isnan(raw.values).reshape(len(raw), -1).any(1))
        # All rows are looked at, so that what cannot be used is refused wherever it is.
        self.preparation_.refuse_infinite(raw)
        self.preparation_.values(raw, type(self).__name__)
        gaps = raw.take(with_gaps)
        for rows, prepared in self.autoencoder_._inference.blocks(gaps) if len(with_gaps) else ():
            assert prepared.mask is not None
            yield with_gaps[rows], self._expected(prepared), prepared.mask.cpu()

    def _expected(self, prepared: Prepared) -> torch.Tensor:
        inference = self.autoencoder_._inference
        values = [inference.loss.link(output) for output in inference.outputs(prepared)]
        return torch.stack(values).mean(0).cpu().double()

    def _spread(self, mask: torch.Tensor) -> torch.Tensor | None:
        """Covariance of missing cells by the Gaussian: (n, size, size), or None where there is none."""
        fill: Any = self._network.fill
        if fill is None:
            return None
        with torch.no_grad():
            return fill.spread(mask.to(fill.mean.device)).cpu()

    @property
    def _network(self) -> Any:
        """One of the networks: what fills and what hides are the same for all."""
        return each_of(self.autoencoder_._model.network)[0]

    def _chances(self, mean: torch.Tensor) -> Iterator[tuple[int, np.ndarray]]:
        """Columns of categories and truth values, each with the chance of the likeliest."""
        for head in self.preparation_.heads_:
            if head.kind != NUMBERS:
                chances = mean[:, head.start : head.stop].numpy() * head.scale + head.center
                chances = np.maximum(chances, 1 - chances) if head.kind == BINARY else chances
                yield head.column, chances.max(1).clip(0, 1)
            elif isinstance(self.preparation_, MixedPreparation):
                coder = self.preparation_.coders_[head.column]
                if isinstance(coder, Embedding):
                    yield head.column, coder.chance(mean[:, head.start : head.stop].numpy())

    def _columns(self, values: np.ndarray) -> np.ndarray:
        """Prepared values (n, *shape) as columns: those of a row, or channels."""
        if values.ndim == 2:
            return values
        item_shape = self.schema_.item_shape
        return self.preparation_.backward(values, item_shape).reshape(-1, self.preparation_.width(item_shape))

    def _in_units(
        self, mean: torch.Tensor, scale: np.ndarray | None = None, shares: Any = None, rng: Any = None
    ) -> np.ndarray:
        """Values that may be in the person's units: expected ones, or those that a share of the errors lies below."""
        values = mean.numpy()
        if scale is not None:
            errors = self._residuals.at(self._columns(values), self._columns(shares)) * self._columns(scale)
            if values.ndim > 2:
                errors = self.preparation_.forward(errors.reshape(len(values), *self.schema_.item_shape))
            kinds = kinds_of(self.preparation_)
            # Categories and truth values are drawn by their chances.
            values = values + (errors if kinds is None else np.where(np.isin(kinds, (CATEGORY, BOOLEAN)), 0.0, errors))
        return self.bounds_.keep(self.preparation_.inverse(values, rng))

    def _judged(self, raw: Raw, rows: np.ndarray, seed: int) -> Residuals:
        """Hide cells of rows and see how far the expected values are off, over the Gaussian's deviation."""
        wanted = min(MOST_JUDGED, max(LEAST_JUDGED, JUDGED // int(np.prod(raw.item_shape))))
        raw = raw.take(again(rows, wanted)[:wanted])
        inference, generator = self.autoencoder_._inference, torch.Generator().manual_seed(seed)
        objective = inference.objective.bind(self._network)
        expected, errors = [], []
        for _, prepared in inference.blocks(raw):
            x = prepared.x
            mask = torch.ones_like(x, dtype=torch.bool) if prepared.mask is None else prepared.mask
            shown = objective.hide(x, mask, generator)
            assert shown is not None
            mean = self._expected(Prepared(x.masked_fill(~shown, 0), shown))
            scale = torch.from_numpy(deviation(self._spread(shown), shown))
            error = ((x.cpu() - mean) / scale).masked_fill(~(mask & ~shown).cpu(), torch.nan)
            expected.append(self._columns(mean.numpy()))
            errors.append(self._columns(error.numpy()))
        seen = 1 - np.isnan(raw.values).mean()
        # What a Gaussian is off for its own parameters, which come from the cells seen of a pair of columns.
        unit = np.sqrt(1 + int(np.prod(self.preparation_.shape_)) / (self.n_rows_ * seen**2))
        return Residuals.of(np.concatenate(expected), np.concatenate(errors), min(len(rows), wanted), unit)

    # --- To a folder and back

    def _learnt(self) -> Learnt:
        arrays = {"edges": self._residuals.edges, "quantiles": self._residuals.quantiles}
        arrays |= {"low": self.bounds_.low, "high": self.bounds_.high, "whole": self.bounds_.whole}
        return Learnt({}, arrays, {"main": self.autoencoder_})

    def _restore(self, learnt: Learnt) -> None:
        arrays = learnt.arrays
        self.autoencoder_ = learnt.autoencoders["main"]
        self.bounds_ = Bounds(arrays["low"], arrays["high"], arrays["whole"])
        self._residuals = Residuals(arrays["edges"], arrays["quantiles"])


def _densely(raw: Raw) -> Raw:
    return replace(raw, values=dense(raw.values)) if raw.is_sparse else raw
