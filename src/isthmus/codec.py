"""What a fitted autoencoder does: rows to codes and back, errors, new rows, files."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from isthmus import parameters as check
from isthmus import persistence
from isthmus.data import Labels, Raw, as_raw
from isthmus.exceptions import DataError, ParameterError
from isthmus.latents import Latents
from isthmus.ordering import Ordering
from isthmus.probabilistic import Probabilistic
from isthmus.quantised import Quantised
from isthmus.training.decoding import as_decoding
from isthmus.training.density import CodeDensity

if TYPE_CHECKING:
    from isthmus.data import Preparation
    from isthmus.training.fit import Model
    from isthmus.training.inference import Inference
    from isthmus.training.pca import PrincipalComponents

#: Training codes that are kept, so that `sample` can fit its densities: the fewest and the most, of so many values.
CODES_KEPT, VALUES_KEPT = (5000, 20_000), 1 << 19
#: Rows on which it is measured how far posteriors spread.
SPREAD_ROWS = 1000
#: What `sample` can draw codes from.
AUTO, PRIOR, MIXTURE = DENSITIES = ("auto", "prior", "mixture")


class Codec(
    Latents, Ordering, Probabilistic, Quantised, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """The verbs of a fitted autoencoder; a subclass fits it and sets these attributes."""

    kind_: str
    latent_dim_: int
    preparation_: Preparation
    pca_: PrincipalComponents
    _model: Model
    _inference: Inference
    _codes: np.ndarray
    _deviations: np.ndarray | None
    _labels: Labels | None
    _densities: dict[int | None, CodeDensity]

    def transform(self, X: Any, *, sparse: bool = False) -> Any:
        """Encode rows.

        Parameters
        ----------
        X : same as in fit
        sparse : bool, default=False
            Whether to return a matrix that stores only what is not 0, made block by block: for wide codes of few active
            units, whose dense array would not fit.

        Returns
        -------
        ndarray, or scipy csr_matrix, of shape (n, latent_dim_)
            Codes, the same at every call; float32 for data in float32. `set_output` gives frames, of dense codes alone.
        """
        check_is_fitted(self)
        raw = self._given(X)
        return self._inference.sparse_codes(raw) if sparse else self._inference.codes(raw)

    def inverse_transform(self, Z: Any, *, decoding: Any = None) -> Any:
        """Decode codes, in the person's own units, names and types.

        Parameters
        ----------
        Z : array, frame or scipy sparse matrix of shape (n, latent_dim_)
        decoding : {"greedy", "sample", "beam"}, Sampling, BeamSearch or None, default=None
            How texts are written: the likeliest token at each step, drawn ones, or a search. None: "greedy".

        Returns
        -------
        ndarray or frame, like what was fitted on
        """
        check_is_fitted(self)
        how = as_decoding(decoding, self.preparation_.vocabulary_)
        codes = self._checked_codes(Z)
        return self.preparation_.give_back(self._inference.values(codes, decoding=how))

    def reconstruct(self, X: Any, *, decoding: Any = None) -> Any:
        """Encode rows and decode them again: the same container, units and types as X; `decoding` is that of texts."""
        check_is_fitted(self)
        how = as_decoding(decoding, self.preparation_.vocabulary_)
        raw = self._given(X)
        return self.preparation_.give_back(self._inference.reconstruct(raw, how), raw)

    def reconstruct_prepared(self, prepared: Any) -> Any:
        """Encode and decode rows in prepared units: a `Prepared` to a Tensor of shape (n, *shape)."""
        check_is_fitted(self)
        return self._inference.decode(self._inference.encode(prepared.to(self._model.device))).cpu()

    def reconstruction_error(self, X: Any, per: str = "row", return_std: bool = False) -> Any:
        """Loss of the reconstruction in prepared units (standard deviations squared, for "mse" and "standard").

        Parameters
        ----------
        X : same as in fit
        per : {"row", "cell"}, default="row"
        return_std : bool, default=False
            Whether to return the standard deviation over the members as well: how sure they are. 0 for a single one.

        Returns
        -------
        ndarray of shape (n,) or of X's shape
            The mean over the observed values of each row; or each value's own, NaN where it is missing. With
            `members`, the mean over them.
        ndarray of the same shape
            Only with `return_std`.
        """
        check_is_fitted(self)
        if per not in ("row", "cell"):
            raise ParameterError(f"per={per!r} cannot be used; expected 'row' or 'cell'.")
        raw = self._given(X)
        if per == "cell" and self._inference.loss.packed:
            raise ParameterError("per='cell' cannot be used with kind='ratings'; use per='row'.")
        means, spreads = [], []
        for _, prepared in self._inference.blocks(raw):
            losses = self._by_column(self._inference.cell_losses(prepared).cpu().numpy())
            if self.preparation_.ends_:
                losses[..., -1] = np.nan
            if per == "row":
                losses = _mean_of_seen(losses.reshape(*losses.shape[:2], -1))
            means.append(losses.mean(0))
            spreads.append(losses.std(0))
        mean, spread = (self._laid_out(np.concatenate(parts), raw, per) for parts in (means, spreads))
        return (mean, spread) if return_std else mean

    def _by_column(self, losses: np.ndarray) -> np.ndarray:
        """Losses of prepared values, (K, n, *shape), as those of values as brought."""
        if self._inference.loss.columns is None:
            return losses
        by_column = self.preparation_.by_column(losses.reshape(-1, *losses.shape[2:])) * self._inference.loss.per_value
        return by_column.reshape(*losses.shape[:2], -1)

    def _laid_out(self, values: np.ndarray, raw: Raw, per: str) -> np.ndarray:
        if per == "row":
            return values
        cells = values
        if self._inference.loss.columns is None:
            cells = self.preparation_.by_column(values)
        if self.preparation_.ends_:
            return self.preparation_.give_back(cells, raw)
        if raw.flat:
            return cells.reshape(len(cells), -1)
        return np.moveaxis(cells, -1, 1) if raw.container == "torch_nchw" else cells

    def score(self, X: Any, y: Any = None) -> float:
        """Share of the variance of X about the training mean that the reconstruction explains: at most 1.

        Parameters
        ----------
        X : same as in fit
        y : ignored

        Returns
        -------
        float
            1 - squared error / variance, in prepared units, over all observed values; NaN without variance. Of ratings
            1 - the share of the entries that are not among the first, of as many as a row has, over the same of a
            ranking by popularity. With `members`, the mean over them.
        """
        check_is_fitted(self)
        error = total = 0.0
        for _, prepared in self._inference.blocks(self._given(X)):
            x = prepared.x.double()
            seen = torch.ones_like(x) if prepared.mask is None else prepared.mask.double()
            if self.preparation_.ends_:
                seen[..., -1] = 0.0  # where a sequence ends is not to be explained
            for output in self._inference.outputs(prepared):
                value = self._inference.loss.link(output)
                error += float((self._inference.loss.distance(value.double(), x) * seen).sum())
                total += float((self._inference.loss.spread(x, self.pca_.mean) * seen).sum())
        if total == 0:
            return 1.0 if error == 0 else float("nan")
        return 1 - error / total

    def sample(
        self,
        n: int = 1,
        random_state: Any = None,
        *,
        density: str = "auto",
        condition: Mapping[Any, Any] | None = None,
    ) -> Any:
        """Make new rows: codes drawn, and decoded.

        Numbers, pixels too, are what the decoder expects at the code, without noise about them.

        Parameters
        ----------
        n : int, default=1
        random_state : int, RandomState instance or None, default=None
        density : {"auto", "prior", "mixture"}, default="auto"
            What codes are drawn from. "prior": that of the objective. "mixture": a Gaussian mixture on codes of
            training rows, which every autoencoder has; the number of its components is chosen by BIC. "auto": the prior
            where it was learnt (a mixture, a codebook, or given columns), else the mixture, as codes meet a prior that
            was fixed beforehand only roughly.
        condition : mapping, optional
            `{"label": 3}`, for a model that was fitted with labels, `fit(X, y)`: rows of one class, from a mixture on
            its codes alone; or a list of one label for each of the n rows. Otherwise values of the columns that the
            model was fitted to be given, `Variational(condition=...)`: by column, one value or one for each of the n
            rows. Without it, the values of these columns are those of training rows.

        Returns
        -------
        ndarray or frame, like what was fitted on, of n rows

        Raises
        ------
        ParameterError
            If `density` cannot be had here; if `condition` is given, and the model was fitted neither with labels nor
            to be given columns.
        DataError
            If `condition` does not fit the labels, the columns, or the n rows.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from isthmus import Autoencoder
        >>> X, y = load_iris(return_X_y=True)
        >>> ae = Autoencoder(2, max_epochs=2, random_state=0).fit(X, y)
        >>> ae.sample(3, condition={"label": 2}).shape
        (3, 4)
        >>> X = load_iris(as_frame=True).frame
        >>> ae = Autoencoder(3, objective="variational(condition=target)", max_epochs=2, random_state=0).fit(X)
        >>> ae.sample(3, condition={"target": [0, 1, 2]})["target"].tolist()
        [0, 1, 2]
        """
        check_is_fitted(self)
        if not check.whole(1)(n):
            raise ParameterError(f"n={n!r} cannot be used; expected a whole number from 1 on.")
        if not check.RANDOM(random_state):
            raise ParameterError(f"random_state={random_state!r} cannot be used; expected {check.RANDOM_WORDS}.")
        if not check.word(*DENSITIES)(density):
            raise ParameterError(f"density={density!r} cannot be used; expected {', '.join(map(repr, DENSITIES))}.")
        given = self._inference.objective.given
        if density == MIXTURE and given:
            raise ParameterError(
                f"density='mixture' cannot be used with {self._inference.objective!r}: values that are given are drawn "
                "from training rows, not mixed. Leave density='auto'."
            )
        if density == PRIOR and self._labels is not None and condition is not None and not given:
            raise ParameterError("density='prior' knows no labels; leave density='auto' with condition={'label': ...}.")
        rng = check_random_state(random_state)
        seed = rng.randint(2**31 - 1)
        if condition is None:
            codes = self._unlabelled(int(n), density, seed, rng)
        elif self._labels is not None and not given:
            codes = self._of_labels(self._labels.wanted(condition, int(n)), rng)
        else:
            return self.preparation_.give_back(self._sample_given(int(n), condition, seed))
        drawn = np.random.default_rng(rng.randint(2**31 - 1))
        return self.preparation_.give_back(self._inference.values(codes.astype(self._codes.dtype), drawn))

    def _unlabelled(self, n: int, density: str, seed: int, rng: np.random.RandomState) -> np.ndarray:
        """Draw codes from the prior, or from the mixture on all training codes: (n, latent_dim)."""
        by_prior = density == PRIOR or (density == AUTO and self._inference.objective.learns_prior)
        codes = self._inference.draw(n, seed) if by_prior else None
        if codes is None:
            if density == PRIOR:
                raise ParameterError(
                    "density='prior' needs an objective that has one, such as Variational(), but this model was "
                    f"fitted with {self._inference.objective!r}; use 'mixture', or leave 'auto'."
                )
            codes = self._mixture(None).sample(n, rng)
        return codes

    def _of_labels(self, wanted: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """Draw a code of each of the classes wanted: (n, latent_dim)."""
        codes = np.empty((len(wanted), self._codes.shape[1]))
        for label in np.unique(wanted):
            rows = np.flatnonzero(wanted == label)
            codes[rows] = self._mixture(int(label)).sample(len(rows), rng)
        return codes

    def _mixture(self, label: int | None) -> CodeDensity:
        """Give the density on training codes, of one class or (None) of all; fitted when it is first asked for."""
        if label not in self._densities:
            codes = self._codes
            if self._deviations is not None:
                # What the decoder was trained on lies about the codes, which are means.
                codes = codes + self._deviations * np.random.default_rng(0).standard_normal(codes.shape, np.float32)
            if label is not None:
                assert self._labels is not None
                codes = codes[self._labels.index == label]
                if len(codes) == 1:
                    raise DataError(
                        f"The label {self._labels.classes[label]!r} has 1 row among the training codes that are kept, "
                        "but at least 2 are needed to draw others like it."
                    )
            self._densities[label] = CodeDensity(codes)
        return self._densities[label]

    def _keep_codes(self, raw: Raw, labels: Labels | None, seed: int) -> None:
        """Keep codes of training rows, with their labels: what densities are fitted on."""
        most = int(np.clip(VALUES_KEPT // self.latent_dim_, *CODES_KEPT))
        rows = np.sort(np.random.default_rng(seed).permutation(len(raw))[:most])
        self._codes = self._inference.codes(raw.take(rows)).astype(np.float32)
        self._deviations = self._spreads(raw.take(rows[:SPREAD_ROWS]))
        self._set_labels(None if labels is None else labels.take(rows))

    def _set_labels(self, labels: Labels | None) -> None:
        self._labels, self._densities = labels, {}
        self.classes_ = None if labels is None else np.asarray(labels.classes)

    def _checked_codes(self, Z: Any) -> Any:
        """Take codes as an array or a csr matrix."""
        if isinstance(Z, torch.Tensor):
            Z = Z.detach().cpu().numpy()
        try:
            codes: Any = check_array(Z, accept_sparse="csr", dtype=[np.float64, np.float32], input_name="Z")  # pyright: ignore
        except ValueError as error:
            raise DataError(f"Z is not an array of codes, which transform gives: {error}") from error
        if codes.shape[1] != self.latent_dim_:
            raise DataError(
                f"Z has {codes.shape[1]} columns, but the codes of this {type(self).__name__} have {self.latent_dim_}; "
                "give what transform returned."
            )
        return codes

    def _given(self, X: Any) -> Raw:
        """Take rows of the kind fitted on; their names are checked where they are prepared."""
        return as_raw(X, kind=self.kind_, like=self.preparation_.schema_)

    def save(self, path: str | PathLike[str], *, overwrite: bool = True) -> None:
        """Write the model as a folder, whole or not at all; `isthmus.load` reads it.

        Parameters
        ----------
        path : str or path
        overwrite : bool, default=True
            Whether a model that is there already may be replaced. Anything else there never is.

        Raises
        ------
        ModelFileError
            If the place cannot be written, or holds something that is not a model.
        """
        check_is_fitted(self)
        persistence.save(self, path, overwrite=overwrite)

    @property
    def _n_features_out(self) -> int:
        return self.latent_dim_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _mean_of_seen(cells: np.ndarray) -> np.ndarray:
    """Mean along the last axis over what is not NaN; NaN where all is."""
    seen = ~np.isnan(cells)
    count = seen.sum(-1)
    sums = np.where(seen, cells, 0).sum(-1)
    return np.divide(sums, count, out=np.full_like(sums, np.nan), where=count > 0)
