"""What all jobs share: parameters, rows of any kind, and a folder to save in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from isthmus import parameters as check
from isthmus import persistence
from isthmus._version import __version__
from isthmus.autoencoder import Autoencoder
from isthmus.data import Preparation, Raw, as_raw, restore_preparation
from isthmus.data.registry import TOKENS
from isthmus.exceptions import DataError, ModelFileError
from isthmus.storage import Stored, model_card, write_folder

#: Where what belongs to the autoencoders of a task stands among its tensors and arrays.
_MEMBERS = "autoencoder"


@dataclass
class Learnt:
    """What a task learnt beside its preparation, as plain values: enough to make it again.

    Parameters
    ----------
    values : dict
        JSON values.
    arrays : dict of str to ndarray
        Numbers and booleans.
    autoencoders : dict of str to Autoencoder
        Fitted.
    """

    values: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    autoencoders: dict[str, Autoencoder] = field(default_factory=dict)


class Task(BaseEstimator):
    """Base of the jobs, each an estimator over any number of autoencoders.

    Jobs on pictures of any sizes have no preparation; they set `kind_` and `n_rows_` themselves.

    A subclass has the parameters `kind`, `random_state` and `device` among its own, lists what each may be in
    `PARAMETERS`, calls `_fitted_on` in `fit`, and gives and takes back what it learnt by `_learnt` and `_restore`.

    Attributes
    ----------
    kind_ : str
        Kind of the data.
    preparation_ : isthmus.data.Preparation
    schema_ : isthmus.data.Schema
    n_features_in_ : int
        Number of columns, or of values in one item.
    feature_names_in_ : ndarray of str
        Column names; only after a fit on a frame.
    n_rows_ : int
        Rows fitted on.
    """

    #: What each parameter may be: a check, and words for a message.
    PARAMETERS: ClassVar[Mapping[str, tuple[check.Check, str]]] = {
        "kind": check.AUTOENCODER["kind"],
        "random_state": check.AUTOENCODER["random_state"],
        "device": check.AUTOENCODER["device"],
        "verbose": check.AUTOENCODER["verbose"],
    }
    #: A sentence on what the model is, and lines of code, for its card: {"python": [...], "console": [...]}.
    ABOUT: ClassVar[str]
    USAGE: ClassVar[Mapping[str, list[str]]]

    kind: str
    random_state: Any
    device: str
    kind_: str
    preparation_: Preparation

    def _learnt(self) -> Learnt:
        """Give what was learnt."""
        raise NotImplementedError

    def _restore(self, learnt: Learnt) -> None:
        """Take back what `_learnt` gave; the preparation is there already."""
        raise NotImplementedError

    # --- Parameters and rows

    def _check_parameters(self) -> None:
        check.check_parameters(type(self).__name__, self.get_params(deep=False), self.PARAMETERS)

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _fitted_on(self, preparation: Preparation, n_rows: int) -> None:
        """Set the fitted attributes that follow from the data."""
        self.preparation_ = preparation
        self.kind_ = preparation.kind
        self.schema_ = preparation.schema_
        self.n_features_in_ = int(np.prod(preparation.schema_.item_shape))
        self.n_rows_ = n_rows
        if preparation.feature_names_ is not None:
            self.feature_names_in_ = np.asarray(preparation.feature_names_, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _given(self, X: Any) -> Raw:
        """Take rows of the kind fitted on, with its columns."""
        check_is_fitted(self)
        raw = as_raw(X, kind=self.kind_, like=self.preparation_.schema_)
        self.preparation_.check(raw, type(self).__name__)
        return raw

    def _about_data(self) -> dict[str, Any]:
        """Give what a model card shows of the data fitted on."""
        return persistence.shown_schema(self.schema_)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "kind_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        return tags

    # --- To a folder and back

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
        stored = self._stored()
        write_folder(path, stored, model_card(stored.config), overwrite)

    def _stored(self) -> Stored:
        learnt = self._learnt()
        tensors = {f"task/{name}": torch.from_numpy(np.ascontiguousarray(a)) for name, a in learnt.arrays.items()}
        own = getattr(self, "preparation_", None)
        arrays = {} if own is None else {f"task/{name}": a for name, a in own.arrays().items()}
        configs, preparations = {}, {}
        for name, autoencoder in learnt.autoencoders.items():
            part = persistence.as_stored(autoencoder)
            configs[name], preparations[name] = part.config, part.preparation
            tensors |= {f"{_MEMBERS}/{name}/{key}": value for key, value in part.tensors.items()}
            arrays |= {f"{_MEMBERS}/{name}/{key}": value for key, value in part.arrays.items()}
        config = {
            "estimator": type(self).__name__,
            "kind": self.kind_,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "isthmus_version": __version__,
            "versions": persistence.versions(),
            "about": self.ABOUT,
            "usage": dict(self.USAGE),
            "parameters": {name: _kept(value) for name, value in self.get_params(deep=False).items()},
            "schema": self._about_data(),
            "n_rows": self.n_rows_,
            "learnt": learnt.values,
            "autoencoders": configs,
        }
        task = None if own is None else own.config()
        return Stored(config, tensors, {"task": task, _MEMBERS: preparations}, arrays)

    @classmethod
    def _load(cls, stored: Stored, path: Any, device: str) -> Self:
        """Make a task again from what a folder holds."""
        try:
            config, own = stored.config, stored.preparation["task"]
            params = {k: tuple(v) if isinstance(v, list) else v for k, v in config["parameters"].items()}
            task = cls(**params | {"device": device})
            if own is not None:
                task._fitted_on(restore_preparation(own, _below("task/", stored.arrays)), config["n_rows"])
            autoencoders = {}
            for name, about in config["autoencoders"].items():
                prefix = f"{_MEMBERS}/{name}/"
                part = Stored(
                    about,
                    _below(prefix, stored.tensors),
                    stored.preparation[_MEMBERS][name],
                    _below(prefix, stored.arrays),
                )
                autoencoders[name] = persistence.load_into(Autoencoder, part, path, device, None, None)
            arrays = {name: tensor.numpy() for name, tensor in _below("task/", stored.tensors).items()}
            task._restore(Learnt(config["learnt"], arrays, autoencoders))
        except (KeyError, TypeError, RuntimeError, AttributeError) as error:
            raise ModelFileError(
                f"The model in {str(path)!r} does not fit together: {error}. It was written by another version of "
                "Isthmus, or changed by hand; load it with the version named in its README.md, or fit it again."
            ) from error
        return task


def _below(prefix: str, named: Mapping[str, Any]) -> dict[str, Any]:
    """Give what stands below a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix)}


def _kept(value: Any) -> Any:
    """Give a parameter as JSON can hold it.

    A generator of random numbers belongs to one run and is not kept; an estimator is kept among what was learnt.
    """
    if isinstance(value, (np.random.RandomState, BaseEstimator)):
        return None
    if isinstance(value, (tuple, list)):
        return [_kept(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def refuse_tokens(raw: Raw, name: str) -> None:
    """Refuse texts and events, which a job on numbers or columns cannot take (DataError)."""
    if raw.kind in TOKENS:
        raise DataError(
            f"{name} takes numbers and columns, but {raw.origin} is of kind {raw.kind!r}. Give it the codes: "
            f"{name}().fit(Autoencoder().fit_transform(X))."
        )
