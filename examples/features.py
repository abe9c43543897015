"""A CSV file to codes, and the codes to a classifier, beside PCA features of the same size.

You learn here how an autoencoder stands in a scikit-learn pipeline, how cross-validation fits it on the
training folds alone, and how to see whether its codes are worth more to a classifier than PCA's. They need
not be: a code that reconstructs better does not have to separate classes better.

    python examples/features.py                       # scikit-learn's breast cancer data, by way of a file
    python examples/features.py people.csv income     # your numeric CSV file and the column to predict

Writes codes.csv: the codes of all rows, and the label. ISTHMUS_QUICK=1 cuts training short.
"""

import csv
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from isthmus import Autoencoder
from isthmus.data import read

EPOCHS = 5 if os.environ.get("ISTHMUS_QUICK") else "auto"
SIZE = 3


def write_example(folder: str) -> Path:
    """Write scikit-learn's breast cancer data to a CSV file, as a person would bring them."""
    data = load_breast_cancer()
    path = Path(folder) / "breast_cancer.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*data.feature_names, "diagnosis"])
        for row, label in zip(data.data, data.target, strict=True):
            writer.writerow([*row, data.target_names[label]])
    return path


def main(path: Path, target: str) -> None:
    table = read(path, drop=[target])  # the label is set aside, not fitted
    X, y = np.asarray(table.values, dtype=float), table.extra[target]
    size = min(SIZE, X.shape[1])

    def model() -> Autoencoder:
        return Autoencoder(size, max_epochs=EPOCHS, random_state=0)

    pipelines = {
        f"all {X.shape[1]} columns": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        f"{size} PCA features": make_pipeline(
            StandardScaler(), PCA(size), StandardScaler(), LogisticRegression(max_iter=1000)
        ),
        f"{size} autoencoder codes": make_pipeline(model(), StandardScaler(), LogisticRegression(max_iter=1000)),
    }
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    print(f"{path.name}: {len(X)} rows, {X.shape[1]} columns, predicting {target!r}.")
    print("Accuracy of a logistic regression, five-fold cross-validation:")
    scores = {name: cross_val_score(pipeline, X, y, cv=folds) for name, pipeline in pipelines.items()}
    for name, score in scores.items():
        print(f"  {name:<24}{score.mean():.3f} +- {score.std():.3f}")
    print(verdict(*list(scores.values())[1:]))

    fitted = model().fit(table)
    names = [*fitted.get_feature_names_out(), target]
    codes = np.asarray(fitted.transform(table))
    with open("codes.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([*row, label] for row, label in zip(codes.tolist(), y.tolist(), strict=True))
    print(f"Codes of all rows: codes.csv ({', '.join(names)})")


def verdict(pca: np.ndarray, ours: np.ndarray) -> str:
    """Say which features serve better, fold by fold: a difference within its own noise is none."""
    difference = ours - pca
    noise = difference.std(ddof=1) / len(difference) ** 0.5
    if abs(difference.mean()) <= 2 * noise:
        return f"No clear difference ({difference.mean():+.3f}): take PCA, it is simpler."
    if difference.mean() > 0:
        return f"The codes serve better, by {difference.mean():.3f}."
    return f"PCA's features serve better, by {-difference.mean():.3f}: use PCA here."


if __name__ == "__main__":
    if len(sys.argv) not in (1, 3):
        sys.exit("Give a CSV file and the column to predict, or nothing.")
    if len(sys.argv) == 3:
        main(Path(sys.argv[1]), sys.argv[2])
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(write_example(folder), "diagnosis")
