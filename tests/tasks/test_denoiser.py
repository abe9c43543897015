import io
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.utils.estimator_checks import parametrize_with_checks

from isthmus import Denoiser, load
from isthmus.exceptions import DataError, ModelFileError, ParameterError
from isthmus.tasks.denoising_parts import blind
from isthmus.tasks.denoising_parts.estimation import picture_level, smallest_variance
from isthmus.tasks.denoising_parts.noises import NOISES, draw_levels

SMALL = {"widths": (8, 16), "patch_size": 16, "random_state": 0}


def scene(h, w, channels=3, seed=0):
    """A smooth picture with an edge, uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:h, :w] / 40.0
    layers = [127 + 90 * np.sin(rng.uniform(0.5, 2) * x + rng.uniform(0.5, 2) * y + i) for i in range(channels)]
    values = np.stack(layers, -1) + 40.0 * (x + y > 1)[..., None]
    return values.clip(0, 255).astype(np.uint8)


def scenes(n=6, **kwargs):
    return [scene(40 + 3 * i, 60 - 2 * i, seed=i, **kwargs) for i in range(n)]


def noisy(picture, sigma=25.0, seed=0):
    return picture + np.random.default_rng(seed).normal(0, sigma, picture.shape)


def mse(a, b):
    return ((np.asarray(a, float) - np.asarray(b, float)) ** 2).mean()


# --- Parts


def added(name, level, x, n=1):
    generator = torch.Generator().manual_seed(0)
    return NOISES[name].add(x, torch.full((len(x), 1, 1, 1), level), generator)


def test_noises_have_the_moments_that_they_should():
    flat = torch.full((4, 3, 100, 100), 0.1)
    assert abs(added("gaussian", 0.2, flat).std().item() - 0.2) < 0.002
    counts = added("poisson", 50.0, flat)
    assert abs(counts.mean().item() - 0.1) < 0.002
    assert abs(counts.var().item() - 0.6 / 50) < 0.0005  # brightness 0.6 of 1, 50 photons for 1
    hit = added("salt_pepper", 0.3, flat)
    assert abs((hit != 0.1).float().mean().item() - 0.3) < 0.01
    assert hit.unique().tolist() == pytest.approx([-0.5, 0.1, 0.5])
    assert ((hit[:, 0] != 0.1) == (hit[:, 1] != 0.1)).all()


def test_jpeg_is_what_pillow_writes():
    picture = torch.from_numpy(scene(32, 40)).movedim(-1, 0)[None].float() / 255 - 0.5
    worse, better = (mse(added("jpeg", quality, picture), picture) for quality in (5.0, 95.0))
    assert 0 < better < worse < 0.05


def test_levels_fill_their_range():
    levels = draw_levels(2.0, 5.0, 1000, 4, torch.Generator().manual_seed(0))
    assert levels.shape == (1000, 1, 1, 1)
    assert 2 <= levels.min() < 2.1
    assert 4.9 < levels.max() <= 5


@pytest.mark.parametrize("sigma", [2.0, 10.0, 40.0])
def test_level_is_estimated(sigma):
    assert abs(picture_level(noisy(scene(128, 128), sigma)) / sigma - 1) < 0.1


def test_level_is_estimated_where_colours_are_held_at_half_the_resolution():
    held = io.BytesIO()
    Image.fromarray(noisy(scene(200, 200), 20.0).clip(0, 255).astype(np.uint8)).save(
        held, "jpeg", quality=98, subsampling="4:2:0"
    )
    assert 15 < picture_level(np.asarray(Image.open(held)).astype(float)) < 23


def test_variance_of_the_noise_is_found_among_the_smallest():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(5000, 3)) @ rng.normal(size=(3, 20)) + 0.3 * rng.normal(size=(5000, 20))
    assert abs(smallest_variance(rows) - 0.09) < 0.01
    assert smallest_variance(rows[:10]) == 0  # too few to tell


def test_the_pixel_to_be_found_is_not_given():
    """Whatever the network does with what it is given, the first pixel of a cell has no part in it."""
    x = torch.randn(1, 2, 8, 8)
    other = x.clone()
    other[:, :, ::2, ::2] = 99.0
    assert (blind.without_first(x) == blind.without_first(other)).all()
    assert (blind.first(other) == 99).all()
    assert blind.without_first(x).shape == (1, blind.n_inputs(2, 2), 4, 4)


def test_posterior_is_bayes_rule():
    mean, covariance = torch.zeros(1, 1, 1), torch.full((1, 1, 1, 1), 4.0)
    noisy = torch.full((1, 1, 1), 3.0)
    assert blind.posterior(noisy, mean[:, :, :], covariance, 2.0).item() == pytest.approx(1.5)


def test_surprise_is_the_gaussians():
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(3, 3))
    covariance = factor @ factor.T
    noisy, mean = rng.normal(size=3), rng.normal(size=3)
    whole = covariance + 0.25 * np.eye(3)
    expected = (noisy - mean) @ np.linalg.inv(whole) @ (noisy - mean) / 2 + np.linalg.slogdet(whole)[1] / 2
    found = blind.surprise(
        torch.from_numpy(noisy).reshape(1, 3, 1, 1),
        torch.from_numpy(mean).reshape(1, 1, 1, 3),
        torch.from_numpy(covariance).reshape(1, 1, 1, 3, 3),
        torch.full((1, 1, 1, 1), 0.5, dtype=torch.float64),
    )
    assert found.item() == pytest.approx(expected)


# --- Pictures


@pytest.fixture(scope="module")
def fitted():
    return Denoiser(level=25, max_steps=150, **SMALL).fit(scenes())


def test_cleans_pictures_that_it_has_not_seen(fitted):
    clean = scene(50, 70, seed=20)
    found = fitted.transform([noisy(clean)])[0]
    assert found.shape == clean.shape
    assert mse(found, clean) < 0.5 * mse(noisy(clean), clean)
    assert fitted.history_["validation_loss"][-1] < fitted.history_["validation_loss"][0]
    assert len(fitted.held_out_) == 1


def test_pairs_and_noisy_pictures_alone_teach_as_well():
    clean = scene(50, 70, seed=20)
    given = [noisy(picture, seed=i) for i, picture in enumerate(scenes())]
    again = [noisy(picture, seed=100 + i) for i, picture in enumerate(scenes())]
    for denoiser in (
        Denoiser(learn_from="pairs", max_steps=150, **SMALL).fit(given, again),
        Denoiser(learn_from="noisy", max_steps=150, **SMALL).fit(given),
        Denoiser(learn_from="noisy", level=25, max_steps=150, **SMALL).fit(given),
    ):
        assert mse(denoiser.transform([noisy(clean)])[0], clean) < 0.5 * mse(noisy(clean), clean)


def test_blind_spot_leaves_no_checkerboard():
    given = [noisy(picture, seed=i) for i, picture in enumerate(scenes())]
    denoiser = Denoiser(learn_from="noisy", max_steps=100, **SMALL).fit(given)
    flat = noisy(np.full((64, 64, 3), 120.0))
    error = denoiser.transform([flat])[0].mean(-1)
    power = np.abs(np.fft.fft2(error - error.mean())) ** 2
    # A checkerboard is the highest frequency of all: there is no more of it than of its neighbours.
    corner = power[32, 32] / np.median(power[28:37, 28:37])
    assert corner < 12


def test_photons_alone_teach():
    rng = np.random.default_rng(0)
    given = [rng.poisson(picture / 255 * 30) * (255 / 30) for picture in scenes()]
    denoiser = Denoiser("poisson", learn_from="noisy", max_steps=100, **SMALL).fit(given)
    clean = scene(50, 70, seed=20)
    seen = rng.poisson(clean / 255 * 30) * (255 / 30)
    found = denoiser.transform([seen])[0]
    assert mse(found, clean) < 0.5 * mse(seen, clean)
    assert abs(found.mean() - clean.mean()) < 2


def test_containers_sizes_and_types_come_back(fitted, tmp_path):
    grey16 = scene(33, 21, 1)[..., 0].astype(np.uint16) * 257
    opaque = np.concatenate([scene(20, 20), np.full((20, 20, 1), 77, np.uint8)], -1)
    pil = Image.fromarray(opaque)
    found = fitted.transform([scene(17, 9), grey16, pil, torch.from_numpy(scene(16, 16)).movedim(-1, 0).float()])
    assert (found[0].dtype, found[0].shape) == (np.uint8, (17, 9, 3))
    assert (found[1].dtype, found[1].shape) == (np.uint16, (33, 21))
    assert mse(found[1] / 257, grey16 / 257) < 200
    assert found[2].mode == "RGBA"
    assert (np.asarray(found[2])[..., 3] == 77).all()
    assert found[3].shape == (3, 16, 16)
    pil.save(tmp_path / "a.png")
    (from_folder,) = fitted.transform(tmp_path)
    assert (from_folder == np.asarray(found[2])).all()
    stacked = np.stack([scene(16, 24), scene(16, 24, seed=1)])
    assert fitted.transform(stacked).shape == stacked.shape


def test_arrays_that_must_not_be_written_to_are_taken_in_silence():
    grey = scene(24, 24, 1)[..., 0]
    grey.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Denoiser(level=25, max_steps=1, **SMALL).fit([grey]).transform([grey])


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 7, 3), (2, 2, 3), (3, 65, 3)])
def test_pictures_of_a_few_pixels(fitted, shape):
    assert fitted.transform([np.full(shape, 90, np.uint8)])[0].shape == shape


def test_many_channels_and_one():
    layers = [scene(30, 30, 5, seed=i).astype(np.float32) for i in range(3)]
    denoiser = Denoiser(level=(0, 20), max_steps=3, **SMALL).fit(layers)
    assert denoiser.transform(layers)[0].shape == (30, 30, 5)
    with pytest.raises(DataError, match="has 3 channels, but the pictures fitted on had 5"):
        denoiser.transform([scene(30, 30)])
    grey = Denoiser(level=(0, 20), max_steps=3, **SMALL).fit([scene(30, 30, 1)[..., 0]])
    assert grey.transform([scene(30, 30)])[0].shape == (30, 30, 3)


def test_saved_and_loaded(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    again = load(tmp_path / "model")
    given = [noisy(scene(30, 40))]
    assert (again.transform(given)[0] == fitted.transform(given)[0]).all()
    assert again.history_ == fitted.history_
    assert "pairs" not in (tmp_path / "model" / "README.md").read_text()


def test_frames_in_context():
    film = np.concatenate([scene(24, 24), scene(24, 24, seed=1), scene(24, 24, seed=2)], -1)
    denoiser = Denoiser(level=10, context=1, max_steps=3, **SMALL).fit([film])
    assert denoiser.clean_array(film).shape == (24, 24, 3)
    with pytest.raises(DataError, match="expected those of 3 frames, 9"):
        denoiser.clean_array(film[..., :3])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"noise": "snow"}, "noise='snow'"),
        ({"level": -1}, "levels are standard deviations"),
        ({"level": (5, 1)}, "level="),
        ({"level": float("nan")}, "level="),
        ({"noise": "jpeg", "level": 200}, "from 1 to 100"),
        ({"noise": "jpeg", "learn_from": "noisy"}, "Give clean data, or pairs"),
        ({"learn_from": "pairs"}, r"fit\(noisy, clean\)"),
        ({"widths": ()}, "widths="),
        ({"max_minutes": 0}, "max_minutes=0"),
    ],
)
def test_parameters_that_cannot_be_used(parameters, message):
    with pytest.raises(ParameterError, match=message):
        Denoiser(**parameters).fit(scenes(2))


def test_bad_pictures_are_named(fitted, tmp_path):
    gaps = scene(10, 10).astype(float)
    gaps[3, 4, 1] = np.nan
    with pytest.raises(DataError, match=r"picture 0 has missing values .* \(3, 4, 1\).*Imputer"):
        fitted.transform([gaps])
    with pytest.raises(DataError, match="infinite"):
        fitted.transform([np.full((4, 4, 3), np.inf)])
    with pytest.raises(DataError, match="Multiply it by 255"):
        fitted.transform([scene(10, 10) / 255])
    with pytest.raises(DataError, match="10 x 10, but its pair, picture 0, is 9 x 10"):
        Denoiser(learn_from="pairs").fit([scene(10, 10)], [scene(9, 10)])
    with pytest.raises(ParameterError, match="X has 2 items and y has 1"):
        Denoiser(learn_from="pairs").fit([scene(10, 10)] * 2, [scene(10, 10)])
    with pytest.raises(DataError, match="empty"):
        fitted.transform([])
    Image.fromarray(scene(40, 40)).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:200])
    with pytest.raises(DataError, match=r"cut\.png"):
        fitted.transform(tmp_path)


# --- Signals and rows


def waves(n=40, time=200, seed=0):
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 10, time)
    return np.sin(rng.uniform(1, 3, (n, 1)) * t + rng.uniform(0, 6, (n, 1)))


@pytest.mark.parametrize("learn_from", ["clean", "pairs", "noisy"])
def test_signals(learn_from):
    clean, rng = waves(), np.random.default_rng(0)
    given = clean + 0.4 * rng.normal(size=clean.shape)
    denoiser = Denoiser(
        "gaussian", 0.5, learn_from=learn_from, kind="sequence", max_steps=100, widths=(8, 16), random_state=0
    )
    denoiser.fit(*{"clean": (clean,), "pairs": (given, clean), "noisy": (given,)}[learn_from])
    test = waves(5, seed=1)
    seen = test + 0.4 * rng.normal(size=test.shape)
    found = denoiser.transform(seen)
    assert found.shape == seen.shape
    assert mse(found, test) < 0.4 * mse(seen, test)
    lengths = [seen[0], seen[1, :7], seen[2, :1]]
    assert [len(signal) for signal in denoiser.transform(lengths)] == [200, 7, 1]
    with pytest.raises(DataError, match="has 2 channels"):
        denoiser.transform([np.zeros((10, 2))])


@pytest.mark.parametrize("learn_from", ["clean", "pairs", "noisy"])
def test_rows(learn_from):
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(2, 12))
    clean = rng.normal(size=(600, 2)) @ mix + 5
    given = clean + 0.5 * rng.normal(size=clean.shape) * clean.std(0)
    level = None if learn_from == "noisy" else 0.5
    denoiser = Denoiser("gaussian", level, learn_from=learn_from, max_steps=50, random_state=0)
    denoiser.fit(*{"clean": (clean,), "pairs": (given, clean), "noisy": (given,)}[learn_from])
    found = denoiser.transform(given)
    assert mse(found / clean.std(0), clean / clean.std(0)) < 0.3 * mse(given / clean.std(0), clean / clean.std(0))
    assert denoiser.n_features_in_ == 12


def test_rows_are_judged_beside_wieners_filter():
    rng = np.random.default_rng(0)
    clean = rng.normal(size=(800, 2)) @ rng.normal(size=(2, 12))
    denoiser = Denoiser("gaussian", 0.5, max_steps=20, random_state=0).fit(clean)
    noisy, simple, ours = denoiser.row_errors(clean)
    assert noisy == pytest.approx(0.5, abs=0.02)
    # Two of twelve directions hold signal: a sixth of the noise's variance is left, less what shrinking takes.
    assert simple == pytest.approx(0.5 * (2 / 12) ** 0.5, rel=0.1)
    assert ours < 1.1 * simple


def test_rows_that_cannot_be_used():
    X = np.random.default_rng(0).normal(size=(50, 3))
    denoiser = Denoiser(max_steps=2).fit(X)
    gaps = X.copy()
    gaps[7, 1] = np.nan
    with pytest.raises(DataError, match=r"row 7, column 1.*Imputer"):
        denoiser.transform(gaps)
    with pytest.raises(DataError, match="inf"):
        Denoiser(max_steps=2).fit(np.where(np.isnan(gaps), np.inf, X))
    with pytest.raises(ParameterError, match="noise='jpeg' is for data of the kind image"):
        Denoiser("jpeg").fit(X)
    with pytest.raises(ParameterError, match="context="):
        Denoiser(context=1).fit(X)


def test_rows_saved_and_loaded(tmp_path):
    X = np.random.default_rng(0).normal(size=(50, 3))
    denoiser = Denoiser(max_steps=2, random_state=0).fit(X)
    denoiser.save(tmp_path / "model")
    assert (load(tmp_path / "model").transform(X) == denoiser.transform(X)).all()


def test_a_second_fit_on_pictures_forgets_the_columns():
    denoiser = Denoiser(max_steps=2, **SMALL).fit(np.random.default_rng(0).normal(size=(50, 3)))
    denoiser.fit(scenes(2))
    assert denoiser.kind_ == "image"
    assert not hasattr(denoiser, "n_features_in_")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        denoiser.transform([scene(12, 12)])


@parametrize_with_checks([Denoiser(max_steps=2)])
def test_scikit_learn(estimator, check):
    check(estimator)


def test_films_alone_teach_and_the_frames_beside_are_made_use_of():
    rng = np.random.default_rng(0)
    films = [np.concatenate([noisy(still, seed=rng.integers(10**6)) for _ in range(3)], -1) for still in scenes(12)]
    small = {**SMALL, "widths": (24, 32)}
    denoiser = Denoiser(level=25, learn_from="noisy", context=1, max_steps=200, **small).fit(films)
    clean = scene(50, 70, seed=20)
    film = np.concatenate([noisy(clean, seed=i) for i in range(3)], -1)
    error = mse(denoiser.clean_array(film), clean)
    assert error < 0.25 * mse(film[..., 3:6], clean)
    strange = film.copy()
    strange[..., :3], strange[..., 6:] = 0, 0
    assert mse(denoiser.clean_array(strange), clean) > 1.5 * error


# --- What a review found


def test_a_checkpoint_is_of_its_data(tmp_path):
    first, second = scenes(5), [scene(40 + 3 * i, 60 - 2 * i, seed=9 + i) for i in range(5)]
    asked = {**SMALL, "level": 25, "checkpoint": tmp_path, "random_state": None}
    whole = Denoiser(max_steps=60, **asked).fit(first)
    again = Denoiser(max_steps=60, **asked).fit(first)
    assert again.held_out_ == whole.held_out_
    assert (again.transform(first)[0] == whole.transform(first)[0]).all()
    assert Denoiser(max_steps=70, **asked).fit(first).history_["step"][-1] == 70
    with pytest.raises(ModelFileError, match="data differs"):
        Denoiser(max_steps=60, **asked).fit(second)


def test_pairs_in_other_units_or_channels_are_refused():
    pairs = Denoiser(learn_from="pairs", max_steps=2, **SMALL)
    unit = [picture / 255 for picture in scenes(2)]
    for given, wanted in ((scenes(2), unit), ([noisy(p * 255, 5) / 255 for p in unit], scenes(2))):
        with pytest.raises(DataError, match="different units"):
            pairs.fit(given, wanted)
    grey = [picture[..., :1] for picture in scenes(2)]
    for given, wanted in ((scenes(2), grey), (grey, scenes(2))):
        with pytest.raises(DataError, match="one number of channels"):
            pairs.fit(given, wanted)
    pairs.fit([noisy(picture) for picture in scenes(2)], scenes(2))  # floats of 0 to 255 and bytes are one unit


def test_photons_of_another_depth_are_cleaned_alike():
    rng = np.random.default_rng(0)
    given = [rng.poisson(p / 255 * 30).clip(0, 30) * (255 / 30) for p in scenes()]
    given = [np.rint(picture).clip(0, 255).astype(np.uint8) for picture in given]
    denoiser = Denoiser("poisson", learn_from="noisy", max_steps=60, **SMALL).fit(given)
    eight, sixteen = (denoiser.transform([x])[0] for x in (given[0], given[0].astype(np.uint16) * 257))
    assert np.abs(sixteen / 257 - eight).max() <= 1
    strong = denoiser.set_params(level=3).fit(given).transform([given[0]])[0]
    assert mse(strong, eight) > 1


def test_frames_have_noise_of_their_own():
    film = np.concatenate([scene(24, 24)] * 3, -1)
    denoiser = Denoiser("salt_pepper", level=0.5, context=1, max_steps=1, **SMALL).fit([film])
    x = torch.zeros(1, 9, 24, 24)
    found = denoiser._restorer._with_noise(x, torch.Generator().manual_seed(0))
    hits = (found != 0).unflatten(1, (3, 3))
    assert (hits[:, 0, 0] != hits[:, 1, 0]).any()
    assert (hits[:, 1, 0] == hits[:, 1, 1]).all()


def test_nothing_to_learn_is_no_failure():
    Denoiser(level=0, max_steps=110, **SMALL).fit(scenes(2))
    Denoiser(max_steps=110, random_state=0).fit(np.ones((30, 3)))


def test_arrays_in_files_are_pictures_one_by_one(tmp_path):
    np.save(tmp_path / "set.npy", np.stack([scene(20, 24, seed=i) for i in range(6)]))
    denoiser = Denoiser(level=25, max_steps=2, **SMALL).fit(tmp_path / "set.npy")
    assert denoiser.n_rows_ == 6
    assert len(denoiser.transform(tmp_path / "set.npy")) == 6
