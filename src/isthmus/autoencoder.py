"""The estimator: an autoencoder with scikit-learn's manners, for any kind of data."""

from __future__ import annotations

import warnings
from os import PathLike
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from isthmus import parameters as check
from isthmus import persistence
from isthmus.data import Raw, as_raw
from isthmus.exceptions import DataError, ParameterError
from isthmus.networks import ACTIVATIONS
from isthmus.training import fit as training
from isthmus.training.callbacks import as_callbacks
from isthmus.training.checkpoints import Checkpoints
from isthmus.training.density import CodeDensity
from isthmus.training.devices import PRECISIONS
from isthmus.training.partial import PartialFit

#: Training codes that are kept, so that `sample` can fit its density.
CODES_KEPT = 5000

_ACTIVATION = (check.word(*ACTIVATIONS), f"one of {', '.join(map(repr, ACTIVATIONS))}")
_EXPECTED: dict[str, tuple[check.Check, str]] = {
    "latent_dim": (check.either(check.whole(1), check.AUTO), "a whole number from 1 on, or 'auto'"),
    "kind": (lambda v: isinstance(v, str), "the name of a kind of data, or 'auto'"),
    "network": (
        lambda v: isinstance(v, str) or check.modules(v),
        "'auto', 'dense', 'conv', 'lstm', 'gru', or a pair (encoder, decoder) of nn.Modules",
    ),
    "hidden": (check.either(check.sizes, check.AUTO), "'auto' or a tuple of whole numbers, such as (256, 64)"),
    "activation": _ACTIVATION,
    "code_activation": _ACTIVATION,
    "output_activation": _ACTIVATION,
    "dropout": (check.number(0, 1), "a number from 0 to below 1"),
    "linear_path": (check.either(check.flag, check.AUTO), "'auto', True or False"),
    "loss": (check.word("auto", "mse", "mae", "huber", "bce"), "'auto', 'mse', 'mae', 'huber' or 'bce'"),
    "scaling": (
        check.word("auto", "standard", "minmax", "quantile", "none"),
        "'auto', 'standard', 'minmax', 'quantile' or 'none'",
    ),
    "max_epochs": (check.either(check.whole(0), check.AUTO), "a whole number from 0 on, or 'auto'"),
    "batch_size": (check.either(check.whole(1), check.AUTO), "a whole number from 1 on, or 'auto'"),
    "learning_rate": (check.either(check.number(0, open_left=True), check.AUTO), "a number above 0, or 'auto'"),
    "weight_decay": (check.number(0), "a number from 0 on"),
    "patience": (check.either(check.whole(1), check.nothing, check.AUTO), "a whole number from 1 on, None or 'auto'"),
    "validation_fraction": (check.number(0, 1), "a number from 0 to below 1"),
    "device": (lambda v: isinstance(v, str), "'auto', 'cpu', 'cuda', 'cuda:1' or 'mps'"),
    "precision": (check.word(*PRECISIONS), f"one of {', '.join(map(repr, PRECISIONS))}"),
    "warm_start": (check.flag, "True or False"),
    "checkpoint": (check.either(check.nothing, lambda v: isinstance(v, (str, PathLike))), "None or a folder"),
    "checkpoint_every": (check.whole(1), "a whole number of epochs from 1 on"),
    "verbose": (check.either(check.whole(0), check.flag), "0, 1 or 2"),
}


