"""An estimator that only takes data, prepares them and gives them back passes scikit-learn's checks."""

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

from isthmus.data import PREPARATIONS, as_raw


class Prepared(TransformerMixin, BaseEstimator):
    """Scale rows by way of Raw and Preparation."""

    def __init__(self, scaling="standard"):
        self.scaling = scaling

    def fit(self, X, y=None):
        raw = as_raw(X)
        self.preparation_ = PREPARATIONS[raw.kind](self.scaling).fit(raw)
        self.n_features_in_ = raw.item_shape[0]
        if raw.names is not None:
            self.feature_names_in_ = np.array(raw.names, dtype=object)
        return self

    def transform(self, X):
        check_is_fitted(self)
        raw = as_raw(X)
        dtype = torch.float32 if raw.values.dtype == np.float32 else torch.float64
        return self.preparation_.transform(raw, dtype, name=type(self).__name__).x.numpy()

    def inverse_transform(self, X):
        return self.preparation_.inverse(np.asarray(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


@parametrize_with_checks([Prepared(), Prepared("quantile")])
def test_check(estimator, check):
    check(estimator)
