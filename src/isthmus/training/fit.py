"""From a person's rows and parameters to a trained model: what is chosen, put together and run."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from torch import Tensor, nn

from isthmus.data import Preparation, Raw, Rows
from isthmus.data.ratings import RATINGS
from isthmus.data.registry import TOKENS
from isthmus.data.rows_of_tokens import as_bytes
from isthmus.exceptions import ParameterError
from isthmus.networks import Members, Network, axes_of, choose_family, find_family
from isthmus.objectives import Chain, Loss, Objective, resolve
from isthmus.training import ratings, tokens
from isthmus.training.devices import choose_device, choose_precision
from isthmus.training.inference import Inference
from isthmus.training.pca import BUDGET, PrincipalComponents, principal_components
from isthmus.training.plan import Plan, make_plan
from isthmus.training.preparing import prepare
from isthmus.training.setup import (
    OWN,
    Architecture,
    begin,
    check_own_pair,
    start_at_pca,
    start_objective,
    start_output,
)
from isthmus.training.split import SubsetRows, evenly
from isthmus.training.state import TrainingState
from isthmus.training.threads import threads_for, work_per_row

#: Share of the variance that the PCA of the size chosen by latent_dim="auto" explains, and the largest such size.
AUTO_SHARE, AUTO_LARGEST = 0.95, 256
#: Weights up to which linear_path="auto" adds a linear path: beyond, it would dwarf the network.
MOST_LINEAR = 100_000_000
#: Share of the training's multiply-adds that PCA may take where it is there for comparison alone.
PCA_SHARE = 0.03
#: Rows of a split on which the model is compared with PCA at most; rows that were trained on say little anyway.
COMPARED = {"validation": 5000, "training": 2048}
#: Rate for networks of a person's own.
OWN_RATE = 1e-3


@dataclass
class Model:
    """An autoencoder put together: everything but the record of its training.

    Parameters
    ----------
    preparation : Preparation
    objective : Objective
    loss : Loss
    architecture : Architecture
    network : Network or Members
    pca : PrincipalComponents
        Of the same size, on the same rows.
    device, precision : torch.device, str
    """

    preparation: Preparation
    objective: Objective
    loss: Loss
    architecture: Architecture
    network: Network | Members
    pca: PrincipalComponents
    device: torch.device
    precision: str

    @property
    def pace(self) -> tuple[float, float]:
        """Learning rate that suits the network at a batch of 128, and its share of the usual number of steps."""
        if self.architecture.network == OWN:
            return OWN_RATE, 1.0
        family = find_family(self.architecture.network, self.architecture.axes)[1]
        return family.learning_rate, family.steps

    @property
    def dtype(self) -> torch.dtype:
        """Floating dtype of the weights and of the rows in training."""
        return torch.float64 if self.precision == "float64" else torch.float32

    def inference(self) -> Inference:
        """Put the network to use."""
        return Inference(self.network, self.objective, self.loss, self.preparation, self.device)


def as_objective(objective: Any) -> Objective:
    """Take None, a word, an `Objective` or a list of them; what a person holds is copied, and may change afterwards.

    Lists within lists are laid out as one, and a list of one is the one: so they are written to a file and read back.

    Raises
    ------
    ParameterError
        For anything else.
    """
    made = resolve(objective)
    if made is None:
        return Objective()
    parts = [_copy(part) for part in _laid_out(made if isinstance(made, Objective) else Chain(made))]
    return parts[0] if len(parts) == 1 else Chain(parts)


def _laid_out(objective: Objective) -> list[Objective]:
    if type(objective) is not Chain:
        return [objective]
    objective.check()
    return [part for inner in objective.objectives for part in _laid_out(inner)]


def _copy(objective: Objective) -> Objective:
    copied: Any = clone(objective)
    return copied


def set_up(params: Mapping[str, Any], raw: Raw, seed: int, train: np.ndarray | None = None) -> tuple[Model, Rows]:
    """Fit the preparation and the principal components, and make the network at its starting point.

    Parameters
    ----------
    params : mapping
        The estimator's, checked.
    raw : Raw
    seed : int
    train : ndarray of int, optional
        Those of the rows that may be learnt from; all by default.

    Returns
    -------
    model : Model
    rows : Rows
        All prepared.
    """
    device = choose_device(params["device"])
    precision = choose_precision(params["precision"], device)
    dtype = torch.float64 if precision == "float64" else torch.float32
    prepared = {RATINGS: ratings.prepare, **dict.fromkeys(TOKENS, tokens.prepare)}.get(raw.kind, prepare)
    loss, preparation = prepared(params, raw, train)
    rows = preparation.rows(raw, dtype).to(device)
    learnt = rows if train is None else SubsetRows(rows, train)
    wanted = params["latent_dim"]
    if loss.vocabulary:
        latent_dim = tokens.automatic_size(preparation) if wanted == "auto" else int(wanted)
        pca = tokens.principal_components(learnt, latent_dim, seed)
    elif loss.packed:
        latent_dim = ratings.automatic_size(raw) if wanted == "auto" else int(wanted)
        pca = ratings.principal_components(raw if train is None else raw.take(train), latent_dim, loss, seed)
    elif wanted == "auto":
        pca = _components(learnt, AUTO_LARGEST, seed)
        latent_dim = min(AUTO_LARGEST, pca.smallest_size(AUTO_SHARE))
    else:
        pca, latent_dim = None, int(wanted)
    objective = begin(as_objective(params["objective"]), loss, preparation, tuple(rows.shape), latent_dim)
    architecture = _choose_architecture(params, rows, latent_dim, objective, loss, preparation)
    network = architecture.build(objective, params["network"] if architecture.network == OWN else None, seed)
    network.to(device=device, dtype=dtype)
    if architecture.network == OWN:
        check_own_pair(network, architecture, objective)
    if pca is None:
        pca = _components(learnt, latent_dim, seed, _pca_budget(params, architecture, network, len(learnt)))
    pca = pca.first(latent_dim)
    start_at_pca(network, pca, loss)
    if architecture.network != OWN:
        start_output(network, pca, loss)
    start_objective(network, objective, learnt, seed)
    return Model(preparation, objective, loss, architecture, network, pca, device, precision), rows


def _components(rows: Rows, most: int, seed: int, budget: float = BUDGET) -> PrincipalComponents:
    size = math.prod(rows.shape)
    with threads_for(len(rows) * size * min(size, len(rows))):
        return principal_components(rows, most, torch.Generator().manual_seed(seed), budget)


def _pca_budget(
    params: Mapping[str, Any], architecture: Architecture, network: Network | Members, n_rows: int
) -> float:
    """Multiply-adds that the principal components may take: few where nothing but the comparison needs them."""
    if architecture.linear_path or params["max_epochs"] == "auto":
        return BUDGET
    training = 3 * work_per_row(network, architecture.shape).products * n_rows * params["max_epochs"]
    return min(BUDGET, PCA_SHARE * training)


def _choose_architecture(
    params: Mapping[str, Any], rows: Rows, latent_dim: int, objective: Objective, loss: Loss, preparation: Preparation
) -> Architecture:
    shape = tuple(rows.shape)
    own, name = not isinstance(params["network"], str), OWN
    told = loss.name if loss.packed else ""
    axes = axes_of(shape, loss.vocabulary, told)
    hidden, options = (), {}
    if not own:
        name, family, options = choose_family(params["network"], axes)
        if isinstance(params["hidden"], str):
            hidden = family.default_hidden(shape, latent_dim, len(rows))
        else:
            hidden = tuple(int(size) for size in params["hidden"])
    if params["code_activation"] != "linear" and objective.code_dim(latent_dim) != latent_dim:
        raise ParameterError(
            f"code_activation={params['code_activation']!r} cannot be used with {objective!r}: it would bend the "
            "variances of the code as well. Leave code_activation='linear'."
        )
    bent = loss.counts or loss.vocabulary
    plain = params["code_activation"] == "linear" and params["output_activation"] == "linear" and not bent
    linear_path, forced = params["linear_path"], bool(options.get("teacher_forcing"))
    if linear_path == "auto":
        linear_path = (
            plain
            and not forced
            and objective.linear_path
            and not own
            and 2 * math.prod(shape) * latent_dim <= MOST_LINEAR
        )
    elif linear_path and not plain:
        raise ParameterError(
            "linear_path=True needs code_activation='linear' and output_activation='linear', numbers, and another loss "
            "than 'poisson': these would bend the linear path. Leave linear_path='auto', or drop what bends."
        )
    elif linear_path and forced:
        raise ParameterError("linear_path=True goes with no teacher_forcing. Leave linear_path='auto'.")
    elif linear_path and objective.given:
        raise ParameterError(
            f"linear_path=True cannot be used with {objective!r}: given columns are part of the code, which PCA knows "
            "nothing of. Leave linear_path='auto'."
        )
    return Architecture(
        network=name,
        shape=shape,
        latent_dim=latent_dim,
        code_dim=objective.code_dim(latent_dim),
        hidden=hidden,
        activation=params["activation"],
        code_activation=params["code_activation"],
        output_activation=params["output_activation"],
        dropout=float(params["dropout"]),
        mask_input=((rows.has_mask and preparation.tells_mask) or objective.hides()) and not own,
        linear_path=bool(linear_path),
        members=int(params["members"]),
        counts=loss.counts and not own,
        vocabulary=loss.vocabulary,
        ratings=told,
        ends=preparation.ends_,
        options=options,
    )


def return_to_pca(model: Model, params: Mapping[str, Any], raw: Raw, seed: int) -> None:
    """Make the model the PCA of all rows: nothing beat its start, so no row need be held out any more."""
    loss, preparation = prepare(params, raw, None)
    # More rows may have more to tell, or be longer, and the network's width stands.
    if loss.name == model.loss.name and preparation.shape_ == model.preparation.shape_:
        model.preparation = preparation
    rows = model.preparation.rows(raw, model.dtype).to(model.device)
    model.pca = pca = _components(rows, model.architecture.latent_dim, seed)
    start_at_pca(model.network, pca, model.loss)


def plan_for(model: Model, params: Mapping[str, Any], n_rows: int, seed: int) -> Plan:
    """Fill in batch, epochs, rate and patience."""
    return make_plan(
        n_rows,
        batch_size=params["batch_size"],
        max_epochs=params["max_epochs"],
        learning_rate=params["learning_rate"],
        weight_decay=params["weight_decay"],
        patience=params["patience"],
        seed=seed,
        default_rate=model.pace[0] * model.objective.pace,
        share_of_steps=model.pace[1],
    )


@torch.no_grad()
def beside_pca(model: Model, rows: Rows, split: str) -> dict[str, Any]:
    """Mean squared error of the model and of PCA at the same code size, in prepared units, over observed cells."""
    inference = model.inference()
    ours = theirs = cells = 0.0
    chosen = evenly(len(rows), COMPARED[split])
    firsts = _first_slots(model.loss)
    for index in chosen.split(1024):
        batch = rows.take(index)
        seen = torch.ones_like(batch.x) if batch.mask is None else batch.mask.to(batch.x)
        ours += float((model.loss.distance(inference.decode(inference.encode(batch)), batch.x) * seen).sum())
        theirs += float((model.loss.distance(model.pca.reconstruct(batch.x), batch.x) * seen).sum())
        cells += float((seen if firsts is None else seen[:, firsts]).sum())
    cells = max(cells, 1.0)
    ratio = ours / theirs if theirs > 0 else (1.0 if ours == 0 else float("inf"))
    return {"rows": len(chosen), "split": split, "ours": ours / cells, "pca": theirs / cells, "ratio": ratio}


def _first_slots(loss: Loss) -> Tensor | None:
    """First slot of each column, which is there where any of it is; None where each value is a column of its own."""
    if loss.columns is None:
        return None
    return torch.cat([torch.zeros(1, dtype=torch.long), loss.columns.diff().nonzero()[:, 0] + 1])


def history_of(state: TrainingState) -> dict[str, list[float]]:
    """Turn records by epoch into columns; a value that an epoch lacks is NaN."""
    names = list(dict.fromkeys(name for record in state.records for name in record))
    return {name: [record.get(name, float("nan")) for record in state.records] for name in names}


def gradients_of(state: TrainingState) -> dict[str, list[float]]:
    """Turn gradient norms by epoch into one list a layer."""
    names = list(dict.fromkeys(name for norms in state.gradients for name in norms))
    return {name: [norms.get(name, float("nan")) for norms in state.gradients] for name in names}


def fingerprint(params: Mapping[str, Any], raw: Raw, held: Raw | None, seed: int) -> dict[str, Any]:
    """What a run is: its parameters and data, so that a checkpoint is taken up by the same run alone."""
    left_out = {"callbacks", "verbose", "checkpoint", "checkpoint_every", "warm_start", "random_state"}
    shown = {name: _shown(value) for name, value in params.items() if name not in left_out}
    return {
        **shown,
        "seed": seed,
        "data": digest(raw),
        "validation": None if held is None else digest(held),
        "torch": torch.__version__,
    }


def digest(raw: Raw) -> str:
    """Hash of the values and their shape."""
    values: Any = as_bytes(raw.values) if raw.kind in TOKENS else raw.values
    parts = (values.data, values.indices, values.indptr) if raw.is_sparse else (values,)
    found = hashlib.blake2b(f"{raw.kind} {values.shape} {values.dtype}".encode(), digest_size=16)
    for part in parts:
        found.update(np.ascontiguousarray(part).view(np.uint8).data)
    return found.hexdigest()


def digest_weights(module: nn.Module) -> str:
    """Hash of the weights and buffers of a network."""
    found = hashlib.blake2b(digest_size=16)
    for tensor in module.state_dict().values():
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _shown(value: Any) -> Any:
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if isinstance(value, nn.Module):
        return digest_weights(value)
    if isinstance(value, Sequence):
        return [_shown(item) for item in value]
    # A function within an objective lies elsewhere in each process.
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
