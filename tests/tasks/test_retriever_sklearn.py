"""scikit-learn's own checks of estimators."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from isthmus import Autoencoder, Retriever


@parametrize_with_checks([Retriever(Autoencoder(1, max_epochs=1))])
def test_scikit_learns_checks(estimator, check):
    check(estimator)
