"""Filling gaps: missing cells of tables, pictures and sequences, with draws and doubts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from scipy.special import ndtr
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from isthmus import parameters as check
from isthmus.autoencoder import Autoencoder
from isthmus.data import Raw, as_raw, preparation_for
from isthmus.data.moments import dense
from isthmus.exceptions import ParameterError
from isthmus.networks import FAMILIES
from isthmus.objectives import Masking
from isthmus.tasks.base import Learnt, Task, refuse_tokens
from isthmus.tasks.completing import Bounds, completed, doubts
from isthmus.tasks.expecting import Expecting
from isthmus.tasks.filling_parts.filler import Filler
from isthmus.tasks.filling_parts.holes import HOLES
from isthmus.tasks.filling_parts.pictures import PictureFilling, fill_pictures
from isthmus.tasks.holding import again, pace, split
from isthmus.tasks.residuals import LEVELS, Residuals, correlated, deviation
from isthmus.tasks.series.gaps import are_recordings, filled, taken, windows_of
from isthmus.tasks.series.verbs import WINDOW
from isthmus.training.devices import choose_device

#: Rows that an epoch is judged by at least, few ones again and again.
LEAST_SEEN = 500
#: How numbers are prepared: so that the mean of the prepared values is that of the values.
SCALING = "standard"
#: Largest code.
MOST_LATENT = 256


class Imputer(OneToOneFeatureMixin, TransformerMixin, PictureFilling, Expecting):
    """Fill missing values by autoencoders that learnt to find hidden ones.

    In training, observed cells are hidden as often as cells of their column are missing, and learnt from; the linear
    path starts as what a Gaussian fitted by EM expects of them, so that the networks add what is not linear where that
    helps on held-out rows. The mean over several networks is filled in.

    Parameters
    ----------
    window : int, "auto" or None, default=None
        Recordings, rows that are steps in order: length of the windows that are filled. "auto", also for lists of
        unequal lengths: a period that shows, and three times the longest gap at least.
    members : int, default=3
        Networks whose mean is taken.
    rate : "auto", float or (float, float), default="auto"
        Share of the values hidden in training, as of `Masking`.
    kind : {"auto", "vector", "table", "image", "sequence"}, default="auto"
        What the data are; "auto" looks at them.
    network : {"auto", "dense", "conv", "lstm", "gru", "unet"}, default="auto"
        "unet" is for pictures of any sizes: by default for files, lists, and arrays of pictures with more than 64 x 64
        pixels; see Notes.
    hidden : tuple of int or "auto", default="auto"
        As of `Autoencoder`; of "unet" the channels by stage, (64, 128, 256, 256, 256) by default.
    max_epochs : int or "auto", default="auto"
        As of `Autoencoder`; 0 leaves the Gaussian alone.
    holes : "auto" or tuple of {"pixels", "blocks", "scratches", "large"}, default="auto"
        Pictures: what is hidden in training; all of these by default. Pieces of the masks given are hidden as well.
    context : int, default=0
        Pictures: neighbours on either side in a film, as of `Denoiser`; the holes are the same in all.
    patch_size : int, default=128
        Pictures: side of the crops learnt from, in pixels.
    max_steps : int or "auto", default="auto"
        Pictures: training steps, of 8 crops each; 3,000 by default, 400 for a single picture.
    max_minutes : float or None, default=None
        Pictures: training ends after so many minutes, if the steps are not over.
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
    Pictures are filled by a residual U-Net, which is given the mask as a further channel and starts as a smooth
    filling; a code would lose what is fine about the pixels that are known. What is missing is NaN, or what the masks
    mark that `fit` and `transform` take. The expected colour is filled in, the mean of all that might be there: large
    holes come out smooth. There are no draws and doubts of pictures so filled.

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
        "window": WINDOW,
        "members": check.AUTOENCODER["members"],
        "network": (check.word("auto", *FAMILIES, "unet"), f"'auto', {', '.join(map(repr, FAMILIES))} or 'unet'"),
        "hidden": check.AUTOENCODER["hidden"],
        "max_epochs": check.AUTOENCODER["max_epochs"],
        "holes": (
            check.either(check.AUTO, lambda v: isinstance(v, (tuple, list)) and len(v) > 0 and set(v) <= set(HOLES)),
            f"'auto' or some of {', '.join(map(repr, HOLES))}",
        ),
        "context": (check.whole(0), "a whole number from 0 on"),
        "patch_size": (check.whole(16), "a whole number from 16 on"),
        "max_steps": (check.either(check.whole(1), check.AUTO), "a whole number from 1 on, or 'auto'"),
        "max_minutes": (check.either(check.nothing, check.number(0, open_left=True)), "None or a number above 0"),
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
        window: int | str | None = None,
        members: int = 3,
        rate: Any = "auto",
        kind: str = "auto",
        network: str = "auto",
        hidden: Any = "auto",
        max_epochs: int | str = "auto",
        holes: Any = "auto",
        context: int = 0,
        patch_size: int = 128,
        max_steps: int | str = "auto",
        max_minutes: float | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: int = 0,
    ):
        self.window = window
        self.members = members
        self.rate = rate
        self.kind = kind
        self.network = network
        self.hidden = hidden
        self.max_epochs = max_epochs
        self.holes = holes
        self.context = context
        self.patch_size = patch_size
        self.max_steps = max_steps
        self.max_minutes = max_minutes
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, *, mask: Any = None) -> Self:
        """Learn to fill the gaps of rows.

        Parameters
        ----------
        X : array, frame, sparse matrix, tensor, Dataset, list or path
            Rows; NaN means missing. Rows without gaps are learnt from as well.
        y : ignored
        mask : array, path, PIL image or list of them, optional
            Pictures: what is missing is True, 1 or white; one mask for each picture, or one for all.

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
        self.window_ = None
        if are_recordings(X, self.window, self.kind) and mask is None:
            recordings, self.window_ = taken(X, self.window)
            X = windows_of(recordings, self.window_)
        if self.window_ is None and self._takes_pictures(X, mask):
            return self._fit_pictures(X, mask)
        if mask is not None:
            raise ParameterError("Imputer: mask= is for pictures; mark what is missing of rows by NaN.")
        self._filler = None
        raw = _densely(as_raw(X, kind=self.kind if self.window_ is None else "sequence"))
        refuse_tokens(raw, "Imputer")
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

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Learn from rows, or from pictures and their `mask`, and fill their gaps: `fit` and `transform`."""
        return self.fit(X, y, **fit_params).transform(X, **fit_params)

    def transform(self, X: Any, *, mask: Any = None) -> Any:
        """Fill the missing values of rows with what is expected of them.

        Parameters
        ----------
        X : same as in fit
            The rows fitted on, or others of the same columns.
        mask : optional
            As in fit.

        Returns
        -------
        ndarray or frame, like X
            Observed values as they were; filled ones within the bounds seen in training, whole where all values seen
            of the column were.
        """
        check_is_fitted(self)
        if self._filler is not None:
            return fill_pictures(self._filler, X, mask)
        if mask is not None:
            raise ParameterError("Imputer: mask= is for pictures; mark what is missing of rows by NaN.")
        if self.window_ is not None:
            return filled(X, self.window_, self._expected_of)
        raw = _densely(self._given(X))
        return completed(raw, self.expected(raw), self.preparation_)

    def _expected_of(self, X: Any) -> np.ndarray:
        raw = self._given(X)
        expected = np.full(raw.values.shape, np.nan)
        for rows, mean, _ in self._gaps(raw):
            expected[rows] = self._in_units(mean)
        return expected

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
        self._refuse_pictures("expected values apart")
        return self._expected_of(_densely(self._given(X)))

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
        self._refuse_pictures("draws")
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
        self._refuse_pictures("doubts")
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

    # --- To a folder and back

    def _learnt(self) -> Learnt:
        if self._filler is not None:
            values = {"filler": self._filler.config(), "n_rows": self.n_rows_, "history": self.history_}
            return Learnt(values, self._filler.weights())
        arrays = {"edges": self._residuals.edges, "quantiles": self._residuals.quantiles}
        arrays |= {"low": self.bounds_.low, "high": self.bounds_.high, "whole": self.bounds_.whole}
        return Learnt({"window": self.window_}, arrays, {"main": self.autoencoder_})

    def _restore(self, learnt: Learnt) -> None:
        arrays = learnt.arrays
        self._filler, self.window_ = None, None
        if "filler" in learnt.values:
            self._filler = Filler.restored(learnt.values["filler"], arrays, choose_device(self.device))
            self.kind_, self.n_rows_ = "image", learnt.values["n_rows"]
            self.history_ = {name: list(column) for name, column in learnt.values["history"].items()}
            return
        self.window_ = learnt.values.get("window")
        self.autoencoder_ = learnt.autoencoders["main"]
        self.bounds_ = Bounds(arrays["low"], arrays["high"], arrays["whole"])
        self._residuals = Residuals(arrays["edges"], arrays["quantiles"])


def _densely(raw: Raw) -> Raw:
    return replace(raw, values=dense(raw.values)) if raw.is_sparse else raw
