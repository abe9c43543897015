import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from isthmus import Imputer, load
from isthmus.exceptions import DataError, ParameterError
from isthmus.tasks.filling_parts.holes import HOLES, Holes
from isthmus.tasks.filling_parts.masks import of_colour
from isthmus.tasks.filling_parts.smooth import smooth

QUICK = {"max_steps": 30, "hidden": (8, 16, 16), "patch_size": 32, "random_state": 0}


def scene(h=48, w=60, seed=0):
    y, x = np.mgrid[:h, :w] / 20.0
    rng = np.random.default_rng(seed)
    layers = [127 + 100 * np.sin(rng.uniform(0.5, 2) * x + rng.uniform(0.5, 2) * y + i) for i in range(3)]
    return np.stack(layers, -1).clip(0, 255).astype(np.uint8)


def hole(h=48, w=60):
    mask = np.zeros((h, w), bool)
    mask[10:24, 20:40] = True
    return mask


@pytest.fixture(scope="module")
def fitted():
    return Imputer(**QUICK).fit([scene(seed=i) for i in range(6)])


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**31))
def test_smooth_filling_keeps_what_is_known_and_stays_within_it(h, w, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(1, 2, h, w, generator=generator)
    known = (torch.rand(1, 1, h, w, generator=generator) < 0.5).float()
    found = smooth(x * known, known)
    where = known.expand_as(x) > 0
    assert (found[where] == x[where]).all()
    for channel in range(2):
        seen = x[0, channel][known[0, 0] > 0]
        if len(seen):
            assert found[0, channel].min() >= seen.min() - 1e-5
            assert found[0, channel].max() <= seen.max() + 1e-5
    assert torch.isfinite(found).all()


def test_smooth_filling_of_one_colour_is_that_colour():
    known = torch.zeros(1, 1, 33, 47)
    known[..., 3, 5] = 1
    torch.testing.assert_close(smooth(torch.full((1, 1, 33, 47), 7.0) * known, known), torch.full((1, 1, 33, 47), 7.0))


@pytest.mark.parametrize("name", HOLES)
def test_holes_leave_something(name):
    masks = Holes([name]).draw(20, 40, np.random.default_rng(0))
    assert masks.any((1, 2)).all()
    assert not masks.all((1, 2)).any()


def test_pieces_of_a_persons_own_mask_are_drawn():
    own = np.zeros((100, 100), bool)
    own[50, 50] = True
    masks = Holes(["large"], [own]).draw(200, 16, np.random.default_rng(0))
    assert 60 < (masks.sum((1, 2)) == 1).sum() < 140


def test_known_pixels_are_the_same_to_the_bit_and_holes_are_near(fitted):
    picture, mask = scene(seed=9), hole()
    spoiled = np.where(mask[..., None], 0, picture).astype(np.uint8)
    (filled,) = fitted.transform([spoiled], mask=mask)
    assert filled.dtype == np.uint8
    assert (filled[~mask] == picture[~mask]).all()
    assert np.abs(filled[mask].astype(float) - picture[mask]).mean() < 25
    # What the hole held has no part in it.
    (again,) = fitted.transform([np.where(mask[..., None], 255, picture).astype(np.uint8)], mask=[mask])
    assert (again == filled).all()


def test_nan_is_missing_as_well():
    pictures = [scene(seed=i).astype(np.float32) for i in range(5)]
    gaps = [np.where(hole()[..., None], np.nan, picture) for picture in pictures]
    filled = Imputer(**QUICK).fit_transform(gaps)
    assert all(np.isfinite(picture).all() for picture in filled)
    assert (filled[2][~hole()] == pictures[2][~hole()]).all()


def test_masks_of_every_form(fitted, tmp_path):
    picture, mask = scene(seed=9), hole()
    expected = fitted.transform([picture], mask=[mask])[0]
    Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / "mask.png")
    Image.fromarray(picture).save(tmp_path / "photo.png")
    for given_mask in (mask.astype(np.uint8), mask[None], tmp_path / "mask.png", Image.open(tmp_path / "mask.png")):
        assert (fitted.transform([picture], mask=given_mask)[0] == expected).all()
    assert (fitted.transform(tmp_path / "photo.png", mask=mask)[0] == expected).all()
    assert (fitted.transform(np.stack([picture] * 2), mask=mask)[1] == expected).all()


def test_opacity_is_kept(fitted):
    opaque = np.concatenate([scene(seed=9), np.full((48, 60, 1), 99, np.uint8)], -1)
    (filled,) = fitted.transform([Image.fromarray(opaque)], mask=hole())
    assert (np.asarray(filled)[..., 3] == 99).all()


