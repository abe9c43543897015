"""scikit-learn's own checks of the detector."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from isthmus import AnomalyDetector


@parametrize_with_checks(
    [
        AnomalyDetector(parts=("knn", "mahalanobis", "forest"), device="cpu"),
        AnomalyDetector(novelty=True, parts=("knn",), device="cpu"),
    ]
)
def test_scikit_learn(estimator, check):
    check(estimator)
