"""A fitted autoencoder to a model folder and back."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy
import sklearn
import torch

from isthmus._version import __version__
from isthmus.data import Labels, Preparation, Schema, restore_preparation
from isthmus.exceptions import ModelFileError, ParameterError
from isthmus.networks import Members
from isthmus.objectives import Loss, Objective, describe, rebuild, resolve
from isthmus.storage import Stored, model_card, write_folder
from isthmus.training.devices import choose_device
from isthmus.training.fit import Model, as_objective
from isthmus.training.pca import PrincipalComponents
from isthmus.training.plan import Plan
from isthmus.training.ratings import RatingComponents
from isthmus.training.setup import OWN, Architecture, begin, loss_for
from isthmus.training.tokens import TokenComponents

if TYPE_CHECKING:
    from isthmus.autoencoder import Autoencoder

#: Parameters that belong to one run on one machine, not to the model.
NOT_KEPT = ("callbacks", "checkpoint", "checkpoint_every", "verbose")
RECORD = (
    *("history_", "gradient_norms_", "best_epoch_", "best_member_", "stability_", "stopped_"),
    *("comparison_", "chosen_", "n_rows_"),
)


def chosen(model: Model, plan: Plan) -> dict[str, Any]:
    """Return everything that was used in place of "auto", and what was not to be chosen."""
    architecture = model.architecture
    return {
        "kind": model.preparation.kind,
        "network": architecture.network,
        "latent_dim": architecture.latent_dim,
        "hidden": list(architecture.hidden),
        "linear_path": architecture.linear_path,
        "mask_input": architecture.mask_input,
        "members": architecture.members,
        "loss": model.loss.name,
        "scaling": model.preparation.scaling_,
        "batch_size": plan.batch_size,
        "max_epochs": plan.max_epochs,
        "learning_rate": plan.learning_rate,
        "weight_decay": plan.weight_decay,
        "patience": plan.patience,
        "device": str(model.device),
        "precision": model.precision,
        "seed": plan.seed,
        "weights": sum(p.numel() for p in model.network.parameters()),
    }


def save(estimator: Any, path: str | PathLike[str], *, overwrite: bool) -> None:
    """Write a fitted estimator as a folder."""
    stored = as_stored(estimator)
    write_folder(path, stored, model_card(stored.config), overwrite)


def as_stored(estimator: Any) -> Stored:
    """Give a fitted estimator as the plain values of a folder."""
    model, params = estimator._model, estimator._fitted_params
    objective = resolve(params["objective"])
    rows = estimator.validation_rows_
    config = {
        "estimator": type(estimator).__name__,
        "kind": estimator.kind_,
        "latent_dim": estimator.latent_dim_,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "isthmus_version": __version__,
        "versions": versions(),
        "parameters": _parameters(params),
        "schema": shown_schema(estimator.schema_),
        "architecture": model.architecture.config(),
        "own_objective": None if objective is None else repr(objective),
        "objective": describe(objective),
        "loss": model.loss.name,
        "precision": model.precision,
        "n_rows": estimator.n_rows_,
        "chosen": estimator.chosen_,
        "history": estimator.history_,
        "comparison": estimator.comparison_,
        "classes": None if estimator._labels is None else list(estimator._labels.classes),
        "record": {name: getattr(estimator, name) for name in RECORD},
    }
    tensors = {f"network/{k}": v.detach().cpu() for k, v in model.network.state_dict().items()}
    tensors |= {f"pca/{k}": torch.from_numpy(v) for k, v in model.pca.arrays().items()}
    tensors["codes"] = torch.from_numpy(estimator._codes)
    if estimator._deviations is not None:
        tensors["deviations"] = torch.from_numpy(estimator._deviations)
    if estimator._labels is not None:
        tensors["labels"] = torch.from_numpy(estimator._labels.index)
    if rows is not None:
        tensors["validation_rows"] = torch.from_numpy(rows)
    preparation = model.preparation
    return Stored(config, tensors, preparation.config(), preparation.arrays())


def load_into(
    estimator_class: type[Autoencoder], stored: Stored, path: Any, device: str, objective: Any, network: Any
) -> Autoencoder:
    """Rebuild an estimator from what a model folder holds."""
    config, tensors = stored.config, stored.tensors
    try:
        architecture = Architecture.restore(config["architecture"])
        preparation = restore_preparation(stored.preparation, stored.arrays)
        loss = loss_for(config["loss"], preparation)
        params: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in config["parameters"].items()}
        if objective is None and config.get("objective") is not None:
            objective = _rebuilt(config["objective"], architecture, loss, preparation, path)
        if config["own_objective"] is not None and objective is None:
            raise ParameterError(
                f"The model in {str(path)!r} was fitted with the objective {config['own_objective']}: loading runs no "
                "code from the folder, so give it again, load(path, objective=...)."
            )
        if architecture.network != OWN and network is not None:
            raise ParameterError(
                f"The model in {str(path)!r} has a network of the family {architecture.network!r}, not of own modules: "
                "leave network= out."
            )
        if architecture.network == OWN and network is None:
            raise ParameterError(
                f"The model in {str(path)!r} has a network of a person's own modules: loading runs no code from the "
                "folder, so give them again, load(path, network=(encoder, decoder))."
            )
        params |= {"device": device, "objective": objective}
        if network is not None:
            params["network"] = network
        estimator = estimator_class(**params)
        model = _model(stored, architecture, loss, preparation, objective, network, device)
        estimator._set_model(model, estimator.get_params(deep=False))
        # Models that were written before there were members have one.
        for name, value in ({"best_member_": 0, "stability_": None} | config["record"]).items():
            setattr(estimator, name, value)
        if isinstance(model.network, Members):
            model.network.best = estimator.best_member_
        estimator._codes = tensors["codes"].numpy()
        deviations = tensors.get("deviations")
        estimator._deviations = None if deviations is None else deviations.numpy()
        labelled = config.get("classes") is not None
        estimator._set_labels(Labels(tuple(config["classes"]), tensors["labels"].numpy()) if labelled else None)
        held = tensors.get("validation_rows")
        estimator.validation_rows_ = None if held is None else held.numpy()
        estimator._partial = None
    except (KeyError, TypeError, RuntimeError) as error:
        raise ModelFileError(
            f"The model in {str(path)!r} does not fit together: {error}. It was written by another version of Isthmus, "
            "or changed by hand; load it with the version named in its README.md, or fit it again."
        ) from error
    return estimator


def _model(
    stored: Stored,
    architecture: Architecture,
    loss: Loss,
    preparation: Preparation,
    objective: Any,
    network: Any,
    device: str,
) -> Model:
    config = stored.config
    begun = _begun(objective, architecture, loss, preparation)
    built = architecture.build(begun, network)
    groups: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in stored.tensors.items():
        group, _, rest = name.partition("/")
        groups.setdefault(group, {})[rest] = tensor
    components = TokenComponents if architecture.vocabulary else PrincipalComponents
    components = RatingComponents if architecture.ratings else components
    place = choose_device(device)
    built.to(torch.float64 if config["precision"] == "float64" else torch.float32)
    try:
        built.load_state_dict(groups["network"])
    except RuntimeError as error:
        if architecture.network != OWN:
            raise
        raise ParameterError(f"network=(encoder, decoder) has other weights than the model saved: {error}") from error
    return Model(
        preparation=preparation,
        objective=begun,
        loss=loss,
        architecture=architecture,
        network=built.to(place).eval(),
        pca=components.restore({k: v.numpy() for k, v in groups["pca"].items()}),
        device=place,
        precision=config["precision"],
    )


def _begun(objective: Any, architecture: Architecture, loss: Loss, preparation: Preparation) -> Objective:
    """Make the model's own copy of an objective, ready for use."""
    begun = begin(as_objective(objective), loss, preparation, architecture.shape, architecture.latent_dim)
    width = begun.code_dim(architecture.latent_dim)
    if width != architecture.code_dim:
        raise ParameterError(
            f"objective={objective!r} takes {width} values from the encoder for a code of {architecture.latent_dim}, "
            f"but that of the model gives {architecture.code_dim}: it was fitted with another objective."
        )
    return begun