def test_saved_and_loaded(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    again = load(tmp_path / "model")
    given_pictures = [scene(seed=9)]
    assert (again.transform(given_pictures, mask=hole())[0] == fitted.transform(given_pictures, mask=hole())[0]).all()


def test_small_pictures_of_one_size_are_rows_as_before():
    rng = np.random.default_rng(0)
    pictures = rng.normal(size=(60, 1, 1)) + rng.normal(size=(60, 8, 8)) * 0.1
    pictures[::2, 3, 4] = np.nan
    imputer = Imputer(max_epochs=2, random_state=0).fit(pictures)
    assert imputer.transform(pictures).shape == (60, 8, 8)
    assert len(imputer.sample_imputations(pictures, 2)) == 2


def test_what_cannot_be_filled(fitted):
    picture = scene(seed=9)
    with pytest.raises(DataError, match=r"mask of picture 0 is 10 x 10 .* 48 x 60"):
        fitted.transform([picture], mask=np.zeros((10, 10), bool))
    with pytest.raises(DataError, match="every pixel is missing"):
        fitted.transform([picture], mask=np.ones((48, 60), bool))
    with pytest.raises(ParameterError, match="2 masks, but there are 3 pictures"):
        fitted.transform([picture] * 3, mask=[hole(), hole()])
    with pytest.raises(ParameterError, match="no draws"):
        fitted.sample_imputations([picture])
    with pytest.raises(ParameterError, match="holes="):
        Imputer(holes=("dents",)).fit([picture])
    with pytest.raises(ParameterError, match="mask= is for pictures"):
        Imputer(max_epochs=1).fit(np.eye(30)).transform(np.eye(30), mask=np.eye(30))


def test_one_pixel_known_fills_the_rest(fitted):
    mask = np.ones((20, 20), bool)
    mask[3, 3] = False
    picture = np.full((20, 20, 3), 80, np.uint8)
    (filled,) = fitted.transform([picture], mask=mask)
    assert (filled[3, 3] == 80).all()
    assert filled.shape == picture.shape


def test_colour_that_was_painted():
    values = np.array([[[250, 10, 0], [200, 90, 90], [255, 0, 0]]], np.uint8)
    assert of_colour(values, (255, 0, 0), 0.0).tolist() == [[False, False, True]]
    assert of_colour(values.astype(np.uint16) * 257, (255, 0, 0), 0.05).tolist() == [[True, False, True]]


def test_all_digits_of_what_is_known_are_kept():
    rng = np.random.default_rng(0)
    pictures = rng.random((2, 70, 70, 3))
    gaps = pictures.copy()
    gaps[0, 10:20, 10:20] = np.nan
    gaps[1, 30:40, 30:40, 0] = np.nan  # one channel alone: the others stay
    filled = Imputer(**QUICK).fit_transform(gaps)
    known = ~np.isnan(gaps)
    assert (filled[known] == gaps[known]).all()
    assert np.isfinite(filled).all()


def test_what_is_under_a_mask_has_no_part_in_the_range():
    pictures = [scene(seed=i) / 255 for i in range(3)]
    spoiled = [np.where(hole()[..., None], -9999.0, picture) for picture in pictures]
    imputer = Imputer(**QUICK).fit(spoiled, mask=hole())
    assert imputer._filler.pixels.scale[0] == pytest.approx(1, abs=0.1)


def test_masks_of_a_folder_belong_to_pictures_by_name(fitted, tmp_path):
    for name in ("a", "b"):
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(scene(seed=9)).save(tmp_path / "photos" / f"{name}.png")
    for folder, names in (("masks", ("b", "a", "c")), ("few", ("b",))):
        (tmp_path / folder).mkdir()
        for i, name in enumerate(names):
            mask = np.zeros((48, 60), np.uint8)
            mask[i * 10 : i * 10 + 5, :5] = 255
            Image.fromarray(mask).save(tmp_path / folder / f"{name}.tif")
    first, second = fitted.transform(tmp_path / "photos", mask=tmp_path / "masks")
    assert (first[:9] == scene(seed=9)[:9]).all()
    assert (second[9:] == scene(seed=9)[9:]).all()
    with pytest.raises(DataError, match="no mask for a of"):
        fitted.transform(tmp_path / "photos", mask=tmp_path / "few")
    with pytest.raises(ParameterError, match="mask= is for pictures"):
        Imputer(network="conv", max_epochs=1).fit(np.zeros((30, 8, 8)), mask=np.zeros((8, 8), bool))
