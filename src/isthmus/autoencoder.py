"""The estimator: an autoencoder with scikit-learn's manners, for any kind of data."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, Self

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import nn

from isthmus import parameters as check
from isthmus import persistence
from isthmus.codec import Codec
from isthmus.data import Raw, Rows, as_labels, as_raw
from isthmus.exceptions import DataError
from isthmus.objectives import Objective
from isthmus.training import fit as training
from isthmus.training.callbacks import as_callbacks
from isthmus.training.checkpoints import Checkpoints
from isthmus.training.engine import run
from isthmus.training.partial import PartialFit
from isthmus.training.split import SubsetRows, held_out
from isthmus.training.stability import stability

#: Rows on which the codes of the members are compared: those held out if there are as many, and at most.
FEWEST_COMPARED, MOST_COMPARED = 100, 1000


class Autoencoder(Codec):
    """Autoencoder for vectors, tables, pictures, texts and sequences of one length.

    A network squeezes each row into a short code and makes the row from the code again. Beside the non-linear
    path stands a linear one that starts at the solution of PCA, and that starting point is itself a candidate
    for the best weights: with the squared error the result reconstructs the held-out rows at least as well as PCA of
    the same size.

    Parameters
    ----------
    latent_dim : int or "auto", default="auto"
        Size of the code. "auto": the smallest size at which PCA explains 95 % of the variance, at most 256; for texts
        2 units for each byte of the longest (as much for what words and byte pairs hold), at most 2,048.
    kind : {"auto", "vector", "table", "image", "sequence", "text", "events", "bag", "ratings"}, default="auto"
        What the data are; "auto" looks at them. "bag": strings, by their words; words come back. "ratings": a sparse
        matrix, users by items, of which only the entries are known; the chances of all items come back.
    objective : str, Objective, list of them or None, default=None
        What is added to the plain autoencoder: "denoising", "variational(beta=4)" and the others that `isthmus kinds`
        lists, an object such as `Variational(beta=4)` or your own `Objective`, or several, one after another.
    network : {"auto", "dense", "conv", "lstm", "gru"} or (encoder, decoder), default="auto"
        "auto": dense for rows, convolutional for pictures, sequences and texts. An own pair of nn.Modules maps
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
        The linear encoder and decoder started at PCA. "auto": with linear code and output, at most 100
        million weights and no own modules.
    members : int, default=1
        Networks that are trained at once, from different starts and each on its own draw of 90 % of the rows. Codes are
        those of the best one; errors and scores are means over all.
    loss : {"auto", "mse", "mae", "huber", "bce", "poisson", "multinomial"}, default="auto"
        Of the output, in prepared units. "auto": "bce" where every value is 0 or 1, one likelihood a column for mixed
        tables, "multinomial" for ratings, else "mse"; "poisson": for counts.
    tokenizer : {"auto", "bytes", "words", "bpe"} or with a size, such as "words(5000)", default="auto"
        What texts are cut into; "auto": bytes.
    scaling : {"auto", "standard", "minmax", "quantile", "none"}, default="auto"
        Of each column (of each channel, for pictures and sequences). "auto": "standard", but "none" where every value
        is 0 or 1, or with `loss="poisson"`, and "minmax" for `loss="bce"` on other values.
    max_epochs : int or "auto", default="auto"
        Passes over the training rows; 0 gives the starting point. "auto": enough for 3,000 steps on 4,000 rows,
        growing as the rows to the power 0.4 (300 to 20,000 steps, at least 2 epochs); half of that for "conv".
    batch_size : int or "auto", default="auto"
        Rows a step. "auto": 128 up to 50,000 rows, growing to 1,024.
    learning_rate : float or "auto", default="auto"
        Peak rate of AdamW, after a warm-up and before a cosine decay. "auto" goes by network, batch and objective.
    weight_decay : float or "auto", default="auto"
        Decoupled decay of the weights of the non-linear path. "auto": 0.01 from 10,000 rows on, more for fewer, up to 1
        for 100.
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
    checkpoint_every : int or str, default="10s"
        Epochs between two checkpoints, or seconds ("30s"; it is written at the end of an epoch).
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
        Norm of the gradient of each layer (of the first member) at the end of each epoch.
    best_epoch_ : int
        Epoch whose weights were kept: that of the least validation loss, if it is clearly below the start's (by two
        standard errors, or on clearly more than half of the rows); else 0, the starting point.
    stopped_ : {"max_epochs", "patience", "callback", "interrupted"}
        Why training ended.
    comparison_ : dict
        "ours" and "pca": mean squared error in prepared units, of texts the share of the tokens that are wrong, on the
        held-out rows (`split` says which).
    classes_ : ndarray or None
        Labels that `sample` knows, of a fit with y.
    validation_rows_ : ndarray of int or None
        Rows of X that were held out.
    best_member_ : int
        Number of the member whose codes are given: that of the least validation loss.
    stability_ : dict or None
        With `members`, how far their codes of the same rows agree: "mean", "least" and "by_pair" of linear centred
        kernel alignment, which is 1 for codes that differ by a turn and a scale alone (Kornblith et al., 2019).
    network_ : isthmus.networks.Network, or Members with several
    preparation_ : isthmus.data.Preparation
    pca_ : isthmus.training.pca.PrincipalComponents
        PCA of the same size on the same prepared rows, those trained on.
    n_features_in_ : int
        Number of columns, or of values in one item.
    feature_names_in_ : ndarray of str
        Column names; only after a fit on a frame.

    Notes
    -----
    The held-out rows choose the epoch alone. Where none beats the start, the model is PCA, then fitted on all rows.

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
        latent_dim: int | str = "auto",
        *,
        kind: str = "auto",
        objective: str | Objective | Sequence[str | Objective] | None = None,
        network: str | tuple[nn.Module, nn.Module] = "auto",
        hidden: Sequence[int] | str = "auto",
        activation: str = "silu",
        code_activation: str = "linear",
        output_activation: str = "linear",
        dropout: float = 0.0,
        linear_path: bool | str = "auto",
        members: int = 1,
        loss: str = "auto",
        scaling: str = "auto",
        tokenizer: str = "auto",
        max_epochs: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        weight_decay: float | str = "auto",
        patience: int | str | None = "auto",
        validation_fraction: float = 0.1,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        precision: str = "auto",
        warm_start: bool = False,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: int | str = "10s",
        callbacks: Sequence[Any] | None = None,
        verbose: int = 0,
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
        self.members = members
        self.loss = loss
        self.scaling = scaling
        self.tokenizer = tokenizer
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

    @torch.inference_mode(False)
    @torch.enable_grad()
    def fit(self, X: Any, y: Any = None, *, validation: Any = None) -> Self:
        """Fit the autoencoder.

        Parameters
        ----------
        X : array, frame, sparse matrix, tensor, Dataset, list or path
            Rows; NaN means missing.
        y : array of shape (n,), str or None, default=None
            Labels, which nothing is trained on: for `sample(n, condition={"label": ...})`. A str names a column that
            was set aside ("folder": the subfolders of pictures). Targets that are no labels are ignored.
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
        labels = as_labels(y, raw)
        seed = self._seed(raw)
        again = self.warm_start and hasattr(self, "network_")
        if again:
            # The rows held out stay the same, so that none of them has been trained on before.
            seed = self.chosen_["seed"]
            check.refuse_changes(params, self._fitted_params)
        held = None if validation is None else self._validation(validation, raw)
        learnt, out = held_out(len(raw), self.validation_fraction if held is None else 0.0, seed)
        if again:
            # A copy, so that a fit that fails leaves the fitted one as it was.
            model = replace(self._model, network=copy.deepcopy(self._model.network))
            rows = model.preparation.rows(raw, model.dtype).to(model.device)
        else:
            model, rows = training.set_up(params, raw, seed, learnt if len(out) else None)
        train: Rows = SubsetRows(rows, learnt) if len(out) else rows
        judged: Rows | None = SubsetRows(rows, out) if len(out) else None
        if held is not None:
            judged = model.preparation.rows(held, model.dtype).to(model.device)
        plan = training.plan_for(model, params, len(train), seed)
        checkpoints = None
        if self.checkpoint is not None:
            run_of = training.fingerprint(params, raw, held, seed)
            if again:
                run_of["start"] = training.digest_weights(model.network)
            checkpoints = Checkpoints(self.checkpoint, run_of, self.checkpoint_every)
        chosen = persistence.chosen(model, plan)
        about = {"parameters": params, "chosen": chosen}
        state = run(model, plan, train, judged, as_callbacks(self.callbacks, self.verbose), checkpoints, about)
        split = "training" if judged is None else "validation"
        comparison = training.beside_pca(model, train if judged is None else judged, split)
        at_start = not any(state.best_epochs) and model.objective.is_plain()
        if at_start and len(out) and model.network.linear is not None and not again:
            training.return_to_pca(model, params, raw, seed)
        self._set_model(model, params)
        self._set_record(state)
        self.comparison_ = comparison
        self.chosen_ = chosen
        self.n_rows_ = len(raw)
        self.validation_rows_ = out if len(out) else None
        self._keep_codes(raw, labels, seed)
        self._advise()
        self._compare_members(held if held is not None else raw.take(out) if len(out) >= FEWEST_COMPARED else raw)
        self._partial = None
        return self

    @torch.inference_mode(False)
    @torch.enable_grad()
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train for one pass over some rows.

        The first call fits the preparation and the starting point on its rows; give it enough of them. The rate stays
        constant, nothing is held out.

        Parameters
        ----------
        X, y : same as in fit
        """
        params = self._checked_parameters()
        raw = as_raw(X, kind=getattr(self, "kind_", self.kind))
        labels = as_labels(y, raw)
        partial = copy.deepcopy(self._partial) if hasattr(self, "network_") else None
        if not hasattr(self, "network_"):
            seed, before = self._seed(raw), 0
            model, rows = training.set_up(params, raw, seed)
        else:
            seed, before = self.chosen_["seed"], self.n_rows_
            # A copy, so that a pass that fails leaves the fitted one as it was.
            model = replace(self._model, network=copy.deepcopy(self._model.network))
            rows = model.preparation.rows(raw, model.dtype).to(model.device)
        plan = training.plan_for(model, params, len(rows), seed)
        partial = partial or PartialFit()
        state = partial.one_pass(model, rows, plan)
        comparison = training.beside_pca(model, rows, "training")
        self._set_model(model, params if before == 0 else self._fitted_params)
        self._set_record(state)
        self._partial = partial
        self.chosen_ = persistence.chosen(model, plan)
        self._keep_codes(raw, labels, 0)
        self._compare_members(raw)
        self.n_rows_ = before + len(raw)
        self.validation_rows_ = None
        self.comparison_ = comparison
        return self

    def _checked_parameters(self) -> dict[str, Any]:
        params = self.get_params(deep=False)
        check.check_parameters(type(self).__name__, params, check.AUTOENCODER)
        training.as_objective(self.objective)
        return params

    def _seed(self, raw: Raw) -> int:
        if self.random_state is None and self.checkpoint is not None:
            return int(training.digest(raw)[:7], 16)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _validation(self, validation: Any, raw: Raw) -> Raw:
        held = as_raw(validation, kind=raw.kind)
        values: Any = held.values.data if held.is_sparse else held.values
        if values.size and values.dtype.kind == "f" and np.isnan(values).all():
            raise DataError("Every value of validation= is missing (NaN): no epoch can be chosen on it.")
        return held

    def _set_model(self, model: training.Model, params: dict[str, Any]) -> None:
        """Set the fitted attributes that follow from the model and its parameters alone."""
        self._model = model
        self._fitted_params = params
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
        self.best_epoch_ = state.best_epochs[state.best_member]
        self.best_member_ = state.best_member
        self.stopped_ = state.finished

    def _compare_members(self, raw: Raw) -> None:
        """Compare the members' codes of some rows."""
        self.stability_ = None
        if self._model.architecture.members > 1:
            rows = np.linspace(0, len(raw) - 1, min(len(raw), MOST_COMPARED)).round().astype(int)
            self.stability_ = stability(self._inference.member_codes(raw.take(rows)))