class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Autoencoder for vectors, numeric tables, pictures and sequences of one length.

    A network squeezes each row into a short code and makes the row from the code again. Beside the non-linear
    path stands a linear one that starts at the solution of PCA, and that starting point is itself a candidate
    for the best weights: with the squared error the result reconstructs the held-out rows at least as well as
    PCA of the same size.

    Parameters
    ----------
    latent_dim : int or "auto", default="auto"
        Size of the code. "auto": the smallest size at which PCA explains 95 % of the variance, at most 256.
    kind : {"auto", "vector", "table", "image", "sequence"}, default="auto"
        What the data are; "auto" looks at them.
    objective : Objective, list of Objective or None, default=None
        What is added to the plain autoencoder, see `isthmus.objectives.Objective`.
    network : {"auto", "dense", "conv", "lstm", "gru"} or (encoder, decoder), default="auto"
        "auto": dense for rows, convolutional for pictures and sequences. An own pair of nn.Modules maps
        (n, *shape) to (n, latent_dim) and back; it is copied, and has to be given again to `load`.
    hidden : tuple of int or "auto", default="auto"
        Sizes of the encoder's hidden layers (channels by stage for "conv"), narrowing towards the code; the
        decoder mirrors them.
    activation : str, default="silu"
        Of the hidden layers: "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid",
        "softplus" or "linear".
    code_activation, output_activation : str, default="linear"
        Of the code, and of the reconstruction in prepared units. Any other than "linear" leaves no place for
        the linear path.
    dropout : float, default=0.0
        Share of hidden units dropped in training.
    linear_path : bool or "auto", default="auto"
        The linear encoder and decoder started at PCA. "auto": for "dense" and "conv" with linear code and
        output.
    loss : {"auto", "mse", "mae", "huber", "bce"}, default="auto"
        Reconstruction loss in prepared units. "auto": "bce" where every value is 0 or 1, else "mse".
    scaling : {"auto", "standard", "minmax", "quantile", "none"}, default="auto"
        Of each column (of each channel, for pictures and sequences). "auto": "standard", but "none" where every
        value is 0 or 1 and "minmax" for `loss="bce"` on other values.
    max_epochs : int or "auto", default="auto"
        Passes over the training rows; 0 gives the starting point. "auto": enough for 3,000 steps up to 4,000
        rows, growing to 20,000 steps, at least 2 epochs.
    batch_size : int or "auto", default="auto"
        Rows a step. "auto": 128 up to 50,000 rows, growing to 1,024.
    learning_rate : float or "auto", default="auto"
        Peak rate of AdamW, after a warm-up and before a cosine decay. "auto" goes by the network and the batch.
    weight_decay : float, default=0.01
        Decoupled decay of the weights of the non-linear path.
    patience : int, None or "auto", default="auto"
        Epochs without a better validation loss after which training stops; None: never. "auto": 15 % of
        `max_epochs`, at least 10.
    validation_fraction : float, default=0.1
        Share of the rows held out from training to choose the best epoch; 0, or fewer than 20 rows: none, and
        the best epoch is that of the least training loss.
    random_state : int, RandomState instance or None, default=None
        The same int gives the same model, to the bit on a CPU with the same number of threads.
    device : str, default="auto"
        "cpu", "cuda", "cuda:1", "mps", or "auto": the first GPU there is.
    precision : {"auto", "float32", "float64", "bf16"}, default="auto"
        Of training. "auto": bf16 on a GPU that has it, else float32.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights and scaling of the last fit.
    checkpoint : str, path or None, default=None
        Folder in which the state of training is kept; a fit that was killed goes on from it when started
        again. With it, `random_state=None` means a seed that follows from the data.
    checkpoint_every : int, default=1
        Epochs between two checkpoints, which are also at least 10 seconds apart.
    callbacks : list, default=None
        Callbacks, or functions of an epoch's record (a dict), called after each epoch; one that returns True
        stops training.
    verbose : int, default=0
        1 shows a progress bar, 2 a line an epoch.

    Attributes
    ----------
    kind_ : str
        Kind of the data.
    latent_dim_ : int
        Size of the code.
    chosen_ : dict
        Everything that was used in place of "auto", and what was not to be chosen.
    history_ : dict of list
        By epoch, the starting point first: "epoch", "train_loss", "validation_loss", "learning_rate",
        "seconds", and one column for each named term of the objective.
    gradient_norms_ : dict of list
        Norm of the gradient of each layer at the end of each epoch.
    best_epoch_ : int
        Epoch whose weights were kept; 0 is the starting point.
    stopped_ : {"max_epochs", "patience", "callback", "interrupted"}
        Why training ended.
    comparison_ : dict
        "ours" and "pca": mean squared error in prepared units on the held-out rows (`split` says which).
    validation_rows_ : ndarray of int or None
        Rows of X that were held out.
    network_ : isthmus.networks.Network
    preparation_ : isthmus.data.Preparation
    pca_ : isthmus.training.pca.PrincipalComponents
        PCA of the same size on the same prepared rows.
    n_features_in_ : int
        Number of columns, or of values in one item.
    feature_names_in_ : ndarray of str
        Column names; only after a fit on a frame.

    Notes
    -----
    The preparation and the PCA are fitted on all rows given to `fit`; the held-out part of them chooses the
    epoch. Rows of `validation=` are never fitted on.

    References
    ----------
    Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science (2006).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from isthmus import Autoencoder
    >>> X = load_iris().data
    >>> ae = Autoencoder(2, max_epochs=5, random_state=0).fit(X)
    >>> ae.transform(X).shape, ae.reconstruct(X).shape
    ((150, 2), (150, 4))
    """

    def __init__(
        self,
        latent_dim="auto",
        *,
        kind="auto",
        objective=None,
        network="auto",
        hidden="auto",
        activation="silu",
        code_activation="linear",
        output_activation="linear",
        dropout=0.0,
        linear_path="auto",
        loss="auto",
        scaling="auto",
        max_epochs="auto",
        batch_size="auto",
        learning_rate="auto",
        weight_decay=0.01,
        patience="auto",
        validation_fraction=0.1,
        random_state=None,
        device="auto",
        precision="auto",
        warm_start=False,
        checkpoint=None,
        checkpoint_every=1,
        callbacks=None,
        verbose=0,
    ):
        self.latent_dim = latent_dim
        self.kind = kind
        self.objective = objective
        self.network = network
        self.hidden = hidden
        self.activation = activation
        self.code_activation = code_activation
        self.output_activation = output_activation
        self.dropout = dropout
        self.linear_path = linear_path
        self.loss = loss
        self.scaling = scaling
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.device = device
        self.precision = precision
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every
        self.callbacks = callbacks
        self.verbose = verbose

    # Fitting ---------------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, *, validation: Any = None) -> Self:
        """Fit the autoencoder.

        Parameters
        ----------
        X : array, frame, sparse matrix, tensor, Dataset, list or path
            Rows; NaN means missing.
        y : ignored
        validation : same as X, optional
            Rows on which the best epoch is chosen, instead of a share of X.

        Returns
        -------
        Autoencoder
            Itself.

        Raises
        ------
        ParameterError
            If a parameter has a value that cannot be used.
        DataError
            If the data cannot be used: the message names row and column.
        TrainingError
            If the loss was not finite four times, although the rate was lowered.
        ModelFileError
            If `checkpoint` belongs to another fit.
        """
        params = self._checked_parameters()
        raw = as_raw(X, kind=self.kind)
        seed = self._seed(raw)
        again = self.warm_start and hasattr(self, "network_")
        if again:
            model = self._model
            rows = model.preparation.rows(raw, model.dtype).to(model.device)
        else:
            model, rows = training.set_up(params, raw, seed)
        other = None
        if validation is not None:
            held = as_raw(validation, kind=raw.kind)
            other = model.preparation.rows(held, model.dtype).to(model.device)
        train, judged, out = training.split_rows(rows, other, self.validation_fraction, seed)
        plan = training.plan_for(model, params, len(train), seed)
        checkpoints = None
        if self.checkpoint is not None:
            run_of = training.fingerprint(params, raw, seed)
            checkpoints = Checkpoints(self.checkpoint, run_of, self.checkpoint_every)
        callbacks = as_callbacks(self.callbacks, self.verbose)
        state = training.run(model, plan, train, judged, callbacks, checkpoints)
        self._set_model(model)
        self._set_record(state)
        self.chosen_ = persistence.chosen(model, plan)
        self.n_rows_ = len(raw)
        self.validation_rows_ = out
        split = "training" if judged is None else "validation"
        self.comparison_ = training.beside_pca(model, train if judged is None else judged, split)
        self._keep_codes(raw, seed)
        self._partial = None
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train for one pass over some rows.

        The first call fits the preparation and the starting point on its rows; give it enough of them. The rate stays
        constant, nothing is held out.

        Parameters
        ----------
        X : same as in fit
        y : ignored

        Returns
        -------
        Autoencoder
            Itself.
        """
        params = self._checked_parameters()
        raw = as_raw(X, kind=getattr(self, "kind_", self.kind))
        if not hasattr(self, "network_"):
            seed = self._seed(raw)
            model, rows = training.set_up(params, raw, seed)
            self._set_model(model)
            self.n_rows_ = 0
            self._keep_codes(raw, seed)
        else:
            rows = self._model.preparation.rows(raw, self._model.dtype).to(self._model.device)
        if getattr(self, "_partial", None) is None:
            plan = training.plan_for(self._model, params, len(rows), self._seed(raw))
            self._partial = PartialFit(plan)
            self.chosen_ = persistence.chosen(self._model, plan)
        state = self._partial.one_pass(self._model, rows)
        self._inference = self._model.inference()
        self._set_record(state)
        self.n_rows_ += len(raw)
        self.validation_rows_ = None
        self.comparison_ = training.beside_pca(self._model, rows, "training")
        return self

    def _checked_parameters(self) -> dict[str, Any]:
        params = self.get_params(deep=False)
        check.check_parameters(type(self).__name__, params, _EXPECTED)
        training.as_objective(self.objective)
        return params

    def _seed(self, raw: Raw) -> int:
        if self.random_state is None and self.checkpoint is not None:
            return int(training.digest(raw)[:7], 16)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _set_model(self, model: training.Model) -> None:
        """Set the fitted attributes that follow from the model alone."""
        self._model = model
        self._inference = model.inference()
        self.network_ = model.network
        self.preparation_ = model.preparation
        self.pca_ = model.pca
        self.kind_ = model.preparation.kind
        self.schema_ = model.preparation.schema_
        self.latent_dim_ = model.architecture.latent_dim
        self.n_features_in_ = int(np.prod(model.preparation.schema_.item_shape))
        names = model.preparation.feature_names_
        if names is not None:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _set_record(self, state: Any) -> None:
        self.history_ = training.history_of(state)
        self.gradient_norms_ = training.gradients_of(state)
        self.best_epoch_ = state.best_epoch
        self.stopped_ = state.finished

    def _keep_codes(self, raw: Raw, seed: int) -> None:
        rows = np.random.default_rng(seed).permutation(len(raw))[:CODES_KEPT]
        self._codes = self._inference.codes(raw.take(np.sort(rows))).astype(np.float32)

    # Use -------------------------------------------------------------------------------------------------------------

    def transform(self, X: Any) -> Any:
        """Encode rows.

        Parameters
        ----------
        X : same as in fit

        Returns
        -------
        ndarray of shape (n, latent_dim_)
            Codes, the same at every call; float32 for data in float32. `set_output` gives frames.
        """
        check_is_fitted(self)
        return self._inference.codes(self._given(X))

    def inverse_transform(self, Z: Any) -> Any:
        """Decode codes, in the person's own units, names and types.

        Parameters
        ----------
        Z : array or frame of shape (n, latent_dim_)

        Returns
        -------
        ndarray or frame, like what was fitted on
        """
        check_is_fitted(self)
        codes = check_array(Z, dtype=[np.float64, np.float32], estimator=self, input_name="Z")
        if codes.shape[1] != self.latent_dim_:
            raise DataError(
                f"Z has {codes.shape[1]} columns, but the codes of this {type(self).__name__} have {self.latent_dim_}; "
                "give what transform returned."
            )
        return self.preparation_.give_back(self._inference.values(codes))

    def reconstruct(self, X: Any) -> Any:
        """Encode rows and decode them again: the same container, units and types as X."""
        check_is_fitted(self)
        raw = self._given(X)
        return self.preparation_.give_back(self._inference.reconstruct(raw), raw)

    def reconstruct_prepared(self, prepared: Any) -> Any:
        """Encode and decode rows in prepared units: a `Prepared` to a Tensor of shape (n, *shape)."""
        check_is_fitted(self)
        return self._inference.decode(self._inference.encode(prepared.to(self._model.device))).cpu()

    def reconstruction_error(self, X: Any, per: str = "row") -> np.ndarray:
        """Loss of the reconstruction in prepared units (standard deviations squared, for "mse" and "standard").

        Parameters
        ----------
        X : same as in fit
        per : {"row", "cell"}, default="row"

        Returns
        -------
        ndarray of shape (n,) or of X's shape
            The mean over the observed values of each row; or each value's own, NaN where it is missing.
        """
        check_is_fitted(self)
        if per not in ("row", "cell"):
            raise ParameterError(f"per={per!r} cannot be used; expected 'row' or 'cell'.")
        raw = self._given(X)
        parts = [self._inference.cell_losses(prepared).cpu() for _, prepared in self._inference.blocks(raw)]
        if per == "row":
            return np.concatenate([part.flatten(1).nanmean(1).numpy() for part in parts])
        return np.concatenate([self.preparation_.backward(part.numpy(), raw.item_shape) for part in parts])

    def score(self, X: Any, y: Any = None) -> float:
        """Share of the variance of X about the training mean that the reconstruction explains: at most 1.

        Parameters
        ----------
        X : same as in fit
        y : ignored

        Returns
        -------
        float
            1 - squared error / variance, in prepared units, over all observed values; NaN without variance.
        """
        check_is_fitted(self)
        error = total = 0.0
        for _, prepared in self._inference.blocks(self._given(X)):
            x = prepared.x.double()
            seen = 1.0 if prepared.mask is None else prepared.mask
            mean = self.pca_.mean.to(x).reshape(x.shape[1:])
            output = self._inference.decode(self._inference.encode(prepared))
            error += float(((output.double() - x).square() * seen).sum())
            total += float(((x - mean).square() * seen).sum())
        if total == 0:
            return 1.0 if error == 0 else float("nan")
        return 1 - error / total

    def sample(self, n: int = 1, random_state: Any = None) -> Any:
        """Make new rows: codes drawn from a Gaussian mixture on training codes, decoded.

        The number of components is chosen by BIC.

        Parameters
        ----------
        n : int, default=1
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        ndarray or frame, like what was fitted on, of n rows
        """
        check_is_fitted(self)
        if not check.whole(1)(n):
            raise ParameterError(f"n={n!r} cannot be used; expected a whole number from 1 on.")
        codes = CodeDensity(self._codes).sample(int(n), check_random_state(random_state))
        return self.preparation_.give_back(self._inference.values(codes.astype(self._codes.dtype)))

    def _given(self, X: Any) -> Raw:
        """Take rows of the kind fitted on; their names are checked where they are prepared."""
        raw = as_raw(X, kind=self.kind_)
        if raw.names is None and hasattr(self, "feature_names_in_"):
            name = type(self).__name__
            warnings.warn(
                f"X does not have valid feature names, but {name} was fitted with feature names", stacklevel=3
            )
        return raw

    # Files -----------------------------------------------------------------------------------------------------------

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

    # scikit-learn ----------------------------------------------------------------------------------------------------

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
