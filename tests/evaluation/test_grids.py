"""Many pictures as one."""

from __future__ import annotations

import base64
import doctest
import io

import numpy as np
import pytest
import torch
from PIL import Image

from isthmus.evaluation import grid_figure, grids, picture_grid
from isthmus.exceptions import DataError, ParameterError


def flat(*values: float, dtype=np.uint8, side: int = 2) -> np.ndarray:
    """One picture of each value."""
    return np.stack([np.full((side, side), value, dtype=dtype) for value in values])


def test_line_by_line_with_white_between():
    grid = picture_grid(flat(10, 20, 30), columns=2)
    assert grid.dtype == np.uint8
    w = 255
    assert grid.tolist() == [
        [10, 10, w, 20, 20],
        [10, 10, w, 20, 20],
        [w, w, w, w, w],
        [30, 30, w, w, w],
        [30, 30, w, w, w],
    ]


def test_about_square_where_nothing_is_said():
    assert picture_grid(np.zeros((64, 5, 5), np.uint8), gap=0).shape == (40, 40)
    assert picture_grid(np.zeros((8, 2, 8), np.uint8), gap=0).shape == (8, 16), "wide ones stand above one another"
    assert picture_grid(np.zeros((3, 4, 4), np.uint8), columns=9, gap=0).shape == (4, 12), "no room for none"


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        (flat(0, 65535, 257 * 7, dtype=np.uint16), [0, 255, 7]),
        (flat(False, True, dtype=bool), [0, 255]),
        (flat(0.0, 1.0, 0.2, dtype=np.float32), [0, 255, 51]),
        (flat(-1.0, 3.0, 1.0, dtype=np.float64), [0, 255, 128]),
        (flat(5.0, 5.0, dtype=np.float64), [255, 255]),
        (flat(0.0, np.nan, 1.0, dtype=np.float64), [0, 0, 255]),
    ],
    ids=["16 bits", "truth", "shares", "floats", "constant", "missing"],
)
def test_shades(pictures, expected):
    grid = picture_grid(pictures, columns=len(pictures), gap=0)
    assert grid[0, ::2].tolist() == expected


@pytest.mark.parametrize(
    ("alpha", "shown"), [((1.0, 0.5), [255, 128]), ((255.0, 51.0), [255, 51]), ((0.0, 0.0), [0, 0])], ids=str
)
@pytest.mark.parametrize("span", [None, (-2.0, 3.0)], ids=["extremes", "span"])
def test_opacity_is_apart_from_the_colours(alpha, shown, span):
    pictures = np.zeros((1, 1, 2, 4))
    pictures[0, 0, :, :3] = [[-2.0], [3.0]]
    pictures[0, 0, :, 3] = alpha
    grid = picture_grid(pictures, columns=1, span=span)
    assert grid[0, :, 0].tolist() == [0, 255]
    assert grid[0, :, 3].tolist() == shown


def test_a_span_of_ones_own():
    assert picture_grid(flat(0, 8, 16), columns=3, gap=0, span=(0, 16))[0, ::2].tolist() == [0, 128, 255]


def test_colours_and_tensors():
    colours = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)
    grid = picture_grid(colours, columns=2)
    assert grid.shape == (11, 13, 3)
    np.testing.assert_array_equal(grid[6:, 7:], colours[3])
    tensor = torch.from_numpy(np.moveaxis(colours, -1, 1).copy())
    np.testing.assert_array_equal(picture_grid(tensor, columns=2), grid)
    assert picture_grid(np.zeros((2, 5, 6, 7), np.uint8)).ndim == 2, "of seven channels the mean"


def test_the_figure_holds_the_pictures_and_their_titles():
    pictures = flat(0, 100, 200, 50, side=8)
    figure = grid_figure(pictures, columns=2, titles=["one", "two", "<three>", "four"])
    assert [note.text for note in figure.layout.annotations] == ["one", "two", "&lt;three&gt;", "four"]
    data = figure.layout.images[0].source.removeprefix("data:image/png;base64,")
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        seen = np.asarray(image)
    assert set(np.unique(seen)) == {0, 50, 100, 200, 255}
    first, third = figure.layout.annotations[0], figure.layout.annotations[2]
    assert first.x == third.x
    assert third.y - first.y == 8 + 2, "one line of pictures and titles further down"
    assert len(grid_figure(pictures).layout.annotations) == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((3, 3)), r"got an array of shape \(3, 3\)"),
        (np.zeros((0, 3, 3)), "got none"),
        ([np.zeros((2, 2)), np.zeros((3, 3))], "unequal sizes"),
        (np.broadcast_to(np.uint8(0), (40_000, 100, 100)), "too large for one picture; give fewer"),
    ],
    ids=["one", "none", "unequal", "many"],
)
def test_what_is_no_set_of_pictures_is_refused(given, said):
    with pytest.raises(DataError, match=said):
        picture_grid(given)


@pytest.mark.parametrize(
    "given", [{"columns": 0}, {"gap": -1}, {"span": (1, 0)}, {"span": 3}, {"columns": 2.5}, {"columns": "a"}], ids=str
)
def test_parameters_are_checked(given):
    with pytest.raises(ParameterError, match="cannot be used; expected"):
        picture_grid(flat(1, 2), **given)
    if "gap" not in given:
        with pytest.raises(ParameterError, match="cannot be used; expected"):
            grid_figure(flat(1, 2), **given)
    with pytest.raises(ParameterError, match="3 words for 2 pictures"):
        grid_figure(flat(1, 2), titles=["a", "b", "c"])


def test_examples():
    found = doctest.testmod(grids)
    assert found.attempted
    assert not found.failed