def _rebuilt(
    description: Any, architecture: Architecture, loss: Loss, preparation: Preparation, path: Any
) -> Objective | list[Objective]:
    """Make the objective that a file describes, and try it: what a file holds is not trusted."""
    try:
        objective = rebuild(description)
        _begun(objective, architecture, loss, preparation)
    except (ModelFileError, ParameterError) as error:
        raise ModelFileError(
            f"The objective of the model in {str(path)!r} cannot be made again: {str(error).rstrip('.')}. It was "
            "written by another version of Isthmus, or changed by hand; load it with the version named in its "
            "README.md, or give the objective, load(path, objective=...)."
        ) from error
    return objective


def versions() -> dict[str, str]:
    """Versions of what results depend on."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
    }


def _parameters(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters as JSON can hold them; what cannot be held is given again to `load`."""
    kept = {}
    for name, value in params.items():
        if name in NOT_KEPT or name == "objective":
            continue
        if name == "network" and not isinstance(value, str):
            value = OWN
        elif name == "random_state" and not isinstance(value, (int, np.integer, type(None))):
            value = None
        elif isinstance(value, (tuple, list)):
            value = [int(v) for v in value]
        kept[name] = value.item() if isinstance(value, np.generic) else value
    return kept


def shown_schema(schema: Schema) -> dict[str, Any]:
    """Give what a model card and `isthmus info` show of the data fitted on."""
    shown: dict[str, Any] = {"kind": schema.kind, "shape": list(schema.item_shape), "dtype": schema.dtype}
    if schema.names is not None:
        dtypes = schema.column_dtypes or (schema.dtype,) * len(schema.names)
        shown["columns"] = [list(pair) for pair in zip(schema.names, dtypes, strict=True)]
    return shown
