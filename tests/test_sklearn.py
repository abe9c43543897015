"""scikit-learn's own checks, and the tools that people combine estimators with."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from isthmus import Autoencoder

X, y = load_iris(return_X_y=True)


@parametrize_with_checks(
    [
        Autoencoder(max_epochs=3),
        Autoencoder(2, max_epochs=2, scaling="quantile", loss="huber", hidden=(8, 8, 8, 8), dropout=0.1),
        Autoencoder(1, max_epochs=2, linear_path=False, validation_fraction=0, activation="relu"),
    ]
)
def test_scikit_learn(estimator, check):
    check(estimator)


def test_pipeline_and_cross_validation():
    pipeline = make_pipeline(Autoencoder(2, max_epochs=3, random_state=0), LogisticRegression(max_iter=500))
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.8


def test_grid_search_scores_by_explained_variance():
    search = GridSearchCV(Autoencoder(max_epochs=2, random_state=0), {"latent_dim": [1, 3]}, cv=2).fit(X)
    assert search.best_params_ == {"latent_dim": 3}
    assert search.best_score_ <= 1


def test_clone_keeps_parameters_and_nothing_learnt():
    fitted = Autoencoder(2, hidden=(8,), max_epochs=1).fit(X)
    again = clone(fitted)
    assert again.get_params() == fitted.get_params()
    assert not hasattr(again, "network_")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_in_is_dtype_out(dtype):
    rows = X.astype(dtype)
    ae = Autoencoder(2, max_epochs=1).fit(rows)
    codes = ae.transform(rows)
    assert codes.dtype == dtype
    assert ae.inverse_transform(codes).dtype == dtype
    assert ae.reconstruct(rows).dtype == dtype


def test_set_output_and_feature_names():
    frame = pd.DataFrame(X, columns=list("abcd"), index=[f"row{i}" for i in range(len(X))])
    ae = Autoencoder(2, max_epochs=1).set_output(transform="pandas").fit(frame)
    codes = ae.transform(frame)
    assert list(codes.columns) == list(ae.get_feature_names_out()) == ["autoencoder0", "autoencoder1"]
    assert codes.index.equals(frame.index)
    assert list(ae.feature_names_in_) == list("abcd")


def test_fit_transform_is_fit_then_transform():
    ae = Autoencoder(2, max_epochs=2, random_state=0)
    np.testing.assert_array_equal(ae.fit_transform(X), clone(ae).fit(X).transform(X))
