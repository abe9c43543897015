"""Pictures from files, in the form of those that a model was fitted on."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from isthmus import Autoencoder
from isthmus.cli.matching import alike
from isthmus.data import Raw
from isthmus.data.raw import Schema
from isthmus.exceptions import DataError

GREY = np.array([[[0, 255], [128, 7]]], np.uint8)


def like(dtype: str, channels: int | None = None) -> Schema:
    return Schema("image", (2, 2) if channels is None else (2, 2, channels), dtype)


def given(values: np.ndarray) -> Raw:
    return Raw(values, "image", origin="photos")


def with_opacity(opacity: int) -> np.ndarray:
    return np.concatenate([np.repeat(GREY[..., None], 3, -1), np.full((1, 2, 2, 1), opacity, np.uint8)], -1)


def test_bits_are_brought_to_those_of_the_model():
    deep = alike(given(GREY), like("uint16")).values
    assert deep.dtype == np.uint16
    assert deep.ravel().tolist() == [0, 65535, 128 * 257, 7 * 257]
    back = alike(given(deep + np.array([[[128, 0], [129, 0]]], np.uint16)), like("uint8")).values
    assert back.dtype == np.uint8
    assert back.ravel().tolist() == [0, 255, 129, 7]


def test_channels_are_brought_to_those_of_the_model():
    colours = alike(given(GREY), like("uint8", 3)).values
    assert colours.shape == (1, 2, 2, 3)
    assert (colours == GREY[..., None]).all()
    deep = alike(given(GREY), like("uint16", 4)).values
    assert (deep[..., 3] == 65535).all()
    np.testing.assert_array_equal(deep[..., 0], GREY.astype(np.uint16) * 257)
    np.testing.assert_array_equal(alike(given(with_opacity(255)), like("uint8", 3)).values, colours)
    np.testing.assert_array_equal(alike(given(GREY[..., None]), like("uint8")).values, GREY)


@pytest.mark.parametrize(
    ("values", "schema", "said"),
    [
        (GREY, like("float64"), r"fitted on float64.*\.npy"),
        (GREY.astype(np.float32), like("uint8"), "are of float32"),
        (
            np.repeat(GREY[..., None], 3, -1),
            like("uint8"),
            "are RGB, but the model was fitted on pictures that are grey",
        ),
        (with_opacity(254), like("uint8", 3), "are RGB with opacity, but"),
    ],
    ids=["floats", "bytes", "colours", "opacity"],
)
def test_what_would_be_lost_or_guessed_is_refused(values, schema, said):
    with pytest.raises(DataError, match=said):
        alike(given(values), schema)


def test_a_deep_picture_has_the_code_that_it_has_as_bytes(tmp_path, command):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 4, 4), dtype=np.uint8)
    Autoencoder(2, max_epochs=1, random_state=0).fit(pixels).save(tmp_path / "model")
    Image.fromarray(pixels[0]).save(tmp_path / "plain.png")
    Image.fromarray(pixels[0].astype(np.uint16) * 257).save(tmp_path / "deep.png")
    for name in ("plain", "deep"):
        code, _, err = command("encode", tmp_path / "model", tmp_path / f"{name}.png", "--to", tmp_path / f"{name}.npy")
        assert code == 0, err
    np.testing.assert_array_equal(np.load(tmp_path / "deep.npy"), np.load(tmp_path / "plain.npy"))
