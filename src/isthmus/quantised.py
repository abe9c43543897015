"""Codes that are integers, of models with a codebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from isthmus.exceptions import DataError, ParameterError
from isthmus.objectives import VectorQuantised, each_objective

if TYPE_CHECKING:
    from isthmus.data import Preparation, Raw
    from isthmus.training.fit import Model
    from isthmus.training.inference import Inference


class Quantised:
    """Codes that are integers, of models with a codebook."""

    preparation_: Preparation
    _model: Model
    _inference: Inference

    if TYPE_CHECKING:

        def _given(self, X: Any) -> Raw: ...

    def code_indices(self, X: Any) -> np.ndarray:
        """Encode rows as integers, for models with the objective `VectorQuantised`.

        Parameters
        ----------
        X : same as in fit

        Returns
        -------
        ndarray of int64 of shape (n, levels)
            Number of the vector that stands for each row, at each level of the codebook.

        Raises
        ------
        ParameterError
            If the model has no codebook.
        """
        check_is_fitted(self)
        self._codebook(None)
        found = []
        with torch.no_grad():
            for _, prepared in self._inference.blocks(self._given(X)):
                codebook = self._codebook(prepared.x.dtype)[0]
                found.append(codebook.indices(codebook.coded(prepared.x, prepared.mask)).cpu().numpy())
        return np.concatenate(found)

    def from_indices(self, indices: Any) -> Any:
        """Decode integers to rows, in the person's own units, names and types.

        Parameters
        ----------
        indices : array of int of shape (n, levels)
            As `code_indices` gives them.

        Returns
        -------
        ndarray or frame, like what was fitted on

        Raises
        ------
        ParameterError
            If the model has no codebook.
        DataError
            If these are no numbers of its vectors.
        """
        check_is_fitted(self)
        codebook, later = self._codebook(None)
        index = np.asarray(indices)
        wanted = f"whole numbers from 0 to {int(codebook.codes) - 1} of shape (n, {int(codebook.levels)})"
        if index.dtype.kind not in "iu" or index.ndim != 2 or index.shape[1] != codebook.levels or not len(index):
            raise DataError(
                f"indices has shape {index.shape} and dtype {index.dtype}; expected {wanted}, as code_indices gives."
            )
        if index.min() < 0 or index.max() >= codebook.codes:
            raise DataError(f"indices has numbers from {index.min()} to {index.max()}; expected {wanted}.")
        with torch.no_grad():
            z = codebook.vectors(torch.as_tensor(index.astype(np.int64), device=self._inference.device))
            for objective in later:
                z = objective.encode(z)
        return self.preparation_.give_back(self._inference.values(z.cpu().numpy()))

    def _codebook(self, dtype: torch.dtype | None) -> tuple[VectorQuantised, list[Any]]:
        """Give the objective that quantises, on the network in a precision (by default its own), and those after it."""
        network = self._inference.network(dtype if dtype is not None else self._model.dtype)
        bound = each_objective(self._model.objective.bind(network))
        for i, objective in enumerate(bound):
            if isinstance(objective, VectorQuantised):
                return objective, bound[i + 1 :]
        raise ParameterError(
            f"{type(self).__name__}: this model has no codebook; fit with objective=VectorQuantised() for codes "
            "that are integers."
        )
