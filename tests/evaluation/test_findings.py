"""Each finding appears on data made to bring it about, and not where all is well."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from evaluation_data import bent, straight
from torch import nn

from isthmus import Autoencoder
from isthmus.evaluation import advice
from isthmus.evaluation.evidence import gather
from isthmus.evaluation.findings import outlying


def topics(model, X, **more) -> dict[str, str]:
    """Topic to severity (the gravest where a topic appears twice)."""
    found = {}
    for item in advice(model, X, **more):
        found.setdefault(item.topic, item.severity)
    return found


def one(model, X, topic: str, **more):
    found = [item for item in advice(model, X, **more) if item.topic == topic]
    assert found, f"no finding on {topic}"
    return found[0]


def test_all_is_well_on_a_curve(curve):
    model, X = curve
    found = topics(model, X)
    assert found.get("pca") == "good"
    assert found.get("overfitting") == "good"
    quiet = ("few rows", "no held-out rows", "gradients", "dead units", "constant columns", "empty columns")
    assert not set(quiet) & set(found)


def test_every_finding_has_a_figure_and_says_what_to_do(curve, wide):
    for model, X in (curve, wide):
        for item in advice(model, X):
            assert any(letter.isdigit() for letter in item.figure) or item.topic == "constant columns"
            assert item.severity == "good" or item.action.endswith(".")
            assert item.to_dict()["title"] in str(item)


def test_warnings_come_first(wide):
    order = [("warning", "note", "good").index(item.severity) for item in advice(*wide)]
    assert order == sorted(order)


def test_pca_as_good_as_the_starting_point():
    X = straight(300)
    item = one(Autoencoder(3, max_epochs=0, random_state=0).fit(X), X, "pca")
    assert item.severity == "note"
    assert "Use PCA, it is simpler" in item.action


def test_pca_better_than_an_untrained_network():
    X = straight(300)
    model = Autoencoder(3, max_epochs=1, linear_path=False, random_state=0).fit(X)
    item = one(model, X, "pca")
    assert item.severity == "warning"
    assert item.title == "PCA is better on these rows"


def test_pca_without_any_error():
    X = straight(100, rank=2, noise=0.0)
    assert "exactly" in one(Autoencoder(2, max_epochs=0, random_state=0).fit(X), X, "pca").title


def test_overfitting():
    X = np.random.default_rng(0).normal(size=(60, 20))  # nothing to learn but the rows themselves
    model = Autoencoder(
        8, hidden=(256,), linear_path=False, max_epochs=150, patience=None, learning_rate=3e-3,
        weight_decay=0.0, validation_fraction=0.3, random_state=0,
    ).fit(X)  # fmt: skip
    assert topics(model, X)["overfitting"] in ("note", "warning")


def test_harder_held_out_rows_are_not_overfitting(curve):
    model = copy.copy(curve[0])
    model.history_ = {
        **model.history_,
        "validation_loss": [3 * loss for loss in model.history_["train_loss"]],
    }
    assert "overfitting" not in topics(model, curve[1])


def test_stopped_while_still_improving():
    X = bent(400)
    early = Autoencoder(1, max_epochs=12, random_state=0).fit(X)
    item = one(early, X, "training")
    assert "max_epochs=24" in item.action
    settled = copy.copy(early)
    settled.history_ = {**early.history_, "validation_loss": [1.0, 0.5, 0.4, *[0.3005] * 9, 0.3]}
    settled.best_epoch_ = 12
    assert "training" not in topics(settled, X)


def test_interrupted_training_is_told(curve):
    model = copy.copy(curve[0])
    model.stopped_ = "interrupted"
    assert "interrupted" in one(model, curve[1], "training").title


def test_code_too_large():
    X = straight(300, d=20, rank=2, noise=0.01)
    item = one(Autoencoder(10, max_epochs=1, random_state=0).fit(X), X, "code size")
    assert "larger" in item.title
    assert "latent_dim=2" in item.action


def test_code_too_small():
    X = straight(300, d=20, rank=6, noise=0.1)
    item = one(Autoencoder(2, max_epochs=1, random_state=0).fit(X), X, "code size")
    assert "too small" in item.title
    assert "latent_dim=4" in item.action


def test_code_of_the_right_size():
    X = straight(300, d=20, rank=6, noise=0.1)
    assert "code size" not in topics(Autoencoder(6, max_epochs=1, random_state=0).fit(X), X)


def test_code_dimensions_that_never_move():
    X = straight(200, rank=2, noise=0.0)
    item = one(Autoencoder(5, max_epochs=0, random_state=0).fit(X), X, "dead units")
    assert item.severity == "warning"
    assert item.title.startswith("3 of 5")


def test_hidden_units_that_never_move():
    X = bent(200)
    model = Autoencoder(1, hidden=(16,), activation="relu", max_epochs=2, random_state=0).fit(X)
    assert "dead units" not in topics(model, X)
    first = next(m for m in model.network_.encoder.modules() if isinstance(m, nn.Linear))
    first.bias.data.fill_(-1e3)
    item = one(model, X, "dead units")
    assert "16 of 16" in item.figure


def test_vanishing_gradients_in_a_deep_sigmoid_network():
    def deep(n_in, n_out):
        layers = [nn.Linear(n_in, 8), nn.Sigmoid()]
        for _ in range(8):
            layers += [nn.Linear(8, 8), nn.Sigmoid()]
        return nn.Sequential(*layers, nn.Linear(8, n_out))

    X = bent(200)
    model = Autoencoder(1, network=(deep(8, 1), deep(1, 8)), max_epochs=3, random_state=0).fit(X)
    item = one(model, X, "gradients")
    assert item.severity == "warning"
    assert "vanish" in item.title


def test_exploding_gradients():
    X = bent(200)
    model = Autoencoder(1, max_epochs=3, random_state=0).fit(X)
    assert "gradients" not in topics(model, X)
    name = next(iter(model.gradient_norms_))
    model.gradient_norms_ = {**model.gradient_norms_, name: [1.0, 1.0, 2.0, 5e6, 1.0, 1.0]}
    item = one(model, X, "gradients")
    assert f"explode in layer {name}" in item.title


def test_rows_that_cannot_be_reconstructed():
    X = straight(300)
    model = Autoencoder(3, max_epochs=1, random_state=0).fit(X)
    other = straight(200, seed=1)
    assert "outliers" not in topics(model, other)
    other[17] = 10 * np.random.default_rng(0).normal(size=8)
    item = one(model, other, "outliers")
    assert "row 17" in item.figure


def test_many_bad_rows_are_not_outliers():
    errors = np.concatenate([np.linspace(1, 2, 80), np.full(20, 1e4)])
    assert len(outlying(errors)) == 0
    errors[80:99] = 1.5
    assert outlying(errors).tolist() == [99]


def test_columns_with_one_value_or_none():
    X = straight(200)
    X[:, 1] = 4.0
    model = Autoencoder(2, max_epochs=1, random_state=0).fit(X)
    found = one(model, X, "constant columns")
    assert "column 1" in found.figure
    gaps = X.copy()
    gaps[:, 5] = np.nan
    assert "column 5" in one(model, gaps, "empty columns").figure
    assert "empty columns" not in topics(model, X)


@pytest.mark.parametrize(("rows", "severity"), [(30, "warning"), (70, "note")])
def test_few_rows(rows, severity):
    X = straight(rows)
    assert topics(Autoencoder(2, max_epochs=1, random_state=0).fit(X), X)["few rows"] == severity


def test_nothing_held_out():
    X = straight(200)
    model = Autoencoder(2, max_epochs=1, validation_fraction=0, random_state=0).fit(X)
    assert topics(model, X)["no held-out rows"] == "warning"
    assert "no held-out rows" not in topics(model, straight(50, seed=2), held_out=True)


def test_held_out_rows_are_found_in_the_training_data(curve):
    model, X = curve
    seen = gather(model, X)
    assert seen.split == "held-out"
    np.testing.assert_array_equal(seen.held_out, model.validation_rows_)
    assert seen.comparison.rows == len(model.validation_rows_)
    assert seen.comparison.ours == pytest.approx(model.comparison_["ours"], rel=1e-3)


def test_rows_in_another_order_are_not_taken_for_the_training_data(curve):
    model, X = curve
    seen = gather(model, X[::-1])
    assert seen.split == "given"
    assert seen.held_out is None
    assert seen.is_held_out(0) is None


def test_validation_rows_given_to_fit_are_recognised():
    X, V = straight(200), straight(60, seed=1)
    model = Autoencoder(2, max_epochs=1, random_state=0).fit(X, validation=V)
    assert gather(model, V).split == "held-out"
    assert gather(model, X).split == "given"
    assert gather(model, X, held_out=True).split == "held-out"
