"""Figures of mended pictures, and how near one picture is to another."""

import base64
import doctest
import io
import math

import numpy as np
import pytest
from PIL import Image

from isthmus.evaluation import quality, restored
from isthmus.evaluation.quality import psnr, ssim
from isthmus.evaluation.restored import before_after, close_up, hole
from isthmus.exceptions import DataError, ParameterError

RNG = np.random.default_rng(0)


def panel(figure, i):
    """Pixels of the i-th panel, as a browser is given them."""
    address = figure.data[i].source
    assert address.startswith("data:image/png;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGB")).astype(int)


@pytest.mark.parametrize("module", [quality, restored])
def test_docstrings(module):
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


def test_psnr_by_hand():
    a = np.zeros((4, 5, 3), np.uint8)
    assert psnr(a, a + np.uint8(5)) == pytest.approx(20 * math.log10(255 / 5))
    assert psnr(a.astype(np.uint16), a + np.uint16(5)) == pytest.approx(20 * math.log10(65535 / 5))
    assert psnr(a, a) == math.inf
    b = a.copy()
    b[1:3, 2:4] = 100
    where = np.zeros((4, 5), bool)
    where[1:3, 1:4] = True  # 4 of 6 pixels differ
    assert psnr(a, b, where=where) == pytest.approx(10 * math.log10(255**2 / (100**2 * 4 / 6)))


@pytest.mark.parametrize(("a", "b"), [(0, 0), (10, 200), (255, 0)])
def test_ssim_of_even_pictures(a, b):
    """No variance: what is left is the comparison of the means."""
    c1 = (0.01 * 255) ** 2
    found = ssim(np.full((12, 15), a, np.uint8), np.full((12, 15), b, np.uint8))
    assert found == pytest.approx((2 * a * b + c1) / (a * a + b * b + c1))


def test_ssim_of_a_picture_and_its_negative():
    """About the middle of the window the covariance is minus the variance, and both means are alike on average."""
    x = RNG.normal(size=(11, 11, 2))
    weights = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    weights = np.outer(weights, weights)[..., None] / weights.sum() ** 2
    x -= (x * weights).sum(axis=(0, 1))  # one window, of mean zero
    variance = (weights * x * x).sum(axis=(0, 1))
    c2 = (0.03 * 2) ** 2
    assert ssim(x, -x, data_range=2) == pytest.approx(np.mean((c2 - 2 * variance) / (c2 + 2 * variance)))


def test_ssim_agrees_with_another_implementation():
    metrics = pytest.importorskip("skimage.metrics")
    a = RNG.integers(0, 256, (40, 33, 3), dtype=np.uint8)
    b = np.clip(a + RNG.normal(0, 20, a.shape), 0, 255).astype(np.uint8)
    theirs = metrics.structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=2
    )
    assert ssim(a, b) == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda: psnr(np.zeros((2, 2)), np.zeros((2, 2))), ParameterError, "data_range must be given"),
        (lambda: psnr(np.zeros((2, 2)), np.zeros((2, 3)), 1), DataError, r"\(2, 2\) and \(2, 3\)"),
        (lambda: psnr(np.zeros((2, 2)), np.zeros((2, 2)), -1), ParameterError, "positive"),
        (lambda: psnr(np.zeros((2, 2)), np.ones((2, 2)), 1, np.zeros((2, 2), bool)), DataError, "selects 0 pixels"),
        (lambda: ssim(np.zeros((10, 20)), np.zeros((10, 20)), 1), DataError, "at least 11 x 11"),
        (lambda: before_after(np.zeros((2, 2)), np.zeros((2, 3))), DataError, "of one shape"),
        (lambda: before_after(*[np.zeros((2, 2))] * 3), ParameterError, "data_range must be given"),
        (lambda: hole(np.zeros((4, 4)), np.ones((4, 3)), np.zeros((4, 4))), DataError, r"mask has the shape \(4, 3\)"),
        (lambda: hole(np.zeros((4, 4)), np.zeros((4, 4)), np.zeros((4, 4))), DataError, "marks 0 pixels"),
    ],
)
def test_refused(act, error, words):
    with pytest.raises(error, match=words):
        act()


def test_what_is_shown_before_and_after():
    before = np.full((30, 40, 3), 200, np.uint8)
    after = before.copy()
    after[:, 20:] = 50
    figure = before_after(before, after)
    assert [title.text for title in figure.layout.annotations][:2] == ["before", "after"]
    np.testing.assert_array_equal(panel(figure, 0), before)
    np.testing.assert_array_equal(panel(figure, 1), after)
    away = panel(figure, 2).sum(axis=2)
    assert away[:, :20].max() < 10
    assert away[:, 20:].min() > 600


def test_large_pictures_are_shrunk_and_keep_their_proportions():
    large = RNG.integers(0, 256, (900, 3000), dtype=np.uint8)
    figure = before_after(large, large, large)
    assert panel(figure, 3).shape == (192, 640, 3)
    assert len(figure.to_json()) < 2_000_000
    assert figure.layout.height < 300


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])
def test_any_form(dtype, channels):
    image = (RNG.random((12, 9, channels)) * 150).astype(dtype)
    assert len(before_after(image, image).data) == 3
    assert len(hole(image, np.eye(12, 9), image).data) == 4


def test_missing_pixels_are_marked():
    image = np.zeros((50, 60))
    image[5, 6] = np.nan
    figure = before_after(image, np.zeros((50, 60)))
    assert panel(figure, 0)[5, 6].max() > 100


def test_the_hole_is_marked_and_looked_at_closely():
    image = np.zeros((200, 300), np.uint8)
    filled = image + np.uint8(150)
    mask = np.zeros((200, 300), np.uint8)
    mask[100:140, 200:240] = 255
    figure = hole(image, mask, filled)
    whole = panel(figure, 0)
    assert whole[mask > 0].min() > 100
    assert whole[mask == 0].max() == 0
    near = panel(figure, 2)
    assert near.shape == (60, 60, 3)
    assert (near.max(axis=2) > 0).sum() == 40 * 40  # the whole of the hole
    assert panel(figure, 3).min() == 150


@pytest.mark.parametrize(
    "mask", [RNG.random((100, 220)) < 0.5, np.ones((5, 3), bool), np.eye(300, dtype=bool), np.ones((1, 1), bool)]
)
def test_a_close_up_shows_something_that_is_missing(mask):
    rows, columns = close_up(mask)
    part = mask[rows, columns]
    assert part.any()
    assert part.shape == (rows.stop - rows.start, columns.stop - columns.start)


def test_two_far_corners():
    mask = np.zeros((400, 400), bool)
    mask[:9, :9] = mask[-9:, -9:] = True
    assert mask[close_up(mask)].any()
