"""Codes whose first units are codes themselves."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from contextlib import suppress
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from isthmus.exceptions import ParameterError
from isthmus.networks import Members, Network
from isthmus.objectives import Objective, Ordered, each_objective
from isthmus.training.fit import Model, as_objective
from isthmus.training.setup import OWN, begin

if TYPE_CHECKING:
    from isthmus.training.density import CodeDensity

#: Rows on which the shorter model is tried beside the longer one.
TRIED = 16


class Ordering:
    """Codes whose first units are codes themselves."""

    latent_dim_: int
    best_epoch_: int
    chosen_: dict[str, Any]
    comparison_: dict[str, Any]
    stability_: dict[str, Any] | None
    _codes: np.ndarray
    _deviations: np.ndarray | None
    _densities: dict[int | None, CodeDensity]
    _partial: Any
    _model: Model
    _fitted_params: dict[str, Any]

    if TYPE_CHECKING:

        def _set_model(self, model: Model, params: dict[str, Any]) -> None: ...

        def set_params(self, **params: Any) -> Self: ...

    def truncate(self, k: int) -> Self:
        """Give the model of the first k units of the code, for fits with the objective `Ordered`.

        Nothing is trained: the network is cut where it gives and takes the code. The record of the training
        (`history_`, `gradient_norms_`, `best_epoch_`, `stability_`) stays that of the whole; `comparison_` is of no
        rows: `isthmus.evaluation.compare` makes one.

        Parameters
        ----------
        k : int
            From 1 to `latent_dim_`.

        Returns
        -------
        Autoencoder
            Another one; this one stays as it is. Its codes are the first k units of the codes here, and decode as these
            do with the others at 0.

        Raises
        ------
        ParameterError
            If k is no such number, the units are not ordered, or the network is of a person's own modules.

        Examples
        --------
        >>> import numpy as np
        >>> from isthmus import Autoencoder, Ordered
        >>> X = np.random.default_rng(0).normal(size=(80, 5))
        >>> ae = Autoencoder(3, objective=Ordered(), max_epochs=2, random_state=0).fit(X)
        >>> short = ae.truncate(2)
        >>> short.latent_dim_, bool(np.allclose(short.transform(X), ae.transform(X)[:, :2], atol=1e-6))
        (2, True)
        """
        check_is_fitted(self)
        if not isinstance(k, Integral) or isinstance(k, bool) or not 1 <= k <= self.latent_dim_:
            raise ParameterError(f"k={k!r} cannot be used; expected a whole number from 1 to {self.latent_dim_}.")
        k = int(k)
        self._refuse_unordered()
        params = self._fitted_params | {"latent_dim": k}
        model = shortened(self._model, as_objective(params["objective"]), k)
        short = copy.copy(self)
        short.set_params(latent_dim=k)
        short._set_model(model, params)
        short._codes, short._densities = self._codes[:, :k].copy(), {}
        short._deviations = None if self._deviations is None else self._deviations[:k].copy()
        short._partial = None
        weights = sum(parameter.numel() for parameter in model.network.parameters())
        short.chosen_ = self.chosen_ | {"latent_dim": k, "weights": weights}
        if k < self.latent_dim_:
            nothing = dict.fromkeys(("ours", "pca", "ratio"), float("nan"))
            short.comparison_ = {"rows": 0, "split": self.comparison_["split"], **nothing}
        return short

    def _refuse_unordered(self) -> None:
        model = self._model
        name = type(self).__name__
        if model.architecture.network == OWN:
            raise ParameterError(
                f"{name}: the network is of a person's own modules, which cannot be cut; set the units of the codes "
                "beyond the first to 0 before inverse_transform."
            )
        parts = each_objective(model.objective.bind(model.network))
        places = [i for i, part in enumerate(parts) if isinstance(part, Ordered)]
        is_pca = model.architecture.linear_path and model.objective.is_plain() and self.best_epoch_ == 0
        if not places and not (is_pca and model.architecture.members == 1):
            raise ParameterError(
                f"{name}: the units of this code are in no order, so that its first ones alone mean little; fit with "
                "objective=Ordered(), or with latent_dim of the size wanted."
            )
        if places and not _leave_codes(parts[places[-1] + 1 :], self._codes):
            raise ParameterError(
                f"{name}: an objective behind Ordered changes the code, so that its first units alone mean little; put "
                "Ordered() last in the list."
            )


@torch.no_grad()
def _leave_codes(objectives: Sequence[Objective], codes: np.ndarray) -> bool:
    """Whether objectives give codes as they are given them."""
    tried = torch.as_tensor(codes[:TRIED])
    return all(torch.equal(objective.encode(tried), tried) for objective in objectives)


def shortened(model: Model, objective: Objective, k: int) -> Model:
    """Cut a model to the first k units of its code.

    Parameters
    ----------
    model : Model
    objective : Objective
        The model's own, before `begin`.
    k : int

    Raises
    ------
    ParameterError
        If the network, or what the objective has of its own, cannot be cut.
    """
    whole = model.architecture
    begin(objective, model.loss, model.preparation, whole.shape, k)
    architecture = dataclasses.replace(whole, latent_dim=k, code_dim=objective.code_dim(k))
    network = architecture.build(objective).to(device=model.device, dtype=model.dtype)
    # What is not laid out by units cannot be cut, and will not agree.
    with suppress(LookupError, RuntimeError):
        _cut(model.network, network, k)
    if isinstance(network, Members) and isinstance(model.network, Members):
        network.best = model.network.best
    short = dataclasses.replace(
        model, objective=objective, architecture=architecture, network=network.eval(), pca=model.pca.first(k)
    )
    if not _agree(model, short):
        raise ParameterError(
            f"This {whole.network!r} network cannot be cut to {k} units of its code, with {model.objective!r}; set the "
            "units of the codes beyond the first to 0 before inverse_transform."
        )
    return short


@torch.no_grad()
def _cut(whole: nn.Module, short: nn.Module, k: int) -> None:
    """Copy weights and buffers, along each axis that is shorter the part that belongs to the first k units."""
    state, tensors = whole.state_dict(), short.state_dict()
    for name, tensor in tensors.items():
        part = state[name]
        for axis, (was, now) in enumerate(zip(part.shape, tensor.shape, strict=True)):
            if was != now:
                part = part.index_select(axis, _first(was, now, k).to(part.device))
        tensor.copy_(part)


def _first(was: int, now: int, k: int) -> Tensor:
    """Places that stay of an axis that holds one or several blocks of units: means, then variances, say."""
    blocks = max(1, now // k)
    return (torch.arange(blocks)[:, None] * (was // blocks) + torch.arange(now // blocks)).flatten()


@torch.no_grad()
def _agree(model: Model, short: Model) -> bool:
    """Whether the cut model gives the first units of the codes, and decodes them as the whole one does."""
    k, generator = short.architecture.latent_dim, torch.Generator().manual_seed(0)
    x = torch.randn(TRIED, *model.architecture.shape, generator=generator).to(model.device, model.dtype)
    if model.architecture.vocabulary:
        x = x.abs().clamp(1, model.architecture.vocabulary - 1).floor()
    long, cut = _coded(model.objective, model.network, x), _coded(short.objective, short.network, x)
    padded = nn.functional.pad(cut, (0, long.shape[1] - k))
    pairs = ((cut, long[:, :k]), (short.network.decode(cut), model.network.decode(padded)))
    return all(torch.allclose(ours, theirs, rtol=1e-3, atol=1e-4) for ours, theirs in pairs)


def _coded(objective: Objective, network: Network | Members, x: Tensor) -> Tensor:
    return objective.bind(network).encode(network.encode(x))
