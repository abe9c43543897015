"""The estimator: what it promises beyond the contract."""

import pickle
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from torch import nn

from isthmus import Autoencoder, Objective, load
from isthmus.data import as_raw
from isthmus.exceptions import DataError, ModelFileError, ParameterError

RNG = np.random.default_rng(0)
CURVE = np.linspace(-1, 1, 400)[:, None]
CURVE = np.hstack([CURVE, CURVE**2, np.sin(3 * CURVE)]) + 0.01 * RNG.normal(size=(400, 3))


def test_a_curve_takes_one_number():
    ae = Autoencoder(1, random_state=0).fit(CURVE[::2])
    pca = PCA(1).fit(CURVE[::2])
    theirs = ((pca.inverse_transform(pca.transform(CURVE[1::2])) - CURVE[1::2]) ** 2).mean()
    ours = ((ae.reconstruct(CURVE[1::2]) - CURVE[1::2]) ** 2).mean()
    assert ours < 0.1 * theirs


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("n_rows", [30, 60, 200])
def test_never_much_worse_than_pca_where_nothing_is_to_be_gained(n_rows, seed):
    """Linear data with noise, few rows: PCA is the best there is."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows + 500, 3)) @ rng.normal(size=(3, 10)) + 0.3 * rng.normal(size=(n_rows + 500, 10))
    train, test = X[:n_rows], X[n_rows:]
    mean, scale = train.mean(0), train.std(0)
    train, test = (train - mean) / scale, (test - mean) / scale
    pca = PCA(3).fit(train)
    theirs = ((pca.inverse_transform(pca.transform(test)) - test) ** 2).mean()
    ae = Autoencoder(3, random_state=seed).fit(train)
    assert ((ae.reconstruct(test) - test) ** 2).mean() < 1.05 * theirs


def test_twelve_layers_train_as_well_as_three():
    X = load_digits().data
    losses = {
        depth: min(Autoencoder(8, hidden=(64,) * depth, max_epochs=30, patience=None, random_state=0)
                   .fit(X).history_["validation_loss"])
        for depth in (3, 12)
    }  # fmt: skip
    assert losses[12] < 1.05 * losses[3]


def test_automatic_size_explains_the_share_that_the_docs_state():
    X = load_breast_cancer().data
    ae = Autoencoder(max_epochs=0, validation_fraction=0).fit(X)
    standard = (X - X.mean(0)) / X.std(0)
    shares = np.cumsum(PCA().fit(standard).explained_variance_ratio_)
    assert ae.latent_dim_ == int(np.searchsorted(shares, 0.95)) + 1


def test_score_is_the_share_of_variance():
    X = load_breast_cancer().data
    ae = Autoencoder(5, max_epochs=0, validation_fraction=0).fit(X)
    shares = PCA(5).fit((X - X.mean(0)) / X.std(0)).explained_variance_ratio_
    assert ae.score(X) == pytest.approx(shares.sum(), abs=1e-5)


def test_missing_cells_are_left_out_of_the_loss():
    """Rows that differ in a missing cell alone are the same row."""
    X = CURVE.copy()
    holes = RNG.random(X.shape) < 0.1
    X[holes] = np.nan
    ae = Autoencoder(1, max_epochs=20, random_state=0).fit(X)
    truth = ae.reconstruct(X)[holes] - CURVE[holes]
    assert np.square(truth).mean() < np.square(CURVE[holes] - CURVE.mean(0)[np.nonzero(holes)[1]]).mean()
    assert ae.score(X) > 0.5


def test_what_comes_back_is_like_what_was_brought():
    frame = pl.DataFrame({"whole": np.arange(50), "part": np.linspace(0, 1, 50).astype("float32")})
    ae = Autoencoder(1, max_epochs=2, random_state=0).fit(frame)
    assert ae.reconstruct(frame).schema == frame.schema
    assert ae.sample(5).schema == frame.schema
    pictures = RNG.integers(0, 256, size=(40, 8, 8, 3), dtype=np.uint8)
    ae = Autoencoder(4, max_epochs=1).fit(pictures)
    assert ae.kind_ == "image"
    assert ae.reconstruct(pictures).dtype == np.uint8
    tensor = torch.from_numpy(CURVE.astype("float32"))
    assert isinstance(Autoencoder(1, max_epochs=1).fit(tensor).reconstruct(tensor), torch.Tensor)


def test_sparse_rows_and_dense_rows_give_the_same_model():
    dense = RNG.poisson(0.3, size=(80, 12)).astype(float)
    matrix = sparse.csr_matrix(dense)
    a = Autoencoder(2, max_epochs=3, random_state=0).fit(dense)
    b = Autoencoder(2, max_epochs=3, random_state=0).fit(matrix)
    np.testing.assert_allclose(a.transform(dense), b.transform(matrix), atol=1e-6)


def test_binary_values_get_cross_entropy_and_probabilities():
    X = (RNG.random((200, 1)) < np.linspace(0.1, 0.9, 8)).astype(float)
    ae = Autoencoder(2, max_epochs=5, random_state=0).fit(X)
    assert ae.chosen_["loss"] == "bce"
    again = ae.reconstruct(X)
    assert again.min() >= 0
    assert again.max() <= 1
    assert np.abs(again - X).mean() < 0.2


def test_samples_look_like_the_data():
    ae = Autoencoder(1, random_state=0).fit(CURVE)
    drawn = ae.sample(400, random_state=0)
    np.testing.assert_array_equal(drawn, ae.sample(400, random_state=0))
    nearest = np.sqrt(((drawn[:, None] - CURVE[None]) ** 2).sum(2)).min(1)
    assert np.median(nearest) < 0.1
    np.testing.assert_allclose(drawn.mean(0), CURVE.mean(0), atol=0.15)


def test_validation_rows_given_choose_the_epoch():
    ae = Autoencoder(1, max_epochs=5, random_state=0).fit(CURVE[:300], validation=CURVE[300:])
    assert ae.validation_rows_ is None
    assert ae.comparison_["rows"] == 100
    best = int(np.argmin(ae.history_["validation_loss"]))
    assert ae.best_epoch_ == best
    expected = float(ae.reconstruction_error(CURVE[300:]).mean())
    assert ae.history_["validation_loss"][best] == pytest.approx(expected, rel=1e-3)


def test_no_early_stop_without_patience_or_validation():
    ae = Autoencoder(1, max_epochs=40, patience=None, learning_rate=0.5, random_state=0).fit(CURVE)
    assert len(ae.history_["epoch"]) == 41
    assert ae.stopped_ == "max_epochs"
    ae = Autoencoder(1, max_epochs=40, patience=3, learning_rate=0.5, random_state=0).fit(CURVE)
    assert ae.stopped_ == "patience"
    assert len(ae.history_["epoch"]) < 41
    ae = Autoencoder(1, max_epochs=4, validation_fraction=0).fit(CURVE)
    assert np.isnan(ae.history_["validation_loss"]).all()


def test_warm_start_goes_on():
    ae = Autoencoder(1, max_epochs=20, warm_start=True, random_state=0).fit(CURVE)
    first = ae.history_["train_loss"][-1]
    ae.fit(CURVE)
    assert ae.history_["train_loss"][0] < 1.2 * first
    assert ae.history_["train_loss"][0] < 0.9 * Autoencoder(1, max_epochs=0).fit(CURVE).history_["train_loss"][0]


def test_partial_fit_learns_and_survives_pickling():
    ae = Autoencoder(1, random_state=0, batch_size=32)
    shuffled = RNG.permutation(CURVE)
    for i in range(30):
        ae.partial_fit(shuffled)
        if i == 10:
            ae = pickle.loads(pickle.dumps(ae))
    losses = ae.history_["train_loss"]
    assert len(losses) == 31
    assert losses[-1] < 0.3 * losses[0]
    assert ae.n_rows_ == 30 * len(CURVE)


def test_own_modules(tmp_path):
    pair = (nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2)), nn.Linear(2, 3))
    before = [p.clone() for p in pair[0].parameters()]
    ae = Autoencoder(2, network=pair, max_epochs=60, learning_rate=0.02, random_state=0).fit(CURVE)
    assert all(torch.equal(a, b) for a, b in zip(before, pair[0].parameters(), strict=True)), "they are copied"
    assert ae.score(CURVE) > 0.8
    ae.save(tmp_path / "model")
    with pytest.raises(ParameterError, match="give them again"):
        load(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model", network=pair).transform(CURVE), ae.transform(CURVE))


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ((nn.Linear(3, 4), nn.Linear(2, 3)), r"encoder.*\(2, 4\).*expected \(2, 2\)"),
        ((nn.Linear(5, 2), nn.Linear(2, 3)), "encoder.*failed"),
        ((nn.Linear(3, 2), nn.Linear(2, 4)), r"decoder.*expected \(2, 3\)"),
        ((nn.Identity(), nn.Identity()), "nothing to train"),
    ],
)
def test_own_modules_that_do_not_fit_are_named(pair, said):
    with pytest.raises(ParameterError, match=said):
        Autoencoder(2, network=pair).fit(CURVE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("latent_dim", 0),
        ("latent_dim", 2.5),
        ("latent_dim", True),
        ("hidden", (8, 0)),
        ("hidden", "wide"),
        ("hidden", b"wide"),
        ("network", "transformer"),
        ("network", "lstm"),
        ("activation", "swish"),
        ("dropout", 1.0),
        ("loss", "l3"),
        ("scaling", "robust"),
        ("max_epochs", -1),
        ("batch_size", 0),
        ("learning_rate", 0),
        ("learning_rate", float("nan")),
        ("weight_decay", -1),
        ("patience", 0),
        ("validation_fraction", 1.0),
        ("random_state", -1),
        ("random_state", "x"),
        ("device", "tpu"),
        ("precision", "fp8"),
        ("linear_path", "yes"),
        ("objective", "unknown"),
        ("kind", "smell"),
        ("checkpoint_every", 0),
    ],
)
def test_parameters_that_cannot_be_used_are_named(name, value):
    ae = Autoencoder().set_params(**{name: value})
    with pytest.raises(ParameterError, match=name):
        ae.fit(CURVE)
    assert not hasattr(ae, "network_")


def test_parameters_that_contradict_each_other():
    with pytest.raises(ParameterError, match="linear_path=True"):
        Autoencoder(2, linear_path=True, code_activation="relu").fit(CURVE)
    with pytest.raises(ParameterError, match=r"bce.*minmax"):
        Autoencoder(2, loss="bce", scaling="standard").fit(CURVE)
    with pytest.raises(ParameterError, match=r"values between 0 and 1.*values from -1"):
        Autoencoder(2, loss="bce", scaling="none").fit(CURVE)


@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_extreme_scales(scale):
    X = CURVE * scale
    ae = Autoencoder(1, random_state=0).fit(X)
    again = ae.reconstruct(X)
    assert np.isfinite(again).all()
    assert ae.score(X) > 0.9


def test_one_row_constant_columns_and_more_codes_than_columns():
    one = Autoencoder(max_epochs=2).fit(CURVE[:1])
    np.testing.assert_allclose(one.reconstruct(CURVE[:1]), CURVE[:1], atol=1e-6)
    assert one.sample(2).shape == (2, 3)
    constant = np.full((30, 4), 7.0)
    np.testing.assert_allclose(Autoencoder(2, max_epochs=2).fit(constant).reconstruct(constant), constant)
    wide = Autoencoder(10, max_epochs=2).fit(CURVE)
    assert wide.transform(CURVE).shape == (400, 10)


def test_infinite_values_are_named_before_training():
    X = CURVE.copy()
    X[17, 2] = np.inf
    with pytest.raises(DataError, match=r"(?s)row 17.*column 2|column 2.*row 17"):
        Autoencoder(1).fit(X)
    ae = Autoencoder(1, max_epochs=1).fit(CURVE)
    with pytest.raises(DataError, match="row 17"):
        ae.transform(X)


def test_a_wrong_number_of_codes_is_named():
    ae = Autoencoder(2, max_epochs=1).fit(CURVE)
    with pytest.raises(DataError, match=r"Z has 3 columns.*have 2"):
        ae.inverse_transform(np.zeros((4, 3)))
    with pytest.raises(DataError, match="Z contains NaN"):
        ae.inverse_transform(np.full((4, 2), np.nan))


def test_loading_in_another_process_gives_the_same_bits(tmp_path):
    ae = Autoencoder(2, max_epochs=3, random_state=0).fit(CURVE)
    ae.save(tmp_path / "model")
    np.save(tmp_path / "X.npy", CURVE)
    code = (
        "import sys, numpy as np; from isthmus import load\n"
        "folder = sys.argv[1]\n"
        "np.save(folder + '/Z.npy', load(folder + '/model').transform(np.load(folder + '/X.npy')))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "Z.npy"), ae.transform(CURVE))


def test_saving_never_replaces_what_is_not_a_model(tmp_path):
    ae = Autoencoder(2, max_epochs=1).fit(CURVE)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("years of work")
    with pytest.raises(ModelFileError, match="thesis"):
        ae.save(tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter1.txt").read_text() == "years of work"
    ae.save(tmp_path / "model")
    with pytest.raises(ModelFileError):
        ae.save(tmp_path / "model", overwrite=False)


def test_a_path_is_data_too(tmp_path):
    np.save(tmp_path / "curve.npy", CURVE)
    ae = Autoencoder(2, max_epochs=1, random_state=0).fit(tmp_path / "curve.npy")
    np.testing.assert_array_equal(ae.transform(str(tmp_path / "curve.npy")), ae.transform(CURVE))


def test_all_sets_of_the_bar(shared):
    """The bar on a small one of the sets that it names; `benchmarks/pca.py` measures all."""
    with np.load(shared("adbench/cardio.npz")) as file:
        X = file["X"][file["y"] == 0].astype(float)
    X = (X - X.mean(0)) / np.where(X.std(0) > 0, X.std(0), 1)
    train, test = X[::2], X[1::2]
    pca = PCA(5).fit(train)
    theirs = ((pca.inverse_transform(pca.transform(test)) - test) ** 2).mean()
    ae = Autoencoder(5, max_epochs=40, random_state=0).fit(train)
    assert ((ae.reconstruct(test) - test) ** 2).mean() < 0.6 * theirs


class Shrink(Objective):
    """A term worth more than reconstruction."""

    def __init__(self, weight=1.0, name="shrink"):
        self.weight = weight
        self.name = name

    def code(self, h):
        return h, {self.name: self.weight * h.square().mean()}


class Noise(Objective):
    def corrupt(self, x, mask, generator):
        return x + torch.randn(x.shape, generator=generator).to(x)


def test_an_objective_is_not_thrown_away_for_pca():
    """PCA is no candidate where something else than reconstruction is wanted."""
    shrunk = Autoencoder(1, objective=Shrink(), max_epochs=60, random_state=0).fit(CURVE)
    assert shrunk.best_epoch_ > 0
    assert np.abs(shrunk.transform(CURVE)).mean() < 0.5
    assert Autoencoder(1, objective=Noise(), max_epochs=10, random_state=0).fit(CURVE).best_epoch_ > 0
    bare = Autoencoder(1, objective=Noise(), max_epochs=10, validation_fraction=0, random_state=0).fit(CURVE)
    assert bare.best_epoch_ > 0


def test_terms_of_the_same_name_both_count():
    ae = Autoencoder(1, objective=[Shrink(1.0), Shrink(3.0)], max_epochs=2, random_state=0).fit(CURVE)
    record = {name: column[-1] for name, column in ae.history_.items()}
    assert record["shrink_2"] == pytest.approx(3 * record["shrink"], rel=1e-5)
    parts = record["reconstruction"] + record["shrink"] + record["shrink_2"]
    assert record["train_loss"] == pytest.approx(parts, rel=1e-5)
    with pytest.raises(ParameterError, match="'epoch'"):
        Autoencoder(1, objective=Shrink(name="epoch")).fit(CURVE)


def test_the_objective_fitted_is_the_one_used_and_saved(tmp_path):
    ae = Autoencoder(1, objective=Shrink(1.0), max_epochs=2, random_state=0).fit(CURVE)
    ae.set_params(objective=None, latent_dim=3)
    ae.save(tmp_path / "model")
    with pytest.raises(ParameterError, match="Shrink"):
        load(tmp_path / "model")
    assert load(tmp_path / "model", objective=Shrink()).latent_dim == 1


def test_sorted_rows_without_held_out_ones_are_judged_by_all():
    still = np.tile(CURVE.mean(0), (5000, 1)) + 1e-3 * RNG.normal(size=(5000, 3))
    ae = Autoencoder(1, validation_fraction=0, max_epochs=10, random_state=0).fit(np.vstack([still, CURVE]))
    assert ae.best_epoch_ > 0


def test_values_outside_0_and_1_cost_more_under_cross_entropy():
    X = (RNG.random((200, 6)) < 0.5).astype(float)
    ae = Autoencoder(2, max_epochs=3, random_state=0).fit(X)
    odd = X[:1].copy()
    odd[0, 0] = 50
    assert ae.reconstruction_error(odd)[0] > ae.reconstruction_error(X).max() > 0


def test_partial_fit_keeps_what_it_trained_on_every_row():
    seen = []

    class Count(Objective):
        def corrupt(self, x, mask, generator):
            if generator.initial_seed() > 200:  # else rows are only measured, with draws that follow from them
                seen.append(len(x))
            return x

    ae = Autoencoder(1, random_state=0, batch_size=64, objective=Count()).partial_fit(CURVE[:200])
    assert sum(seen) == 200
    assert ae.best_epoch_ == 1
    before = ae.sample(50, random_state=0)
    torch.manual_seed(1)
    ae.partial_fit(CURVE[:200])
    first = torch.rand(1)
    ae.partial_fit(CURVE[:200])
    assert not torch.equal(first, torch.rand(1)), "the caller's generator is not wound back"
    assert not np.array_equal(before, ae.sample(50, random_state=0)), "new codes, new samples"


def test_a_warm_fit_that_fails_leaves_the_model_as_it_was():
    ae = Autoencoder(1, max_epochs=3, random_state=0, warm_start=True).fit(CURVE)
    codes, chosen = ae.transform(CURVE), ae.chosen_

    def fail(record):
        raise OSError("the disk of a callback is full")

    with pytest.raises(OSError, match="the disk of a callback"):
        ae.set_params(callbacks=[fail]).fit(CURVE)
    np.testing.assert_array_equal(ae.transform(CURVE), codes)
    assert ae.chosen_ == chosen
    with pytest.raises(ParameterError, match=r"warm_start=True.*latent_dim=2"):
        ae.set_params(latent_dim=2).fit(CURVE)


def test_a_warm_fit_holds_the_same_rows_out():
    ae = Autoencoder(1, max_epochs=2, warm_start=True).fit(CURVE)
    first = ae.validation_rows_
    np.testing.assert_array_equal(ae.fit(CURVE).validation_rows_, first)


def test_columns_that_differ_by_rounding_alone_are_constant():
    rounding = np.where(RNG.random((400, 4)) < 0.5, 0.1 * 3, 0.3)
    ae = Autoencoder(1, max_epochs=0, validation_fraction=0).fit(np.hstack([CURVE, rounding]))
    assert ae.preparation_.transform(as_raw(np.hstack([CURVE, rounding]))).x[:, 3:].abs().max() < 1e-12


def test_a_validation_set_without_values_is_refused():
    with pytest.raises(DataError, match="validation= is missing"):
        Autoencoder(1).fit(CURVE, validation=np.full((5, 3), np.nan))


def test_errors_by_cell_have_the_shape_of_the_data():
    series = RNG.normal(size=(40, 12))
    ae = Autoencoder(2, kind="sequence", max_epochs=1).fit(series)
    assert ae.reconstruction_error(series, per="cell").shape == series.shape
    pictures = torch.rand(40, 3, 8, 8)
    ae = Autoencoder(2, max_epochs=1).fit(pictures)
    assert ae.reconstruction_error(pictures, per="cell").shape == pictures.shape


def test_far_from_zero_the_linear_path_keeps_its_digits():
    X = 1e6 + CURVE
    ae = Autoencoder(1, scaling="none", max_epochs=0, validation_fraction=0).fit(X)
    assert ae.comparison_["ratio"] == pytest.approx(1, abs=0.01)


def test_pickles_hold_the_weights_once():
    ae = Autoencoder(1, max_epochs=1).fit(CURVE)
    before = len(pickle.dumps(ae))
    ae.transform(CURVE)
    assert len(pickle.dumps(ae)) == before


def test_lossless_pca_is_kept_where_nothing_is_held_out():
    few = RNG.normal(size=(15, 3)) @ RNG.normal(size=(3, 6))
    ae = Autoencoder(3, random_state=0).fit(few)
    assert ae.best_epoch_ == 0
    assert ae.comparison_["ours"] < 1e-9
